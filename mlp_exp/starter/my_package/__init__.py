"""Data, a network, a loss and a metric of my own."""
