"""The interface of trackers, and the data that they get."""

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
    """A row of a history: `time` of its end in seconds since 1970, `values` by column, such as `train_loss`."""

    number: int
    time: float
    values: Mapping[str, float]


@dataclass
class TrackedRun:
    """A run as its tracker sees it.

    Attributes:
        tracker: class and settings of the tracker, `Tracker.settings`.
        params: the configuration with dotted keys, as `flatten` makes it.
        began: when this command began the run, in seconds since 1970.
        sweep: folder of its sweep; None for a single run, and for a job that is resumed as a single run.
        group: name of its sweep.
        id: the tracker's identifier of the run; None for a run that is new to it.
        epochs: how many epochs the tracker has.
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
        return short_name(self.folder)


def short_name(folder: Path) -> str:
    """Name of the run or sweep in a folder: its day and time; of a job, those of the sweep and its number."""
    return "/".join(folder.parts[-2:])


class Tracker(ABC):
    """Base class of trackers.

    The command creates a tracker from its settings; a process beside the training works with a pickled copy, and only
    that process imports `package`. An error in a tracker is logged as one warning and ends tracking, not the training.

    Example:
        A tracker of your own in a file `csv_tracker.py`, used with
        `tracker._target_=csv_tracker.CsvTracker +tracker.file=losses.csv`:

            class CsvTracker(Tracker):
                package = "csv"

                def __init__(self, file):
                    self.file = file

                def begin(self, run):
                    run.id = run.name

                def write(self, run, epochs, result):
                    with Path(self.file).open("a") as file:
                        csv.writer(file).writerows([run.id, e.number, e.values["train_loss"]] for e in epochs)

                # open, attach, finish and close: nothing to do, `pass`
    """

    package: ClassVar[str]
    """The package that it needs; that of a tracker of this project is installed by the extra of the same name."""

    def require_package(self) -> None:
        """Raises ConfigError if the package is not installed; does not import it."""
        found = find_spec(self.package)
        if found is None or found.origin is None:  # a mere folder of that name, as W&B makes
            raise ConfigError(
                [f"tracker: {self.package} is not installed. Install it: pip install 'mlp_exp[{self.package}]'"]
            )

    @property
    def settings(self) -> str:
        """Class and settings as text; runs whose trackers agree in it share one tracker."""
        return f"{type(self).__name__} {json.dumps(vars(self), default=str)}"

    @abstractmethod
    def open(self) -> None:
        """Imports the package and connects; runs in parallel to the start of the training."""

    @abstractmethod
    def begin(self, run: TrackedRun) -> None:
        """Begins a run, or continues the one that it knows as `run.id`; sets `run.id` and `run.epochs`."""

    @abstractmethod
    def write(self, run: TrackedRun, epochs: Sequence[Epoch], result: Mapping[str, Any] | None) -> None:
        """Writes new epochs, and the content of `result.json` if the run has ended."""

    @abstractmethod
    def attach(self, run: TrackedRun, file: Path) -> None:
        """Stores a file of the run folder after the run has ended; replaces an earlier one of the same name."""

    @abstractmethod
    def finish(self, run: TrackedRun) -> None:
        """Closes a run: nothing more follows for it."""

    @abstractmethod
    def close(self) -> None:
        """Closes the tracker, after `finish` of every run."""


def flatten(config: Mapping[str, Any]) -> dict[str, Param]:
    """A configuration as a flat mapping with dotted keys; lists and nulls become JSON strings."""
    return {key: value if isinstance(value, Param) else json.dumps(value) for key, value in dotted(config)}


def final_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of a run's best epoch, such as `best/val_accuracy`, with `best/epoch` and `seconds`."""
    found = {f"best/{part}_{name}": value for part, each in result["metrics"].items() for name, value in each.items()}
    found |= {"best/epoch": result.get("best_epoch"), "seconds": result.get("seconds")}
    return {name: value for name, value in found.items() if value is not None}


def succeeded(result: Mapping[str, Any]) -> bool:
    """Whether a run ended with usable weights."""
    return result["status"] in DONE and result["status"] != "diverged"
