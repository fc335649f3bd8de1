"""Metrics of one's own: functions that a configuration names."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mlp_exp.config.own_metrics import FOR_NAMES, PROBABILITIES, WEIGHTS, pair_of
from mlp_exp.config.targets import locate, takes
from mlp_exp.tasks.metrics.looped import one_by_one
from mlp_exp.tasks.metrics.metric import Metric
from mlp_exp.tasks.metrics.predictions import ClassPredictions, Predictions


def own_metric(node: Mapping[str, Any]) -> Metric[Predictions]:
    """The metric of a valid node such as `{_target_: my_package.profit, larger_is_better: true}`.

    The function is called with what is true and what was predicted, as scikit-learn's: codes of classes, or values. If
    its second parameter is named `probabilities`, `y_prob`, `y_proba` or `y_score`, it gets probabilities `[n, C]`, of
    two classes those of the second `[n]`. A parameter `sample_weight` or `weights` gets the weights `[n]`, or None.
    """
    function = locate(node["_target_"])
    settings = {key: value for key, value in node.items() if key not in FOR_NAMES}
    weights = [name for name in WEIGHTS if name not in settings and takes(function, name)][:1]
    score = partial(_own_score, function, settings, wants_probabilities(node), weights)
    return one_by_one(score, node["larger_is_better"])


def wants_probabilities(node: Mapping[str, Any]) -> bool:
    """Whether its function is one of probabilities."""
    return any(name in PROBABILITIES for name in pair_of(locate(node["_target_"]))[1:])


def _own_score(
    function: Callable[..., Any], settings: dict[str, Any], probabilities: bool, weights: list[str], of: Predictions
) -> Any:
    predicted = of.predicted
    if probabilities and isinstance(of, ClassPredictions):
        predicted = of.probabilities[:, 1] if of.binary else of.probabilities
    given = {name: None if of.weights is None else _read_only(of.weights) for name in weights}
    return function(_read_only(of.target), _read_only(predicted), **given, **settings)


def _read_only(values: Any) -> Any:
    """They are those of other metrics, too."""
    view = values.view()
    view.flags.writeable = False
    return view
