"""Checks a whole composed configuration and reports all mistakes together."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, get_args, get_origin

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mlp_exp.config.by_data import ALL_FACTS, WORDS, for_data, keys_by_data, named_by_data
from mlp_exp.config.components import current_names
from mlp_exp.config.dotted import dotted, key_in
from mlp_exp.config.key_types import field_of, fields_along, model_in
from mlp_exp.config.own_metrics import own_metric_problems
from mlp_exp.config.schema import GROUPS, Experiment
from mlp_exp.config.schema_training import HAS_CALLBACKS
from mlp_exp.config.targets import did_you_mean, signature_problems
from mlp_exp.config.words import IN_PYTHON, as_texts
from mlp_exp.errors import ConfigError

MISSING = "???"
"""How OmegaConf writes a value that has to be given."""


def require_valid(values: Mapping[str, Any], overrides: Sequence[str] = ()) -> None:
    """Raises ConfigError, with a line per mistake in keys, types, ranges and signatures, before anything is built.

    `values` are plain, without references. A key that is set by `overrides` is never silently left out.
    """
    if problems := _find_problems(values, overrides):
        raise ConfigError(problems)


def find_problems(cfg: DictConfig, overrides: Sequence[str] = ()) -> list[str]:
    """One line per mistake, in the order of the schema, in the configuration of a run without Hydra's own node."""
    try:
        values = current_names(OmegaConf.to_container(cfg, resolve=True))
    except OmegaConfBaseException as error:
        return [unresolved(error)]
    return _find_problems(values, overrides)


def unresolved(error: OmegaConfBaseException) -> str:
    """An interpolation that has no value, in one line."""
    key = f"{error.full_key}: " if error.full_key else ""
    return f"{key}{str(error).splitlines()[0]}"


def _find_problems(values: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    typed = {key_in(word): word.partition("=")[2] for word in overrides}
    keys = list(keys_by_data(values))
    if not keys:
        return _problems_of_one(values, typed)
    by_data = [key for key in keys for word in typed if word.startswith(f"{key}.") and WORDS & {*word.split(".")}]
    typed |= dict.fromkeys(by_data, "")
    found = (
        named_by_data(line, values, keys, facts)
        for facts in ALL_FACTS
        for line in _problems_of_one(for_data(values, facts), typed)
    )
    return list(dict.fromkeys(found))


def _problems_of_one(values: Mapping[str, Any], typed: Mapping[str, str]) -> list[str]:
    """Those of a configuration that is the same for all tasks, or for one of them; `typed` are values by key."""
    missing = sorted(key for key, value in dotted(values) if value == MISSING)
    problems = _schema_problems(values, typed)
    for group in GROUPS:
        node = values.get(group)
        if isinstance(node, dict):
            problems += _node_problems(group, node, typed, group)
            if group == "metrics":
                problems += own_metric_problems(node.get("extra"))
    callbacks = values.get("callbacks")
    for name, node in callbacks.items() if isinstance(callbacks, dict) else ():
        if isinstance(node, dict):
            problems += _node_problems("callbacks", node, typed, f"callbacks.{name}")
    absent = [f"{key}: missing; expected {_expected(key)}. Give it: {key}=…" for key in missing]
    # a missing value has also been reported as a wrong one
    return absent + [line for line in problems if line.partition(":")[0] not in missing]


def _node_problems(group: str, node: dict[str, Any], asked: Container[str], where: str) -> list[str]:
    path = node.get("_target_")
    problems: list[str] = []
    if isinstance(path, str) and "." in path:  # the schema names any other
        keys = [str(k) for k in node if str(k) not in ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")]
        named = [key for key in keys if f"{where}.{key}" in asked]
        problems = signature_problems(group, path, keys, named, where)
    for key, value in node.items():
        if isinstance(value, dict):
            problems += _node_problems(group, value, asked, f"{where}.{key}")
    return problems


def _schema_problems(values: Mapping[Any, Any], typed: Mapping[str, str]) -> list[str]:
    try:
        Experiment.model_validate(values, context={HAS_CALLBACKS: bool(values.get("callbacks"))})
    except ValidationError as error:
        # pydantic reports each branch of a union; they are one mistake
        return list(dict.fromkeys(_line(detail, values, typed) for detail in error.errors()))
    return []


def _line(detail: ErrorDetails, values: Any, typed: Mapping[str, str]) -> str:
    """One mistake as `key: expected …, got …`."""
    fields = list(fields_along(detail["loc"]))
    parts = detail["loc"][: len(fields)]
    key = ".".join(map(str, parts))
    for part in parts:
        values = values.get(part)
    if detail["type"] == "extra_forbidden":
        around = fields[-2] if len(fields) > 1 else None
        model = (model_in(around) if around else None) or Experiment
        return f"{key}: there is no such key.{did_you_mean(str(parts[-1]), model.model_fields)}"
    field = fields[-1] if fields else None
    expected = (field.description if field else None) or "a group of settings"
    if detail["type"] == "missing":
        return f"{key}: missing; expected {expected}"
    if detail["type"] == "value_error":
        inner, colon, text = str(detail["ctx"]["error"]).partition(": ")
        return f"{key}.{inner}: {text}" if colon else f"{key}: {inner}"
    cure = f"; as text: {as_texts(key, typed[key])}" if typed.get(key) and _was_to_be_text(key, values, field) else ""
    return f"{key}: expected {expected}, got {shown(values)}{cure or _for_a_sweep(key, values, field)}"


def _for_a_sweep(key: str, value: Any, field: FieldInfo | None) -> str:
    """What to do with several values of a key that takes one."""
    if not isinstance(value, list) or len(value) < 2 or field is None or _takes_list(field.annotation):
        return ""
    if not all(isinstance(each, bool | int | float) for each in value):
        return ""
    if IN_PYTHON.get():
        return "; several values are for sweep()"
    return f"; for a sweep: -m {key}={','.join(map(shown, value))}"


def _takes_list(annotation: Any) -> bool:
    """Whether lists are of a type."""
    return get_origin(annotation) in (list, tuple) or any(map(_takes_list, get_args(annotation)))


def _was_to_be_text(key: str, value: Any, field: FieldInfo | None) -> bool:
    """Whether a key of names, or of a list of them, was given what reads as something else, as `1e3` or `true`."""
    if field is None or not key.startswith(("data.", "split.column")):
        return False
    is_list = isinstance(value, list)
    others = any(isinstance(each, bool | int | float | None) for each in (value if is_list else [value]))
    return others and _takes_text(field.annotation, in_list=is_list)


def _takes_text(annotation: Any, *, in_list: bool) -> bool:
    """Whether texts are of a type, or lists of them."""
    if get_origin(annotation) is list:
        return in_list and _takes_text(get_args(annotation)[0], in_list=False)
    return (annotation is str and not in_list) or any(_takes_text(a, in_list=in_list) for a in get_args(annotation))


def shown(value: Any) -> str:
    """A value in a message: as in Python, but for those that YAML has other words for."""
    return {"None": "null", "True": "true", "False": "false"}.get(repr(value), repr(value))


def _expected(key: str) -> str:
    """What the schema says of a key, as `data.path`."""
    field = field_of(key)
    return (field.description if field else None) or "a value"
