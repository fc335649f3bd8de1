"""Any `nn.Module`, one at a time, through autograd."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from mlp_exp.engine.arrays import Array, arrays_of
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.network import Network
from mlp_exp.errors import TrainingError


def seed_torch(seed: int, devices: Sequence[torch.device] = ()) -> None:
    """Seeds torch's generators of the CPU and of these CUDA devices, and no others, as `torch.manual_seed` would."""
    torch.default_generator.manual_seed(seed)
    for device in devices:
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


class AutogradNetwork(Network):
    """A stack of one for a module that says nothing on stacking.

    The module gets real rows only, never padding, so that its own batch statistics are right.
    """

    def __init__(self, module: nn.Module, device: torch.device, seed: int) -> None:
        """`seed` is that of what the module draws while it trains."""
        self._module = module.to(device)
        self._xp = arrays_of(device)
        self._devices = [device] if device.type == "cuda" else []
        self._rates = {layer: layer.p for layer in module.modules() if isinstance(layer, _DropoutNd)}
        self._dropped = 1.0
        super().__init__([module], device)
        with torch.random.fork_rng(self._devices):
            seed_torch(seed, self._devices)
            self._streams = self._generators()

    def _generators(self) -> dict[str, Tensor]:
        """The states of torch's generators."""
        states = {"generator": torch.get_rng_state()}
        for device in self._devices:
            states["cuda_generator"] = torch.cuda.get_rng_state(device)
        return states

    @contextmanager
    def own_stream(self) -> Iterator[None]:
        with torch.random.fork_rng(self._devices):
            torch.set_rng_state(self._streams["generator"])
            for device in self._devices:
                torch.cuda.set_rng_state(self._streams["cuda_generator"], device)
            try:
                yield
            finally:
                if self._dropped != 1:  # the module is its owner's
                    self._drop(1.0)
            self._streams = self._generators()

    def _bind(self) -> None:
        views = self.parameter_rows.views(self.parameters)
        gradients = self.parameter_rows.views(self.gradients)
        buffers = self.buffer_rows.views(self.buffers)
        self._trained_gradients: list[tuple[nn.Parameter, Tensor]] = []
        for name, parameter in self._module.named_parameters():
            if name in views:  # a frozen parameter stays the module's own
                parameter.data, parameter.grad = views[name][0], gradients[name][0]
                self._trained_gradients.append((parameter, gradients[name][0]))
        for name, buffer in self._module.named_buffers():
            if name in buffers:
                buffer.data = buffers[name][0]

    def forward(self, batch: Batch) -> Array:
        self._module.train()
        if batch.dropout != self._dropped:
            self._drop(batch.dropout)
        rows = int(batch.valid.sum())
        with torch.enable_grad():
            self._logits = self._module(self._xp.tensor(batch.inputs)[0, :rows])
        return self._units_first(nn.functional.pad(self._logits.detach(), (0, 0, 0, batch.inputs.shape[1] - rows)))

    def _drop(self, factor: float) -> None:
        """Gives the dropout layers their rates times a factor."""
        self._dropped = factor
        for layer, rate in self._rates.items():
            layer.p = rate * factor

    def _units_first(self, logits: Tensor) -> Array:
        """`[B, O]` as `[1, O, B]`."""
        return self._xp.view(logits.T.contiguous().unsqueeze(0))

    def backward(self, gradient: Array) -> None:
        self.gradients.zero_()
        for parameter, gradient_view in self._trained_gradients:
            parameter.grad = gradient_view  # an optimizer may have dropped it
        self._logits.backward(self._xp.tensor(gradient)[0, :, : len(self._logits)].T)

    def predict(self, inputs: Array) -> Array:
        self._module.eval()
        return self._units_first(self._module(self._xp.tensor(inputs)[0]))

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that are trained, by name, in their own shapes, each with its gradient."""
        return {name: parameter for name, parameter in self._module.named_parameters() if parameter.requires_grad}

    def state(self, row: int) -> dict[str, Any]:
        """With what the module counts, and the stream of random numbers from which it draws."""
        counts = {name: count.cpu().clone() for name, count in self._counts().items()}
        return super().state(row) | {"counts": counts} | self._streams

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        super().restore(states)
        (state,) = states
        try:
            for name, count in self._counts().items():
                count.copy_(state["counts"][name])
            self._streams = {name: state[name] for name in self._streams}
            with self.own_stream():  # raises unless they are states of such generators
                pass
        except (KeyError, TypeError, RuntimeError) as error:
            raise TrainingError(f"a saved state does not fit {type(self._module).__name__}: {error!r}") from error

    def _counts(self) -> dict[str, Tensor]:
        """Buffers that are no floating-point numbers."""
        return {name: buffer for name, buffer in self._module.named_buffers() if not buffer.is_floating_point()}
