"""K modules of a user's own, trained as one: `torch.func.functional_call` under `torch.vmap`, gradients by autograd."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mlp_exp.engine.arrays import Array, arrays_of
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.dropout import Call, rate_of, with_masks
from mlp_exp.engine.network import Network
from mlp_exp.errors import TrainingError

METHOD = "torch.func"
TOLERANCE = 1e-3
"""Within which a run has the same losses alone and in a stack, relative to the largest of its history.

Sums of several members run in another order than those of one, and training amplifies the last bits
(docs/explanation/engine.md).
"""
ROUNDING_TOLERANCE = 0.05
"""The same where the gradient of a parameter is rounding alone, of which an optimizer like Adam makes whole steps."""
TRIED_ROWS = (2, 3)
"""Numbers of rows with which a module is tried; a norm takes no single one."""


class FunctionalNetwork(Network):
    """A stack of modules that `check_stackable` accepts; alone they are a stack of one.

    The modules get real rows only, never padding, so that their own batch statistics are right: all members have as
    many training rows. Dropout layers take masks of the member's own stream of random numbers.

    Args:
        rows: `[N, F]`, some of which show what the dropout layers get.
    """

    def __init__(self, modules: Sequence[nn.Module], device: torch.device, rows: Tensor) -> None:
        warnings.filterwarnings("ignore", "There is a performance drop because we have not yet implemented the batch")
        self._xp = arrays_of(device)
        self._template, self._masks = with_masks(modules[0])
        self._template.to(device)
        self._calls = self._recorded_calls(some_rows(rows, TRIED_ROWS[0]).to(device))
        self._constants = {
            name: torch.stack([_constants(module)[name] for module in modules]).to(device)
            for name in _constants(modules[0])
        }
        super().__init__(modules, device)
        if any(rate_of(module, call.layer) > 0 for module in modules for call in self._calls):
            self.dropout_widths = tuple(call.width for call in self._calls)

    def _recorded_calls(self, rows: Tensor) -> list[Call]:
        """The calls of dropout layers in a forward pass of training, which changes nothing that is kept."""
        tensors = [*self._template.parameters(), *self._template.buffers()]
        before = [tensor.detach().clone() for tensor in tensors]
        self._masks.record()
        with torch.no_grad():
            self._template.train()(rows)
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        return self._masks.calls

    def _bind(self) -> None:
        views = self.parameter_rows.views(self.parameters)
        self._leaves = {name: view.detach().requires_grad_() for name, view in views.items()}
        self._gradients = list(self.parameter_rows.views(self.gradients).values())
        self._statistics = self.buffer_rows.views(self.buffers)

    def _run(self, inputs: Tensor, masks: Sequence[Tensor] = ()) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits `[K, B, O]` of inputs `[K, B, F]`, and all buffers as the modules leave them.

        Args:
            masks: of each call of a dropout layer the mask and the scale; none to drop nothing.
        """
        # in-place operations under vmap need memory of their own
        others = {name: view.clone() for name, view in (self._statistics | self._constants).items()}
        names = [*self._leaves, *others]

        def call(x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
            given = tensors[len(names) :]
            self._masks.give(zip(given[::2], given[1::2], strict=True) if given else None)
            state = dict(zip(names, tensors, strict=False))
            logits = functional_call(self._template, state, (x,))
            return (logits, *(state[name] for name in others))

        # one flat list of tensors: a third of the time of a step went into nested ones
        together = torch.vmap(call, randomness="error")
        logits, *after = together(inputs, *self._leaves.values(), *others.values(), *masks)
        return logits, dict(zip(others, after, strict=True))

    def forward(self, batch: Batch) -> Array:
        inputs, width = self._xp.tensor(batch.inputs), batch.inputs.shape[1]
        self._rows = int(batch.valid[0].sum())
        self._template.train()
        with torch.enable_grad():
            self._logits, others = self._run(inputs[:, : self._rows], self.masks_of(batch))
        for name, tensor in others.items():
            (self._statistics if name in self._statistics else self._constants)[name].copy_(tensor.detach())
        return self._units_first(nn.functional.pad(self._logits.detach(), (0, 0, 0, width - self._rows)))

    def masks_of(self, batch: Batch) -> list[Tensor]:
        """Of each call of a dropout layer the masks `[K, B, …]` and the scales `[K]`; none where nothing is dropped."""
        found = []
        for call, (kept, scale) in zip(self._calls, batch.masks, strict=False):
            units_last, scales = self._xp.tensor(kept)[..., : self._rows].mT, self._xp.tensor(scale)
            mask = (units_last * scales).reshape(len(scales), self._rows, *call.shape[1:])
            found += [mask, scales[:, 0, 0]]
        return found

    def _units_first(self, logits: Tensor) -> Array:
        return self._xp.view(logits.mT.contiguous())

    def backward(self, gradient: Array) -> None:
        at_logits = self._xp.tensor(gradient)[..., : self._rows].mT
        found = torch.autograd.grad(self._logits, list(self._leaves.values()), at_logits, allow_unused=True)
        for view, own in zip(self._gradients, found, strict=True):
            if own is None:
                view.zero_()
            else:
                view.copy_(own)

    def predict(self, inputs: Array) -> Array:
        self._template.eval()
        with torch.no_grad():
            logits, _ = self._run(self._xp.tensor(inputs))
        return self._units_first(logits)

    def dropout_rates(self, modules: Sequence[nn.Module]) -> Tensor:
        calls = self._calls[: len(self.dropout_widths)]
        rates = [[rate_of(module, call.layer) for module in modules] for call in calls]
        return torch.tensor(rates, dtype=torch.float64).reshape(len(calls), len(modules))

    def write_best(self, row: int, module: nn.Module) -> None:
        super().write_best(row, module)
        for name, tensor in _constants(module).items():
            tensor.copy_(self._constants[name][row])

    def state(self, row: int) -> dict[str, Any]:
        """With buffers that are no floating-point numbers, and parameters that are not trained."""
        constants = {name: tensor[row].cpu().clone() for name, tensor in self._constants.items()}
        return super().state(row) | {"constants": constants}

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        super().restore(states)
        try:
            for name, tensor in self._constants.items():
                for row, state in enumerate(states):
                    tensor[row].copy_(state["constants"][name])
        except (KeyError, TypeError, RuntimeError) as error:
            raise TrainingError(f"a saved state does not fit {type(self._template).__name__}: {error!r}") from error

    def select(self, rows: Tensor) -> None:
        self._constants = {name: tensor[rows] for name, tensor in self._constants.items()}
        super().select(rows)


def some_rows(rows: Tensor, count: int) -> Tensor:
    """The first rows; again from the first one where there are fewer."""
    return rows[torch.arange(count) % len(rows)].clone()


def _constants(module: nn.Module) -> dict[str, Tensor]:
    """What has no row in the matrices: buffers that are no floating-point numbers, and parameters that stay."""
    frozen = {name: tensor.detach() for name, tensor in module.named_parameters() if not tensor.requires_grad}
    return frozen | {name: tensor for name, tensor in module.named_buffers() if not tensor.is_floating_point()}
