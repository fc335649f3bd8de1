"""What `predict` and `load` give for each task: the columns, and values that have the metrics of the run."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyarrow import parquet
from sklearn import metrics as sk
from support.commands import Command, refusal, said
from support.drawn_sets import numbers, read_csv
from support.folders import files_in, result_of
from support.predictions import loaded, metrics_in, put, rows_of, spoil, train, write_rows
from support.project import QUICK_TABLE
from support.task_runs import FEATURES, ROWS, TASKS, TaskRuns

from mlp_exp import load
from mlp_exp.display.numbers import number
from mlp_exp.errors import DataError, RunFolderError
from mlp_exp.inference import tables
from mlp_exp.inference.ensemble import Ensemble

pytestmark = pytest.mark.slow

Written = Mapping[str, Any]
QUANTILES = ("quantile_0.1", "quantile_0.4", "quantile_0.8")
COLUMNS: dict[str, list[str]] = {
    "binary": ["prediction", "probability_no", "probability_yes"],
    "multiclass": ["prediction", "probability_a", "probability_b", "probability_c"],
    "ordinal": ["prediction", *(f"probability_{grade}" for grade in range(4))],
    "labels": ["prediction_two", "probability_two", "prediction_label", "probability_label"],
    "value": ["prediction"],
    "values": ["prediction_value", "prediction_other"],
    "logarithms": ["prediction_amount", "prediction_larger"],
    "quantiles": ["prediction", *QUANTILES],
    "distribution": ["prediction", "standard_deviation"],
    "counts": ["prediction"],
    "amounts": ["prediction_amount", "prediction_larger"],
}


def mean_of(metric: Callable[[Any, Any], float], *names: str) -> Callable[[Written, Written], float]:
    """The mean over targets of a metric of scikit-learn."""
    return lambda true, made: float(np.mean([metric(true[name], made[f"prediction_{name}"]) for name in names]))


def crps(true: Written, made: Written) -> float:
    deviation = made["standard_deviation"]
    z = (true["value"] - made["prediction"]) / deviation
    below = np.array([math.erf(each / math.sqrt(2)) for each in z])
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return float((deviation * (z * below + 2 * density - 1 / math.sqrt(math.pi))).mean())


def pinball(true: Written, made: Written) -> float:
    losses = [sk.mean_pinball_loss(true["value"], made[name], alpha=float(name[9:])) for name in QUANTILES]
    return float(np.mean(losses))


MEASURED: dict[str, dict[str, Callable[[Written, Written], float]]] = {
    "binary": {
        "f1": lambda true, made: sk.f1_score(true["two"], made["prediction"], pos_label="yes"),
        "log_loss": lambda true, made: sk.log_loss(true["two"] == "yes", made["probability_yes"]),
    },
    "multiclass": {
        "accuracy": lambda true, made: float((true["three"] == made["prediction"]).mean()),
        "log_loss": lambda true, made: float(
            -np.log([made[f"probability_{name}"][row] for row, name in enumerate(true["three"])]).mean()
        ),
    },
    "ordinal": {
        "mean_absolute_class_error": lambda true, made: sk.mean_absolute_error(
            true["grade"].astype(int), made["prediction"].astype(int)
        ),
    },
    "labels": {
        "accuracy": mean_of(sk.accuracy_score, "two", "label"),
        "log_loss_label": lambda true, made: sk.log_loss(true["label"] == "1", made["probability_label"]),
    },
    "value": {"rmse": lambda true, made: sk.root_mean_squared_error(true["value"], made["prediction"])},
    "values": {"r2": mean_of(sk.r2_score, "value", "other")},
    "logarithms": {"rmse": mean_of(sk.root_mean_squared_error, "amount", "larger")},
    "quantiles": {
        "pinball": pinball,
        "mae": lambda true, made: sk.mean_absolute_error(true["value"], made["prediction"]),
        "coverage": lambda true, made: float(
            ((made["quantile_0.1"] <= true["value"]) & (true["value"] <= made["quantile_0.8"])).mean()
        ),
    },
    "distribution": {"crps": crps},
    "counts": {
        "poisson_deviance": lambda true, made: sk.mean_poisson_deviance(true["count"], made["prediction"]),
    },
    "amounts": {"gamma_deviance": mean_of(sk.mean_gamma_deviance, "amount", "larger")},
}
"""Metrics of the run, computed from what is written."""
TEXTS = ("two", "three", "grade", "label", "split")


VALUES = ("value", "values", "logarithms", "quantiles", "distribution", "counts", "amounts")


def typed(columns: Mapping[str, Sequence[str]]) -> dict[str, NDArray[Any]]:
    """Numbers, but for classes."""
    is_text = {
        name: name in TEXTS or columns[name][0] in ("no", "yes", "a", "b", "c") or name == "prediction_label"
        for name in columns
    }
    return {name: np.array(of) if is_text[name] else numbers(list(of)) for name, of in columns.items()}


@pytest.fixture
def test_part(tasks: TaskRuns, tmp_path: Path) -> Path:
    """A table of the rows that were tested on."""
    header, *rows = rows_of(tasks.folder, "tasks.csv")
    return write_rows(tmp_path / "test.csv", [header, *(row for row in rows if row[-1] == "test")])


@pytest.mark.parametrize("task", TASKS)
def test_what_is_written_has_the_metrics_of_the_run(
    task: str, tasks: TaskRuns, test_part: Path, command: Command, tmp_path: Path
) -> None:
    run, targets = tasks(task) / "0", ",".join(tasks.targets(task))
    lines = said(command("predict", run, test_part, "-o", "o.csv", "--target", targets, "--keep", "w"))
    result = result_of(run)["metrics"]["test"]
    assert f"{targets.replace(',', ', ')} of {ROWS // 5} rows" in [line.rstrip() for line in lines]
    assert list(metrics_in(lines)) == list(result)
    found = tables.predict_table(Ensemble([loaded(run)]), str(test_part), tmp_path / "p.csv", [targets])
    assert found.scores.values == pytest.approx(result, rel=1e-5, abs=1e-6)
    made, true = read_csv(tmp_path / "o.csv"), read_csv(test_part)
    assert list(made) == ["w", *COLUMNS[task]]
    assert made["w"] == true["w"]
    named = typed(made) | ({"prediction": np.array(made["prediction"])} if task == "ordinal" else {})
    for name, metric in MEASURED[task].items():
        assert metric(typed(true), named) == pytest.approx(result[name], rel=1e-5), name


@pytest.mark.parametrize("task", TASKS)
def test_answers_in_python_are_those_of_the_file(task: str, tasks: TaskRuns, command: Command, tmp_path: Path) -> None:
    run, table = loaded(tasks(task) / "0"), read_csv(tasks.table)
    said(command("predict", run.folder, tasks.table, "-o", "o.csv"))
    said(command("predict", run.folder, tasks.table, "-o", "o.parquet"))
    texts, values = read_csv(tmp_path / "o.csv"), parquet.read_table(tmp_path / "o.parquet")
    found = run.predict_columns(table)
    assert list(found) == COLUMNS[task] == values.column_names
    for name, column in found.items():
        assert column.tolist() == values[name].to_pylist()
        assert column.dtype == np.float64 or column.dtype.kind == "U"
        assert texts[name] == [str(each) for each in column] or numbers(texts[name]).tolist() == column.tolist()
    predicted = run.predict(table)
    several = [found[name] for name in found if name.startswith("prediction")]
    written = several[0] if len(several) == 1 else np.stack(several, axis=1)
    assert predicted.astype(written.dtype).tolist() == written.tolist()
    assert predicted.dtype.kind == {"ordinal": "i"}.get(task, "U" if run.task.has_classes else "f")
    nothing = {name: column[:0] for name, column in table.items()}
    assert run.predict(nothing).shape == (0, *predicted.shape[1:])
    assert {name: len(column) for name, column in run.predict_columns(nothing).items()} == dict.fromkeys(found, 0)
    if run.task.has_classes:
        probabilities = [column for name, column in found.items() if name.startswith("probability")]
        assert run.predict_proba(table).tolist() == np.stack(probabilities, axis=1).tolist()
    else:
        target = ", ".join(tasks.targets(task))
        with pytest.raises(DataError, match=rf"^'{target}' has values and no classes: there are no probabilities$"):
            run.predict_proba(table)


@pytest.mark.parametrize("task", ["labels", "quantiles"])
def test_a_table_without_rows(task: str, tasks: TaskRuns, command: Command, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", rows_of(tasks.folder, "tasks.csv")[:1])
    targets = ",".join(tasks.targets(task))
    message = refusal(command("predict", tasks(task) / "0", path, "-o", "o.csv", "--target", targets))
    assert message == f"'{path}' holds a header and no row"
    assert files_in(tmp_path) == {"t.csv"}


# ---- ensembles


@pytest.mark.parametrize("task", TASKS)
def test_an_ensemble_answers_with_the_mean(task: str, tasks: TaskRuns, command: Command, tmp_path: Path) -> None:
    sweep = tasks(task)
    ones = []
    for seed in (0, 1):
        said(command("predict", sweep / str(seed), tasks.table, "-o", f"{seed}.csv"))
        ones.append(typed(read_csv(tmp_path / f"{seed}.csv")))
    lines = said(command("predict", sweep, tasks.table, "-o", "both.csv", "--top", "2"))
    assert lines[0].startswith("average of 2 runs: ")
    found = typed(read_csv(tmp_path / "both.csv"))
    assert list(found) == COLUMNS[task]
    mean = {
        name: (ones[0][name] + ones[1][name]) / 2
        for name in found
        if not name.startswith("prediction") or task in VALUES
    }
    if task == "distribution":  # of the mixture
        name = "standard_deviation"
        variances = [one[name] ** 2 + one["prediction"] ** 2 for one in ones]
        mean[name] = np.sqrt(np.mean(variances, axis=0) - mean["prediction"] ** 2)
    for name, column in mean.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-6, atol=1e-9)
    if task in ("binary", "labels"):
        runs = [loaded(sweep / str(seed)).task.thresholds for seed in (0, 1)]
        assert runs[0] != runs[1]
        for target, at in zip(tasks.targets(task), np.mean(runs, axis=0), strict=True):
            suffix = f"_{target}" if task == "labels" else ""
            chance = found[f"probability_{target if task == 'labels' else 'yes'}"]
            decided = found[f"prediction{suffix}"]
            assert (decided == ("1" if target == "label" else "yes")).tolist() == (chance >= at).tolist()


def test_runs_that_do_not_answer_alike(tasks: TaskRuns, command: Command, tmp_path: Path) -> None:
    data = (*QUICK_TABLE, f"data.path={tasks.table}", FEATURES, "baselines=none")
    train(tmp_path / "others", *data, "data.target=value", "loss=quantile", "loss.quantiles=[0.1,0.9]")
    train(tmp_path / "unordered", *data, "data.target=grade", "data.task=classification")
    quantiles = ", ".join(QUANTILES)
    for first, other, what, one, two in (
        ("value", "quantiles", "output", "prediction", f"prediction, {quantiles}"),
        ("quantiles", "distribution", "output", f"prediction, {quantiles}", "prediction, standard_deviation"),
        ("quantiles", "others", "output", f"prediction, {quantiles}", "prediction, quantile_0.1, quantile_0.9"),
        ("value", "values", "target", "value", "value, other"),
        ("values", "amounts", "target", "value, other", "amount, larger"),
        ("labels", "binary", "target", "two, label", "two"),
        ("ordinal", "unordered", "task", "ordinal", "multiclass"),
    ):
        runs = [tmp_path / name if name in ("others", "unordered") else tasks(name) / "0" for name in (first, other)]
        assert refusal(command("predict", *runs, tasks.table, "-o", "o.csv")) == (
            f"{runs[1]}: its {what} is {two!r}, and that of {runs[0]} is {one!r}; the average of runs is for those "
            "that predict the same"
        )
    assert "o.csv" not in files_in(tmp_path)


def test_runs_of_other_losses_that_answer_alike(tasks: TaskRuns) -> None:
    """Amounts by their logarithm, and by a gamma distribution."""
    runs = [loaded(tasks(task) / "0") for task in ("logarithms", "amounts")]
    table = read_csv(tasks.table)
    expected = (runs[0].predict(table) + runs[1].predict(table)) / 2
    np.testing.assert_allclose(Ensemble(runs).predict(table), expected, rtol=1e-12)


# ---- the true values


@pytest.mark.parametrize(
    ("task", "asked", "message"),
    [
        ("values", ["value"], "--target: expected a column for each of value,other, got value"),
        (
            "values",
            ["value,other", "count"],
            "--target: expected a column for each of value,other, got value, other, count",
        ),
        ("labels", ["two,lable"], "--target: the table has no column 'lable'. Did you mean 'label'"),
        (
            "value",
            ["value,other"],
            "--target: the table has no column 'value,other'. Did you mean 'value' or 'other'?",
        ),
        ("quantiles", ["value", "other"], "--target: expected a column for each of value, got value, other"),
        (
            "labels",
            ["two,three"],
            "'tasks.csv': column 'three', row 4, from 0: expected a class of training (0, 1), found 'a'",
        ),
        ("counts", ["two"], "'tasks.csv': column 'two', row 0, from 0: expected a number as in training, found 'yes'"),
    ],
)
def test_targets_that_do_not_fit(
    task: str, asked: list[str], message: str, tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    words = [word for name in asked for word in ("--target", name)]
    table = shutil.copy(tasks.table, tmp_path)
    said = refusal(command("predict", tasks(task) / "0", Path(table).name, "-o", "o.csv", *words))
    assert said.startswith(message)
    assert files_in(tmp_path) == {"tasks.csv"}


def test_targets_may_be_named_in_any_order(tasks: TaskRuns, command: Command, tmp_path: Path) -> None:
    words = ("predict", tasks("values") / "0", tasks.table, "-o", "o.csv", "--target")
    assert said(command(*words, "other,value")) == said(command(*words, "value,other"))


def test_targets_of_other_names_and_gaps(tasks: TaskRuns, command: Command, tmp_path: Path) -> None:
    """A row counts if it has all of them; each `--target` may name one or several."""
    header, *rows = rows_of(tasks.folder, "tasks.csv")
    names = {"value": "a, b", "other": "c"}
    for row, target in ((0, "value"), (1, "other"), (2, "other")):
        rows[row][header.index(target)] = ""
    path = write_rows(tmp_path / "t.csv", [[names.get(name, name) for name in header], *rows])
    run = tasks("values") / "0"
    done = [said(command("predict", run, path, "-o", "o.csv", "--target", "a, b", "--target", "c"))]
    assert f"3 of {ROWS} rows have no a, b, c and are left out of the metrics" in done[0]
    full = loaded(run).predict(read_csv(path))[3:]
    true = np.stack([numbers(read_csv(path)[name][3:]) for name in ("a, b", "c")], axis=1)
    errors = np.sqrt(((full - true) ** 2).mean(axis=0))
    assert metrics_in(done[0])["rmse"] == number(errors.mean())
    assert metrics_in(done[0])["rmse_other"] == number(errors[1])


# ---- model files of strangers

OURS = "expected a model of this project: "
SPOILT: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "two thresholds": ("binary", put("thresholds", value=[0.5, 0.5]), "expected 1 thresholds, got 2"),
    "a threshold of three classes": ("multiclass", put("thresholds", value=[0.5]), "expected 0 thresholds, got 1"),
    "one threshold of two labels": ("labels", put("thresholds", value=[0.5]), "expected 2 thresholds, got 1"),
    "a threshold above 1": (
        "binary",
        put("thresholds", value=[1.5]),
        "thresholds.0: Input should be less than or equal to 1",
    ),
    "a threshold that is no number": (
        "binary",
        put("thresholds", value=[math.nan]),
        "thresholds.0: Input should be ",
    ),
    "temperature 0": ("multiclass", put("temperature", value=0.0), "temperature: Input should be greater than 0"),
    "a negative temperature": (
        "multiclass",
        put("temperature", value=-1.0),
        "temperature: Input should be greater than 0",
    ),
    "an infinite temperature": (
        "multiclass",
        put("temperature", value=math.inf),
        "temperature: Input should be a finite number",
    ),
    "a long scaling": ("values", put("scaling", "scale", value=[1.0] * 3), "expected the scaling of 2 targets"),
    "a short scaling": ("values", put("scaling", "shift", value=[]), "expected the scaling of 2 targets"),
    "one number as the scaling of two": ("values", put("scaling", "shift", value=0.0), "expected the scaling of 2"),
    "a list as the scaling of one": ("value", put("scaling", "scale", value=[1.0]), "expected the scaling of 1 target"),
    "a list as the scaling of labels": (
        "labels",
        put("scaling", "scale", value=[1.0] * 2),
        "expected the scaling of 1",
    ),
    "a scale of 0": ("values", put("scaling", "scale", value=[1.0, 0.0]), "scaling.scale."),
    "a target twice": (
        "values",
        put("targets", 1, "name", value="value"),
        "expected targets, and classes of a target, of different names",
    ),
    "a class twice": (
        "labels",
        put("targets", 1, "class_names", value=["0", "0"]),
        "expected targets, and classes of a target, of different names",
    ),
    "no targets": ("values", put("targets", value=[]), "targets: List should have at least 1 item"),
    "a target less": ("labels", lambda model: model["targets"].pop(), "expected the class names of a multilabel task"),
    "targets with and without classes": (
        "values",
        put("targets", 1, "class_names", value=["a", "b"]),
        "expected the class names of a regression task, got 0, 2",
    ),
    "many targets": (
        "labels",
        lambda model: model.update(
            targets=[{**model["targets"][0], "name": f"y{place}"} for place in range(10_000)], thresholds=[]
        ),
        "its loss does not put out 2 numbers for a multilabel task",
    ),
    "quantiles of another loss": (
        "quantiles",
        put("config", "loss", "quantiles", value=[0.1, 0.2, 0.3, 0.4]),
        "its loss does not put out 3 numbers for a regression task",
    ),
    "levels outside": (
        "quantiles",
        put("config", "loss", "quantiles", value=[0.0, 0.5, 1.0]),
        "The configuration has 1 mistake:\n  loss.quantiles: expected a list of",
    ),
    "a loss of classes": (
        "value",
        put("config", "loss", value={"_target_": "mlp_exp.components.Focal"}),
        "The configuration has 1 mistake:\n  loss: focal is for binary, multiclass or ordinal targets",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_hostile_model(name: str, tasks: TaskRuns, tmp_path: Path) -> None:
    task, change, message = SPOILT[name]
    run = Path(shutil.copytree(tasks(task) / "0", tmp_path / "run"))
    spoil(run, change)
    with pytest.raises(RunFolderError) as caught:
        load(run)
    assert str(caught.value).startswith(f"{run}/model.pt: {OURS}{message}")
