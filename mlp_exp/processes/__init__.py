"""Processes beside the one of a command."""
