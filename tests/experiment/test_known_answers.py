"""Each task on drawn data whose answer is known, through the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import GammaRegressor, PoissonRegressor
from sklearn.metrics import f1_score, log_loss, mean_gamma_deviance, mean_poisson_deviance
from support.commands import Command
from support.drawn_sets import Floats, Runs, features, normal_crps, normal_nll, numbers, parts, write_csv
from support.folders import history_of

pytestmark = pytest.mark.slow
SMALL = ("model.hidden_sizes=[16]", "trainer.epochs=30")
LINEAR = ("model.hidden_sizes=[]", "trainer.batch_size=full", "optimizer.lr=0.03", "trainer.epochs=200")


@pytest.fixture
def runs(command: Command, tmp_path: Path) -> Runs:
    return Runs(command, tmp_path)


# ---- values that spread


@pytest.fixture
def spread(tmp_path: Path) -> tuple[dict[str, Any], Floats]:
    """5,000 rows with a normal target whose mean and standard deviation depend on the features; the latter."""
    rng = np.random.default_rng(1)
    x = features(rng, 5000)
    deviation = np.exp(0.5 * x["x2"] - 0.5)
    target = x["x1"] + np.sin(x["x3"]) + deviation * rng.normal(size=5000)
    columns = {**x, "y": target, "split": parts(2500, 500, 2000)}
    write_csv(tmp_path / "drawn.csv", columns)
    return columns, deviation


def test_quantiles_cover_what_they_say(runs: Runs, spread: tuple[dict[str, Any], Floats]) -> None:
    columns, _ = spread
    result = runs("run", "y", "loss=quantile", "loss.quantiles=[0.05,0.25,0.5,0.95]", *SMALL)
    assert result["metrics"]["test"]["coverage"] == pytest.approx(0.9, abs=0.03)
    predicted, test = runs.predict("run"), columns["split"] == "test"
    for level in (0.05, 0.25, 0.5, 0.95):
        below = columns["y"] <= numbers(predicted[f"quantile_{level:g}"])
        assert below[test].mean() == pytest.approx(level, abs=0.03)


@pytest.mark.parametrize("score", ["nll", "crps"])
def test_a_normal_distribution_is_found(runs: Runs, spread: tuple[dict[str, Any], Floats], score: str) -> None:
    columns, deviation = spread
    found = runs("run", "y", "loss=gaussian", f"loss.score={score}", *SMALL)["metrics"]["test"]
    test = columns["split"] == "test"
    predicted = numbers(runs.predict("run")["standard_deviation"])
    assert found["nll"] == pytest.approx(normal_nll(deviation[test]), abs=0.05)
    assert found["crps"] == pytest.approx(normal_crps(deviation[test]), rel=0.05)
    assert found["coverage"] == pytest.approx(0.9, abs=0.03)
    assert np.abs(np.log(predicted / deviation)).mean() < 0.1


# ---- counts and amounts


@pytest.mark.parametrize(("loss", "model"), [("poisson", LINEAR), ("gamma", SMALL)], ids=["poisson", "gamma"])
def test_deviances_are_those_of_a_linear_model_that_made_the_data(
    runs: Runs, tmp_path: Path, loss: str, model: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(2)
    x = features(rng, 3000)
    mean = np.exp(1.0 + 0.5 * x["x1"] - 0.4 * x["x2"])
    target = rng.poisson(mean) if loss == "poisson" else rng.gamma(2.0, mean / 2.0)
    write_csv(tmp_path / "drawn.csv", {**x, "y": target, "split": parts(1500, 300, 1200)})
    found = runs("run", "y", f"loss={loss}", *model)["metrics"]["test"][f"{loss}_deviance"]
    table, train, test = np.stack([*x.values()], axis=1), slice(1500), slice(1800, None)
    regressor = (PoissonRegressor if loss == "poisson" else GammaRegressor)(alpha=0)
    deviance = mean_poisson_deviance if loss == "poisson" else mean_gamma_deviance
    expected = deviance(target[test], regressor.fit(table[train], target[train]).predict(table[test]))
    assert found == pytest.approx(expected, rel=0.02)


# ---- classes in order, and rare ones


def test_ordered_classes_are_missed_by_less_than_unordered_ones(runs: Runs, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = features(rng, 3100)
    hidden = x["x1"] - 0.5 * x["x2"] + 0.7 * rng.normal(size=3100)
    grade = np.digitize(hidden, [-1.2, -0.4, 0.4, 1.2])
    write_csv(tmp_path / "drawn.csv", {**x, "grade": grade, "split": parts(1000, 100, 2000)})
    ordered, plain = (
        [
            runs(f"{loss}{seed}", "grade", "data.task=ordinal", f"loss={loss}", f"seed={seed}", *SMALL)
            for seed in range(2)
        ]
        for loss in ("auto", "cross_entropy")
    )
    errors, kappas = (
        [np.mean([run["metrics"]["test"][name] for run in group]) for group in (ordered, plain)]
        for name in ("mean_absolute_class_error", "quadratic_kappa")
    )
    assert errors[0] < errors[1]
    assert kappas[0] > kappas[1]


@pytest.fixture
def rare(tmp_path: Path) -> dict[str, Any]:
    """A class of some 8 %."""
    rng = np.random.default_rng(4)
    x = features(rng, 4000)
    chance = 1 / (1 + np.exp(3.5 - 1.5 * x["x1"] - x["x2"]))
    columns = {**x, "y": np.where(rng.random(4000) < chance, "yes", "no"), "split": parts(2000, 1000, 1000)}
    write_csv(tmp_path / "drawn.csv", columns)
    return columns


@pytest.mark.usefixtures("rare")
def test_focal_trains_as_well_as_cross_entropy(runs: Runs) -> None:
    aucs = [runs(loss, "y", f"loss={loss}", *SMALL)["metrics"]["test"]["roc_auc"] for loss in ("auto", "focal")]
    assert aucs[0] == pytest.approx(aucs[1], abs=0.01)
    assert min(aucs) > 0.85


def test_a_threshold_raises_f1_and_decides_predictions(runs: Runs, rare: dict[str, Any]) -> None:
    plain, chosen = (
        runs(f"at_{metric}", "y", f"inference.threshold={metric}", *SMALL)["metrics"]["val"]["f1"]
        for metric in ("null", "f1")
    )
    assert chosen > plain + 0.03
    (threshold,) = torch.load(runs.folder / "at_f1" / "model.pt", weights_only=True)["thresholds"]
    assert 0 < threshold < 0.5
    predicted = runs.predict("at_f1")
    decided = np.array(predicted["prediction"])
    assert np.array_equal(decided == "yes", numbers(predicted["probability_yes"]) >= threshold)
    val = rare["split"] == "val"
    assert f1_score(rare["y"][val] == "yes", decided[val] == "yes") == pytest.approx(chosen)


def test_calibration_lowers_the_log_loss_of_an_overconfident_model(runs: Runs, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    x = features(rng, 1200)
    truth = np.where(x["x1"] + 1.5 * rng.normal(size=1200) > 0, "yes", "no")
    write_csv(tmp_path / "drawn.csv", {**x, "y": truth, "split": parts(200, 400, 600)})
    overfits = ("early_stopping.monitor=train_loss", "scheduler=none", "trainer.epochs=60")
    plain, calibrated = (
        runs(f"with_{asked}", "y", f"inference.calibrate={asked}", *overfits)["metrics"] for asked in ("false", "true")
    )
    for part in ("val", "test"):
        assert calibrated[part]["log_loss"] < plain[part]["log_loss"] - 0.1
        assert calibrated[part]["accuracy"] == plain[part]["accuracy"]
    model = torch.load(runs.folder / "with_true" / "model.pt", weights_only=True)
    assert model["temperature"] > 1.2
    chances = numbers(runs.predict("with_true")["probability_yes"])[600:]
    assert log_loss(truth[600:] == "yes", chances) == pytest.approx(calibrated["test"]["log_loss"], rel=1e-6)


# ---- several targets


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "values"])
def test_several_targets_are_as_good_as_runs_of_each(runs: Runs, tmp_path: Path, labels: bool) -> None:
    rng = np.random.default_rng(6)
    x = features(rng, 3000)
    hidden = {
        "a": 2 * x["x1"] + rng.normal(size=3000),
        "b": 100 * (x["x2"] - x["x3"]) + 60 * rng.normal(size=3000),
        "c": np.abs(x["x1"]) + 0.3 * rng.normal(size=3000),
    }
    columns = {name: np.where(value > value.mean(), "yes", "no") if labels else value for name, value in hidden.items()}
    write_csv(tmp_path / "drawn.csv", {**x, **columns, "split": parts(1500, 300, 1200)})
    metric = "roc_auc" if labels else "rmse"
    extra = f"metrics.extra=[{','.join(f'{metric}_{name}' for name in hidden)}]"
    together = runs("together", "[a,b,c]", extra, *SMALL)["metrics"]["test"]
    each = {name: runs(name, name, *SMALL)["metrics"]["test"][metric] for name in hidden}
    for name, alone in each.items():
        assert together[f"{metric}_{name}"] == pytest.approx(alone, rel=0.03)
    assert together[metric] == pytest.approx(np.mean([together[f"{metric}_{name}"] for name in hidden]))


# ---- weights


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("yes", ("loss.class_weight=balanced", "preprocess=robust")),
        ("three", ("loss.class_weight={b: 3}", "preprocess.ranks=true")),
        ("value", ("preprocess=quantile",)),
        ("amount", ("loss=gamma",)),
        ("amount", ("loss=quantile",)),
        ("[value,amount]", ("loss=huber",)),
    ],
    ids=str,
)
def test_weights_are_repeated_rows(runs: Runs, tmp_path: Path, target: str, settings: tuple[str, ...]) -> None:
    """In full batches, with gaps, categories, and rows of weight 0 that would change everything."""
    rng = np.random.default_rng(7)
    x = features(rng, 300)
    weights = rng.integers(0, 5, 300)
    gone = weights == 0
    hidden = x["x1"] - x["x2"] + 0.5 * rng.normal(size=300)
    columns: dict[str, Any] = {
        "x1": np.where(gone, 1e6, x["x1"]),
        "x2": np.where((rng.random(300) < 0.2) | gone, "", x["x2"].astype(str)),
        "x3": np.where(gone, "never", rng.choice(["u", "v", "w"], 300)),
        "yes": np.where(hidden > 0.5, "yes", "no"),
        "three": np.array(["a", "b", "c"])[np.digitize(hidden, [-0.5, 0.5])],
        "value": np.where(gone, -1e6, hidden),
        "amount": np.where(gone, 1e6, np.exp(hidden)),
        "split": rng.permutation(parts(200, 50, 50)),
    }
    own = (
        "trainer.batch_size=full",
        "trainer.epochs=20",
        "scheduler=none",
        "model.hidden_sizes=[8]",
        "data.numeric=[x2]",
    )
    write_csv(tmp_path / "drawn.csv", {**columns, "w": weights})
    weighted = runs("weighted", target, "data.weight=w", *own, *settings)
    repeated_columns = {name: np.repeat(np.asarray(values), weights) for name, values in columns.items()}
    write_csv(tmp_path / "drawn.csv", repeated_columns)
    repeated = runs("repeated", target, *own, *settings)
    histories = [history_of(tmp_path / name) for name in ("weighted", "repeated")]
    assert histories[0][0] == histories[1][0]
    found, expected = (np.array(rows[1:], dtype=np.float64) for rows in histories)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert weighted["best_epoch"] == repeated["best_epoch"]
    for part, metrics in repeated["metrics"].items():
        assert weighted["metrics"][part] == pytest.approx(metrics, rel=1e-4), part
    for (name, one), (_, other) in zip(runs.predict("weighted").items(), runs.predict("repeated").items(), strict=True):
        if name.startswith("prediction") and target in ("yes", "three"):
            assert one == other
        else:
            np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-4, atol=1e-5)
