"""The figure of a learning-rate range test."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from mlp_exp.display.plots import COLOURS, legend_label

ABOVE = 1.5
"""How far above the losses of the smallest rates the figure reaches: those of the largest may be astronomic."""


def learning_rates(curves: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """The loss that each learning rate leaves, a curve for each name; the lowest point of each is marked."""
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot(title="Loss by learning rate")
    bounds = []
    for number, (name, points) in enumerate(curves.items()):
        finite = [(rate, loss) for rate, loss in points if math.isfinite(loss)]
        if not finite:
            continue
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(*zip(*finite, strict=True), color=colour, label=legend_label(name) if name else None)
        rate, loss = min(finite, key=lambda point: point[1])
        axes.plot([rate], [loss], "o", color=colour)
        axes.annotate(f"{rate:.2g}", (rate, loss), xytext=(0, -12), textcoords="offset points", ha="center")
        bounds += [loss, finite[0][1]]
    axes.set(xlabel="optimizer.lr", ylabel="loss after training", xscale="log")
    if bounds and max(bounds) > min(bounds):
        low, high = min(bounds), max(bounds)
        axes.set_ylim(low - 0.15 * (high - low), high + (ABOVE - 1) * (high - low))
    axes.grid(alpha=0.3)
    if any(curves):
        axes.legend()
    return figure
