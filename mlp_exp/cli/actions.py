"""What is done with the configurations that a command line composes: they train, and leave their folders.

A configuration becomes a run as plain data (`RunSpec`). It is checked as a whole, its components are built, it trains,
and it leaves its results in its folder. The runs of a sweep train together.
torch is imported only after the configuration of a run has been found right, and never for `--cfg job`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlp_exp.cli import application
from mlp_exp.cli.launchers import backend_of
from mlp_exp.cli.options import Options
from mlp_exp.display.commands import PREDICT, typed
from mlp_exp.processes.garbage import collect_from_now
from mlp_exp.processes.helper import FIGURES, FOREST, Helper
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.tracking import Tracking

if TYPE_CHECKING:
    from mlp_exp.experiment.spec import RunSpec
    from mlp_exp.hpo.asked import Asked
    from mlp_exp.multirun.job import Job

TOP = 3
"""So many of a sweep's runs are proposed for predictions."""


def run(tracking: Tracking, helper: Helper, spec: "RunSpec", options: Options) -> float:
    """One run, from its configuration to a folder with results; returns the best watched value."""
    folder = RunFolder(spec.folder)
    with folder.locked():
        if not options.resumes:
            from mlp_exp.experiment.job_context import check

            folder.prepare(resumes=False)
            check(spec, reads_table=True)
            tracking.prepare(spec.values)  # while torch is imported
            if spec.draws:
                helper.prepare(FIGURES)  # likewise

        from mlp_exp.experiment.alone import rerun, train_alone

        collect_from_now()
        if options.rerun:
            return rerun(spec, RunFolder(options.rerun), tracking, helper)
        return train_alone(spec, tracking, helper, resumes=options.resumes)


def sweep(
    tracking: Tracking,
    helper: Helper,
    jobs: "Sequence[Job]",
    folder: Path,
    launcher: Mapping[str, Any],
    options: Options,
) -> None:
    """The runs of a sweep, as few stacks as can be."""
    if options.dry_run:
        from mlp_exp.multirun.dry_run import describe_sweep

        collect_from_now()
        return describe_sweep(jobs, backend_of(launcher).max_stack)

    from mlp_exp.compare.effects import FEWEST_RUNS

    with suppress(Exception):  # what is wrong with a job is said when it begins
        spec = jobs[0].compose()
        tracking.prepare(spec.values)  # while torch is imported
        helper.prepare(*compress([FIGURES, FOREST], [spec.plots != "never", len(jobs) >= FEWEST_RUNS]))  # likewise

    from mlp_exp.multirun.sweep import train_sweep

    collect_from_now()
    return train_sweep(jobs, folder, backend_of(launcher), tracking, helper, resumes=options.resumes)


def search(tracking: Tracking, helper: Helper, asked: "Asked", options: Options) -> "Sequence[Job]":
    """The trials of a search, batch by batch."""
    with suppress(Exception):  # what is wrong with it is said when it begins
        spec = asked.make_job(0, asked.space.overrides({})).compose()
        tracking.prepare(spec.values)  # while torch is imported
        helper.prepare(*compress([FIGURES, FOREST], [spec.plots != "never", True]))  # likewise

    from mlp_exp.hpo.search import Search

    collect_from_now()
    found = Search(asked, tracking, resumes=options.resumes)
    return found.describe() if options.dry_run else found.run(helper)


def end_sweep(helper: Helper, folder: Path) -> None:
    """The leaderboard of a sweep and its page, whichever launcher it had; of tables also how to predict another."""
    from mlp_exp.compare.report import report_on
    from mlp_exp.experiment.job_context import TABLE

    well = [entry for entry in report_on([folder], folder, helper) if entry.ended_well]
    if well and well[0].config.get("data", {}).get("_target_") == TABLE:
        several = ["--top", str(min(len(well), TOP))] if len(well) > 1 else []
        print(f"Predict with the best: {typed(PREDICT, [str(folder), 'TABLE.csv', '-o', 'OUT.csv', *several])}")


def read_config(options: Options) -> dict[str, Any]:
    """The configuration of the saved run that the command line names."""
    from mlp_exp.experiment.configs import saved_config

    assert options.saved
    return saved_config(RunFolder(options.saved), options.allow, to_resume=options.resumes)


def actions(tracking: Tracking, helper: Helper) -> application.Actions:
    """What this module does with what is composed."""
    return application.Actions(
        partial(run, tracking, helper),
        partial(sweep, tracking, helper),
        partial(search, tracking, helper),
        partial(end_sweep, helper),
        read_config,
    )


def train() -> None:
    """Trains what the command line asks for."""
    with Tracking(Path.cwd()) as tracking, Helper() as helper:
        application.main(actions(tracking, helper))
