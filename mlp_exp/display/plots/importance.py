"""The figure of what predictions depend on."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mlp_exp.display.plots.style import COLOURS, INK, WIDTH, Floats, distinct, new_axes, of_test_part, styled

MAX_COLUMNS = 20


@styled
def importance(names: Sequence[str], mean: Floats, std: Floats, change: str, rows: int) -> Figure:
    """Permutation importance `[F]` of columns, those that matter most on top, with the deviation over the repeats.

    Args:
        change: what shuffling does to the metric, for the axis.
        rows: of the test part that were used.
    """
    order = np.argsort(-mean, kind="stable")[:MAX_COLUMNS]
    some = f"the {MAX_COLUMNS} of {len(names)} columns that matter most" if len(names) > MAX_COLUMNS else ""
    title = of_test_part("Permutation importance", rows, some)
    figure, axes = new_axes(title, WIDTH + 1.6, 1.4 + 0.28 * len(order))
    places = np.arange(len(order))
    axes.barh(places, mean[order], xerr=std[order], color=COLOURS[0], ecolor=INK, height=0.7, capsize=2)
    axes.axvline(0, color=INK, linewidth=1)
    labels = distinct([names[column] for column in order])
    axes.set(yticks=places, yticklabels=labels, xlabel=change)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    return figure
