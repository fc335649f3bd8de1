"""What a configuration may name: short public names, which no move of code breaks.

`_target_: mlp_exp.components.MLP` is what a configuration says; this table says where the code is. The list of what
may be built from a stranger's folder is made from it, and the names that version 0.1 wrote are translated by it.
"""

from collections.abc import Mapping
from typing import Any

PUBLIC = "mlp_exp.components"

KINDS = ("embedding", "scale", "bias", "weight")
"""Of parameters."""

GROUPS: dict[str, dict[str, str]] = {
    "data": {
        **dict.fromkeys(("circle", "moons", "spirals", "bundled"), "mlp_exp.data.sources"),
        "table": "mlp_exp.data.table.load",
    },
    "split": {
        **dict.fromkeys(("RandomSplit", "FoldSplit", "GroupSplit", "TimeSplit"), "mlp_exp.data.splits.by_fraction"),
        **dict.fromkeys(("ColumnSplit", "FileSplit"), "mlp_exp.data.splits.predefined"),
    },
    "preprocess": {"Preprocess": "mlp_exp.data.preprocessing"},
    "model": {"MLP": "mlp_exp.model.mlp"},
    "callbacks": {
        "GradientNorms": "mlp_exp.training.callbacks.gradient_norms",
        "EpochPredictions": "mlp_exp.training.callbacks.epoch_predictions",
        "LearningRateFinder": "mlp_exp.training.callbacks.learning_rate_finder",
    },
    "inference": {"Inference": "mlp_exp.tasks.calibration"},
    "loss": {
        "auto_loss": "mlp_exp.tasks.losses.automatic",
        **dict.fromkeys(("BinaryCrossEntropy", "CrossEntropy", "Focal", "Ordinal"), "mlp_exp.tasks.losses.classes"),
        **dict.fromkeys(("SquaredError", "Huber", "Poisson", "Gamma"), "mlp_exp.tasks.losses.values"),
        **dict.fromkeys(("Quantile", "Gaussian"), "mlp_exp.tasks.losses.spread"),
    },
    "metrics": {"Metrics": "mlp_exp.tasks.metrics.chosen"},
    "scheduler": {"warmup_cosine": "mlp_exp.training.schedulers", "LogCosine": "mlp_exp.training.curves"},
    "ensemble": dict.fromkeys(
        ("NoEnsemble", "FoldEnsemble", "SeedEnsemble", "BaggingEnsemble"), "mlp_exp.data.ensembles"
    ),
    "init": dict.fromkeys(("DefaultInit", "WeightInit", "DataDrivenInit"), "mlp_exp.model.initial_weights"),
    "early_stopping": dict.fromkeys(("NoEarlyStopping", "Patience"), "mlp_exp.training.early_stopping"),
    "trainer": {"Trainer": "mlp_exp.training.trainer"},
    "baselines": dict.fromkeys(("NoBaselines", "Baselines"), "mlp_exp.experiment.baselines.standard"),
    "tracker": {
        "NoTracker": "mlp_exp.trackers.none",
        "TensorBoard": "mlp_exp.trackers.tensorboard",
        "MLflow": "mlp_exp.trackers.mlflow",
        "WandB": "mlp_exp.trackers.wandb",
    },
}
"""For each config group the components that it may name, each with its module."""

COMPONENTS: dict[str, str] = {name: module for group in GROUPS.values() for name, module in group.items()}

BASES: dict[str, str] = {
    "Dataset": "mlp_exp.data.dataset",
    "Split": "mlp_exp.data.splits.base",
    "Loss": "mlp_exp.tasks.losses.base",
    "EarlyStopping": "mlp_exp.training.early_stopping",
    "Callback": "mlp_exp.training.callbacks.callback",
    "Tracker": "mlp_exp.trackers.tracker",
}
"""Likewise what a user's own components return or derive from; no configuration builds these."""


def public_name(name: str) -> str:
    return f"{PUBLIC}.{name}"


NO_TRACKER = public_name("NoTracker")
METRICS = public_name("Metrics")
INFERENCE = public_name("Inference")
NO_EARLY_STOPPING = {"_target_": public_name("NoEarlyStopping")}
NO_BASELINES = public_name("NoBaselines")
NO_ENSEMBLE = public_name("NoEnsemble")

_VERSION_0_1 = {
    "data.sources": {name: name for name in ("circle", "moons", "spirals", "bundled")},
    "data.table": {"table": "table"},
    "data.splits": {
        "Shares": "RandomSplit",
        "ByColumn": "ColumnSplit",
        "Files": "FileSplit",
        "Folds": "FoldSplit",
        "ByGroup": "GroupSplit",
        "ByTime": "TimeSplit",
    },
    "data.preprocessing": {"Preprocess": "Preprocess"},
    "model.mlp": {"MLP": "MLP"},
    "model.initialisation": {"Default": "DefaultInit", "Initialisation": "WeightInit"},
    "training.losses": {
        "auto": "auto_loss",
        **{name: name for name in ("BinaryCrossEntropy", "CrossEntropy", "SquaredError", "Huber")},
    },
    "training.schedulers": {"warmup_cosine": "warmup_cosine"},
    "training.early_stopping": {"Never": "NoEarlyStopping", "Patience": "Patience"},
    "training.trainer": {"Trainer": "Trainer"},
    "artefacts.trackers.none": {"NoTracker": "NoTracker"},
    "artefacts.trackers.tensorboard": {"TensorBoard": "TensorBoard"},
    "artefacts.trackers.mlflow": {"MLflow": "MLflow"},
    "artefacts.trackers.wandb": {"WandB": "WandB"},
}
ALIASES: dict[str, str] = {
    f"mlp_exp.{module}.{old}": public_name(new) for module, names in _VERSION_0_1.items() for old, new in names.items()
}
"""Names that version 0.1 wrote, with those that stand for them now."""

ADDED: dict[str, Any] = {
    "data.max_rows": None,
    "data.order": None,
    "data.text": [],
    "data.weight": None,
    "preprocess.text_width": 32,
    "preprocess.distinct_ranks": False,
    "preprocess.embed_ranks": False,
    "model.stack": False,
    "model.number_embedding": "none",
    "model.embedding_hidden": 16,
    "model.embedding_width": 3,
    "model.frequency_scale": 0.1,
    "model.most_embedded": 64,
    "model.scale_inputs": False,
    "scheduler.interval": "epoch",
    "scheduler.total_iters": 0,
    "trainer.auto_epochs": 30,
    "trainer.batches": 32,
    "baselines._target_": NO_BASELINES,
    "ensemble._target_": NO_ENSEMBLE,
    "ensemble.members": 1,
    "ensemble.epoch": "own",
    "inference._target_": INFERENCE,
    "inference.calibrate": False,
    "inference.clip": False,
    "inference.threshold": None,
    "model.dropout_schedule": "constant",
    **{f"optimizer.{key}.{kind}": 1.0 for key in ("rates", "decays") for kind in KINDS},
    "optimizer.ntk": False,
    "optimizer.decay_schedule": "constant",
    "metrics._target_": METRICS,
    "metrics.extra": [],
    "metrics.history": [],
    "metrics.intervals": 1000,
    "plots.format": "png",
}
"""Keys that version 0.1 did not have, with the values that change nothing: a configuration without them is the same."""


def current_names(config: Any) -> Any:
    """A configuration, or a part of one, with the names of today in place of those of version 0.1.

    >>> current_names({"_target_": "mlp_exp.training.early_stopping.Never"})
    {'_target_': 'mlp_exp.components.NoEarlyStopping'}
    """
    if isinstance(config, Mapping):
        return {
            key: ALIASES.get(value, value) if key == "_target_" and isinstance(value, str) else current_names(value)
            for key, value in config.items()
        }
    return [current_names(value) for value in config] if isinstance(config, list) else config


def is_component(path: str, group: str | None = None) -> bool:
    """Whether a `_target_` is one of this project's components, of any group or of one."""
    module, _, name = path.rpartition(".")
    return module == PUBLIC and name in (COMPONENTS if group is None else GROUPS[group])
