"""What follows the printed result of a run: its figures, and at the same time the baselines and the notes beside it."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_exp.data.splits.by_fraction import FoldSplit, RandomSplit
from mlp_exp.display.commands import REPORT, typed
from mlp_exp.display.tables import print_advice, print_comparison
from mlp_exp.experiment.baselines.beside import baselines_of, key_of, lacks_baselines
from mlp_exp.experiment.drawn import begin_drawing
from mlp_exp.experiment.job_context import active, check
from mlp_exp.experiment.notes import Facts, notes
from mlp_exp.experiment.outcome import Evaluation
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan_of
from mlp_exp.experiment.prepare import load
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.processes.helper import Helper
from mlp_exp.storage.baselines_file import Baseline
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN, sweep_of

log = logging.getLogger(__name__)

ADVICE = "Better on most tables, in about {seconds:.0f} s: experiment=table_best, eight such networks as one model."
NOT_COMPUTED = "the baselines could not be computed: %s"
FEWEST_ROWS = 100
"""To train and validate with, for the advice: folds of fewer than a dozen say little."""
COST_OF_BEST = {"small": 4, "large": 8}
"""Training time of `experiment=table_best` beside that of one network, on one core, by the size of the data."""


def look_back(spec: RunSpec, run: Run, found: Evaluation, helper: Helper) -> None:
    """Draws the figures while the baselines are computed and printed, with the notes.

    Those of a run of a sweep, as another launcher trains it, are saved in the sweep's folder, and printed at its end.
    """
    drawn = begin_drawing(run, helper) if spec.draws else None
    if run.best_epoch:
        _compare(spec, run, found, run.status)
    if drawn:
        drawn()


def look_again(spec: RunSpec, result: Mapping[str, Any]) -> None:
    """Catches up on a run that is over and was killed while it looked back: computes and prints baselines that are not
    there, and says how to draw figures. The data is read only for what is missing.

    Args:
        result: the content of the run's `result.json`.
    """
    folder = RunFolder(spec.folder)
    if spec.sweep is None and (sweep_of(folder.path) / MULTIRUN).is_file():  # of a sweep's runs the sweep takes care
        return
    try:
        with active(spec):
            if lacks_baselines(spec, result):
                check(spec)
                run = load(plan_of(spec, Session()), folder)
                found = Evaluation(result["metrics"], result.get("undefined", {}), result.get("intervals", {}))
                _compare(spec, run, found, result["status"])
    except Exception as error:  # the run itself is complete
        log.warning(NOT_COMPUTED, error)
    if spec.draws and result.get("best_epoch") and not folder.figure_files():
        print(f"Its figures are missing. Draw them with: {typed(REPORT, [str(folder.path)])}")


def _compare(spec: RunSpec, run: Run, found: Evaluation, status: str) -> None:
    """Computes the baselines of a run, and prints them beside it, with the notes."""
    baselines = _computed(run.plan, Path(spec.sweep or spec.folder))
    if spec.sweep:
        return
    facts = _facts(run, found, baselines, stopped=status == "stopped_early")
    compared = {"this run": found.metrics, **facts.baselines} if facts.baselines else {}
    print_comparison(compared, run.head.task.headlines, notes(facts))
    if _has_table_preset(spec, run):
        cost = COST_OF_BEST[run.components.facts.size]
        print_advice(ADVICE.format(seconds=cost * run.history[-1][-1]))


def _has_table_preset(spec: RunSpec, run: Run) -> bool:
    """Whether it is a single network of the preset for tables, to which that of ensembles is the alternative."""
    choices = spec.job.get("hydra.runtime.choices", {})
    experiment = choices.get("experiment")
    preset = experiment == "table" or (choices.get("data") == "table" and experiment == "default")
    network = run.components.config["model"].get("number_embedding", "none") != "none"
    fits = isinstance(run.components.split, RandomSplit | FoldSplit) and len(run.plan.known_rows) >= FEWEST_ROWS
    return preset and network and fits and len(run.courses) == 1 and run.plan.alone is None


def compute_missing(specs: Sequence[tuple[RunSpec, Mapping[str, Any]]], session: Session) -> None:
    """Computes the baselines that a sweep's folder lacks, of runs that were over before, each with its result."""
    for spec, result in specs:
        try:
            with active(spec):
                if lacks_baselines(spec, result):
                    check(spec)
                    compute_baselines([(spec, plan_of(spec, session))], Path(spec.sweep or spec.folder))
        except Exception as error:  # the runs themselves are complete
            log.warning(NOT_COMPUTED, error)


def compute_baselines(planned: Sequence[tuple[RunSpec, Plan]], folder: Path) -> None:
    """Computes the baselines of a sweep's runs, once for each split, unless its folder has them."""
    for spec, plan in {key_of(plan): (spec, plan) for spec, plan in planned}.values():
        with active(spec):
            _computed(plan, folder)


def _computed(plan: Plan, folder: Path) -> Mapping[str, Baseline]:
    """The baselines of a run; none, with a line in the log, if their file cannot be read or written."""
    try:
        return baselines_of(plan, folder)
    except Exception as error:  # the run itself is complete
        log.warning(NOT_COMPUTED, error)
        return {}


def _facts(run: Run, found: Evaluation, baselines: Mapping[str, Baseline], *, stopped: bool) -> Facts:
    """What notes are made from.

    Rows that an ensemble holds out are predicted by single networks, and are others than the validation part that
    baselines know: where there is a test part, they are not compared.
    """
    apart = {"val"} if run.components.ensemble.divides and "test" in found.metrics else set()
    return Facts(
        run.head.task,
        {part: metrics for part, metrics in found.metrics.items() if part not in apart},
        {name: len(rows) for name, rows in run.plan.measured_rows.items()},
        found.intervals.get("test", {}),
        dict(zip(run.columns, zip(*run.history, strict=True), strict=True)),
        run.trainee.early_stopping.monitor,
        run.best_epoch,
        stopped,
        {
            name: {part: metrics for part, metrics in baseline.metrics.items() if part not in apart}
            for name, baseline in baselines.items()
        },
    )
