"""What the schemas of saved files have in common."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Closed(BaseModel):
    """A part of a file whose keys are all named here; tensors among its values."""

    model_config = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True)


def first_problem(error: ValidationError, whole: str = "") -> str:
    """What is wrong first, as `place: reason`.

    Args:
        whole: how the place is called where it is all of the file.
    """
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or whole
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
