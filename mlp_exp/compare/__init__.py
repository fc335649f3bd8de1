"""Runs side by side: what they were, how they went, and a page that shows it."""
