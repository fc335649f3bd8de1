"""Checks what runs on an NVIDIA GPU, and measures it: `python benchmarks/cuda.py`. Takes under four minutes.

Writes its tables into RESULTS.md. Ends with status 1 where a check fails. It needs mlp_exp, and no other tool.
"""

import copy
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from members import make_members, timed_step
from pages import table, write_section
from torch import nn
from work import SMALL, WORKS, Work, make_rows

from mlp_exp.engine import captured
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.engine.threads import set_threads
from mlp_exp.model.mlp import MLP
from mlp_exp.training.loop import Trainee

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
COUNTS = (1, 16, 128, 1024)
TOLERANCE = 1e-3
"""Of losses on the same batches, relative: float32 sums in another order."""
WIDE = "512-512-512, batch 1024"
PAGE = Path(__file__).with_name("RESULTS.md")


class StepByStep:
    """In the place of a graph: every step is launched anew."""

    def __init__(self, function: Callable[[], None]) -> None:
        self.replay = function


# ---- checks


def losses(members: list[Trainee], batch: int | None, device: torch.device, epochs: int = 5) -> torch.Tensor:
    """`[epochs, K]`; the members are left as they were."""
    engine = StackEngine(copy.deepcopy(members), batch, device)
    return torch.tensor([engine.train_epoch([1e-3] * len(members)) for _ in range(epochs)], dtype=torch.float64)


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The greatest, relative."""
    return float(((found - expected).abs() / expected.abs()).max())


def checks() -> Iterator[tuple[str, bool | None, str]]:
    """What was checked, whether it holds (None where it may or may not), and the figures."""
    work = replace(WORKS[SMALL], features=20)
    for name, options in {
        "ReLU": {},
        "GELU, batch norm": {"activation": "gelu", "norm": "batch"},
        "SiLU, layer norm, residual": {"activation": "silu", "norm": "layer", "residual": True},
    }.items():
        members = with_modules(make_members(4, work), partial(MLP, 20, 1, (64, 64), **options))
        off = difference(losses(members, None, CUDA), losses(members, None, CPU))
        yield f"the same batches as on the CPU give the same losses: {name}", off < TOLERANCE, f"{off:.1e}"
    dropping = with_modules(make_members(128, work), partial(MLP, 20, 1, work.hidden, dropout=0.2))
    together = losses(dropping, work.batch, CUDA)
    with patch.object(captured, "CudaGraph", StepByStep):
        off = difference(together, losses(dropping, work.batch, CUDA))
    yield "a captured step is the step that was captured", off == 0, f"{off:.1e}"
    off = difference(together, losses(dropping, work.batch, CUDA))
    yield "trained again it is the same", off == 0, f"{off:.1e}"
    for count in (1, 2, 7, 32):
        some = losses(dropping[:count], work.batch, CUDA)
        same = int((some == together[:, :count]).all(0).sum())
        off = difference(some, together[:, :count])
        # cuBLAS may choose another kernel for another number of members
        yield f"{count} of 128 members, trained without the others", None, f"{same} identical, others within {off:.1e}"
    yield "TF32 is off", not torch.backends.cuda.matmul.allow_tf32, ""


def with_modules(members: list[Trainee], make: Callable[[], nn.Module]) -> list[Trainee]:
    for index, member in enumerate(members):
        torch.manual_seed(index)
        member.module = make()
    return members


# ---- measurements


@dataclass
class Plain:
    """PyTorch as one would write it for a GPU: rows that stay there, fused Adam; `compiled`: network and loss."""

    work: Work
    compiled: bool

    def microseconds(self) -> float:
        """Of a step, in the fastest of three epochs."""
        rows = make_rows(self.work.rows, self.work.features)
        x, y = (torch.from_numpy(each).to(CUDA) for each in (rows.train_x, rows.train_y))
        model = MLP(self.work.features, 1, self.work.hidden).to(CUDA)
        optimizer = torch.optim.Adam(model.parameters(), lr=self.work.lr, fused=True)

        def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)

        if self.compiled:
            loss_of = torch.compile(loss_of, mode="reduce-overhead")
        best = float("inf")
        for _ in range(5):
            torch.cuda.synchronize()
            start = time.perf_counter()
            order = torch.randperm(len(x), device=CUDA)
            for batch in order.split(self.work.batch)[: len(x) // self.work.batch]:  # of one shape
                torch.compiler.cudagraph_mark_step_begin()
                optimizer.zero_grad()
                loss_of(x[batch], y[batch].float()).backward()
                optimizer.step()
            torch.cuda.synchronize()
            best = min(best, (time.perf_counter() - start) / (len(x) // self.work.batch) * 1e6)
        return best


def small(dropout: float) -> list[list[str]]:
    """A row for each number of members."""
    work = WORKS[SMALL]
    alone = 0.0
    rows = []
    for count in COUNTS:
        members = make_members(count, work, dropout=dropout)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step = fastest(StackEngine(members, work.batch, CUDA), [work.lr] * count)
        mib = (torch.cuda.max_memory_allocated() - before) / 2**20
        whole, rest = timed_step(count, work, dropout, CUDA)
        rest.close()
        alone = alone or step
        rows.append([
            f"{count:,}, dropout {dropout}", f"{step:.0f}", f"{step / alone:.2f}", f"{step / count:.2f}",
            f"{whole:.0f}", f"{mib:.0f}",
        ])  # fmt: skip
    return rows


def fastest(engine: StackEngine, lr: list[float]) -> float:
    """Microseconds of a step, in the fastest of five epochs after the one that captures it."""
    engine.train_epoch(lr)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        engine.train_epoch(lr)
        best = min(best, time.perf_counter() - start)
    return best / engine.steps * 1e6


def wide() -> list[list[str]]:
    work = replace(WORKS[WIDE], rows=20 * 1024)
    ours = fastest(StackEngine(make_members(1, work), work.batch, CUDA), [work.lr])
    rows = [["mlp_exp", f"{ours:.0f}", "1.00"]]
    for name, compiled in (("PyTorch", False), ("PyTorch, compiled", True)):
        try:
            plain = Plain(work, compiled).microseconds()
            rows.append([name, f"{plain:.0f}", f"{plain / ours:.2f}"])
        except Exception as error:  # as without a C compiler; the other figures stay
            rows.append([name, f"failed: {type(error).__name__}", ""])
    return rows


def on_the_cpu() -> str:
    """A step of one member and of a stack, on one thread of this machine's CPU."""
    set_threads(1)
    steps = {count: timed_step(count, WORKS[SMALL], 0.2, CPU)[0] for count in (1, 64)}
    return f"On one thread of its CPU: {steps[1]:.0f} µs a step of one member, {steps[64] / 64:.1f} a member of 64."


def main() -> int:
    if not torch.cuda.is_available():
        print("benchmarks/cuda.py: expected an NVIDIA GPU, and torch finds none", file=sys.stderr)
        return 1
    start = time.perf_counter()
    found = list(checks())
    words = {True: "yes", False: "NO", None: "–"}
    checked = table(["check", "holds", "found"], [[what, words[holds], figures] for what, holds, figures in found])
    print(checked, flush=True)
    members = table(
        ["members of 64-32, batch 32", "µs a step", "of one", "µs a member", "µs with records and decisions", "MiB"],
        [*small(0.0), *small(0.2)],
    )
    print(members, flush=True)
    network = table([f"{WIDE}, float32", "µs a step", "of mlp_exp's"], wide())
    print(network, flush=True)
    processor = on_the_cpu()
    made = (
        f"Made by `python benchmarks/cuda.py` in {time.perf_counter() - start:.0f} s. "
        f"{torch.cuda.get_device_name()}; Python {platform.python_version()}, torch {torch.__version__}."
    )
    write_section(PAGE, "cuda", "benchmarks/cuda.py", "\n\n".join([checked, members, network, processor, made]))
    return int(any(holds is False for _, holds, _ in found))


if __name__ == "__main__":
    sys.exit(main())
