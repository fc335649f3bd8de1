"""The settings of the sweepers of this project, from `hydra.sweeper`."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from mlp_exp.config.hydra_settings import HydraSettings

NODE = "hydra.sweeper"
FEWEST_IN_BATCH, MOST_IN_BATCH = 8, 64
BATCHES = 4
"""Of a search whose batches are `auto`: so often a sampler learns from what it has seen."""
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class SearchSettings(HydraSettings):
    """Those of `conf/hydra/sweeper/optuna.yaml`, checked; the description of each says what is expected."""

    node = NODE

    n_trials: Count = Field(description="a whole number, 1 or more")
    batch: Count | Literal["auto"] = Field(description="a whole number, 1 or more, or auto")
    seed: Annotated[int, Field(ge=0)] = Field(description="a whole number, 0 or more")
    timeout: Positive | None = Field(description="seconds, above 0, or null for no limit")
    params: dict[str, Any] | None = Field(description="ranges by key, such as {optimizer.lr: 'interval(1e-4,1e-1)'}")
    conditions: dict[str, dict[str, Any]] = Field(
        description="by key what it depends on, such as {optimizer.momentum: {optimizer: sgd}}"
    )
    repeat: dict[str, Any] = Field(description="values by key, such as {seed: [0,1,2]} or {seed: 'range(3)'}")
    objectives: Annotated[list[str], Field(min_length=2)] | None = Field(
        description="null, or a list of two or more, such as [val_accuracy,parameters]"
    )
    enqueue: list[dict[str, Any]] = Field(
        description="a list of values by key, such as [{optimizer.lr: 0.01}]; {} are the defaults"
    )
    warm_start: list[str] = Field(description="a list of folders of earlier sweeps or searches")
    sampler: dict[str, Any] = Field(description="an option of hydra/sweeper/sampler")
    pruner: dict[str, Any] = Field(description="an option of hydra/sweeper/pruner")

    @property
    def batch_size(self) -> int:
        """How many trials are asked for at once: a function of `n_trials` alone where it is `auto`, never of cores."""
        if self.batch != "auto":
            return self.batch
        return min(MOST_IN_BATCH, max(FEWEST_IN_BATCH, -(-self.n_trials // BATCHES)))


class LrRangeSettings(HydraSettings):
    """Those of `conf/hydra/sweeper/lr_range.yaml`, likewise."""

    node = NODE

    low: Positive = Field(description="a number above 0")
    high: Positive = Field(description="a number above low")
    rates: Annotated[int, Field(ge=2)] = Field(description="a whole number, 2 or more")
    epochs: Count = Field(description="a whole number, 1 or more")

    @field_validator("high")
    @classmethod
    def _is_above_low(cls, high: float, info: ValidationInfo) -> float:
        if high <= info.data.get("low", 0):
            raise ValueError("not above low")
        return high
