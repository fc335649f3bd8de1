"""Settings of a launcher or a sweeper: a node of Hydra's, checked."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlp_exp.config.validation import shown
from mlp_exp.errors import ConfigError


class HydraSettings(BaseModel):
    """Base of such settings; the description of each field says what is expected.

    Attributes:
        node: their key in the configuration.
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    node: ClassVar[str]

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The settings of plain values; raises ConfigError with a line for each that is wrong."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            lines = [cls._line(detail["loc"], values, detail["msg"]) for detail in error.errors()]
            raise ConfigError(list(dict.fromkeys(lines))) from error

    @classmethod
    def _line(cls, loc: tuple[int | str, ...], values: Mapping[str, Any], message: str) -> str:
        if not loc:  # of several together
            return message.removeprefix("Value error, ")
        key = str(loc[0])
        field = cls.model_fields.get(key)
        if field is None:
            return f"{cls.node}.{key}: there is no such key"
        return f"{cls.node}.{key}: expected {field.description}, got {shown(values.get(key))}"


class LocalSettings(HydraSettings):
    """Those of `hydra/launcher=stacked`."""

    node = "hydra.launcher"

    max_stack: Annotated[int, Field(ge=1)] | None = Field(None, description="a whole number, 1 or more, or null")
