"""A run as plain data: what to train, where, and with what around it. It can be written down and trained anywhere."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlp_exp.config.shared import shared
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.configs import resolved

if TYPE_CHECKING:
    from mlp_exp.experiment.checkpoint import Checkpoint

ITEMS = "__items__"
"""Key under which JSON holds a mapping whose keys are not all texts, or that has this key itself."""


@dataclass(frozen=True)
class RunSpec:
    """Everything that a process has to know of a run: texts, numbers, lists and mappings alone.

        RunSpec.from_json(spec.to_json()) == spec

    Attributes:
        config: the composed configuration. A key that has the value of another one, as `${trainer.epochs}`, keeps that
            text; all else is resolved.
        folder: the run's own, absolute.
        number: of the job in its sweep; None for a run by itself.
        overrides: without Hydra's own.
        typed: those of them that Hydra has written anew, each with what was typed, for messages.
        sweep: the folder of its sweep.
        directory: the working directory.
        environment: variables that are set for its own code (`job_context.active`).
        job: what Hydra says of the job, by dotted keys such as `hydra.job.name`.
        log: settings of its log, for `logging.config.dictConfig`.
        direction: what the sweeper does with the run's value: minimize, maximize, or None where it does not say.
        mistake: why `config` is empty: an interpolation has no value.
    """

    config: dict[str, Any]
    folder: str
    number: int | None = None
    overrides: tuple[str, ...] = ()
    typed: dict[str, str] = field(default_factory=dict)
    sweep: str | None = None
    directory: str = "."
    environment: dict[str, str] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)
    direction: str | None = None
    mistake: str | None = None

    @cached_property
    def values(self) -> dict[str, Any]:
        """The configuration with every reference replaced by its value; raises ConfigError for the run's mistake."""
        if self.mistake:
            raise ConfigError([self.mistake])
        return shared(resolved(self.config))

    @property
    def draws(self) -> bool:
        """Whether its figures are drawn as soon as it has trained; those of a sweep's best are at the sweep's end."""
        return self.plots == "always" or (self.plots == "auto" and self.sweep is None)

    @property
    def plots(self) -> str:
        """When its figures are drawn: auto, always or never."""
        return str(self.values["trainer"].get("plots", "auto"))

    @property
    def job_number(self) -> int:
        """The number of a run that is a job of a sweep."""
        assert self.number is not None
        return self.number

    def to_json(self) -> str:
        return json.dumps(_to_json(asdict(self)))

    @classmethod
    def from_json(cls, text: str) -> "RunSpec":
        values = _from_json(json.loads(text))
        return cls(**{**values, "overrides": tuple(values["overrides"])})


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key != ITEMS for key in value):
            return {key: _to_json(each) for key, each in value.items()}
        return {ITEMS: [[key, _to_json(each)] for key, each in value.items()]}
    return [_to_json(each) for each in value] if isinstance(value, list | tuple) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {ITEMS}:
            return {key: _from_json(each) for key, each in value[ITEMS]}
        return {key: _from_json(each) for key, each in value.items()}
    return [_from_json(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class StackTask:
    """Runs that train as one stack, from where each is up to an epoch.

    Attributes:
        number: of the task, by which its events name it.
        starts: for each run the checkpoint that it continues from, all of one epoch; None for one that begins.
        end_epoch: after which the task ends; runs that are not over then are paused. None: all train to their ends.
    """

    number: int
    specs: tuple[RunSpec, ...]
    starts: tuple["Checkpoint | None", ...]
    end_epoch: int | None = None
