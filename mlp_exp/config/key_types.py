"""Which numbers a key of the configuration takes, by the schema."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from mlp_exp.config.by_data import WORDS
from mlp_exp.config.schema import Experiment


def number_types(key: str) -> frozenset[type]:
    """`int`, `float`, both, or none where the schema does not know the key, which then is of the user's own class.

    >>> sorted(kind.__name__ for kind in number_types("model.dropout"))
    ['float']
    """
    model: type[BaseModel] | None = Experiment
    annotation: Any = None
    for part in key.split("."):
        if annotation is not None and model is None:
            return _numbers(annotation) if part in WORDS else frozenset()
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None) if model else None
        if field is None:
            return frozenset()
        annotation = field.annotation
        model = next((each for each in _members(annotation) if _is_model(each)), None)
    return _numbers(annotation)


def _numbers(annotation: Any) -> frozenset[type]:
    return frozenset(each for each in _members(annotation) if each in (int, float))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _members(annotation: Any) -> Iterator[Any]:
    """The types of which a value may be one; a list or a mapping is one, whatever is in it."""
    origin = get_origin(annotation)
    if origin is None or origin in (list, dict):
        yield annotation
        return
    for each in get_args(annotation):
        yield from _members(each)
