"""Shared fixtures: a run's configuration, a training in this process, and the command line."""

import contextlib
import copy
import gc
import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from support.commands import Fork, Result, RunCli, clean_environment, fork_command
from support.compositions import Compose
from support.project import CONF

gc.set_threshold(200_000, 20, 100)  # a twelfth of the time went into looking through what torch and Hydra hold
os.environ["COLUMNS"] = "120"  # of every table that is printed, however the suite is started
os.environ["OMP_NUM_THREADS"] = "1"  # of the suite's own processes, of which there is one for each core
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background would hand on that it is ignored

_load = OmegaConf.load
_loaded: dict[str, Any] = {}


def _load_once(file: Any) -> Any:
    """Hydra reads the same files for every composition: a tenth of the suite's time went into parsing them."""
    if not isinstance(file, io.TextIOWrapper):
        return _load(file)
    text = file.read()
    if text not in _loaded:
        file.seek(0)
        _loaded[text] = _load(file)
    return copy.deepcopy(_loaded[text])


OmegaConf.load = staticmethod(_load_once)  # type: ignore[method-assign, assignment]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a run does by default; the last bits depend on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for runs that tests copy."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def compose() -> Compose:
    """The configuration of a run, as the command line composes it: without Hydra's own node."""

    def compose_run(overrides: Sequence[str] = ()) -> DictConfig:
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            return hydra.compose("run", overrides=list(overrides))

    return compose_run


@pytest.fixture
def start_cli(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m mlp_exp.run` in a folder of its own and returns the process; ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *args: str, cwd: Path = tmp_path, env: Mapping[str, str] | None = None, python: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *python, "-m", "mlp_exp.run", *args],
            cwd=cwd,
            env=clean_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_cli(start_cli: Callable[..., subprocess.Popen[str]]) -> RunCli:
    """Runs `python -m mlp_exp.run` to its end; takes `cwd`, `env`, `python` (flags of the interpreter), `timeout`."""

    def run(*args: str, timeout: float = 120, **how: object) -> Result:
        process = start_cli(*args, **how)
        stdout, stderr = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run


@pytest.fixture
def start_fork(tmp_path: Path) -> Iterator[Callable[..., Fork]]:
    """As `start_cli`, in a fork of this process."""
    started: list[Fork] = []

    def start(*args: str, cwd: Path = tmp_path, env: Mapping[str, str] | None = None) -> Fork:
        started.append(fork_command("run", *args, cwd=cwd, env=env))
        return started[-1]

    yield start
    for fork in started:
        fork.send_signal(signal.SIGKILL)


@pytest.fixture
def fork_cli(start_fork: Callable[..., Fork]) -> RunCli:
    """As `run_cli`, in a fork of this process."""

    def run(*args: str, timeout: float = 120, **how: object) -> Result:
        fork = start_fork(*args, **how)
        stdout, stderr = fork.communicate(timeout)
        assert fork.returncode is not None
        return subprocess.CompletedProcess(args, fork.returncode, stdout, stderr)

    return run


@pytest.fixture
def call_main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Result]]:
    """The same command line in this process, which spares the import of torch; leaves the process as it was."""
    from mlp_exp import run as command

    root = logging.getLogger()
    before = (list(root.handlers), root.level, signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    collects = gc.get_threshold()

    def call(*args: str) -> Result:
        GlobalHydra.instance().clear()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["mlp_exp.run", *args])
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # main sets it; it is put back after the test
        monkeypatch.setenv("COLUMNS", "120")
        capfd.readouterr()
        status: object = 0
        try:
            command.main()
        except SystemExit as end:
            status = end.code
        stdout, stderr = capfd.readouterr()
        return subprocess.CompletedProcess(
            args, status if isinstance(status, int) else int(status is not None), stdout, stderr
        )

    yield call
    for handler in set(root.handlers) - set(before[0]):
        root.removeHandler(handler)
        with contextlib.suppress(OSError):
            handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    signal.signal(signal.SIGTERM, before[2])
    signal.signal(signal.SIGINT, before[3])
    gc.set_threshold(*collects)
    GlobalHydra.instance().clear()
