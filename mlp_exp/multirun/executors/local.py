"""Training on this machine: on its cores, or its GPUs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch

from mlp_exp.config.hydra_settings import LocalSettings
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.session import Session
from mlp_exp.multirun.executors.backend import Backend
from mlp_exp.multirun.executors.children import Children
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.forked import Forked, Worker
from mlp_exp.multirun.executors.in_process import InProcess
from mlp_exp.multirun.executors.stacks import Kind, parallel_stacks, stack_size
from mlp_exp.processes.forks import can_fork


class Local(Backend):
    """Stacks on the CPU train in forks, one for each core; on several GPUs in a process for each; else in this process.

    Args:
        cores: that may train; None for all that this process may use.
    """

    def __init__(self, max_stack: int | None = None, cores: int | None = None) -> None:
        self.max_stack = max_stack
        self._cores = cores
        self._idle: list[Worker] = []

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """From `hydra.launcher`; raises ConfigError for another `max_stack`."""
        return cls(LocalSettings.read(settings).max_stack)

    def begin(self, folder: Path) -> None:
        """Nothing has to be there."""

    def parallel(self, plan: Plan) -> int:
        gpus = plan.device.type != "cpu"
        return parallel_stacks(plan, self._cores) if gpus or can_fork() else 1

    def size(self, plan: Plan) -> int:
        return stack_size(plan)

    def executor(self, kinds: Sequence[Kind], session: Session, report: Report) -> Executor:
        devices = {kind.plan.device.type for kind in kinds}
        if devices == {"cpu"} and can_fork():
            return Forked(session, report, self._idle)
        if devices == {"cuda"} and torch.cuda.device_count() > 1:
            places = range(torch.cuda.device_count())
            return Children(session, report, [{"CUDA_VISIBLE_DEVICES": str(place)} for place in places])
        return InProcess(session, report)

    def end(self) -> None:
        while self._idle:
            self._idle.pop().kill()
