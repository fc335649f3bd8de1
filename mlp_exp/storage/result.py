"""`result.json`: status and metrics of a run."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.checked import first_problem

Number = Annotated[float, Field(allow_inf_nan=False)]


class Result(BaseModel):
    """Schema of the values that are read again; the file has others, too.

    Attributes:
        rung: the epoch after which a search stopped a run that it has pruned.
        parameters: the number of weights.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    status: Literal["finished", "stopped_early", "diverged", "failed", "interrupted", "pruned"]
    reason: str = ""
    task: str = ""
    monitor: str = ""
    epochs: int = 0
    best_epoch: int = 0
    best_value: Number | None = None
    rung: Annotated[int, Field(ge=1)] | None = None
    parameters: Annotated[int, Field(ge=0)] | None = None
    seconds: Number = 0.0
    stacked: Annotated[int, Field(ge=1)] = 1
    metrics: dict[str, dict[str, Number | None]]
    provenance: dict[str, Any] = {}


def read_result(path: Path) -> dict[str, Any] | None:
    """The content of the file; None if there is no file. Raises RunFolderError if it is not a result."""
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        Result.model_validate(found)
    except ValidationError as error:
        raise RunFolderError(f"{path}: expected the result of a run; {first_problem(error, 'all of it')}") from error
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}: expected a result in JSON: {error}") from error
    return found
