"""Features and targets as the network gets them; every figure is of the training part alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits import Rows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """`(value - shift) / scale`, for features `[F]` and the target (0 and 1 for classes)."""

    shift: Floats
    scale: Floats
    target_shift: float
    target_scale: float

    def inputs(self, features: Floats) -> NDArray[np.float32]:
        """Features `[N, F]` as network inputs `[N, F]`."""
        return ((features - self.shift) / self.scale).astype(np.float32)

    def state(self) -> dict[str, list[float] | float]:
        """Plain numbers, to be saved with the model."""
        return {
            "shift": self.shift.tolist(),
            "scale": self.scale.tolist(),
            "target_shift": self.target_shift,
            "target_scale": self.target_scale,
        }


def _target_scaling(dataset: Dataset, train: Rows) -> tuple[float, float]:
    """Mean and standard deviation of a regression's target; a constant target keeps its unit."""
    if dataset.task != "regression":
        return 0.0, 1.0
    scaler = StandardScaler().fit(dataset.target[train].reshape(-1, 1))
    return float(scaler.mean_[0]), float(scaler.scale_[0])


class Standard:
    """Features with mean 0 and standard deviation 1 in the training part; a constant feature becomes 0."""

    def fit(self, dataset: Dataset, train: Rows) -> Scaling:
        scaler = StandardScaler().fit(dataset.features[train])
        return Scaling(scaler.mean_, scaler.scale_, *_target_scaling(dataset, train))


class Unscaled:
    """Features as they are; the target of a regression is standardised all the same."""

    def fit(self, dataset: Dataset, train: Rows) -> Scaling:
        count = dataset.features.shape[1]
        return Scaling(np.zeros(count), np.ones(count), *_target_scaling(dataset, train))
