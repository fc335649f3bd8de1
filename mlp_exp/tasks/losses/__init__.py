"""Losses, by what they predict: classes, values, and quantiles or a normal distribution."""

from mlp_exp.tasks.losses.automatic import auto_loss
from mlp_exp.tasks.losses.base import Loss
from mlp_exp.tasks.losses.classes import BinaryCrossEntropy, CrossEntropy, Focal, Ordinal
from mlp_exp.tasks.losses.spread import Gaussian, Quantile
from mlp_exp.tasks.losses.values import Gamma, Huber, Poisson, SquaredError

__all__ = [
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Focal",
    "Gamma",
    "Gaussian",
    "Huber",
    "Loss",
    "Ordinal",
    "Poisson",
    "Quantile",
    "SquaredError",
    "auto_loss",
]
