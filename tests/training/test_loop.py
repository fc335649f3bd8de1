"""The training of members: alone or in company, early stopping, the best epoch, records."""

import copy
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.members import (
    CPU,
    Embeddings,
    assert_fails_alone,
    histories,
    make_member,
    predict,
    same_weights,
    timeless,
    val_metric,
)
from support.tasks import task_for
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR, ExponentialLR, LambdaLR

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.sources import circle
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.engine import batches
from mlp_exp.engine.batches import MemberData
from mlp_exp.engine.rules import RULES
from mlp_exp.engine.streams import Streams
from mlp_exp.engine.threads import set_threads
from mlp_exp.errors import TrainingError
from mlp_exp.model.activations import ACTIVATIONS
from mlp_exp.model.mlp import MLP
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.losses import BinaryCrossEntropy, Huber
from mlp_exp.training.early_stopping import NoEarlyStopping, Patience
from mlp_exp.training.loop import Trainee, train
from mlp_exp.training.records import EpochRecord
from mlp_exp.training.schedulers import LearningRate
from mlp_exp.training.validation import Validation

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- a member's numbers do not depend on its company ----


IMPATIENT = functools.partial(Patience, patience=1, min_delta=100.0)
EXPLODES = functools.partial(LambdaLR, lr_lambda=lambda epoch: 1.0 if epoch < 2 else math.inf)
VARIANTS: list[dict[str, Any]] = [
    {"seed": 1, "lr": 1e-2},
    {"seed": 2, "lr": 3e-2, "dropout": 0.3, "decay": 1e-2, "epochs": 6},
    {"seed": 3, "lr": 1e-3, "dropout": 0.5, "epochs": 2},
    {"seed": 4, "lr": 2e-2, "early_stopping": IMPATIENT, "epochs": 8},
    {"seed": 5, "lr": 1e-2, "scheduler": EXPLODES, "epochs": 5},
    {"seed": 6, "lr": 2e-2, "data_seed": 9, "clip_grad_norm": 0.1, "epochs": 5},
    {"seed": 1, "lr": 2e-2, "decay": 0.1, "scheduler": functools.partial(ExponentialLR, gamma=0.5)},
]
ENDS = [
    ("finished", 4),
    ("finished", 6),
    ("finished", 2),
    ("stopped_early", 2),
    ("diverged", 3),
    ("finished", 5),
    ("finished", 4),
]
"""How each variant ends, and in which epoch."""
COMPANIES = [[1, 4], [2, 0, 3], [6, 5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5, 6], [3, 1, 6, 0, 5, 4, 2]]
CROWDS = [[index % 7 for index in range(32)], [index % 7 for index in range(128)]]
SGD: dict[str, Any] = {"optimizer": torch.optim.SGD, "options": {"momentum": 0.9, "nesterov": True}}
RMSPROP: dict[str, Any] = {"optimizer": torch.optim.RMSprop, "options": {"centered": True, "momentum": 0.5}}
CASES: dict[str, dict[str, Any]] = {
    "binary-adam": {"task": "binary", "model": {"activation": "relu"}},
    "multiclass-sgd-batch": {"task": "multiclass", "model": {"activation": "tanh", "norm": "batch"}, **SGD},
    "regression-rmsprop-layer": {"task": "regression", "model": {"activation": "gelu", "norm": "layer"}, **RMSPROP},
    "linear": {"task": "binary", "model": {"hidden_sizes": ()}, "optimizer": torch.optim.Adagrad},
    "one-feature": {"task": "regression", "features": 1, "model": {"hidden_sizes": (1,), "activation": "silu"}},
    "narrow-and-wide": {"task": "binary", "features": 1, "model": {"hidden_sizes": (65, 1, 64), "activation": "elu"}},
    "residual": {
        "task": "multiclass",
        "model": {"hidden_sizes": (7, 7, 7), "residual": True, "norm": "batch", "activation": "mish"},
        "optimizer": torch.optim.NAdam,
        "options": {"decoupled_weight_decay": True},
    },
    "wide": {
        "task": "multiclass",
        "features": 33,
        "train_rows": 150,
        "val_rows": 41,
        "model": {"hidden_sizes": (100, 64), "activation": "selu"},
        "optimizer": torch.optim.AdamW,
        "options": {"amsgrad": True},
        "batch_size": 64,
    },
    "full-batch": {"task": "regression", "model": {"activation": "softplus"}, **SGD, "batch_size": None, "log": True},
    "batches-of-one": {"task": "binary", "model": {"norm": "batch", "activation": "sigmoid"}, "batch_size": 1},
    "no-validation": {"task": "binary", "val_rows": 0, "model": {"activation": "leaky_relu"}, **RMSPROP},
    "embeddings": {
        "task": "multiclass",
        "model": {"activation": "gelu", "norm": "batch"},
        "embeddings": Embeddings(),
        "optimizer": torch.optim.AdamW,
    },
    "embeddings-alone": {
        "task": "regression",
        "features": 3,
        "model": {"hidden_sizes": ()},
        "embeddings": Embeddings(columns=3, rows=50, width=1, never_trained=()),
    },
}


def variant(case: str, index: int) -> Trainee:
    """A fresh member of a case."""
    how = {**CASES[case], **VARIANTS[index]}
    how.pop("batch_size", None)
    how["target"] = TargetScaling(0.1 * index, 1 + index / 4, how.pop("log", False))
    how["options"] = {**how.get("options", {}), "weight_decay": how.pop("decay", 0.0)}
    return make_member(**how)


@functools.cache
def alone(case: str, index: int) -> tuple[Trainee, list[EpochRecord]]:
    """What a member comes to without company."""
    member = variant(case, index)
    (records,) = histories([member], CASES[case].get("batch_size", 10))
    return member, records


@pytest.mark.parametrize(("number", "case"), [*enumerate(CASES)], ids=CASES)
def test_company_changes_no_bit(number: int, case: str) -> None:
    """Each case in two companies, of which each has several cases, and in a crowd."""
    chosen = [*(COMPANIES[(number + more) % len(COMPANIES)] for more in (0, 2)), CROWDS[number % 2]]
    for company in chosen:
        members = [variant(case, index) for index in company]
        found = histories(members, CASES[case].get("batch_size", 10))
        for index, member, records in zip(company, members, found, strict=True):
            expected_member, expected_records = alone(case, index)
            assert timeless(records) == timeless(expected_records), company
            assert same_weights(member.module, expected_member.module), company
            assert member.early_stopping.best_epoch == expected_member.early_stopping.best_epoch, company


PARTS: list[dict[str, Any]] = [
    *({"optimizer": cls} for cls in RULES),
    *({"model": {"activation": name}} for name in ACTIVATIONS),
    *({"model": {"norm": norm, "hidden_sizes": (16, 5)}} for norm in (None, "layer", "batch")),
    *({"task": task, "model": {"hidden_sizes": (13, 16)}} for task in ("binary", "multiclass", "regression")),
]


@pytest.mark.parametrize("how", PARTS, ids=str)
def test_each_part_gives_a_member_the_same_bits_in_company(how: Mapping[str, Any]) -> None:
    def members() -> list[Trainee]:
        return [
            make_member(seed=seed, lr=lr, dropout=0.2, epochs=3, **how)
            for seed, lr in ((1, 1e-2), (2, 3e-2), (3, 1e-3))
        ]

    together = members()
    for member, alone_, records in zip(together, members(), histories(together), strict=True):
        (expected,) = histories([alone_])
        assert timeless(records) == timeless(expected)
        assert same_weights(member.module, alone_.module)


@pytest.mark.parametrize("case", CASES)
def test_each_member_ends_in_its_own_way(case: str) -> None:
    for index, (status, epoch) in enumerate(ENDS):
        _, records = alone(case, index)
        assert [record.epoch for record in records] == list(range(1, epoch + 1))
        assert [record.status for record in records] == [None] * (epoch - 1) + [status]


def test_a_member_that_never_had_a_finite_epoch_keeps_its_first_weights() -> None:
    member = make_member(lr=math.inf)
    before = copy.deepcopy(member.module)
    (records,) = histories([member])
    assert [record.status for record in records] == ["diverged"]
    assert member.early_stopping.best_epoch == 0
    assert math.isnan(member.early_stopping.best_value)
    assert same_weights(member.module, before)


def test_records_come_epoch_by_epoch_and_name_their_member() -> None:
    members = [variant("binary-adam", index) for index in range(7)]
    epochs = list(train(members, 10, CPU))
    for number, records in enumerate(epochs, 1):
        assert {record.epoch for record in records} == {number}
        assert [record.member for record in records] == [i for i, (_, last) in enumerate(ENDS) if last >= number]
    seconds = [records[0].seconds for records in epochs]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


# ---- what a record says ----


def as_it_is(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 3.0 * values + 0.7


@pytest.mark.parametrize(
    ("task", "unit"),
    [
        ("binary", None),
        ("multiclass", None),
        ("regression", as_it_is),
        ("regression", lambda values: np.exp(as_it_is(values)) - 1),
    ],
    ids=["binary", "multiclass", "regression", "log-target"],
)
def test_the_last_record_is_what_the_weights_give(task: TaskName, unit: Callable[[Any], Any] | None) -> None:
    """With one epoch of one step, both losses can be computed from the first and the last weights."""
    weights = torch.linspace(0.5, 1.5, 48)
    target = TargetScaling(0.7, 3.0, log=unit not in (None, as_it_is))
    member = make_member(task, epochs=1, weights=weights, target=target)
    first = copy.deepcopy(member.module)
    ((record,),) = histories([member], None)
    inputs, targets, rows = member.data.inputs, member.data.targets, member.data.train
    with torch.no_grad():
        losses = member.loss.value(first(inputs[rows]), targets[rows])
        assert record.train_loss == pytest.approx(float((losses * weights[rows]).mean()), rel=1e-5)
        rows = member.data.val
        logits = member.module.eval()(inputs[rows])
        losses = member.loss.value(logits, targets[rows])
        weighted = float((losses * weights[rows]).sum() / weights[rows].sum())
        assert record.val_loss == pytest.approx(weighted, rel=1e-5)
        if task == "regression":
            assert unit is not None
            error = unit(logits.double().numpy()) - unit(targets[rows].double().numpy())
            metric = math.sqrt((error**2).mean())
        elif task == "binary":
            metric = float(((logits > 0).float() == targets[rows]).float().mean())
        else:
            metric = float((logits.argmax(1) == targets[rows].argmax(1)).float().mean())
        assert val_metric(record) == pytest.approx(metric, rel=1e-5)
    assert record.lr == 1e-2


def test_without_a_validation_part_there_are_no_validation_numbers() -> None:
    member = make_member(val_rows=0)
    (records,) = histories([member])
    assert {(record.val_loss, val_metric(record)) for record in records} == {(None, None)}
    best = min(records, key=lambda record: record.train_loss)
    assert (member.early_stopping.best_epoch, member.early_stopping.best_value) == (best.epoch, best.train_loss)


def test_a_validation_part_of_many_chunks_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = histories([make_member(val_rows=200)])
    monkeypatch.setattr("mlp_exp.training.loop.EVALUATION_ROWS", 32)
    (chunked,) = histories([make_member(val_rows=200)])
    for first, second in zip(whole, chunked, strict=True):
        assert second.train_loss == first.train_loss
        assert second.metrics == first.metrics
        assert second.val_loss == pytest.approx(first.val_loss, rel=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_predictions_of_a_trained_member(task: TaskName, monkeypatch: pytest.MonkeyPatch) -> None:
    member = make_member(task)
    histories([member])
    rows = np.array([3, 1, 40, 7, 3])
    with torch.no_grad():
        logits = member.module(member.data.inputs[rows])
    expected: Tensor = {
        "binary": torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], dim=1),
        "multiclass": torch.softmax(logits, dim=1),
        "regression": logits,
    }[task]
    torch.testing.assert_close(predict(member, rows), expected)
    monkeypatch.setattr("mlp_exp.training.loop.EVALUATION_ROWS", 2)
    torch.testing.assert_close(predict(member, rows), expected)


# ---- early stopping and the best epoch ----


@pytest.mark.parametrize(
    ("stopping", "values", "best_epoch", "stops_after"),
    [
        (NoEarlyStopping(), [3, 2, 2, 1, 5, 5, 5, 5], 4, None),
        (NoEarlyStopping(), [1, 1, 1], 1, None),
        (NoEarlyStopping(monitor="val_accuracy"), [0.1, 0.5, 0.5, 0.4], 2, None),
        (NoEarlyStopping(monitor="val_accuracy", mode="min"), [0.3, 0.1, 0.5], 2, None),
        (NoEarlyStopping(monitor="val_rmse"), [3, 2, 4], 2, None),
        (NoEarlyStopping(mode="max"), [3, 4, 2], 2, None),
        (Patience(1), [3, 2, 2], 2, 3),
        (Patience(2), [3, 4, 2, 3, 2], 3, 5),
        (Patience(2), [3, 4, 2.9, 4, 2.8, 4, 4], 5, 7),
        (Patience(2, min_delta=0.5), [3, 2.6, 2.5], 1, 3),
        (Patience(2, min_delta=0.5), [3, 2.6, 2.4, 2.3, 1.8, 1.5, 1.4], 5, 7),
        (Patience(2, min_delta=0.1, monitor="val_accuracy"), [0.5, 0.55, 0.75, 0.8, 0.8], 3, 5),
        (Patience(3, mode="max"), [1, 0, 0, 0], 1, 4),
        (Patience(5, monitor="train_loss"), [5, 4, 3, 2, 1], 5, None),
        (NoEarlyStopping(latest=True), [3, 2, 2, 4, 2, 3], 5, None),
        (NoEarlyStopping(monitor="val_accuracy", latest=True), [0.5, 0.9, 0.4, 0.9], 4, None),
        (Patience(3, latest=True), [3, 2, 2, 2, 2], 5, 5),
        (Patience(2, min_delta=0.5, latest=True), [3, 2.8, 3], 3, 3),
        (Patience(0.25), [3, 2, 2, 4], 2, 4),  # of 8 epochs
    ],
)
def test_early_stopping_follows_a_sequence(
    stopping: NoEarlyStopping, values: list[float], best_epoch: int, stops_after: int | None
) -> None:
    stopping.begin(task_for("regression" if stopping.monitor == "val_rmse" else "binary"), validates=True, epochs=8)
    assert stopping.best_epoch == 0
    assert math.isnan(stopping.best_value)
    assert not stopping.stops
    best, stopped = [], None
    for epoch, value in enumerate(values, 1):
        assert stopped is None, "the sequence goes on after the stop"
        if stopping.update(value):
            best.append(epoch)
        stopped = epoch if stopping.stops else None
    assert best[-1] == stopping.best_epoch == best_epoch
    assert stopping.best_value == values[best_epoch - 1]
    assert stopped == stops_after


@pytest.mark.parametrize(
    ("task", "validates", "monitor", "best"),
    [
        ("binary", True, "val_accuracy", 1),
        ("multiclass", True, "val_accuracy", 1),
        ("regression", True, "val_rmse", 2),
        ("binary", False, "train_loss", 2),
    ],
)
def test_the_metric_of_the_task_is_watched(task: TaskName, validates: bool, monitor: str, best: int) -> None:
    stopping = NoEarlyStopping(monitor="val_metric")
    stopping.begin(task_for(task), validates=validates, epochs=1)
    assert stopping.monitor == monitor
    for value in (0.7, 0.6):
        stopping.update(value)
    assert stopping.best_epoch == best


@pytest.mark.parametrize(("epochs", "stopping"), [(2, NoEarlyStopping), (9, functools.partial(Patience, 2))])
def test_a_run_without_a_best_epoch_has_failed(epochs: int, stopping: Callable[..., NoEarlyStopping]) -> None:
    member = make_member(epochs=epochs, early_stopping=functools.partial(stopping, monitor="val_accuracy"))
    nothing = {"val_accuracy": math.nan}
    first, second = (member.judge(EpochRecord(0, epoch, 0.1, 1.0, 1.0, 0.0, nothing)) for epoch in (1, 2))
    assert (first.status, second.status) == (None, "failed")
    message = "early_stopping.monitor: 'val_accuracy' had no value in any epoch: none is the best"
    assert str(second.error) == message


@pytest.mark.parametrize("monitor", ["val_loss", "train_loss", "val_accuracy", "val_rmse"])
def test_what_is_watched_decides_on_the_best_epoch(monitor: str) -> None:
    task: TaskName = "regression" if monitor == "val_rmse" else "binary"
    member = make_member(task, 3, lr=0.3, epochs=12, early_stopping=functools.partial(NoEarlyStopping, monitor=monitor))
    (records,) = histories([member])
    values = [record.columns[monitor] for record in records]
    best = max(values) if monitor == "val_accuracy" else min(values)
    assert member.early_stopping.best_value == best
    assert member.early_stopping.best_epoch == values.index(best) + 1


@pytest.mark.parametrize("norm", [None, "batch"])
def test_the_best_weights_are_those_after_the_best_epoch(norm: str | None) -> None:
    how: dict[str, Any] = {"model": {"norm": norm}, "lr": 0.2, "dropout": 0.2, "seed": 5}
    long, short = make_member(**how, epochs=15), None
    (records,) = histories([long])
    best = long.early_stopping.best_epoch
    assert 1 < best < 15
    assert records[best - 1].val_loss == min(record.val_loss or math.nan for record in records)
    short = make_member(**how, epochs=best)
    histories([short])
    assert same_weights(long.module, short.module)
    # and they give that epoch's validation loss
    rows = long.data.val
    with torch.no_grad():
        loss = long.loss.value(long.module.eval()(long.data.inputs[rows]), long.data.targets[rows]).mean()
    assert float(loss) == pytest.approx(records[best - 1].val_loss, rel=1e-5)


@pytest.mark.parametrize("how_it_ends", ["close", "exception"])
def test_an_interrupted_training_leaves_the_best_weights_so_far(
    how_it_ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [make_member(seed=seed, lr=0.2, epochs=20) for seed in (5, 6)]
    training = train(members, 10, CPU)
    for _ in range(6):
        next(training)
    if how_it_ends == "close":
        training.close()
    else:
        with monkeypatch.context() as patch:
            patch.setattr("mlp_exp.engine.stack_engine.StackEngine.evaluate", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                next(training)
    for seed, member in zip((5, 6), members, strict=True):
        short = make_member(seed=seed, lr=0.2, epochs=member.early_stopping.best_epoch)
        histories([short])
        assert same_weights(member.module, short.module)
    assert any(member.early_stopping.best_epoch < 6 for member in members)


def test_the_caller_of_a_training_keeps_its_own_grad_mode() -> None:
    training = train([make_member(epochs=3)], 10, CPU)
    for _ in training:
        assert torch.is_grad_enabled()
    assert torch.is_grad_enabled()


HALF = float(np.float32(1e-39) / np.float32(2))
"""Of a subnormal number, exactly."""


def halved_subnormal() -> float:
    return float(torch.full((8,), 1e-39).mul(0.5)[0])


class Watching(Huber):
    """Notes what torch makes of a subnormal number in steps and in validation; raises in the fourth step."""

    def __init__(self) -> None:
        super().__init__("regression")
        self.in_steps: list[float] = []
        self.in_values: list[float] = []

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        self.in_steps.append(halved_subnormal())
        if len(self.in_steps) == 4:
            raise ZeroDivisionError
        return super().gradient(logits, target)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        self.in_values.append(halved_subnormal())
        return super().value(logits, target)


@pytest.mark.parametrize(
    ("threads", "users_own", "within", "outside"),
    [(1, False, 0.0, HALF), (2, False, 0.0, HALF), (1, True, 0.0, 0.0)],
)
def test_subnormal_numbers_are_zero_while_a_stack_trains(
    threads: int, users_own: bool, within: float, outside: float
) -> None:
    set_threads(threads)
    torch.set_flush_denormal(users_own)
    try:
        loss = Watching()
        training = train([make_member("regression", epochs=5, loss=loss)], None, CPU)
        for _ in range(3):
            next(training)
            assert halved_subnormal() == outside
        with pytest.raises(ZeroDivisionError):
            next(training)
        assert halved_subnormal() == outside
    finally:
        torch.set_flush_denormal(False)
    assert loss.in_steps == [within] * 4
    assert loss.in_values == [within] * 6  # of the training rows and of the validation part


# ---- batches and dropout ----


def test_a_training_does_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    case, company = "regression-rmsprop-layer", [1, 4, 0]
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1)
    members = [variant(case, index) for index in company]
    for index, member, records in zip(company, members, histories(members), strict=True):
        expected_member, expected_records = alone(case, index)
        assert timeless(records) == timeless(expected_records)
        assert same_weights(member.module, expected_member.module)


def test_dropout_acts_in_training_only() -> None:
    """At a rate this high the training loss is far from the one of the same weights without dropout."""
    member = make_member("regression", 1, lr=0.0, dropout=0.9, epochs=1, model={"hidden_sizes": (200,)})
    still = make_member("regression", 1, lr=0.0, dropout=0.0, epochs=1, model={"hidden_sizes": (200,)})
    ((dropped,),), ((plain,),) = histories([member]), histories([still])
    assert dropped.val_loss == plain.val_loss
    assert dropped.train_loss > plain.train_loss * 1.05


def test_a_loss_of_the_users_choice_is_what_is_trained_on() -> None:
    huber = Huber("regression", delta=0.1)
    member = make_member("regression", epochs=1, loss=huber)
    first = copy.deepcopy(member.module)
    ((record,),) = histories([member], None)
    rows = member.data.train
    expected = nn.HuberLoss(delta=0.1)(first(member.data.inputs[rows]), member.data.targets[rows])
    assert record.train_loss == pytest.approx(float(expected.detach()), rel=1e-5)


# ---- first weights ----


def test_a_batch_size_above_the_rows_is_all_rows() -> None:
    (many,), (full,) = histories([make_member()], 100_000), histories([make_member()], None)
    assert timeless(many) == timeless(full)


def test_a_schedule_that_is_too_short_is_reported() -> None:
    schedule = functools.partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=3, cycle_momentum=False)
    text = r"^scheduler: OneCycleLR: Tried to step 4 times"
    assert_fails_alone({"scheduler": schedule}, 4, 4, TrainingError, text)


def _member(
    seed: int,
    *,
    epochs: int = 4,
    lr: float = 1e-2,
    dropout: float = 0.2,
    norm: str | None = None,
    patience: int | None = None,
) -> Trainee:
    data, streams = circle(60), Streams(seed)
    rows = streams.split.permutation(60)
    loss = BinaryCrossEntropy("binary")
    torch.manual_seed(streams.weights)
    return Trainee(
        data=MemberData(
            torch.from_numpy(data.features.astype(np.float32)),
            torch.from_numpy(loss.encode(data.target)),
            torch.ones(60),
            rows[:37],
            rows[37:50],
        ),
        module=MLP(2, 1, [7, 3], dropout, "gelu", norm),
        loss=loss,
        optimizer=torch.optim.Adam,
        optimizer_options={"lr": lr, "weight_decay": 0.01 * seed},
        learning_rate=LearningRate(lr, functools.partial(ConstantLR, factor=1.0)),
        early_stopping=Patience(patience) if patience else NoEarlyStopping(),
        streams=streams,
        epochs=epochs,
        validation=Validation(Head(loss, task_for("binary"), TargetScaling()), ("accuracy",), data.target[rows[37:50]]),
    )


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_a_member_alone_is_the_member_in_a_stack(norm: str | None) -> None:
    settings: list[dict[str, Any]] = [
        {"epochs": 2},
        {"lr": 0.1, "patience": 1, "epochs": 9},
        {"dropout": 0.0},
        {"epochs": 6},
        {"lr": 1e38},
    ]

    def members() -> list[Trainee]:
        return [_member(seed, norm=norm, **options) for seed, options in enumerate(settings)]

    together = members()
    stacked = [record for records in train(together, 10, CPU) for record in records]
    for index, alone in enumerate(members()):
        records = [record for (record,) in train([alone], 10, CPU)]
        theirs = [record for record in stacked if record.member == index]
        for mine, other in zip(records, theirs, strict=True):
            assert repr((mine.epoch, mine.train_loss, mine.val_loss, mine.metrics, mine.status)) == repr(
                (other.epoch, other.train_loss, other.val_loss, other.metrics, other.status)
            )
        for parameter, its in zip(alone.module.parameters(), together[index].module.parameters(), strict=True):
            assert torch.equal(parameter, its)
