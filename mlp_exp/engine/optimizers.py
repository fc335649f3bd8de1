"""One step for K members, by any optimizer class of torch.

Most of torch's classes have a rule that serves members that differ in rate and decay. Any other class (LBFGS, Rprop,
Muon, a user's own …) steps the real parameters of one member.
"""

import copy
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from mlp_exp.engine.arrays import Array
from mlp_exp.engine.autograd import AutogradNetwork
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.engine import OptimizerClass
from mlp_exp.engine.network import Network
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.rules import RULES, Rule
from mlp_exp.errors import TrainingError

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
    def step(self, objective: Objective, batch: Batch) -> Array:
        """Takes one step; returns the logits `[K, O, B]` that it started from."""

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
    """K members by one rule.

    Args:
        weight_decay: K values, as L2 (added to the gradient) or, where `decoupled`, as a shrinkage.
        max_norm: K bounds on the gradient's norm; infinity for none.
    """

    def __init__(
        self,
        network: Network,
        rule: Rule,
        lr: Sequence[float],
        weight_decay: Sequence[float],
        max_norm: Sequence[float],
        *,
        decoupled: bool,
        maximize: bool,
    ) -> None:
        self._network = network
        self._rule = rule
        self._decoupled = decoupled
        self._maximize = maximize
        self._decay = self._column(weight_decay)
        self._max_norm = self._column(max_norm)
        self._watch_columns()
        self.set_lr(lr)

    def _column(self, values: Sequence[float]) -> Tensor:
        """K numbers as `[K, 1]`, to scale rows by."""
        return torch.tensor(values, dtype=torch.float32, device=self._network.parameters.device).unsqueeze(1)

    def _watch_columns(self) -> None:
        self._decays = bool((self._decay != 0).any())
        self._clips = bool(torch.isfinite(self._max_norm).any())

    def set_lr(self, lr: Sequence[float]) -> None:
        rates = self._column(lr)
        self._rates = rates * self._rule.sign
        self._shrinkage = 1 - rates * self._decay

    def step(self, objective: Objective, batch: Batch) -> Array:
        logits = objective.gradients(batch)
        parameters, gradients = self._network.parameters, self._network.gradients
        if self._clips:
            norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            gradients.mul_((self._max_norm / (norm + 1e-6)).clamp_(max=1.0))
        if self._maximize:
            gradients.neg_()
        if self._decays and self._decoupled:
            parameters.mul_(self._shrinkage)
        elif self._decays:
            gradients.addcmul_(parameters, self._decay)
        parameters.addcmul_(self._rule.direction(gradients), self._rates)
        return logits

    def state(self, row: int) -> dict[str, Any]:
        return self._rule.state(row)

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        self._rule.restore(list(states))

    def select(self, rows: Tensor) -> None:
        self._decay, self._max_norm = self._decay[rows], self._max_norm[rows]
        self._rates, self._shrinkage = self._rates[rows], self._shrinkage[rows]
        self._rule.select(rows)
        self._watch_columns()


class SingleStepper(Stepper):
    """One member through any optimizer class, with its real parameters in their own shapes."""

    def __init__(
        self, network: AutogradNetwork, cls: OptimizerClass, options: Mapping[str, Any], lr: float, max_norm: float
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

    def step(self, objective: Objective, batch: Batch) -> Array:
        evaluations: list[Array] = []

        def closure() -> float:
            logits = objective.gradients(batch)
            evaluations.append(logits)
            if math.isfinite(self._max_norm):
                norm = torch.linalg.vector_norm(self._network.gradients)
                self._network.gradients.mul_((self._max_norm / (norm + 1e-6)).clamp_(max=1.0))
            return objective.value(logits, batch)

        self._optimizer.step(closure)
        if not evaluations:
            name = type(self._optimizer).__name__
            raise TrainingError(
                f"optimizer: {name}.step has to call the closure that it gets, which computes the gradients; it did not"
            )
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
    return cls in RULES


def build_stepper(
    network: Network,
    cls: OptimizerClass,
    options: Sequence[Mapping[str, Any]],
    max_norm: Sequence[float],
) -> Stepper:
    """The stepper for K members.

    Args:
        network: an `AutogradNetwork` where the class does not stack.
        options: for each member all of the class's options, `lr` and `weight_decay` among them. Those of the first
            serve all members but for these two.
        max_norm: bounds on the gradient's norm.

    Raises:
        TrainingError: the class refuses the options.
    """
    name = getattr(cls, "__name__", str(cls))
    if cls is torch.optim.SparseAdam:
        raise TrainingError("optimizer: SparseAdam does not support dense gradients, and a network has no others")
    try:
        if not stacks(cls):
            rest = {k: v for k, v in options[0].items() if k != "lr"}
            return SingleStepper(cast(AutogradNetwork, network), cls, rest, float(options[0]["lr"]), max_norm[0])
        # torch's own class judges the options and fills them up
        make = without_compiler(cast(type[Optimizer], cls))
        given = [cast(OptimizerClass, make)([torch.zeros(1)], **each).defaults for each in options]
        return StackedStepper(
            network,
            RULES[cls](network.gradients, given[0]),
            [float(each["lr"]) for each in given],
            [float(each["weight_decay"]) for each in given],
            max_norm,
            decoupled=cls is torch.optim.AdamW or given[0].get("decoupled_weight_decay", False),
            maximize=given[0]["maximize"],
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(f"optimizer: {name} refuses its options: {error}") from error
