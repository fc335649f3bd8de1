"""Callbacks: what looks at a run while it trains, ours and one's own."""
