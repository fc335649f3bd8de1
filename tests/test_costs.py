"""What a step, a run and a sweep cost, in counts that do not depend on the machine: a rise has to be meant.

Times are measured by `make bench`.
"""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import omegaconf.base
import pytest
import torch
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from support.commands import Command
from support.folders import files_in
from support.members import make_member
from torch.utils._python_dispatch import TorchDispatchMode

from mlp_exp.cli import composing
from mlp_exp.cli.layers import parse
from mlp_exp.engine.arrays import NUMPY
from mlp_exp.training.loop import train

QUIET = ("trainer.epochs=3", "data.n_samples=100", "trainer.device=cpu", "trainer.plots=never")


class Kernels(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that torch is asked for; views, which move no number, are left out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


class CountedArrays:
    """NumPy's functions, and how many times they are called."""

    def __init__(self) -> None:
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        function = getattr(NUMPY, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return function(*args, **kwargs)

        return function if name in ("view", "tensor", "empty_like") else counted


def kernels_of_a_step(members: int, dropout: float, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """Of NumPy and of torch: the difference of two epochs, of which one has ten steps more."""
    arrays = CountedArrays()
    monkeypatch.setattr("mlp_exp.engine.arrays.NUMPY", arrays)

    def count(steps: int) -> tuple[int, int]:
        stack = [make_member(seed=seed, train_rows=8 * steps, dropout=dropout) for seed in range(members)]
        epochs = train(stack, 8, torch.device("cpu"))
        next(epochs)
        arrays.count = 0
        with Kernels() as kernels:
            next(epochs)
        epochs.close()
        return arrays.count, kernels.count

    (more_arrays, more_torch), (fewer_arrays, fewer_torch) = count(20), count(10)
    return (more_arrays - fewer_arrays) / 10, (more_torch - fewer_torch) / 10


@pytest.mark.parametrize("members", [1, 2, 16])
@pytest.mark.parametrize(("dropout", "arrays", "torch_"), [(0.0, 23, 2), (0.2, 27, 2)])
def test_kernels_of_a_step(
    members: int, dropout: float, arrays: int, torch_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two hidden layers, with Adam; however many members there are."""
    assert kernels_of_a_step(members, dropout, monkeypatch) == (arrays, torch_)


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, key: Callable[..., str]) -> Counter[str]:
    """How often a function is called from now on, by what `key` says of its arguments."""
    counts: Counter[str] = Counter()
    function = getattr(owner, name)

    def count(*args: Any, **kwargs: Any) -> Any:
        counts[key(*args, **kwargs)] += 1
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, count)
    return counts


def test_files_that_a_run_writes(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = counted(monkeypatch, os, "replace", lambda _, path: Path(path).name)
    assert command("run", *QUIET, "hydra.run.dir=run").returncode == 0
    # the checkpoint at the beginning too, from when on the run can be resumed
    assert written == {"checkpoint.pt": 2, "history.csv": 1, "model.pt": 1, "result.json": 1}
    of_hydra = {".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "run.log"}
    assert files_in(tmp_path / "run") == {*written, *of_hydra}


def test_bytes_of_a_run(command: Command, tmp_path: Path) -> None:
    """Of the default network, after two lengths of training: the network, its optimizer's state, and the history."""
    sizes = {}
    for epochs in (3, 53):
        assert command("run", *QUIET, f"trainer.epochs={epochs}", f"hydra.run.dir={epochs}").returncode == 0
        files = {name: (tmp_path / str(epochs) / name).stat().st_size for name in files_in(tmp_path / str(epochs))}
        sizes[epochs] = files
    assert {name for name, size in sizes[3].items() if size > 8000} == {"checkpoint.pt", "model.pt"}
    weights = 4 * (2 * 64 + 64 + 64 * 32 + 32 + 32 + 1)
    assert sizes[3]["model.pt"] < weights + 6500
    assert sizes[3]["checkpoint.pt"] < 4 * weights + 8000  # latest and best weights, and Adam's two moments
    assert sum(sizes[53].values()) - sum(sizes[3].values()) < 50 * 200  # a row of the history, twice


@pytest.mark.slow
def test_interpolations_of_a_sweep(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of what a job takes before it trains went into parsing them."""
    parsed = counted(monkeypatch, omegaconf.base, "parse", lambda text, *_, **__: str(text))
    totals = []
    for jobs in (2, 7):
        parsed.clear()
        assert command("run", "-m", *QUIET, f"seed=range({jobs})").returncode == 0
        totals.append(parsed.total())
    assert totals[1] - totals[0] == 5 * 2  # the folder of the sweep, and that of the job


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [2, 7])
def test_compositions_of_a_sweep(command: Command, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    """By Hydra; however many jobs there are."""
    composing.BASES.clear()  # of earlier commands in this process
    composed = counted(monkeypatch, ConfigLoaderImpl, "_load_configuration_impl", lambda *_, **__: "")
    assert command("run", "-m", *QUIET, f"seed=range({jobs})").returncode == 0
    assert composed.total() == 1


@pytest.mark.parametrize("jobs", [2, 7])
def test_parsed_overrides_of_a_sweep(command: Command, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    """By Hydra's sweeper once; once more what the jobs share, but for numbers; however many jobs there are."""
    parsed = counted(monkeypatch, OverridesParser, "parse_rule", lambda _, text, rule: text)
    parse.cache_clear()
    assert command("run", "-m", *QUIET, f"seed=range({jobs})").returncode == 0
    assert [parsed[f"seed={seed}"] for seed in range(jobs)] == [0] * jobs
    numbers = [word.partition("=")[2].isdigit() for word in QUIET]
    assert [parsed[word] for word in QUIET] == [1 if number else 2 for number in numbers]
