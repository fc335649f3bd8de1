"""Every option of every group, and every preset, is built and trains."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from support.compositions import Compose
from support.folders import files_in, result_of
from support.project import option_with_values, options, presets
from support.specs import build, train_in
from support.tables import TABLE_ROWS

from mlp_exp.config.validation import find_problems
from mlp_exp.data.sources import bundled
from mlp_exp.errors import ConfigError, DivergedError, MlpExpError, RunFolderError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.storage.model_file import MODEL_FORMAT
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.metrics import (
    CLASS_DEFAULTS,
    DISTRIBUTION_DEFAULTS,
    ORDINAL_DEFAULTS,
    QUANTILE_DEFAULTS,
    VALUE_DEFAULTS,
)
from mlp_exp.training.trainer import Trainer

CLASSES = set(CLASS_DEFAULTS)
VALUES = set(VALUE_DEFAULTS)
SETS = {
    "circle": ("binary", 1000, 2),
    "moons": ("binary", 1000, 2),
    "spirals": ("multiclass", 1500, 2),
    "table": ("binary", TABLE_ROWS, 3),
    "breast_cancer": ("binary", 569, 30),
    "diabetes": ("regression", 442, 10),
    "digits": ("multiclass", 1797, 64),
    "iris": ("multiclass", 150, 4),
    "wine": ("multiclass", 178, 13),
}
"""Task, rows and numeric features of each option of `data`."""

DATA_OF_LOSS = {
    "auto": "circle",
    "binary_cross_entropy": "moons",
    "cross_entropy": "iris",
    "focal": "breast_cancer",
    "gamma": "diabetes",
    "gaussian": "diabetes",
    "huber": "diabetes",
    "ordinal": "table",
    "poisson": "diabetes",
    "quantile": "diabetes",
    "squared_error": "diabetes",
}
RESULT_KEYS = {
    "status",
    "rows",
    "task",
    "seed",
    "best_epoch",
    "epochs",
    "monitor",
    "best_value",
    "ranking",
    "headlines",
    "larger_is_better",
    "metrics",
    "undefined",
    "intervals",
    "seconds",
    "stacked",
    "parameters",
    "provenance",
}

Train = Callable[..., "Trained"]


class Trained:
    """A run's folder, read back."""

    def __init__(self, folder: Path, cfg: DictConfig, returned: float) -> None:
        self.folder = folder
        self.cfg = cfg
        self.returned = returned
        self.result: dict[str, Any] = result_of(folder)
        with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
            self.columns, *rows = list(csv.reader(file))
        self.history = {name: [float(row[index]) for row in rows] for index, name in enumerate(self.columns)}

    def model(self) -> dict[str, Any]:
        return dict(torch.load(self.folder / "model.pt", weights_only=True))


@pytest.fixture
def train(compose: Compose, tmp_path: Path) -> Train:
    """Checks, builds and trains a configuration in this process; without figures."""

    def train_run(*overrides: str, epochs: int | str = 2) -> Trained:
        words = [*overrides, f"trainer.epochs={epochs}", "trainer.device=cpu"]
        cfg = compose(words)
        assert find_problems(cfg, words) == []
        folder = tmp_path / "run"
        folder.mkdir()
        returned = train_in(folder, cfg)
        return Trained(folder, cfg, returned)

    return train_run


METRICS_OF_LOSS = {
    "gamma": ("gamma_deviance", {"gamma_deviance", *VALUES}),
    "gaussian": ("crps", set(DISTRIBUTION_DEFAULTS)),
    "ordinal": ("mean_absolute_class_error", set(ORDINAL_DEFAULTS)),
    "poisson": ("poisson_deviance", {"poisson_deviance", *VALUES}),
    "quantile": ("pinball", set(QUANTILE_DEFAULTS)),
}
"""That of the history, and all, of the losses that predict something else than the data's task says."""


COLUMNS_OF_CALLBACK = {"gradient_norms": ["gradient_norm"]}
FILES_OF_CALLBACK = {"lr_finder": ["learning_rates.csv"]}


def check(run: Trained, task: str, loss: str = "auto", callback: str = "none") -> None:
    """What holds for every run of two epochs with the default split."""
    name, every = METRICS_OF_LOSS.get(loss, ("rmse", VALUES) if task == "regression" else ("accuracy", CLASSES))
    metric = f"val_{name}"
    assert run.columns == [
        "epoch",
        "lr",
        "train_loss",
        "val_loss",
        metric,
        *COLUMNS_OF_CALLBACK.get(callback, []),
        "seconds",
    ]
    assert run.history["epoch"] == [1, 2]
    assert all(math.isfinite(value) for column in run.history.values() for value in column)
    assert all(value > 0 for name in ("train_loss", "val_loss") for value in run.history[name] if loss != "gaussian")
    assert 0 < run.history["seconds"][0] < run.history["seconds"][1]

    result = run.result
    assert set(result) == RESULT_KEYS
    assert (result["status"], result["task"], result["seed"], result["epochs"]) == ("finished", task, 0, 2)
    stopping = run.model()["config"]["early_stopping"]
    monitor = metric if stopping["monitor"] == "val_metric" else stopping["monitor"]
    watched = run.history[monitor]
    larger = stopping["monitor"] == "val_metric" and name == "accuracy"
    best = max(watched) if larger else min(watched)
    equals = [epoch for epoch, value in enumerate(watched, 1) if value == best]
    assert result["best_epoch"] == equals[-1 if stopping["latest"] else 0]
    assert run.returned == best
    assert (result["monitor"], result["best_value"], result["stacked"]) == (monitor, best, 1)
    assert result["seconds"] >= run.history["seconds"][1]
    assert list(result["metrics"]) == ["train", "val", "test"]
    for scores in result["metrics"].values():
        assert set(scores) == every
        assert all(math.isfinite(score) for score in scores.values())
    assert set(result["intervals"]["test"]) == every
    assert result["undefined"] == {}
    # the metric of the best epoch is that of the saved weights
    of_best = run.history[metric][result["best_epoch"] - 1]
    assert result["metrics"]["val"][metric.removeprefix("val_")] == pytest.approx(of_best, rel=1e-4)
    files = {"history.csv", "result.json", "model.pt", "checkpoint.pt", *FILES_OF_CALLBACK.get(callback, [])}
    assert files_in(run.folder) == files
    checkpoint = Checkpoint.read(RunFolder(run.folder))
    ((history, state),) = checkpoint.networks
    assert history == [list(row) for row in zip(*run.history.values(), strict=True)]
    assert state is not None
    assert state.epoch == 2


def fitting(group: str, option: str) -> str:
    """The data that an option needs."""
    if group == "data":
        return option
    if group == "split" and option in ("group", "time", "column"):
        return "table"
    return DATA_OF_LOSS[option] if group == "loss" else "circle"


def ordered(folder: Path) -> list[str]:
    """A table of three numbers and a grade."""
    rng = np.random.default_rng(0)
    rows = [[*row, int(np.digitize(row[0], [-0.5, 0.5]))] for row in rng.normal(size=(TABLE_ROWS, 3)).tolist()]
    with (folder / "grades.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "grade"], *rows])
    return [f"data.path={folder / 'grades.csv'}", "data.target=grade", "data.task=ordinal"]


def test_the_tables_name_every_option() -> None:
    assert {option for group, option in options() if group == "data"} == set(SETS)
    assert {option for group, option in options() if group == "loss"} == set(DATA_OF_LOSS)


@pytest.mark.parametrize(("group", "option"), options(), ids=[f"{g}={o}" for g, o in options()])
def test_every_option_trains(train: Train, tmp_path: Path, group: str, option: str) -> None:
    data = fitting(group, option)
    words = [f"data={data}", *option_with_values(group, option, tmp_path)]
    is_ordinal = (group, option) == ("loss", "ordinal")
    if is_ordinal:
        words += ordered(tmp_path)
    run = train(*dict.fromkeys(words))
    if group == "ensemble" and option != "none":  # test_ensembles.py checks all that it leaves
        assert (run.result["status"], len(run.result["members"])) == ("finished", 8)
        return
    task = "ordinal" if is_ordinal else SETS[data][0]
    loss, callback = (option if group == wanted else "" for wanted in ("loss", "callbacks"))
    check(run, task, loss, callback)
    model = run.model()
    written = run.cfg[group]
    saved = model["config"].get(group, {})
    assert set(saved) == (set(written) if group != "tracker" else set())  # on which no result depends
    if group != "callbacks":  # which are several
        assert saved.get("_target_") == (written["_target_"] if group != "tracker" else None)
    assert model["format"] == MODEL_FORMAT
    assert model["task"] == task
    assert len(model["feature_names"]) == SETS[data][2]
    assert all(torch.isfinite(tensor).all() for tensor in model["state_dict"].values())


@pytest.mark.parametrize("name", sorted({*presets()} - {"table_best"}))
def test_every_preset_trains(train: Train, name: str) -> None:
    data = "circle" if name in ("default", "debug", "table", "table_quick") else name
    run = train(f"experiment={name}")
    check(run, SETS[data][0])


@pytest.mark.parametrize("data", sorted(SETS))
def test_data_has_the_rows_that_its_option_names(compose: Compose, tmp_path: Path, data: str) -> None:
    dataset = build(compose(option_with_values("data", data, tmp_path))).dataset
    assert (dataset.task, *dataset.features.shape) == SETS[data]


@pytest.mark.parametrize(
    ("scheduler", "factors"),
    [
        ("none", [1, 1, 1, 1]),
        ("cosine", [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2]),
        ("exponential", [1, 0.97, 0.97**2, 0.97**3]),
        ("step scheduler.step_size=2", [1, 1, 0.1, 0.1]),
        ("reduce_on_plateau", [1, 1, 1, 1]),
        ("warmup_cosine scheduler.warmup_epochs=2", [0.1, 0.55, 1, 0.5]),
    ],
)
def test_learning_rates_of_a_scheduler(train: Train, scheduler: str, factors: list[float]) -> None:
    run = train(f"scheduler={scheduler.split(maxsplit=1)[0]}", *scheduler.split()[1:], "optimizer.lr=0.01", epochs=4)
    assert run.history["lr"] == pytest.approx([0.01 * factor for factor in factors], rel=1e-12)


def test_one_cycle_goes_up_and_down(train: Train) -> None:
    run = train("scheduler=one_cycle", "optimizer.lr=0.01", epochs=10)
    rates = run.history["lr"]
    assert rates[0] == pytest.approx(0.01 / 25)
    assert rates[2] == max(rates) == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.01 / 25 / 1e4)


@pytest.mark.parametrize(
    ("rows", "steps", "batch_size", "size", "epochs"),
    [
        (700, 660, 32, 32, 30),
        (700, 661, 32, 32, 31),
        (20, 33, 32, 20, 33),
        (20, 1, "full", 20, 30),
        (20, 33, "full", 20, 33),
        (2047, 111, "auto", 32, 30),
        (2048, 111, "auto", 64, 30),
        (4095, 111, "auto", 64, 30),
        (4096, 1024, "auto", 128, 32),
        (100_000, 4000, "auto", 128, 30),
        (1, 70, "auto", 1, 70),
    ],
)
def test_steps_bound_the_epochs_from_below(rows: int, steps: int, batch_size: Any, size: int, epochs: int) -> None:
    trainer = Trainer(epochs="auto", batch_size=batch_size, steps=steps)
    assert min(trainer.batch_size_for(rows), rows) == size
    assert trainer.epochs_for(rows) == epochs
    assert Trainer(epochs=5, batch_size=batch_size, steps=steps).epochs_for(rows) == 5


@pytest.mark.parametrize(
    ("rows", "batches", "size"),
    [(1000, 100, 32), (6399, 100, 32), (6400, 100, 64), (12_799, 100, 64), (12_800, 100, 128), (10**6, 1, 128)],
)
def test_batches_bound_the_automatic_batch_size(rows: int, batches: int, size: int) -> None:
    trainer = Trainer(epochs="auto", batch_size="auto", batches=batches, auto_epochs=60, steps=1)
    assert trainer.batch_size_for(rows) == size
    assert trainer.epochs_for(rows) == 60


def test_the_schedule_spans_the_epochs_that_steps_ask_for(train: Train) -> None:
    """700 rows in batches of 350 are 2 steps an epoch."""
    run = train("trainer.steps=63", "trainer.batch_size=350", "scheduler=cosine", "optimizer.lr=0.01", epochs="auto")
    assert run.result["epochs"] == 32
    factors = [(1 + math.cos(math.pi * epoch / 32)) / 2 for epoch in range(32)]
    assert run.history["lr"] == pytest.approx([0.01 * factor for factor in factors], rel=1e-12)
    assert run.model()["config"]["trainer"]["epochs"] == "auto"


def test_figures_in_a_logs_own_unit(train: Train) -> None:
    run = train("data=diabetes", "preprocess.log_target=true")
    check(run, "regression")
    state = run.model()["preprocess"]["target"]
    target = np.log1p(bundled("diabetes").target)
    assert state["log"] is True
    assert state["shift"] == pytest.approx(target.mean(), rel=0.02)
    # of one who says the same of all rows
    assert 30 < run.history["val_rmse"][0] < 120


def test_a_table_with_embeddings_leaves_what_rebuilds_it(train: Train, tmp_path: Path) -> None:
    run = train(
        *option_with_values("data", "table", tmp_path),
        "split=column",
        "split.column=split",
        "preprocess.one_hot_max=12",
    )
    check(run, "binary")
    model = run.model()
    assert model["state_dict"]["embedding.weight"].shape == (2 * 2 + 20 + 40, 8)
    assert [category["name"] for category in model["preprocess"]["categories"]] == ["colour", "city", "patient"]
    assert [(c["name"], c["kind"]) for c in model["columns"]] == [
        ("x", "number"),
        ("age", "number"),
        ("colour", "category"),
        ("city", "category"),
        ("patient", "category"),
        ("time", "number"),
        ("split", "for the split"),
    ]


@pytest.mark.slow
def test_two_numbers_with_gaps_have_a_decision_boundary(train: Train, tmp_path: Path) -> None:
    words = option_with_values("data", "table", tmp_path)
    run = train(*words, "data.drop=[colour,city,patient,time,split]", "trainer.plots=always")
    assert (run.folder / "plots" / "decision_boundary.png").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    ("split", "columns", "parts"),
    [
        (
            "split.train=0.8 split.val=0 split.test=0.2",
            ["epoch", "lr", "train_loss", "seconds"],
            ["train", "test"],
        ),
        (
            "split.train=0.8 split.val=0.2 split.test=0",
            ["epoch", "lr", "train_loss", "val_loss", "val_accuracy", "seconds"],
            ["train", "val"],
        ),
        ("split.train=1 split.val=0 split.test=0", ["epoch", "lr", "train_loss", "seconds"], ["train"]),
    ],
)
def test_parts_that_are_not_there_are_left_out(train: Train, split: str, columns: list[str], parts: list[str]) -> None:
    run = train(*split.split())
    assert run.columns == columns
    assert list(run.result["metrics"]) == parts


@pytest.mark.parametrize(
    ("monitor", "data", "best"),
    [
        ("train_loss", "circle", min),
        ("val_accuracy", "circle", max),
        ("val_rmse", "diabetes", min),
        ("val_metric", "circle", max),
        ("val_metric", "diabetes", min),
    ],
)
def test_the_watched_column_decides(
    train: Train, monitor: str, data: str, best: Callable[[list[float]], float]
) -> None:
    run = train(f"data={data}", f"early_stopping.monitor={monitor}", epochs=5)
    metric = "val_rmse" if data == "diabetes" else "val_accuracy"
    column = metric if monitor == "val_metric" else monitor
    watched = run.history[column]
    assert run.returned == best(watched)
    assert (run.result["monitor"], run.result["best_value"]) == (column, best(watched))
    assert run.result["best_epoch"] == 1 + watched.index(best(watched))


def test_without_a_validation_part_the_metric_means_the_training_loss(train: Train) -> None:
    run = train("split.train=0.8", "split.val=0", "split.test=0.2", "early_stopping.monitor=val_metric", epochs=3)
    losses = run.history["train_loss"]
    assert (run.result["monitor"], run.result["best_value"]) == ("train_loss", min(losses))
    assert run.result["best_epoch"] == 1 + losses.index(min(losses))


@pytest.mark.parametrize(
    "overrides",
    [
        "data=diabetes early_stopping.monitor=val_accuracy",
        "data=circle early_stopping.monitor=val_rmse",
        "split.train=0.8 split.val=0 early_stopping.monitor=val_accuracy",
    ],
)
def test_a_column_that_is_not_there_cannot_be_watched(train: Train, overrides: str) -> None:
    """Else the loss would be watched in its place, and by `mode: auto` as if more were better."""
    with pytest.raises(MlpExpError, match=r"early_stopping\.monitor"):
        train(*overrides.split())


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            "loss=huber",
            "loss: huber is for regression targets, and the task is binary; use loss=auto, binary_cross_entropy, "
            "cross_entropy or focal, or of a table say data.task=regression",
        ),
        (
            "data=iris loss=binary_cross_entropy",
            "loss: binary_cross_entropy is for binary or multilabel targets, and the task is multiclass; use "
            "loss=auto, cross_entropy or focal",
        ),
        (
            "data=diabetes loss=cross_entropy",
            "loss: cross_entropy is for binary, multiclass or ordinal targets, and the task is regression; "
            "use loss=auto, squared_error, huber, quantile, gaussian, poisson or gamma",
        ),
        (
            "data=diabetes loss.label_smoothing=0.1",
            "loss: label_smoothing and class_weight are for classes, and the task is regression",
        ),
    ],
)
def test_a_loss_that_does_not_fit_the_task(train: Train, overrides: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train(*overrides.split())
    assert caught.value.problems == [line]


def test_an_unknown_nonlinearity_is_named(compose: Compose) -> None:
    words = ["init=kaiming_normal", "init.weight.nonlinearity=nope"]
    known = "linear, sigmoid, tanh, relu, leaky_relu, selu"
    expected = f"init.weight.nonlinearity: expected one of {known}, got 'nope'"
    assert find_problems(compose(words), words) == [expected]


def test_a_function_that_returns_no_dataset_is_refused(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        build(compose(["data._target_=builtins.dict"]))
    assert caught.value.problems == ["data._target_: expected a Dataset to be returned, got dict"]


def test_a_diverged_run_is_saved_and_named(train: Train, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"^The run diverged in epoch 1: "):
        train("optimizer=sgd", "optimizer.lr=1e10")
    result = result_of(tmp_path / "run")
    assert result["status"] == "diverged"
    assert result["reason"] == str(DivergedError(1))
    assert (result["best_epoch"], result["epochs"], result["metrics"]) == (0, 1, {})
    assert (result["monitor"], result["best_value"], result["stacked"]) == ("val_loss", None, 1)
    assert files_in(tmp_path / "run") == {"history.csv", "result.json", "checkpoint.pt"}


def test_patience_stops_early(train: Train) -> None:
    run = train("early_stopping=patience", "early_stopping.patience=2", "early_stopping.min_delta=1000", epochs=50)
    assert run.result["status"] == "stopped_early"
    assert (run.result["best_epoch"], run.result["epochs"]) == (1, 3)
    assert run.result["best_value"] == run.history["val_loss"][0]


def test_the_same_seed_gives_the_same_run(compose: Compose, tmp_path: Path) -> None:
    runs = []
    for number, seed in enumerate((3, 3, 4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        cfg = compose([f"seed={seed}", "trainer.epochs=2", "trainer.device=cpu"])
        runs.append(Trained(folder, cfg, train_in(folder, cfg)))
    first, again, other = ([run.history["train_loss"], run.history["val_loss"]] for run in runs)
    assert first == again
    assert first != other
    weights = [run.model()["state_dict"] for run in runs]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["head.weight"], weights[2]["head.weight"])


def test_a_folder_belongs_to_one_run(train: Train, compose: Compose, tmp_path: Path) -> None:
    run = train()
    before = {name: (run.folder / name).read_bytes() for name in files_in(run.folder)}
    cfg = compose(["trainer.epochs=1", "seed=9", "trainer.device=cpu"])
    with pytest.raises(RunFolderError) as caught:
        train_in(run.folder, cfg)
    assert str(caught.value) == (
        f"{run.folder}: holds result.json of another run. Give this run a folder of its own: "
        f"hydra.run.dir={run.folder}-2"
    )
    assert {name: (run.folder / name).read_bytes() for name in files_in(run.folder)} == before


CLASS_FIGURES = ("confusion_matrix", "roc", "precision_recall", "calibration")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "figures"),
    [
        ("circle", {"loss", "decision_boundary", *CLASS_FIGURES}),
        ("spirals", {"loss", "decision_boundary", *CLASS_FIGURES}),
        ("wine", {"loss", *CLASS_FIGURES, "importance"}),
        ("diabetes", {"loss", "predicted_actual", "residuals", "importance"}),
    ],
)
def test_figures_by_task(train: Train, data: str, figures: set[str]) -> None:
    run = train(f"data={data}", "trainer.plots=always")
    assert {path.name for path in (run.folder / "plots").iterdir()} == {f"{name}.png" for name in figures}
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in (run.folder / "plots").iterdir())


def test_a_prediction_that_is_not_finite_costs_a_part_its_metrics_and_nothing_else(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"{row % 7 - 3},{(row % 7) ** 2},{'train' if row < 40 else 'test'}" for row in range(50)]
    rows[44] = "1e300,5,test"
    (tmp_path / "t.csv").write_text("\n".join(["x,y,split", *rows]))
    words = (
        "data=table",
        "experiment=table_quick",
        f"data.path={tmp_path / 't.csv'}",
        "data.target=y",
        "data.task=regression",
        "split=column",
    )
    run = train(*words, "preprocess.ranks=false")
    assert run.result["status"] == "finished"
    assert set(run.result["metrics"]["train"]) == VALUES
    assert run.result["metrics"]["test"] == {}
    assert "test: no metrics, since 1 of 10 predictions are not finite numbers (first: row 44)." in caplog.text
    assert run.model()["task"] == "regression"
