"""`sweep` and `search`: the folders of the command line, and the runs as one table."""

import gc
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support.commands import Command, mistakes
from support.folders import names
from support.sweeps import jobs_in, scores_in, trained
from torch import nn

from mlp_exp.api.overrides import interval
from mlp_exp.api.training import search, sweep, train
from mlp_exp.errors import ConfigError, MlpExpError, RunFolderError, TrainingError

SHORT = {"trainer.plots": "never", "baselines": "none", "trainer.epochs": 2, "data.n_samples": 60}
TEXTS = [f"{key}={value}" for key, value in SHORT.items()]
COLUMNS = {"x": [0.5 * row for row in range(60)], "y": [row % 7 / 2 for row in range(60)]}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _same(typed: Path, called: Path) -> None:
    """Both hold the same runs, with the same weights."""
    assert names(called) == names(typed)
    assert [trained(job) for job in jobs_in(called)] == [trained(job) for job in jobs_in(typed)]
    scores = [[{**row, "folder": ""} for row in scores_in(folder)] for folder in (called, typed)]
    assert scores[0] == scores[1]


def test_the_bits_of_the_command_line(command: Command, tmp_path: Path) -> None:
    typed = ["model.hidden_sizes=[8],[4,4]", "optimizer=adam,sgd", *TEXTS]
    assert command("run", "-m", *typed, "hydra.sweep.dir=typed").returncode == 0
    found = sweep(
        {"model.hidden_sizes": [[8], [4, 4]], "optimizer": ("adam", "sgd"), **SHORT}, folder="called", quiet=True
    )
    assert found.folders == [tmp_path / "called"]
    assert sorted(row["number"] for row in found) == [0, 1, 2, 3]
    _same(tmp_path / "typed", tmp_path / "called")


def test_the_bits_of_a_search(command: Command, tmp_path: Path) -> None:
    typed = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra/sweeper/pruner=none", "hydra.sweeper.batch=3"]
    space = ["optimizer.lr=tag(log,interval(0.001,0.1))", *TEXTS]
    assert command("run", "-m", *typed, *space, "hydra.sweep.dir=typed").returncode == 0
    overrides = {"optimizer.lr": interval(1e-3, 1e-1, log=True), **SHORT}
    found = search(overrides, trials=3, settings={"pruner": "none", "batch": 3}, folder="called", quiet=True)
    assert len(found) == 3
    _same(tmp_path / "typed", tmp_path / "called")
    more = search(resume="called", trials=4, quiet=True)
    assert sorted(row["number"] for row in more) == [0, 1, 2, 3]


def test_a_search_in_a_ready_space() -> None:
    found = search({"search": "small", **SHORT}, trials=1, folder=None, quiet=True)
    assert len(found) == 1
    assert "model.hidden_sizes" in found.table.column_names


def test_a_notebook_without_widgets_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))
    monkeypatch.setattr("tqdm.notebook.IProgress", None)
    for name in ("tqdm.auto", "tqdm.autonotebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ConfigError, match="expected a dict of values"):
        search("seed", quiet=True)
    assert "tqdm.auto" in sys.modules


def test_a_data_frame_without_a_folder() -> None:
    del (short := dict(SHORT))["data.n_samples"]
    found = sweep({"seed": np.arange(2), **short}, data=COLUMNS, target="y", folder=None, quiet=True)
    folder = found.folders[0]
    assert {"0", "1", "data.parquet", "leaderboard.csv"} <= set(names(folder))
    best = found.best
    del found
    gc.collect()
    assert folder.exists()
    assert best.predict(COLUMNS).shape == (60,)
    del best
    gc.collect()
    assert not folder.exists()


def test_a_sweep_goes_on(tmp_path: Path) -> None:
    found = sweep({"seed": [0, 1], **SHORT}, folder="swept", quiet=True)
    before = {job.name: trained(job) for job in jobs_in(found.folders[0])}
    (tmp_path / "swept/1/result.json").unlink()
    again = sweep(resume="swept", quiet=True)
    assert {job.name: trained(job) for job in jobs_in(again.folders[0])} == before


def test_a_run_that_fails_is_a_row() -> None:
    found = sweep({**SHORT, "data.n_samples": [60, 2]}, folder=None, quiet=True)
    assert [row["status"] for row in found] == ["finished", "failed"]
    assert list(found)[1]["reason"] == mistakes("data.n_samples: expected a whole number, 10 or more, got 2")


def test_all_runs_fail(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        sweep({**SHORT, "data.n_samples": 2, "seed": range(7)}, folder="swept", quiet=True)
    first, job, reason = str(caught.value).splitlines()
    assert first == f"{tmp_path / 'swept'}: all runs have failed:"
    assert re.fullmatch(r"job 0 \(.*\) and 6 more: The configuration has 1 mistake:", job)
    assert reason == "  data.n_samples: expected a whole number, 10 or more, got 2"


def test_runs_fail_for_many_reasons() -> None:
    with pytest.raises(TrainingError) as caught:
        sweep({**SHORT, "data.n_samples": range(2, 9)}, folder=None, quiet=True)
    _, *lines, last = str(caught.value).splitlines()
    assert [line.partition(" (")[0] for line in lines[::2]] == [f"job {number}" for number in range(5)]
    assert last == "… and 2 more"


def test_a_list_that_was_meant_as_one_value() -> None:
    with pytest.raises(TrainingError) as caught:
        sweep({**SHORT, "model.hidden_sizes": [32, 16]}, folder=None, quiet=True)
    said = "model.hidden_sizes: in a sweep a list means each of its values; as one value it is [[32,16]]"
    assert str(caught.value).splitlines()[-1] == said


class Net(nn.Linear):
    """A linear model; Ctrl-C comes while it trains."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            signal.raise_signal(signal.SIGINT)
        return super().forward(x)


def test_ctrl_c_returns_the_runs_so_far(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "own_net", SimpleNamespace(Net=Net))
    linear = "mlp_exp.components.MLP"
    overrides = {**SHORT, "model._target_": [linear, "own_net.Net"], "hydra/launcher": "basic"}
    found = sweep(overrides, folder="swept")
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"Interrupted. Continue with: sweep(resume='{found.folders[0]}')"
    assert found.table["status"].to_pylist()[0] == "finished"


REFUSED: dict[str, tuple[Any, dict[str, Any], type[MlpExpError], str]] = {
    "a used folder": (
        sweep,
        {"overrides": SHORT, "folder": "old"},
        RunFolderError,
        "{cwd}/old: holds a sweep already. Go on with it: python -m mlp_exp.run resume={cwd}/old; or give this sweep a "
        "folder of its own: hydra.sweep.dir={cwd}/old-2",
    ),
    "a used folder, and a table": (
        sweep,
        {"data": COLUMNS, "target": "y", "folder": "old"},
        RunFolderError,
        "old: holds multirun.yaml of an earlier run or sweep; choose another folder",
    ),
    "a typo": (
        sweep,
        {"overrides": {"optimizr.lr": [1, 2]}},
        ConfigError,
        mistakes("optimizr: there is no such key. Did you mean 'optimizer'?"),
    ),
    "a range of a search": (
        sweep,
        {"overrides": {"optimizer.lr": interval(1e-3, 1e-1, log=True), "seed": [1, 2]}},
        ConfigError,
        mistakes("optimizer.lr: an interval is for search(); a sweep takes values: [A, B]"),
    ),
    "two folders": (
        sweep,
        {"overrides": ["hydra.sweep.dir=a"], "folder": None},
        ConfigError,
        mistakes("hydra.sweep.dir: leave it out, and give folder=…"),
    ),
    "a run is no sweep": (
        sweep,
        {"resume": "run"},
        RunFolderError,
        "run: expected the folder of a sweep, with multirun.yaml; a run is continued with train(resume='run')",
    ),
    "a sweep is no run": (
        train,
        {"resume": "old"},
        RunFolderError,
        "old: is a sweep; continue it with sweep(resume='old')",
    ),
    "a wrong setting": (
        search,
        {"overrides": {"seed": [1, 2]}, "settings": {"trials": 3}},
        ConfigError,
        mistakes("hydra.sweeper.trials: there is no such setting. Did you mean 'n_trials'?"),
    ),
    "a wrong sampler": (
        search,
        {"overrides": {"seed": [1, 2]}, "settings": {"sampler": "best"}},
        ConfigError,
        mistakes(
            "hydra/sweeper/sampler: there is no option 'best'. Options: cmaes, gp, grid, nsgaii, random, tpe."
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("function", "arguments", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    function: Any, arguments: dict[str, Any], kind: type[MlpExpError], said: str, tmp_path: Path
) -> None:
    for name in ("old", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "old/multirun.yaml").write_text("hydra: {}\n", encoding="utf-8")
    with pytest.raises(kind) as caught:
        function(**{"quiet": True, **arguments})
    assert str(caught.value) == said.format(cwd=tmp_path)
    assert names(tmp_path / "old") == ["multirun.yaml"]
