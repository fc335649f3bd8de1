"""A search: which configurations to try next, and which of them to stop early."""
