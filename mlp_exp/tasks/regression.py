"""Regressions whose predictions are more than a value: quantiles, a distribution, or a value above 0."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlp_exp.tasks.task import Regression

if TYPE_CHECKING:
    from torch import Tensor

    from mlp_exp.data.dataset import TargetColumn
    from mlp_exp.tasks.task import ShiftAndScale


class QuantileRegression(Regression):
    def __init__(self, targets: "Sequence[TargetColumn]", levels: Sequence[float]) -> None:
        self.targets, self.levels = tuple(targets), tuple(levels)

    def row_scores(self, logits: "Tensor", targets: "Tensor", log: "ShiftAndScale | None" = None) -> "Tensor":
        middle = logits.shape[-1] // 2
        return super().row_scores(logits[..., middle : middle + 1], targets, log)


class DistributionRegression(Regression):
    def __init__(self, targets: "Sequence[TargetColumn]") -> None:
        self.targets = tuple(targets)

    def row_scores(self, logits: "Tensor", targets: "Tensor", log: "ShiftAndScale | None" = None) -> "Tensor":
        return super().row_scores(logits[..., :1], targets, log)


class PositiveRegression(Regression):
    def __init__(self, targets: "Sequence[TargetColumn]", deviance: str) -> None:
        self.targets, self.deviance = tuple(targets), deviance

    def row_scores(self, logits: "Tensor", targets: "Tensor", log: "ShiftAndScale | None" = None) -> "Tensor":
        return super().row_scores(logits.exp(), targets, log)
