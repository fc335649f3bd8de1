"""A job of a sweep, as what composes it offers it: the command line, a search."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.storage.sweep_folder import job_name


class Job(ABC):
    """One job; it does not leave this process, its `RunSpec` does.

    Attributes:
        number: from 0, over all batches of the sweep.
        overrides: as typed, without Hydra's own.
        value: the best of what its run watches, once it has ended; None after a failure.
        failure: why it failed, in words.
    """

    value: float | None = None
    failure: str | None = None

    def __init__(self, number: int, overrides: Sequence[str]) -> None:
        self.number = number
        self.overrides = tuple(overrides)

    @property
    def name(self) -> str:
        """The job in messages."""
        return job_name(self.number, self.overrides)

    @abstractmethod
    def compose(self) -> RunSpec:
        """Composes its run.

        Raises:
            ConfigError: an interpolation has no value.
        """

    @abstractmethod
    def begin(self, spec: RunSpec, session: Session) -> None:
        """Makes the run's folder, with the files that tell what it was, and sets up its log."""
