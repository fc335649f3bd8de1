"""Columns of texts as numbers."""
