"""Trains one run, or with -m a sweep: `python -m mlp_exp.run [overrides]`.

The story of a run: its configuration is checked as a whole, its components are built, and it lives in its folder.
torch is imported only after the configuration has been found right, and never for `--help` and `--cfg job`.
"""

import logging
import shlex
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from mlp_exp.cli import application as hydra_app
from mlp_exp.cli.options import Options
from mlp_exp.display.commands import ALLOW, RESUME, program
from mlp_exp.errors import DivergedError, RunFolderError, TrainingError
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.tracking import Tracking

if TYPE_CHECKING:
    from mlp_exp.cli.jobs import Job
    from mlp_exp.experiment.checkpoint import Checkpoint

log = logging.getLogger(__name__)


def run(tracking: Tracking, cfg: DictConfig) -> float:
    """One run, from a composed configuration to a folder with results; returns the best watched value."""
    folder = RunFolder(hydra_app.output_dir())
    with folder.locked():
        if hydra_app.options().resumes:
            return _resume(cfg, folder, tracking)
        folder.require_unused()
        earlier = hydra_app.options().rerun
        if earlier:
            return _rerun(cfg, folder, RunFolder(earlier), tracking)
        return _train(cfg, folder, tracking)


def _train(cfg: DictConfig, folder: RunFolder, tracking: Tracking, checkpoint: "Checkpoint | None" = None) -> float:
    try:
        from mlp_exp.config.validation import validate

        validate(cfg, hydra_app.task_overrides())

        tracking.prepare(cfg)

        from mlp_exp.experiment.components import build
        from mlp_exp.experiment.one_run import run_experiment

        components = build(cfg)
        tracking.begin(components.tracker(), folder.path, components.config, hydra_app.sweep_folder())
        return run_experiment(components, folder, checkpoint, in_sweep=hydra_app.in_sweep(), tracking=tracking)
    except RunFolderError:
        raise  # the files there are another run's
    except BaseException as error:
        folder.write_failure(error)
        if isinstance(error, KeyboardInterrupt) and folder.checkpoint.exists():
            error.add_note(f"Go on with: {program()} {_continuation(cfg, folder)}")
        raise
    finally:
        tracking.end(folder.path)


def _continuation(cfg: DictConfig, folder: RunFolder) -> str:
    """The arguments that go on with a run."""
    from mlp_exp.config.trust import foreign_packages
    from mlp_exp.experiment.checkpoint import plain

    allowed = [f"{ALLOW}={package}" for package in foreign_packages(plain(cfg))]
    return shlex.join([f"{RESUME}={folder.path}", *allowed])


def _resume(cfg: DictConfig, folder: RunFolder, tracking: Tracking) -> float:
    """Goes on with a run, unless it has come to its end."""
    from mlp_exp.experiment.checkpoint import find_checkpoint

    result = folder.prepare(resumes=True)
    checkpoint = find_checkpoint(folder, cfg, done=result is not None)
    extended = checkpoint is not None and checkpoint.config["trainer"]["epochs"] != cfg.trainer.epochs
    if result is None or (result["status"] == "finished" and extended):
        return _train(cfg, folder, tracking, checkpoint)
    if result.get("reason"):
        raise TrainingError(result["reason"])
    status, epochs = result["status"].replace("_", " "), result.get("epochs", 0)
    log.info("%s after %s epochs: nothing is left to train", status, epochs)
    return float("nan") if result.get("best_value") is None else float(result["best_value"])


def _rerun(cfg: DictConfig, folder: RunFolder, earlier: RunFolder, tracking: Tracking) -> float:
    """Trains a saved run again and says whether it came out the same."""
    from mlp_exp.experiment.reproduction import compare, require_history

    require_history(earlier)
    try:
        value = _train(cfg, folder, tracking)
    except DivergedError:
        value = float("nan")  # as the earlier one has, perhaps
    compare(earlier, folder)
    return value


def run_sweep(tracking: Tracking, jobs: "Sequence[Job]", folder: Path, max_stack: int | None, dry_run: bool) -> None:
    """The runs of a sweep, as few stacks as can be."""
    if dry_run:
        from mlp_exp.multirun.dry_run import describe_sweep

        describe_sweep(jobs, max_stack)
        return

    with suppress(Exception), jobs[0].active() as cfg:  # what is wrong with a job is said when it begins
        tracking.prepare(cfg)

    from mlp_exp.multirun.together import train_together

    train_together(jobs, folder, max_stack, tracking)


def end_sweep(folder: Path) -> None:
    """The leaderboard of a sweep and its page, whichever launcher it had."""
    from mlp_exp.compare.report import report_on

    report_on([folder], folder)


def read_config(options: Options) -> dict[str, Any]:
    """The configuration of the saved run that the command line names."""
    from mlp_exp.experiment.checkpoint import saved_config

    assert options.saved
    return saved_config(RunFolder(options.saved), options.allow, to_resume=options.resumes)


def main() -> None:
    """The command line."""
    with Tracking(Path.cwd()) as tracking:
        hydra_app.main(partial(run, tracking), partial(run_sweep, tracking), end_sweep, read_config)


if __name__ == "__main__":
    main()
