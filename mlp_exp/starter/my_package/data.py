"""Data: a function that returns a `Dataset`."""

import numpy as np
from mlp_exp.components import Dataset


def waves(n_samples: int = 600, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Rows of three numbers, and a value to predict."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-2, 2, (n_samples, 3))
    y = np.sin(2 * x[:, 0]) * x[:, 1] + generator.normal(0, noise, n_samples)
    return Dataset.from_arrays(
        x,
        y,
        regression=True,
        feature_names=("phase", "height", "nothing"),
        target_name="wave",
    )
