"""Batches and dropout."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from support.members import (
    CPU,
    make_member,
)
from torch import Tensor

from mlp_exp.data.statistics import Floats
from mlp_exp.engine import batches
from mlp_exp.engine.batches import BatchSource, StackedData, pad_rows

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- batches and dropout ----


@pytest.mark.parametrize(
    ("rows", "batch_size", "width", "counts"),
    [(37, 10, 10, [10, 10, 10, 7]), (32, 32, 32, [32]), (33, 32, 32, [32, 1]), (5, 32, 32, [5]), (3, 1, 1, [1] * 3)],
)
def test_batches_hold_every_row_once(rows: int, batch_size: int, width: int, counts: list[int]) -> None:
    numbers = np.arange(100, 100 + rows)
    index, valid = pad_rows(numbers, batch_size, width)
    assert index.shape == valid.shape == (len(counts), width)
    assert valid.sum(axis=1).tolist() == counts
    assert index[valid == 1].tolist() == numbers.tolist()
    assert set(index[valid == 0].tolist()) <= {100}


def source(
    rates: list[list[float]], widths: Sequence[int] = (50, 30), *, rows: int = 37, batch_size: int = 10, seed: int = 0
) -> BatchSource:
    """A batch source of K members from `rates` `[L, K]`."""
    k = len(rates[0])
    member = make_member(train_rows=rows)
    data = StackedData([member.data] * k, CPU, ones=False)
    shuffles = [np.random.default_rng([seed, i]) for i in range(k)]
    noises = [np.random.default_rng([seed + 1, i]) for i in range(k)]
    dropout = torch.tensor(rates, dtype=torch.float64)
    return BatchSource(data, [member.data.train] * k, batch_size, shuffles, noises, widths, dropout, CPU)


def epoch_of(batch_source: BatchSource, factors: Floats | None = None) -> tuple[int, dict[str, Tensor]]:
    """All blocks of an epoch as one: tensors by name."""
    blocks = list(batch_source.epoch(np.ones((1, 1)) if factors is None else factors))
    columns = {
        name: torch.from_numpy(np.concatenate([getattr(block, name) for block in blocks]))
        for name in ("inputs", "targets", "weights", "valid")
    }
    for layer in range(len(blocks[0].masks)):
        columns[f"mask {layer}"] = torch.from_numpy(
            np.concatenate([block.masks[layer].kept * block.masks[layer].scale for block in blocks])
        )
    return len(blocks), columns


@pytest.mark.parametrize("k", [1, 2, 128])
def test_members_of_one_table_store_it_once(k: int) -> None:
    data = make_member().data
    stacked = StackedData([data] * k, CPU, ones=True)
    for name in ("inputs", "targets", "weights"):
        table = getattr(stacked, f"_{name}")
        assert table.ctypes.data == getattr(data, name).data_ptr()
        assert len(table) == len(data.inputs)


def test_batches_and_noise_do_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_each_epoch_is_a_new_order_of_all_training_rows() -> None:
    member = make_member()
    batch_source = source([[0.0, 0.0], [0.0, 0.0]])
    orders = []
    for _ in range(2):
        _, columns = epoch_of(batch_source)
        for k in range(2):
            valid = columns["valid"][:, k, 0] == 1
            orders.append(columns["inputs"][:, k][valid])
            assert columns["weights"][:, k, 0].sum(-1).tolist() == pytest.approx([1.0] * 4)
            assert torch.equal(columns["weights"][:, k, 0] > 0, valid)
    everything = member.data.inputs[torch.from_numpy(np.sort(member.data.train))].sort(dim=0).values
    for order in orders:
        assert torch.equal(order.sort(dim=0).values, everything)
    for first, second in itertools.combinations(orders, 2):
        assert not torch.equal(first, second)


@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.1, 0.5, 0.9, 0.999])
def test_the_share_of_dropped_units_is_the_rate(rate: float) -> None:
    _, columns = epoch_of(source([[rate, 0.25]], [400], rows=320, batch_size=32))
    mask, other = columns["mask 0"].unbind(1)
    units = mask.numel()
    dropped = (mask == 0).double().mean().item()
    assert dropped == pytest.approx(rate, abs=5 * math.sqrt(rate * (1 - rate) / units))
    # the rate is rounded to a multiple of 2⁻¹⁶
    kept = mask[mask > 0].unique()  # type: ignore[no-untyped-call]
    assert kept.tolist() == pytest.approx([1 / (1 - rate)], rel=2**-17 / (1 - rate) + 1e-6)
    spread = math.sqrt(rate / (1 - rate) / units)
    assert mask.double().mean().item() == pytest.approx(1.0, abs=5 * spread + 1e-6)
    assert other.double().mean().item() == pytest.approx(1.0, abs=0.02)


def test_the_rate_of_each_step_follows_its_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of a block is; other members, and the order of the rows, do not notice."""
    factors = np.stack([[1.0, 0.5, 0.25, 0.0], np.ones(4)], axis=1)
    rates = [[0.8, 0.4]]
    _, columns = epoch_of(source(rates, [400]), factors)
    mask, other = columns["mask 0"].unbind(1)
    for step, factor in enumerate(factors[:, 0]):
        rate = 0.8 * factor
        dropped = (mask[step] == 0).double().mean().item()
        assert dropped == pytest.approx(rate, abs=5 * math.sqrt(rate * (1 - rate) / mask[step].numel()))
        kept = mask[step][mask[step] > 0].unique()  # type: ignore[no-untyped-call]
        assert kept.tolist() == pytest.approx([1 / (1 - rate)], rel=1e-4)
    _, steady = epoch_of(source(rates, [400]))
    assert torch.equal(other, steady["mask 0"][:, 1])
    assert torch.equal(mask[0], steady["mask 0"][0, 0])
    assert torch.equal(columns["inputs"], steady["inputs"])
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1)
    number, cut = epoch_of(source(rates, [400]), factors)
    assert number == 4
    assert all(torch.equal(cut[name], columns[name]) for name in columns)


def test_a_schedule_may_begin_and_end_between_epochs() -> None:
    factors = np.array([[0.0], [1.0], [0.5], [0.0]])
    batch_source = source([[0.5]], [400])
    found = [epoch_of(batch_source, each)[1]["mask 0"] for each in (None, factors, None)]
    expected = source([[0.5]], [400])
    for mask, each in zip(found, (0.5, factors, 0.5), strict=True):
        _, steady = epoch_of(expected)
        dropped = (mask == 0).double().mean(dim=(1, 2, 3)).tolist()
        assert dropped == pytest.approx((0.5 * factors[:, 0] if each is factors else [0.5] * 4), abs=0.05)
        same = [torch.equal(a, b) for a, b in zip(mask, steady["mask 0"], strict=True)]
        assert same == ([False, True, False, False] if each is factors else [True] * 4)


def test_the_highest_rates_still_give_finite_masks() -> None:
    """A rate is below 1, if by little."""
    _, columns = epoch_of(source([[1 - 1e-6]], [400]))
    assert columns["mask 0"].isfinite().all()
    assert (columns["mask 0"] == 0).double().mean() > 0.99


def test_units_are_dropped_independently() -> None:
    _, columns = epoch_of(source([[0.5, 0.5]], [64], rows=320, batch_size=32))
    first, second = (mask.mT.reshape(-1, 64) > 0 for mask in columns["mask 0"].double().unbind(1))
    size = len(first)
    for a, b in ((first[:, :-1], first[:, 1:]), (first[:-1], first[1:]), (first, second)):
        agree = (a == b).double().mean().item()
        assert agree == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(size * 60))
