"""The figure of a learning-rate range test."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from mlp_exp.display.plots.style import legend_labels, line_style, marker_of, new_axes, styled

ABOVE = 1.5
"""How far above the losses of the smallest rates the figure reaches: those of the largest may be astronomic."""


@styled
def learning_rates(curves: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """The loss that each learning rate leaves, a curve for each name; the lowest point of each is marked."""
    figure, axes = new_axes("Loss by learning rate")
    bounds = []
    labels = legend_labels(list(curves))
    for number, (label, points) in enumerate(zip(labels, curves.values(), strict=True)):
        finite = [(rate, loss) for rate, loss in points if math.isfinite(loss)]
        if not finite:
            continue
        style = line_style(number)
        axes.plot(*zip(*finite, strict=True), label=label or None, **style)
        rate, loss = min(finite, key=lambda point: point[1])
        axes.plot([rate], [loss], marker_of(number), color=style["color"])
        axes.annotate(f"{rate:.2g}", (rate, loss), xytext=(0, -12), textcoords="offset points", ha="center")
        bounds += [loss, finite[0][1]]
    axes.set(xlabel="optimizer.lr", ylabel="loss after training", xscale="log")
    if bounds and max(bounds) > min(bounds):
        low, high = min(bounds), max(bounds)
        axes.set_ylim(low - 0.15 * (high - low), high + (ABOVE - 1) * (high - low))
    if any(curves):
        axes.legend()
    return figure
