import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import (
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
)
from sklearn.utils.class_weight import compute_sample_weight
from torch import Tensor, nn
from torch.nn import functional

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import ConfigError, DataError
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
    auto_loss,
)
from mlp_exp.tasks.losses.class_weights import ClassWeight, weights_by_class
from mlp_exp.tasks.regression import DistributionRegression, PositiveRegression, QuantileRegression, Regression

ROWS = 24
CODES = np.arange(ROWS) % 3
BITS = np.arange(ROWS) % 2
VALUES = np.linspace(-2.0, 2.0, ROWS)
AMOUNTS = np.linspace(0.1, 4.0, ROWS)
COUNTS = CODES.astype(np.float64)
SEVERAL = np.stack([VALUES, VALUES[::-1] / 2, AMOUNTS], axis=1)
LABELS = np.stack([BITS, CODES == 1], axis=1).astype(np.int64)


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


def several_of_torch(module: nn.Module) -> OfTorch:
    return lambda logits, target: module(logits, torch.from_numpy(target).double()).mean(1)


def thresholds_of_torch(logits: Tensor, target: NDArray[Any]) -> Tensor:
    above = torch.from_numpy(target)[:, None] > torch.arange(2)
    loss: Tensor = nn.BCEWithLogitsLoss(reduction="none")(logits, above.double())
    return loss.mean(1)


def focal(gamma: float) -> OfTorch:
    def loss(logits: Tensor, target: NDArray[Any]) -> Tensor:
        all_logits = torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
        entropy = functional.cross_entropy(all_logits, torch.from_numpy(target), reduction="none")
        return (1 - torch.exp(-entropy)) ** gamma * entropy

    return loss


def pinball(logits: Tensor, target: NDArray[Any]) -> Tensor:
    error = torch.from_numpy(target)[:, None] - logits
    level = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    return torch.where(error > 0, level * error, (level - 1) * error).mean(1)


def normal_of_torch(logits: Tensor, target: NDArray[Any]) -> Tensor:
    variance = (2 * logits[:, 1]).exp()
    return functional.gaussian_nll_loss(logits[:, 0], torch.from_numpy(target), variance, full=True, reduction="none")


def crps(logits: Tensor, target: NDArray[Any]) -> Tensor:
    """Of a normal distribution as in Gneiting & Raftery (2007), equation 21 of page 367."""
    deviation = logits[:, 1].exp()
    z = (torch.from_numpy(target) - logits[:, 0]) / deviation
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    found: Tensor = deviation * (z * (2 * torch.special.ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    return found


def gamma_of_torch(logits: Tensor, target: NDArray[Any]) -> Tensor:
    return logits[:, 0] + torch.from_numpy(target) / logits[:, 0].exp()


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
    "squared-several": (SquaredError("regression", 3), SEVERAL, several_of_torch(nn.MSELoss(reduction="none"))),
    "huber-several": (Huber("regression", 0.5, 3), SEVERAL, several_of_torch(nn.HuberLoss("none", delta=0.5))),
    "labels": (
        BinaryCrossEntropy("multilabel", n_targets=2),
        LABELS,
        several_of_torch(nn.BCEWithLogitsLoss(None, reduction="none")),
    ),
    "ordinal": (Ordinal("ordinal", 3), CODES, thresholds_of_torch),
    "focal-binary": (Focal("binary", 2), BITS, focal(2.0)),
    "focal-0": (Focal("multiclass", 3, gamma=0.0), CODES, classes_of_torch(0.0)),
    "quantile": (Quantile("regression", [0.8, 0.1, 0.5]), VALUES, pinball),
}
BOUNDED: dict[str, tuple[Loss, NDArray[Any], OfTorch]] = {
    "focal": (Focal("multiclass", 3, gamma=0.5), CODES, focal(0.5)),
    "gaussian": (Gaussian("regression"), VALUES, normal_of_torch),
    "crps": (Gaussian("regression", "crps"), VALUES, crps),
    "poisson": (Poisson("regression"), COUNTS, values_of_torch(nn.PoissonNLLLoss(reduction="none"))),
    "gamma": (Gamma("regression"), AMOUNTS, gamma_of_torch),
}
"""Those whose plain formula is not accurate for large logits."""
ALL = {**LOSSES, **BOUNDED}
ONE_COLUMN = (Quantile, Gaussian)
"""Encodings that are narrower than the logits."""


def drawn(loss: Loss, scale: float) -> Tensor:
    """Logits `[N, O]` in float64."""
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(ROWS, loss.out_features, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in ALL for scale in (0.5, 2.0 if name in BOUNDED else 30.0)]
)
def test_value_and_gradient_are_those_of_torch(name: str, scale: float) -> None:
    loss, target, of_torch = ALL[name]
    logits = drawn(loss, scale).requires_grad_()
    expected = of_torch(logits, target)
    expected.sum().backward()  # type: ignore[no-untyped-call]
    assert loss.encode(target).dtype == np.float32
    encoded = torch.from_numpy(loss.encode(target))
    assert encoded.shape == (ROWS, 1 if isinstance(loss, ONE_COLUMN) else loss.out_features)
    found = logits.detach().float()
    value, gradient = loss.value(found, encoded), loss.gradient(found, encoded)
    torch.testing.assert_close(value.double(), expected.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.double(), logits.grad, rtol=1e-5, atol=1e-6)
    assert torch.equal(found, logits.detach().float()), "the logits were written to"
    # any leading dimensions
    stacked, targets = found.view(2, 3, 4, -1), encoded.view(2, 3, 4, -1)
    assert torch.equal(loss.value(stacked, targets), value.view(2, 3, 4))
    assert torch.equal(loss.gradient(stacked, targets).view_as(gradient), gradient)


@pytest.mark.parametrize("name", ALL)
def test_the_gradient_is_that_of_autograd_in_float64(name: str) -> None:
    loss, target, _ = ALL[name]
    logits, encoded = drawn(loss, 3.0).requires_grad_(), torch.from_numpy(loss.encode(target)).double()
    if isinstance(loss, CrossEntropy):
        encoded = encoded / encoded.sum(-1, keepdim=True)  # smooth labels were rounded to float32
    (expected,) = torch.autograd.grad(loss.value(logits, encoded).sum(), logits)
    torch.testing.assert_close(loss.gradient(logits.detach(), encoded), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_extreme_logits_give_finite_numbers(name: str) -> None:
    loss, target, _ = ALL[name]
    encoded = torch.from_numpy(loss.encode(target))
    for where, extreme in itertools.product((0, -1), (1e4, -1e4)):
        logits = torch.zeros(ROWS, loss.out_features)
        logits[:, where] = extreme
        for numbers in (loss.value(logits, encoded), loss.gradient(logits, encoded), loss.predict(logits)):
            assert numbers.isfinite().all(), (where, extreme)


@pytest.mark.parametrize(
    ("name", "logits", "expected"),
    [
        ("binary", [[0.0], [np.log(3)]], [[0.5, 0.5], [0.25, 0.75]]),
        ("classes", [[0.0, 0.0, 0.0], [np.log(2), 0.0, 0.0]], [[1 / 3, 1 / 3, 1 / 3], [0.5, 0.25, 0.25]]),
        ("two-classes", [[np.log(4), 0.0]], [[0.8, 0.2]]),
        ("squared", [[1.5], [-2.0]], [1.5, -2.0]),
        ("huber", [[1.5], [-2.0]], [1.5, -2.0]),
        ("squared-several", [[1.5, -2.0, 0.0]], [[1.5, -2.0, 0.0]]),
        ("labels", [[0.0, np.log(3)]], [[0.5, 0.75]]),
        ("ordinal", [[np.log(3), 0.0], [-np.log(3), np.log(3)]], [[0.25, 0.25, 0.5], [0.25, 0.5, 0.25]]),
        ("focal-binary", [[0.0], [np.log(3)]], [[0.5, 0.5], [0.25, 0.75]]),
        ("focal", [[np.log(2), 0.0, 0.0]], [[0.5, 0.25, 0.25]]),
        ("quantile", [[0.0, 3.0, -1.0]], [[-1.0, 0.0, 3.0]]),
        ("gaussian", [[0.5, np.log(2)], [0.0, 99.0]], [[0.5, 2.0], [0.0, np.exp(10)]]),
        ("poisson", [[np.log(2)], [99.0]], [2.0, np.exp(20)]),
        ("gamma", [[np.log(2)], [-99.0]], [2.0, np.exp(-20)]),
    ],
)
def test_what_the_logits_mean(name: str, logits: list[list[float]], expected: list[Any]) -> None:
    loss = ALL[name][0]
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


@pytest.mark.parametrize("class_weight", ["balanced", {"0": 1, "1": 4}], ids=str)
def test_of_rows_with_weights_classes_weigh_as_of_repeated_rows(class_weight: ClassWeight) -> None:
    loss = CrossEntropy("multiclass", 3, class_weight=class_weight)
    counts, train = np.arange(ROWS) % 4, np.arange(17)
    weights = loss.row_weights(CODES, train, counts.astype(np.float64))
    repeated = np.repeat(CODES[train], counts[train])
    expected = loss.row_weights(repeated, np.arange(len(repeated)))
    np.testing.assert_allclose(np.repeat(weights[train], counts[train]), expected, rtol=1e-6)
    halved = loss.row_weights(CODES, train, counts / 100)
    np.testing.assert_allclose(halved, weights, rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_without_class_weights_all_rows_weigh_one(name: str) -> None:
    loss, target, _ = ALL[name]
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
        ("ordinal", 4, Ordinal, 3),
        ("regression", 0, SquaredError, 1),
    ],
)
def test_auto_goes_by_the_task(task: TaskName, n_classes: int, cls: type[Loss], out_features: int) -> None:
    loss = auto_loss(task, n_classes)
    assert type(loss) is cls
    assert loss.out_features == out_features
    if task != "regression":
        smoothing = 0.0 if task == "ordinal" else 0.1
        loss = auto_loss(task, n_classes, smoothing, "balanced")
        assert (loss.label_smoothing, loss.class_weight) == (smoothing, "balanced")


def test_auto_predicts_several_targets_at_once() -> None:
    labels, values = auto_loss("multilabel", 0, 0.1, n_targets=3), auto_loss("regression", 0, n_targets=3)
    assert (type(labels), labels.out_features, labels.label_smoothing) == (BinaryCrossEntropy, 3, 0.1)
    assert (type(values), values.out_features) == (SquaredError, 3)


VALUE_OPTIONS = "auto, squared_error, huber, quantile, gaussian, poisson or gamma"
REFUSED: list[tuple[Callable[[], Loss], str]] = [
    (
        lambda: BinaryCrossEntropy("multiclass"),
        "loss: binary_cross_entropy is for binary or multilabel targets, and the task is multiclass; use loss=auto, "
        "cross_entropy or focal",
    ),
    (
        lambda: CrossEntropy("regression", 0),
        "loss: cross_entropy is for binary, multiclass or ordinal targets, and the task is regression; "
        f"use loss={VALUE_OPTIONS}",
    ),
    (
        lambda: CrossEntropy("multilabel", 0),
        "loss: cross_entropy is for binary, multiclass or ordinal targets, and the task is multilabel; use loss=auto "
        "or binary_cross_entropy",
    ),
    (
        lambda: Focal("multilabel", 0),
        "loss: focal is for binary, multiclass or ordinal targets, and the task is multilabel; use loss=auto or "
        "binary_cross_entropy",
    ),
    (
        lambda: Ordinal("binary", 2),
        "loss: ordinal is for ordinal targets, and the task is binary; use loss=auto, binary_cross_entropy, "
        "cross_entropy or focal, or of a table say data.task=ordinal",
    ),
    *(
        (
            lambda cls=cls: cls("ordinal"),
            f"loss: {option} is for regression targets, and the task is ordinal; use loss=auto, ordinal, "
            "cross_entropy or focal, or of a table say data.task=regression",
        )
        for option, cls in {
            "squared_error": SquaredError,
            "huber": Huber,
            "quantile": Quantile,
            "gaussian": Gaussian,
            "poisson": Poisson,
            "gamma": Gamma,
        }.items()
    ),
    (
        lambda: auto_loss("regression", 0, label_smoothing=0.1),
        "loss: label_smoothing and class_weight are for classes, and the task is regression",
    ),
    (
        lambda: auto_loss("regression", 0, class_weight={"yes": 2}),
        "loss: label_smoothing and class_weight are for classes, and the task is regression",
    ),
    (
        lambda: auto_loss("multilabel", 0, class_weight="balanced", n_targets=3),
        "loss.class_weight: expected null for 3 targets, which have classes of their own, got balanced",
    ),
    *(
        (
            lambda cls=cls: cls("regression", n_targets=3),
            f"loss: {option} is for one target, and there are 3; use loss=auto, squared_error or huber",
        )
        for option, cls in {"quantile": Quantile, "gaussian": Gaussian}.items()
    ),
    *(
        (
            lambda levels=levels: Quantile("regression", levels),
            "loss.quantiles: expected a list of different numbers between 0 and 1, such as [0.1,0.9], got " + got,
        )
        for levels, got in [
            ([], "[]"),
            ([0.5, 0.5], "[0.5, 0.5]"),
            ([0.0, 0.5], "[0.0, 0.5]"),
            ([0.5, 1.0], "[0.5, 1.0]"),
        ]
    ),
    (
        lambda: Gaussian("regression", "mae"),  # type: ignore[arg-type]
        "loss.score: expected nll or crps, got 'mae'",
    ),
]


@pytest.mark.parametrize(("build", "problem"), REFUSED, ids=[problem for _, problem in REFUSED])
def test_what_does_not_fit_is_refused(build: Callable[[], Loss], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build()
    assert caught.value.problems == [problem]


def test_a_small_probability_of_the_first_class_is_not_rounded_to_zero() -> None:
    loss = BinaryCrossEntropy("binary")
    assert loss.predict(torch.tensor([[30.0], [-30.0]])).tolist() == [
        [pytest.approx(math.exp(-30), rel=1e-6), 1.0],
        [1.0, pytest.approx(math.exp(-30), rel=1e-6)],
    ]


def test_small_probabilities_of_ordered_classes_are_not_rounded_to_zero() -> None:
    loss = Ordinal("ordinal", 4)
    logits = torch.tensor([[40.0, 39.0, -30.0], [-50.0, -50.0, -60.0], [5.0, 5.0 - 1e-6, -5.0]])
    exact = torch.sigmoid(logits.double())
    found = loss.predict(logits)
    torch.testing.assert_close(found.double(), loss.predict(logits.double()), rtol=1e-5, atol=0.0)
    assert found[0, 1].item() == pytest.approx(math.exp(-39) - math.exp(-40), rel=1e-5)
    assert found[0, 3].item() == pytest.approx(math.exp(-30), rel=1e-5)
    assert found[1].tolist() == [1.0, 0.0, pytest.approx(math.exp(-50), rel=1e-4), pytest.approx(math.exp(-60))]
    torch.testing.assert_close(found[:, 0].double(), 1 - exact[:, 0], rtol=1e-5, atol=1e-15)


def test_probabilities_of_ordered_classes_are_a_distribution_whatever_the_logits() -> None:
    logits = 20 * torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    found = Ordinal("ordinal", 7).predict(logits)
    assert found.shape == (500, 7)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(500))
    shuffled = logits[:, torch.tensor([3, 0, 5, 1, 4, 2])]
    assert torch.equal(found, Ordinal("ordinal", 7).predict(shuffled))


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_the_loss_of_a_quantile_is_that_of_scikit_learn(level: float) -> None:
    loss = Quantile("regression", [level])
    logits = drawn(loss, 1.0)
    value = loss.value(logits, torch.from_numpy(VALUES)[:, None]).mean().item()
    assert value == pytest.approx(mean_pinball_loss(VALUES, logits[:, 0].numpy(), alpha=level), rel=1e-12)


@pytest.mark.parametrize("of", [Poisson, Gamma])
def test_twice_the_loss_above_that_of_a_perfect_prediction_is_the_deviance(of: type[Poisson | Gamma]) -> None:
    loss, target = of("regression"), torch.from_numpy(AMOUNTS)[:, None]
    logits = drawn(loss, 1.0)
    found = 2 * (loss.value(logits, target) - loss.value(target.log(), target)).mean().item()
    deviance = {Poisson: mean_poisson_deviance, Gamma: mean_gamma_deviance}[of]
    assert found == pytest.approx(deviance(AMOUNTS, loss.predict(logits).numpy()), rel=1e-9)


@pytest.mark.parametrize(("mean", "deviation", "target"), [(0.0, 1.0, 0.3), (2.0, 0.5, -1.0), (-1.0, 3.0, 4.0)])
def test_crps_is_the_integral_of_squared_differences_of_distributions(
    mean: float, deviation: float, target: float
) -> None:
    x = np.linspace(-40.0, 40.0, 800_001)
    integral = np.trapezoid((norm.cdf(x, mean, deviation) - (x >= target)) ** 2, x)
    logits = torch.tensor([mean, math.log(deviation)], dtype=torch.float64)
    found = Gaussian("regression", "crps").value(logits, torch.tensor([target], dtype=torch.float64))
    assert found.item() == pytest.approx(integral, abs=1e-4)


def test_a_standard_deviation_that_left_its_range_is_led_back() -> None:
    for score in ("nll", "crps"):
        loss = Gaussian("regression", score)
        gradient = loss.gradient(torch.tensor([[0.0, -15.0], [0.0, 15.0]]), torch.tensor([[1.0], [1.0]]))
        assert gradient[0, 1] < 0 < gradient[1, 1]


# ---- weights of classes


@pytest.mark.parametrize(
    ("given", "names", "weights"),
    [
        ({"yes": 5, "no": 1}, ["no", "yes"], [1.0, 5.0]),
        ({True: 5, False: 2}, ["no", "yes"], [2.0, 5.0]),  # YAML's yes and no
        ({True: 5}, ["False", "True"], [1.0, 5.0]),
        ({1: 5, 0: 0.5}, ["0", "1"], [0.5, 5.0]),
        ({1: 5}, ["0.0", "1.0"], [1.0, 5.0]),
        ({1.5: 5}, ["0.5", "1.5", "2.5"], [1.0, 5.0, 1.0]),
        ({"1": 5}, ["0", "1"], [1.0, 5.0]),
    ],
)
def test_classes_are_weighted_by_name(given: Mapping[Any, float], names: list[str], weights: list[float]) -> None:
    assert weights_by_class(given, names) == weights


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ({"maybe": 5, "yes": 2}, "maybe: 5"),
        ({True: 0, "no": -1}, "True: 0, no: -1"),
        ({1: 2, "yes": math.nan}, "1: 2, yes: nan"),
    ],
)
def test_weights_of_no_class_or_not_above_zero_are_one_message(given: Mapping[Any, float], got: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BinaryCrossEntropy("binary", class_weight=given, class_names=["no", "yes"])
    assert caught.value.problems == [
        f"loss.class_weight: expected weights above 0 for classes among no, yes; got {got}"
    ]


def test_of_many_classes_the_message_names_the_first() -> None:
    with pytest.raises(ConfigError) as caught:
        CrossEntropy("multiclass", 30, class_weight={"x": 1})
    assert str(caught.value).endswith(f"among {', '.join(map(str, range(20)))}, …; got x: 1")


def test_balance_is_asked_for_by_its_name() -> None:
    with pytest.raises(ConfigError) as caught:
        Focal("binary", 2, class_weight="balance")
    assert caught.value.problems == ["loss.class_weight: expected balanced, null or a mapping, got 'balance'"]


@pytest.mark.parametrize("build", [CrossEntropy, Focal, Ordinal, auto_loss])
def test_given_weights_have_mean_one_over_the_training_rows(build: Callable[..., Loss]) -> None:
    loss = build("ordinal", 3, class_weight={"low": 1, "high": 4}, class_names=("low", "middle", "high"))
    train = np.arange(17)
    weights = loss.row_weights(CODES, train)
    assert weights.dtype == np.float32
    assert weights[train].mean() == pytest.approx(1.0)
    np.testing.assert_allclose(weights / weights[0], np.array([1.0, 1.0, 4.0])[CODES], rtol=1e-6)


# ---- how values are scaled


@pytest.mark.parametrize("of", [Poisson, Gamma])
def test_with_a_log_link_the_unit_is_the_mean(of: type[Poisson | Gamma]) -> None:
    loss, several = of("regression"), of("regression", 2)
    assert loss.scaling(AMOUNTS, TargetScaling(3.0, 2.0)) == TargetScaling(0.0, 3.0)
    table = np.stack([AMOUNTS, 3 * AMOUNTS], axis=1)
    found = several.scaling(table, TargetScaling.fit(table))
    np.testing.assert_array_equal(found.shift, [0.0, 0.0])
    np.testing.assert_allclose(found.scale, table.mean(axis=0))
    assert several.predict(torch.zeros(4, 2)).tolist() == [[1.0, 1.0]] * 4


def test_counts_that_are_all_zero_keep_their_unit() -> None:
    zeros = np.zeros(4)
    assert Poisson("regression").scaling(zeros, TargetScaling.fit(zeros)) == TargetScaling()


@pytest.mark.parametrize("name", LOSSES)
def test_other_losses_leave_the_scale_as_it_is(name: str) -> None:
    standard = TargetScaling(3.0, 2.0)
    assert LOSSES[name][0].scaling(VALUES, standard) is standard


@pytest.mark.parametrize(
    ("of", "target", "problem"),
    [
        (Poisson, [1.0, -3.5], "loss: poisson is for targets of 0 or more, got -3.5; use loss=squared_error or huber"),
        (Gamma, [1.0, -3.5], "loss: gamma is for targets above 0, got -3.5; use loss=squared_error or huber"),
        (Gamma, [1.0, 0.0], "loss: gamma is for targets above 0, got 0; use loss=poisson, squared_error or huber"),
    ],
)
def test_values_out_of_range_are_refused(of: type[Poisson | Gamma], target: list[float], problem: str) -> None:
    with pytest.raises(DataError) as caught:
        of("regression").scaling(np.array(target), TargetScaling())
    assert str(caught.value) == problem


def test_a_log_link_does_not_take_a_logarithm() -> None:
    with pytest.raises(ConfigError) as caught:
        Poisson("regression").scaling(COUNTS, TargetScaling(log=True))
    assert caught.value.problems == ["preprocess.log_target: expected false, since loss=poisson predicts a logarithm"]


# ---- tasks


@pytest.mark.parametrize(
    ("loss", "task"),
    [
        (Quantile("regression"), QuantileRegression),
        (Gaussian("regression"), DistributionRegression),
        (Poisson("regression"), PositiveRegression),
        (Gamma("regression"), PositiveRegression),
        (SquaredError("regression"), Regression),
    ],
)
def test_a_loss_says_what_is_predicted(loss: Loss, task: type[Regression]) -> None:
    assert type(loss.task("regression", [])) is task
