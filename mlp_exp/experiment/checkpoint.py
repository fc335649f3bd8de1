"""Everything that a run needs to continue, bit for bit, as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import torch
from pydantic import Field, FiniteFloat, ValidationError, field_validator, model_validator

from mlp_exp.config.components import ADDED
from mlp_exp.config.dotted import dotted
from mlp_exp.engine.state import MemberState
from mlp_exp.errors import CheckpointVersionError, ConfigError, RunFolderError
from mlp_exp.experiment.configs import EXTENDS, differences
from mlp_exp.storage.checked import Closed, first_problem
from mlp_exp.storage.run_folder import RunFolder

FORMAT = 3
"""Of a checkpoint. Format 2, which is read as well, is of one network, without the list."""
READABLE = (2, FORMAT)


class _SavedState(Closed):
    """A `MemberState` in a file; whether its tensors fit is found when they are restored."""

    epoch: Annotated[int, Field(ge=1)]
    seconds: FiniteFloat
    network: dict[str, Any]
    mean: list[torch.Tensor]
    optimizer: dict[str, Any]
    shuffle: dict[str, Any]
    dropout: dict[str, Any]
    callbacks: Annotated[dict[str, Any], Field(default_factory=dict)]  # none in checkpoints of earlier versions
    stopped: bool = False


class _SavedNetwork(Closed):
    """A `Saved` in a file."""

    history: torch.Tensor
    state: _SavedState | None

    @field_validator("history")
    @classmethod
    def rows(cls, history: torch.Tensor) -> torch.Tensor:
        in_rows = history.ndim == 2 and history.dtype == torch.float64 and history.shape[1] > 0
        if history.numel() and not (in_rows and bool(history[:, 0].isfinite().all())):
            raise ValueError("expected rows of numbers")
        return history

    @model_validator(mode="after")
    def agree(self) -> Self:
        epochs = self.state.epoch if self.state else 0
        if [row[0] for row in self.history.tolist()] != list(range(1, epochs + 1)):
            raise ValueError(f"its history is not that of {epochs} epochs")
        return self


class _SavedFile(Closed):
    """What a checkpoint's file holds."""

    format: int
    config: dict[str, Any]
    data: str
    versions: dict[str, str]
    networks: Annotated[list[_SavedNetwork], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def of_format_2(cls, content: dict[str, Any]) -> dict[str, Any]:
        if content.get("format") != READABLE[0]:
            return content
        of_network = {name: content[name] for name in ("history", "state") if name in content}
        return {name: value for name, value in content.items() if name not in of_network} | {"networks": [of_network]}


class Saved(NamedTuple):
    """A network of a run at the end of its latest epoch.

    Attributes:
        history: a row for each epoch.
        state: of its training; None before the first epoch.
    """

    history: list[list[float]]
    state: MemberState | None


@dataclass(frozen=True)
class Checkpoint:
    """A run at the end of an epoch.

    Attributes:
        config: that of its `RunSpec`.
        data: the fingerprint of the data and of its split.
        versions: of the packages that it trained with.
        networks: of an ensemble several; those that have ended are of earlier epochs.
        path: the file.
    """

    config: dict[str, Any]
    data: str
    versions: dict[str, str]
    networks: list[Saved]
    path: Path

    @property
    def epoch(self) -> int:
        return max(len(network.history) for network in self.networks)

    def write(self, folder: RunFolder) -> None:
        folder.write_checkpoint(
            {
                "format": FORMAT,
                "config": self.config,
                "data": self.data,
                "versions": self.versions,
                "networks": [
                    {
                        "history": torch.tensor(history, dtype=torch.float64),  # a fifth of the time that lists take
                        "state": vars(state) if state else None,
                    }
                    for history, state in self.networks
                ],
            }
        )

    @classmethod
    def read(cls, folder: RunFolder) -> "Checkpoint":
        """The checkpoint of a run.

        Raises:
            CheckpointVersionError: another version has written it.
            RunFolderError: there is none, or it is damaged.
        """
        path = folder.checkpoint
        content = folder.read_checkpoint()
        # a model has a format of its own
        if content["format"] not in READABLE and {"history", "networks"} & content.keys():
            raise CheckpointVersionError(
                f"{path}: expected a checkpoint of format {FORMAT}, got {content['format']!r}: {_writer(content)} has "
                "written it, and can resume it. Go on with that version, or train another run"
            )
        try:
            saved = _SavedFile.model_validate(content)
        except ValidationError as error:
            raise RunFolderError(f"{path}: expected a checkpoint of a run; {first_problem(error)}") from error
        networks = [
            Saved(
                [[int(row[0]), *row[1:]] for row in network.history.tolist()],
                MemberState(**vars(network.state)) if network.state else None,
            )
            for network in saved.networks
        ]
        return cls(saved.config, saved.data, saved.versions, networks, path)

    def require_same(self, config: Mapping[str, Any]) -> None:
        """Refuses to continue with another configuration; with more epochs, or tracked elsewhere, it is the same run.

        Raises:
            ConfigError: names the keys that differ.
        """
        changes = differences(_in_full(self.config), _in_full(config))
        changes = {
            key: change for key, change in changes.items() if key != EXTENDS and key.partition(".")[0] != "tracker"
        }
        reason = f"a run goes on as it began; only {EXTENDS} may grow. For another value train another run"
        problems = [f"{key}: the run has {was}, and now it is {now}; {reason}" for key, (was, now) in changes.items()]
        if problems:
            raise ConfigError(problems)


def _in_full(config: Mapping[str, Any]) -> dict[str, Any]:
    """By dotted key, with those that an earlier version did not have: a run that it began goes on."""
    return {**ADDED, **dict(dotted(config))}


def _writer(content: Mapping[str, Any]) -> str:
    """The version that has written a checkpoint of another format."""
    versions = content.get("versions")
    version = versions.get("mlp_exp") if isinstance(versions, dict) else None
    return f"mlp_exp {version}" if isinstance(version, str) else "another version of mlp_exp"


def find_checkpoint(folder: RunFolder, config: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint that a run of this configuration continues from; None if it has not begun.

    Raises:
        CheckpointVersionError: another version has written it.
        RunFolderError: it is damaged.
        ConfigError: it is that of another configuration.
    """
    if not folder.checkpoint.exists():
        return None
    checkpoint = Checkpoint.read(folder)
    checkpoint.require_same(config)
    return checkpoint
