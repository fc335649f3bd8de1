"""From the logits of a network to answers in the target's own unit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlp_exp.data.statistics import Floats
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor

    from mlp_exp.tasks.losses import Loss


@dataclass(frozen=True)
class Head:
    """What stands behind a network: the loss that reads its logits, and the task that says what they mean.

    Attributes:
        scaling: of the target.
        temperature: by which the logits of classes are divided (Guo et al., 2017).
    """

    loss: "Loss"
    task: Task
    scaling: TargetScaling
    temperature: float = 1.0

    def predict(self, logits: "Tensor") -> "Tensor":
        """Logits `[..., n, O]` as answers `[..., n, A]` of the scaled target."""
        answers = self.loss.predict(logits if self.temperature == 1 else logits / self.temperature)
        return answers.unsqueeze(-1) if answers.ndim < logits.ndim else answers

    def answers(self, logits: "Tensor") -> Floats:
        """Logits `[..., n, O]` as answers `[..., n, A]`, as `Task.predictions` takes them."""
        scaled: Floats = self.predict(logits).numpy().astype(np.float64)
        return self.task.in_unit(scaled, self.scaling)
