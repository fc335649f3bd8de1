"""The settings of `hydra/launcher=ray`."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from mlp_exp.config.hydra_settings import HydraSettings

NODE = "hydra.launcher"
Count = Annotated[int, Field(ge=1)]
ADDRESS = r"^(auto|(\[[0-9a-fA-F:]+\]|[^:/\s]+):[0-9]+)$"


class RaySettings(HydraSettings):
    """Those of `conf/hydra/launcher/ray.yaml`, checked; the description of each says what is expected."""

    node = NODE

    address: Annotated[str, Field(pattern=ADDRESS)] | None = Field(
        None, description="auto, HOST:PORT of a cluster's head, or null for a cluster of this machine"
    )
    cpus: Count = Field(1, description="a whole number, 1 or more")
    gpus: Annotated[float, Field(ge=0)] = Field(0, description="0, a fraction below 1, or a whole number")
    workers: Count | None = Field(None, description="a whole number, 1 or more, or null for as many as there is room")
    runtime_env: dict[str, Any] | None = Field(
        None, description="Ray's description of an environment, such as {pip: [mlp_exp]}"
    )
    transfer: bool = Field(False, description="true or false")
    max_stack: Count | None = Field(None, description="a whole number, 1 or more, or null")

    @field_validator("gpus")
    @classmethod
    def _can_be_given(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("a part of a GPU beside whole ones")
        return value

    @property
    def needs(self) -> str:
        """What a worker asks for, in words."""
        cores = f"{self.cpus} core{'s' * (self.cpus > 1)}"
        return f"{cores} and {self.gpus:g} GPU{'s' * (self.gpus > 1)}" if self.gpus else cores
