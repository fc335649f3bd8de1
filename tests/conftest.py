"""Shared fixtures: a run's configuration, a training in this process, and the command line."""

import atexit
import gc
import io
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra._internal import defaults_list as hydra_defaults
from hydra.core.default_element import InputDefault
from omegaconf import DictConfig, OmegaConf
from support.clean_forks import CleanForks
from support.commands import Command, process_restored
from support.compositions import Compose, compose_run

from mlp_exp.cli import composing

atexit.register(gc.freeze)  # what packages leave open is looked for no more, as at the end of a command
gc.set_threshold(200_000, 20, 100)  # a twelfth of the time went into looking through what torch and Hydra hold
os.environ["COLUMNS"] = "120"  # of every table that is printed, however the suite is started
os.environ["OMP_NUM_THREADS"] = "1"  # of the suite's own processes, of which there is one for each core
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background would hand on that it is ignored

composing.MOST_KEPT = 1000  # a composition takes a fifth of a second, and the suite asks for some hundred choices

CASES = 5
"""Of a test with more, that `--quick` keeps."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help=f"no slow tests, and {CASES} cases of each other one")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        of_test: dict[str, list[pytest.Item]] = {}
        for item in items:
            if not item.get_closest_marker("slow"):
                of_test.setdefault(item.nodeid.partition("[")[0], []).append(item)
        items[:] = [case for cases in of_test.values() for case in cases[:: -(-len(cases) // CASES)]]


@pytest.fixture(scope="session")
def clean_forks() -> Iterator[CleanForks]:
    """Forks of a process in which no test has done anything."""
    forks = CleanForks()
    yield forks
    forks.close()


_load = OmegaConf.load
_loaded: dict[str, bytes] = {}


def _load_once(file: Any) -> Any:
    """Hydra reads the same files for every composition: a tenth of the suite's time went into parsing them."""
    if not isinstance(file, io.TextIOWrapper):
        return _load(file)
    text = file.read()
    if text not in _loaded:
        file.seek(0)
        _loaded[text] = pickle.dumps(_load(file))
    return pickle.loads(_loaded[text])


OmegaConf.load = staticmethod(_load_once)  # type: ignore[method-assign, assignment]


_choices = hydra_defaults._create_interpolation_map


def _choices_where_asked(
    overrides: hydra_defaults.Overrides, defaults_list: list[InputDefault], self_added: bool
) -> DictConfig:
    """Hydra lists all choices for each file, a quarter of a composition, though no default here refers to another."""
    refers = any(default.is_interpolation() for default in defaults_list)
    return _choices(overrides, defaults_list, self_added) if refers else DictConfig({})


hydra_defaults._create_interpolation_map = _choices_where_asked


@pytest.fixture(autouse=True)
def _own_modules_are_forgotten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A package that a test has written is not that of another test with the same name."""
    before = len(sys.modules)
    yield
    if len(sys.modules) != before:
        base = str(tmp_path_factory.getbasetemp())
        for name, module in list(sys.modules.items()):
            if (vars(module).get("__file__") or "").startswith(base):
                del sys.modules[name]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a run does by default; the last bits depend on it."""
    import torch

    from mlp_exp.engine.threads import set_threads

    before = torch.get_num_threads()
    set_threads(1)
    yield
    set_threads(before)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for runs that tests copy."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def compose() -> Compose:
    """The configuration of a run, as the command line composes it: without Hydra's own node."""
    return compose_run


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Runs `python -m mlp_exp.run` and the other commands in a folder of their own."""
    with process_restored():
        command = Command(tmp_path, monkeypatch, capfd)
        yield command
        command.close()
