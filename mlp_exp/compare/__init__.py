"""Runs side by side: configurations, results, and the page that shows them."""
