"""Runs side by side: entries, ranking, the file and the printed table."""
