"""Metrics: the name of each, whether larger is better, and how it is computed.

To add a metric, write it into the table of what it measures (`classes`, `values`, `uncertain`) and test it; all else
reads these tables. They are computed here rather than by scikit-learn, whose import takes longer than many a training.
"""

from mlp_exp.tasks.metrics.bootstrap import Interval, intervals
from mlp_exp.tasks.metrics.classes import CLASS_DEFAULTS, CLASS_METRICS, ORDINAL_DEFAULTS, ORDINAL_METRICS
from mlp_exp.tasks.metrics.metric import Metric, Scores, compute, evaluate
from mlp_exp.tasks.metrics.predictions import (
    ClassPredictions,
    DistributionPredictions,
    Predictions,
    QuantilePredictions,
    ValuePredictions,
    around_median,
    decide,
)
from mlp_exp.tasks.metrics.scorers import find_metric
from mlp_exp.tasks.metrics.uncertain import (
    DISTRIBUTION_DEFAULTS,
    DISTRIBUTION_METRICS,
    QUANTILE_DEFAULTS,
    QUANTILE_METRICS,
)
from mlp_exp.tasks.metrics.values import VALUE_DEFAULTS, VALUE_METRICS

__all__ = [
    "CLASS_DEFAULTS",
    "CLASS_METRICS",
    "DISTRIBUTION_DEFAULTS",
    "DISTRIBUTION_METRICS",
    "ORDINAL_DEFAULTS",
    "ORDINAL_METRICS",
    "QUANTILE_DEFAULTS",
    "QUANTILE_METRICS",
    "VALUE_DEFAULTS",
    "VALUE_METRICS",
    "ClassPredictions",
    "DistributionPredictions",
    "Interval",
    "Metric",
    "Predictions",
    "QuantilePredictions",
    "Scores",
    "ValuePredictions",
    "around_median",
    "compute",
    "decide",
    "evaluate",
    "find_metric",
    "intervals",
]
