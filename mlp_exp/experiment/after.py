"""What follows the printed result of a run: its figures, and at the same time the baselines and the notes beside it."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlp_exp.data.splits.by_fraction import FoldSplit, RandomSplit
from mlp_exp.display.tables import print_advice, print_comparison
from mlp_exp.experiment.baselines.beside import baselines_of, key_of
from mlp_exp.experiment.drawn import begin_drawing
from mlp_exp.experiment.job_context import active
from mlp_exp.experiment.notes import Facts, notes
from mlp_exp.experiment.outcome import Evaluation
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.processes.helper import Helper
from mlp_exp.storage.baselines_file import Baseline

log = logging.getLogger(__name__)

ADVICE = "Better on most tables, in about {seconds:.0f} s: experiment=table_best, eight such networks as one model."
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
        baselines = _computed(run.plan, Path(spec.sweep or spec.folder))
        if not spec.sweep:
            headlines = run.head.task.headlines
            facts = _facts(run, found, baselines)
            compared = {"this run": found.metrics, **facts.baselines} if facts.baselines else {}
            print_comparison(compared, headlines, notes(facts))
            if _has_table_preset(spec, run):
                cost = COST_OF_BEST[run.components.facts.size]
                print_advice(ADVICE.format(seconds=cost * run.history[-1][-1]))
    if drawn:
        drawn()


def _has_table_preset(spec: RunSpec, run: Run) -> bool:
    """Whether it is a single network of the preset for tables, to which that of ensembles is the alternative."""
    choices = spec.job.get("hydra.runtime.choices", {})
    experiment = choices.get("experiment")
    preset = experiment == "table" or (choices.get("data") == "table" and experiment == "default")
    network = run.components.config["model"].get("number_embedding", "none") != "none"
    fits = isinstance(run.components.split, RandomSplit | FoldSplit) and len(run.plan.known_rows) >= FEWEST_ROWS
    return preset and network and fits and len(run.courses) == 1 and run.plan.alone is None


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
        log.warning("the baselines could not be computed: %s", error)
        return {}


def _facts(run: Run, found: Evaluation, baselines: Mapping[str, Baseline]) -> Facts:
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
        run.status == "stopped_early",
        {
            name: {part: metrics for part, metrics in baseline.metrics.items() if part not in apart}
            for name, baseline in baselines.items()
        },
    )
