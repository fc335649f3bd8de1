"""Networks and optimizers of a user's own through the command line, alone and in sweeps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.commands import Command, mistakes, refusal, said
from support.folders import history_of, result_of, weights_of
from support.page_blocks import blocks_of, commands_of
from support.project import QUICK_TABLE, ROOT
from support.tables import write_table

PAGE = (ROOT / "docs" / "how-to" / "network.md").read_text(encoding="utf-8")
QUIET = ("trainer.device=cpu", "trainer.plots=never", "data.n_samples=100")
NETS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_features, out_features, width=6, stacks=True):
        super().__init__()
        self.first, self.norm = nn.Linear(in_features, width, bias=False), nn.BatchNorm1d(width)
        self.dropout, self.head = nn.Dropout(0.2), nn.Linear(width, out_features, bias=False)

    def forward(self, x):
        return self.head(self.dropout(torch.relu(self.norm(self.first(x)))))


class Plain(nn.Sequential):
    def __init__(self, in_features, out_features):
        super().__init__(nn.Linear(in_features, 4, bias=False), nn.Tanh(), nn.Linear(4, out_features, bias=False))


class Recurrent(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.layer, self.head = nn.GRU(1, 4, batch_first=True), nn.Linear(4, out_features)

    def forward(self, x):
        return self.head(self.layer(x.unsqueeze(-1))[0][:, -1])


class OfTheBatch(nn.Module):
    def forward(self, logits, target):
        error = (logits - target).square().flatten(1).mean(1)
        return error / (error.mean() + 1e-3)


class Closure(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr)

    def step(self, closure):
        with torch.enable_grad():
            closure()
        super().step()


class NoOptimizer:
    def __init__(self, params, lr):
        pass


class NoRate(torch.optim.SGD):
    def __init__(self, params):
        super().__init__(params, lr=0.1)


class NoStep(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})


def number(params, lr):
    return 3
"""


@pytest.fixture
def nets(tmp_path: Path) -> str:
    """The name of the user's own module, another one in each test."""
    name = f"nets_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(NETS, encoding="utf-8")
    return name


def losses(folder: Path) -> np.ndarray:
    return np.array([[float(value) for value in row[2:4]] for row in history_of(folder)[1:]])


def assert_close(found: Path, expected: Path) -> None:
    one, other = losses(found), losses(expected)
    assert one.shape == other.shape
    assert (np.abs(one - other) <= 1e-3 * np.abs(other).max(axis=0)).all()


def stacks_in(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if " stack" in line and "run" in line]


def test_the_example_of_the_page(command: Command, tmp_path: Path) -> None:
    (example, console) = blocks_of(PAGE)
    assert len(example.text.splitlines()) < 12
    (tmp_path / example.file).write_text(example.text, encoding="utf-8")
    alone, sweep = (words[1:] for words, _ in commands_of(console))
    more = (*QUIET, "trainer.epochs=3")
    said(command("run", *alone, *more, "hydra.run.dir=alone", fork=True))  # the name of its module is nobody's own
    lines = said(command("run", *sweep, *more, "hydra.sweep.dir=sweep", fork=True))
    assert stacks_in(lines) == ["6 runs in 2 stacks: model.width differs"]
    assert result_of(tmp_path / "sweep/0")["stacked"] == 3
    assert_close(tmp_path / "sweep/0", tmp_path / "alone")  # width 16, seed 0


def test_a_sweep_of_ones_own_network_is_as_its_runs_alone(command: Command, nets: str, tmp_path: Path) -> None:
    words = (*QUIET, "trainer.epochs=4", f"model._target_={nets}.Net", "model.stack=true")
    done = said(command("run", "-m", *words, "+model.width=8,6", "seed=0,1,2", "hydra.sweep.dir=sweep"))
    assert stacks_in(done) == ["6 runs in 2 stacks: model.width differs"]
    for number in (0, 4):
        width, seed = (8, 6)[number // 3], number % 3
        folder = f"alone{number}"
        said(command("run", *words, f"+model.width={width}", f"seed={seed}", f"hydra.run.dir={folder}"))
        assert_close(tmp_path / "sweep" / str(number), tmp_path / folder)
        results = result_of(tmp_path / "sweep" / str(number)), result_of(tmp_path / folder)
        assert [result["stacked"] for result in results] == [3, 1]
        for result in results:
            assert result["provenance"]["stacked_by"] == {"method": "torch.func", "tolerance": 0.001}
        assert weights_of(tmp_path / folder)["norm.num_batches_tracked"].item() == 3 * 4
    (tmp_path / "points.csv").write_text("x1,x2\n0.5,0.5\n-1,0\n", encoding="utf-8")
    assert command("predict", "sweep", "points.csv", "-o", "out.csv", "--allow", nets).returncode == 0
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_a_job_is_trained_again_within_the_recorded_tolerance(command: Command, nets: str, tmp_path: Path) -> None:
    words = (*QUIET, "trainer.epochs=10", f"model._target_={nets}.Net", "model.stack=true", "seed=0,1,2")
    said(command("run", "-m", *words, "hydra.sweep.dir=sweep"))
    again = said(command("run", "rerun=sweep/1", "--allow", nets))
    first = f"the same as {tmp_path / 'sweep/1'} within 0.001 of the losses, since its network trains by torch.func"
    identical = f"identical to {tmp_path / 'sweep/1'} to the last bit: history, weights and metrics"
    assert first in again or identical in again
    said(command("run", "rerun=sweep/1", "--allow", nets, "hydra.run.dir=one"))
    third = said(command("run", "rerun=one", "--allow", nets))  # alone both times
    assert third[-2:] == [
        f"identical to {tmp_path / 'one'} to the last bit: history, weights and metrics",
        "the environment is the same",
    ]


@pytest.mark.parametrize("more", [(), ("scheduler=exponential", "scheduler.interval=step")], ids=["epoch", "step"])
def test_an_extended_run_is_that_of_as_many_epochs(
    command: Command, nets: str, tmp_path: Path, more: tuple[str, ...]
) -> None:
    words = (*QUIET, f"model._target_={nets}.Net", "model.stack=true", *more)
    said(command("run", *words, "trainer.epochs=2", "hydra.run.dir=run"))
    said(command("run", "resume=run", "trainer.epochs=5", "--allow", nets))
    said(command("run", *words, "trainer.epochs=5", "hydra.run.dir=whole"))
    assert history_of(tmp_path / "run") == history_of(tmp_path / "whole")
    one, other = weights_of(tmp_path / "run"), weights_of(tmp_path / "whole")
    assert all(one[name].equal(tensor) for name, tensor in other.items())
    rates = [float(row[1]) for row in history_of(tmp_path / "run")[1:]]
    assert rates == pytest.approx([1e-3 * 0.97 ** (3 * epoch if more else 0) for epoch in range(5)])


def test_a_table_with_many_categories(command: Command, nets: str, tmp_path: Path) -> None:
    """Their embeddings train with the network."""
    words = ["trainer.device=cpu", "trainer.plots=never", "trainer.epochs=2", *QUICK_TABLE]
    words += [f"data.path={write_table(tmp_path)}", "data.target=answer", "data.drop=[patient]"]
    words += ["preprocess.one_hot_max=9", f"model._target_={nets}.Net", "model.stack=true"]
    lines = said(command("run", "-m", *words, "seed=0,1", "hydra.sweep.dir=sweep"))
    assert stacks_in(lines) == ["2 runs in 1 stack"]
    said(command("run", *words, "seed=1", "hydra.run.dir=alone"))
    assert_close(tmp_path / "sweep/1", tmp_path / "alone")
    assert "embedding.weight" in weights_of(tmp_path / "alone")


def test_what_cannot_stack_is_said_before_any_training(command: Command, nets: str, tmp_path: Path) -> None:
    words = (*QUIET, f"model._target_={nets}.Recurrent", "model.stack=true")
    problem = mistakes(
        "model.stack: Recurrent cannot train in a stack: torch.func has no rule for its operation gru. Say "
        "model.stack=false: each run then trains alone"
    )
    assert refusal(command("run", *words)) == problem
    assert refusal(command("run", *words, "--dry-run")).endswith(problem)
    done = command("run", "-m", *words, "seed=0,1", "hydra.sweep.dir=sweep")
    assert done.returncode == 1
    assert problem.splitlines()[1] in done.stderr
    assert [result_of(tmp_path / "sweep" / name)["status"] for name in "01"] == ["failed", "failed"]
    said(command("run", *words, "model.stack=false", "trainer.epochs=1"))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("optimizer._target_=torch.optim.LBFGS", "the optimizer LBFGS takes one network"),
        ("loss._target_={nets}.OfTheBatch", "a row's Criterion depends on other rows"),
    ],
)
def test_why_a_run_trains_alone_is_said(command: Command, nets: str, more: str, why: str) -> None:
    words = (*QUIET, "trainer.epochs=1", f"model._target_={nets}.Plain", "model.stack=true", more.format(nets=nets))
    assert f"model.stack: the run trains alone: {why}" in said(command("run", *words))
    lines = said(command("run", "-m", *words, "seed=0,1", "hydra.sweep.dir=sweep"))
    assert stacks_in(lines) == [f"2 runs in 2 stacks: 2 alone ({why})"]
    dry = said(command("run", "-m", *words, "seed=0,1", "--dry-run"))
    assert why.rsplit(maxsplit=1)[-1] in " ".join(dry)


def test_runs_with_other_numbers_of_rows_do_not_stack(command: Command, nets: str) -> None:
    words = ("trainer.device=cpu", "trainer.plots=never", "trainer.epochs=1", f"model._target_={nets}.Plain")
    lines = said(command("run", "-m", *words, "model.stack=true", "data.n_samples=100,101", "trainer.batch_size=full"))
    assert stacks_in(lines) == ["2 runs in 2 stacks: model.stack (the number of training rows) differs"]
    lines = said(command("run", "-m", *words, "model.stack=true,false", "data.n_samples=100"))
    assert stacks_in(lines) == ["2 runs in 2 stacks: model.stack differs; 1 alone (model.stack is false)"]
    ours = said(command("run", "-m", *QUIET, "trainer.epochs=1", "model.stack=true,false"))
    assert stacks_in(ours) == ["2 runs in 1 stack"]


# ---- optimizers


@pytest.mark.parametrize(
    ("words", "own_network"),
    [
        ("optimizer._target_=torch.optim.LBFGS optimizer.lr=0.1 trainer.batch_size=full", False),
        ("optimizer._target_=torch.optim.Rprop optimizer.lr=0.01", True),
        ("optimizer._target_=torch.optim.Adafactor optimizer.lr=0.01 optimizer.eps=[null,1e-3]", False),
        ("optimizer._target_={nets}.Closure optimizer.lr=0.1", True),
        ("optimizer._target_={nets}.Closure optimizer.lr=0.1", False),
        ("optimizer._target_=torch.optim.Muon optimizer.lr=0.01", True),  # which trains matrices, and MLP has biases
    ],
    ids=lambda value: value.split()[0].rpartition(".")[2] if isinstance(value, str) else ("mlp", "own")[value],
)
def test_an_optimizer_with_or_without_closure(
    command: Command, nets: str, tmp_path: Path, words: str, own_network: bool
) -> None:
    network = [f"model._target_={nets}.Plain"] if own_network else ["model.hidden_sizes=[4]"]
    args = [*QUIET, "trainer.epochs=4", *network, *words.format(nets=nets).split()]
    said(command("run", "-m", *args, "seed=0,1", "hydra.sweep.dir=sweep"))
    said(command("run", *args, "seed=1", "hydra.run.dir=alone"))
    assert history_of(tmp_path / "sweep/1") == history_of(tmp_path / "alone")
    start, *_, end = losses(tmp_path / "alone")[:, 0]
    assert end < start


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("NoOptimizer", "optimizer._target_: expected a torch.optim.Optimizer to be built, got NoOptimizer"),
        ("number", "optimizer._target_: expected a torch.optim.Optimizer to be built, got int"),
        ("NoStep", "optimizer._target_: NoStep has no method step"),
        ("NoRate", "  optimizer._target_: NoRate takes no 'lr', which the scheduler sets; add that argument"),
    ],
)
def test_what_is_no_optimizer_is_said(command: Command, nets: str, target: str, line: str) -> None:
    words = (*QUIET, f"optimizer._target_={nets}.{target}", "trainer.epochs=1")
    alone, sweep = command("run", *words), command("run", "-m", *words, "seed=0,1")
    assert alone.returncode == sweep.returncode == 1
    assert line in alone.stderr.splitlines()
    assert line.strip() in sweep.stderr
    assert "Traceback" not in alone.stderr + alone.stdout + sweep.stderr + sweep.stdout
