"""The settings of `hydra/launcher=ray`."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mlp_exp.config.validation import shown
from mlp_exp.errors import ConfigError

NODE = "hydra.launcher"
Count = Annotated[int, Field(ge=1)]
ADDRESS = r"^(auto|(\[[0-9a-fA-F:]+\]|[^:/\s]+):[0-9]+)$"


class RaySettings(BaseModel):
    """Those of `conf/hydra/launcher/ray.yaml`, checked; the description of each says what is expected."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    address: Annotated[str, Field(pattern=ADDRESS)] | None = Field(
        None, description="auto, HOST:PORT of a cluster's head, or null for a cluster of this machine"
    )
    cpus: Count = Field(1, description="a whole number, 1 or more")
    gpus: Annotated[float, Field(ge=0)] = Field(0, description="0, a fraction below 1, or a whole number")
    workers: Count | None = Field(None, description="a whole number, 1 or more, or null for as many as there is room")
    runtime_env: dict[str, Any] | None = Field(
        default_factory=dict, description="Ray's description of an environment, such as {pip: [mlp_exp]}"
    )
    max_stack: Count | None = Field(None, description="a whole number, 1 or more, or null")

    @field_validator("gpus")
    @classmethod
    def _can_be_given(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("a part of a GPU beside whole ones")
        return value

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """The settings of a plain node; raises ConfigError with a line for each that is wrong."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            lines = [_line(str(detail["loc"][0]), settings) for detail in error.errors()]
            raise ConfigError(list(dict.fromkeys(lines))) from error

    @property
    def needs(self) -> str:
        """What a worker asks for, in words."""
        cores = f"{self.cpus} core{'s' * (self.cpus > 1)}"
        return f"{cores} and {self.gpus:g} GPU{'s' * (self.gpus > 1)}" if self.gpus else cores


def _line(key: str, settings: Mapping[str, Any]) -> str:
    field = RaySettings.model_fields.get(key)
    if field is None:
        return f"{NODE}.{key}: there is no such key"
    return f"{NODE}.{key}: expected {field.description}, got {shown(settings.get(key))}"
