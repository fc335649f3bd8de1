"""A call from Python changes nothing of the process that the caller would notice afterwards."""

import asyncio
import contextlib
import gc
import io
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import matplotlib as mpl
import numpy as np
import pytest
import rich
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase
from threadpoolctl import threadpool_info

from mlp_exp.api.training import search, sweep, train
from mlp_exp.errors import ConfigError

SMALL = {"data.n_samples": 60, "trainer.epochs": 1, "trainer.plots": "never"}
TABLE = {"x": [float(each % 9) for each in range(60)], "y": [float(each % 7) for each in range(60)]}
OF_TABLE = {"seed": range(2), "trainer.epochs": 1, "trainer.plots": "never", "baselines": "none"}
TWO = {**SMALL, "seed": range(2)}


def _state() -> dict[str, Any]:
    """What a caller would notice."""
    root = logging.getLogger()
    return {
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "streams": (sys.stdout, sys.stderr, rich.get_console().quiet),
        "log": (list(root.handlers), root.level, logging.raiseExceptions),
        "handlers": len(logging._handlerList),  # type: ignore[attr-defined]
        "warnings": list(warnings.filters),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "garbage": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "random": (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()),
        "threads": (torch.get_num_threads(), [(pool["prefix"], pool["num_threads"]) for pool in threadpool_info()]),
        "others": sorted(thread.name for thread in threading.enumerate()),
        "torch": (torch.is_grad_enabled(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()),
        "figures": (mpl.get_backend(auto_select=False), "matplotlib.pyplot" in sys.modules),
        "hydra": (GlobalHydra.instance().hydra, VersionBase.instance().getbase()),
    }


def _fails() -> None:
    with pytest.raises(ConfigError):
        train({"trainer.epochs": "many"}, folder=None, quiet=True)


CALLS: dict[str, Callable[[], object]] = {
    "train": lambda: train(
        {"data": "diabetes", "trainer.epochs": 1, "trainer.plots": "always"}, folder=None, quiet=True
    ),
    "sweep": lambda: sweep(TWO, folder=None, quiet=True),
    "sweep of a table": lambda: sweep(OF_TABLE, data=TABLE, target="y", folder=None, quiet=True),
    "search": lambda: search(TWO, trials=2, folder=None, quiet=True),
    "a mistake": _fails,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_is_changed(call: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call()  # imports, which may change something for good
    monkeypatch.setattr(gc, "freeze", pytest.fail)
    before = _state()
    call()
    after = _state()
    assert [(before[name], after[name]) for name in before if after[name] != before[name]] == []
    assert list(tmp_path.iterdir()) == []


def test_garbage_that_is_not_to_be_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    gc.disable()
    try:
        train(SMALL, folder=None, quiet=True)
        assert (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()) == (False, before, 0)
    finally:
        gc.enable()


def test_within_an_application_of_hydra(tmp_path: Path) -> None:
    """The caller composes with a version of Hydra's rules of its own, and goes on composing."""
    (tmp_path / "theirs.yaml").write_text("own: 1\n", encoding="utf-8")
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.2"):
        train(SMALL, folder=None, quiet=True)
        assert str(VersionBase.instance().getbase()) == "1.2"
        assert hydra.compose("theirs", ["own=2"]) == {"own": 2}


def test_within_an_event_loop() -> None:
    async def count() -> int:
        return len(sweep(TWO, folder=None, quiet=True))

    assert asyncio.run(count()) == 2


def test_quiet_is_quiet_for_its_thread_alone(capfd: pytest.CaptureFixture[str]) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(sweep(TWO, folder=None, quiet=True))) for _ in range(2)]
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            print("a line of another thread")
            threads[0].join(0.05)
    lines = stream.getvalue().splitlines()
    assert set(lines) == {"a line of another thread"}
    assert [len(results) for results in found] == [2, 2]
    assert capfd.readouterr() == ("", "")


def test_what_is_printed_without_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(SMALL, folder=tmp_path / "run")
    first, second, *_, last, note = capsys.readouterr().out.splitlines()
    assert first.startswith("60 rows, 2 features, 2 classes; ")
    assert second.startswith("epoch 1/1: train loss ")
    assert last == f"finished after 1 epoch, best epoch 1: {run.folder}"
    assert note == "Note: the test part has 12 rows: its metrics are uncertain."
