"""Plain notes on how far a result is to be trusted: at most three, the most important first."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mlp_exp.display.numbers import in_sentence
from mlp_exp.errors import counted
from mlp_exp.experiment.baselines.models import BOOSTING, LINEAR
from mlp_exp.tasks.task import Task

MOST_NOTES = 3
FEW_ROWS = 50
Z_95, Z_99 = 1.96, 2.576
"""Standard deviations around the mean that hold 95 % and 99 % of a normal distribution."""
TAIL = 0.1
"""Fraction of the epochs that are the last ones."""
RISE = 0.1
"""Of the fall of a loss before, or of its lowest value, that is clearly a rise."""
GAIN = 0.02
"""Of all that was gained in training, that is still a gain in the last epochs."""

Metrics = Mapping[str, Mapping[str, float | None]]
"""By part and name."""


@dataclass(frozen=True)
class Facts:
    """What is known when a run has ended.

    Attributes:
        metrics: of the run.
        intervals: of the test part, 95 % each.
        rows: of each part.
        history: its columns.
        watched: the column that early stopping watches.
        stopped: whether early stopping has ended the run.
        baselines: metrics of each, by its name.
    """

    task: Task
    metrics: Metrics
    rows: Mapping[str, int]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    watched: str = "val_loss"
    best_epoch: int = 0
    stopped: bool = False
    baselines: Mapping[str, Metrics] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The first of the headlines."""
        return self.task.headlines[0]

    @property
    def part(self) -> str:
        """The one whose metrics say how good the run is on other data."""
        return next((part for part in ("test", "val") if part in self.metrics), "train")

    def value(self, part: str, baseline: str | None = None) -> float | None:
        """The metric of the run, or of a baseline, for a part."""
        of = self.metrics if baseline is None else self.baselines[baseline]
        return of.get(part, {}).get(self.metric)

    def gain(self, part: str, baseline: str) -> float | None:
        """By how much the run is better than a baseline; below 0 if it is worse."""
        run, other = self.value(part), self.value(part, baseline)
        if run is None or other is None:
            return None
        return run - other if self.task.larger_is_better(self.metric) else other - run

    @property
    def in_points(self) -> bool:
        """Whether the metric is a fraction of which more is better, such as accuracy."""
        return self.task.has_classes and self.task.larger_is_better(self.metric)


def beside_constant(facts: Facts) -> str | None:
    """Not better than the constant by more than chance: it lies in the interval of the run's metric, or beyond.

    Without an interval: not better by two points or 2 %.
    """
    name = next((name for name in facts.baselines if name not in (LINEAR, BOOSTING)), None)
    if name is None or (gain := facts.gain(facts.part, name)) is None:
        return None
    run, other = facts.value(facts.part), facts.value(facts.part, name)
    assert run is not None
    assert other is not None
    ends = facts.intervals.get(facts.metric) if facts.part == "test" else None
    within = ends is not None and ends[0] <= other <= ends[1]
    close = ends is None and gain < (0.02 if facts.in_points else 0.02 * abs(other))
    if gain > 0 and not within and not close:
        return None
    where = f"{facts.part} {_words(facts.metric)}"
    if _number(run) == _number(other):
        return f"{where} is that of the {name}"
    if facts.in_points:
        return f"{where} is {abs(100 * gain):.1f} points {'above' if gain > 0 else 'below'} the {name}"
    percent = f"{abs(100 * gain / other):.1f} %" if other else in_sentence(abs(gain))
    return f"{where} is {percent} {'better' if gain > 0 else 'worse'} than that of the {name}"


def better_baseline(facts: Facts) -> str | None:
    """The best model among the baselines, if it is better on the test part, and on any validation part."""
    models = [name for name in (LINEAR, BOOSTING) if name in facts.baselines]
    gains = {name: gain for name in models if (gain := facts.gain(facts.part, name)) is not None}
    if not gains:
        return None
    best = min(gains, key=lambda name: gains[name])
    run, other = facts.value(facts.part), facts.value(facts.part, best)
    on_val = facts.gain("val", best)
    shown = f"{_words(facts.metric)} {_number(other)} against {_number(run)}"
    if gains[best] >= 0 or (on_val is not None and on_val >= 0) or _number(other) == _number(run):
        return None
    return f"{'the ' if best == LINEAR else ''}{best} is better on the {_part(facts.part)} part: {shown}"


def parts_differ(facts: Facts) -> str | None:
    """Test and validation metric differ by a z-test at 1 %.

    The standard error on the test part comes from its bootstrapped interval; that on the validation part is the same
    but for the number of rows.
    """
    test, val, ends = facts.value("test"), facts.value("val"), facts.intervals.get(facts.metric)
    if test is None or val is None or ends is None or ends[0] == ends[1]:
        return None
    error = (ends[1] - ends[0]) / (2 * Z_95)
    both = error * math.sqrt(1 + facts.rows["test"] / facts.rows["val"])
    if abs(test - val) <= Z_99 * both:
        return None
    return f"test and validation differ by more than chance: {_words(facts.metric)} {_number(test)} and {_number(val)}"


def loss_has_risen(facts: Facts) -> str | None:
    """The validation loss of the last tenth of the epochs is clearly above its minimum, and nothing stopped the run."""
    column = list(facts.history.get("val_loss", ()))
    losses = [loss for loss in column if math.isfinite(loss)]
    tail = max(2, round(TAIL * len(losses)))
    if facts.stopped or len(losses) <= tail:
        return None
    low = min(losses)
    epoch = column.index(low) + 1
    rise = min(losses[-tail:]) - low
    if epoch > len(column) - tail or rise <= RISE * max(losses[0] - low, abs(low)):
        return None
    return f"validation loss has risen since epoch {epoch}: early stopping or decay may help"


def few_rows(facts: Facts) -> str | None:
    """The part that is reported has few rows."""
    rows = facts.rows.get(facts.part, 0)
    if facts.part == "train" or rows >= FEW_ROWS:
        return None
    return f"the {_part(facts.part)} part has {counted(rows, 'row')}: its metrics are uncertain"


def still_learning(facts: Facts) -> str | None:
    """The best epoch is the last, and the last tenth of the epochs is clearly better than the tenth before."""
    values = [value for value in facts.history.get(facts.watched, ()) if math.isfinite(value)]
    tail = max(2, round(TAIL * len(values)))
    is_last = facts.best_epoch == len(values) >= 2 * tail
    if not is_last or facts.stopped or not facts.watched.startswith("val_") or loss_has_risen(facts):
        return None
    whole, late = values[-1] - values[0], fmean(values[-tail:]) - fmean(values[-2 * tail : -tail])
    return "the best epoch is the last: more epochs may help" if late * whole > GAIN * whole**2 else None


ALL: Sequence[Callable[[Facts], str | None]] = (
    beside_constant,
    better_baseline,
    parts_differ,
    loss_has_risen,
    few_rows,
    still_learning,
)
"""The most important first."""


def notes(facts: Facts) -> list[str]:
    """What is worth saying of a run, in sentences without a full stop."""
    return [note for note in (say(facts) for say in ALL) if note][:MOST_NOTES]


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _part(part: str) -> str:
    return "validation" if part == "val" else part


def _number(value: float | None) -> str:
    return "–" if value is None else in_sentence(value)
