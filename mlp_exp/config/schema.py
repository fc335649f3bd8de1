"""The type and range of every key in `conf/`.

One pydantic model per group. The description of a type says what is expected; a user reads it when a value does not
fit. Groups allow further keys, since their class may be the user's own: those are checked against the signature of
the `_target_` (see `targets`).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    model_validator,
)

from mlp_exp.config.components import INFERENCE, METRICS, NO_BASELINES, NO_ENSEMBLE, NO_TRACKER, is_component
from mlp_exp.config.schema_data import Data, Group, Preprocess, Split
from mlp_exp.config.schema_training import EarlyStopping, Init, Optimizer, Schedule, Scheduler, Trainer
from mlp_exp.config.value_types import (
    ClassWeight,
    Count,
    Flag,
    Levels,
    Natural,
    NonNegative,
    Positive,
    Rate,
    Rates,
    Text,
    Widths,
)

MOST_MEMBERS = 1000
"""Of an ensemble."""


class Model(Group):
    hidden_sizes: Widths = Field([])
    dropout: Rates = 0.0
    activation: Literal["relu", "gelu", "silu", "tanh", "leaky_relu", "selu", "elu", "mish", "sigmoid", "softplus"] = (
        Field("relu", description="one of relu, gelu, silu, tanh, leaky_relu, selu, elu, mish, sigmoid, softplus")
    )
    norm: Literal["batch", "layer"] | None = Field(None, description="one of batch, layer, null")
    residual: Flag = False
    dropout_schedule: Schedule = "constant"
    stack: Flag = False
    number_embedding: Literal["none", "periodic", "piecewise_linear"] = Field(
        "none", description="one of none, periodic, piecewise_linear"
    )
    embedding_hidden: Count = 16
    embedding_width: Count = 3
    frequency_scale: Positive = 0.1
    most_embedded: Natural = 64
    scale_inputs: Flag = False

    @model_validator(mode="after")
    def fits_the_layers(self) -> Self:
        layers = len(self.hidden_sizes)
        if isinstance(self.dropout, list) and len(self.dropout) != layers:
            raise ValueError(
                f"dropout: expected one rate, or a list of {layers}, one for each of hidden_sizes, got {self.dropout}"
            )
        equal = any(a == b for a, b in zip(self.hidden_sizes, self.hidden_sizes[1:], strict=False))
        if self.residual and not equal:
            raise ValueError(
                "residual: expected equal adjacent widths in hidden_sizes, such as [64,64], for a skip connection, "
                f"got {self.hidden_sizes}"
            )
        return self


class Loss(Group):
    label_smoothing: Rate = 0.0
    class_weight: ClassWeight = None
    delta: Positive = 1.0
    gamma: NonNegative = 2.0
    quantiles: Levels = Field([0.5])
    score: Literal["nll", "crps"] = Field("nll", description="nll or crps")

    @model_validator(mode="after")
    def is_a_mean(self) -> Self:
        if (self.model_extra or {}).get("reduction") == "sum":
            raise ValueError(
                "reduction: expected mean or none, since a loss is the mean over rows, got 'sum'; for larger steps "
                "raise optimizer.lr"
            )
        return self


class Inference(Group):
    calibrate: Flag = False
    threshold: Annotated[str | None, Field(description="the name of a metric, such as f1, or null")] = None
    clip: Flag = False


class Ensemble(Group):
    members: Annotated[int, Field(ge=1, le=MOST_MEMBERS, description=f"a whole number from 1 to {MOST_MEMBERS}")] = 1
    epoch: Literal["own", "common"] = Field("own", description="own or common")

    @model_validator(mode="after")
    def is_several(self) -> Self:
        alone = self.import_path == NO_ENSEMBLE
        if is_component(self.import_path) and alone != (self.members == 1):
            expected = "1 with ensemble=none" if alone else "2 or more networks; ensemble=none is a single one"
            raise ValueError(f"members: expected {expected}, got {self.members}")
        return self


class Metrics(Group):
    extra: list[Text | dict[str, Any]] = Field([], description="a list of names, and of nodes with a _target_")
    history: list[Text] = Field([], description="a list of names of metrics, such as [f1,roc_auc]")
    intervals: Natural = 1000


class Callback(Group):
    """One of several, each with a name of its own. These are the keys of ours; one's own may use them otherwise."""

    layers: Annotated[list[Text], Field(description="a list of names of layers, such as [head]")] = Field([])
    every: Count = 10
    low: Positive = 1e-5
    high: Positive = 1.0
    rates: Annotated[int, Field(ge=2, description="a whole number, 2 or more")] = 32
    epochs: Count = 1

    @model_validator(mode="wrap")
    @classmethod
    def only_ours(cls, node: Any, check: ModelWrapValidatorHandler[Self]) -> Any:
        target = node.get("_target_") if isinstance(node, dict) else None
        return check(node) if target is None or is_component(str(target)) else Group.model_validate(node)


class Tracker(Group):
    tracking_uri: Text = ""
    experiment: Text = ""
    project: Text = ""
    mode: Literal["offline", "online"] = Field("offline", description="offline or online")
    dir: Annotated[str, Field(min_length=1, description="the path of a folder")] = ""


class Plots(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal["png", "svg"] = Field("png", description="png or svg")


class Experiment(BaseModel):
    """The whole configuration of a run. Those of earlier versions may lack groups that have a default here."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    seed: Natural
    data: Data
    split: Split
    preprocess: Preprocess
    model: Model
    loss: Loss
    metrics: Metrics = Metrics.model_validate({"_target_": METRICS})
    optimizer: Optimizer
    scheduler: Scheduler
    init: Init
    early_stopping: EarlyStopping
    trainer: Trainer
    callbacks: Annotated[dict[str, Callback], Field(description="callbacks by name, each with a _target_")] = {}
    inference: Inference = Inference.model_validate({"_target_": INFERENCE})
    ensemble: Ensemble = Ensemble.model_validate({"_target_": NO_ENSEMBLE})
    baselines: Group = Group.model_validate({"_target_": NO_BASELINES})
    plots: Annotated[Plots, Field(description="a mapping, as {format: svg}")] = Plots.model_validate({})
    tracker: Tracker = Tracker.model_validate({"_target_": NO_TRACKER})


GROUPS: dict[str, type[Group]] = {
    name: field.annotation
    for name, field in Experiment.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Group)
}

SUPPLIED: dict[str, frozenset[str]] = {
    "data": frozenset({"split", "open_file"}),
    "model": frozenset({"in_features", "out_features", "numbers"}),
    "loss": frozenset({"task", "n_classes", "n_targets", "class_names"}),
    "optimizer": frozenset({"params"}),
    "scheduler": frozenset({"optimizer"}),
    "init.weight": frozenset({"tensor"}),
}
"""Arguments that the framework passes to the `_target_` of a node if its signature takes them."""

_APPLIED = {
    "data": {"max_rows"},
    "model": {"stack", "dropout_schedule"},
    "optimizer": {"rates", "decays", "ntk", "decay_schedule"},
    "scheduler": {"interval"},
}
APPLIED: dict[str, frozenset[str]] = {group: frozenset(keys) for group, keys in _APPLIED.items()}
"""Keys of a node that are not passed to its `_target_`: the framework applies them to what it returns."""
