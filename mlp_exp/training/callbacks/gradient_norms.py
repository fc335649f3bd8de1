"""The norm of the gradient, as a column of the history."""

import math
from collections.abc import Mapping

from mlp_exp.errors import ConfigError
from mlp_exp.training.callbacks.callback import Callback, RunView


class GradientNorms(Callback):
    """Adds the norm of the whole gradient at the last step of each epoch, after clipping.

    Args:
        layers: whose own norms are added, each as `gradient_norm_NAME`: names of layers or parameters, as `blocks.0`,
            `head` or `head.weight`.
    """

    def __init__(self, layers: list[str] | None = None) -> None:
        self._layers = list(layers or [])
        self.columns = ("gradient_norm", *(f"gradient_norm_{name}" for name in self._layers))

    def on_begin(self, run: RunView) -> None:
        known = [name for name, parameter in run.module.named_parameters() if parameter.requires_grad]
        problems = [
            f"callbacks: layers: the network has no '{layer}' that is trained; expected {', '.join(known)}, or what is "
            "before a dot"
            for layer in self._layers
            if not any(_belongs(name, layer) for name in known)
        ]
        if problems:
            raise ConfigError(problems)

    def on_epoch(self, run: RunView) -> Mapping[str, float]:
        norms = {name: float(gradient.norm()) for name, gradient in run.gradients().items()}
        own = {
            f"gradient_norm_{layer}": math.hypot(*(norm for name, norm in norms.items() if _belongs(name, layer)))
            for layer in self._layers
        }
        return {"gradient_norm": math.hypot(*norms.values()), **own}


def _belongs(parameter: str, layer: str) -> bool:
    return parameter == layer or parameter.startswith(f"{layer}.")
