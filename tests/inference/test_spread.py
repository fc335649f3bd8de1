"""`predict --spread`: how far the networks are apart, as a column."""

from pathlib import Path

import numpy as np
import pytest
from support.commands import Command, refusal, said
from support.drawn_sets import numbers, read_csv
from support.ensembles import with_members
from support.predictions import loaded
from support.task_runs import TaskRuns

from mlp_exp.tasks.task import deviation_of

FEATURES = ("x1", "x2", "x3")


def test_deviation_of_weighted_values() -> None:
    values = list(np.random.default_rng(0).normal(size=(4, 30)))
    weights = [0.1, 0.2, 0.3, 0.4]
    mean = np.average(values, axis=0, weights=weights)
    expected = np.sqrt(np.average((np.array(values) - mean) ** 2, axis=0, weights=weights))
    np.testing.assert_allclose(deviation_of(values, weights), expected, rtol=1e-12)
    np.testing.assert_allclose(deviation_of(values), np.std(values, axis=0), rtol=1e-12)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "labels", "value", "values", "quantiles", "distribution"])
def test_the_spread_of_two_runs(kind: str, tasks: TaskRuns, tmp_path: Path, command: Command) -> None:
    """In the target's unit; of classes that of the probability of the predicted one."""
    sweep, table = tasks(kind), {name: read_csv(tasks.table)[name] for name in FEATURES}
    said(command("predict", sweep, tasks.table, "-o", "o.csv", "--top", "2", "--spread"))
    said(command("predict", sweep, tasks.table, "-o", "plain.csv", "--top", "2"))
    found, plain = read_csv(tmp_path / "o.csv"), read_csv(tmp_path / "plain.csv")
    targets = tasks.targets(kind)
    names = ["spread"] if len(targets) == 1 else [f"spread_{target}" for target in targets]
    assert list(found) == [*plain, *names]
    assert all(found[name] == plain[name] for name in plain)
    ones = [loaded(sweep / str(seed)).predict_columns(table) for seed in (0, 1)]
    for name, target in zip(names, targets, strict=True):
        if kind in ("binary", "multiclass"):
            of = [
                np.array([one[f"probability_{label}"][row] for row, label in enumerate(plain["prediction"])])
                for one in ones
            ]
        elif kind == "labels":
            of = [one[f"probability_{target}"] for one in ones]
        else:
            of = [one["prediction" if len(targets) == 1 else f"prediction_{target}"] for one in ones]
        np.testing.assert_allclose(numbers(list(found[name])), np.abs(of[0] - of[1]) / 2, rtol=1e-9, atol=1e-12)


def test_the_spread_of_a_run_with_members(tasks: TaskRuns, tmp_path: Path, command: Command) -> None:
    many = with_members(tasks("value") / "0", tmp_path / "many", 3)
    said(command("predict", many, tasks.table, "-o", "o.csv", "--spread", "--keep", "x1"))
    found = read_csv(tmp_path / "o.csv")
    assert list(found) == ["x1", "prediction", "spread"]
    assert min(numbers(list(found["spread"]))) > 0


def test_a_single_network_has_no_spread(tasks: TaskRuns, tmp_path: Path, command: Command) -> None:
    run = tasks("value") / "0"
    assert refusal(command("predict", run, tasks.table, "-o", "o.csv", "--spread")) == (
        f"--spread: expected several networks, which can differ, and {run} has one. Name several runs, a sweep with "
        "--top, or a run that is an ensemble"
    )
    assert not (tmp_path / "o.csv").exists()


def test_a_column_of_the_same_name_is_not_kept(tasks: TaskRuns, tmp_path: Path, command: Command) -> None:
    header, *rows = tasks.table.read_text().splitlines()
    (tmp_path / "t.csv").write_text("\n".join([f"spread,{header}", *(f"1,{row}" for row in rows)]))
    runs = [tasks("value") / "0", tasks("value") / "1"]
    said(command("predict", *runs, "t.csv", "-o", "o.csv", "--keep", "spread"))
    assert refusal(command("predict", *runs, "t.csv", "-o", "o.csv", "--keep", "spread", "--spread")) == (
        "--keep: 'spread' is a column of the predictions, too; rename the table's, or leave it out"
    )
