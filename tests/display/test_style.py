"""Residuals, precision by recall, importance; one style; outliers, many classes and long names stay readable."""

from collections.abc import Callable, Iterator
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset
from mlp_exp.display import plots
from mlp_exp.display.curves import Plane, medians
from mlp_exp.display.plots import style

Floats = NDArray[np.float64]


def two(chances: list[float]) -> Floats:
    return np.column_stack([1 - np.array(chances), chances])


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def offsets(axes: Axes) -> list[list[float]]:
    (dots,) = (each for each in axes.collections if isinstance(each, PathCollection))
    found: list[list[float]] = np.asarray(dots.get_offsets()).tolist()
    return found


# ---- what they show


def test_precision_by_recall_of_two_classes() -> None:
    figure = plots.precision_recall(np.array([0, 1, 0, 1]), two([0.1, 0.4, 0.6, 0.9]), ("no", "yes"))
    (axes,) = figure.axes
    curve, chance = axes.lines
    # the highest chance is right; then one is wrong, and then the other right one is found
    assert np.asarray(curve.get_xydata()).tolist() == [[0, 1], [0.5, 1], [0.5, 0.5], [1, pytest.approx(2 / 3)]]
    assert np.asarray(chance.get_ydata()).tolist() == [0.5, 0.5]
    assert legend(axes) == ["yes (AP 0.8333)", "chance"]
    assert axes.get_title() == "Precision by recall, test part (4 rows)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("recall", "precision")


def test_precision_by_recall_of_three_classes_leaves_out_one_that_is_missing() -> None:
    answers = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.4, 0.5, 0.1]])
    (axes,) = plots.precision_recall(np.array([0, 1, 0]), answers, ("a", "b", "c")).axes
    assert legend(axes) == ["a (AP 1.0000)", "b (AP 1.0000)"]


def test_residuals() -> None:
    predicted = np.arange(100.0)
    target = predicted + np.where(predicted < 50, -1.0, 2.0)
    figure = plots.residuals(target, predicted, "price")
    axes, beside = figure.axes
    assert figure.get_suptitle() == "Residuals, test part (100 rows)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted price", "actual minus predicted price")
    assert offsets(axes) == np.column_stack([predicted, target - predicted]).tolist()
    zero, smooth = axes.lines
    assert np.asarray(zero.get_ydata()).tolist() == [0, 0]
    assert np.asarray(smooth.get_xydata()).tolist() == [[9.5, -1], [29.5, -1], [49.5, 0.5], [69.5, 2], [89.5, 2]]
    widths = [bar.get_width() for bar in beside.patches]  # type: ignore[attr-defined]
    assert [width for width in widths if width] == [50, 50]


def test_medians_of_equal_predictions_are_one() -> None:
    x, y = medians(np.r_[np.zeros(60), np.ones(20)], np.arange(80.0))
    assert (x.tolist(), y.tolist()) == ([0.0, 1.0], [49.5, 69.5])


def test_importance() -> None:
    mean, std = np.array([0.1, 0.5, -0.05]), np.array([0.01, 0.2, 0.03])
    figure = plots.importance(["a", "$b", "c"], mean, std, "increase of rmse when the column is shuffled", 77)
    (axes,) = figure.axes
    assert axes.get_title() == "Permutation importance, test part (77 rows)"
    assert axes.get_xlabel() == "increase of rmse when the column is shuffled"
    assert [label.get_text() for label in axes.get_yticklabels()] == [r"\$b", "a", "c"]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.1, -0.05]  # type: ignore[attr-defined]
    low, high = axes.get_ylim()
    assert low > high, "the one that matters most is on top"


def test_importance_of_many_columns_shows_those_that_matter_most() -> None:
    mean = np.random.default_rng(0).permutation(50).astype(np.float64)
    names = [f"the reading of a sensor in the cellar, number {place:02}" for place in range(50)]
    (axes,) = plots.importance(names, mean, mean / 10, "", 100).axes
    assert axes.get_title().endswith("\n(the 20 of 50 columns that matter most)")
    shown = [label.get_text() for label in axes.get_yticklabels()]
    ends = [f", number {place:02}" for place in np.argsort(-mean)[:20]]
    assert [label[label.index(", ") :] for label in shown] == ends


# ---- readable whatever the data


def heavy() -> tuple[Floats, Floats]:
    """Values around 1e9, and three that are far out."""
    rng = np.random.default_rng(0)
    target = rng.normal(1e9, 1e8, 200)
    predicted = target + rng.normal(0, 1e7, 200)
    target[:2], predicted[2] = 1e15, -1e15
    return target, predicted


def test_values_far_out_do_not_stretch_the_axes() -> None:
    target, predicted = heavy()
    figure = plots.predicted_against_actual(target, predicted, "y")
    (axes,) = figure.axes
    title = "Predicted against actual, test part (200 rows)\n(3 rows beyond the axes)"
    assert axes.get_title() == title
    for low, high in (axes.get_xlim(), axes.get_ylim()):
        assert 5e8 < low < high < 1.5e9
    panels = plots.residuals(target, predicted, "y")
    assert panels.get_suptitle() == "Residuals, test part (200 rows)\n(3 rows beyond the axes)"
    low, high = panels.axes[0].get_ylim()
    assert -1e8 < low < high < 1e8
    several = plots.predicted_of_several(np.column_stack([target, target]), np.column_stack([predicted, target]), "ab")
    assert [each.get_title() for each in several.axes] == ["3 rows beyond the axes", "2 rows beyond the axes"]


def test_predictions_that_are_all_equal_have_no_rows_beyond() -> None:
    target = np.random.default_rng(0).normal(size=200)
    (axes,) = plots.predicted_against_actual(target, np.full(200, 0.3), "y").axes
    assert axes.get_title() == "Predicted against actual, test part (200 rows)"
    assert axes.get_ylim()[0] < target.min() < target.max() < axes.get_ylim()[1]


@pytest.mark.parametrize(
    ("training", "scale", "high"),
    [
        ([0.9, 0.5, 0.4] * 5, "linear", 1.0),
        ([0.9, 0.5, 0.4] * 5 + [1e12], "log", 1e14),
        ([0.9, -0.5, -0.9] * 5 + [1e12], "linear", 1.2),
    ],
)
def test_a_loss_that_explodes_leaves_the_others_readable(training: list[float], scale: str, high: float) -> None:
    (axes,) = plots.losses({"epoch": [*range(len(training))], "train_loss": training}, 2).axes
    assert axes.get_yscale() == scale
    assert axes.get_ylim()[1] <= high


@pytest.mark.parametrize("figure", [plots.roc, plots.precision_recall])
def test_many_classes_have_the_curves_of_those_with_the_most_rows(figure: Callable[..., Figure]) -> None:
    target = np.repeat(np.arange(40), np.arange(1, 41))
    answers = np.random.default_rng(0).dirichlet(np.ones(40), len(target))
    (axes,) = figure(target, answers, [f"c{code}" for code in range(40)]).axes
    assert axes.get_title().endswith("test part (820 rows)\n(the 12 of 40 classes with the most rows)")
    assert [label.split(" (")[0] for label in legend(axes)][:12] == [f"c{code}" for code in range(28, 40)]


def generated() -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Data that figures are seldom made for."""
    rng = np.random.default_rng(0)
    names = [f"a class with quite a long name, the number of which is {code}" for code in range(40)]
    for count, rows in ((40, 400), (3, 1), (2, 1), (2, 30)):
        target, answers = rng.integers(0, count, rows), rng.dirichlet(np.ones(count), rows)
        shown = {"matrix": (plots.confusion_matrix, answers.argmax(1)), "roc": (plots.roc, answers)}
        shown |= {"precision": (plots.precision_recall, answers), "calibration": (plots.calibration, answers)}
        for name, (figure, what) in shown.items():
            yield f"{name}-{count}-{rows}", lambda f=figure, t=target, w=what, c=count: f(t, w, names[:c])  # type: ignore[misc]
    values = {"one": (np.ones(1), np.ones(1)), "equal": (np.full(30, 1e9), np.full(30, 1e9)), "heavy": heavy()}
    values["constant"] = (rng.normal(size=40), np.zeros(40))
    values["tails"] = (rng.standard_cauchy(6000) * 1e9, rng.standard_cauchy(6000))
    for name, (target, predicted) in values.items():
        for figure in (plots.predicted_against_actual, plots.residuals):
            yield f"{name}-{figure.__name__}", lambda f=figure, t=target, p=predicted: f(t, p, names[0])  # type: ignore[misc]
    points = rng.normal(size=(90, 2))
    grid = Plane.around(points, 20)
    dataset = Dataset.from_arrays(
        points, np.arange(90) % 18, class_names=tuple(names[:18]), feature_names=(names[0], "汉字")
    )
    chances = rng.dirichlet(np.ones(18), 400)
    yield "plane", lambda: plots.decision_boundary(dataset, np.arange(20), grid, chances)
    yield "one epoch", lambda: plots.losses({"epoch": [1], "train_loss": [0.5]}, 1)


GENERATED = dict(generated())


def inside(figure: Figure) -> bool:
    """Whether all texts lie within the figure, once it is drawn."""
    box = figure.bbox.padded(1)
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    extents = [text.get_window_extent() for text in texts]
    ticks = {id(label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()}
    return all(
        box.contains(e.x0, e.y0) and box.contains(e.x1, e.y1)
        for e, t in zip(extents, texts, strict=True)
        if id(t) not in ticks
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATED)
def test_generated_cases_are_drawn_without_a_warning(name: str) -> None:
    """Warnings are errors here."""
    figure = GENERATED[name]()
    assert plots.encoded(figure)[:4] == b"\x89PNG"
    assert inside(figure)


# ---- one style


def contrast(colour: str, other: str) -> float:
    """As the WCAG defines it."""

    def luminance(name: str) -> float:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(name)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    low, high = sorted([luminance(colour), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_text_and_curves_read_on_white_and_on_dark_pages() -> None:
    for page in ("#ffffff", "#111111"):
        assert contrast(style.INK, page) > 4.2
        assert min(contrast(colour, page) for colour in style.COLOURS) > 3
    figure = plots.losses({"epoch": [1, 2], "train_loss": [1.0, 0.5], "val_loss": [1.0, 0.7]}, 2)
    (axes,) = figure.axes
    assert figure.get_facecolor() == axes.get_facecolor() == (0, 0, 0, 0)
    assert axes.title.get_color() == axes.xaxis.label.get_color() == axes.get_xticklabels()[0].get_color() == style.INK
    assert rcParams["text.color"] == "black", "what others draw in this process is as before"


def test_curves_differ_by_more_than_their_colour() -> None:
    styles = [(each["color"], each["linestyle"]) for each in map(style.line_style, range(16))]
    assert len(set(styles)) == 16
    assert all(a[1] != b[1] for a, b in combinations(styles[:4], 2))


@pytest.mark.parametrize("name", ["loss", "importance"])
def test_an_svg_is_one_and_always_the_same(name: str) -> None:
    shown = {
        "loss": ({"epoch": [1, 2], "train_loss": [1.0, 0.5]}, 1),
        "importance": (["a", "<b>"], np.ones(2), np.ones(2), "", 9),
    }
    files = [plots.encoded(plots.FIGURES[name](*shown[name]), "svg") for _ in range(2)]
    assert files[0] == files[1]
    assert ElementTree.fromstring(files[0]).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"<dc:date>" not in files[0]
