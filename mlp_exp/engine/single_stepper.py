"""Any optimizer class of torch or of a user, for one member."""

import copy
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from mlp_exp.engine.arrays import Array
from mlp_exp.engine.autograd import AutogradNetwork
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.engine import Factors, OptimizerClass
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.stepper import Plan, StepNumbers, Stepper, clip
from mlp_exp.errors import TrainingError

OptimizerT = TypeVar("OptimizerT", bound=Optimizer)

STEPS_FOR_COMPILER = "_use_grad"
"""Name of the function around the step of most of torch's classes, which imports its compiler too."""
GUARDED = ("add_param_group", "state_dict", "load_state_dict")
"""Methods that torch guards against its compiler, which it imports to do so: that takes longer than many a run."""


def without_compiler(cls: type[OptimizerT]) -> type[OptimizerT]:
    """A subclass of an optimizer class, of the same name, that does not import torch's compiler.

    A method that the class overrides stays its own.
    """
    methods: dict[str, Callable[..., Any]] = {
        name: inspect.unwrap(getattr(Optimizer, name))
        for name in GUARDED
        if getattr(cls, name) is getattr(Optimizer, name)
    }
    plain = inspect.unwrap(cls.step, stop=lambda function: function.__code__.co_name == STEPS_FOR_COMPILER)
    if plain.__code__.co_name == STEPS_FOR_COMPILER:
        methods["step"] = _step_of(inspect.unwrap(plain))
    return type(cls.__name__, (cls,), methods)


def _step_of(plain: Callable[..., Any]) -> Callable[..., Any]:
    """The step of a class without what torch does around it for its compiler."""

    @wraps(plain)
    def step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return plain(self, *args, **kwargs)

    return step


class SingleStepper(Stepper):
    """One member through any optimizer class, with its real parameters in their own shapes.

    Args:
        options: those of the class, `lr` among them.
        factors: of parameters by name.

    Raises:
        TrainingError: what is made is no optimizer.
    """

    def __init__(
        self,
        network: AutogradNetwork,
        cls: OptimizerClass,
        options: Mapping[str, Any],
        max_norm: float,
        factors: Mapping[str, Factors],
    ) -> None:
        self._network = network
        self._max_norm = torch.full((1, 1), max_norm, device=network.parameters.device)
        self._clips = math.isfinite(max_norm)
        make: OptimizerClass = (
            without_compiler(cls) if isinstance(cls, type) and cls.__module__.startswith("torch.") else cls
        )
        groups: dict[Factors, list[nn.Parameter]] = {}
        for name, parameter in network.trained().items():
            groups.setdefault(factors.get(name, Factors()), []).append(parameter)
        parameters: list[Any] = [
            {"params": group, "rate_factor": factor.rate, "decay_factor": factor.decay}
            for factor, group in groups.items()
        ]
        if list(groups) == [Factors()]:  # some classes, as LBFGS, take no groups
            (parameters,) = groups.values()
        self._make = partial(make, parameters, **options)
        self._optimizer = self._make()
        _require_optimizer(self._optimizer)
        self._takes_closure = takes_argument(self._optimizer.step)
        self._numbers: StepNumbers | None = None
        self._calls_closure: bool | None = None  # not known before the first step

    def plan(self, steps: int, lr: NDArray[np.float64], decay: NDArray[np.float64]) -> Plan:
        rates, decays = (torch.from_numpy(each)[..., None] for each in (lr, decay))
        return Plan(rates, decays, torch.empty(steps, 0))

    def step(self, objective: Objective, batch: Batch, numbers: StepNumbers) -> Array:
        self._set_rates(numbers)
        evaluations: list[Array] = []

        def closure() -> float:
            logits = objective.gradients(batch)
            evaluations.append(logits)
            if self._clips:
                clip(self._network.gradients, self._max_norm)
            self._network.keep_gradients()
            return objective.value(logits, batch)

        if self._calls_closure is None:
            self._find_out(closure, evaluations)
            if self._calls_closure:
                return evaluations[0]
            self._set_rates(numbers)
        if not self._calls_closure:
            closure()
        self._step(closure)
        if not evaluations:
            name = type(self._optimizer).__name__
            raise TrainingError(f"optimizer: {name}.step called the closure in its first step, and not in a later one")
        return evaluations[0]

    def _set_rates(self, numbers: StepNumbers) -> None:
        """Where they have changed since the previous step: some optimizers change their own."""
        before, self._numbers = self._numbers, numbers
        if before and before.rates is numbers.rates and before.decays is numbers.decays:
            return
        for group in self._optimizer.param_groups:
            group["lr"] = numbers.rates.item() * group.get("rate_factor", 1.0)
            decay = numbers.decays.item() * group.get("decay_factor", 1.0)
            if "initial_decay" in group or (decay != 1 and group.get("weight_decay")):
                group["weight_decay"] = group.setdefault("initial_decay", group["weight_decay"]) * decay

    def _step(self, closure: Callable[[], float]) -> None:
        if self._takes_closure:
            self._optimizer.step(closure)
        else:
            cast(Callable[[], None], self._optimizer.step)()

    def _find_out(self, closure: Callable[[], float], evaluations: Sequence[Array]) -> None:
        """Takes the first step; undoes it where it has not called the closure, and so knew no gradients."""
        parameters, state = self._network.parameters.clone(), copy.deepcopy(self._optimizer.state_dict())
        if self._takes_closure:
            self._step(closure)
        self._calls_closure = bool(evaluations)
        if not self._calls_closure:
            self._network.parameters.copy_(parameters)
            self._optimizer = self._make()
            self._numbers = None
            self._optimizer.load_state_dict(state)

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


def _require_optimizer(made: object) -> None:
    """Raises TrainingError for what cannot take a step."""
    name = type(made).__name__
    if not isinstance(made, Optimizer):
        raise TrainingError(f"optimizer._target_: expected a torch.optim.Optimizer to be built, got {name}")
    if inspect.unwrap(type(made).step) is inspect.unwrap(Optimizer.step):  # torch wraps them
        raise TrainingError(f"optimizer._target_: {name} has no method step")


def takes_argument(method: Callable[..., Any]) -> bool:
    """Whether a bound method can be called with one argument."""
    try:
        inspect.signature(method).bind(None)
    except TypeError:
        return False
    return True


def _on_cpu(value: Any) -> Any:
    """A copy of nested tensors and values."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_cpu(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(each) for each in value)
    return copy.deepcopy(value)
