"""One step for K members, by any optimizer class of torch.

Most classes are linear in the learning rate and see a parameter only through weight decay. For these, the optimizer
steps tensors of zeros ("deltas") with learning rate 1 and no decay; what it leaves there is the direction, and each
member goes along it at its own rate, after its own decay. So one fused kernel serves members that differ in both.
Any other class (LBFGS, Rprop, Muon, a user's own …) gets the real parameters and serves one member.
"""

import copy
import functools
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from mlp_exp.engine.batches import Batch
from mlp_exp.engine.engine import OptimizerClass
from mlp_exp.engine.network import Network
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.rows import copy_row, set_row
from mlp_exp.errors import TrainingError

LINEAR_IN_LR = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.RMSprop,
    torch.optim.Adagrad,
    torch.optim.Adadelta,
    torch.optim.Adamax,
)
FUSED_ON_CPU = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad)

OptimizerT = TypeVar("OptimizerT", bound=Optimizer)

GUARDED = ("add_param_group", "state_dict", "load_state_dict")
"""Methods that torch guards against its compiler, which it imports to do so: that takes longer than many a run."""


def without_compiler(cls: type[OptimizerT]) -> type[OptimizerT]:
    """A subclass of an optimizer class, of the same name, that does not import torch's compiler.

    A method that the class overrides stays its own.
    """
    methods = {
        name: inspect.unwrap(getattr(Optimizer, name))
        for name in GUARDED
        if getattr(cls, name) is getattr(Optimizer, name)
    }
    return type(cls.__name__, (cls,), methods)


class Stepper(ABC):
    """Moves a network's parameters."""

    @abstractmethod
    def step(self, objective: Objective, batch: Batch) -> Tensor:
        """Takes one step; returns the logits `[K, B, O]` that it started from."""

    @abstractmethod
    def set_lr(self, lr: Sequence[float]) -> None:
        """Sets the K learning rates."""

    @abstractmethod
    def state(self, row: int) -> dict[str, Any]:
        """What the optimizer keeps of a member, on the CPU."""

    @abstractmethod
    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Puts back what `state` gave of each member, after as many steps.

        Raises:
            TrainingError: a state is not that of such an optimizer.
        """

    @abstractmethod
    def select(self, rows: Tensor) -> None:
        """Follows the network after its stack has shrunk to these members."""


class StackedStepper(Stepper):
    """K members through one optimizer that is linear in its learning rate.

    Args:
        options: of the class, the same for all members; without learning rate and weight decay.
        weight_decay: K values, as L2 (added to the gradient) or, for classes that decouple it, as a shrinkage.
        max_norm: K bounds on the gradient's norm; infinity for none.
    """

    def __init__(
        self,
        network: Network,
        cls: type[Optimizer],
        options: Mapping[str, Any],
        lr: Sequence[float],
        weight_decay: Sequence[float],
        max_norm: Sequence[float],
    ) -> None:
        self._network = network
        self._decoupled = cls is torch.optim.AdamW or bool(options.get("decoupled_weight_decay", False))
        # classes that maximise turn the gradient round, and coupled decay with it
        sign = -1 if options.get("maximize") and not self._decoupled else 1
        self._decay = sign * self._column(weight_decay)
        self._max_norm = self._column(max_norm)
        self._delta = torch.zeros_like(network.parameters)
        self._delta.grad = network.gradients
        kernel = {"fused": True} if cls in FUSED_ON_CPU else {"foreach": False}
        options = {k: v for k, v in options.items() if k != "decoupled_weight_decay"}
        self._make = functools.partial(
            cast(OptimizerClass, without_compiler(cls)), **{"lr": 1.0, "weight_decay": 0.0, **kernel, **options}
        )
        self._optimizer = self._make([self._delta])
        # torch wraps `step` in a profiler's record and in hooks, which cost as much as a small step itself
        self._optimizer_step = inspect.unwrap(cls.step)
        self.set_lr(lr)
        self._watch_columns()

    def _column(self, values: Sequence[float]) -> Tensor:
        """K numbers as `[K, 1]`, to scale rows by."""
        return torch.tensor(values, dtype=torch.float32, device=self._network.parameters.device).unsqueeze(1)

    def _watch_columns(self) -> None:
        self._decays = bool((self._decay != 0).any())
        self._clips = bool(torch.isfinite(self._max_norm).any())

    def set_lr(self, lr: Sequence[float]) -> None:
        self._lr = self._column(lr)
        self._shrinkage = 1 - self._lr * self._decay

    def step(self, objective: Objective, batch: Batch) -> Tensor:
        logits = objective.gradients(batch)
        parameters, gradients = self._network.parameters, self._network.gradients
        if self._clips:
            norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            gradients.mul_((self._max_norm / (norm + 1e-6)).clamp_(max=1.0))
        if self._decays and self._decoupled:
            parameters.mul_(self._shrinkage)
        elif self._decays:
            gradients.addcmul_(parameters, self._decay)
        self._delta.zero_()
        self._optimizer_step(self._optimizer)
        parameters.addcmul_(self._delta, self._lr)
        return logits

    def state(self, row: int) -> dict[str, Any]:
        kept = self._optimizer.state[self._delta]
        return {name: copy_row(v, row) if self._is_rows(v) else copy.deepcopy(v) for name, v in kept.items()}

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        expected = self._state_after_a_step()
        kept: dict[str, Any] = {}
        for name, value in expected.items():
            if self._is_rows(value):
                kept[name] = torch.zeros_like(self._delta)
                for row, state in enumerate(states):
                    set_row(kept[name], row, state.get(name))
            else:  # the count of steps, which is that of all
                kept[name] = states[0].get(name)
                if type(kept[name]) is not type(value) or getattr(kept[name], "shape", ()) != ():
                    raise TrainingError(f"a saved state does not fit the optimizer: '{name}' is {kept[name]!r:.50}")
        if any(state.keys() != expected.keys() for state in states):
            raise TrainingError(
                f"a saved state does not fit the optimizer: expected {', '.join(expected) or 'nothing'}"
            )
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": {0: kept}, "param_groups": groups})

    def _state_after_a_step(self) -> dict[str, Any]:
        """What such an optimizer keeps, by name."""
        probe = torch.zeros_like(self._delta)
        probe.grad = torch.zeros_like(probe)
        optimizer = self._make([probe])
        self._optimizer_step(optimizer)
        return dict(optimizer.state[probe])

    def _is_rows(self, value: Any) -> bool:
        """Whether it is a matrix with a row for each member."""
        return isinstance(value, Tensor) and value.shape == self._delta.shape

    def select(self, rows: Tensor) -> None:
        self._decay, self._max_norm = self._decay[rows], self._max_norm[rows]
        self._lr, self._shrinkage = self._lr[rows], self._shrinkage[rows]
        state = self._optimizer.state[self._delta]
        for name, value in state.items():
            if self._is_rows(value):
                state[name] = value[rows]
        self._delta.data = self._delta.data[rows]
        self._delta.grad = self._network.gradients
        self._watch_columns()


class SingleStepper(Stepper):
    """One member through any optimizer class, with its real parameters in their own shapes."""

    def __init__(
        self, network: Network, cls: OptimizerClass, options: Mapping[str, Any], lr: float, max_norm: float
    ) -> None:
        self._network = network
        self._max_norm = max_norm
        make: OptimizerClass = (
            without_compiler(cls) if isinstance(cls, type) and cls.__module__.startswith("torch.") else cls
        )
        self._optimizer = make(network.tensors(), lr=lr, **options)

    def set_lr(self, lr: Sequence[float]) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr[0]

    def step(self, objective: Objective, batch: Batch) -> Tensor:
        evaluations: list[Tensor] = []

        def closure() -> float:
            logits = objective.gradients(batch)
            evaluations.append(logits)
            if math.isfinite(self._max_norm):
                norm = torch.linalg.vector_norm(self._network.gradients)
                self._network.gradients.mul_((self._max_norm / (norm + 1e-6)).clamp_(max=1.0))
            return float(objective.value(logits, batch))

        self._optimizer.step(closure)
        return evaluations[0]

    def state(self, row: int) -> dict[str, Any]:
        state: dict[str, Any] = _on_cpu(self._optimizer.state_dict())
        return state

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._optimizer.load_state_dict(dict(states[0]))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            name = type(self._optimizer).__name__
            raise TrainingError(f"a saved state does not fit the optimizer {name}: {error!r}") from error

    def select(self, rows: Tensor) -> None:
        """A stack of one never shrinks to less than one."""


def _on_cpu(value: Any) -> Any:
    """A copy of nested tensors and values."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_cpu(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(each) for each in value)
    return copy.deepcopy(value)


def stacks(cls: OptimizerClass) -> bool:
    """Whether members can share an optimizer of this class."""
    return cls in LINEAR_IN_LR


def build_stepper(
    network: Network,
    cls: OptimizerClass,
    options: Sequence[Mapping[str, Any]],
    max_norm: Sequence[float],
) -> Stepper:
    """The stepper for K members.

    Args:
        options: for each member all of the class's options, `lr` and `weight_decay` among them. Those of the first
            serve all members but for these two.
        max_norm: bounds on the gradient's norm.

    Raises:
        TrainingError: the class refuses the options.
    """
    lr = [float(o["lr"]) for o in options]
    name = getattr(cls, "__name__", str(cls))
    if cls is torch.optim.SparseAdam:
        raise TrainingError("optimizer: SparseAdam does not support dense gradients, and a network has no others")
    if len(options) > 1 and not stacks(cls):
        raise TrainingError(f"optimizer: {name} trains one run at a time, and {len(options)} were given together")
    try:
        if not stacks(cls):
            rest = {k: v for k, v in options[0].items() if k != "lr"}
            return SingleStepper(network, cls, rest, lr[0], max_norm[0])
        default = inspect.signature(cls).parameters["weight_decay"].default
        decay = [float(o.get("weight_decay", default)) for o in options]
        shared = {k: v for k, v in options[0].items() if k not in ("lr", "weight_decay")}
        return StackedStepper(network, cast(type[Optimizer], cls), shared, lr, decay, max_norm)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(f"optimizer: {name} refuses its options: {error}") from error
