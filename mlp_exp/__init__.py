"""Config-driven experiments with multilayer perceptrons in PyTorch."""

__version__ = "0.1.0"
