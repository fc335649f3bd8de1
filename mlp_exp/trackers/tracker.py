"""What every tracker does, and what it is told of a run."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mlp_exp.config.dotted import dotted
from mlp_exp.errors import ConfigError
from mlp_exp.storage.run_folder import DONE

Param = str | int | float | bool


class Epoch(NamedTuple):
    """A row of a history.

    Attributes:
        time: at its end, in seconds since 1970.
        values: by column.
    """

    number: int
    time: float
    values: Mapping[str, float]


@dataclass
class TrackedRun:
    """A run, as its tracker knows it.

    Attributes:
        tracker: the tracker's settings, in words.
        began: when this command began with it, in seconds since 1970.
        sweep: the folder of its sweep; None for a run by itself, and where it goes on by itself.
        group: a name for its sweep.
        id: what the tracker calls it; None for a run that is new to it.
        epochs: how many of its history are tracked.
    """

    tracker: str
    folder: Path
    params: Mapping[str, Param]
    began: float
    sweep: Path | None
    group: str | None
    id: str | None = None
    epochs: int = 0

    @property
    def name(self) -> str:
        return name_of(self.folder)


def name_of(folder: Path) -> str:
    """How the run or the sweep of a folder is called: of a run its day and time, or its sweep and its number."""
    return "/".join(folder.parts[-2:])


class Tracker(ABC):
    """A place where runs are tracked.

    The command makes it from its settings, and a process beside the training works with a copy: there alone its
    package is imported. Whatever it raises is reported as a warning, and ends the tracking, not the training.
    """

    package: ClassVar[str]
    """That it needs; the extra of this project that installs it has the same name."""

    def require_package(self) -> None:
        """Raises ConfigError where its package is not installed."""
        found = find_spec(self.package)
        if found is None or found.origin is None:  # a mere folder of that name, as W&B makes
            raise ConfigError(
                [f"tracker: {self.package} is not installed. Install it: pip install 'mlp_exp[{self.package}]'"]
            )

    @property
    def settings(self) -> str:
        """Its class and its settings in words."""
        return f"{type(self).__name__} {json.dumps(vars(self), default=str)}"

    @abstractmethod
    def open(self) -> None:
        """Imports and connects, while the first run begins to train."""

    @abstractmethod
    def begin(self, run: TrackedRun) -> None:
        """Takes up a run, with the `id` that it had before, if any; sets `id`, and `epochs` to how many it has."""

    @abstractmethod
    def write(self, run: TrackedRun, epochs: Sequence[Epoch], result: Mapping[str, Any] | None) -> None:
        """Takes epochs that are new, and the result of a run that has ended."""

    @abstractmethod
    def attach(self, run: TrackedRun, file: Path) -> None:
        """Takes a file of the run's folder, once it has ended; an earlier one of the same name is replaced."""

    @abstractmethod
    def finish(self, run: TrackedRun) -> None:
        """Lets go of a run: nothing more will come of it."""

    @abstractmethod
    def close(self) -> None:
        """Ends, after every run has been finished."""


def flatten(config: Mapping[str, Any]) -> dict[str, Param]:
    """A configuration as one level of dotted keys; lists and nulls become texts."""
    return {key: value if isinstance(value, Param) else json.dumps(value) for key, value in dotted(config)}


def final_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a run's best epoch, by part and name."""
    found = {f"best/{part}_{name}": value for part, each in result["metrics"].items() for name, value in each.items()}
    found |= {"best/epoch": result.get("best_epoch"), "seconds": result.get("seconds")}
    return {name: value for name, value in found.items() if value is not None}


def went_well(result: Mapping[str, Any]) -> bool:
    """Whether a run came to its end with weights that can be used."""
    return result["status"] in DONE and result["status"] != "diverged"
