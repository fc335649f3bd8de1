"""Baselines: what a constant, a linear model and gradient boosting make of the same parts."""
