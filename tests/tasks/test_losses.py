import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight
from torch import Tensor, nn

from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, SquaredError, auto_loss

ROWS = 24
CODES = np.arange(ROWS) % 3
BITS = np.arange(ROWS) % 2
VALUES = np.linspace(-2.0, 2.0, ROWS)


OfTorch = Callable[[Tensor, NDArray[Any]], Tensor]


def binary_of_torch(smoothing: float) -> OfTorch:
    def loss(logits: Tensor, target: NDArray[Any]) -> Tensor:
        hard = torch.from_numpy(target).double()
        expected: Tensor = nn.BCEWithLogitsLoss(reduction="none")(logits[:, 0], hard * (1 - smoothing) + smoothing / 2)
        return expected

    return loss


def classes_of_torch(smoothing: float) -> OfTorch:
    return lambda logits, target: nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="none")(
        logits, torch.from_numpy(target)
    )


def values_of_torch(module: nn.Module) -> OfTorch:
    return lambda logits, target: module(logits[:, 0], torch.from_numpy(target).double())


LOSSES: dict[str, tuple[Loss, NDArray[Any], OfTorch]] = {
    "binary": (BinaryCrossEntropy("binary"), BITS, binary_of_torch(0.0)),
    "binary-smooth": (BinaryCrossEntropy("binary", label_smoothing=0.2), BITS, binary_of_torch(0.2)),
    "classes": (CrossEntropy("multiclass", 3), CODES, classes_of_torch(0.0)),
    "classes-smooth": (CrossEntropy("multiclass", 3, label_smoothing=0.2), CODES, classes_of_torch(0.2)),
    "two-classes": (CrossEntropy("binary", 2, label_smoothing=0.1), BITS, classes_of_torch(0.1)),
    "squared": (SquaredError("regression"), VALUES, values_of_torch(nn.MSELoss(reduction="none"))),
    "huber": (Huber("regression"), VALUES, values_of_torch(nn.HuberLoss(reduction="none"))),
    "huber-wide": (Huber("regression", delta=2.5), VALUES, values_of_torch(nn.HuberLoss("none", delta=2.5))),
    "huber-narrow": (Huber("regression", delta=0.1), VALUES, values_of_torch(nn.HuberLoss("none", delta=0.1))),
}


@pytest.mark.parametrize("scale", [0.5, 30.0], ids=["small", "large"])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_those_of_torch(name: str, scale: float) -> None:
    loss, target, of_torch = LOSSES[name]
    logits = scale * torch.randn(
        ROWS, loss.out_features, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    logits.requires_grad_()
    expected = of_torch(logits, target)
    expected.sum().backward()  # type: ignore[no-untyped-call]
    assert loss.encode(target).dtype == np.float32
    encoded = torch.from_numpy(loss.encode(target))
    assert encoded.shape == (ROWS, loss.out_features)
    found = logits.detach().float()
    value, gradient = loss.value(found, encoded), loss.gradient(found, encoded)
    torch.testing.assert_close(value.double(), expected.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.double(), logits.grad, rtol=1e-5, atol=1e-6)
    assert torch.equal(found, logits.detach().float()), "the logits were written to"
    # any leading dimensions
    stacked = found.view(2, 3, 4, -1)
    assert torch.equal(loss.value(stacked, encoded.view(2, 3, 4, -1)), value.view(2, 3, 4))
    assert torch.equal(loss.gradient(stacked, encoded.view(2, 3, 4, -1)).view_as(gradient), gradient)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_give_finite_numbers(name: str, sign: float) -> None:
    loss, target, _ = LOSSES[name]
    logits = torch.zeros(ROWS, loss.out_features)
    logits[:, 0] = sign * 1e4
    encoded = torch.from_numpy(loss.encode(target))
    for numbers in (loss.value(logits, encoded), loss.gradient(logits, encoded), loss.predict(logits)):
        assert numbers.isfinite().all()


@pytest.mark.parametrize(
    ("name", "logits", "expected"),
    [
        ("binary", [[0.0], [np.log(3)]], [[0.5, 0.5], [0.25, 0.75]]),
        ("classes", [[0.0, 0.0, 0.0], [np.log(2), 0.0, 0.0]], [[1 / 3, 1 / 3, 1 / 3], [0.5, 0.25, 0.25]]),
        ("two-classes", [[np.log(4), 0.0]], [[0.8, 0.2]]),
        ("squared", [[1.5], [-2.0]], [1.5, -2.0]),
        ("huber", [[1.5], [-2.0]], [1.5, -2.0]),
    ],
)
def test_what_the_logits_mean(name: str, logits: list[list[float]], expected: list[Any]) -> None:
    loss = LOSSES[name][0]
    given = torch.tensor(logits, dtype=torch.float32)
    torch.testing.assert_close(loss.predict(given), torch.tensor(expected, dtype=torch.float32))
    assert loss.predict(given.view(1, *given.shape)).shape == (1, *np.shape(expected))


@pytest.mark.parametrize("train", [slice(None), slice(0, 17)], ids=["all-rows", "some-rows"])
@pytest.mark.parametrize("codes", [BITS, np.repeat([0, 1, 2], [3, 5, 16]), np.repeat([0, 1], [20, 4])], ids=str)
def test_balanced_weights_are_those_of_scikit_learn(codes: NDArray[np.int64], train: slice) -> None:
    task: TaskName = "binary" if codes.max() == 1 else "multiclass"
    loss = CrossEntropy(task, int(codes.max()) + 1, class_weight="balanced")
    rows = np.random.default_rng(0).permutation(ROWS)[train]
    weights = loss.row_weights(codes.astype(np.float64), rows)
    assert weights.shape == (ROWS,)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights[rows], compute_sample_weight("balanced", codes[rows]), rtol=1e-6)
    assert weights[rows].mean() == pytest.approx(1.0)
    # rows of the other parts get the weight of their class
    for code in np.unique(codes):
        assert len(np.unique(weights[codes == code])) == 1


@pytest.mark.parametrize("name", LOSSES)
def test_without_class_weights_all_rows_weigh_one(name: str) -> None:
    loss, target, _ = LOSSES[name]
    assert loss.row_weights(target, np.arange(5)).tolist() == [1.0] * ROWS


def test_weights_are_finite_where_training_lacks_a_class() -> None:
    loss = CrossEntropy("multiclass", 3, class_weight="balanced")
    weights = loss.row_weights(CODES, np.flatnonzero(CODES < 2))
    assert np.isfinite(weights).all()
    assert weights[CODES < 2].tolist() == [1.0] * 16


@pytest.mark.parametrize(
    ("task", "n_classes", "cls", "out_features"),
    [
        ("binary", 2, BinaryCrossEntropy, 1),
        ("multiclass", 4, CrossEntropy, 4),
        ("regression", 0, SquaredError, 1),
    ],
)
def test_auto_goes_by_the_task(task: TaskName, n_classes: int, cls: type[Loss], out_features: int) -> None:
    loss = auto_loss(task, n_classes)
    assert type(loss) is cls
    assert loss.out_features == out_features
    if task != "regression":
        loss = auto_loss(task, n_classes, 0.1, "balanced")
        assert (loss.label_smoothing, loss.class_weight) == (0.1, "balanced")


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (
            lambda: BinaryCrossEntropy("multiclass"),
            "loss: binary_cross_entropy is for binary targets, and the task is multiclass; use loss=auto",
        ),
        (
            lambda: BinaryCrossEntropy("regression"),
            "loss: binary_cross_entropy is for binary targets, and the task is regression; use loss=auto",
        ),
        (
            lambda: CrossEntropy("regression", 0),
            "loss: cross_entropy is for binary or multiclass targets, and the task is regression; use loss=auto",
        ),
        (
            lambda: SquaredError("binary"),
            "loss: squared_error is for regression targets, and the task is binary; use loss=auto",
        ),
        (
            lambda: Huber("multiclass"),
            "loss: huber is for regression targets, and the task is multiclass; use loss=auto",
        ),
        (
            lambda: auto_loss("regression", 0, label_smoothing=0.1),
            "loss: label_smoothing and class_weight are for classes, and the task is regression",
        ),
        (
            lambda: auto_loss("regression", 0, class_weight="balanced"),
            "loss: label_smoothing and class_weight are for classes, and the task is regression",
        ),
    ],
)
def test_a_loss_for_another_task_is_refused(build: Callable[[], Loss], problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)) as caught:
        build()
    assert caught.value.problems == [problem]


def test_a_small_probability_of_the_first_class_is_not_rounded_to_zero() -> None:
    loss = BinaryCrossEntropy("binary")
    assert loss.predict(torch.tensor([[30.0], [-30.0]])).tolist() == [
        [pytest.approx(math.exp(-30), rel=1e-6), 1.0],
        [1.0, pytest.approx(math.exp(-30), rel=1e-6)],
    ]
