"""Figures of a run. Each function takes plain arrays and returns a matplotlib figure."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib import rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset
from mlp_exp.display import curves

Floats = NDArray[np.float64]
# the palette of Okabe & Ito, which colour-blind people can tell apart
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MAX_POINTS = 5000
LINES = ("-", "--", ":", "-.")
"""Curves of one colour have different ones."""
MAX_INSIDE = 8
"""More curves than that have their legend beside them."""
MAX_TARGETS = 12
"""The first of many targets that are shown."""
DPI = 120


def plain(name: str) -> str:
    """Escapes a name so that matplotlib shows it literally, without a formula between dollar signs."""
    return name.replace("$", r"\$")


def legend_label(name: str) -> str:
    """The same for a legend, which would leave out a name that begins with an underscore."""
    return f" {plain(name)}" if name.startswith("_") else plain(name)


def _axes(title: str, width: float = 6.4) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, 4.8), layout="constrained")
    return figure, figure.add_subplot(title=title)


def losses(history: Mapping[str, Sequence[float]], best_epoch: int) -> Figure:
    """Training and validation loss by epoch, with the best epoch marked."""
    figure, axes = _axes("Loss by epoch")
    axes.plot(history["epoch"], history["train_loss"], label="training", color=COLOURS[0])
    if "val_loss" in history:
        axes.plot(history["epoch"], history["val_loss"], label="validation", color=COLOURS[1])
    if best_epoch:
        axes.axvline(best_epoch, color="0.4", linestyle=":", label=f"best epoch {best_epoch}")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def decision_boundary(
    dataset: Dataset, test: NDArray[np.int64], plane: curves.Plane, answer: Floats, threshold: float = 0.5
) -> Figure:
    """Predictions over the plane of two features, with the data points.

    Args:
        answer: probabilities `[n, C]` or values `[n]` at the points of the plane.
        threshold: the probability from which on the second of two classes is predicted.
    """
    figure, axes = _axes("Decision boundary" if dataset.class_names else "Prediction over the plane", 7.2)
    x, y = plane.x, plane.y
    shape = len(y), len(x)
    if not dataset.class_names:
        filled = axes.contourf(x, y, answer.reshape(shape), levels=20, cmap="viridis")
        figure.colorbar(filled, label=plain(dataset.target_name))
    elif dataset.task == "binary":
        probability = answer[:, 1].reshape(shape)
        filled = axes.contourf(x, y, probability, levels=np.linspace(0, 1, 21), cmap="coolwarm", alpha=0.7)
        axes.contour(x, y, probability, levels=[threshold], colors="black", linewidths=1.5)
        figure.colorbar(filled, ticks=np.linspace(0, 1, 6), label=f"probability of {plain(dataset.class_names[1])}")
    else:
        codes = answer.argmax(axis=1).reshape(shape)
        # not contourf, which would draw a strip for each code between those of two neighbouring regions
        colours = ListedColormap(_class_colours(dataset))
        axes.pcolormesh(x, y, codes, cmap=colours, vmin=-0.5, vmax=answer.shape[1] - 0.5, alpha=0.35, rasterized=True)
    _scatter(axes, dataset, test)
    axes.set(xlabel=plain(dataset.feature_names[0]), ylabel=plain(dataset.feature_names[1]))
    return figure


def _class_colours(dataset: Dataset) -> list[str]:
    if dataset.task == "binary":
        return ["#3b4cc0", "#b40426"]  # the ends of the map behind them
    return [COLOURS[code % len(COLOURS)] for code in range(len(dataset.class_names))]


def _scatter(axes: Axes, dataset: Dataset, test: NDArray[np.int64]) -> None:
    held_out = np.zeros(len(dataset.target), dtype=bool)
    held_out[test] = True
    codes = dataset.target if dataset.class_names else np.zeros(len(dataset.target))
    colours = _class_colours(dataset) if dataset.class_names else ["white"]
    for code, colour in enumerate(colours):
        for rows, marker, part in ((~held_out, "o", "training"), (held_out, "^", "test")):
            x, y = dataset.features[(codes == code) & rows][:MAX_POINTS].T
            name = legend_label(f"{dataset.class_names[code]}, {part}") if dataset.class_names else part
            if len(x):
                axes.scatter(x, y, s=16, marker=marker, color=colour, edgecolor="white", linewidth=0.4, label=name)
    axes.legend(fontsize="small", framealpha=0.9, loc="upper right")  # "best" is slow, and says so


def confusion_matrix(target: NDArray[np.int64], predicted: NDArray[np.int64], class_names: Sequence[str]) -> Figure:
    """Rows of the test part by true and predicted class."""
    figure, axes = _axes("Confusion matrix, test", max(5.6, 0.7 * len(class_names)))
    counts = np.zeros((len(class_names), len(class_names)), dtype=int)
    np.add.at(counts, (target, predicted), 1)
    image = axes.imshow(counts, interpolation="nearest", cmap="Blues")
    middle = (counts.max() + counts.min()) / 2
    for (row, column), count in np.ndenumerate(counts):
        colour = image.cmap(1.0 if count < middle else 0)
        axes.text(column, row, _short(int(count)), ha="center", va="center", color=colour)
    figure.colorbar(image, ax=axes)
    ticks, labels = np.arange(len(class_names)), [plain(name) for name in class_names]
    axes.set(xticks=ticks, yticks=ticks, xticklabels=labels, yticklabels=labels)
    axes.set(xlabel="Predicted label", ylabel="True label", ylim=(len(class_names) - 0.5, -0.5))
    axes.tick_params("x", rotation=45 if sum(map(len, class_names)) > 40 else 0)
    return figure


def _short(count: int) -> str:
    """In full, unless two digits and an exponent are shorter."""
    return min(f"{count:.2g}", str(count), key=len)


Curve = tuple[NDArray[np.bool_], Floats, str, dict[str, str]]
"""Whether an event happened `[n]`, its probability `[n]`, a label, and how its line is drawn."""


def _style(place: int) -> dict[str, str]:
    """Another colour or line for each of many curves."""
    line, colour = divmod(place, len(COLOURS))
    return {"color": COLOURS[colour], "linestyle": LINES[line % len(LINES)]}


def _events(target: NDArray[np.int64], probabilities: Floats, class_names: Sequence[str]) -> list[Curve]:
    """The second of two classes, or each class against the rest."""
    codes = [1] if len(class_names) == 2 else range(len(class_names))
    return [(target == code, probabilities[:, code], legend_label(class_names[code]), _style(code)) for code in codes]


def _labels(target: NDArray[np.int64], probabilities: Floats, names: Sequence[str]) -> list[Curve]:
    """Each of several labels `[n, T]`, but for those beyond `MAX_TARGETS`."""
    return [
        (target[:, place] == 1, probabilities[:, place], legend_label(name), _style(place))
        for place, name in enumerate(names[:MAX_TARGETS])
    ]


def _with_count(title: str, names: Sequence[str]) -> str:
    return title if len(names) <= MAX_TARGETS else f"{title} (the first {MAX_TARGETS} of {len(names)} targets)"


def _curve_axes(title: str, count: int) -> tuple[Figure, Axes]:
    return _axes(title, 6.4 if count <= MAX_INSIDE else 8.8)


def _legend(axes: Axes, count: int, place: Literal["lower right", "upper left"]) -> None:
    """Of so many curves; at a place inside the axes, unless it would cover them."""
    if count <= MAX_INSIDE:
        axes.legend(fontsize="small", loc=place)
    else:
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1))


def _roc(events: Sequence[Curve], title: str) -> Figure:
    figure, axes = _curve_axes(title, len(events))
    for happened, probability, name, style in events:
        if 0 < happened.sum() < len(happened):
            false_rate, true_rate = curves.roc(happened, probability)
            label = f"{name} (AUC {np.trapezoid(true_rate, false_rate):.4f})"
            axes.plot(false_rate, true_rate, label=label, **style)  # type: ignore[arg-type]
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    _legend(axes, len(events), "lower right")
    return figure


def roc_curves(target: NDArray[np.int64], probabilities: Floats, class_names: Sequence[str]) -> Figure:
    """The ROC curve of the second class, or of each class against the rest, with the area below it."""
    return _roc(_events(target, probabilities, class_names), "ROC, test")


def roc_of_labels(target: NDArray[np.int64], probabilities: Floats, names: Sequence[str]) -> Figure:
    """The ROC curve of each of several labels, `[n, T]`."""
    return _roc(_labels(target, probabilities, names), _with_count("ROC, test", names))


def _calibration(events: Sequence[Curve], title: str) -> Figure:
    figure, axes = _curve_axes(title, len(events))
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfectly calibrated")
    for happened, probability, name, style in events:
        bins = int(np.clip(len(happened) // 20, 2, 10))
        frequency, mean = curves.calibration(happened, np.clip(probability, 0, 1), bins)
        axes.plot(mean, frequency, marker="s", label=name, **style)  # type: ignore[arg-type]
    axes.set(xlabel="mean predicted probability", ylabel="observed frequency")
    _legend(axes, len(events), "upper left")
    return figure


def calibration(target: NDArray[np.int64], probabilities: Floats, class_names: Sequence[str]) -> Figure:
    """Calibration curve: observed frequency by predicted probability, in up to ten bins of equal counts.

    Of the second class of two; of more classes, of the predicted class being right (Guo et al., 2017).
    """
    if len(class_names) == 2:
        happened, probability, name, _ = _events(target, probabilities, class_names)[0]
    else:
        happened, probability = target == probabilities.argmax(axis=1), probabilities.max(axis=1)
        name = "the answer is right"
    return _calibration([(happened, probability, name, _style(0))], "Calibration, test")


def calibration_of_labels(target: NDArray[np.int64], probabilities: Floats, names: Sequence[str]) -> Figure:
    """The calibration curve of each of several labels, `[n, T]`."""
    return _calibration(_labels(target, probabilities, names), _with_count("Calibration, test", names))


def predicted_against_actual(target: Floats, predicted: Floats, name: str) -> Figure:
    """Predicted against actual values of the test part, in the target's own unit."""
    figure, axes = _axes("Predicted against actual, test", 5.6)
    _predicted_panel(axes, target, predicted, name)
    return figure


def predicted_of_several(target: Floats, predicted: Floats, names: Sequence[str]) -> Figure:
    """The same of several targets `[n, T]`, of which the first `MAX_TARGETS` are shown."""
    shown = names[:MAX_TARGETS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(4.4 * columns, 4.2 * rows), layout="constrained")
    figure.suptitle(_with_count("Predicted against actual, test", names))
    for place, name in enumerate(shown):
        axes = figure.add_subplot(rows, columns, place + 1)
        _predicted_panel(axes, target[:, place], predicted[:, place], name)
    return figure


def _predicted_panel(axes: Axes, target: Floats, predicted: Floats, name: str) -> None:
    shown = np.arange(len(target))
    if len(shown) > MAX_POINTS:
        shown = np.random.RandomState(0).choice(shown, MAX_POINTS)
    x, y = predicted[shown], target[shown]
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    axes.plot(ends, ends, color="black", alpha=0.7, linestyle="--")
    axes.scatter(x, y, color="tab:blue", alpha=0.8)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xlabel=f"predicted {plain(name)}", ylabel=f"actual {plain(name)}")


def coverage(levels: Sequence[float], observed: Sequence[float]) -> Figure:
    """Fraction of the test part below each predicted quantile, by the quantile's level."""
    figure, axes = _axes("Coverage, test", 5.6)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfectly calibrated")
    axes.plot(levels, observed, marker="s", label="observed", color=COLOURS[0])
    axes.set(xlabel="level of the quantile", ylabel="fraction of rows below it", xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.legend(fontsize="small", loc="upper left")
    return figure


FIGURES: dict[str, Callable[..., Figure]] = {
    "loss": losses,
    "decision_boundary": decision_boundary,
    "confusion_matrix": confusion_matrix,
    "roc": roc_curves,
    "calibration": calibration,
    "roc_of_labels": roc_of_labels,
    "calibration_of_labels": calibration_of_labels,
    "predicted_actual": predicted_against_actual,
    "predicted_of_several": predicted_of_several,
    "coverage": coverage,
}
"""By the names of their files."""


def png(figure: Figure) -> bytes:
    """The figure as a file."""
    file = io.BytesIO()
    if any(rcParams[key] != rcParamsDefault[key] for key in rcParams if key.startswith("savefig.")):
        figure.savefig(file, format="png", dpi=DPI)  # draws twice, as some of these settings need
        return file.getvalue()
    figure.set_dpi(DPI)
    FigureCanvasAgg(figure).print_png(file)  # type: ignore[no-untyped-call]
    return file.getvalue()
