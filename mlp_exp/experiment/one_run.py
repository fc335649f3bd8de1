"""The life of one run, from its components to a folder with results."""

import logging

import torch

from mlp_exp.display.progress import epoch_bar
from mlp_exp.display.tables import print_columns, print_scores
from mlp_exp.errors import DivergedError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.outcome import draw, finish
from mlp_exp.experiment.plan import plan
from mlp_exp.experiment.prepare import prepare
from mlp_exp.experiment.regularly import Regularly
from mlp_exp.experiment.run import Run, losses
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.tracking import UNTRACKED, Tracking
from mlp_exp.training.loop import train

log = logging.getLogger(__name__)

HISTORY_SECONDS = 5.0
"""How often the history is written while a run trains."""


def run_experiment(
    components: Components,
    folder: RunFolder,
    checkpoint: Checkpoint | None = None,
    *,
    in_sweep: bool,
    tracking: Tracking = UNTRACKED,
) -> float:
    """The whole life of a run.

    Args:
        checkpoint: to go on from.
        in_sweep: whether it is one of many, which draw only when told to.
        tracking: what tracks it, to be looked after.

    Returns:
        The best value of what early stopping watches, for a sweeper that optimises.

    Raises:
        DivergedError: after everything has been saved.
        KeyboardInterrupt: likewise.
    """
    torch.set_num_threads(components.trainer.threads)
    if components.dataset.columns:
        print_columns(components.dataset)
    run = prepare(plan(components, checkpoint), folder)
    run.begin()
    run.write_checkpoint(checkpoint.state if checkpoint else None)  # from now on the run can be resumed
    try:
        fit(run, tracking)
    except Exception as error:
        run.fail(error)
        raise
    finally:
        metrics = finish(run)
        if metrics:
            print_scores("Results of the best epoch", metrics)
        log.info("%s", run.summary)
    wanted = components.trainer.plots
    if wanted == "always" or (wanted == "auto" and not in_sweep):
        draw(run)
    if run.reason:
        raise DivergedError(len(run.history))
    return run.best_value


def fit(run: Run, tracking: Tracking) -> None:
    """Trains, with a progress bar, log lines and a growing history. After Ctrl-C the best weights so far stay."""

    def write_history() -> None:
        run.write_history()
        tracking.check()

    save_history = Regularly(HISTORY_SECONDS, write_history)
    every = run.components.trainer.checkpoint_every
    save_checkpoint = Regularly(every, lambda record: run.write_checkpoint(record.state()))
    if run.over:
        return
    try:
        with epoch_bar() as bar:
            task = bar.add_task("", total=run.member.epochs)
            for (record,) in train([run.member], run.plan.batch_size, run.plan.device):
                run.add(record)
                if run.logs(record):
                    run.log_epoch(record)
                bar.update(task, advance=1, description=losses(record))
                save_history()
                if not record.status:
                    save_checkpoint(record)
            if record.error:
                raise record.error
    finally:
        run.catch_up()
        run.write_history()
