"""What the command line asks of a search."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlp_exp.config.search_settings import SearchSettings
from mlp_exp.hpo.space import Space

if TYPE_CHECKING:
    from mlp_exp.multirun.executors.backend import Backend
    from mlp_exp.multirun.job import Job

MakeJob = Callable[[int, Sequence[str]], "Job"]
"""The job of a number and its overrides."""


@dataclass(frozen=True)
class Asked:
    """A search that has been read and checked as far as its own words go.

    Attributes:
        folder: of the search, absolute.
        connect: makes the backend, where it trains; it imports torch.
        save: writes the settings of the command into the folder, once they are known to fit.
    """

    settings: SearchSettings
    space: Space
    make_job: MakeJob
    folder: Path
    connect: "Callable[[], Backend]"
    save: Callable[[], None]
