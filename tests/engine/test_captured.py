"""What runs on a GPU, as far as a CPU can tell: the same code with a recorded graph in the place of CUDA's."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from support.graphs import RecordedGraph
from support.members import CPU, Embeddings, histories, make_member, timeless

from mlp_exp.engine import captured, stack_engine
from mlp_exp.engine.arrays import TORCH
from mlp_exp.engine.batches import Batch, StackedData
from mlp_exp.engine.captured import DeviceBatches
from mlp_exp.engine.engine import Factors
from mlp_exp.engine.losses import array_loss
from mlp_exp.engine.rules import RULES
from mlp_exp.engine.stack_engine import StackEngine, build_network
from mlp_exp.tasks.losses import BinaryCrossEntropy
from mlp_exp.training.curves import FlatCosine, LogCosine
from mlp_exp.training.loop import Trainee

pytestmark = pytest.mark.usefixtures("one_thread")


def act_as_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU takes the part of a GPU."""
    monkeypatch.setattr("mlp_exp.engine.arrays.NUMPY", TORCH)
    monkeypatch.setattr(captured, "CudaGraph", RecordedGraph)
    monkeypatch.setattr(stack_engine, "captures", lambda network, loss, device: True)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    act_as_device(monkeypatch)


def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is computed anew."""

    class Called:
        def __init__(self, function: Callable[[], None]) -> None:
            self.replay = function

    monkeypatch.setattr(captured, "CudaGraph", Called)


def stack(**how: Any) -> list[Trainee]:
    return [make_member(seed=seed, lr=0.01 * (seed + 1), train_rows=37 + seed, **how) for seed in range(3)]


FACTORS = {"head.bias": Factors(0.1, 0.0), "blocks.0.linear.weight": Factors(0.5, 3.0)}
CURVES = {"rate_curve": LogCosine(), "decay_curve": FlatCosine(), "dropout_curve": FlatCosine()}
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout": {"dropout": [0.2, 0.5]},
    "classes": {"task": "multiclass", "model": {"activation": "gelu", "norm": "batch"}, "dropout": 0.3},
    "values": {"task": "regression", "model": {"norm": "layer", "hidden_sizes": (5, 5), "residual": True}},
    "embeddings": {"embeddings": Embeddings(), "dropout": 0.1},
    "clipped": {"clip_grad_norm": 0.1, "options": {"weight_decay": 0.1}},
    "schedules": {"dropout": 0.4, "optimizer": torch.optim.AdamW, **CURVES},
    "factors": {"optimizer": torch.optim.AdamW, "factors": FACTORS, "options": {"weight_decay": 0.3}, **CURVES},
    "factors and L2": {"optimizer": torch.optim.RMSprop, "factors": FACTORS, "options": {"weight_decay": 0.3}},
    **{
        f"{cls.__name__}": {"optimizer": cls, "options": {"weight_decay": 0.01}, "model": {"activation": "tanh"}}
        for cls in RULES
    },
    "momentum": {"optimizer": torch.optim.SGD, "options": {"momentum": 0.9, "dampening": 0.5}},
    "adagrad that slows down": {"optimizer": torch.optim.Adagrad, "options": {"lr_decay": 0.1}},
}


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("way", WAYS)
def test_a_captured_step_is_the_step(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number of Python's is frozen in it, and it finds everything where it was."""
    replayed = histories(stack(**WAYS[way]))
    eager(monkeypatch)
    for found, expected in zip(replayed, histories(stack(**WAYS[way])), strict=True):
        assert timeless(found) == timeless(expected)


@pytest.mark.usefixtures("device")
def test_a_step_is_captured_anew_when_members_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which changes no number of those that stay."""
    graphs: list[RecordedGraph] = []

    class Counted(RecordedGraph):
        def __init__(self, function: Callable[[], None]) -> None:
            super().__init__(function)
            graphs.append(self)

    monkeypatch.setattr(captured, "CudaGraph", Counted)
    whole, shrinking = (StackEngine(stack(dropout=0.2), 10, CPU) for _ in "ab")
    rates = [0.01, 0.02, 0.03]
    for engine in (whole, shrinking):
        engine.train_epoch(rates)
    assert len(graphs) == 2
    shrinking.select([2, 0])
    for _ in range(2):
        expected = whole.train_epoch(rates)
        found = shrinking.train_epoch([rates[2], rates[0]])
        assert found == pytest.approx([expected[2], expected[0]], rel=1e-5)
    assert len(graphs) == 3


@pytest.mark.parametrize("way", ["plain", "classes", "values", "embeddings", "NAdam", "factors and L2"])
def test_on_the_same_batches_it_trains_as_the_cpu_does(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of all rows are the same in any order. Steps of 1e-3 of a gradient keep rounding errors small."""
    how = {"optimizer": torch.optim.SGD, **WAYS[way], "dropout": 0.0}
    expected = histories(stack(**how), None)
    act_as_device(monkeypatch)
    for found, then in zip(histories(stack(**how), None), expected, strict=True):
        assert [r.train_loss for r in found] == pytest.approx([r.train_loss for r in then], rel=1e-4)
        assert [r.val_loss for r in found] == pytest.approx([r.val_loss for r in then], rel=1e-4)


def device_batches(
    members: Sequence[Trainee], batch_size: int = 10, rate: float = 0.25, stay: Sequence[int] | None = None
) -> DeviceBatches:
    """Of a stack of these; with `stay`, after all others have left."""
    tables = [member.data for member in members]
    data = StackedData(tables, CPU, ones=True)
    keys = torch.tensor([member.streams.device for member in members])
    rates = torch.full((2, len(members)), rate, dtype=torch.float64)
    batches = DeviceBatches(data, [each.train for each in tables], batch_size, keys, (7, 3), rates)
    if stay:
        data.select(stay)
        batches.select(stay)
    return batches


def epoch_of(batches: DeviceBatches, epoch: int) -> list[Batch]:
    batches.shuffle(epoch)
    return [batches.at(torch.tensor([step])) for step in range(batches.steps)]


def orders(batches: DeviceBatches, members: Sequence[Trainee], epoch: int) -> list[list[int]]:
    """The rows of each member in the order in which they come, found by their inputs."""
    found: list[list[int]] = [[] for _ in members]
    for batch in epoch_of(batches, epoch):
        for row, member in enumerate(members):
            inputs = batch.inputs[row][batch.valid[row, 0] == 1, :-1]
            same = (inputs[:, None] == member.data.inputs[None]).all(-1)
            found[row] += same.float().argmax(1).tolist()
    return found


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("batch_size", [10, 40, 1])
def test_an_epoch_is_each_row_once_in_a_new_order(batch_size: int) -> None:
    members = stack() if batch_size > 1 else stack()[:1]
    batches = device_batches(members, batch_size)
    first, second = (orders(batches, members, epoch) for epoch in (1, 2))
    for found, member in zip((*first, *second), (*members, *members), strict=True):
        assert sorted(found) == sorted(member.data.train)
    assert first[0] != second[0] != sorted(second[0])
    assert first == orders(batches, members, 1)


@pytest.mark.usefixtures("device")
def test_weights_are_shares_of_the_rows_that_are_there() -> None:
    for batch in epoch_of(device_batches(stack()), 1):
        assert torch.equal(batch.weights > 0, batch.valid == 1)
        torch.testing.assert_close(batch.weights.sum(-1), torch.ones(3, 1))


@pytest.mark.usefixtures("device")
def test_what_a_member_draws_does_not_depend_on_its_company() -> None:
    members = stack()
    together, alone, left = device_batches(members), device_batches(members[2:]), device_batches(members, stay=[2, 0])
    for whole, single, some in zip(*(epoch_of(each, 3) for each in (together, alone, left)), strict=True):
        for other in (single, some):
            assert torch.equal(whole.inputs[2], other.inputs[0])
            assert torch.equal(whole.weights[2], other.weights[0])
            for mask, its in zip(whole.masks, other.masks, strict=True):
                assert torch.equal(mask.kept[2], its.kept[0])


@pytest.mark.usefixtures("device")
def test_masks_follow_the_factors_of_their_steps() -> None:
    """Also of those members that stay; a step with factor 1 has the masks of an epoch without factors."""
    members = stack()
    factors = np.stack([[1.0, 0.5, 0.0, 1.0], np.ones(4), np.full(4, 0.5)], axis=1)
    whole, left, steady = (device_batches(members, rate=0.8, stay=stay) for stay in (None, [2, 0], None))
    whole.drop(factors)
    left.drop(factors[:, [2, 0]])
    for step, (one, some, plain) in enumerate(zip(*(epoch_of(each, 2) for each in (whole, left, steady)), strict=True)):
        for mask, its, other in zip(one.masks, some.masks, plain.masks, strict=True):
            assert torch.equal(mask.kept[[2, 0]], its.kept)
            assert torch.equal(mask.scale[[2, 0]], its.scale)
            assert torch.equal(mask.kept[1], other.kept[1])
            assert torch.equal(mask.kept[0], other.kept[0]) is bool(factors[step, 0] == 1)
            assert mask.scale[:, 0, 0].tolist() == pytest.approx((1 / (1 - 0.8 * factors[step])).tolist(), rel=1e-4)
        kept = torch.cat([mask.kept[0].flatten() for mask in one.masks]).float().mean()
        assert float(kept) == pytest.approx(1 - 0.8 * factors[step, 0], abs=0.2)


@pytest.mark.usefixtures("device")
def test_masks_drop_as_many_units_as_they_should_and_others_in_every_step() -> None:
    batches = device_batches(stack(), rate=0.3)
    epochs = [*epoch_of(batches, 1), *epoch_of(batches, 2)]
    drawn = torch.stack([torch.cat([m.kept.flatten(1) for m in batch.masks], 1) for batch in epochs]).float()
    assert drawn.shape == (8, 3, 100)
    assert float(drawn.mean()) == pytest.approx(0.7, abs=5 * (0.21 / drawn.numel()) ** 0.5)
    assert len({tuple(row.tolist()) for step in drawn for row in step}) == 24
    assert float(batches.at(torch.tensor([0])).masks[0].scale[0]) == pytest.approx(1 / 0.7, rel=1e-4)


CUDA = torch.device("cuda")


class Doubled(BinaryCrossEntropy):
    """A user's own."""


@pytest.mark.parametrize(
    ("how", "expected"),
    [({}, True), ({"loss": Doubled("binary")}, False), ({"optimizer": torch.optim.Rprop}, False)],
    ids=["ours", "own loss", "autograd"],
)
def test_only_what_is_ours_is_captured(how: dict[str, Any], expected: bool) -> None:
    """What is a user's may wait for the device."""
    member = make_member(**how)
    network = build_network([member], CPU)
    loss = array_loss(TORCH, member.loss)
    assert stack_engine.captures(network, loss, CUDA) is expected
    assert not stack_engine.captures(network, loss, CPU)
