"""What all figures have in common: colours, lines, sizes, titles, axes that outliers do not stretch.

The ground is transparent, and text, lines and dots are of middle lightness: they read on white pages and on dark ones.
The font is that of the user's matplotlibrc, which may have letters that ours lacks.
"""

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.float64]
INK = "#787878"
"""Of text and axes: its contrast is 4.4 on white and 4.3 on #111."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Those of Okabe & Ito, which colour-blind people can tell apart, with a contrast of 3 or more on white and on #111."""
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MAX_POINTS = 5000
MAX_CURVES = 12
"""Of one figure; more have no colour and line of their own."""
MAX_INSIDE = 8
"""More curves than that have their legend beside them."""
NAME_LENGTHS = (28, 50, 80)
WIDTH, HEIGHT = 6.4, 4.8
"""In inches."""
FAR_OUT = 10
"""How many interquartile ranges beyond the quartiles a value is left out of the axes."""
Place = Literal["lower right", "lower left", "upper left"]
LOG_FROM = 300
"""Losses are drawn on a logarithmic axis if the largest is so many times the smallest."""

styled = rc_context(
    {
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": INK,
        "grid.alpha": 0.25,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "legend.frameon": False,
        "legend.fontsize": "small",
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
    }
)
"""Decorates each function that makes a figure."""


def plain(name: str, length: int = NAME_LENGTHS[0]) -> str:
    """A name as matplotlib shows it literally, without a formula between dollar signs; long ones lose their middle.

    >>> plain("a name that is much too long for an axis")
    'a name that is…g for an axis'
    """
    name = " ".join(name.split())
    if len(name) > length:
        half = (length - 1) // 2
        name = f"{name[: length - 1 - half]}…{name[-half:]}"
    return name.replace("$", r"\$")


def distinct(names: Sequence[str]) -> list[str]:
    """Names beside each other: `plain` ones, longer where they would be alike.

    >>> distinct(["the height of side 1 of the building", "the height of side 2 of the building"])
    ['the height of side 1 of the building', 'the height of side 2 of the building']
    """
    for length in NAME_LENGTHS:
        found = [plain(name, length) for name in names]
        if len(set(found)) == len(set(names)):
            break
    return found


def legend_labels(names: Sequence[str]) -> list[str]:
    """The same for a legend, which would leave out a name that begins with an underscore."""
    return [f" {name}" if name.startswith("_") else name for name in distinct(names)]


def of_test_part(title: str, rows: int, *remarks: str) -> str:
    """The title of a figure that shows so many rows of the test part; each remark is in parentheses on the next line.

    >>> of_test_part("ROC", 2000)
    'ROC, test part (2,000 rows)'
    """
    whole = f"{title}, test part ({_counted(rows)})"
    return "\n".join([whole, *(f"({remark})" for remark in remarks if remark)])


def new_axes(title: str, width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A figure with one panel."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot(title=title)


def line_style(place: int) -> dict[str, Any]:
    """Another pair of colour and line for each of the first 16 curves."""
    row, colour = divmod(place, len(COLOURS))
    return {"color": COLOURS[colour], "linestyle": LINES[(colour + row) % len(LINES)]}


def marker_of(place: int) -> str:
    return next(islice(cycle(MARKERS), place, None))


class Limits(NamedTuple):
    """The ends of an axis, and how many rows have a value beyond them."""

    low: float
    high: float
    beyond: int


def limits(*columns: Floats) -> Limits:
    """Ends that show all values but those far out in their column; of columns `[n]` that share an axis.

    >>> limits(np.array([1.0, 2.0, 3.0, 4.0, 1e9]))
    Limits(low=1.0, high=4.0, beyond=1)
    """
    values = np.stack(columns)
    first, third = np.quantile(values, [0.25, 0.75], axis=1, keepdims=True)
    reach = FAR_OUT * (third - first)
    inside = (values >= first - reach) & (values <= third + reach) | (reach == 0)  # most are equal
    return Limits(float(values[inside].min()), float(values[inside].max()), int((~inside).any(axis=0).sum()))


def with_margin(ends: Limits) -> tuple[float, float]:
    """The ends with some room; around a single value, too."""
    margin = 0.05 * (ends.high - ends.low) or 0.05 * abs(ends.high) or 0.5
    return ends.low - margin, ends.high + margin


def beyond(rows: int) -> str:
    """Says, if so, that some rows are not shown."""
    return f"{_counted(rows)} beyond the axes" if rows else ""


def _counted(rows: int) -> str:
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def some_of(rows: int) -> NDArray[np.int64]:
    """Which of so many rows are drawn as dots: as many as can be seen."""
    shown = np.arange(rows)
    return np.random.RandomState(0).choice(shown, MAX_POINTS) if rows > MAX_POINTS else shown


def legend_of_curves(axes: Axes, count: int, place: Place) -> None:
    """At a place inside the axes, unless so many curves would be covered."""
    if count <= MAX_INSIDE:
        axes.legend(loc=place)
    else:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))


def scale_losses(axes: Axes, losses: Sequence[float]) -> None:
    """Scales the y axis so that a loss that explodes leaves the others readable."""
    values = np.array([loss for loss in losses if np.isfinite(loss)], dtype=np.float64)
    if not len(values):
        return
    if values.min() > 0:
        if values.max() > LOG_FROM * values.min():
            axes.set_yscale("log")
    elif (ends := limits(values)).beyond:
        axes.set_ylim(with_margin(ends))
