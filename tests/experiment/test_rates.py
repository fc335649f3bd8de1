"""What a configuration makes of the rates, the decays and the schedules of a run."""

import math
from pathlib import Path
from typing import Any

import pytest
from support.compositions import Compose
from support.specs import build

from mlp_exp.engine.engine import Factors
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.prepare import prepare
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.curves import FlatCosine, LogCosine
from mlp_exp.training.loop import Trainee
from mlp_exp.training.schedulers import CurveRate

ROOT = math.sqrt(2)
"""Of the two features."""
WEIGHT, BIAS, HEAD = "blocks.0.linear.weight", "blocks.0.linear.bias", "head.weight"


def trainee(compose: Compose, tmp_path: Path, *overrides: str) -> Trainee:
    cfg = compose(["model.hidden_sizes=[4]", *overrides])
    return prepare(plan(build(cfg)), RunFolder(tmp_path / "run")).trainee


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], {}),
        (["optimizer.rates.weight=1", "optimizer.decays={bias: 1.0}", "optimizer.ntk=false"], {}),
        (["optimizer.rates.bias=0.1"], {WEIGHT: (1, 1), BIAS: (0.1, 1), HEAD: (1, 1)}),
        (["optimizer=adamw", "optimizer.rates={bias: 0.1}"], {WEIGHT: (1, 1), BIAS: (0.1, 10), HEAD: (1, 1)}),
        (
            ["optimizer=nadam", "optimizer.decoupled_weight_decay=true", "optimizer.rates={bias: 0.1}"],
            {BIAS: (0.1, 10)},
        ),
        (["optimizer.ntk=true"], {WEIGHT: (1 / ROOT, 1), BIAS: (1, 1), HEAD: (0.5, 1)}),
        (
            ["optimizer=adamw", "optimizer.ntk=true", "optimizer.decays.weight=3", "optimizer.rates.weight=2"],
            {WEIGHT: (2 / ROOT, 3 * ROOT / 2), BIAS: (1, 1), HEAD: (1, 3)},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_factors_of_a_configuration(
    compose: Compose, tmp_path: Path, overrides: list[str], expected: dict[str, Any]
) -> None:
    found = trainee(compose, tmp_path, *overrides).factors
    assert bool(found) is bool(expected)
    assert {name: found[name] for name in expected} == {
        name: pytest.approx(Factors(*factors)) for name, factors in expected.items()
    }


def test_schedules_of_a_configuration(compose: Compose, tmp_path: Path) -> None:
    """700 rows in batches of 32: 22 steps an epoch."""
    plain = trainee(compose, tmp_path)
    assert (plain.decay_curve, plain.dropout_curve) == (None, None)
    words = ["optimizer.decay_schedule=flat_cosine", "model.dropout_schedule=flat_cosine", "scheduler=log_cosine"]
    found = trainee(compose, tmp_path, *words, "scheduler.cycles=2", "optimizer.lr=0.2", "trainer.epochs=9")
    assert isinstance(found.decay_curve, FlatCosine)
    assert isinstance(found.dropout_curve, FlatCosine)
    rate = found.learning_rate
    assert isinstance(rate, CurveRate)
    assert rate.rates == (0.2 * LogCosine(2).of_epoch(1, 9, 22)).tolist()
    by_epoch = trainee(compose, tmp_path, "scheduler=log_cosine", "scheduler.interval=epoch", "trainer.epochs=9")
    assert by_epoch.learning_rate.rates == (1e-3 * LogCosine().of_epoch(1, 9, 1)).tolist()
