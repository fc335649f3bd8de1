"""What a search optimizes: the value that early stopping watches, or several numbers of a run's result."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.plan import Plan
from mlp_exp.hpo.pruning import NoPruner, Pruner
from mlp_exp.hpo.space import Space
from mlp_exp.leaderboard.entry import PARAMETERS
from mlp_exp.leaderboard.searches import value_of
from mlp_exp.storage.study_file import Objective


def objectives_of(names: Sequence[str] | None, plan: Plan) -> list[Objective]:
    """The objectives with their directions.

    Args:
        names: of several; None for the one that is watched.
        plan: of a run.

    Raises:
        ConfigError: the result of a run has no such number.
    """
    watched = plan.early_stopping()
    if names is None:
        return [Objective(name=watched.monitor, direction=_direction(watched.larger_is_better))]
    metrics = {f"val_{name}": metric.larger_is_better for name, metric in plan.task.metrics.items()}
    known = {**(metrics if plan.val_rows else {}), PARAMETERS: False}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            [f"hydra.sweeper.objectives: there is no '{name}'.{did_you_mean(name, known)}" for name in unknown]
        )
    return [Objective(name=name, direction=_direction(known[name])) for name in names]


def _direction(larger_is_better: bool) -> Any:
    return "maximize" if larger_is_better else "minimize"


def require_comparable(objectives: Sequence[Objective], space: Space, pruner: Pruner) -> None:
    """Raises ConfigError where values of trials could not be compared, or not while they train."""
    problems = []
    if len(objectives) > 1 and not isinstance(pruner, NoPruner):
        problems.append(
            "hydra/sweeper/pruner: with several objectives no trial is the worst while it trains; expected none, got "
            f"{type(pruner).__name__.lower()}. Say so: hydra/sweeper/pruner=none"
        )
    searched = [each.key for each in space.dimensions if each.key == "loss" or each.key.startswith("loss.")]
    if searched and objectives[0].name in ("val_loss", "train_loss"):
        problems.append(
            f"{searched[0]}: values of {objectives[0].name} cannot be compared where the loss differs; watch a metric: "
            "early_stopping.monitor=val_metric"
        )
    if problems:
        raise ConfigError(problems)


def values_of(results: Sequence[Mapping[str, Any]], objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """The objectives of a trial, the means over the results of its runs; None where one of them has no such value."""
    alone = len(objectives) == 1
    means = []
    for objective in objectives:
        values = [value_of(result, objective, alone=alone) for result in results]
        means.append(fmean(math.nan if value is None else value for value in values))
    return tuple(means) if all(map(math.isfinite, means)) else None
