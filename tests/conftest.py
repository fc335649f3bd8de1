"""Shared fixtures: a run's configuration, a training in this process, and the command line."""

import contextlib
import copy
import csv
import gc
import importlib
import io
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import hydra
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

gc.set_threshold(200_000, 20, 100)  # a twelfth of the time went into looking through what torch and Hydra hold
os.environ["COLUMNS"] = "120"  # of every table that is printed, however the suite is started
os.environ["OMP_NUM_THREADS"] = "1"  # of the suite's own processes, of which there is one for each core
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background would hand on that it is ignored

_load = OmegaConf.load
_loaded: dict[str, Any] = {}


def _load_once(file: Any) -> Any:
    """Hydra reads the same files for every composition: a tenth of the suite's time went into parsing them."""
    if not isinstance(file, io.TextIOBase):
        return _load(file)
    text = file.read()
    if text not in _loaded:
        file.seek(0)
        _loaded[text] = _load(file)
    return copy.deepcopy(_loaded[text])


OmegaConf.load = staticmethod(_load_once)  # type: ignore[method-assign, assignment]

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
    unwanted = ("HYDRA_FULL_ERROR", "FORCE_COLOR", "PYTHONWARNINGS", "COLUMNS", "OMP_NUM_THREADS")
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


class Fork:
    """Some work as a command of its own in a fork of this process, which spares the import of torch."""

    def __init__(self, work: Callable[[], object], cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._texts = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115 (closed in communicate)
        self.pid = os.fork()
        if not self.pid:
            _work_and_exit(work, cwd, clean_environment(env), [file.fileno() for file in self._texts])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it works."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Waits for its end, and returns what it printed."""
        give_up = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > give_up:
                self.send_signal(signal.SIGKILL)
            time.sleep(0.002)
        stdout, stderr = (self._text(file) for file in self._texts)
        return stdout, stderr

    @staticmethod
    def _text(file: IO[bytes]) -> str:
        with file:
            file.seek(0)
            return file.read().decode()


def _work_and_exit(work: Callable[[], object], cwd: Path, env: Mapping[str, str], outputs: Sequence[int]) -> NoReturn:
    status: object = 1
    try:
        for number, taken in enumerate((os.open(os.devnull, os.O_RDONLY), *outputs)):
            os.dup2(taken, number)
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(os.fdopen(number, "wb", closefd=False), "utf-8", line_buffering=True) for number in (1, 2)
        )
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        work()
        status = 0
    except SystemExit as end:
        status = end.code or 0
        if isinstance(status, str):
            print(status, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


LATE = (
    *(
        f"mlp_exp.{name}"
        for name in (
            "artefacts.plots",
            "experiment.one_run",
            "sweep.dry_run",
            "sweep.together",
            "compare.report",
            "inference.tables",
        )
    ),
    "plotly.offline",
    "sklearn.inspection",
)
"""What commands import when they come to it; a fork of a process that has done so need not."""


def fork_command(name: str, *args: str, cwd: Path, env: Mapping[str, str] | None = None) -> Fork:
    """`python -m mlp_exp.<name> …` in a fork of this process."""
    for module in LATE:
        importlib.import_module(module)
    command = importlib.import_module(f"mlp_exp.{name}")

    def work() -> None:
        GlobalHydra.instance().clear()
        logging.getLogger().handlers.clear()
        sys.argv = [str(command.__file__), *args]
        sys.path.insert(0, str(cwd))
        command.main()

    return Fork(work, cwd, env)


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
    gc.set_threshold(*collects)
    GlobalHydra.instance().clear()
