"""A metric: a function of targets and predictions that returns a number."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def near(target: Values, prediction: Values, distance: float) -> float:
    """The fraction of rows `[N]` with a prediction that is no further from the target."""
    return float((abs(prediction - target) <= distance).mean())
