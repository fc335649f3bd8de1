"""Leaderboards of runs with other losses and tasks: one metric that all have ranks them, in its direction."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import Command, said
from support.folders import leaderboard_of, shown_in
from support.runs import classes, values, write_run
from support.task_runs import FEATURES, write_tasks

from mlp_exp.compare.gather import gather
from mlp_exp.leaderboard.baselines import over_splits, read_baselines
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.printed import as_table
from mlp_exp.storage.baselines_file import Baseline, BaselinesFile, OfSplit

HEADLINES = {
    "squared_error": ("rmse", "r2"),
    "gaussian": ("crps", "nll", "rmse"),
    "quantile": ("pinball", "coverage", "width"),
    "poisson": ("poisson_deviance", "rmse"),
    "binary": ("accuracy", "log_loss"),
    "ordinal": ("accuracy", "mean_absolute_class_error", "quadratic_kappa"),
}
LARGER = ["accuracy", "f1", "r2", "coverage", "quadratic_kappa"]


def result(kind: str, ranking: str, **val: float) -> dict[str, Any]:
    """What a run of this version leaves."""
    task = kind if kind in ("binary", "ordinal") else "regression"
    metrics = {"train": val, "val": val, "test": val}
    own = {"ranking": ranking, "headlines": list(HEADLINES[kind]), "larger_is_better": [n for n in LARGER if n in val]}
    return {"status": "finished", "task": task, "monitor": "val_loss", "metrics": metrics, **own}


SQUARED = {"rmse": 2.0, "mae": 1.5, "r2": 0.5}
ORDER: dict[str, tuple[list[dict[str, Any]], list[int], str, list[str]]] = {
    "values and distributions": (
        [
            result("gaussian", "crps", crps=0.1, nll=1.0, **SQUARED),
            result("squared_error", "rmse", **SQUARED | {"rmse": 1.0}),
        ],
        [1, 0],
        "val_rmse",
        ["val_rmse", "test_rmse"],
    ),
    "values and quantiles": (
        [
            result("squared_error", "rmse", **SQUARED),
            result("quantile", "pinball", pinball=0.1, coverage=0.9, width=2.0, mae=1.0),
            result("squared_error", "rmse", **SQUARED | {"mae": 0.5, "rmse": 9.0}),
        ],
        [2, 1, 0],
        "val_mae",
        ["val_mae", "test_mae"],
    ),
    "quantiles alone": (
        [
            result("quantile", "pinball", pinball=0.2, coverage=0.99, width=2.0, mae=1.0),
            result("quantile", "pinball", pinball=0.1, coverage=0.5, width=9.0, mae=2.0),
        ],
        [1, 0],
        "val_pinball",
        [f"{part}_{name}" for part in ("val", "test") for name in HEADLINES["quantile"]],
    ),
    "counts by another metric": (
        [
            result("poisson", "poisson_deviance", poisson_deviance=1.0, **SQUARED),
            result("squared_error", "rmse", **SQUARED | {"rmse": 1.0}),
        ],
        [1, 0],
        "val_rmse",
        ["val_rmse", "test_rmse"],
    ),
    "f1, which is watched": (
        [
            result("binary", "f1", accuracy=0.9, log_loss=0.1, f1=0.5),
            result("binary", "f1", accuracy=0.8, log_loss=0.2, f1=0.6),
        ],
        [1, 0],
        "val_f1",
        ["val_f1", "val_accuracy", "val_log_loss", "test_f1", "test_accuracy", "test_log_loss"],
    ),
    "ordered classes and others": (
        [
            result("ordinal", "mean_absolute_class_error", accuracy=0.9, log_loss=0.4, mean_absolute_class_error=0.1),
            result("binary", "log_loss", accuracy=0.5, log_loss=0.3),
        ],
        [1, 0],
        "val_log_loss",
        ["val_log_loss", "val_accuracy", "test_log_loss", "test_accuracy"],
    ),
    "a kappa that is watched": (
        [
            result("ordinal", "quadratic_kappa", accuracy=0.9, mean_absolute_class_error=0.1, quadratic_kappa=kappa)
            for kappa in (0.2, 0.7, -0.5)
        ],
        [1, 0, 2],
        "val_quadratic_kappa",
        [f"{part}_{name}" for part in ("val", "test") for name in HEADLINES["ordinal"]],
    ),
    "version 0.1 and this": (
        [values(2.0), result("gaussian", "crps", crps=0.1, nll=1.0, **SQUARED | {"rmse": 1.0}), classes(0.5)],
        [2, 1, 0],
        "val_log_loss",
        ["val_accuracy", "val_log_loss", "test_accuracy", "test_log_loss"],
    ),
    "values of version 0.1 and distributions": (
        [values(2.0), result("gaussian", "crps", crps=0.1, nll=1.0, **SQUARED | {"rmse": 1.0})],
        [1, 0],
        "val_rmse",
        ["val_rmse", "test_rmse"],
    ),
}


@pytest.mark.parametrize("case", ORDER)
def test_runs_are_ranked_by_what_they_share(case: str, tmp_path: Path) -> None:
    results, order, ranked_by, shown = ORDER[case]
    for job, each in enumerate(results):
        write_run(tmp_path / str(job), each, [f"loss={job}"], job)
    entries = Leaderboard.read(tmp_path, configs=True).entries
    assert [entry.job for entry in entries] == order
    title, columns, _ = as_table(entries)
    assert title == f"{len(results)} runs, best first by {ranked_by}"
    assert columns == ["job", "loss", *shown]
    assert gather([tmp_path], entries)["headlines"][0] == ranked_by
    assert set(gather([tmp_path], entries)["headlines"]) == {*shown}


def test_baselines_of_other_losses_are_told_apart(tmp_path: Path) -> None:
    for ranking in ("rmse", "pinball"):
        metrics: dict[str, dict[str, float | None]] = {"val": {ranking: 1.0, "mae": 2.0}}
        of = {"task": "regression", "target": "y", "data": "d", "rows": 9, "headlines": [ranking], "ranking": ranking}
        baseline = Baseline(metrics=metrics, rows=5, seconds=0.1)
        split = OfSplit.model_validate({**of, "larger_is_better": [], "baselines": {"linear model": baseline}})
        BaselinesFile(tmp_path).add(ranking, split)
    assert list(over_splits(read_baselines([tmp_path]))) == ["linear model, rmse", "linear model, pinball"]


@pytest.mark.slow
def test_sweeps_over_losses_and_tasks(command: Command, tmp_path: Path) -> None:
    data = (
        "data=table",
        "experiment=table_quick",
        f"data.path={write_tasks(tmp_path)}",
        FEATURES,
        "trainer.epochs=2",
        "trainer.plots=never",
    )
    losses = "loss=squared_error,huber,quantile,gaussian"
    lines = said(command("run", "-m", *data, "data.target=value", losses, "hydra.sweep.dir=losses"))
    assert "4 runs, best first by val_mae" in [line.strip() for line in lines]
    rows = leaderboard_of(tmp_path / "losses")
    runs = [row for row in rows if not row["baseline"]]
    errors = [float(row["val_mae"]) for row in runs]
    assert errors == sorted(errors)
    assert {row["loss"] for row in runs} == {"squared_error", "huber", "quantile", "gaussian"}
    page = shown_in(tmp_path / "losses" / "report.html")
    assert page["headlines"] == ["val_mae", "test_mae"]
    assert [run["overrides"]["loss"] for run in page["runs"]] == [row["loss"] for row in runs]
    names = {baseline["name"] for baseline in page["baselines"]}
    assert names >= {"linear model, rmse", "linear model, pinball", "linear model, crps"}
    done = command("run", "-m", *data, "data.target=value,two,[two,label]", "baselines=none", "hydra.sweep.dir=tasks")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 runs in 3 stacks: the number of classes differs" in done.stdout
    assert [row["data.target"] for row in leaderboard_of(tmp_path / "tasks")][-1] == "value"
