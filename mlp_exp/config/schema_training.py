"""The type and range of every key of the groups that say how a network is trained."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from mlp_exp.config.schema_data import Group
from mlp_exp.config.value_types import (
    Betas,
    Count,
    Epochs,
    Eps,
    Factor,
    Flag,
    Natural,
    NonNegative,
    Number,
    Positive,
    Rate,
)

HAS_CALLBACKS = "has_callbacks"
"""In the context of a validation: whether there are callbacks, whose columns are known only when they are built."""

MONITORED = re.compile(r"train_loss|val_[A-Za-z]\w*")
MONITOR = "train_loss, val_loss, val_metric, or val_ and the name of a metric, such as val_f1"
BY_KIND = "factors by kind of parameter, such as {bias: 0.1}"
Schedule = Annotated[Literal["constant", "flat_cosine"], Field(description="constant or flat_cosine")]


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


PATIENCE = "a whole number of epochs, 1 or more, or a fraction of all of them, below 1"


class EarlyStopping(Group):
    monitor: Annotated[str, Field(description=MONITOR)] = "val_loss"
    mode: Literal["auto", "min", "max"] = Field("auto", description="one of auto, min, max")
    latest: Flag = False
    patience: (
        Annotated[int, Field(ge=1, description=PATIENCE)] | Annotated[float, Field(gt=0, lt=1, description=PATIENCE)]
    ) = Field(1, description=PATIENCE)
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
