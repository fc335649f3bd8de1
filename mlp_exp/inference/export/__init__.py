"""Trained runs as files for other runtimes."""
