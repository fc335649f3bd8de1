"""What training makes of a date, from days since 1970, in operations that ONNX has, too; the work of `cycle_phases`.

Runtimes differ in the last bits of a sine, and a rank depends on them where values are equal: there are seven weekdays.
So the waves of weekdays, days of the year and whole seconds are NumPy's own, from tables.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.values import MICROSECONDS_A_DAY
from mlp_exp.inference.export.normal_quantile import double

BEFORE_1970 = 719_162
"""Days from 1 January of the year 1 to 1970."""
MICRO = 1_000_000
SECONDS_A_DAY = 86_400
TURN, NAN, A_DAY = double(2 * math.pi), double(math.nan), double(MICROSECONDS_A_DAY)


def _table(phases: Floats) -> Tensor:
    """Sine and cosine `[P, 2]` of phases, to the bit as training computes them."""
    angles = 2 * np.pi * phases
    return torch.from_numpy(np.stack([np.sin(angles), np.cos(angles)], axis=1))


YEAR, WEEK = _table(np.arange(366) / 366), _table(np.arange(7) / 7)
DAY = _table(np.arange(SECONDS_A_DAY) * MICRO / MICROSECONDS_A_DAY)


def waves(days: Tensor, parts: Sequence[str]) -> Tensor:
    """Days since 1970 `[B, D]`, float64 → for each of the parts sine and cosine of all `[B, 2 D P]`; NaN where missing.

    A day begins at a whole number. A time within it is rounded to the microsecond, as tables hold it; a float64 tells
    that much from 1880 to 2059, and 40 microseconds in the year 9999.
    """
    missing = days.isnan()
    given = torch.where(missing, 0.0, days)
    found = [torch.where(missing[..., None], NAN, PARTS[part](given)) for part in parts]
    return torch.cat([wave.flatten(1) for wave in found], dim=1)


def _year(days: Tensor) -> Tensor:
    day = days.floor() + BEFORE_1970
    years = ((day + 2) * 400 / 146_097).floor()  # full years before it, or one more
    years = years - (_first_day(years) > day).double()
    return _looked_up(YEAR, day - _first_day(years))


def _first_day(years: Tensor) -> Tensor:
    """Days in so many years from the year 1 on, in the Gregorian calendar."""
    return 365 * years + (years / 4).floor() - (years / 100).floor() + (years / 400).floor()


def _weekday(days: Tensor) -> Tensor:
    day = days.floor() + 3  # 1 January 1970 was a Thursday
    return _looked_up(WEEK, day - (day / 7).floor() * 7)


def _hour(days: Tensor) -> Tensor:
    microseconds = ((days - days.floor()) * A_DAY).round()
    seconds = (microseconds / MICRO).floor()
    angles = (TURN * (microseconds / A_DAY))[..., None]
    other = torch.cat([angles.sin(), angles.cos()], dim=-1)
    return torch.where((seconds * MICRO == microseconds)[..., None], _looked_up(DAY, seconds), other)


def _looked_up(table: Tensor, places: Tensor) -> Tensor:
    """Rows `[B, D, 2]` of a table; some row for a number so large that it is no date."""
    return table[places.long().clamp(0, len(table) - 1)]


PARTS = {"year": _year, "weekday": _weekday, "hour": _hour}
"""`[B, D]` → `[B, D, 2]`."""
