"""What an engine needs of a network: K modules of one shape as rows of matrices."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mlp_exp.engine.arrays import Array
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.rows import Rows, copy_row, set_row


class Network(ABC):
    """K networks of one shape, trained as one.

    Padding rows of a batch get a zero gradient at the logits and must not count anywhere else.

    Attributes:
        parameters, gradients: `[K, P]`, a row a member. Optimizers overwrite gradients.
        kept_gradients: a copy of those of the latest step, after clipping; None where nobody asks for them.
        dropout_widths: units of each dropout layer, whose masks `forward` expects; empty where nothing is dropped.
        takes_ones: whether inputs have a last column of ones.
        parameter_rows, buffer_rows: how parameters and running statistics lie in their matrices.
    """

    dropout_widths: tuple[int, ...] = ()
    takes_ones = False

    def __init__(self, modules: Sequence[nn.Module], device: torch.device) -> None:
        self.parameter_rows = Rows(
            [{n: p for n, p in m.named_parameters() if p.requires_grad} for m in modules], device, self._transposed
        )
        self.buffer_rows = Rows(
            [{n: b for n, b in m.named_buffers() if b.is_floating_point()} for m in modules], device
        )
        self.gradients = torch.zeros_like(self.parameters)
        self.kept_gradients: Tensor | None = None
        self._best = (self.parameters.clone(), self.buffers.clone())
        self._before: list[tuple[Tensor, Tensor, Tensor]] = []
        self._bind()

    @property
    def parameters(self) -> Tensor:
        return self.parameter_rows.values

    @property
    def buffers(self) -> Tensor:
        """`[K, Q]`: running statistics."""
        return self.buffer_rows.values

    def _transposed(self, name: str) -> bool:
        """Whether a parameter stands transposed in its row."""
        return False

    @abstractmethod
    def _bind(self) -> None:
        """Points the layers at the matrices; called anew when the stack changes its size."""

    @abstractmethod
    def forward(self, batch: Batch) -> Array:
        """Training mode: the logits `[K, O, B]`."""

    @abstractmethod
    def backward(self, gradient: Array) -> None:
        """Fills `gradients` from the gradient at the logits `[K, O, B]` of the latest `forward`; overwrites it."""

    @abstractmethod
    def predict(self, inputs: Array) -> Array:
        """Evaluation mode: `[K, B, F]` → logits `[K, O, B]`."""

    def own_stream(self) -> AbstractContextManager[None]:
        """Inside, torch's generator of random numbers is the network's own, where it draws from that."""
        return nullcontext()

    def dropout_rates(self, modules: Sequence[nn.Module]) -> Tensor:
        """`[L, K]`: each member's rate at each of `dropout_widths`."""
        rates = [[m.p for m in module.modules() if isinstance(m, nn.Dropout)] for module in modules]
        return torch.tensor(rates, dtype=torch.float64).T[: len(self.dropout_widths)]

    def remember(self, rows: Tensor) -> None:
        """Keeps the weights of these members (indices) as their best so far."""
        self._before = [(best, rows, best[rows]) for best in self._best]
        for best, now in zip(self._best, (self.parameters, self.buffers), strict=True):
            best[rows] = now[rows]

    def settle(self) -> None:
        """What was remembered stays so."""
        self._before = []

    def forget(self) -> None:
        """Undoes `remember`, unless it has been settled."""
        for best, rows, values in self._before:
            best[rows] = values

    def write_best(self, row: int, module: nn.Module) -> None:
        """Loads a member's best weights into its plain module, on the CPU."""
        parameters, buffers = (matrix[row : row + 1].cpu() for matrix in self._best)
        tensors = self.parameter_rows.views(parameters) | self.buffer_rows.views(buffers)
        state = module.to("cpu").state_dict()
        state.update({name: tensor[0].clone() for name, tensor in tensors.items() if name in state})
        module.load_state_dict(state)

    def keep_gradients(self) -> None:
        """Copies the gradients, if they are asked for."""
        if self.kept_gradients is not None:
            self.kept_gradients.copy_(self.gradients)

    def named(self, matrix: Tensor, row: int) -> dict[str, Tensor]:
        """A member's row of a matrix laid out as `parameters`: copies on the CPU, by the names of the parameters."""
        return {name: view[0].clone() for name, view in self.parameter_rows.views(copy_row(matrix, row)[None]).items()}

    def state(self, row: int) -> dict[str, Any]:
        """A member's weights and running statistics, now and at its best: `[P]` and `[Q]`, on the CPU."""
        return {name: copy_row(matrix, row) for name, matrix in self._matrices().items()}

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Puts back what `state` gave of each member.

        Raises:
            TrainingError: a state is not that of such a member.
        """
        for name, matrix in self._matrices().items():
            for row, state in enumerate(states):
                set_row(matrix, row, state.get(name))

    def _matrices(self) -> dict[str, Tensor]:
        best_parameters, best_buffers = self._best
        return {
            "parameters": self.parameters,
            "buffers": self.buffers,
            "best_parameters": best_parameters,
            "best_buffers": best_buffers,
        }

    def select(self, rows: Tensor) -> None:
        """Shrinks the stack to these members (indices)."""
        self.parameter_rows.values = self.parameters[rows]
        self.buffer_rows.values = self.buffers[rows]
        self.gradients = self.gradients[rows]
        if self.kept_gradients is not None:
            self.kept_gradients = self.kept_gradients[rows]
        self._best = (self._best[0][rows], self._best[1][rows])
        self._bind()
