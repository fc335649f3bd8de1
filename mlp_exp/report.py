"""Looks back at what was trained: `python -m mlp_exp.report DIR [DIR ...]`.

For a sweep's folder, its leaderboard is written and printed, with its page `report.html`; for a run's folder, its
figures are drawn.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlp_exp.artefacts.run_folder import RunFolder
from mlp_exp.config.commands import add_allow, find_modules_here, readable_errors
from mlp_exp.config.errors import RunFolderError


def report(path: Path, allow: Sequence[str]) -> None:
    """What there is to say of one folder.

    Args:
        allow: packages that the configuration of a run may name beside the project's own.

    Raises:
        RunFolderError: it holds neither a run nor a sweep.
    """
    if RunFolder(path).result() is not None:
        draw_figures(path, allow)
        return

    from mlp_exp.compare.sweep_report import report_sweep

    if not report_sweep(path):
        raise RunFolderError(f"{path}: expected the folder of a run, with result.json, or of a sweep of such runs")


def draw_figures(path: Path, allow: Sequence[str] = ()) -> None:
    """Draws the figures of a run that has trained: its data is read again, its weights are those that it saved."""
    from omegaconf import OmegaConf

    from mlp_exp.config.trust import check_config
    from mlp_exp.config.validation import validate

    folder = RunFolder(path)
    config = folder.read_model()["config"]
    check_config(config, allow, folder.path)
    cfg = OmegaConf.create(config)
    validate(cfg)

    from mlp_exp.experiment.components import build
    from mlp_exp.experiment.outcome import draw
    from mlp_exp.experiment.plan import plan
    from mlp_exp.experiment.prepare import load

    draw(load(plan(build(cfg)), folder))
    print(folder.figures)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exits with status 1 after an error, which it prints."""
    parser = argparse.ArgumentParser(prog="mlp-report", description="Leaderboards of sweeps, and figures of runs.")
    parser.add_argument("folders", metavar="DIR", nargs="+", type=Path, help="folder of a run or of a sweep")
    add_allow(parser)
    given = parser.parse_args(arguments)
    find_modules_here()
    with readable_errors():
        for path in given.folders:
            report(path, given.allow)


if __name__ == "__main__":
    main()
