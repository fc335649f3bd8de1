"""Which metrics a run has: the defaults of its task, and those that its configuration names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlp_exp.config.own_metrics import metric_name, own_metric_problems
from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.metrics.metric import Metric, Q
from mlp_exp.tasks.metrics.own import own_metric, wants_probabilities
from mlp_exp.tasks.metrics.predictions import ClassPredictions, Predictions
from mlp_exp.tasks.metrics.scorers import find_metric, scorer, scorer_names


class Metrics:
    """The config group `metrics`.

    Args:
        extra: names of metrics of ours or of scikit-learn's scorers, and nodes of one's own functions (`own_metric`).
        history: names of those that are computed on the validation part after each epoch.
        intervals: resamples for the 95 % intervals of the test part; 0 for none.

    Raises:
        ConfigError: a node does not fit.
    """

    def __init__(
        self, extra: Sequence[str | Mapping[str, Any]] = (), history: Sequence[str] = (), intervals: int = 1000
    ) -> None:
        if problems := own_metric_problems(list(extra)):
            raise ConfigError(problems)
        self.extra = list(extra)
        self.history = list(history)
        self.intervals = intervals

    def chosen(
        self, table: Mapping[str, Metric[Q]], defaults: Sequence[str], example: Q, watched: Sequence[str] = ()
    ) -> dict[str, Metric[Q]]:
        """The metrics of a run by name: the defaults, then the others in the order in which they are named.

        Args:
            table: all metrics of the task.
            defaults: names of those that every run has.
            example: predictions of the task for a few rows, on which scorers of scikit-learn are tried.
            watched: names that early stopping watches.

        Raises:
            ConfigError: there is no metric of a name, or it is not one for this task.
        """
        own = {metric_name(node): node for node in self.extra if isinstance(node, Mapping)}
        found = {name: table[name] for name in defaults}
        problems = [*self._own_problems(own, table, example)]
        for name, node in own.items():
            found[name] = own_metric(node)
        for where, name in self._named(watched):
            if name in found:
                continue
            metric = find_metric(name, table)
            problem = _problem(name, metric, table, [*found], example)
            if metric is None or problem:
                problems.append(f"{where}: {problem}")
            else:
                found[name] = metric
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))
        return found

    def _named(self, watched: Sequence[str]) -> Iterator[tuple[str, str]]:
        yield from (("metrics.extra", name) for name in self.extra if isinstance(name, str))
        yield from (("metrics.history", name) for name in self.history)
        yield from (("early_stopping.monitor", name) for name in watched)

    def _own_problems(
        self, own: Mapping[str, Any], table: Mapping[str, Metric[Any]], example: Predictions
    ) -> Iterator[str]:
        for place, node in enumerate(self.extra):
            if not isinstance(node, Mapping):
                continue
            name, where = metric_name(node), f"metrics.extra.{place}"
            if name in table:
                yield f"{where}: '{name}' is a metric of mlp_exp; give this one another name, as name: my_{name}"
            if wants_probabilities(node) and not isinstance(example, ClassPredictions):
                yield f"{where}: {node['_target_']} takes probabilities, and this task predicts values"


def _problem(
    name: str, metric: Metric[Any] | None, table: Mapping[str, Metric[Any]], own: Sequence[str], example: Predictions
) -> str | None:
    """Why a name cannot be used for this task, with the nearest names that can."""
    if metric is None:
        problem = f"there is no metric '{name}' for this task"
    elif name not in table and (reason := metric.undefined(example)):
        problem = f"scikit-learn's scorer '{name}' does not fit this task ({reason.rstrip('.')})"
    else:
        return None
    fitting = [other for other in scorer_names() if other != name and not scorer(other).undefined(example)]
    if "." in name:
        return f"{problem}. A function of your own is {{_target_: {name}, larger_is_better: true}}"
    hint = did_you_mean(name, {*table, *own, *fitting})
    return f"{problem}.{hint if 'Did you mean' in hint else did_you_mean(name, {*table, *own})}"
