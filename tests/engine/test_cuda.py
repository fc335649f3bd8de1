"""What only a GPU can show; `benchmarks/cuda.py` measures."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from support.members import CPU, Embeddings, make_member

from mlp_exp.engine import captured
from mlp_exp.engine.captured import Replayed
from mlp_exp.engine.engine import Factors
from mlp_exp.engine.rules import RULES
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.training.loop import Trainee

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no NVIDIA GPU"),
]
CUDA = torch.device("cuda")
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "classes": {"task": "multiclass", "model": {"activation": "gelu", "norm": "batch"}},
    "values": {"task": "regression", "model": {"norm": "layer", "hidden_sizes": (5, 5), "residual": True}},
    "embeddings": {"embeddings": Embeddings()},
    "periodic": {"model": {"numbers": 3, "number_embedding": "periodic", "scale_inputs": True}},
    "piecewise linear": {"model": {"numbers": 5, "number_embedding": "piecewise_linear", "activation": "silu"}},
    "clipped": {"clip_grad_norm": 0.1, "options": {"weight_decay": 0.1}},
    **{cls.__name__: {"optimizer": cls, "model": {"activation": "tanh"}} for cls in RULES},
    "factors": {"factors": {"head.bias": Factors(0.1, 0.0)}, "options": {"weight_decay": 0.1}},
    "autograd": {"optimizer": torch.optim.Rprop},
}


def stack(count: int = 3, **how: Any) -> list[Trainee]:
    return [make_member(seed=seed, lr=0.01 * (seed + 1), train_rows=37 + seed, **how) for seed in range(count)]


def losses(members: Sequence[Trainee], batch_size: int | None, device: torch.device = CUDA) -> list[list[float]]:
    engine = StackEngine(members, batch_size, device)
    return [engine.train_epoch([0.01] * len(members)) for _ in range(5)]


@pytest.mark.parametrize("way", WAYS)
def test_the_same_batches_train_as_on_the_cpu(way: str) -> None:
    """Batches of all rows are the same in any order."""
    how = {"optimizer": torch.optim.SGD, **WAYS[way]}
    count = 1 if way == "autograd" else 3
    expected = losses(stack(count, **how), None, CPU)
    for found, then in zip(losses(stack(count, **how), None), expected, strict=True):
        assert found == pytest.approx(then, rel=1e-3)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("embeddings", "autograd")])
def test_a_captured_step_is_the_step(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit; the gradients of embeddings alone are added up in any order."""
    how = {"dropout": 0.2, **WAYS[way]}
    replayed = losses(stack(**how), 10)

    class Called:
        def __init__(self, function: Callable[[], None]) -> None:
            self.replay = function

    monkeypatch.setattr(captured, "CudaGraph", Called)
    assert replayed == losses(stack(**how), 10)


def test_no_step_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = StackEngine(stack(dropout=0.2), 10, CUDA)
    engine.train_epoch([0.01] * 3)  # captures
    call = Replayed.__call__

    def watched(self: Replayed) -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            call(self)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Replayed, "__call__", watched)
    assert len(engine.train_epoch([0.01] * 3)) == 3


def test_members_leave_and_go_on_from_their_states() -> None:
    members = stack(dropout=0.2)
    whole, part = (StackEngine(copy.deepcopy(members), 10, CUDA) for _ in "ab")
    for engine in (whole, part):
        engine.train_epoch([0.01] * 3)
    part.select([2, 0])
    later = StackEngine(copy.deepcopy([members[2], members[0]]), 10, CUDA)
    later.restore([part.state(0), part.state(1)])
    expected = whole.train_epoch([0.01] * 3)
    found = part.train_epoch([0.01] * 2)
    assert found == pytest.approx([expected[2], expected[0]], rel=1e-4)
    assert later.train_epoch([0.01] * 2) == found


def test_products_have_all_the_bits_of_float32() -> None:
    """Not those of TF32, whose errors are a thousand times as large."""
    a, b = (torch.randn(512, 512, device=CUDA) for _ in "ab")
    exact = a.double() @ b.double()
    assert float(((a @ b) - exact).abs().max() / exact.abs().max()) < 1e-5
