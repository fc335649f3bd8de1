"""Trains one run, or with -m a sweep: `python -m mlp_exp.run [overrides]`.

The story of a run: its configuration is checked as a whole, its components are built, and it lives in its folder.
torch is imported only after the configuration has been found right, and never for `--help` and `--cfg job`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from mlp_exp.artefacts.run_folder import RunFolder
from mlp_exp.config import hydra_app
from mlp_exp.config.errors import RunFolderError, TrainingError

if TYPE_CHECKING:
    from mlp_exp.config.hydra_jobs import Job


def run(cfg: DictConfig) -> float:
    """One run, from a composed configuration to a folder with results; returns the best watched value."""
    folder = RunFolder(hydra_app.output_dir())
    result = folder.make_room(resumes=hydra_app.resumes())
    if result:
        if result.get("reason"):
            raise TrainingError(result["reason"])
        return float(result["best_value"])
    try:
        return _train(cfg, folder)
    except RunFolderError:
        raise  # the files there are another run's
    except BaseException as error:
        folder.write_failure(error)
        raise


def _train(cfg: DictConfig, folder: RunFolder) -> float:
    from mlp_exp.config.validation import validate

    validate(cfg, hydra_app.task_overrides())

    from mlp_exp.experiment.components import build
    from mlp_exp.experiment.one_run import run_experiment

    return run_experiment(build(cfg), folder, in_sweep=hydra_app.in_sweep())


def run_sweep(jobs: "Sequence[Job]", folder: Path, max_stack: int | None, dry_run: bool) -> None:
    """The runs of a sweep, as few stacks as can be."""
    if dry_run:
        from mlp_exp.sweep.dry_run import describe_sweep

        describe_sweep(jobs, max_stack)
        return

    from mlp_exp.sweep.together import train_together

    train_together(jobs, folder, max_stack)


def end_sweep(folder: Path) -> None:
    """The leaderboard of a sweep, whichever launcher it had."""
    from mlp_exp.sweep.leaderboard import print_leaderboard_of

    print_leaderboard_of(folder)


def main() -> None:
    """The command line."""
    hydra_app.main(run, run_sweep, end_sweep)


if __name__ == "__main__":
    main()
