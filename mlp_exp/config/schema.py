"""The type and range of every key in `conf/`.

One pydantic model per group. The description of a type says what is expected; a user reads it when a value does not
fit. Groups allow further keys, since their class may be the user's own: those are checked against the signature of
the `_target_` (see `targets`).
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mlp_exp.config.components import INFERENCE, METRICS, NO_BASELINES, NO_ENSEMBLE, NO_TRACKER, is_component
from mlp_exp.config.schema_data import Data, Group, Preprocess, Split
from mlp_exp.config.value_types import (
    Betas,
    ClassWeight,
    Count,
    Epochs,
    Eps,
    Factor,
    Flag,
    Levels,
    Natural,
    NonNegative,
    Number,
    Positive,
    Rate,
    Rates,
    Text,
    Widths,
)

HAS_CALLBACKS = "has_callbacks"
"""In the context of a validation: whether there are callbacks, whose columns are known only when they are built."""

MOST_MEMBERS = 1000
"""Of an ensemble."""

MONITORED = re.compile(r"train_loss|val_[A-Za-z]\w*")
MONITOR = "train_loss, val_loss, val_metric, or val_ and the name of a metric, such as val_f1"


BY_KIND = "factors by kind of parameter, such as {bias: 0.1}"
Schedule = Annotated[Literal["constant", "flat_cosine"], Field(description="constant or flat_cosine")]


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


class ByKind(BaseModel):
    """A factor for each kind of parameter."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    embedding: NonNegative = 1.0
    scale: NonNegative = 1.0
    bias: NonNegative = 1.0
    weight: NonNegative = 1.0


class Optimizer(Group):
    lr: Positive
    weight_decay: NonNegative = 0.0
    rates: ByKind = Field(ByKind(), description=BY_KIND)
    decays: ByKind = Field(ByKind(), description=BY_KIND)
    ntk: Flag = False
    decay_schedule: Schedule = "constant"
    betas: Betas = Field([0.9, 0.999])
    eps: Eps = 1e-8
    amsgrad: Flag = False
    momentum: Rate = 0.0
    dampening: Rate = 0.0
    nesterov: Flag = False
    alpha: Rate = 0.99
    centered: Flag = False
    momentum_decay: NonNegative = 0.0
    decoupled_weight_decay: Flag = False
    lr_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0


class Scheduler(Group):
    interval: Literal["epoch", "step"] = Field("epoch", description="epoch or step")
    factor: Factor = 1.0
    patience: Natural = 0
    threshold: NonNegative = 0.0
    threshold_mode: Literal["rel", "abs"] = Field("rel", description="rel or abs")
    cooldown: Natural = 0
    min_lr: NonNegative = 0.0
    T_max: Epochs = 1
    eta_min: NonNegative = 0.0
    step_size: Count = 1
    gamma: Positive = 1.0
    max_lr: Positive = 1.0
    total_steps: Epochs = 1
    total_iters: Natural = 0
    pct_start: Rate = 0.3
    anneal_strategy: Literal["cos", "linear"] = Field("cos", description="cos or linear")
    cycle_momentum: Literal[False] = Field(False, description="false: momentum is the optimizer's")
    div_factor: Positive = 1.0
    final_div_factor: Positive = 1.0
    epochs: Epochs = 1
    warmup_epochs: Natural = 0
    start_factor: Factor = 1.0
    cycles: Annotated[int, Field(ge=1, le=16, description="a whole number from 1 to 16")] = 4


class InitWeight(Group):
    partial: Flag = Field(False, alias="_partial_")
    gain: Positive = 1.0
    a: NonNegative = 0.0
    mode: Literal["fan_in", "fan_out"] = Field("fan_in", description="fan_in or fan_out")
    nonlinearity: Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"] = Field(
        "relu", description="one of linear, sigmoid, tanh, relu, leaky_relu, selu"
    )


class Init(Group):
    weight: InitWeight | None = None
    bias: Number = 0.0


class EarlyStopping(Group):
    monitor: Annotated[str, Field(description=MONITOR)] = "val_loss"
    mode: Literal["auto", "min", "max"] = Field("auto", description="one of auto, min, max")
    latest: Flag = False
    patience: Count = 1
    min_delta: NonNegative = 0.0

    @field_validator("monitor")
    @classmethod
    def is_a_column(cls, monitor: str, info: ValidationInfo) -> str:
        if not MONITORED.fullmatch(monitor) and not (info.context or {}).get(HAS_CALLBACKS):
            raise ValueError(f"expected {MONITOR}, got {monitor!r}")
        return monitor


class Trainer(Group):
    epochs: Epochs = 1
    auto_epochs: Count = 30
    steps: Count = 500
    batch_size: Annotated[int, Field(ge=1)] | Literal["full", "auto"] = Field(
        32, description="a whole number, 1 or more, or full for all training rows at once, or auto by their number"
    )
    batches: Count = 32
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="one of auto, cpu, cuda, mps")
    threads: Count = 1
    clip_grad_norm: Annotated[float | None, Field(gt=0, description="a number above 0, or null for none")] = None
    average: Rate = 0.0
    plots: Literal["auto", "always", "never"] = Field("auto", description="one of auto, always, never")
    log_every: Count = 10
    checkpoint_every: NonNegative = 30.0


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
