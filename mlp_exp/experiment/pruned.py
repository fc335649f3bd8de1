"""A run that a search ends early, as one of the worst at some epoch: what it was worth, and what its folder says."""

import logging
from collections.abc import Sequence
from statistics import fmean, median_low
from typing import Any

from mlp_exp.config.counted import counted
from mlp_exp.experiment.checkpoint import Saved
from mlp_exp.experiment.course import History
from mlp_exp.experiment.outcome import described
from mlp_exp.experiment.plan import Plan
from mlp_exp.storage.run_folder import PRUNED, RunFolder
from mlp_exp.training.early_stopping import EarlyStopping

log = logging.getLogger(__name__)


def best_so_far(plan: Plan, epoch: int) -> tuple[float, int]:
    """The best value of what early stopping watches up to an epoch, which the plan's checkpoint has, and its epoch.

    Of an ensemble the mean and the median over its networks; NaN and 0 before the first epoch with a finite value.
    """
    assert plan.checkpoint
    watched = [_watched(plan, network.history[:epoch]) for network in plan.checkpoint.networks]
    best_epochs = [each.best_epoch for each in watched]
    return fmean(each.best_value for each in watched), median_low(best_epochs) if all(best_epochs) else 0


def _watched(plan: Plan, history: History) -> EarlyStopping:
    """Early stopping that has seen these epochs of a network."""
    early_stopping = plan.early_stopping()
    columns = plan.own_columns(plan.columns)
    place = columns.index(early_stopping.column if early_stopping.column in columns else "train_loss")
    for row in history:
        early_stopping.update(row[place])
    return early_stopping


def prune(plan: Plan, folder: RunFolder, stacked: int) -> dict[str, Any]:
    """Writes the result of a run that goes no further than its checkpoint, and returns it.

    Args:
        stacked: how many runs trained together.
    """
    checkpoint = plan.checkpoint
    assert checkpoint
    value, best_epoch = best_so_far(plan, checkpoint.epoch)
    result = {
        "status": PRUNED,
        **described(plan, plan.task, plan.early_stopping().monitor),
        "rung": checkpoint.epoch,
        "epochs": checkpoint.epoch,
        "best_epoch": best_epoch,
        "best_value": value if best_epoch else None,
        "metrics": {},
        "seconds": _seconds(checkpoint.networks),
        "stacked": stacked,
    }
    folder.write_result(result)
    log.info("pruned after %s, best epoch %d: %s", counted(checkpoint.epoch, "epochs"), best_epoch, folder.path)
    return result


def _seconds(networks: Sequence[Saved]) -> float:
    return float(max((network.history[-1][-1] for network in networks if network.history), default=0.0))
