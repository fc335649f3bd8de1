"""What is predicted: losses, metrics and their directions."""
