"""The settings of `hydra/launcher=slurm`, from `hydra.launcher`."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mlp_exp.config.hydra_settings import HydraSettings

NODE = "hydra.launcher"
Count = Annotated[int, Field(ge=1)]
Word = Annotated[str, Field(min_length=1)]
COUNT = "a whole number, 1 or more"


class SlurmSettings(HydraSettings):
    """Those of `conf/hydra/launcher/slurm.yaml`, checked; the description of each says what is expected."""

    node = NODE

    executor: Literal["slurm", "local", "debug"] = Field("slurm", description="slurm, local or debug")
    partition: Word | None = Field(None, description="the name of a partition, or null for the cluster's own")
    cpus_per_task: Count = Field(1, description=COUNT)
    gpus_per_node: Annotated[int, Field(ge=0)] | None = Field(None, description="a whole number, 0 or more, or null")
    mem_gb: Annotated[float, Field(gt=0)] | None = Field(None, description="GB of memory, above 0, or null")
    timeout_min: Count = Field(60, description="whole minutes, 1 or more")
    signal_delay_s: Annotated[int, Field(ge=0)] = Field(90, description="whole seconds, 0 or more")
    array_parallelism: Count = Field(256, description=COUNT)
    account: Word | None = Field(None, description="a name, or null")
    qos: Word | None = Field(None, description="a name, or null")
    constraint: Word | None = Field(None, description="features of a node, as sbatch takes them, or null")
    setup: list[str] | None = Field(None, description="a list of shell commands, or null")
    additional_parameters: dict[str, Any] | None = Field(
        None, description="a mapping of options of sbatch, as {exclude: node7}, or null"
    )
    max_stack: Count | None = Field(None, description=f"{COUNT}, or null")

    @model_validator(mode="after")
    def _signal_comes_before_the_end(self) -> Self:
        if self.executor == "slurm" and 60 * self.timeout_min <= self.signal_delay_s:
            expected = f"expected less than the {60 * self.timeout_min} seconds of {NODE}.timeout_min"
            raise ValueError(f"{NODE}.signal_delay_s: {expected}, got {self.signal_delay_s}")
        return self

    def for_submitit(self) -> dict[str, Any]:
        """The parameters of `submitit.AutoExecutor`; those that are null are not given to sbatch.

        Slurm never starts a job again by itself: the command sends again what has not ended.
        """
        general = ("cpus_per_task", "gpus_per_node", "mem_gb", "timeout_min")
        own = ("partition", "signal_delay_s", "array_parallelism", "account", "qos", "constraint", "setup")
        return {
            "name": "mlp_exp",
            **{key: getattr(self, key) for key in general},
            **{f"slurm_{key}": getattr(self, key) for key in own},
            "slurm_additional_parameters": {"no-requeue": True, **(self.additional_parameters or {})},
            # since 22.05 srun does not take over sbatch's
            "slurm_srun_args": [f"--cpus-per-task={self.cpus_per_task}"],
        }
