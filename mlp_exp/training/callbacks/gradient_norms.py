"""The norm of the gradient, as a column of the history."""

import math
from collections.abc import Mapping

from mlp_exp.training.callbacks.callback import Callback, RunView


class GradientNorms(Callback):
    """Adds the norm of the whole gradient, and of each layer's if asked for, at the last step of each epoch.

    Args:
        layers: the names of parameters whose own norms are added, as `head.weight`.
    """

    def __init__(self, layers: list[str] | None = None) -> None:
        self._layers = list(layers or [])
        self.columns = ("gradient_norm", *(f"gradient_norm_{name}" for name in self._layers))

    def on_epoch(self, run: RunView) -> Mapping[str, float]:
        norms = {name: float(gradient.norm()) for name, gradient in run.gradients().items()}
        unknown = [name for name in self._layers if name not in norms]
        if unknown:
            raise ValueError(f"callbacks: there is no parameter '{unknown[0]}'; expected some of {', '.join(norms)}")
        own = {f"gradient_norm_{name}": norms[name] for name in self._layers}
        return {"gradient_norm": math.hypot(*norms.values()), **own}
