"""Losses of classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.losses.base import Loss, require_task
from mlp_exp.tasks.losses.class_weights import ClassWeight


def _of_two(logits: Tensor) -> Tensor:
    """The probabilities `[..., 2]` of two classes, from the logit `[..., 1]` of the second."""
    # 1 - sigmoid would round a small probability to 0
    return torch.sigmoid(torch.cat([-logits, logits], dim=-1))


class _OfSigmoids(Loss):
    """The mean binary cross-entropy of O logits, each with a label of its own."""

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.sigmoid(logits).sub_(target).div_(self.out_features)


class BinaryCrossEntropy(_OfSigmoids):
    """Cross-entropy of a sigmoid, as `torch.nn.BCEWithLogitsLoss`, on one logit.

    For T targets of two classes each (multilabel), it is the mean over them, with a logit for each.

    Raises:
        ConfigError: the task does not fit, or `class_weight` is given for several targets.
    """

    def __init__(
        self,
        task: TaskName,
        label_smoothing: float = 0.0,
        class_weight: ClassWeight = None,
        n_targets: int = 1,
        class_names: Sequence[str] = (),
    ) -> None:
        require_task("binary_cross_entropy", task, "binary", "multilabel")
        if task == "multilabel" and class_weight is not None:
            found = f"{n_targets} targets, which have classes of their own, got {class_weight}"
            raise ConfigError([f"loss.class_weight: expected null for {found}"])
        super().__init__(out_features=n_targets)
        self.n_targets = n_targets
        self.label_smoothing = label_smoothing
        self.weigh_classes(class_weight, class_names, 2)
        self._multilabel = task == "multilabel"

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        hard = target.astype(np.float64).reshape(len(target), -1)
        return (hard * (1 - self.label_smoothing) + self.label_smoothing / 2).astype(np.float32)

    def predict(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits) if self._multilabel else _of_two(logits)


class CrossEntropy(Loss):
    """Cross-entropy of a softmax, as `torch.nn.CrossEntropyLoss`, on a logit for each class.

    Raises:
        ConfigError: the task does not fit.
    """

    def __init__(
        self,
        task: TaskName,
        n_classes: int,
        label_smoothing: float = 0.0,
        class_weight: ClassWeight = None,
        class_names: Sequence[str] = (),
    ) -> None:
        require_task("cross_entropy", task, "binary", "multiclass", "ordinal")
        super().__init__(n_classes)
        self.label_smoothing = label_smoothing
        self.weigh_classes(class_weight, class_names, n_classes)

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        hard = np.eye(self.out_features)[target.astype(np.int64)]
        return (hard * (1 - self.label_smoothing) + self.label_smoothing / self.out_features).astype(np.float32)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return -(target * functional.log_softmax(logits, dim=-1)).sum(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.softmax(logits, dim=-1).sub_(target)

    def predict(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=-1)


class Focal(Loss):
    """-(1 - p)^gamma · log(p), where p is the probability of the true class (Lin et al., 2017).

    Rows that are predicted well count less than in cross-entropy, which is `gamma=0`. Two classes have one logit, more
    have one each.

    Args:
        gamma: 0 or more.

    Raises:
        ConfigError: the task does not fit.
    """

    def __init__(
        self,
        task: TaskName,
        n_classes: int,
        gamma: float = 2.0,
        class_weight: ClassWeight = None,
        class_names: Sequence[str] = (),
    ) -> None:
        require_task("focal", task, "binary", "multiclass", "ordinal")
        super().__init__(1 if n_classes == 2 else n_classes)
        self.gamma = gamma
        self.weigh_classes(class_weight, class_names, n_classes)

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        codes = target.astype(np.int64)
        one_hot = codes[:, None] if self.out_features == 1 else np.eye(self.out_features)[codes]
        return one_hot.astype(np.float32)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, target = self._of_classes(logits, target)
        log_true = (target * functional.log_softmax(logits, dim=-1)).sum(-1)
        return -self._wrong(logits, target).pow(self.gamma) * log_true

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, target = self._of_classes(logits, target)
        probabilities = torch.softmax(logits, dim=-1)
        true = (target * probabilities).sum(-1, keepdim=True)
        log_true = (target * functional.log_softmax(logits, dim=-1)).sum(-1, keepdim=True)
        wrong = self._wrong(logits, target)[..., None]
        # log(p) / (1 - p) tends to -1, and must not become 0 / 0
        ratio = torch.where(wrong > 0, log_true / wrong, -1.0)
        slope = wrong.pow(self.gamma) * (self.gamma * true * ratio - 1)
        return (slope * (target - probabilities))[..., -self.out_features :]

    def _of_classes(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """A logit for each class, and the true class as one-hot, both `[..., C]`."""
        if self.out_features > 1:
            return logits, target
        return torch.cat([torch.zeros_like(logits), logits], -1), torch.cat([1 - target, target], -1)

    def _wrong(self, logits: Tensor, target: Tensor) -> Tensor:
        """1 - p as the sum of the other classes' probabilities, which is exact where it is small."""
        return (torch.softmax(logits, dim=-1) * (1 - target)).sum(-1)

    def predict(self, logits: Tensor) -> Tensor:
        return _of_two(logits) if self.out_features == 1 else torch.softmax(logits, dim=-1)


class Ordinal(_OfSigmoids):
    """The mean binary cross-entropy of P(class > j) for each of the C - 1 thresholds j, with a logit each.

    Ordinal regression by binary classification (Li & Lin, 2006). Predicted probabilities are differences of the
    cumulative ones, which are sorted first, so that none is negative.

    Raises:
        ConfigError: the task does not fit.
    """

    def __init__(
        self,
        task: TaskName,
        n_classes: int,
        class_weight: ClassWeight = None,
        class_names: Sequence[str] = (),
    ) -> None:
        require_task("ordinal", task, "ordinal")
        super().__init__(n_classes - 1)
        self.weigh_classes(class_weight, class_names, n_classes)

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return (target[:, None] > np.arange(self.out_features)).astype(np.float32)

    def predict(self, logits: Tensor) -> Tensor:
        falling = logits.sort(dim=-1, descending=True).values
        above, below = torch.sigmoid(falling), torch.sigmoid(-falling)
        # sigmoid(a) - sigmoid(b), which would round a small difference to 0
        between = above[..., :-1] * below[..., 1:] * -torch.expm1(falling[..., 1:] - falling[..., :-1])
        return torch.cat([below[..., :1], between, above[..., -1:]], dim=-1)
