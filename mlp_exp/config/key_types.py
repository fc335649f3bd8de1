"""What a key of the configuration takes, by the schema."""

from collections.abc import Iterable, Iterator
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mlp_exp.config.by_data import WORDS
from mlp_exp.config.schema import Experiment


def field_of(key: str) -> FieldInfo | None:
    """The field of the schema for a key, as `optimizer.lr` or `callbacks.lr_finder.low`; None where it knows none.

    >>> field_of("model.dropout").description
    'a rate from 0 up to, not including, 1, or a list with one for each hidden layer'
    """
    parts = key.split(".")
    fields = list(fields_along(parts))
    return fields[-1] if len(fields) == len(parts) else None


def fields_along(parts: Iterable[Any]) -> Iterator[FieldInfo | None]:
    """The field of each part of a key, down to a value; None, as the last one, where there is none.

    The part after a mapping is a name in it, as that of a callback, whose field is again the mapping.
    """
    model: type[BaseModel] | None = Experiment
    field: FieldInfo | None = None
    named = False  # whether the next part is such a name
    for part in parts:
        if model is None:
            return
        if named:
            named = False
        else:
            field = next((each for name, each in model.model_fields.items() if part == (each.alias or name)), None)
            model, named = (model_in(field), get_origin(field.annotation) is dict) if field else (None, False)
        yield field


def model_in(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a node of its own, or a mapping of such by name."""
    types = [*_members(field.annotation), *get_args(field.annotation)]
    return next((each for each in types if isinstance(each, type) and issubclass(each, BaseModel)), None)


def words_of(field: FieldInfo) -> tuple[str, ...]:
    """The words among the values of a field: those of a choice, true and false, null."""
    found: list[str] = []
    for each in _members(field.annotation):
        if each is bool or isinstance(each, bool):
            found += ["true", "false"] if each is bool else [str(each).lower()]
        elif isinstance(each, str):
            found.append(each)
        elif each is NoneType:
            found.append("null")
    return tuple(found)


def number_types(key: str) -> frozenset[type]:
    """`int`, `float`, both, or none where the schema does not know the key, which then is of the user's own class.

    >>> sorted(kind.__name__ for kind in number_types("model.dropout"))
    ['float']
    """
    field = field_of(key)
    while field is None and key.rpartition(".")[2] in WORDS:  # of a pair by data
        key = key.rpartition(".")[0]
        field = field_of(key)
    members = _members(field.annotation) if field else ()
    return frozenset(each for each in members if each in (int, float))


def _members(annotation: Any) -> Iterator[Any]:
    """The types of which a value may be one; a list or a mapping is one, whatever is in it."""
    origin = get_origin(annotation)
    if origin is None or origin in (list, dict):
        yield annotation
        return
    for each in get_args(annotation):
        yield from _members(each)
