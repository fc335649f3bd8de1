"""Shared parts of the pydantic schemas of saved files."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Closed(BaseModel):
    """Base of schemas that refuse unknown keys and convert no types; values may be tensors."""

    model_config = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True)


def first_problem(error: ValidationError, whole: str = "") -> str:
    """The first error, as `place: reason`; `whole` is the place if the error concerns the whole file."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or whole
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
