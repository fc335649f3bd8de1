"""Runs on the small table of all tests."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.predictions import as_job, train
from support.project import QUICK_TABLE
from support.tables import write_table
from support.task_runs import TaskRuns

LIBRARIES = ("numpy", "numpy.libs", "onnxruntime", "onnxruntime.libs", "flatbuffers", "google", "packaging")
"""numpy, onnxruntime, and what this installs with it."""


@pytest.fixture(scope="session")
def operators_read_once() -> Iterator[None]:
    """A third of an export to ONNX goes into reading the source of five hundred operators; they are always the same."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `table.csv`, runs of its classes in the sweep `s` and of its values in `age`, and `moons`."""
    folder = tmp_path_factory.mktemp("small")
    table = (*QUICK_TABLE, f"data.path={write_table(folder)}", "preprocess.one_hot_max=9")
    for seed in (0, 1, 2):
        train(folder / f"s/{seed}", *table, "data.target=answer", f"seed={seed}", "data.drop=[split]")
        as_job(folder / f"s/{seed}", seed, f"seed={seed}")
    train(folder / "age", *table, "data.target=age", "preprocess.log_target=true")
    train(folder / "moons", "data=moons", "data.n_samples=200")
    return folder


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    """A copy of a run, to be spoilt."""
    return Path(shutil.copytree(small / "s/0", tmp_path / "run"))


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> TaskRuns:
    """Runs of each task."""
    return TaskRuns(tmp_path_factory.mktemp("tasks"))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, Path], str]:
    """What a script prints of a table in an environment of `LIBRARIES` alone, in another folder."""
    libraries, elsewhere = tmp_path_factory.mktemp("libraries"), tmp_path_factory.mktemp("elsewhere")
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None
    installed = Path(str(spec.origin)).parent.parent
    for name in LIBRARIES:
        if (installed / name).exists():
            (libraries / name).symlink_to(installed / name)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")}

    def python(*words: Path | str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-S", "-B", *map(str, words)],  # without site-packages
            cwd=elsewhere,
            env={**kept, "PYTHONPATH": str(libraries), "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    found = "from importlib.util import find_spec; print(*filter(find_spec, ['mlp_exp', 'torch', 'pyarrow', 'pandas']))"
    assert python("-c", found).stdout == "\n"

    def predictions(script: Path, table: Path) -> str:
        done = python(script, table)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return predictions
