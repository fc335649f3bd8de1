"""The loss of a network on a batch, and its gradient: what an optimizer asks for, once a step or more often."""

from mlp_exp.engine.arrays import Array, Arrays
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.losses import ArrayLoss
from mlp_exp.engine.network import Network


class Objective:
    """The weighted mean loss of K members on a batch."""

    def __init__(self, xp: Arrays, network: Network, loss: ArrayLoss) -> None:
        self._xp = xp
        self._network = network
        self._loss = loss
        self._gradient: Array = None

    def gradients(self, batch: Batch) -> Array:
        """Fills the network's gradients and returns its logits `[K, O, B]`."""
        logits = self._network.forward(batch)
        if self._gradient is None or self._gradient.shape != logits.shape:
            self._gradient = self._xp.empty_like(logits, *logits.shape)
        self._loss.gradient(logits, batch.targets, self._gradient)
        self._network.backward(self._xp.multiply(self._gradient, batch.weights, out=self._gradient))
        return logits

    def value(self, logits: Array, batch: Batch) -> float:
        """The loss of logits, summed over the members: of a stack of one, its own."""
        return float((self._loss.values(logits, batch.targets) * batch.weights[:, 0]).sum())
