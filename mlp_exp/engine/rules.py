"""The rules of torch's optimizers, for K members at once.

Each is linear in the learning rate and sees a parameter only through weight decay. So a rule gives the direction of a
step, at rate 1 and without decay, and each member goes along it at its own rate, after its own decay. All work on
`[K, P]`, in torch's operations in place: they see memory less often than NumPy's. What depends on the number of the
step comes as tensors, since a CUDA graph would repeat Python's numbers in every step.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mlp_exp.engine.rows import copy_row, set_row
from mlp_exp.errors import TrainingError


class Rule(ABC):
    """The direction of each step.

    Args:
        gradients: of the stack, `[K, P]`.
        options: all options of torch's class.

    Attributes:
        sign: -1 where the parameters move against the direction.
        rows: by name, the matrices that the rule keeps from step to step, `[K, P]`.
        steps: how many steps have been planned, which are taken once an epoch is over.
    """

    sign = -1.0
    kept: tuple[str, ...] = ()

    def __init__(self, gradients: Tensor, options: Mapping[str, Any]) -> None:
        self.options = options
        self.rows = {name: torch.zeros_like(gradients) for name in self.kept}
        self.work = torch.empty_like(gradients)
        self.steps = 0

    def plan(self, steps: int) -> Tensor:
        """The numbers of the next steps, `[steps, n]`."""
        first = self.steps + 1
        self.steps += steps
        numbers = [self._numbers(step) for step in range(first, first + steps)]
        return torch.tensor(numbers, dtype=torch.float32, device=self.work.device)

    def _numbers(self, step: int) -> tuple[float, ...]:
        """What the direction of a step, from 1, takes that no other step does."""
        return ()

    @abstractmethod
    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        """The direction of a step, from the gradient, which may be overwritten, and the step's n numbers."""

    def state(self, row: int) -> dict[str, Any]:
        """What is kept of a member, on the CPU."""
        return {"step": self.steps} | {name: copy_row(matrix, row) for name, matrix in self.rows.items()}

    def restore(self, states: list[Mapping[str, Any]]) -> None:
        """Puts back what `state` gave of each member, after as many steps.

        Raises:
            TrainingError: a state is not that of such an optimizer.
        """
        names = ["step", *self.rows]
        if any(state.keys() != set(names) for state in states):
            raise TrainingError(f"a saved state does not fit the optimizer: expected {', '.join(names)}")
        if not isinstance(states[0]["step"], int):
            raise TrainingError(f"a saved state does not fit the optimizer: 'step' is {states[0]['step']!r:.50}")
        for name, matrix in self.rows.items():
            for row, state in enumerate(states):
                set_row(matrix, row, state[name])
        self.steps = states[0]["step"]

    def select(self, rows: Tensor) -> None:
        """Forgets all members but these."""
        self.rows = {name: matrix[rows] for name, matrix in self.rows.items()}
        self.work = self.work[rows]


class SGD(Rule):
    """Momentum as in Sutskever et al. (2013), where the rate scales the whole step."""

    def __init__(self, gradients: Tensor, options: Mapping[str, Any]) -> None:
        self.kept = ("momentum_buffer",) if options["momentum"] else ()
        super().__init__(gradients, options)

    def _numbers(self, step: int) -> tuple[float, ...]:
        return (1.0 if step == 1 else 1 - self.options["dampening"],)

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        momentum = self.options["momentum"]
        if not momentum:
            return g
        buffer = self.rows["momentum_buffer"]
        buffer.mul_(momentum).addcmul_(g, numbers[0])
        return g.add_(buffer, alpha=momentum) if self.options["nesterov"] else buffer


class Adam(Rule):
    """Kingma & Ba (2015), through torch's fused kernel, which needs half the time of single operations."""

    sign = 1.0

    def __init__(self, gradients: Tensor, options: Mapping[str, Any]) -> None:
        self.kept = ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if options["amsgrad"] else []))
        super().__init__(gradients, options)
        self.work.zero_()

    def _numbers(self, step: int) -> tuple[float, ...]:
        return (step,)

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        beta1, beta2 = self.options["betas"]
        mean, square, *largest = self.rows.values()
        # a decay of 1 at rate 1 takes the parameters, which are the step before, to zero
        torch._fused_adamw_(
            [self.work], [g], [mean], [square], largest, list(numbers),
            lr=1.0, beta1=beta1, beta2=beta2, weight_decay=1.0, eps=self.options["eps"],
            amsgrad=bool(largest), maximize=False,
        )  # fmt: skip
        return self.work


class _WithMoments(Rule):
    """Keeps the mean of the gradients and that of their squares, as Adam."""

    kept = ("exp_avg", "exp_avg_sq")

    def _moments(self, g: Tensor) -> tuple[Tensor, Tensor]:
        beta1, beta2 = self.options["betas"]
        mean, square = self.rows.values()
        return mean.lerp_(g, 1 - beta1), square.mul_(beta2).addcmul_(g, g, value=1 - beta2)


class NAdam(_WithMoments):
    """Dozat (2016)."""

    _multiplied = 0
    _momenta = 1.0

    def _numbers(self, step: int) -> tuple[float, ...]:
        now, later = self._momentum(step), self._momentum(step + 1)
        product = self._product(step)
        unbiased = 1 / (1 - self.options["betas"][1] ** step)
        return unbiased, (1 - now) / (1 - product), later / (1 - product * later)

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        unbiased, of_gradient, of_mean = numbers
        mean, square = self._moments(g)
        torch.mul(square, unbiased, out=self.work).sqrt_().add_(self.options["eps"])
        return g.mul_(of_gradient).addcmul_(mean, of_mean).div_(self.work)

    def _product(self, step: int) -> float:
        """Of the momenta of all steps so far."""
        while self._multiplied < step:
            self._multiplied += 1
            self._momenta *= self._momentum(self._multiplied)
        return self._momenta

    def _momentum(self, step: int) -> float:
        return float(self.options["betas"][0] * (1 - 0.5 * 0.96 ** (step * self.options["momentum_decay"])))


class RAdam(_WithMoments):
    """Liu et al. (2020)."""

    def _numbers(self, step: int) -> tuple[float, ...]:
        beta1, beta2 = self.options["betas"]
        unbiased = 1 / (1 - beta1**step)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / (1 - beta2**step)
        if length <= 5:  # the variance of the second moment is not known yet: divides by one
            return unbiased, 0.0, 1.0
        rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        return unbiased * math.sqrt(rectified * (1 - beta2**step)), 1.0, self.options["eps"]

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        scale, known, least = numbers
        mean, square = self._moments(g)
        torch.sqrt(square, out=g).mul_(known).add_(least)
        return torch.mul(mean, scale, out=self.work).div_(g)


class RMSprop(Rule):
    """Hinton (2012); centred, as in Graves (2013)."""

    def __init__(self, gradients: Tensor, options: Mapping[str, Any]) -> None:
        self.kept = ("square_avg",)
        self.kept += ("grad_avg",) if options["centered"] else ()
        self.kept += ("momentum_buffer",) if options["momentum"] else ()
        super().__init__(gradients, options)

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        alpha, square = self.options["alpha"], self.rows["square_avg"]
        square.mul_(alpha).addcmul_(g, g, value=1 - alpha)
        self.work.copy_(square)
        if self.options["centered"]:
            mean = self.rows["grad_avg"].lerp_(g, 1 - alpha)
            self.work.addcmul_(mean, mean, value=-1)
        self.work.sqrt_().add_(self.options["eps"])
        if self.options["momentum"]:
            return self.rows["momentum_buffer"].mul_(self.options["momentum"]).addcdiv_(g, self.work)
        return g.div_(self.work)


class Adagrad(Rule):
    """Duchi et al. (2011)."""

    kept = ("sum",)

    def __init__(self, gradients: Tensor, options: Mapping[str, Any]) -> None:
        super().__init__(gradients, options)
        self.rows["sum"].fill_(options["initial_accumulator_value"])

    def _numbers(self, step: int) -> tuple[float, ...]:
        return (1 / (1 + (step - 1) * self.options["lr_decay"]),)

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        total = self.rows["sum"].addcmul_(g, g)
        torch.sqrt(total, out=self.work).add_(self.options["eps"])
        return g.div_(self.work).mul_(numbers[0])


class Adadelta(Rule):
    """Zeiler (2012)."""

    kept = ("square_avg", "acc_delta")

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        rho, eps = self.options["rho"], self.options["eps"]
        square, moved = self.rows.values()
        square.mul_(rho).addcmul_(g, g, value=1 - rho)
        torch.add(moved, eps, out=self.work).sqrt_().mul_(g)
        self.work.div_(torch.add(square, eps, out=g).sqrt_())
        moved.mul_(rho).addcmul_(self.work, self.work, value=1 - rho)
        return self.work


class Adamax(Rule):
    """Kingma & Ba (2015), section 7.1."""

    kept = ("exp_avg", "exp_inf")

    def _numbers(self, step: int) -> tuple[float, ...]:
        return (1 / (1 - self.options["betas"][0] ** step),)

    def direction(self, g: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        beta1, beta2 = self.options["betas"]
        mean, largest = self.rows.values()
        mean.lerp_(g, 1 - beta1)
        torch.maximum(largest.mul_(beta2), g.abs_().add_(self.options["eps"]), out=largest)
        return torch.div(mean, largest, out=self.work).mul_(numbers[0])


RULES: dict[Any, type[Rule]] = {
    torch.optim.SGD: SGD,
    torch.optim.Adam: Adam,
    torch.optim.AdamW: Adam,
    torch.optim.NAdam: NAdam,
    torch.optim.RAdam: RAdam,
    torch.optim.RMSprop: RMSprop,
    torch.optim.Adagrad: Adagrad,
    torch.optim.Adadelta: Adadelta,
    torch.optim.Adamax: Adamax,
}
"""By torch's class."""
