"""Synthetic datasets, and the real ones that come with scikit-learn."""

import numpy as np

from mlp_exp.data.dataset import Dataset
from mlp_exp.errors import DataError


def circle(n_samples: int = 1000, seed: int = 42) -> Dataset:
    """Points from a standard normal distribution in the plane; class `outside` where x1² + x2² > 1.5.

    The same points as `np.random.seed(seed); np.random.randn(n_samples, 2)`.
    """
    points = np.random.RandomState(seed).randn(n_samples, 2)
    outside = (points**2).sum(axis=1) > 1.5
    return Dataset.from_arrays(points, outside.astype(np.int64), class_names=("inside", "outside"))


def moons(n_samples: int = 1000, noise: float = 0.2, seed: int = 42) -> Dataset:
    """Two interleaved half circles (`sklearn.datasets.make_moons`); `noise` is a standard deviation."""
    from sklearn.datasets import make_moons

    points, label = make_moons(n_samples=n_samples, noise=noise, random_state=seed)
    return Dataset.from_arrays(points, label, class_names=("upper", "lower"))


def spirals(
    n_samples: int = 1500, n_classes: int = 3, turns: float = 1.0, noise: float = 0.1, seed: int = 42
) -> Dataset:
    """Interleaved Archimedean spirals in the plane, one for each class.

    `turns` are full turns from the centre to the rim, where the radius is 1; `noise` is the standard deviation of the
    noise on the angle, in radians.
    """
    generator = np.random.default_rng(seed)
    label = np.arange(n_samples) % n_classes
    radius = np.sqrt(generator.uniform(0.01, 1.0, n_samples))
    angle = 2 * np.pi * (turns * radius + label / n_classes) + generator.normal(0.0, noise, n_samples)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return Dataset.from_arrays(points, label, class_names=tuple(f"arm {i + 1}" for i in range(n_classes)))


def bundled(name: str) -> Dataset:
    """A dataset of scikit-learn: breast_cancer, diabetes, digits, iris or wine; raises DataError for another name."""
    from sklearn import datasets

    names = ("breast_cancer", "diabetes", "digits", "iris", "wine")
    if name not in names:
        raise DataError(f"data.name: expected one of {', '.join(names)}, got '{name}'")
    bunch = getattr(datasets, f"load_{name}")()
    regression = name == "diabetes"
    return Dataset.from_arrays(
        bunch.data,
        bunch.target,
        regression=regression,
        feature_names=tuple(map(str, bunch.feature_names)),
        class_names=() if regression else tuple(map(str, bunch.target_names)),
        target_name="progression" if regression else "class",
    )
