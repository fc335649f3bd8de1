"""Means, standard deviations and ranks of columns: to the last bit those of scikit-learn's scalers, whose import takes
longer than many a training.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUANTILE_ROWS = 100_000
"""With more rows, the quantiles come from a random sample of this size."""
EDGE = 1e-7
"""Ranks closer to 0 or 1 than this have the normal quantile of this."""


def mean_and_scale(values: Floats) -> tuple[Floats, Floats]:
    """Of the columns of `[n, F]`: the mean, and the standard deviation; 1 where this is no more than rounding errors.

    As `StandardScaler`: two passes, with the correction of Chan, Golub & LeVeque (1983).
    """
    count = len(values)
    mean = values.sum(axis=0) / count
    centred = values - mean
    rest = centred.sum(axis=0)
    centred **= 2
    variance = (centred.sum(axis=0) - rest**2 / count) / count
    eps = np.finfo(np.float64).eps
    constant = variance <= count * eps * variance + (count * mean * eps) ** 2
    return mean, np.where(constant, 1.0, np.sqrt(variance))


def quantiles(values: Floats, count: int) -> Floats:
    """`count` evenly spaced quantiles of each column of `[n, F]`, `[count, F]`, as `QuantileTransformer`."""
    if len(values) > QUANTILE_ROWS:
        order = np.arange(len(values))
        np.random.RandomState(0).shuffle(order)
        values = values[order[:QUANTILE_ROWS]]
    found: Floats = np.nanpercentile(values, np.linspace(0, 1, count) * 100, axis=0)
    return found


def ranks(values: Floats, of: Floats, distribution: Literal["uniform", "normal"]) -> Floats:
    """The ranks of values `[n]` among quantiles `[Q]`: from 0 to 1, or the normal quantiles of these.

    Equal quantiles share the middle of their ranks. As `QuantileTransformer`.
    """
    places = np.linspace(0, 1, len(of))
    near = EDGE if distribution == "normal" else 0.0
    low, high = values - near < of[0], values + near > of[-1]
    if distribution == "uniform":
        low, high = values == of[0], values == of[-1]
    # once upwards and once downwards, since either takes one end of equal quantiles
    found: Floats = 0.5 * (np.interp(values, of, places) - np.interp(-values, -of[::-1], -places[::-1]))
    found[high] = 1.0
    found[low] = 0.0
    if distribution == "uniform":
        return found
    from scipy.special import ndtri

    edge = EDGE - np.spacing(1)
    normal: Floats = np.clip(ndtri(found), ndtri(edge), ndtri(1 - edge))
    return normal
