"""`baselines.json`, in the folder of a run or a sweep: the metrics of its baselines, for each split of the data."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel, ValidationError

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.checked import Closed, first_problem
from mlp_exp.storage.run_folder import BASELINES

Number = Annotated[float, Field(allow_inf_nan=False)]


class Baseline(Closed):
    """A model that was fitted beside a run.

    Attributes:
        metrics: by part and name; None where one is not defined.
        rows: that it was fitted to.
        seconds: that it took.
    """

    metrics: dict[str, dict[str, Number | None]]
    rows: int
    seconds: Number


class OfSplit(Closed):
    """The baselines of one split of one dataset, by name, and what compares them as in `result.json`.

    Attributes:
        data: the dataset's fingerprint.
        rows: of the dataset.
    """

    task: str
    target: str
    data: str
    rows: int
    ranking: str
    headlines: list[str]
    larger_is_better: list[str]
    baselines: dict[str, Baseline]


class _Content(RootModel[dict[str, OfSplit]]):
    """By a key of what they depend on."""


class BaselinesFile:
    """The file in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / BASELINES

    def read(self) -> dict[str, OfSplit]:
        """Its content by key; empty without a file. Raises RunFolderError for any other content."""
        if not self._path.is_file():
            return {}
        try:
            return _Content.model_validate_json(self._path.read_bytes()).root
        except ValidationError as error:
            problem = first_problem(error, "all of it")
            raise RunFolderError(f"{self._path}: expected the baselines of runs; {problem}") from error

    def add(self, key: str, split: OfSplit) -> None:
        """Adds the baselines of a split."""
        content = self.read() | {key: split}
        plain = {key: each.model_dump() for key, each in content.items()}
        write_text(self._path, json.dumps(plain, indent=2, allow_nan=False) + "\n")
