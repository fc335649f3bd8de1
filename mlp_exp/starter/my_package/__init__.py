"""Data, a network and a loss of my own."""
