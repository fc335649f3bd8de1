"""Trains one run, or with -m a sweep: `python -m mlp_exp.run [overrides]`.

The story of a run: its configuration is checked as a whole, its components are built, and it lives in its folder.
torch is imported only after the configuration has been found right, and never for `--help` and `--cfg job`.
"""

from omegaconf import DictConfig

from mlp_exp.artefacts.run_folder import RunFolder
from mlp_exp.config import hydra_app
from mlp_exp.config.errors import RunFolderError


def run(cfg: DictConfig) -> float:
    """One run, from a composed configuration to a folder with results; returns the best watched value."""
    folder = RunFolder(hydra_app.output_dir())
    folder.require_unused()
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


def main() -> None:
    """The command line."""
    hydra_app.main(run)


if __name__ == "__main__":
    main()
