"""What is predicted of a table: one target or several, classes in order, and how much each row counts."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.commands import Command
from support.folders import the_run_folder
from support.good_tables import ROWS, TINY, Columns, assert_same, mixed, some, write

from mlp_exp.data.dataset import Dataset, TargetColumn
from mlp_exp.data.splits.predefined import ColumnSplit
from mlp_exp.data.table.load import table
from mlp_exp.data.table.target import TaskChoice
from mlp_exp.display.tables import print_columns
from mlp_exp.errors import DataError

FORMS = ["table.csv", "semicolon.csv", "table.csv.gz", "t.parquet"]


def columns() -> dict[str, list[Any]]:
    """Two quantities, of which one has gaps; labels of all types; classes with an order; weights."""
    draw = np.random.default_rng(0)
    height, mass = draw.normal(170, 9, ROWS).round(2).tolist(), draw.normal(70, 9, ROWS).round(2).tolist()
    return {
        "x": [row * 7 % ROWS + 0.5 for row in range(ROWS)],
        "height": [None if row in (4, 9) else height[row] for row in range(ROWS)],
        "mass": [None if row % 9 == 4 else mass[row] for row in range(ROWS)],
        "wet": some([True, False], seed=1),
        "warm": some([0, 1], seed=2),
        "day": some(["yes", "no"], seed=3),
        "mood": some(["good", "bad", "fair"], seed=4),
        "stars": some([1, 2, 3, 10], seed=5),
        "share": [float(row % 3) for row in range(ROWS)],
    }


def codes(values: Sequence[Any], classes: Sequence[Any]) -> list[int]:
    return [classes.index(value) for value in values]


# ---- several targets


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("task", ["auto", "regression"])
def test_several_quantities_are_a_regression(
    name: str, task: TaskChoice, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = columns()
    with caplog.at_level(logging.INFO):
        found = table(write(given, tmp_path / name), ["mass", "height"], task)
    there = [row for row in range(ROWS) if row % 9 != 4 and row != 9]
    assert found.task == "regression"
    assert found.targets == (TargetColumn("mass"), TargetColumn("height"))
    assert [each.type for each in found.targets] == ["double", "double"]
    assert found.target.dtype == np.float64
    assert found.target.tolist() == [[given["mass"][row], given["height"][row]] for row in there]
    assert found.features[:, 0].tolist() == [given["x"][row] for row in there]
    assert found.source_rows.tolist() == there
    assert (found.target_name, found.class_names, found.has_classes) == ("mass, height", (), False)
    assert found.unlabelled == ROWS - len(there) == 5
    assert caplog.messages[1:] == ["5 of 40 rows have no target and are left out; most often mass is missing (4)"]
    assert not {"mass", "height"} & {column.name for column in found.columns}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("task", ["auto", "classification", "multilabel"])
def test_several_columns_of_two_classes_are_labels(name: str, task: TaskChoice, tmp_path: Path) -> None:
    given = columns()
    found = table(write(given, tmp_path / name), ["day", "wet", "warm"], task)
    assert found.task == "multilabel"
    assert found.targets == (
        TargetColumn("day", ("no", "yes")),
        TargetColumn("wet", ("false", "true")),
        TargetColumn("warm", ("0", "1")),
    )
    assert found.target.dtype == np.int64
    assert found.target[:, 0].tolist() == codes(given["day"], ["no", "yes"])
    assert found.target[:, 1].tolist() == codes(given["wet"], [False, True])
    assert found.target[:, 2].tolist() == given["warm"]
    assert (found.class_names, found.has_classes, found.kept) == ((), True, None)


def test_labels_can_be_taken_as_values(tmp_path: Path) -> None:
    found = table(write(columns(), tmp_path / "table.csv"), ["wet", "stars"], "regression")
    assert found.task == "regression"
    assert found.target.dtype == np.float64
    assert set(found.target[:, 0]) == {0.0, 1.0}


@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
@pytest.mark.parametrize("target", ["height", "wet", "mood"])
def test_one_name_in_a_list_is_the_same_as_the_name(name: str, target: str, tmp_path: Path) -> None:
    path = write(columns(), tmp_path / name)
    one, other = table(path, [target]), table(path, target)
    assert_same(one, other)
    assert one.fingerprint == other.fingerprint


def test_rows_are_left_out_before_classes_are_counted(tmp_path: Path) -> None:
    """The only rows of class `c` have no other target."""
    given = {
        "x": some([0.5, 1.5, 2.5]),
        "a": ["c", "c", *some(["a", "b"], ROWS - 2)],
        "b": [None, None, *some(["p", "q"], ROWS - 2, seed=1)],
    }
    found = table(write(given, tmp_path / "t.parquet"), ["a", "b"])
    assert found.targets == (TargetColumn("a", ("a", "b")), TargetColumn("b", ("p", "q")))
    assert len(found.target) == ROWS - 2


# ---- classes in order


@pytest.mark.parametrize("name", FORMS)
def test_numbers_are_in_order(name: str, tmp_path: Path) -> None:
    given = columns()
    found = table(write(given, tmp_path / name), "stars", "ordinal")
    assert (found.task, found.ordered, found.class_names) == ("ordinal", True, ("1", "2", "3", "10"))
    assert found.target.tolist() == codes(given["stars"], [1, 2, 3, 10])


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("order", [["bad", "fair", "good"], ["good", "bad", "fair"]])
def test_texts_have_the_order_that_is_given(name: str, order: list[str], tmp_path: Path) -> None:
    given = columns()
    given["mood"][7] = None
    found = table(write(given, tmp_path / name), "mood", "ordinal", order=order)
    assert (found.task, found.ordered, found.class_names) == ("ordinal", True, tuple(order))
    assert found.target.tolist() == codes([value for value in given["mood"] if value], order)


@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
@pytest.mark.parametrize("order", [[10, 3, 2, 1], [10.0, 3.0, 2.0, 1.0], ["10", "3.0", "2", "1"]])
def test_numbers_may_have_another_order(name: str, order: list[Any], tmp_path: Path) -> None:
    given = columns()
    for values in (given["stars"], [float(value) for value in given["stars"]]):
        found = table(write({**given, "stars": values}, tmp_path / name), "stars", "ordinal", order=order)
        assert [float(name) for name in found.class_names] == [10, 3, 2, 1]
        assert found.target.tolist() == codes(given["stars"], [10, 3, 2, 1])


def test_an_order_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    path = write(columns(), tmp_path / "t.parquet")
    prints = {
        table(path, "mood").fingerprint,
        table(path, "mood", "ordinal", order=["bad", "fair", "good"]).fingerprint,
        table(path, "mood", "ordinal", order=["bad", "good", "fair"]).fingerprint,
    }
    assert len(prints) == 3


# ---- weights


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("target", ["height", ["height", "mass"], ["wet", "day"]])
def test_weights_belong_to_their_rows(name: str, target: Any, tmp_path: Path) -> None:
    given = columns()
    path = write(given, tmp_path / name)
    for whole in (table(path, target, weight="share"), table(path, target, weight="share").at_most(15)):
        assert whole.weights is not None
        assert whole.weights.dtype == np.float64
        assert whole.weights.tolist() == [given["share"][row] for row in whole.source_rows]
        (column,) = (column for column in whole.columns if column.name == "share")
        assert (column.kind, column.note, column.number_names) == ("weight", "0 … 2", ())
        assert "share" not in whole.feature_names
    assert table(path, target, drop=["share"]).fingerprint != table(path, target, weight="share").fingerprint


def test_weights_in_texts(tmp_path: Path) -> None:
    """As everywhere, decimal commas of the file and signs between thousands."""
    given = {"x": ["1,5", "2,25"] * 20, "y": some("ab"), "w": ["1.000", "0,5"] * 20}
    found = table(write(given, tmp_path / "semicolon.csv"), "y", weight="w")
    assert found.weights is not None
    assert found.weights.tolist() == [1000.0, 0.5] * 20


def test_a_row_without_a_target_needs_no_weight(tmp_path: Path) -> None:
    given = columns()
    given["share"][4] = None
    found = table(write(given, tmp_path / "t.parquet"), "height", weight="share")
    assert found.weights is not None
    assert len(found.weights) == ROWS - 2


# ---- what is printed


def printed(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The cells of the table of columns, a list for each row."""
    print_columns(dataset)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (
            {"target": "height", "weight": "share"},
            [["share", "weight", "0 … 2", ""], ["height", "target: regression", "{low} … {high}", "2"]],
        ),
        (
            {"target": ["wet", "day"]},
            [
                ["wet", "target: multilabel", "2 classes: false, true (positive)", ""],
                ["day", "target: multilabel", "2 classes: no, yes (positive)", ""],
            ],
        ),
        (
            {"target": "mood", "task": "ordinal", "order": ["bad", "fair", "good"]},
            [["mood", "target: ordinal", "3 classes: bad < fair < good", ""]],
        ),
    ],
)
def test_each_target_and_the_weight_are_printed(
    asked: dict[str, Any], rows: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = columns()
    heights = [value for value in given["height"] if value is not None]
    found = printed(table(write(given, tmp_path / "t.parquet"), **asked), capsys)
    expected = [[cell.format(low=f"{min(heights):g}", high=f"{max(heights):g}") for cell in row] for row in rows]
    assert found[-len(rows) :] == expected


def test_many_targets_are_printed_in_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = {f"label {number}": some([0, 1], seed=number) for number in range(45)}
    found = table(write({"x": columns()["x"], **labels}, tmp_path / "t.parquet"), list(labels))
    assert printed(found, capsys)[-2:] == [
        ["label 39", "target: multilabel", "2 classes: 0, 1 (positive)", ""],
        ["5 columns", "target: multilabel", "label 40 … label 44", ""],
    ]


# ---- what is refused


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"target": ["height", "wet"]},
        "data.target: '{path}': a class and a value together are no task: 'wet' has 2 classes (false, true), and "
        "'height' has values. Train a run for each, or take all as values: data.task=regression",
    ),
    (
        {"target": ["day", "height"]},
        "data.target: '{path}': a class and a value together are no task: 'day' has 2 classes (no, yes), and 'height' "
        "has values. Train a run for each",
    ),
    (
        {"target": ["wet", "mood"]},
        "data.target: '{path}': 'mood' has 3 classes: bad, fair, good; each of several targets has two. Train a run "
        "for it alone",
    ),
    (
        {"target": ["stars", "warm"]},
        "data.target: '{path}': 'stars' has 4 classes: 1, 2, 3, 10; each of several targets has two. Train a run for "
        "it alone, or take all as values: data.task=regression",
    ),
    (
        {"target": ["height", "wet"], "task": "multilabel", "missing": []},
        "data.target: '{path}': 'height' has 38 classes: {heights} …; each of several targets has two. Train a run for "
        "it alone, or take all as values: data.task=regression",
    ),
    ({"target": ["wet", "day", "wet"]}, "data.target: '{path}': 'wet' is named twice"),
    (
        {"target": ["wet", "dya"]},
        "data.target: '{path}': the table has no column 'dya'. Did you mean 'day'?",
    ),
    ({"target": []}, "data.target: expected the name of a column, or a list of names, got []"),
    (
        {"target": ["wet", "day"], "drop": ["day"]},
        "data.drop: '{path}': 'day' is a target (data.target); list only features",
    ),
    (
        {"target": ["wet", "day"], "task": "binary"},
        "data.task: binary has one target, and data.target names 2; expected one of auto, multilabel, regression",
    ),
    (
        {"target": ["mood", "stars"], "task": "ordinal"},
        "data.task: ordinal has one target, and data.target names 2; expected one of auto, multilabel, regression",
    ),
    (
        {"target": "wet", "task": "multilabel"},
        "data.task: multilabel has several targets, and data.target names one, 'wet'; data.task=binary is the same for "
        "one",
    ),
    (
        {"target": "wet", "task": "ordinal"},
        "data.task: '{path}': ordinal was asked for, and 'wet' has two classes: false, true; data.task=binary is the "
        "same",
    ),
    (
        {"target": "mood", "task": "ordinal"},
        "data.order: '{path}': 'mood' holds texts, whose order is not known; give it, the lowest first. "
        "From A to Z: 'data.order=[bad,fair,good]'",
    ),
    (
        {"target": "mood", "task": "ordinal", "order": ["bad", "poor", "good", "great", "good"]},
        "data.order: '{path}': expected each of the 3 classes of 'mood' once: bad, fair, good; missing: fair; unknown: "
        "poor, great; repeated: good",
    ),
    (
        {"target": "stars", "task": "ordinal", "order": [1, 2, 3]},
        "data.order: '{path}': expected each of the 4 classes of 'stars' once: 1, 2, 3, 10; missing: 10",
    ),
    (
        {"target": "mood", "order": ["bad", "fair", "good"]},
        "data.order: is for data.task=ordinal, and data.task is auto; add it, or leave this out",
    ),
    (
        {"target": "wet", "weight": "Share"},
        "data.weight: '{path}': the table has no column 'Share'. Did you mean 'share'?",
    ),
    (
        {"target": "wet", "weight": "wet"},
        "data.weight: '{path}': 'wet' is the target (data.target); expected another column",
    ),
    (
        {"target": "wet", "weight": "share", "numeric": ["share"]},
        "data.numeric: '{path}': 'share' is the weight of the rows (data.weight); list only features",
    ),
    (
        {"target": "wet", "weight": "mood"},
        "data.weight: '{path}': column 'mood', row 0, from 0: expected a number, 0 or more, found '{mood}'",
    ),
    (
        {"target": "warm", "weight": "wet"},
        "data.weight: '{path}': column 'wet' holds bool; expected numbers, 0 or more",
    ),
    (
        {"target": "wet", "weight": "height"},
        "data.weight: '{path}': column 'height', row 4, from 0: expected a number, 0 or more, found none (2 such rows)",
    ),
    (
        {"target": "wet", "weight": "share", "missing": [2]},
        "data.weight: '{path}': column 'share', row 2, from 0: expected a number, 0 or more, found none (13 such rows)",
    ),
]


@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
@pytest.mark.parametrize(("asked", "message"), REFUSED)
def test_what_does_not_fit_is_refused(name: str, asked: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = columns()
    path = write(given, tmp_path / name)
    with pytest.raises(DataError) as error:
        table(path, **asked)
    heights = sorted({value for value in given["height"] if value is not None})[:8]
    assert str(error.value) == message.format(
        path=path, mood=given["mood"][0], heights=", ".join(f"{height:g}" for height in heights)
    )


GAPS = [None, 0.5, None, 1.5] * 10
CONSTANT: list[tuple[Columns, str]] = [
    ({"a": ["p", "q"] * 20, "b": ["p", None] * 20}, "'a' is constant ('p' in all 20 rows with all targets)"),
    ({"a": [1.5, 2.5] * 20, "b": GAPS}, "'a' is constant (2.5 in all 20 rows with all targets)"),
    ({"a": [1.5, None, 2.5, None] * 10, "b": GAPS}, "no row has a value of each of 'a', 'b'"),
    (
        {"a": ["p"] * 39 + ["q"], "b": ["p", "q"] * 20},
        "'a' has a single row of class 'q' (row 39, from 0); training and test need one each. Take such rows out or "
        "merge the classes.",
    ),
]


@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
@pytest.mark.parametrize(("given", "message"), CONSTANT)
def test_targets_that_cannot_be_learned(name: str, given: Columns, message: str, tmp_path: Path) -> None:
    path = write({"x": columns()["x"], **given}, tmp_path / name)
    with pytest.raises(DataError) as error:
        table(path, ["a", "b"])
    assert str(error.value) == f"data.target: '{path}': {message}"


def test_a_class_of_one_row_may_train_where_the_parts_are_known(tmp_path: Path) -> None:
    given = {"x": columns()["x"], "a": ["p"] * 20 + ["q"] * 19 + ["r"], "split": ["train"] * 30 + ["val"] * 10}
    found = table(write(given, tmp_path / "t.parquet"), "a", split=ColumnSplit("split"))
    assert found.targets[0].class_names == ("p", "q", "r")
    assert np.bincount(found.target).tolist() == [20, 19, 1]


@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
@pytest.mark.parametrize(
    ("row", "value", "found"),
    [(0, -1.0, "-1"), (17, -0.25, "-0.25"), (39, float("inf"), "inf"), (5, None, "none")],
)
def test_a_weight_that_is_none(name: str, row: int, value: float | None, found: str, tmp_path: Path) -> None:
    given = columns()
    given["share"][row] = value
    path = write(given, tmp_path / name)
    with pytest.raises(DataError) as error:
        table(path, "wet", weight="share")
    assert str(error.value) == (
        f"data.weight: '{path}': column 'share', row {row}, from 0: expected a number, 0 or more, found {found}"
    )


def test_weights_that_are_all_0(tmp_path: Path) -> None:
    path = write({**columns(), "share": [0] * ROWS}, tmp_path / "table.csv")
    with pytest.raises(DataError) as error:
        table(path, "height", weight="share")
    assert str(error.value) == (
        f"data.weight: '{path}': column 'share' is 0 in all 38 rows; expected a number above 0 in some"
    )


# ---- fingerprints, as saved runs know them


@pytest.mark.parametrize(
    ("target", "rows", "expected"),
    [
        ("mood", None, "1d95a21dd57713ebc76e1baf458980a637bdad5a9897b94d0c83d5dcc7f3db4f"),
        ("weight", None, "6a203ade96339a4619a962195a5f63a95cd984176bc697fa9a75f81926e892db"),
        ("rooms", None, "72333ed3b9c8c9d95085bfe6b61990e7b4440c61c669f76b63f925e2c9d7b9ef"),
        ("weight", 12, "faaf2ed4f9daab462be5593a0d5286575ec3f76c11cdbfc16c782218a5fd015d"),
    ],
)
def test_fingerprints_of_earlier_versions(target: str, rows: int | None, expected: str, tmp_path: Path) -> None:
    """Computed before there were several targets and weights."""
    assert table(write(mixed(), tmp_path / "t.csv"), target).at_most(rows).fingerprint == expected


# ---- from training to predictions


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
def test_predictions_need_no_weights(name: str, command: Command, tmp_path: Path) -> None:
    path = write(columns(), tmp_path / name)
    words = [*TINY, f"data.path={path}", "data.target=wet", "data.weight=share", "data.max_rows=30", "data.drop=[x]"]
    done = command("run", *words)
    assert (done.returncode, done.stderr) == (0, "")
    new = {each: values for each, values in columns().items() if each not in ("wet", "share", "x")}
    done = command("predict", the_run_folder(tmp_path), write(new, tmp_path / f"new_{name}"), "-o", "out.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 1 + ROWS
