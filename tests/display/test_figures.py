"""The figures of a run."""

import io
import math
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray
from scipy.stats import binomtest
from support.folders import names

from mlp_exp.data.dataset import Dataset, TargetColumn
from mlp_exp.display import figures, plots
from mlp_exp.display.curves import Plane
from mlp_exp.display.plots import plane
from mlp_exp.experiment.drawn import of_test_part
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.tasks import task_of


def test_a_figure_that_breaks_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Figure:
        raise RuntimeError("no ink")

    monkeypatch.setitem(plots.FIGURES, "roc", broken)
    with pytest.raises(RuntimeError, match="no ink"):
        figures.write(tmp_path, {"loss": ({"epoch": [1], "train_loss": [0.5]}, 1), "roc": ()})
    assert names(tmp_path / "plots") == ["loss.png"]


@pytest.mark.slow
def test_the_file_is_that_of_savefig(tmp_path: Path) -> None:
    """Which draws twice."""
    shown = {"loss": (HISTORY, 2), "confusion_matrix": (np.arange(3), np.arange(3), ("a", "b", "c"))}
    figures.write(tmp_path, shown)
    for name, arguments in shown.items():
        plots.FIGURES[name](*arguments).savefig(tmp_path / "file", format="png", dpi=120)
        assert (tmp_path / "plots" / f"{name}.png").read_bytes() == (tmp_path / "file").read_bytes()


def test_settings_of_savefig_count() -> None:
    with rc_context({"savefig.bbox": "tight", "savefig.facecolor": "yellow"}):
        file = io.BytesIO()
        plots.losses(HISTORY, 2).savefig(file, format="png", dpi=120)
        assert plots.encoded(plots.losses(HISTORY, 2)) == file.getvalue()
    assert plots.encoded(plots.losses(HISTORY, 2)) != file.getvalue()


# figures


def rendered(figure: Figure, folder: Path) -> tuple[int, int]:
    """Width and height of the figure's file, which must be a whole PNG."""
    RunFolder(folder).write_figure("figure.png", plots.encoded(figure))
    assert names(folder / "plots") == ["figure.png"]
    data = (folder / "plots" / "figure.png").read_bytes()
    assert data[:16] == b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    assert data[-8:-4] == b"IEND"
    assert len(data) > 5000
    return struct.unpack(">II", data[16:24])


def shown(text: Text) -> str:
    """What a reader sees of a text, which must not be set as a formula."""
    raw = text.get_text()
    assert not (text.get_parse_math() and is_math_text(raw) is True), f"{raw!r} is set as a formula"
    return raw.replace(r"\$", "$").lstrip()


def line_of(line: Line2D) -> tuple[list[float], list[float]]:
    """The coordinates of a line."""
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def offsets(scatter: PathCollection) -> NDArray[np.float64]:
    return np.asarray(scatter.get_offsets())


def colour(scatter: PathCollection) -> str:
    red, green, blue, alpha = np.atleast_2d(np.asarray(scatter.get_facecolor(), dtype=float))[0].tolist()
    return to_hex((red, green, blue, alpha))


def edge(scatter: PathCollection) -> str:
    return to_hex(np.asarray(scatter.get_edgecolor(), dtype=float)[0].tolist())


def legend_of_plane(figure: Figure) -> list[str]:
    """That of a decision boundary is outside of its axes."""
    (found,) = figure.legends
    return [shown(text) for text in found.get_texts()]


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    return [] if found is None else [shown(text) for text in found.get_texts()]


def labels(axes: Axes) -> tuple[str, str, str]:
    return axes.get_title(), shown(axes.xaxis.label), shown(axes.yaxis.label)


HISTORY: dict[str, list[float]] = {"epoch": [1, 2, 3], "train_loss": [0.9, 0.5, 0.25], "val_loss": [1.0, 0.75, 0.8]}


def test_losses(tmp_path: Path) -> None:
    figure = plots.losses(HISTORY, best_epoch=2)
    (axes,) = figure.axes
    assert labels(axes) == ("Loss by epoch", "epoch", "loss")
    train, val, best = axes.lines
    assert line_of(train) == ([1, 2, 3], HISTORY["train_loss"])
    assert line_of(val) == ([1, 2, 3], HISTORY["val_loss"])
    assert line_of(best)[0] == [2, 2]
    assert legend(axes) == ["training part", "validation part", "best epoch 2"]
    assert train.get_color() != val.get_color()
    assert train.get_linestyle() != val.get_linestyle()
    assert rendered(figure, tmp_path) == (768, 576)


def test_losses_without_validation_or_best_epoch() -> None:
    history = {"epoch": HISTORY["epoch"], "train_loss": HISTORY["train_loss"]}
    (axes,) = plots.losses(history, best_epoch=0).axes
    assert [line_of(line)[1] for line in axes.lines] == [HISTORY["train_loss"]]
    assert legend(axes) == ["training part"]
    (axes,) = plots.losses(history, best_epoch=3).axes
    assert legend(axes)[1:] == ["best epoch 3"]


def test_losses_of_a_run_that_diverged(tmp_path: Path) -> None:
    figure = plots.losses({"epoch": [1, 2], "train_loss": [0.5, math.nan], "val_loss": [0.4, math.inf]}, 1)
    assert rendered(figure, tmp_path) == (768, 576)


@pytest.mark.parametrize(
    ("target", "predicted", "class_names", "counts"),
    [
        ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], ("no", "yes"), ["2", "1", "0", "2"]),
        ([0, 1, 2, 2, 2], [0, 2, 2, 2, 0], ("a", "b", "c"), ["1", "0", "0", "0", "0", "1", "1", "0", "2"]),
        ([0, 0, 1], [0, 1, 1], ("a", "b", "missing"), ["1", "1", "0", "0", "1", "0", "0", "0", "0"]),
        ([1, 1], [0, 1], ("missing", "b"), ["0", "0", "1", "1"]),
        ([0] * 1234 + [1], [0] * 1235, ("many", "few"), ["1234", "0", "1", "0"]),
    ],
)
def test_confusion_matrix(
    target: list[int], predicted: list[int], class_names: tuple[str, ...], counts: list[str], tmp_path: Path
) -> None:
    figure = plots.confusion_matrix(np.array(target), np.array(predicted), class_names)
    axes = figure.axes[0]
    rows = f"{len(target):,} rows"
    assert labels(axes) == (f"Confusion matrix, test part ({rows})", "predicted class", "true class")
    assert [text.get_text() for text in axes.texts] == counts
    side = len(class_names)
    assert [text.get_position() for text in axes.texts] == [(j, i) for i in range(side) for j in range(side)]
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert tuple(shown(text) for text in ticks) == class_names
    rendered(figure, tmp_path)


@pytest.mark.parametrize(
    ("n_classes", "inches", "numbers", "ticks"), [(2, 4.8, 4, 2), (10, 7.5, 100, 10), (40, 12, 0, 40), (120, 12, 0, 40)]
)
def test_the_confusion_matrix_grows_with_its_classes(n_classes: int, inches: float, numbers: int, ticks: int) -> None:
    """Up to a size; many cells have no numbers, and not all of very many classes have their name beside them."""
    target = np.arange(3 * n_classes) % n_classes
    figure = plots.confusion_matrix(target, target, [f"c{i}" for i in range(n_classes)])
    names = 0.06 * len(f"c{n_classes - 1}")
    assert figure.get_size_inches() == pytest.approx([inches + names + 0.8, inches + names])
    assert len(figure.axes[0].texts) == numbers
    assert len(figure.axes[0].get_xticks()) == len(figure.axes[0].get_yticks()) == ticks


def two(chances: list[float]) -> np.ndarray:
    return np.column_stack([1 - np.array(chances), chances])


def test_roc_of_two_classes(tmp_path: Path) -> None:
    figure = plots.roc(np.array([0, 0, 1, 1]), two([0.1, 0.6, 0.4, 0.9]), ("no", "yes"))
    (axes,) = figure.axes
    title, x, y = labels(axes)
    assert title == "ROC, test part (4 rows)"
    assert "alse" in x
    assert "rue" in y
    curve, chance = axes.lines
    assert list(zip(*line_of(curve), strict=True)) == [
        (0, 0),
        (0, 0.5),
        (0.5, 0.5),
        (0.5, 1),
        (1, 1),
    ]
    assert line_of(chance) == ([0, 1], [0, 1])
    assert legend(axes) == ["yes (AUC 0.7500)", "chance"]
    assert rendered(figure, tmp_path) == (768, 576)


THREE = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.2, 0.2, 0.6], [0.5, 0.4, 0.1], [0.6, 0.3, 0.1]])


def test_roc_of_each_class_against_the_rest(tmp_path: Path) -> None:
    figure = plots.roc(np.array([0, 1, 2, 0, 1]), THREE, ("a", "b", "c"))
    (axes,) = figure.axes
    assert legend(axes) == ["a (AUC 0.8333)", "b (AUC 0.8333)", "c (AUC 1.0000)", "chance"]
    assert len(axes.lines) == 4
    assert rendered(figure, tmp_path) == (768, 576)


def test_roc_leaves_out_a_class_that_is_missing() -> None:
    (axes,) = plots.roc(np.array([0, 1, 1, 0, 1]), THREE, ("a", "b", "c")).axes
    assert [text.split(" (")[0] for text in legend(axes)] == ["a", "b", "chance"]


@pytest.mark.parametrize("figure", [plots.roc, plots.calibration])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("code", [0, 1])
def test_a_test_part_with_a_single_class(
    figure: Callable[..., Figure], n_classes: int, code: int, tmp_path: Path
) -> None:
    chances = np.random.default_rng(0).dirichlet(np.ones(n_classes), 6)
    made = figure(np.full(6, code), chances, ("a", "b", "c")[:n_classes])
    assert rendered(made, tmp_path) == (768, 576)


@pytest.mark.parametrize("figure", [plots.roc, plots.calibration])
@pytest.mark.parametrize("class_names", [("no", "yes"), ("a", "b", "c")])
def test_axes_do_not_speak_of_a_label_1_that_no_class_has(
    figure: Callable[..., Figure], class_names: tuple[str, ...]
) -> None:
    target = np.array([0, 1, 0, 1, len(class_names) - 1])
    (axes,) = figure(target, THREE[:, : len(class_names)], class_names).axes
    assert "1" not in axes.get_xlabel() + axes.get_ylabel()


def test_calibration_of_two_classes(tmp_path: Path) -> None:
    chances = [0.22] * 20 + [0.75] * 20
    figure = plots.calibration(np.array([0, 0, 0, 1] * 5 + [1, 1, 1, 0] * 5), two(chances), ("no", "yes"))
    (axes,) = figure.axes
    assert axes.get_title() == "Calibration, test part (40 rows)\n(20 rows a point, bars are 95 % intervals)"
    assert "robability" in axes.get_xlabel()
    perfect, curve = axes.lines
    assert line_of(perfect) == ([0, 1], [0, 1])
    assert line_of(curve)[0] == pytest.approx([0.22, 0.75])
    assert line_of(curve)[1] == pytest.approx([0.25, 0.75])
    (bars,) = (c for c in axes.collections if isinstance(c, LineCollection))
    ends = [binomtest(hits, 20).proportion_ci(method="wilson") for hits in (5, 15)]
    assert [bar[:, 1].tolist() for bar in bars.get_segments()] == [pytest.approx(list(pair), abs=1e-4) for pair in ends]
    assert legend(axes)[-1] == "yes"
    assert len(legend(axes)) == 2
    assert rendered(figure, tmp_path) == (768, 576)


def test_calibration_of_three_classes_bears_chances_just_above_one() -> None:
    chances = np.vstack([THREE, [1 + 1e-7, -1e-7, 0]])
    (axes,) = plots.calibration(np.array([0, 1, 2, 0, 1, 0]), chances, ("a", "b", "c")).axes
    assert legend(axes) == ["perfectly calibrated", "the answer is right"]
    assert len(axes.lines) == 2


def test_predicted_against_actual(tmp_path: Path) -> None:
    target, predicted = np.array([10.0, 20.0, 35.0]), np.array([12.0, 18.0, 30.0])
    figure = plots.predicted_against_actual(target, predicted, "price")
    (axes,) = figure.axes
    assert labels(axes) == ("Predicted against actual, test part (3 rows)", "predicted price", "actual price")
    (dots,) = (c for c in axes.collections if isinstance(c, PathCollection))
    assert offsets(dots).tolist() == [[12.0, 10.0], [18.0, 20.0], [30.0, 35.0]]
    (diagonal,) = axes.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert rendered(figure, tmp_path) == (672, 672)


def test_predicted_against_actual_of_one_row(tmp_path: Path) -> None:
    figure = plots.predicted_against_actual(np.array([2.0]), np.array([2.0]), "y")
    assert rendered(figure, tmp_path) == (672, 672)


# the decision boundary


def ring(rows: int = 60) -> Dataset:
    points = np.random.default_rng(1).normal(size=(rows, 2))
    outside = (points**2).sum(axis=1) > 1
    return Dataset.from_arrays(points, outside.astype(int), class_names=("inside", "outside"))


def boundary(
    dataset: Dataset, test: np.ndarray, predict: Callable[[np.ndarray], np.ndarray], resolution: int
) -> Figure:
    """The figure of what is predicted at each point of the plane."""
    grid = Plane.around(dataset.features, resolution)
    return plots.decision_boundary(dataset, test, grid, predict(grid.points))


def outside_chance(points: np.ndarray) -> np.ndarray:
    chance = 1 / (1 + np.exp(-5 * (np.hypot(*points.T) - 1)))
    return np.column_stack([1 - chance, chance])


def scattered(axes: Axes) -> list[PathCollection]:
    return [c for c in axes.collections if isinstance(c, PathCollection) and len(offsets(c))]


def test_decision_boundary_of_two_classes(tmp_path: Path) -> None:
    dataset, test = ring(), np.arange(12)
    asked: list[np.ndarray] = []

    def noted(places: np.ndarray) -> np.ndarray:
        asked.append(places)
        return outside_chance(places)

    figure = boundary(dataset, test, noted, resolution=80)
    axes, bar = figure.axes
    assert labels(axes) == ("Decision boundary, all parts (60 rows)", "x1", "x2")
    assert shown(bar.yaxis.label) == "probability of outside"
    assert np.concatenate(asked).shape == (6400, 2)
    low, high = dataset.features.min(axis=0), dataset.features.max(axis=0)
    np.testing.assert_allclose(asked[0].min(axis=0), low - 0.05 * (high - low))
    np.testing.assert_allclose(asked[0].max(axis=0), high + 0.05 * (high - low))
    (line,) = (c for c in axes.collections if isinstance(c, QuadContourSet) and not c.filled)
    assert list(line.levels) == [0.5]
    radius = np.hypot(*np.asarray(line.get_paths()[0].vertices).T)
    assert len(radius) > 50
    np.testing.assert_allclose(radius, 1, atol=0.01)
    assert rendered(figure, tmp_path) == (864, 576)


def test_decision_boundary_shows_every_point_in_its_class_and_part() -> None:
    dataset, test = ring(), np.arange(12)
    figure = boundary(dataset, test, outside_chance, resolution=20)
    groups = scattered(figure.axes[0])
    held_out = np.isin(np.arange(60), test)
    expected = [dataset.features[(dataset.target == code) & rows] for code in (0, 1) for rows in (~held_out, held_out)]
    for group, places in zip(groups, expected, strict=True):
        np.testing.assert_array_equal(offsets(group), places)
    colours = [colour(group) for group in groups]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [edge(group) for group in groups] == ["#ffffff", "#000000"] * 2
    shapes = [tuple(group.get_paths()[0].vertices.shape) for group in groups]  # type: ignore[union-attr]
    assert shapes[0] == shapes[1] != shapes[2] == shapes[3]
    assert legend_of_plane(figure) == ["inside", "outside", "other parts", "test part"]


def test_no_test_points_in_the_legend_without_a_test_part() -> None:
    figure = boundary(ring(), np.arange(0), outside_chance, resolution=20)
    assert len(scattered(figure.axes[0])) == 2
    assert legend_of_plane(figure) == ["inside", "outside", "other parts"]


def thirds(points: np.ndarray) -> np.ndarray:
    """Class 0 on the left, 1 in the middle, 2 on the right."""
    chances: np.ndarray = np.eye(3)[np.digitize(points[:, 0], [-0.5, 0.5])]
    return chances


def test_decision_boundary_of_three_classes(tmp_path: Path) -> None:
    points = np.random.default_rng(2).uniform(-1, 1, (90, 2))
    dataset = Dataset.from_arrays(points, thirds(points).argmax(axis=1), class_names=("left", "middle", "right"))
    figure = boundary(dataset, np.arange(30), thirds, resolution=50)
    (axes,) = figure.axes
    colours = [colour(group) for group in scattered(axes)]
    assert colours == [c.lower() for c in plane.REGIONS[:3] for _ in range(2)]
    assert legend_of_plane(figure) == ["left", "middle", "right", "other parts", "test part"]
    assert rendered(figure, tmp_path) == (864, 576)


def test_two_regions_have_no_strip_of_a_third_between_them() -> None:
    corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    dataset = Dataset(
        corners, np.array([0, 0, 2, 2]), ("x1", "x2"), (TargetColumn("target", ("left", "nowhere", "right")),)
    )
    figure = boundary(dataset, np.arange(0), lambda p: np.eye(3)[np.where(p[:, 0] < 0, 0, 2)], resolution=40)
    (axes,) = figure.axes
    figure.set_dpi(120)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    box = axes.get_window_extent()
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    image = pixels[::-1, :, :3].astype(int)
    x = [int(box.x0 + share * box.width) for share in (0.2, 0.8)]
    strip = image[int(box.y0 + 0.3 * box.height), x[0] : x[1]]
    left, right = strip[0], strip[-1]
    assert (left != right).any()
    low, high = np.minimum(left, right) - 8, np.maximum(left, right) + 8
    strange = strip[((strip < low) | (strip > high)).any(axis=1)]
    assert strange.tolist() == [], "colours that are not between those of the two regions"


def test_prediction_over_the_plane(tmp_path: Path) -> None:
    points = np.random.default_rng(3).normal(size=(40, 2))
    dataset = Dataset.from_arrays(points, points.sum(axis=1), regression=True, target_name="price")
    figure = boundary(dataset, np.arange(10), lambda p: p.sum(axis=1), resolution=30)
    axes, bar = figure.axes
    assert labels(axes) == ("Prediction over the plane, all parts (40 rows)", "x1", "x2")
    assert shown(bar.yaxis.label) == "price"
    assert [len(offsets(group)) for group in scattered(axes)] == [30, 10]
    assert legend_of_plane(figure) == ["other parts", "test part"]
    assert rendered(figure, tmp_path) == (864, 576)


@pytest.mark.parametrize("answer", [0.0, 0.3, 1.0])
def test_decision_boundary_of_a_network_that_always_says_the_same(answer: float, tmp_path: Path) -> None:
    figure = boundary(ring(), np.arange(9), lambda p: two([answer] * len(p)), resolution=20)
    assert rendered(figure, tmp_path) == (864, 576)


def test_decision_boundary_with_a_constant_feature(tmp_path: Path) -> None:
    dataset = ring()
    dataset.features[:, 1] = 3.0
    figure = boundary(dataset, np.arange(9), outside_chance, resolution=20)
    assert rendered(figure, tmp_path) == (864, 576)


def test_decision_boundary_draws_no_more_points_than_can_be_seen() -> None:
    points = np.random.default_rng(4).uniform(-3, 3, (14_000, 2))
    dataset = Dataset.from_arrays(points, (np.arange(14_000) < 7000).astype(int))
    axes = boundary(dataset, np.arange(10), outside_chance, resolution=20).axes[0]
    assert [len(offsets(group)) for group in scattered(axes)] == [5000, 5000, 10]


# names that matplotlib could take for something else


NAMES = [
    ("a$b$", r"c$\frac$"),
    ("$5", "$6"),
    ("_hidden", "_b"),
    ("<script>alert(1)</script>", "x_1^2"),
    (r"back\slash", "{brace"),
    ("100 %", "a & b"),
    ("a", "_b", "$x$"),
]


Part = tuple[np.ndarray, np.ndarray]


def each_name(class_names: tuple[str, ...]) -> list[str]:
    return list(class_names[1:]) if len(class_names) == 2 else list(class_names)


@pytest.mark.parametrize("class_names", NAMES, ids=repr)
class TestNames:
    @pytest.fixture
    def part(self, class_names: tuple[str, ...]) -> Part:
        n = len(class_names)
        return np.arange(30) % n, np.random.default_rng(0).dirichlet(np.ones(n), 30)

    def test_confusion_matrix(self, class_names: tuple[str, ...], part: Part, tmp_path: Path) -> None:
        figure = plots.confusion_matrix(part[0], part[1].argmax(axis=1), class_names)
        assert tuple(shown(text) for text in figure.axes[0].get_xticklabels()) == class_names
        assert tuple(shown(text) for text in figure.axes[0].get_yticklabels()) == class_names
        rendered(figure, tmp_path)

    def test_roc(self, class_names: tuple[str, ...], part: Part, tmp_path: Path) -> None:
        figure = plots.roc(*part, class_names)
        assert [text.split(" (AUC")[0] for text in legend(figure.axes[0])] == [*each_name(class_names), "chance"]
        assert rendered(figure, tmp_path) == (768, 576)

    def test_calibration(self, class_names: tuple[str, ...], part: Part, tmp_path: Path) -> None:
        figure = plots.calibration(*part, class_names)
        expected = [class_names[1]] if len(class_names) == 2 else ["the answer is right"]
        assert legend(figure.axes[0])[1:] == expected
        assert rendered(figure, tmp_path) == (768, 576)

    def test_decision_boundary(self, class_names: tuple[str, ...], part: Part, tmp_path: Path) -> None:
        n = len(class_names)
        points = np.random.default_rng(1).normal(size=(30, 2))
        dataset = Dataset.from_arrays(points, part[0], class_names=class_names, feature_names=class_names[:2])
        figure = boundary(dataset, np.arange(12), lambda p: np.eye(n)[(p[:, 0] > 0).astype(int)], resolution=20)
        assert labels(figure.axes[0])[1:] == class_names[:2]
        assert legend_of_plane(figure) == [*class_names, "other parts", "test part"]
        if n == 2:
            assert shown(figure.axes[1].yaxis.label) == f"probability of {class_names[1]}"
        assert rendered(figure, tmp_path) == (864, 576)

    def test_predicted_against_actual(self, class_names: tuple[str, ...], tmp_path: Path) -> None:
        figure = plots.predicted_against_actual(np.arange(4.0), np.arange(4.0) ** 2, class_names[1])
        assert labels(figure.axes[0])[1:] == (f"predicted {class_names[1]}", f"actual {class_names[1]}")
        assert rendered(figure, tmp_path) == (672, 672)


# the figures of a test part


def figures_of(dataset: Dataset, test: np.ndarray, predicted: np.ndarray) -> dict[str, Figure]:
    shown = of_test_part(task_of(dataset.task, dataset.targets), dataset.target[test], predicted)
    return {name: plots.FIGURES[name](*arguments) for name, arguments in shown.items()}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_figures_of_a_classification(n_classes: int) -> None:
    target = np.arange(12) % n_classes
    dataset = Dataset.from_arrays(np.ones((12, 3)), target)
    test = np.array([0, 1, 2, 5, 7])
    chances = np.eye(n_classes)[[0, 1, 0, 1, 1]]
    drawn = figures_of(dataset, test, chances)
    assert {name: figure.axes[0].get_title() for name, figure in drawn.items()} == {
        "confusion_matrix": "Confusion matrix, test part (5 rows)",
        "roc": "ROC, test part (5 rows)",
        "precision_recall": "Precision by recall, test part (5 rows)",
        "calibration": "Calibration, test part (5 rows)\n(5 rows a point, bars are 95 % intervals)",
    }
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (target[test], [0, 1, 0, 1, 1]), 1)
    assert [int(text.get_text()) for text in drawn["confusion_matrix"].axes[0].texts] == counts.ravel().tolist()


def test_figures_of_a_test_part_without_a_class(tmp_path: Path) -> None:
    dataset = Dataset.from_arrays(np.ones((12, 3)), np.arange(12) % 3)
    test = np.array([0, 1, 3, 4, 6])
    shown = of_test_part(task_of(dataset.task, dataset.targets), dataset.target[test], THREE)
    figures.write(tmp_path, shown)
    assert names(tmp_path / "plots") == ["calibration.png", "confusion_matrix.png", "precision_recall.png", "roc.png"]
    assert [text.split(" (")[0] for text in legend(figures_of(dataset, test, THREE)["roc"].axes[0])] == [
        "0",
        "1",
        "chance",
    ]


def test_figures_of_a_regression() -> None:
    dataset = Dataset.from_arrays(np.ones((5, 3)), [1, 2, 3, 4, 5], regression=True, target_name="age")
    drawn = figures_of(dataset, np.array([1, 4]), np.array([[2.5], [4.5]]))
    assert list(drawn) == ["predicted_actual"]
    axes = drawn["predicted_actual"].axes[0]
    assert labels(axes)[1:] == ("predicted age", "actual age")
    assert offsets(scattered(axes)[0]).tolist() == [[2.5, 2.0], [4.5, 5.0]]
