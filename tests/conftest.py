"""Shared fixtures: a run's configuration, a training in this process, and the command line."""

import contextlib
import csv
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import hydra
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

os.environ["COLUMNS"] = "120"  # of every table that is printed, however the suite is started
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background would hand on that it is ignored

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf"

Compose = Callable[..., DictConfig]
Result = subprocess.CompletedProcess[str]
RunCli = Callable[..., Result]


def options() -> list[tuple[str, str]]:
    """Every option of every component group, as `(group, option)`, in the order of their names."""
    files = sorted(CONF.glob("*/*.yaml"))
    return [(file.parent.name, file.stem) for file in files if file.parent.name != "experiment"]


TABLE_ROWS = 240


def write_table(folder: Path) -> Path:
    """A CSV file of `TABLE_ROWS` rows: three numbers, few- and many-valued categories, gaps, columns to split by."""
    rng = np.random.default_rng(0)
    rows = np.arange(TABLE_ROWS)
    x, age = rng.normal(size=TABLE_ROWS), rng.integers(20, 70, TABLE_ROWS)
    columns = {
        "x": x,
        "age": [value if keep else "" for value, keep in zip(age, rng.random(TABLE_ROWS) > 0.1, strict=True)],
        "colour": rng.choice(["red", "green", ""], TABLE_ROWS),
        "city": [f"city {number}" for number in rng.integers(0, 20, TABLE_ROWS)],
        "patient": [f"p{number:02}" for number in rows // 6],
        "time": 0.5 * rows,
        "split": np.array(["train", "train", "test", "train", "val"])[rows % 5],
        "answer": np.where(x + rng.normal(size=TABLE_ROWS) > 0, "yes", "no"),
    }
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def option_with_values(group: str, option: str, folder: Path) -> list[str]:
    """The override that takes an option, with those that the option cannot do without; files go into `folder`."""
    words = [f"{group}={option}"]
    column = {"group": "patient", "time": "time", "column": "split"}.get(option) if group == "split" else None
    if column or (group, option) == ("data", "table"):
        words += [f"data.path={write_table(folder)}", "data.target=answer"]
    if column:
        words += ["data=table", f"split.column={column}"]
    if (group, option) == ("split", "files"):
        for part, rows in (("train", range(700)), ("val", range(700, 800)), ("test", range(800, 1000))):
            (folder / f"{part}.txt").write_text("\n".join(map(str, rows)), encoding="utf-8")
            words.append(f"split.{part}={folder / part}.txt")
    return words


def presets() -> list[str]:
    """The names of the experiment presets."""
    return sorted(file.stem for file in (CONF / "experiment").glob("*.yaml"))


def run_folders(path: Path) -> list[Path]:
    """The run folders below `path/outputs`, single runs and jobs of sweeps, in the order of their paths."""
    return sorted(log.parent for log in (path / "outputs").rglob("run.log"))


def the_run_folder(path: Path) -> Path:
    """The one run folder below `path/outputs`."""
    (folder,) = run_folders(path)
    return folder


def files_in(folder: Path) -> set[str]:
    """The paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def compose() -> Compose:
    """The configuration of a run, as the command line composes it: without Hydra's own node."""

    def compose_run(overrides: Sequence[str] = ()) -> DictConfig:
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            return hydra.compose("run", overrides=list(overrides))

    return compose_run


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: this one's, without what would change how a command speaks."""
    unwanted = ("HYDRA_FULL_ERROR", "FORCE_COLOR", "PYTHONWARNINGS", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"COLUMNS": "120", "PYTHONPATH": ""} | dict(extra or {})


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
def call_main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Result]]:
    """The same command line in this process, which spares the import of torch; leaves the process as it was."""
    from mlp_exp import run as command

    root = logging.getLogger()
    before = (list(root.handlers), root.level, signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))

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
        return subprocess.CompletedProcess(args, int(status or 0), stdout, stderr)

    yield call
    for handler in set(root.handlers) - set(before[0]):
        root.removeHandler(handler)
        with contextlib.suppress(OSError):
            handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    signal.signal(signal.SIGTERM, before[2])
    signal.signal(signal.SIGINT, before[3])
    GlobalHydra.instance().clear()
