"""The learning-rate range test."""

import csv
import math
from pathlib import Path

import pytest
from support.commands import Command
from support.folders import history_of

from mlp_exp.errors import ConfigError
from mlp_exp.hpo.lr_range import overrides

SWEEPER = "hydra/sweeper=lr_range"


def test_rates_are_at_equal_ratios() -> None:
    assert overrides(1e-3, 1.0, 4, 2, ["data=digits"]) == [
        "optimizer.lr=0.001,0.01,0.1,1",
        "trainer.epochs=2",
        "trainer.plots=never",
        "baselines=none",
    ]


@pytest.mark.parametrize(
    ("settings", "typed", "problem"),
    [
        ((0, 1.0, 4, 1), [], "hydra.sweeper.low: expected a number above 0, got 0"),
        ((1e-3, 1e-4, 4, 1), [], "hydra.sweeper.high: expected a number above low, got 0.0001"),
        ((1e-3, 1.0, 1, 1), [], "hydra.sweeper.rates: expected a whole number, 2 or more, got 1"),
        ((1e-3, 1.0, 4, 0.5), [], "hydra.sweeper.epochs: expected a whole number, 1 or more, got 0.5"),
        (
            (1e-3, 1.0, 4, 1),
            ["optimizer.lr=1"],
            "optimizer.lr: is what is tried; expected hydra.sweeper.low and hydra.sweeper.high",
        ),
        (
            (1e-3, 1.0, 4, 1),
            ["+trainer.epochs=1"],
            "trainer.epochs: expected hydra.sweeper.epochs, for which each rate trains",
        ),
    ],
)
def test_settings_that_are_wrong(settings: tuple[float, float, int, int], typed: list[str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        overrides(*settings, typed)
    assert caught.value.problems == [problem]


@pytest.mark.slow
def test_a_curve_for_each_of_what_else_is_swept(command: Command, tmp_path: Path) -> None:
    own = ("hydra.sweeper.low=1e-3", "hydra.sweeper.high=1e3", "hydra.sweeper.rates=3", "hydra.sweep.dir=tried")
    done = command("run", "-m", SWEEPER, "data.n_samples=100", "optimizer=adam,sgd", *own)
    with (tmp_path / "tried" / "learning_rates.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["runs"], row["lr"]) for row in found] == [
        (name, rate) for name in ("optimizer=adam", "optimizer=sgd") for rate in ("0.001", "1.0", "1000.0")
    ]
    for number, row in enumerate(found):
        (loss,) = (float(of["val_loss"]) for of in history_of_columns(tmp_path / "tried" / str(number)))
        assert float(row["loss"]) == (loss if math.isfinite(loss) else math.inf)
        assert len(history_of(tmp_path / "tried" / str(number))) == 2
    best = {
        name: min((float(row["loss"]), row["lr"]) for row in found if row["runs"] == name)
        for name in ("optimizer=adam",)
    }
    loss, rate = best["optimizer=adam"]
    assert f"optimizer=adam: the lowest loss, {loss:.4g}, is that of optimizer.lr={float(rate):.2g}" in done.stdout
    assert (tmp_path / "tried" / "learning_rates.png").read_bytes().startswith(b"\x89PNG")


def history_of_columns(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
