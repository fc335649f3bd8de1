"""Means, standard deviations and ranks of columns: to the last bit those of scikit-learn's scalers, whose import takes
longer than many a training.

A row of weight w, 0 or more, counts as w rows do: whole weights give what repeated rows would, but for rounding.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUANTILE_ROWS = 100_000
"""With more rows, the quantiles come from a random sample of this size."""
EDGE = 1e-7
"""Ranks closer to 0 or 1 than this have the normal quantile of this."""


def mean_and_scale(values: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Of the columns of `[n, F]`: the mean, and the standard deviation; 1 where this is no more than rounding errors.

    As `StandardScaler`: two passes, with the correction of Chan, Golub & LeVeque (1983).

    Args:
        weights: of the rows, `[n]`.
    """

    def total(of: Floats) -> Floats:
        found: Floats = (of if weights is None else of * weights[:, None]).sum(axis=0)
        return found

    rows = len(values)
    count = rows if weights is None else weights.sum()
    mean = total(values) / count
    centred = values - mean
    rest = total(centred)
    centred **= 2
    variance = (total(centred) - rest**2 / count) / count
    eps = np.finfo(np.float64).eps
    constant = variance <= rows * eps * variance + (rows * mean * eps) ** 2
    return mean, np.where(constant, 1.0, np.sqrt(variance))


def quantile(values: Floats, levels: Sequence[float] | Floats, weights: Floats | None = None) -> Floats:
    """The quantiles `[Q, F]` of each column of `[n, F]`, as `np.quantile`.

    The least weight above 0 counts as one row if it is less than 1.

    Args:
        weights: of the rows `[n]`, or of each value `[n, F]`; a value of weight 0 may be NaN.
    """
    if weights is None:
        found: Floats = np.quantile(values, levels, axis=0)
        return found
    of_values = np.broadcast_to(weights.reshape(len(values), -1), values.shape)
    columns = zip(values.T, of_values.T, strict=True)
    return np.stack([_weighted_quantile(*column, np.asarray(levels)) for column in columns], axis=-1)


def _weighted_quantile(values: Floats, weights: Floats, levels: Floats) -> Floats:
    """`[Q]` of values `[n]`: those at whole places among as many rows as the weights are in all, and between them."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    ends = np.cumsum(weights / min(1.0, weights[weights > 0].min()))
    places = levels * (np.ceil(ends[-1]) - 1)
    last = np.searchsorted(ends, ends[-1])  # that counts
    low, high = (
        values[np.minimum(np.searchsorted(ends, place, side="right"), last)]
        for place in (np.floor(places), np.ceil(places))
    )
    share = places % 1
    # from the nearer end, as NumPy does
    found: Floats = np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share))
    return found


def quantiles(values: Floats, count: int, weights: Floats | None = None) -> Floats:
    """`count` evenly spaced quantiles of each column of `[n, F]`, `[count, F]`, as `QuantileTransformer`.

    Args:
        weights: of the rows, `[n]`; with them no sample is drawn.
    """
    if weights is not None:
        return quantile(values, np.linspace(0, 1, count), weights)
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
