"""Figures of predicted classes and labels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mlp_exp.display import curves
from mlp_exp.display.plots.style import (
    COLOURS,
    HEIGHT,
    INK,
    MAX_CURVES,
    MAX_INSIDE,
    WIDTH,
    Floats,
    distinct,
    legend_labels,
    legend_of_curves,
    line_style,
    marker_of,
    new_axes,
    of_test_part,
    styled,
)

MOST_NUMBERS = 20
"""With more classes, the cells of a confusion matrix have no numbers."""
MOST_TICKS = 50
"""With more classes, not all have their name beside it."""
Codes = NDArray[np.int64]


@styled
def confusion_matrix(target: Codes, predicted: Codes, class_names: Sequence[str]) -> Figure:
    """Rows of the test part by true and predicted class."""
    count = len(class_names)
    names = distinct(class_names)
    side = float(np.clip(2.5 + 0.5 * count, HEIGHT, 12)) + 0.06 * max(map(len, names))
    figure, axes = new_axes(of_test_part("Confusion matrix", len(target)), side + 0.8, side)
    counts = np.zeros((count, count), dtype=int)
    np.add.at(counts, (target, predicted), 1)
    image = axes.imshow(counts, interpolation="nearest", cmap="Blues", vmin=0)
    if count <= MOST_NUMBERS:
        middle = counts.max() / 2
        for (row, column), rows in np.ndenumerate(counts):
            colour = image.cmap(1.0 if rows < middle else 0)
            axes.text(column, row, _short(int(rows)), ha="center", va="center", color=colour)
    bar = figure.colorbar(image, ax=axes, label="rows", shrink=0.8, ticks=MaxNLocator(5, integer=True))
    bar.outline.set_visible(False)
    step = -(-count // MOST_TICKS)
    ticks, labels = np.arange(0, count, step), names[::step]
    axes.set(xticks=ticks, yticks=ticks, xticklabels=labels, yticklabels=labels)
    axes.set(xlabel="predicted class", ylabel="true class", ylim=(count - 0.5, -0.5))
    axes.grid(visible=False)
    if sum(map(len, names)) > 5 * side:
        axes.tick_params("x", rotation=90)
    return figure


def _short(count: int) -> str:
    """In full, unless two digits and an exponent are shorter."""
    return min(f"{count:.2g}", str(count), key=len)


class Curve(NamedTuple):
    """Whether an event happened `[n]`, its probability `[n]`, and what the curve is called."""

    happened: NDArray[np.bool_]
    probability: Floats
    name: str


class Curves(NamedTuple):
    """The curves of a figure, its number of rows, and which there are, if not all."""

    shown: list[Curve]
    rows: int
    remark: str

    def axes(self, title: str) -> tuple[Figure, Axes]:
        width = WIDTH if len(self.shown) <= MAX_INSIDE else WIDTH + 2.6
        return new_axes(of_test_part(title, self.rows, self.remark), width, HEIGHT)


def _of_classes(target: Codes, probabilities: Floats, class_names: Sequence[str]) -> Curves:
    """The second of two classes, or each class against the rest; of many classes those with the most rows."""
    codes, remark = list(range(len(class_names))), ""
    if len(class_names) == 2:
        codes = [1]
    elif len(class_names) > MAX_CURVES:
        rows = np.bincount(target, minlength=len(class_names))
        codes = sorted(np.argsort(-rows, kind="stable")[:MAX_CURVES].tolist())
        remark = f"the {MAX_CURVES} of {len(class_names)} classes with the most rows"
    labels = legend_labels([class_names[code] for code in codes])
    found = [Curve(target == code, probabilities[:, code], name) for code, name in zip(codes, labels, strict=True)]
    return Curves(found, len(target), remark)


def _of_labels(target: Codes, probabilities: Floats, names: Sequence[str]) -> Curves:
    """Each of several labels `[n, T]`, but for those beyond `MAX_CURVES`."""
    found = [
        Curve(target[:, place] == 1, probabilities[:, place], name)
        for place, name in enumerate(legend_labels(names[:MAX_CURVES]))
    ]
    remark = f"the first {MAX_CURVES} of {len(names)} targets" if len(names) > MAX_CURVES else ""
    return Curves(found, len(target), remark)


def _roc(found: Curves) -> Figure:
    figure, axes = found.axes("ROC")
    for place, (happened, probability, name) in enumerate(found.shown):
        if 0 < happened.sum() < len(happened):
            false_rate, true_rate = curves.roc(happened, probability)
            area = np.trapezoid(true_rate, false_rate)
            axes.plot(false_rate, true_rate, label=f"{name} (AUC {area:.4f})", **line_style(place))
    axes.plot([0, 1], [0, 1], color=INK, linestyle=":", label="chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    legend_of_curves(axes, len(found.shown), "lower right")
    return figure


def _precision_recall(found: Curves) -> Figure:
    figure, axes = found.axes("Precision by recall")
    for place, (happened, probability, name) in enumerate(found.shown):
        if 0 < happened.sum() < len(happened):
            recall, precision = curves.precision_recall(happened, probability)
            label = f"{name} (AP {np.diff(recall, prepend=0) @ precision:.4f})"
            # a step has the precision of the threshold at its end
            axes.plot(
                np.append(0, recall),
                np.append(precision[0], precision),
                label=label,
                drawstyle="steps-pre",
                **line_style(place),
            )
            if len(found.shown) == 1:
                axes.axhline(happened.mean(), color=INK, linestyle=":", label="chance")
    axes.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if axes.lines:
        legend_of_curves(axes, len(found.shown), "lower left")
    return figure


def _calibration(found: Curves) -> Figure:
    bins = int(np.clip(found.rows // 20, 2, 10))
    figure, axes = found.axes("Calibration")
    axes.plot([0, 1], [0, 1], color=INK, linestyle=":", label="perfectly calibrated")
    fewest, most = found.rows, 0
    for place, (happened, probability, name) in enumerate(found.shown):
        frequency, mean, rows = curves.calibration(happened, np.clip(probability, 0, 1), bins)
        fewest, most = min(fewest, rows.min()), max(most, rows.max())
        axes.plot(mean, frequency, marker=marker_of(place), label=name, **line_style(place))
        if len(found.shown) == 1:  # those of several would hide one another
            axes.vlines(mean, *curves.interval_of_frequency(frequency, rows), color=COLOURS[0], alpha=0.6)
    each = f"{fewest:,} rows" if fewest == most else f"{fewest:,} to {most:,} rows"
    each += " a point" + (", bars are 95 % intervals" if len(found.shown) == 1 else "")
    axes.set_title(of_test_part("Calibration", found.rows, found.remark, each))
    axes.set(xlabel="mean predicted probability", ylabel="observed frequency")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    legend_of_curves(axes, len(found.shown), "upper left")
    return figure


@styled
def roc(target: Codes, probabilities: Floats, class_names: Sequence[str]) -> Figure:
    """The ROC curve of the second class, or of each class against the rest, with the area below it."""
    return _roc(_of_classes(target, probabilities, class_names))


@styled
def roc_of_labels(target: Codes, probabilities: Floats, names: Sequence[str]) -> Figure:
    """The ROC curve of each of several labels, `[n, T]`."""
    return _roc(_of_labels(target, probabilities, names))


@styled
def precision_recall(target: Codes, probabilities: Floats, class_names: Sequence[str]) -> Figure:
    """Precision by recall of the second class, or of each class against the rest, with the average precision."""
    return _precision_recall(_of_classes(target, probabilities, class_names))


@styled
def precision_recall_of_labels(target: Codes, probabilities: Floats, names: Sequence[str]) -> Figure:
    """Precision by recall of each of several labels, `[n, T]`."""
    return _precision_recall(_of_labels(target, probabilities, names))


@styled
def calibration(target: Codes, probabilities: Floats, class_names: Sequence[str]) -> Figure:
    """Calibration curve: observed frequency by predicted probability, in up to ten bins of equal counts.

    Of the second class of two; of more classes, of the predicted class being right (Guo et al., 2017).
    """
    if len(class_names) == 2:
        return _calibration(_of_classes(target, probabilities, class_names))
    right, probability = target == probabilities.argmax(axis=1), probabilities.max(axis=1)
    return _calibration(Curves([Curve(right, probability, "the answer is right")], len(target), ""))


@styled
def calibration_of_labels(target: Codes, probabilities: Floats, names: Sequence[str]) -> Figure:
    """The calibration curve of each of several labels, `[n, T]`."""
    return _calibration(_of_labels(target, probabilities, names))
