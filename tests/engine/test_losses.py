"""Losses on arrays are those on tensors."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mlp_exp.engine.arrays import NUMPY, TORCH, Arrays
from mlp_exp.engine.losses import array_loss
from mlp_exp.tasks.criteria import Criterion
from mlp_exp.tasks.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    Gamma,
    Gaussian,
    Huber,
    Loss,
    Ordinal,
    Poisson,
    Quantile,
    SquaredError,
)

MEMBERS, ROWS = 3, 21


class Tripled(SquaredError):  # noqa: N818 (a loss)
    """A user's own that has only a value."""

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return 3 * super().value(logits, target)


class Known(SquaredError):  # noqa: N818 (a loss)
    """A user's own that knows its gradient, which is not that of its value."""

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return super().value(logits, target)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.full_like(logits, 7.0)


LOSSES: dict[str, tuple[Loss, int]] = {
    "binary": (BinaryCrossEntropy("binary", label_smoothing=0.1), 2),
    "labels": (BinaryCrossEntropy("multilabel", n_targets=3), 2),
    "classes": (CrossEntropy("multiclass", 4, label_smoothing=0.1), 4),
    "ordinal": (Ordinal("ordinal", 4), 4),
    "focal": (Focal("multiclass", 4), 4),
    "squared": (SquaredError("regression"), 0),
    "squared-several": (SquaredError("regression", 3), 0),
    "huber": (Huber("regression", 0.4), 0),
    "huber-several": (Huber("regression", 0.4, 3), 0),
    "quantile": (Quantile("regression", [0.1, 0.5, 0.8]), 0),
    "gaussian": (Gaussian("regression", "crps"), 0),
    "poisson": (Poisson("regression"), 0),
    "gamma": (Gamma("regression"), 0),
    "gamma-several": (Gamma("regression", 3), 0),
    "tripled": (Tripled("regression"), 0),
    "criterion": (Criterion(nn.SmoothL1Loss(beta=0.3), "regression", 0), 0),
    "function": (Criterion(lambda p, t: (p - t).abs().mean(), "regression", 0, 2), 0),
}
"""Each with the number of classes."""


def drawn(loss: Loss, classes: int, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits and encoded targets `[K, B, …]`."""
    rng = np.random.default_rng(0)
    shape = (MEMBERS * ROWS, loss.n_targets) if loss.n_targets > 1 else (MEMBERS * ROWS,)
    target = rng.integers(classes, size=shape) if classes else rng.gamma(1.0, size=shape)
    encoded = torch.from_numpy(loss.encode(target)).view(MEMBERS, ROWS, -1)
    logits = torch.from_numpy(rng.standard_normal((MEMBERS, ROWS, loss.out_features)).astype(np.float32) * scale)
    return logits, encoded


def found(xp: Arrays, loss: Loss, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Values `[K, B]` and gradients `[K, B, O]` on arrays."""
    x, y = (xp.view(each.mT.contiguous()) for each in (logits, target))
    out = xp.empty_like(x, *x.shape)
    on_arrays = array_loss(xp, loss)
    on_arrays.gradient(x, y, out)
    return xp.tensor(on_arrays.values(x, y)), xp.tensor(out).mT


@pytest.mark.parametrize("xp", [NUMPY, TORCH], ids=["numpy", "torch"])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_those_of_autograd(name: str, xp: Arrays) -> None:
    loss = LOSSES[name][0]
    logits, target = drawn(*LOSSES[name])
    leaf = logits.clone().requires_grad_()
    expected = loss.value(leaf, target)
    expected.sum().backward()  # type: ignore[no-untyped-call]
    value, gradient = found(xp, loss, logits, target)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient, leaf.grad, rtol=1e-5, atol=1e-6)


def test_a_gradient_of_ones_own_is_taken() -> None:
    _, gradient = found(NUMPY, Known("regression"), *drawn(Known("regression"), 0))
    assert (gradient == 7.0).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_give_finite_numbers(name: str, sign: float) -> None:
    logits, target = drawn(*LOSSES[name])
    with np.errstate(over="ignore"):
        for numbers in found(NUMPY, LOSSES[name][0], torch.full_like(logits, sign * 1e4), target):
            assert numbers.isfinite().all()
