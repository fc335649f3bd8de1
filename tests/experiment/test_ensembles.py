"""Ensembles in one run: folds, seeds and bagging, trained as one stack."""

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import f1_score, mean_absolute_error
from support.commands import Command
from support.folders import files_in, result_of
from support.resuming import QUIET, Make, timeless, words

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.ensembles import BaggingEnsemble, Ensemble, FoldEnsemble, MemberRows, SeedEnsemble, alike
from mlp_exp.data.splits.base import Parts
from mlp_exp.data.splits.by_fraction import GroupSplit, RandomSplit, TimeSplit
from mlp_exp.engine.streams import Streams
from mlp_exp.errors import DataError
from mlp_exp.inference.loading import load
from mlp_exp.inference.trained_run import TrainedRun

SPLIT = RandomSplit(0.7, 0.1, 0.2)


def dataset(rows: int, classes: int = 0, **aside: Any) -> Dataset:
    draw = np.random.default_rng(rows)
    target = draw.integers(0, classes, rows) if classes else draw.normal(size=rows)
    made = Dataset.from_arrays(draw.normal(size=(rows, 2)), target, regression=not classes)
    return replace(made, aside=aside)


def parts_of(data: Dataset) -> Parts:
    return SPLIT.parts(data, np.random.default_rng(3))


def divided(kind: type[Ensemble], data: Dataset, members: int, seed: int = 0, split: Any = SPLIT) -> list[MemberRows]:
    return kind(members).divide(data, parts_of(data), split, np.random.default_rng(seed))


@pytest.mark.parametrize(("rows", "classes", "members"), [(40, 0, 2), (97, 3, 8), (203, 0, 7), (61, 2, 12)])
def test_folds_divide_all_rows_but_those_of_the_test_part(rows: int, classes: int, members: int) -> None:
    data = dataset(rows, classes)
    parts = parts_of(data)
    known = np.sort(np.concatenate([parts.train, parts.val]))
    found = divided(FoldEnsemble, data, members)
    assert np.array_equal(np.sort(np.concatenate([val for _, val in found])), known)
    for train, val in found:
        assert np.array_equal(np.sort(np.concatenate([train, val])), known)
    sizes = [len(val) for _, val in found]
    assert max(sizes) - min(sizes) <= 1
    if classes:
        counts = np.array([np.bincount(data.target[val], minlength=classes) for _, val in found])
        assert (np.ptp(counts, axis=0) <= 1).all()


@pytest.mark.parametrize(("rows", "classes"), [(40, 0), (97, 3), (203, 2)])
def test_a_bootstrap_sample_has_as_many_rows_and_lacks_a_fixed_number(rows: int, classes: int) -> None:
    data = dataset(rows, classes)
    parts = parts_of(data)
    known = np.sort(np.concatenate([parts.train, parts.val]))
    found = divided(BaggingEnsemble, data, 5)
    assert {len(train) for train, _ in found} == {len(known)}
    assert {len(val) for _, val in found} == {round(len(known) / np.e)}
    for train, val in found:
        assert np.array_equal(np.unique(np.concatenate([train, val])), known)
        assert not np.intersect1d(train, val).size
    assert len({tuple(val) for _, val in found}) == 5


def test_networks_that_differ_in_their_seeds_have_the_rows_of_the_parts() -> None:
    data = dataset(50)
    parts = parts_of(data)
    for train, val in divided(SeedEnsemble, data, 3):
        assert np.array_equal(train, parts.train)
        assert np.array_equal(val, parts.val)


def test_folds_keep_groups_together() -> None:
    groups = np.random.default_rng(0).integers(0, 23, 200)
    data = dataset(200, g=groups)
    found = divided(FoldEnsemble, data, 4, split=GroupSplit("g", 0.7, 0.1, 0.2))
    for train, val in found:
        assert not np.intersect1d(groups[train], groups[val]).size
    sizes = [len(val) for _, val in found]
    assert max(sizes) - min(sizes) <= np.bincount(groups).max()


def test_folds_of_a_split_by_time_are_spans_of_time() -> None:
    times = np.random.default_rng(0).integers(0, 60, 200).astype(float)
    data = dataset(200, t=times)
    spans = [times[val] for _, val in divided(FoldEnsemble, data, 4, split=TimeSplit("t", 0.7, 0.1, 0.2))]
    for earlier, later in pairwise(spans):
        assert earlier.max() < later.min()


@pytest.mark.parametrize(
    ("kind", "data", "split", "message"),
    [
        (
            FoldEnsemble,
            dataset(20),
            SPLIT,
            "ensemble.members: expected at most 16 folds, one for each row to train and validate with, got 90",
        ),
        (
            FoldEnsemble,
            dataset(150, g=np.arange(150) % 3),
            GroupSplit("g", 0.7, 0.1, 0.2),
            "ensemble.members: 120 rows cannot be cut into 90 folds: they are of 3 groups (split.column)",
        ),
        (
            FoldEnsemble,
            dataset(150, t=np.arange(150) % 5),
            TimeSplit("t", 0.7, 0.1, 0.2),
            "ensemble.members: 120 rows cannot be cut into 90 folds: they are of 5 different times (split.column)",
        ),
        (
            BaggingEnsemble,
            dataset(50, g=np.arange(50) % 9),
            GroupSplit("g", 0.7, 0.1, 0.2),
            "ensemble: bagging draws single rows, which this split keeps together; use ensemble=folds",
        ),
    ],
)
def test_rows_that_cannot_be_divided(kind: type[Ensemble], data: Dataset, split: Any, message: str) -> None:
    with pytest.raises(DataError) as error:
        divided(kind, data, 90, split=split)
    assert message in str(error.value)


@pytest.mark.parametrize(("sizes", "batch", "expected"), [
    ((896, 897), 32, [896, 896]),
    ((90, 95), 32, [90, 95]),
    ((90, 100, 97), 32, [90, 96, 96]),
    ((20, 21), 32, [20, 20]),
    ((20, 21), 20, [20, 20]),
])  # fmt: skip
def test_all_members_have_as_many_steps(sizes: tuple[int, ...], batch: int, expected: list[int]) -> None:
    members = [MemberRows(np.arange(size), np.arange(3)) for size in sizes]
    found = alike(members, batch, np.random.default_rng(0))
    assert [len(train) for train, _ in found] == expected
    assert all(np.isin(train, np.arange(size)).all() for (train, _), size in zip(found, sizes, strict=True))


def test_members_have_streams_of_their_own() -> None:
    found = [Streams(seed, member) for seed in range(3) for member in range(4)]
    for name in ("weights", "module", "device"):
        assert len({getattr(each, name) for each in found}) == len(found)
    for name in ("shuffle", "dropout", "ensemble"):
        assert len({float(getattr(each, name).random()) for each in found}) == len(found)
    assert Streams(5).weights == Streams(5, 0).weights


# -- Through the command line

OF_THREE = ("ensemble=folds", "ensemble.members=3", "data=iris", "trainer.epochs=9")
STOPPING = ("early_stopping=patience", "early_stopping.patience=1", "optimizer.lr=0.1", "seed=3")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def left_by(folder: Path) -> tuple[object, ...]:
    """What an ensemble leaves, without times."""
    history, model, result = timeless(folder)
    members = [{**row, "seconds": ""} for row in rows_of(folder / "members.csv")]
    return history, model, result, members, (folder / "oof.csv").read_text(encoding="utf-8")


def test_what_a_run_of_folds_leaves(make: Make) -> None:
    folder = make(*OF_THREE)
    files = {name for name in files_in(folder) if not name.startswith(".hydra")}
    assert files == {"run.log", "history.csv", "members.csv", "oof.csv", "result.json", "model.pt", "checkpoint.pt"}
    members, result = rows_of(folder / "members.csv"), result_of(folder)
    assert [(row["epoch"], row["member"]) for row in members] == [
        (str(e), str(m)) for e in range(1, 10) for m in range(3)
    ]
    for epoch, row in enumerate(rows_of(folder / "history.csv")):
        own = members[3 * epoch : 3 * epoch + 3]
        for column in ("train_loss", "val_loss", "val_accuracy"):
            assert float(row[column]) == fmean(float(each[column]) for each in own)
    for number, (best, of_member) in enumerate(zip(result["best_epochs"], result["members"], strict=True)):
        losses = [float(row["val_loss"]) for row in members if row["member"] == str(number)]
        assert best == of_member["best_epoch"] == 1 + int(np.argmin(losses))
        assert of_member["best_value"] == min(losses)
    assert result["best_epoch"] == sorted(result["best_epochs"])[1]
    assert result["stacked"] == 3


def test_each_row_outside_the_test_part_is_predicted_by_the_network_that_held_it_out(make: Make) -> None:
    folder = make(*OF_THREE, "early_stopping.monitor=val_accuracy")
    held_out, result, loaded = rows_of(folder / "oof.csv"), result_of(folder), load(folder)
    flowers = load_iris()
    assert not isinstance(loaded, TrainedRun)
    answers = np.stack([run.predict_proba(flowers.data) for run in loaded.runs])
    assert len(held_out) == 120
    assert len({row["row"] for row in held_out}) == 120
    for row in held_out:
        expected = answers[int(row["member"]), int(row["row"])]
        assert float(row["probability_virginica"]) == pytest.approx(expected[2], abs=1e-6)
        assert row["target"] == flowers.target_names[flowers.target[int(row["row"])]]
    right = fmean(row["target"] == row["prediction"] for row in held_out)
    assert result["metrics"]["val"]["accuracy"] == result["best_value"] == pytest.approx(right)
    test = np.setdiff1d(np.arange(150), [int(row["row"]) for row in held_out])
    predicted = answers.mean(axis=0)[test].argmax(axis=1)
    assert result["metrics"]["test"]["accuracy"] == pytest.approx((predicted == flowers.target[test]).mean())


@pytest.mark.usefixtures("figures_unrendered")
def test_the_common_epoch_is_the_best_in_the_mean(command: Command, make: Make) -> None:
    folder = make(*OF_THREE, *STOPPING, "ensemble.epoch=common", "early_stopping.monitor=val_metric")
    members, result = rows_of(folder / "members.csv"), result_of(folder)
    means = [float(row["val_accuracy"]) for row in rows_of(folder / "history.csv")]
    assert [float(row["mean_val_accuracy"]) for row in members] == [mean for mean in means for _ in range(3)]
    assert result["best_epochs"] == [1 + int(np.argmax(means))] * 3
    own = [float(row["val_accuracy"]) for row in members if int(row["epoch"]) == result["best_epoch"]]
    assert [member["best_value"] for member in result["members"]] == own
    assert command("report", "run").returncode == 0
    assert result["epochs"] == result["best_epoch"] + 1  # patience of one epoch, for all at once
    assert {row["member"] for row in members if int(row["epoch"]) == result["epochs"]} == {"0", "1", "2"}


@pytest.mark.parametrize("kind", ["folds", "seeds", "bagging", "folds ensemble.epoch=common"])
def test_an_ensemble_that_was_stopped_goes_on_as_if_it_had_not_been(
    command: Command, make: Make, tmp_path: Path, kind: str
) -> None:
    arguments = (*OF_THREE, *STOPPING, *f"ensemble={kind}".split())
    whole = left_by(make(*arguments))
    epochs = [row["member"] for row in rows_of(tmp_path / "run" / "members.csv")]
    ends = [epochs.count(str(member)) for member in range(3)]
    assert (len(set(ends)) > 1) != ("common" in kind)  # some end before the others
    folder = make(*arguments, name="stopped", stopped=min(ends) - ("common" in kind))
    assert command("run", "resume=stopped").returncode == 0
    assert left_by(folder) == whole


def test_ensembles_of_a_sweep_are_those_alone(command: Command, make: Make, tmp_path: Path) -> None:
    words = [word for word in (*OF_THREE, *STOPPING) if not word.startswith(("seed", "ensemble="))]
    done = command("run", "-m", *QUIET[:3], *words, "ensemble=folds,bagging", "seed=3,4", "hydra.sweep.dir=sweep")
    assert done.returncode == 0, done.stderr
    assert "4 runs in 2 stacks: the number of rows differs" in done.stderr + done.stdout
    for number, kind in ((0, "folds"), (2, "bagging")):
        alone = left_by(make(*OF_THREE, *STOPPING, f"ensemble={kind}", name=kind))
        assert left_by(tmp_path / "sweep" / str(number)) == alone
    ranked = rows_of(tmp_path / "sweep" / "leaderboard.csv")
    losses = [result_of(tmp_path / "sweep" / row["job"])["metrics"]["val"]["log_loss"] for row in ranked]
    assert losses == sorted(losses) == [float(row["val_log_loss"]) for row in ranked]


def test_an_ensemble_is_reproduced(command: Command, make: Make) -> None:
    make(*OF_THREE)
    done = command("run", "rerun=run")
    assert (done.returncode, "identical to" in done.stdout) == (0, True), done.stderr


TASKS: dict[str, tuple[str, ...]] = {
    "values": ("data=diabetes",),
    "quantiles": ("data=diabetes", "loss=quantile"),
    "a distribution": ("data=diabetes", "loss=gaussian"),
    "calibrated": ("data=breast_cancer", "inference.calibrate=true", "inference.threshold=f1"),
}


@pytest.mark.parametrize("task", TASKS)
def test_the_metrics_are_those_of_the_average(make: Make, task: str) -> None:
    folder = make(*OF_THREE, *TASKS[task], "trainer.epochs=3", "baselines=none")
    result, loaded = result_of(folder), load(folder)
    values = "diabetes" in TASKS[task][0]
    data = load_diabetes() if values else load_breast_cancer()
    held_out = {int(row["row"]): row for row in rows_of(folder / "oof.csv")}
    test = np.setdiff1d(np.arange(len(data.target)), list(held_out))
    truth = data.target if values else data.target_names[data.target]
    together = loaded.predict_columns(data.data)["prediction"]
    own = np.array([float(row["prediction"]) if values else row["prediction"] for row in held_out.values()])
    for part, rows, predicted in (("test", test, together[test]), ("val", list(held_out), own)):
        metrics = result["metrics"][part]
        if values:
            error = mean_absolute_error(truth[rows], predicted)
            assert metrics.get("mae", error) == pytest.approx(error, rel=1e-6)
        else:
            assert metrics["f1"] == pytest.approx(f1_score(truth[rows], predicted, pos_label=loaded.class_names[1]))
    for member in result["members"]:
        assert set(member["metrics"]) == {"val", "test"}
        assert member["metrics"]["val"] != member["metrics"]["test"]


@pytest.mark.parametrize("kind", ["seeds", "bagging"])
def test_rows_that_several_networks_held_out_are_predicted_by_these(make: Make, kind: str) -> None:
    folder = make(*OF_THREE, f"ensemble={kind}", "trainer.epochs=3")
    loaded = load(folder)
    assert not isinstance(loaded, TrainedRun)
    held_out = rows_of(folder / "oof.csv")
    single = np.stack([run.predict_proba(load_iris().data) for run in loaded.runs])
    several = {row["row"]: float(row["probability_setosa"]) for row in held_out if row["member"] == "-1"}
    for row, found in several.items():
        three = single[:, int(row), 0]
        means = [three.mean()] if kind == "seeds" else [(three.sum() - three[m]) / 2 for m in range(3)] + [three.mean()]
        assert min(abs(mean - found) for mean in means) < 1e-6
    assert len(held_out) == len(several) == 15 if kind == "seeds" else 0 < len(several) < len(held_out) < 120


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("ensemble.members=1",),
            "ensemble.members: expected 2 or more networks; ensemble=none is a single one, got 1",
        ),
        (("ensemble.members=1001",), "ensemble.members: expected a whole number from 1 to 1000, got 1001"),
        (("ensemble=none", "ensemble.members=4"), "ensemble.members: expected 1 with ensemble=none, got 4"),
        (
            ("optimizer._target_=torch.optim.LBFGS",),
            "ensemble: networks of one run train as one stack, and the optimizer LBFGS takes one network; "
            "use ensemble=none",
        ),
        (("data.max_rows=30", "ensemble.members=29"), "ensemble.members: expected at most 24 folds, one for each"),
        (
            ("ensemble=seeds", "split.train=0.8", "split.val=0", "inference.calibrate=true"),
            "inference.calibrate: needs a validation part, and split.val is 0",
        ),
    ],
)
def test_a_wrong_ensemble_is_one_message(command: Command, overrides: tuple[str, ...], message: str) -> None:
    done = command("run", *words(*OF_THREE, *overrides))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_folds_need_no_validation_part(make: Make) -> None:
    folder = make(*OF_THREE, "split.train=0.8", "split.val=0", "trainer.epochs=2", "inference.calibrate=true")
    assert len(rows_of(folder / "oof.csv")) == 120
    assert result_of(folder)["fitted"]["temperature"] > 0


def test_callbacks_see_each_network(make: Make) -> None:
    folder = make(*OF_THREE, "callbacks=[gradient_norms,predictions]", "trainer.epochs=2")
    norms = [float(row["gradient_norm"]) for row in rows_of(folder / "members.csv")]
    assert len(set(norms)) == 6
    assert [path.name for path in sorted((folder / "members").iterdir())] == ["0", "1", "2"]


def test_a_network_that_diverges_is_named(command: Command, tmp_path: Path) -> None:
    done = command("run", *words(*OF_THREE, "data=diabetes", "optimizer=sgd", "optimizer.lr=1e30"), "hydra.run.dir=run")
    assert done.returncode == 1
    assert result_of(tmp_path / "run")["reason"].startswith("network 0: ")
