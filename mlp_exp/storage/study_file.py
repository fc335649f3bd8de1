"""`study.yaml`, in the folder of a search: its settings, which must be the same when it continues."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError

from mlp_exp.config.trust import check_plain
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.checked import Closed, first_problem
from mlp_exp.storage.hydra_files import MAX_SETTINGS
from mlp_exp.storage.sweep_folder import STUDY
from mlp_exp.storage.yaml_file import read_yaml

Positive = Annotated[int, Field(ge=1)]


class Objective(Closed):
    """What a search optimizes: a column of the history, a metric as `val_accuracy`, or `parameters`."""

    name: str
    direction: Literal["minimize", "maximize"]

    def cost(self, value: float) -> float:
        """A value so that lower is better."""
        return -value if self.direction == "maximize" else value


class StudyFile(Closed):
    """The settings of a search.

    Attributes:
        space: by key the range or the choices, as typed.
        fixed: the overrides without a range, as typed.
        conditions: by key the values of other keys with which alone it is part of a trial.
        repeat: by key its values, with which each trial is repeated.
        sampler, pruner: their settings, with defaults.
        batch: number of trials that are asked for at once.
        enqueue: configurations that are tried first.
        warm_start: the folders whose results the search began with.
        monitor: the column that early stopping watches, which pruning compares.
        repeats: runs of a trial.
    """

    space: dict[str, str]
    fixed: list[str]
    conditions: dict[str, dict[str, Any]]
    repeat: dict[str, Any]
    sampler: dict[str, Any]
    pruner: dict[str, Any]
    batch: Positive
    seed: int
    n_trials: Positive
    objectives: Annotated[list[Objective], Field(min_length=1)]
    enqueue: list[dict[str, Any]]
    warm_start: list[str]
    monitor: str
    repeats: Positive

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The file in a folder; None if there is none. Raises RunFolderError for any other content."""
        path = folder / STUDY
        if not path.is_file():
            return None
        content = read_yaml(path)
        check_plain(content, path, MAX_SETTINGS)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problem = first_problem(error, "all of it")
            raise RunFolderError(f"{path}: expected the settings of a search; {problem}") from error

    def write(self, folder: Path) -> None:
        """Writes the file in a folder."""
        text = yaml.safe_dump(
            self.model_dump(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
        )
        write_text(folder / STUDY, text)
