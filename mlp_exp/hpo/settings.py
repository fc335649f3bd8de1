"""The settings of a search, from `hydra.sweeper`, and what of them must stay the same when it continues."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mlp_exp.config.hydra_settings import HydraSettings
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.study_file import StudyFile
from mlp_exp.storage.sweep_folder import STUDY

NODE = "hydra.sweeper"
FEWEST_IN_BATCH, MOST_IN_BATCH = 8, 64
BATCHES = 4
"""Of a search whose batches are `auto`: so often a sampler learns from what it has seen."""
Count = Annotated[int, Field(ge=1)]


class Settings(HydraSettings):
    """Those of `conf/hydra/sweeper/optuna.yaml`, checked; the description of each says what is expected."""

    node = NODE

    n_trials: Count = Field(description="a whole number, 1 or more")
    batch: Count | Literal["auto"] = Field(description="a whole number, 1 or more, or auto")
    seed: Annotated[int, Field(ge=0)] = Field(description="a whole number, 0 or more")
    timeout: Annotated[float, Field(gt=0)] | None = Field(description="seconds, above 0, or null for no limit")
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


def require_same(earlier: StudyFile, now: StudyFile, folder: Path) -> None:
    """Refuses to continue another search; one with more trials is the same.

    Raises:
        RunFolderError: names the settings that differ.
    """
    was, new = ({**file.model_dump(), "n_trials": None} for file in (earlier, now))
    lines = [f"  {key}: was {_text(was[key])}, now {_text(new[key])}" for key in was if was[key] != new[key]]
    if lines:
        text = "\n".join(lines)
        raise RunFolderError(
            f"{folder / STUDY}: resume=true goes on with the same search; only n_trials may grow.\n{text}"
        )
    if now.n_trials < earlier.n_trials:
        raise RunFolderError(
            f"{folder / STUDY}: the search has {earlier.n_trials} trials; expected {NODE}.n_trials={earlier.n_trials} "
            f"or more, got {now.n_trials}"
        )


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
