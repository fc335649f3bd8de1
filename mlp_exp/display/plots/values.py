"""Figures of predicted values."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlp_exp.display import curves
from mlp_exp.display.plots.style import (
    COLOURS,
    HEIGHT,
    INK,
    MAX_POINTS,
    Floats,
    beyond,
    limits,
    new_axes,
    of_test_part,
    plain,
    some_of,
    styled,
    with_margin,
)

MAX_TARGETS = 12
"""The first of many targets that are shown."""
BINS = 30


def _drawn(rows: int) -> str:
    return f"{MAX_POINTS:,} of them drawn" if rows > MAX_POINTS else ""


@styled
def predicted_against_actual(target: Floats, predicted: Floats, name: str) -> Figure:
    """Predicted against actual values of the test part, in the target's own unit."""
    figure, axes = new_axes("", 5.6, 5.6)
    unseen = _predicted_panel(axes, target, predicted, name)
    axes.set_title(of_test_part("Predicted against actual", len(target), _drawn(len(target)), beyond(unseen)))
    return figure


@styled
def predicted_of_several(target: Floats, predicted: Floats, names: Sequence[str]) -> Figure:
    """The same of several targets `[n, T]`, of which the first `MAX_TARGETS` are shown."""
    rows, shown = len(target), names[:MAX_TARGETS]
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(4.4 * columns, 4.2 * lines), layout="constrained")
    some = f"the first {MAX_TARGETS} of {len(names)} targets" if len(names) > MAX_TARGETS else ""
    figure.suptitle(of_test_part("Predicted against actual", rows, some, _drawn(rows)))
    for place, name in enumerate(shown):
        axes = figure.add_subplot(lines, columns, place + 1)
        axes.set_title(beyond(_predicted_panel(axes, target[:, place], predicted[:, place], name)), fontsize="small")
    return figure


def _predicted_panel(axes: Axes, target: Floats, predicted: Floats, name: str) -> int:
    """Draws the panel; returns how many rows are beyond its axes."""
    ends = limits(predicted, target)
    _dots(axes, predicted, target)
    axes.plot([ends.low, ends.high], [ends.low, ends.high], color=INK, linestyle="--")
    axes.set_box_aspect(1)
    both = with_margin(ends)
    axes.set(xlabel=f"predicted {plain(name)}", ylabel=f"actual {plain(name)}", xlim=both, ylim=both)
    return ends.beyond


def _dots(axes: Axes, x: Floats, y: Floats) -> None:
    shown = some_of(len(x))
    rasterized = len(shown) > MAX_POINTS // 5
    axes.scatter(x[shown], y[shown], s=22, color=COLOURS[0], alpha=0.8, linewidth=0, rasterized=rasterized)


@styled
def residuals(target: Floats, predicted: Floats, name: str) -> Figure:
    """Residuals, actual minus predicted, by the prediction, with their medians; and how they are distributed."""
    rows, residual = len(target), target - predicted
    figure = Figure(figsize=(8, HEIGHT), layout="constrained")
    axes, beside = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    _dots(axes, predicted, residual)
    axes.axhline(0, color=INK, linestyle="--")
    middle, median = curves.medians(predicted, residual)
    if len(middle) > 1:
        axes.plot(middle, median, color=COLOURS[1], marker="s", label="median of rows with similar predictions")
        figure.legend(loc="outside lower center")
    across, along = limits(predicted), limits(residual)
    outside = (predicted < across.low) | (predicted > across.high) | (residual < along.low) | (residual > along.high)
    figure.suptitle(of_test_part("Residuals", rows, _drawn(rows), beyond(int(outside.sum()))))
    axes.set(xlabel=f"predicted {plain(name)}", ylabel=f"actual minus predicted {plain(name)}")
    axes.set(xlim=with_margin(across), ylim=with_margin(along))
    inside = (along.low, along.high)
    beside.hist(residual, BINS, range=inside, orientation="horizontal", color=COLOURS[0], alpha=0.8)
    beside.axhline(0, color=INK, linestyle="--")
    beside.set(xlabel="rows")
    beside.locator_params("x", integer=True, nbins=4)
    return figure


@styled
def coverage(levels: Sequence[float], observed: Sequence[float], rows: int) -> Figure:
    """Fraction of the test part below each predicted quantile, by the quantile's level."""
    figure, axes = new_axes(of_test_part("Coverage", rows), 5.6, 5.6)
    axes.plot([0, 1], [0, 1], color=INK, linestyle=":", label="perfectly calibrated")
    axes.plot(levels, observed, marker="s", label="observed", color=COLOURS[0])
    axes.set_box_aspect(1)
    axes.set(xlabel="level of the quantile", ylabel="fraction of rows below it", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="upper left")
    return figure
