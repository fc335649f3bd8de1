"""The loss of a network on a batch, and its gradient: what an optimizer asks for, once a step or more often."""

from torch import Tensor

from mlp_exp.engine.batches import Batch
from mlp_exp.engine.network import Network
from mlp_exp.tasks.losses import Loss


class Objective:
    """The weighted mean loss of K members on a batch."""

    def __init__(self, network: Network, loss: Loss) -> None:
        self._network = network
        self._loss = loss

    def gradients(self, batch: Batch) -> Tensor:
        """Fills the network's gradients and returns its logits `[K, B, O]`."""
        logits = self._network.forward(batch.inputs, batch.masks, batch.valid)
        self._network.backward(self._loss.gradient(logits, batch.targets).mul_(batch.weights))
        return logits

    def value(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss of logits, summed over the members: of a stack of one, its own."""
        return (self._loss.value(logits, batch.targets) * batch.weights.squeeze(-1)).sum()
