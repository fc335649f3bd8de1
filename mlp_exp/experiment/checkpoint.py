"""How far a run has come: everything that it needs to go on, bit for bit, as if it had never stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from mlp_exp.artefacts.run_folder import RunFolder
from mlp_exp.config.errors import ConfigError, RunFolderError
from mlp_exp.config.trust import check_config, is_reference
from mlp_exp.training.state import MemberState

FORMAT = 1
EXTENDS = "trainer.epochs"
"""The one key that may change: a run can be extended."""


@dataclass(frozen=True)
class Checkpoint:
    """A run at the end of an epoch.

    Attributes:
        config: as `savable` gives it.
        data: the fingerprint of the data.
        versions: of the packages that it trained with.
        history: a row for each epoch.
        state: of its training; None before the first epoch.
        path: the file.
    """

    config: dict[str, Any]
    data: str
    versions: dict[str, str]
    history: list[list[float]]
    state: MemberState | None
    path: Path

    @property
    def epoch(self) -> int:
        return len(self.history)

    def write(self, folder: RunFolder) -> None:
        folder.write_checkpoint(
            {
                "format": FORMAT,
                "config": self.config,
                "data": self.data,
                "versions": self.versions,
                "history": torch.tensor(self.history, dtype=torch.float64),  # a fifth of the time that lists take
                "state": vars(self.state) if self.state else None,
            }
        )

    @classmethod
    def read(cls, folder: RunFolder) -> "Checkpoint":
        """The checkpoint of a run.

        Raises:
            RunFolderError: there is none, it is damaged, or another version has written it.
        """
        path = folder.checkpoint
        saved = folder.read_checkpoint()
        if saved["format"] != FORMAT:
            raise RunFolderError(
                f"{path}: expected a checkpoint of format {FORMAT}, got {saved['format']!r}: another version of "
                "mlp_exp has written it. Go on with that version, or train another run"
            )
        try:
            state = None if saved["state"] is None else MemberState(**saved["state"])
            found = cls(saved["config"], saved["data"], saved["versions"], _rows(saved["history"]), state, path)
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(f"{path}: expected a checkpoint of a run: {error!r}") from error
        if (state.epoch if state else 0) != found.epoch:
            raise RunFolderError(f"{path}: expected a checkpoint of a run: its history is not that of its epoch")
        return found

    def require_same(self, cfg: DictConfig) -> None:
        """Refuses to go on with another configuration; more epochs are the same run, extended.

        Raises:
            ConfigError: names the keys that differ.
        """
        changes = differences(self.config, savable(cfg, plain(cfg)))
        epochs = changes.pop(EXTENDS, None)
        reason = f"a run goes on as it began; only {EXTENDS} may grow. For another value train another run"
        problems = [f"{key}: the run has {was}, and now it is {now}; {reason}" for key, (was, now) in changes.items()]
        if epochs and isinstance(epochs[1], int) and epochs[1] < self.epoch:
            problems.append(
                f"{EXTENDS}: the run has trained {self.epoch} epochs; expected as many or more, got {epochs[1]}"
            )
        if problems:
            raise ConfigError(problems)


def _rows(history: Any) -> list[list[float]]:
    """The rows of a history; raises TypeError for anything else."""
    if not isinstance(history, torch.Tensor) or (history.numel() and history.ndim != 2):
        raise TypeError("expected rows of numbers as its history")
    return [[int(row[0]), *row[1:]] for row in history.tolist()]


def find_checkpoint(folder: RunFolder, cfg: DictConfig) -> Checkpoint | None:
    """The checkpoint that a run of this configuration goes on from; None if it has not begun.

    Raises:
        RunFolderError: it is damaged, or another version has written it.
        ConfigError: it is that of another configuration.
    """
    if not folder.checkpoint.exists():
        return None
    checkpoint = Checkpoint.read(folder)
    checkpoint.require_same(cfg)
    return checkpoint


def saved_config(folder: RunFolder, allow: Sequence[str], *, to_resume: bool) -> dict[str, Any]:
    """The configuration that a run has saved, once it is known that it names nothing that may not be called.

    Args:
        allow: packages that it may name beside the project's own.
        to_resume: whether the run is to go on, for which it needs a checkpoint.

    Raises:
        RunFolderError: the folder does not hold it.
        UntrustedError: it is not one to be built.
    """
    begun = folder.checkpoint.exists() or to_resume
    config = (folder.read_checkpoint() if begun else folder.read_model())["config"]
    check_config(config, allow, folder.path)
    assert isinstance(config, dict)
    return config


def plain(cfg: DictConfig) -> dict[str, Any]:
    """A configuration as plain values."""
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def savable(cfg: DictConfig, values: dict[str, Any]) -> dict[str, Any]:
    """A configuration as it is saved; a key that has the value of another one, as `${trainer.epochs}`, keeps that.

    What the environment or a resolver gives is written out: it may be another one when the run goes on.

    Args:
        values: the same as plain values.
    """
    raw = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(raw, dict)

    def keep(before: Any, after: Any) -> Any:
        if isinstance(before, dict):
            return {str(key): keep(value, after[key]) for key, value in before.items()}
        if isinstance(before, list):
            return [keep(value, each) for value, each in zip(before, after, strict=True)]
        return before if isinstance(before, str) and is_reference(before, raw) else after

    kept = keep(raw, values)
    assert isinstance(kept, dict)
    return kept


def differences(before: Any, after: Any, where: str = "") -> dict[str, tuple[Any, Any]]:
    """Keys whose values differ, with both."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: dict[str, tuple[Any, Any]] = {}
        for key in dict.fromkeys([*before, *after]):
            found |= differences(before.get(key), after.get(key), f"{where}.{key}".lstrip("."))
        return found
    return {} if before == after else {where: (before, after)}
