"""One step for K members, by any optimizer class of torch.

Most of torch's classes have a rule that serves members that differ in rate and decay. Any other class (LBFGS, Rprop,
Muon, a user's own …) steps the real parameters of one member.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from mlp_exp.engine.arrays import Array
from mlp_exp.engine.autograd import AutogradNetwork
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.engine import Factors, OptimizerClass
from mlp_exp.engine.network import Network
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.rules import RULES, Rule
from mlp_exp.engine.single_stepper import SingleStepper, without_compiler
from mlp_exp.engine.stepper import Plan, StepNumbers, Stepper, clip
from mlp_exp.errors import TrainingError

DECOUPLED = ("AdamW", "Adafactor", "Muon")
"""Classes of torch whose weight decay is a shrinkage by `lr · weight_decay`, and not a part of the gradient."""


class StackedStepper(Stepper):
    """K members by one rule.

    Args:
        weight_decay: K values, as L2 (added to the gradient) or, where `decoupled`, as a shrinkage.
        max_norm: K bounds on the gradient's norm; infinity for none.
        factors: of each parameter's learning rate and of its weight decay, `[K, P]`; None where all are 1.
    """

    def __init__(
        self,
        network: Network,
        rule: Rule,
        weight_decay: Sequence[float],
        max_norm: Sequence[float],
        factors: tuple[Tensor, Tensor] | None,
        *,
        decoupled: bool,
        maximize: bool,
    ) -> None:
        self._network = network
        self._rule = rule
        self._decoupled = decoupled
        self._maximize = maximize
        self._weight_decay = np.array(weight_decay)
        self._max_norm = self._columns(np.array(max_norm))
        # a decoupled decay goes with the parameter's own rate
        self._factors = (factors[0], factors[0] * factors[1]) if factors and decoupled else factors
        self._work = torch.empty_like(network.parameters if factors else network.parameters[:, :0])
        self._watch_columns()

    def _columns(self, values: NDArray[np.float64]) -> Tensor:
        """Numbers `[..., K]` as `[..., K, 1]`, to scale rows by."""
        return torch.tensor(values[..., None], dtype=torch.float32, device=self._network.parameters.device)

    def _watch_columns(self) -> None:
        self._decays = bool(self._weight_decay.any())
        self._clips = bool(torch.isfinite(self._max_norm).any())

    def plan(self, steps: int, lr: NDArray[np.float64], decay: NDArray[np.float64]) -> Plan:
        decays = decay * self._weight_decay
        if self._decoupled:
            decays = -decays * lr if self._factors else 1 - decays * lr
        return Plan(self._columns(lr * self._rule.sign), self._columns(decays), self._rule.plan(steps))

    def step(self, objective: Objective, batch: Batch, numbers: StepNumbers) -> Array:
        logits = objective.gradients(batch)
        parameters, gradients = self._network.parameters, self._network.gradients
        if self._clips:
            clip(gradients, self._max_norm)
        self._network.keep_gradients()
        if self._maximize:
            gradients.neg_()
        if self._decays:
            self._decay(parameters, gradients, numbers.decays)
        direction = self._rule.direction(gradients, numbers.rule)
        if self._factors:
            direction = torch.mul(direction, self._factors[0], out=self._work)
        parameters.addcmul_(direction, numbers.rates)
        return logits

    def _decay(self, parameters: Tensor, gradients: Tensor, decays: Tensor) -> None:
        if not self._factors:
            if self._decoupled:
                parameters.mul_(decays)
            else:
                gradients.addcmul_(parameters, decays)
            return
        own = torch.mul(parameters, self._factors[1], out=self._work)
        (parameters if self._decoupled else gradients).addcmul_(own, decays)

    def state(self, row: int) -> dict[str, Any]:
        return self._rule.state(row)

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        self._rule.restore(list(states))

    def select(self, rows: Tensor) -> None:
        self._weight_decay, self._max_norm = self._weight_decay[rows.cpu().numpy()], self._max_norm[rows]
        if self._factors:
            self._factors = (self._factors[0][rows], self._factors[1][rows])
            self._work = self._work[rows]
        self._rule.select(rows)
        self._watch_columns()


def stacks(cls: OptimizerClass) -> bool:
    """Whether members can share an optimizer of this class."""
    return cls in RULES


def decouples(cls: OptimizerClass, options: Mapping[str, Any]) -> bool:
    """Whether the weight decay of an optimizer is decoupled, as far as it is known: not of a user's own class."""
    of_torch = getattr(cls, "__module__", "").startswith("torch.optim")
    return (of_torch and cls.__name__ in DECOUPLED) or bool(options.get("decoupled_weight_decay", False))


def build_stepper(
    network: Network,
    cls: OptimizerClass,
    options: Sequence[Mapping[str, Any]],
    max_norm: Sequence[float],
    factors: Sequence[Mapping[str, Factors]] = (),
) -> Stepper:
    """The stepper for K members.

    Args:
        network: an `AutogradNetwork` where the class does not stack.
        options: for each member all of the class's options, `lr` and `weight_decay` among them. Those of the first
            serve all members but for these two.
        max_norm: bounds on the gradient's norm.
        factors: for each member those of parameters by name; of none where empty.

    Raises:
        TrainingError: the class refuses the options.
    """
    name = getattr(cls, "__name__", str(cls))
    if cls is torch.optim.SparseAdam:
        raise TrainingError("optimizer: SparseAdam does not support dense gradients, and a network has no others")
    try:
        if not stacks(cls):
            own = {**options[0], "lr": float(options[0]["lr"])}
            return SingleStepper(cast(AutogradNetwork, network), cls, own, max_norm[0], factors[0] if factors else {})
        # torch's own class judges the options and fills them up
        make = without_compiler(cast(type[Optimizer], cls))
        given = [cast(OptimizerClass, make)([torch.zeros(1)], **each).defaults for each in options]
        return StackedStepper(
            network,
            RULES[cls](network.gradients, given[0]),
            [float(each["weight_decay"]) for each in given],
            max_norm,
            _by_column(network, factors) if any(factors) else None,
            decoupled=decouples(cls, given[0]),
            maximize=given[0]["maximize"],
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(f"optimizer: {name} refuses its options: {error}") from error


def _by_column(network: Network, factors: Sequence[Mapping[str, Factors]]) -> tuple[Tensor, Tensor]:
    """Rate and decay factors of all parameters, each `[K, P]`."""
    rates, decays = torch.ones_like(network.parameters), torch.ones_like(network.parameters)
    for row, by_name in enumerate(factors):
        views = [network.parameter_rows.views(matrix[row : row + 1]) for matrix in (rates, decays)]
        for name, pair in by_name.items():
            for view, factor in zip(views, pair, strict=True):
                view[name].fill_(factor)
    return rates, decays
