"""Config-driven experiments with multilayer perceptrons in PyTorch."""

import importlib
from typing import TYPE_CHECKING, Any

from mlp_exp._version import __version__

if TYPE_CHECKING:
    from mlp_exp.api.overrides import interval
    from mlp_exp.api.results import Results, results
    from mlp_exp.api.training import search, sweep, train
    from mlp_exp.errors import ConfigError, DataError, DivergedError, MlpExpError, RunFolderError, TrainingError
    from mlp_exp.estimators.classifier import TableClassifier
    from mlp_exp.estimators.folds import cross_validate
    from mlp_exp.estimators.regressor import TableRegressor
    from mlp_exp.inference.ensemble import Ensemble
    from mlp_exp.inference.loading import load
    from mlp_exp.inference.trained_run import TrainedRun

__all__ = [
    "ConfigError",
    "DataError",
    "DivergedError",
    "Ensemble",
    "MlpExpError",
    "Results",
    "RunFolderError",
    "TableClassifier",
    "TableRegressor",
    "TrainedRun",
    "TrainingError",
    "__version__",
    "cross_validate",
    "interval",
    "load",
    "results",
    "search",
    "sweep",
    "train",
]

_MODULES = {
    "ConfigError": "errors",
    "DataError": "errors",
    "DivergedError": "errors",
    "Ensemble": "inference.ensemble",
    "MlpExpError": "errors",
    "Results": "api.results",
    "RunFolderError": "errors",
    "TableClassifier": "estimators.classifier",
    "TableRegressor": "estimators.regressor",
    "TrainedRun": "inference.trained_run",
    "TrainingError": "errors",
    "cross_validate": "estimators.folds",
    "interval": "api.overrides",
    "load": "inference.loading",
    "results": "api.results",
    "search": "api.training",
    "sweep": "api.training",
    "train": "api.training",
}
"""Where each public name is from: most come with torch, which takes seconds to import and is not always needed."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
