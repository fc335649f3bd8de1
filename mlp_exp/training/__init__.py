"""Training: the loop and what it steps through."""
