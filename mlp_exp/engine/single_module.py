"""Any `nn.Module`, one at a time, through autograd."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mlp_exp.engine.network import Network
from mlp_exp.errors import TrainingError


class SingleModule(Network):
    """A stack of one for a module that says nothing on stacking.

    The module gets real rows only, never padding, so that its own batch statistics are right.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self._module = module.to(device)
        self._device = device
        super().__init__([module], device)

    def _bind(self) -> None:
        views = self._parameter_rows.views(self.parameters)
        gradients = self._parameter_rows.views(self.gradients)
        buffers = self._buffer_rows.views(self.buffers)
        for name, parameter in self._module.named_parameters():
            if name in views:  # a frozen parameter stays the module's own
                parameter.data = views[name][0]
                parameter.grad = gradients[name][0]
        for name, buffer in self._module.named_buffers():
            if name in buffers:
                buffer.data = buffers[name][0]

    def forward(self, inputs: Tensor, masks: Sequence[Tensor], valid: Tensor) -> Tensor:
        self._module.train()
        rows = int(valid.sum())
        with torch.enable_grad():
            self._logits = self._module(inputs[0, :rows])
        padding = inputs.shape[1] - rows
        return nn.functional.pad(self._logits.detach(), (0, 0, 0, padding)).unsqueeze(0)

    def backward(self, gradient: Tensor) -> None:
        self.gradients.zero_()
        self._logits.backward(gradient[0, : len(self._logits)])

    def predict(self, inputs: Tensor) -> Tensor:
        self._module.eval()
        logits: Tensor = self._module(inputs[0])
        return logits.unsqueeze(0)

    def state(self, row: int) -> dict[str, Any]:
        """With what the module counts, and torch's own random numbers, from which it draws."""
        state = super().state(row) | {"counts": {name: count.cpu().clone() for name, count in self._counts().items()}}
        state["generator"] = torch.get_rng_state()
        if self._device.type == "cuda":
            state["cuda_generator"] = torch.cuda.get_rng_state(self._device)
        return state

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        super().restore(states)
        (state,) = states
        try:
            for name, count in self._counts().items():
                count.copy_(state["counts"][name])
            torch.set_rng_state(state["generator"])
            if self._device.type == "cuda":
                torch.cuda.set_rng_state(state["cuda_generator"], self._device)
        except (KeyError, TypeError, RuntimeError) as error:
            raise TrainingError(f"a saved state does not fit {type(self._module).__name__}: {error!r}") from error

    def _counts(self) -> dict[str, Tensor]:
        """Buffers that are no floating-point numbers."""
        return {name: buffer for name, buffer in self._module.named_buffers() if not buffer.is_floating_point()}
