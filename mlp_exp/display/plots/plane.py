"""The figure of what is predicted over the plane of two features."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset
from mlp_exp.display import curves
from mlp_exp.display.plots.style import (
    MAX_INSIDE,
    MAX_POINTS,
    Floats,
    legend_labels,
    marker_of,
    new_axes,
    plain,
    styled,
)

REGIONS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""All colours of Okabe & Ito but black, since the plane has a ground of its own."""
TWO = ("#3b4cc0", "#b40426")
"""The ends of the colours behind the dots of two classes."""
DOTS = "#BBBBBB"
"""Of rows without a class."""


@styled
def decision_boundary(
    dataset: Dataset, test: NDArray[np.int64], plane: curves.Plane, answer: Floats, threshold: float = 0.5
) -> Figure:
    """Predictions over the plane of two features, with the data points.

    Args:
        answer: probabilities `[n, C]` or values `[n]` at the points of the plane.
        threshold: the probability from which on the second of two classes is predicted.
    """
    what = "Decision boundary" if dataset.class_names else "Prediction over the plane"
    figure, axes = new_axes(f"{what}, all parts ({len(dataset.target):,} rows)", 7.2)
    axes.set_facecolor("white")  # under colours that let it through
    axes.grid(visible=False)
    x, y = plane.x, plane.y
    shape = len(y), len(x)
    if not dataset.class_names:
        filled = axes.contourf(x, y, answer.reshape(shape), levels=20, cmap="viridis")
        figure.colorbar(filled, label=plain(dataset.target_name))
    elif dataset.task == "binary":
        probability = answer[:, 1].reshape(shape)
        filled = axes.contourf(x, y, probability, levels=np.linspace(0, 1, 21), cmap="coolwarm", alpha=0.7)
        axes.contour(x, y, probability, levels=[threshold], colors="black", linewidths=1.5)
        bar = figure.colorbar(filled, ticks=np.linspace(0, 1, 6))
        bar.set_label(f"probability of {plain(dataset.class_names[1])}")
        bar.ax.set_facecolor("white")
    else:
        codes = answer.argmax(axis=1).reshape(shape)
        # not contourf, which would draw a strip for each code between those of two neighbouring regions
        colours = ListedColormap(_class_colours(dataset))
        axes.pcolormesh(x, y, codes, cmap=colours, vmin=-0.5, vmax=answer.shape[1] - 0.5, alpha=0.35, rasterized=True)
    _scatter(figure, axes, dataset, test)
    axes.set(xlabel=plain(dataset.feature_names[0]), ylabel=plain(dataset.feature_names[1]))
    return figure


def _class_colours(dataset: Dataset) -> list[str]:
    if dataset.task == "binary":
        return list(TWO)
    return [REGIONS[code % len(REGIONS)] for code in range(len(dataset.class_names))]


def _scatter(figure: Figure, axes: Axes, dataset: Dataset, test: NDArray[np.int64]) -> None:
    """Draws the rows: a colour and a shape for each class, and a dark edge for those of the test part."""
    held_out = np.isin(np.arange(len(dataset.target)), test)
    codes = dataset.target if dataset.class_names else np.zeros(len(dataset.target))
    parts = [("other parts", ~held_out, "white"), ("test part", held_out, "black")]
    for code, colour in enumerate(_class_colours(dataset) or [DOTS]):
        for _, rows, edge in parts:
            x, y = dataset.features[(codes == code) & rows][:MAX_POINTS].T
            if len(x):
                how: Any = {"edgecolor": edge, "linewidth": 0.6, "rasterized": len(x) > MAX_POINTS // 5}
                axes.scatter(x, y, s=20, c=colour, marker=marker_of(code), **how)
    colours = zip(_class_colours(dataset), legend_labels(dataset.class_names), strict=True)
    handles = [_handle(marker_of(code), colour, "white", name) for code, (colour, name) in enumerate(colours)]
    handles += [_handle("o", DOTS, edge, name) for name, rows, edge in parts if rows.any()]
    own_ground: Any = {"frameon": True, "facecolor": "white", "framealpha": 1, "labelcolor": "black"}
    if len(handles) > MAX_INSIDE:
        figure.legend(handles=handles, loc="outside right center", **own_ground)
    else:
        figure.legend(handles=handles, loc="outside lower center", ncols=4, **own_ground)


def _handle(marker: str, colour: str, edge: str, name: str) -> Line2D:
    how: Any = {"marker": marker, "markersize": 6, "color": colour, "markeredgecolor": edge, "markeredgewidth": 0.6}
    return Line2D([], [], linestyle="", label=name, **how)
