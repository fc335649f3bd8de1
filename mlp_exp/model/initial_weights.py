"""Initial weights and biases."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MIXED = 5
"""Outputs of which a data-driven bias is a mixture."""


class DefaultInit:
    """Keeps the initial values from each layer's constructor (for `nn.Linear`, uniform in ±1/√in_features)."""

    def apply(self, module: nn.Module) -> None:
        pass


class DataDrivenInit:
    """Initialises linear layers one after the other by what reaches them (he+5 of RealMLP; Holzmüller et al., 2024).

    Of each unit, weights are normal and divided by the standard deviation of its output over the rows; the bias is
    minus a random convex mixture of five of its outputs, so that units bend at different places among the rows.
    """

    def apply(self, module: nn.Module, rows: Tensor) -> None:
        """Sends training rows `[n, F]` through the module, in evaluation mode."""
        seen: set[nn.Module] = set()

        def before(layer: nn.Linear, args: tuple[Tensor]) -> None:
            if layer not in seen:
                seen.add(layer)
                _fit_linear(layer, args[0].flatten(0, -2))

        hooks = [layer.register_forward_pre_hook(before) for layer in module.modules() if isinstance(layer, nn.Linear)]
        was_training = module.training
        with torch.no_grad():
            module.eval()(rows.clone())  # a network may change its input
        module.train(was_training)
        for hook in hooks:
            hook.remove()


def _fit_linear(layer: nn.Linear, x: Tensor) -> None:
    """Weights and bias of a layer by its inputs `[n, in]`."""
    nn.init.normal_(layer.weight)
    outputs = x.double() @ layer.weight.double().T
    std = outputs.std(dim=0, correction=0)
    # a unit whose output is always the same, but for rounding, keeps its weights
    scale = torch.where(std > 1e-6 * outputs.abs().amax(dim=0), std, 1.0)
    layer.weight.div_(scale[:, None])
    if layer.bias is not None:
        chosen = torch.randint(len(outputs), (MIXED, layer.out_features))
        shares = torch.rand(MIXED, layer.out_features, dtype=torch.float64).log_().neg_()
        mixture = (outputs.gather(0, chosen) * shares).sum(dim=0) / shares.sum(dim=0)
        layer.bias.copy_(-mixture / scale)


@dataclass(frozen=True)
class WeightInit:
    """Initialises every linear layer: weights `[out, in]` by a function of `torch.nn.init`, biases with a constant.

    >>> WeightInit(nn.init.kaiming_normal_).apply(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)))
    """

    weight: Callable[[Tensor], Tensor]
    bias: float = 0.0

    def apply(self, module: nn.Module) -> None:
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                with torch.no_grad():
                    self.weight(layer.weight)
                    if layer.bias is not None:
                        layer.bias.fill_(self.bias)
