import copy
import functools
import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from support.members import (  # noqa: F401
    CPU,
    Embeddings,
    histories,
    make_member,
    one_thread,
    same_weights,
    timeless,
)
from support.project import CONF
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR

from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.engine import batches
from mlp_exp.engine.batches import BatchSource, StackedData, pad_rows
from mlp_exp.engine.optimizers import LINEAR_IN_LR
from mlp_exp.errors import TrainingError
from mlp_exp.model.activations import ACTIVATIONS
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.tasks.losses import Huber
from mlp_exp.tasks.task import task_named
from mlp_exp.training.early_stopping import NoEarlyStopping, Patience
from mlp_exp.training.loop import predict, train

# ---- a member's numbers do not depend on its company ----

IMPATIENT = functools.partial(Patience, patience=1, min_delta=100.0)
EXPLODES = functools.partial(LambdaLR, lr_lambda=lambda epoch: 1.0 if epoch < 2 else math.inf)
VARIANTS = [
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
SGD = {"optimizer": torch.optim.SGD, "options": {"momentum": 0.9, "nesterov": True}}
RMSPROP = {"optimizer": torch.optim.RMSprop, "options": {"centered": True, "momentum": 0.5}}
CASES = {
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


def variant(case, index):
    """A fresh member of a case."""
    how = {**CASES[case], **VARIANTS[index]}
    how.pop("batch_size", None)
    how["target"] = TargetScaling(0.1 * index, 1 + index / 4, how.pop("log", False))
    how["options"] = {**how.get("options", {}), "weight_decay": how.pop("decay", 0.0)}
    return make_member(**how)


@functools.cache
def alone(case, index):
    """What a member comes to without company."""
    member = variant(case, index)
    (records,) = histories([member], CASES[case].get("batch_size", 10))
    return member, records


@pytest.mark.parametrize(
    "company", [*COMPANIES, *CROWDS], ids=lambda c: "-".join(map(str, c)) if len(c) < 10 else f"crowd of {len(c)}"
)
@pytest.mark.parametrize("case", CASES)
def test_company_changes_no_bit(case, company):
    members = [variant(case, index) for index in company]
    found = histories(members, CASES[case].get("batch_size", 10))
    for index, member, records in zip(company, members, found, strict=True):
        expected_member, expected_records = alone(case, index)
        assert timeless(records) == timeless(expected_records)
        assert same_weights(member.module, expected_member.module)
        assert member.early_stopping.best_epoch == expected_member.early_stopping.best_epoch


PARTS = [
    *({"optimizer": cls} for cls in LINEAR_IN_LR),
    *({"model": {"activation": name}} for name in ACTIVATIONS),
    *({"model": {"norm": norm, "hidden_sizes": (16, 5)}} for norm in (None, "layer", "batch")),
    *({"task": task, "model": {"hidden_sizes": (13, 16)}} for task in ("binary", "multiclass", "regression")),
]


@pytest.mark.parametrize("how", PARTS, ids=str)
def test_each_part_gives_a_member_the_same_bits_in_company(how):
    def members():
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
def test_each_member_ends_in_its_own_way(case):
    for index, (status, epoch) in enumerate(ENDS):
        _, records = alone(case, index)
        assert [record.epoch for record in records] == list(range(1, epoch + 1))
        assert [record.status for record in records] == [None] * (epoch - 1) + [status]


def test_a_member_that_never_had_a_finite_epoch_keeps_its_first_weights():
    member = make_member(lr=math.inf)
    before = copy.deepcopy(member.module)
    (records,) = histories([member])
    assert [record.status for record in records] == ["diverged"]
    assert member.early_stopping.best_epoch == 0
    assert math.isnan(member.early_stopping.best_value)
    assert same_weights(member.module, before)


def test_records_come_epoch_by_epoch_and_name_their_member():
    members = [variant("binary-adam", index) for index in range(7)]
    epochs = list(train(members, 10, CPU))
    for number, records in enumerate(epochs, 1):
        assert {record.epoch for record in records} == {number}
        assert [record.member for record in records] == [i for i, (_, last) in enumerate(ENDS) if last >= number]
    seconds = [records[0].seconds for records in epochs]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


# ---- what a record says ----


def as_it_is(values):
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
def test_the_last_record_is_what_the_weights_give(task, unit):
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
            error = unit(logits.double().numpy()) - unit(targets[rows].double().numpy())
            metric = math.sqrt((error**2).mean())
        elif task == "binary":
            metric = float(((logits > 0).float() == targets[rows]).float().mean())
        else:
            metric = float((logits.argmax(1) == targets[rows].argmax(1)).float().mean())
        assert record.val_metric == pytest.approx(metric, rel=1e-5)
    assert record.lr == 1e-2


def test_without_a_validation_part_there_are_no_validation_numbers():
    member = make_member(val_rows=0)
    (records,) = histories([member])
    assert {(record.val_loss, record.val_metric) for record in records} == {(None, None)}
    best = min(records, key=lambda record: record.train_loss)
    assert (member.early_stopping.best_epoch, member.early_stopping.best_value) == (best.epoch, best.train_loss)


def test_a_validation_part_of_many_chunks_gives_the_same_numbers(monkeypatch):
    (whole,) = histories([make_member(val_rows=200)])
    monkeypatch.setattr("mlp_exp.training.loop.EVALUATION_ROWS", 32)
    (chunked,) = histories([make_member(val_rows=200)])
    for first, second in zip(whole, chunked, strict=True):
        assert second.train_loss == first.train_loss
        assert second.val_metric == first.val_metric
        assert second.val_loss == pytest.approx(first.val_loss, rel=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_predictions_of_a_trained_member(task, monkeypatch):
    member = make_member(task)
    histories([member])
    rows = np.array([3, 1, 40, 7, 3])
    with torch.no_grad():
        logits = member.module(member.data.inputs[rows])
    expected = {
        "binary": lambda: torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], dim=1),
        "multiclass": lambda: torch.softmax(logits, dim=1),
        "regression": lambda: logits[:, 0],
    }[task]()
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
    ],
)
def test_early_stopping_follows_a_sequence(stopping, values, best_epoch, stops_after):
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
def test_the_metric_of_the_task_is_watched(task, validates, monitor, best):
    stopping = NoEarlyStopping(monitor="val_metric")
    stopping.begin(task_named(task), validates=validates)
    assert stopping.monitor == monitor
    for value in (0.7, 0.6):
        stopping.update(value)
    assert stopping.best_epoch == best


@pytest.mark.parametrize("monitor", ["val_loss", "train_loss", "val_accuracy", "val_rmse"])
def test_what_is_watched_decides_on_the_best_epoch(monitor):
    task = "regression" if monitor == "val_rmse" else "binary"
    member = make_member(task, 3, lr=0.3, epochs=12, early_stopping=functools.partial(NoEarlyStopping, monitor=monitor))
    (records,) = histories([member])
    column = "val_metric" if monitor in ("val_accuracy", "val_rmse") else monitor
    values = [getattr(record, column) for record in records]
    best = max(values) if monitor == "val_accuracy" else min(values)
    assert member.early_stopping.best_value == best
    assert member.early_stopping.best_epoch == values.index(best) + 1


@pytest.mark.parametrize("norm", [None, "batch"])
def test_the_best_weights_are_those_after_the_best_epoch(norm):
    how = {"model": {"norm": norm}, "lr": 0.2, "dropout": 0.2, "seed": 5}
    long, short = make_member(**how, epochs=15), None
    (records,) = histories([long])
    best = long.early_stopping.best_epoch
    assert 1 < best < 15
    assert records[best - 1].val_loss == min(record.val_loss for record in records)
    short = make_member(**how, epochs=best)
    histories([short])
    assert same_weights(long.module, short.module)
    # and they give that epoch's validation loss
    rows = long.data.val
    with torch.no_grad():
        loss = long.loss.value(long.module.eval()(long.data.inputs[rows]), long.data.targets[rows]).mean()
    assert float(loss) == pytest.approx(records[best - 1].val_loss, rel=1e-5)


@pytest.mark.parametrize("how_it_ends", ["close", "exception"])
def test_an_interrupted_training_leaves_the_best_weights_so_far(how_it_ends, monkeypatch):
    members = [make_member(seed=seed, lr=0.2, epochs=20) for seed in (5, 6)]
    training = train(members, 10, CPU)
    for _ in range(6):
        next(training)
    if how_it_ends == "close":
        training.close()
    else:
        with monkeypatch.context() as patch:
            patch.setattr("mlp_exp.training.loop._Stack.run_epoch", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                next(training)
    for seed, member in zip((5, 6), members, strict=True):
        short = make_member(seed=seed, lr=0.2, epochs=member.early_stopping.best_epoch)
        histories([short])
        assert same_weights(member.module, short.module)
    assert any(member.early_stopping.best_epoch < 6 for member in members)


def test_the_caller_of_a_training_keeps_its_own_grad_mode():
    training = train([make_member(epochs=3)], 10, CPU)
    for _ in training:
        assert torch.is_grad_enabled()
    assert torch.is_grad_enabled()


HALF = float(np.float32(1e-39) / np.float32(2))
"""Of a subnormal number, exactly."""


def halved_subnormal():
    return float(torch.full((8,), 1e-39).mul(0.5)[0])


class Watching(Huber):
    """Notes what torch makes of a subnormal number in steps and in validation; raises in the fourth step."""

    def __init__(self):
        super().__init__("regression")
        self.in_steps, self.in_values = [], []

    def gradient(self, logits, target):
        self.in_steps.append(halved_subnormal())
        if len(self.in_steps) == 4:
            raise ZeroDivisionError
        return super().gradient(logits, target)

    def value(self, logits, target):
        self.in_values.append(halved_subnormal())
        return super().value(logits, target)


@pytest.mark.parametrize(
    ("threads", "users_own", "within", "outside"),
    [(1, False, 0.0, HALF), (2, False, HALF, HALF), (1, True, 0.0, 0.0)],
)
def test_subnormal_numbers_are_zero_while_one_thread_trains(threads, users_own, within, outside):
    torch.set_num_threads(threads)
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


# ---- a module of the user's own ----


def sequential_of(mlp):
    """The same network from torch's own layers, with the same weights."""
    layers = []
    for block in mlp.blocks:
        layers += [block.linear, block.norm, block.activation]
    return copy.deepcopy(nn.Sequential(*layers, mlp.head))


@pytest.mark.parametrize("batch_size", [10, None])
@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("binary", {"norm": "batch", "activation": "tanh"}),
        ("multiclass", {"norm": "layer", "activation": "gelu"}),
        ("regression", {"activation": "relu"}),
    ],
)
def test_a_users_module_trains_as_the_stack_does(task, model, batch_size):
    how = {"lr": 5e-3, "epochs": 5, "clip_grad_norm": 1.0, "options": {"weight_decay": 1e-2}}
    if batch_size:
        how["train_rows"] = 38  # nn.BatchNorm1d refuses a last batch of one row
    stacked = make_member(task, model=model, **how)
    single = make_member(task, module=sequential_of(stacked.module), **how)
    (expected,), (found,) = histories([stacked], batch_size), histories([single], batch_size)
    assert len(found) == len(expected) == 5
    for one, other in zip(found, expected, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4, abs=1e-6)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-4, abs=1e-6)
        assert one.val_metric == pytest.approx(other.val_metric, rel=1e-4, abs=1e-6)
    same = sequential_of(stacked.module).state_dict()
    for name, tensor in single.module.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, same[name], rtol=1e-3, atol=1e-5)


def test_what_a_users_module_draws_comes_from_the_seed():
    outcomes = []
    for seed, noise in ((3, 0), (3, 1), (4, 0)):
        torch.manual_seed(noise)
        plain = make_member(seed=3).module
        module = nn.Sequential(sequential_of(plain)[:2], nn.Dropout(0.5), sequential_of(plain)[2:])
        member = make_member(seed=seed, module=module)
        outcomes.append(timeless(histories([member])[0]))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0] != outcomes[2]


def test_modules_of_the_user_do_not_stack():
    members = [make_member(module=nn.Linear(5, 1)), make_member(module=nn.Linear(5, 1))]
    with pytest.raises(TrainingError, match=r"^model: Linear trains alone, and 2 were given together$"):
        next(train(members, 10, CPU))


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_frozen_parameters_of_a_users_module_stay(optimizer):
    module = sequential_of(make_member().module)
    module[0].requires_grad_(False)
    before = copy.deepcopy(module[0])
    last = module[-1].weight.detach().clone()
    member = make_member(module=module, optimizer=optimizer, options={"weight_decay": 0.1})
    histories([member])
    assert same_weights(member.module[0], before)
    assert not torch.equal(member.module[-1].weight, last)


# ---- embeddings ----


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD, torch.optim.Adadelta])
def test_rows_that_are_never_trained_stay_zero(optimizer, decay):
    embeddings = Embeddings(rows=12, never_trained=(0, 1, 7))
    member = make_member(embeddings=embeddings, optimizer=optimizer, lr=0.1, options={"weight_decay": decay})
    before = copy.deepcopy(member.module.embedding.weight.detach())
    histories([member])
    after = member.module.embedding.weight.detach()
    never = list(embeddings.never_trained)
    assert not before[never].any()
    assert torch.equal(after[never], torch.zeros(3, 3))
    changed = (after != before).all(dim=1)
    assert changed.nonzero().flatten().tolist() == sorted(set(range(12)) - set(never))


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_users_module_behind_embeddings_trains_as_the_stack_does(task):
    how = {"embeddings": Embeddings(), "options": {"weight_decay": 1e-2}, "optimizer": torch.optim.AdamW}
    stacked = make_member(task, **how)
    module = EmbeddedNetwork(sequential_of(stacked.module.network), *how["embeddings"])
    module.embedding.load_state_dict(stacked.module.embedding.state_dict())
    single = make_member(task, module=module, **how)
    before = copy.deepcopy(module.state_dict())
    (expected,), (found,) = histories([stacked]), histories([single])
    for one, other in zip(found, expected, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-5)
    torch.testing.assert_close(module.embedding.weight, stacked.module.embedding.weight, rtol=1e-4, atol=1e-6)
    assert not any(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_modules_of_the_user_behind_embeddings_do_not_stack():
    members = [make_member(module=EmbeddedNetwork(nn.Linear(9, 1), 2, 9, 3), embeddings=Embeddings()) for _ in "ab"]
    with pytest.raises(TrainingError, match=r"^model: EmbeddedNetwork trains alone, and 2 were given together$"):
        next(train(members, 10, CPU))


# ---- batches and dropout ----


@pytest.mark.parametrize(
    ("rows", "batch_size", "width", "counts"),
    [(37, 10, 32, [10, 10, 10, 7]), (32, 32, 32, [32]), (33, 32, 32, [32, 1]), (5, 32, 32, [5]), (3, 1, 32, [1] * 3)],
)
def test_batches_hold_every_row_once(rows, batch_size, width, counts):
    numbers = np.arange(100, 100 + rows)
    index, valid = pad_rows(numbers, batch_size)
    assert index.shape == valid.shape == (len(counts), width)
    assert valid.sum(axis=1).tolist() == counts
    assert index[valid == 1].tolist() == numbers.tolist()
    assert set(index[valid == 0].tolist()) <= {100}


def source(rates, widths=(50, 30), *, rows=37, batch_size=10, seed=0):
    """A batch source of K members from `rates` `[L, K]`."""
    k = len(rates[0])
    member = make_member(train_rows=rows)
    data = StackedData([member.data] * k, CPU)
    shuffles = [np.random.default_rng([seed, i]) for i in range(k)]
    noises = [np.random.default_rng([seed + 1, i]) for i in range(k)]
    rates = torch.tensor(rates, dtype=torch.float64)
    return BatchSource(data, [member.data.train] * k, batch_size, shuffles, noises, widths, rates)


def epoch_of(batch_source):
    """All blocks of an epoch as one: tensors by name."""
    # the next block takes the memory of the masks of the one before
    blocks = [replace(block, masks=[mask.clone() for mask in block.masks]) for block in batch_source.epoch()]
    columns = {
        name: torch.cat([getattr(block, name) for block in blocks])
        for name in ("inputs", "targets", "weights", "valid")
    }
    for layer in range(len(blocks[0].masks)):
        columns[f"mask {layer}"] = torch.cat([block.masks[layer] for block in blocks])
    return len(blocks), columns


@pytest.mark.parametrize("k", [1, 2, 128])
def test_members_of_one_table_store_it_once(k):
    data = make_member().data
    stacked = StackedData([data] * k, CPU)
    for name in ("inputs", "targets", "weights"):
        assert getattr(stacked, name).data_ptr() == getattr(data, name).data_ptr()
        assert len(getattr(stacked, name)) == len(data.inputs)


def test_batches_and_noise_do_not_depend_on_the_size_of_a_block(monkeypatch):
    rates = [[0.5, 0.2], [0.1, 0.0]]
    whole = source(rates)
    expected = [epoch_of(whole) for _ in range(2)]
    assert [number for number, _ in expected] == [1, 1]
    for block_bytes, blocks in ((1, 4), (2 * 2 * whole._step_bytes, 2)):
        monkeypatch.setattr(batches, "BLOCK_BYTES", block_bytes)
        cut = source(rates)
        for _, columns in expected:
            number, found = epoch_of(cut)
            assert number == blocks
            assert all(torch.equal(found[name], columns[name]) for name in columns)


def test_a_training_does_not_depend_on_the_size_of_a_block(monkeypatch):
    case, company = "regression-rmsprop-layer", [1, 4, 0]
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1)
    members = [variant(case, index) for index in company]
    for index, member, records in zip(company, members, histories(members), strict=True):
        expected_member, expected_records = alone(case, index)
        assert timeless(records) == timeless(expected_records)
        assert same_weights(member.module, expected_member.module)


def test_each_epoch_is_a_new_order_of_all_training_rows():
    member = make_member()
    batch_source = source([[0.0, 0.0], [0.0, 0.0]])
    orders = []
    for _ in range(2):
        _, columns = epoch_of(batch_source)
        for k in range(2):
            valid = columns["valid"][:, k, :, 0] == 1
            orders.append(columns["inputs"][:, k][valid])
            assert columns["weights"][:, k, :, 0].sum(-1).tolist() == pytest.approx([1.0] * 4)
            assert torch.equal(columns["weights"][:, k, :, 0] > 0, valid)
    everything = member.data.inputs[torch.from_numpy(np.sort(member.data.train))].sort(dim=0).values
    for order in orders:
        assert torch.equal(order.sort(dim=0).values, everything)
    for first, second in itertools.combinations(orders, 2):
        assert not torch.equal(first, second)


@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.1, 0.5, 0.9, 0.999])
def test_the_share_of_dropped_units_is_the_rate(rate):
    _, columns = epoch_of(source([[rate, 0.25]], [400], rows=320, batch_size=32))
    mask, other = columns["mask 0"].unbind(1)
    units = mask.numel()
    dropped = (mask == 0).double().mean().item()
    assert dropped == pytest.approx(rate, abs=5 * math.sqrt(rate * (1 - rate) / units))
    # the rate is rounded to a multiple of 2⁻¹⁶
    kept = mask[mask > 0].unique()
    assert kept.tolist() == pytest.approx([1 / (1 - rate)], rel=2**-17 / (1 - rate) + 1e-6)
    spread = math.sqrt(rate / (1 - rate) / units)
    assert mask.double().mean().item() == pytest.approx(1.0, abs=5 * spread + 1e-6)
    assert other.double().mean().item() == pytest.approx(1.0, abs=0.02)


def test_the_highest_rates_still_give_finite_masks():
    """A rate is below 1, if by little."""
    _, columns = epoch_of(source([[1 - 1e-6]], [400]))
    assert columns["mask 0"].isfinite().all()
    assert (columns["mask 0"] == 0).double().mean() > 0.99


def test_units_are_dropped_independently():
    _, columns = epoch_of(source([[0.5, 0.5]], [64], rows=320, batch_size=32))
    first, second = (mask.reshape(-1, 64) > 0 for mask in columns["mask 0"].double().unbind(1))
    size = len(first)
    for a, b in ((first[:, :-1], first[:, 1:]), (first[:-1], first[1:]), (first, second)):
        agree = (a == b).double().mean().item()
        assert agree == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(size * 60))


def test_dropout_acts_in_training_only():
    """At a rate this high the training loss is far from the one of the same weights without dropout."""
    member = make_member("regression", 1, lr=0.0, dropout=0.9, epochs=1, model={"hidden_sizes": (200,)})
    still = make_member("regression", 1, lr=0.0, dropout=0.0, epochs=1, model={"hidden_sizes": (200,)})
    ((dropped,),), ((plain,),) = histories([member]), histories([still])
    assert dropped.val_loss == plain.val_loss
    assert dropped.train_loss > plain.train_loss * 1.05


def test_a_loss_of_the_users_choice_is_what_is_trained_on():
    huber = Huber("regression", delta=0.1)
    member = make_member("regression", epochs=1, loss=huber)
    first = copy.deepcopy(member.module)
    ((record,),) = histories([member], None)
    rows = member.data.train
    expected = nn.HuberLoss(delta=0.1)(first(member.data.inputs[rows]), member.data.targets[rows])
    assert record.train_loss == pytest.approx(float(expected.detach()), rel=1e-5)


# ---- first weights ----


def bound(limit):
    """Uniform within ±limit."""

    def check(weight):
        assert weight.abs().max() <= limit * (1 + 1e-6)
        assert weight.abs().max() > 0.98 * limit
        assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)

    return check


def normal(std):
    def check(weight):
        assert weight.std().item() == pytest.approx(std, rel=0.05)
        assert weight.abs().max() > 3 * std
        within = (weight.abs() < std).double().mean().item()
        assert within == pytest.approx(0.6827, abs=0.03)

    return check


def orthogonal(weight):
    rows = weight if weight.shape[0] <= weight.shape[1] else weight.T
    torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)


INITS = {
    "default": (lambda n_in, n_out: bound(1 / math.sqrt(n_in)), None),
    "xavier_uniform": (lambda n_in, n_out: bound(math.sqrt(6 / (n_in + n_out))), 0.01),
    "xavier_normal": (lambda n_in, n_out: normal(math.sqrt(2 / (n_in + n_out))), 0.0),
    "kaiming_uniform": (lambda n_in, n_out: bound(math.sqrt(6 / n_in)), 0.0),
    "kaiming_normal": (lambda n_in, n_out: normal(math.sqrt(2 / n_in)), 0.0),
    "orthogonal": (lambda n_in, n_out: orthogonal, 0.0),
}
"""What each option promises of the weights from `n_in` to `n_out` units, and of the biases."""


def initialised(compose, name, seed, overrides=()):
    """A network with the first weights of an option of `conf/init`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = MLP(40, 3, (60, 50), norm="layer")
        instantiate(compose([f"init={name}", *overrides]).init, _convert_="all").apply(module)
    return module


def test_every_option_of_init_is_in_the_table():
    assert {file.stem for file in (CONF / "init").glob("*.yaml")} == set(INITS)


@pytest.mark.parametrize("name", INITS)
def test_first_weights(compose, name):
    check, bias = INITS[name]
    module = initialised(compose, name, 0)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    assert [layer.weight.shape for layer in layers] == [(60, 40), (50, 60), (3, 50)]
    for layer in layers[:2]:
        n_out, n_in = layer.weight.shape
        check(n_in, n_out)(layer.weight.detach())
    for layer in layers:
        if bias is None:
            assert layer.bias.abs().max() <= 1 / math.sqrt(layer.in_features)
            assert layer.bias.unique().numel() > 1
        else:
            assert torch.equal(layer.bias, torch.full_like(layer.bias, bias))
    for block in module.blocks:
        assert torch.equal(block.norm.weight, torch.ones_like(block.norm.weight))
        assert torch.equal(block.norm.bias, torch.zeros_like(block.norm.bias))
    assert same_weights(module, initialised(compose, name, 0))
    assert not same_weights(module, initialised(compose, name, 1))


@pytest.mark.parametrize("name", [name for name in INITS if name != "default"])
def test_first_weights_are_of_linear_layers_and_embeddings_keep_their_own(compose, name):
    module = EmbeddedNetwork(MLP(40 + 2 * 8, 3, (60,)), 2, 30, 8, never_trained=(4,))
    before = copy.deepcopy(module)
    instantiate(compose([f"init={name}"]).init, _convert_="all").apply(module)
    assert same_weights(module.embedding, before.embedding)
    linear = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    assert len(linear) == 2
    assert not any(torch.equal(module.get_submodule(n).weight, before.get_submodule(n).weight) for n in linear)


@pytest.mark.parametrize("name", [name for name, (_, bias) in INITS.items() if bias is not None])
def test_the_constant_of_the_biases_is_an_option(compose, name):
    module = initialised(compose, name, 0, ["init.bias=0.25"])
    assert torch.equal(module.head.bias, torch.full((3,), 0.25))


def test_a_frozen_layer_of_an_mlp_stays():
    member = make_member()
    frozen = member.module.blocks[0].linear
    frozen.requires_grad_(False)
    before = copy.deepcopy(frozen)
    histories([member])
    assert same_weights(frozen, before)


def test_a_batch_size_above_the_rows_is_all_rows():
    (many,), (full,) = histories([make_member()], 100_000), histories([make_member()], None)
    assert timeless(many) == timeless(full)


def test_a_schedule_that_is_too_short_is_reported():
    schedule = functools.partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=3, cycle_momentum=False)
    text = r"^scheduler: OneCycleLR: Tried to step 4 times"
    assert_fails_alone({"scheduler": schedule}, 4, 4, TrainingError, text)


def raises(*_):
    raise ZeroDivisionError("the user's own")


class RaisesInUpdate(NoEarlyStopping):
    def update(self, value):
        return raises() if self._epoch == 2 else super().update(value)


class RaisesInStops(NoEarlyStopping):
    @property
    def stops(self):
        return raises() if self._epoch == 3 else super().stops


@pytest.mark.parametrize(
    ("how", "judged"),
    [
        ({"scheduler": functools.partial(LambdaLR, lr_lambda=lambda epoch: raises() if epoch == 3 else 1.0)}, 3),
        ({"early_stopping": RaisesInUpdate}, 2),
        ({"early_stopping": RaisesInStops}, 3),
    ],
    ids=["scheduler", "update", "stops"],
)
def test_a_users_own_part_that_raises_ends_its_member_alone(how, judged):
    assert_fails_alone(how, 3, judged, ZeroDivisionError, r"^the user's own$")


def assert_fails_alone(how, epoch, judged, error, text):
    """The member fails in this epoch, with the best weights of those judged; a companion does not notice."""
    member, companion = make_member(seed=3, epochs=8, **how), make_member(seed=4, epochs=8)
    records, others = histories([member, companion])
    assert [record.epoch for record in records] == list(range(1, epoch + 1))
    assert [record.status for record in records] == [None] * (epoch - 1) + ["failed"]
    assert [record.error for record in records[:-1]] == [None] * (epoch - 1)
    assert type(records[-1].error) is error
    assert re.search(text, str(records[-1].error))
    assert math.isfinite(records[-1].train_loss)

    alone = make_member(seed=3, epochs=8, **how)
    assert timeless(histories([alone])[0]) == timeless(records)
    assert same_weights(alone.module, member.module)
    losses = [record.val_loss for record in records[:judged]]
    assert member.early_stopping.best_epoch == 1 + losses.index(min(losses))
    assert member.early_stopping.best_value == min(losses)
    part = member.data.val
    chance = predict(member, part)[:, 1].double()
    target = member.data.targets[part].double().squeeze(-1)
    assert float(nn.functional.binary_cross_entropy(chance, target)) == pytest.approx(min(losses), rel=1e-5)

    unbothered = make_member(seed=4, epochs=8)
    (expected,) = histories([unbothered])
    assert timeless(others) == timeless(expected)
    assert others[-1].status == "finished"
    assert [record.error for record in others] == [None] * 8
    assert same_weights(companion.module, unbothered.module)
