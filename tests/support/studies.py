"""Searches in which nothing is trained: the values of a trial are functions of its parameters."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_exp.hpo.dimensions import Dimension, Params
from mlp_exp.hpo.space import Space
from mlp_exp.hpo.study import Direction, Outcome, Study

SPACE = Space(
    (
        Dimension("rate", "tag(log,interval(1e-4,1))", low=1e-4, high=1.0, log=True),
        Dimension("decay", "interval(0,1)", low=0.0, high=1.0),
        Dimension("shape", "round,square", choices=("round", "square")),
        Dimension("width", "range(1,64)", low=1, high=63, step=1, integer=True),
    ),
    conditions={"width": {"shape": ("square",)}},
)
NUMBERS = Space(SPACE.dimensions[:2])
GRID = Space(
    (
        Dimension("shape", "round,square", choices=("round", "square")),
        Dimension("side", "1,2,3", choices=(1, 2, 3)),
        Dimension("even", "true,false", choices=(True, False)),
    ),
    conditions={"side": {"shape": ("square",)}},
)
RUNG = 11


def sampler(name: str, **options: Any) -> dict[str, Any]:
    return {"_target_": f"optuna.samplers.{name}", **options}


def open_study(
    folder: Path,
    node: Mapping[str, Any] | None = None,
    space: Space = SPACE,
    directions: Sequence[Direction] = ("minimize",),
    seed: int = 0,
) -> Study:
    return Study.open(folder / "study.journal", node or sampler("RandomSampler"), directions, seed, space)


def value(params: Params) -> float:
    shape = 0.1 if params.get("shape") == "square" else 0.0
    return abs(math.log10(float(params.get("rate", 1e-2))) + 2) + float(params.get("decay", 0)) + shape


def outcome(number: int, params: Params, objectives: int = 1) -> Outcome:
    """A third of the trials is pruned, where there is one objective, and every tenth fails."""
    if number % 10 == 9:
        return Outcome("failed")
    if number % 3 == 0 and objectives == 1:
        return Outcome("pruned")
    return Outcome("complete", (value(params), float(params.get("width", 30)))[:objectives])


def train(study: Study, count: int, enqueued: Sequence[Params] = (), objectives: int = 1) -> list[Params]:
    """Asks a batch, reports and tells; its parameters."""
    batch = study.ask(count, enqueued)
    if objectives == 1:
        study.report(RUNG, {each.number: value(each.params) for each in batch})
    study.tell({each.number: outcome(each.number, each.params, objectives) for each in batch})
    return [each.params for each in batch]
