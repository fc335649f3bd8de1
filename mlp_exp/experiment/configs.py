"""Configurations as plain values: composed, resolved, compared, and read from a saved run."""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from omegaconf import DictConfig, Node, OmegaConf

from mlp_exp.config.components import current_names
from mlp_exp.config.trust import REFERENCE, check_config, is_reference
from mlp_exp.config.validation import require_valid
from mlp_exp.storage.run_folder import RunFolder

EXTENDS = "trainer.epochs"
"""The one key that may change when a run is resumed: a run can be extended."""


def plain_config(cfg: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain values.

    A key that has the value of another one, as `${trainer.epochs}`, keeps that text, since extending a run changes it.
    What the environment or a resolver gives is written out: it may differ when the run is resumed.

    Raises:
        OmegaConfBaseException: an interpolation has no value.
    """
    raw = plain_values(cfg)

    def keep(before: Any, after: Any) -> Any:
        if isinstance(before, dict):
            return {key: keep(value, after[key]) for key, value in before.items()}
        if isinstance(before, list):
            return [keep(value, each) for value, each in zip(before, after, strict=True)]
        return before if isinstance(before, str) and is_reference(before, raw) else after

    values = keep(raw, OmegaConf.to_container(cfg, resolve=True)) if _has_interpolation(raw) else raw
    kept: dict[str, Any] = current_names(values)
    return {str(key): value for key, value in kept.items()}


def plain_values(node: Any) -> Any:
    """As `OmegaConf.to_container(node, resolve=False)`, in a fifth of the time."""
    value = node._value()
    if isinstance(value, dict):
        return {key: plain_values(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain_values(each) for each in value]
    return plain_values(value) if isinstance(value, Node) else value  # of a union


def resolved_values(node: Any) -> Any:
    """As `OmegaConf.to_container(node, resolve=True)`, of a node without types of its own.

    OmegaConf parses each text that refers to another, which takes a fifth of a millisecond; so it gets only those that
    have more than plain references to texts.
    """

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(each) for key, each in value.items()}
        if isinstance(value, list):
            return [replaced(each) for each in value]
        return REFERENCE.sub(text_of, value) if isinstance(value, str) and "\\" not in value else value

    def text_of(reference: re.Match[str]) -> str:
        found = OmegaConf.select(node._get_root(), reference[1])
        return found if isinstance(found, str) else reference[0]

    values = plain_values(node)
    if _has_interpolation(values):
        values = replaced(values)
    return OmegaConf.to_container(node, resolve=True) if _has_interpolation(values) else values


def _has_interpolation(values: Any) -> bool:
    return "${" in repr(values)


def resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    """A plain configuration with every reference replaced by the value of its key.

    >>> resolved({"trainer": {"epochs": 9}, "scheduler": {"T_max": "${trainer.epochs}"}})["scheduler"]
    {'T_max': 9}
    """

    def replaced(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: replaced(each) for key, each in value.items()}
        if isinstance(value, list):
            return [replaced(each) for each in value]
        is_key = isinstance(value, str) and "${" in value and is_reference(value, config)
        return reduce(getitem, value[2:-1].split("."), config) if is_key else value

    found: dict[str, Any] = replaced(config)
    return found


def with_epochs(config: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    """The same configuration for another number of epochs."""
    return {**config, "trainer": {**config["trainer"], "epochs": epochs}}


def saved_config(folder: RunFolder, allow: Sequence[str], *, to_resume: bool) -> dict[str, Any]:
    """The configuration that a run has saved, once it is known that it names nothing that may not be called.

    Args:
        allow: packages that it may name beside the project's own.
        to_resume: whether the run is to continue, for which it needs a checkpoint.

    Raises:
        RunFolderError: the folder does not hold it.
        UntrustedError: it is not one to be built.
        ConfigError: it is not one of a run, or of another version.
    """
    begun = folder.checkpoint.exists() or (to_resume and not folder.is_combination)
    config = (folder.read_checkpoint() if begun else folder.read_model())["config"]
    check_config(config, allow, folder.path)
    require_valid(resolved(config))
    assert isinstance(config, dict)
    return config


def differences(before: Any, after: Any, where: str = "") -> dict[str, tuple[Any, Any]]:
    """Keys whose values differ, with both."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: dict[str, tuple[Any, Any]] = {}
        for key in dict.fromkeys([*before, *after]):
            found |= differences(before.get(key), after.get(key), f"{where}.{key}".lstrip("."))
        return found
    same = before == after or repr(before) == repr(after)  # as NaN
    return {} if same else {where: (before, after)}
