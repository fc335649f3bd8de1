"""Trackers never change or end a run."""

import importlib
import json
import os
import re
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from support.commands import Command
from support.project import CONF
from support.tracking import FILES, MLFLOW, QUIET, SMALL, WANDB, history, words

from mlp_exp.config.trust import check_config, foreign_packages
from mlp_exp.errors import ConfigError, UntrustedError
from mlp_exp.experiment.alone import ConsoleReporter
from mlp_exp.storage import folder_lock
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers import tracker, tracking
from mlp_exp.trackers.mlflow import MLflow
from mlp_exp.trackers.process import TrackingServer
from mlp_exp.trackers.tensorboard import TensorBoard
from mlp_exp.trackers.tracker import flatten, succeeded
from mlp_exp.trackers.wandb import WandB

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


# ---- a tracker of one's own, which writes down what it is told, and fails as it is asked to


OWN = """
import importlib
import json
import os
import signal
import time
import tomllib

from mlp_exp.trackers.tracker import Tracker


class Own(Tracker):
    package = "json"

    def __init__(self, how=""):
        self.how = how

    def told(self, what, **more):
        with open("told.jsonl", "a") as file:
            print(json.dumps({"what": what, "process": os.getpid(), **more}), file=file)
        how, _, where = self.how.partition(" in ")
        if where == what:
            if how == "raises":
                raise RuntimeError("no\\nmore")
            if how == "rambles":
                raise RuntimeError("x" * 1000)
            if how == "full":
                raise OSError(28, "No space left on device", "there")
            if how == "exits":
                os._exit(7)
            if how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "hangs":
                time.sleep(1000)

    def open(self):
        names = ("MLFLOW_DISABLE_TELEMETRY", "WANDB_ERROR_REPORTING")
        self.told("open", quiet=[os.environ.get(name) for name in names])

    def begin(self, run):
        run.id = run.id or run.folder.name
        self.told("begin", id=run.id, sweep=str(run.sweep), params=len(run.params), group=run.group)

    def write(self, run, epochs, result):
        self.told("write", id=run.id, epochs=[e.number for e in epochs], status=result and result["status"])

    def attach(self, run, file):
        self.told("attach", id=run.id, files=[file.name])

    def finish(self, run):
        self.told("finish", id=run.id)

    def close(self):
        self.told("close")
"""
BY_ITSELF = "tracker._target_=own_tracker.Own"
NO_MORE = ". Nothing more is tracked; the runs and their folders are as they would be without it"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Makes the tracker; gives what it has been told."""
    (tmp_path / "own_tracker.py").write_text(OWN, encoding="utf-8")
    sys.modules.pop("own_tracker", None)
    told = tmp_path / "told.jsonl"
    yield lambda: [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()] if told.exists() else []
    sys.modules.pop("own_tracker", None)


def epochs_of(told: list[dict[str, Any]], name: str) -> list[int]:
    """The epochs of a run that it has been told of, in order."""
    written = [each["epochs"] for each in told if each["what"] == "write" and each["id"] == name]
    return [epoch for epochs in written for epoch in epochs]


@pytest.fixture(scope="module")
def untracked() -> dict[str, bytes]:
    """What a run without a tracker leaves: made once."""
    return {}


def without_times(folder: Path) -> dict[str, bytes]:
    """History and weights."""
    lines = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.rpartition(",")[0] for line in lines)
    return {"history": text.encode(), "model": (folder / "model.pt").read_bytes()}


FAILURES = {
    "raises in open": "RuntimeError: no more",
    "raises in write": "RuntimeError: no more",
    "full in attach": "there: No space left on device",
    "rambles in close": f"RuntimeError: {'x' * 286}",
    "exits in write": "its process ended with 7",
    "dies in write": "its process was ended by signal 9",
    "hangs in close": "no answer for 1 s",
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_tracker_that_fails_is_one_warning(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    own: Callable[[], Any],
    untracked: dict[str, bytes],
    tmp_path: Path,
    how: str,
) -> None:
    if how.startswith("hangs"):
        monkeypatch.setattr(tracking, "PATIENCE_SECONDS", 0.7)
    if not untracked:
        assert command("run", *SMALL, "hydra.run.dir=none").returncode == 0
        untracked |= without_times(tmp_path / "none")
    done = command("run", *SMALL, BY_ITSELF, f"+tracker.how={how}", "hydra.run.dir=run")
    assert done.returncode == 0
    assert words(done) == [f"tracker: {FAILURES[how]}{NO_MORE}"]
    assert (tmp_path / "run" / "run.log").read_text(encoding="utf-8").count("tracker:") == 1
    assert without_times(tmp_path / "run") == untracked
    assert own()[-1]["what"] == how.rpartition(" ")[2]


def test_a_tracker_that_cannot_be_reached(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A real one, a process that cannot be started, and one that takes no messages."""
    (tmp_path / "outputs").write_text("a file", encoding="utf-8")
    done = command("run", *SMALL, "tracker=mlflow", "hydra.run.dir=a")
    assert done.returncode == 0
    (line,) = words(done)
    assert line == f"tracker: {tmp_path / 'outputs'}: File exists{NO_MORE}"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    done = command("run", "-m", *SMALL, "seed=0,1", "tracker=tensorboard", "hydra.sweep.dir=b")
    assert done.returncode == 0
    assert words(done) == [f"tracker: {tmp_path / 'nothing'}: No such file or directory{NO_MORE}"]


def test_no_message_is_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, own: Callable[[], Any], tmp_path: Path
) -> None:
    """However many there are, and whatever the process does."""
    monkeypatch.setattr(tracking, "PATIENCE_SECONDS", 0.1)
    monkeypatch.syspath_prepend(tmp_path)
    own_tracker = importlib.import_module("own_tracker")

    with tracking.Tracking(tmp_path) as tracked:
        tracked.begin(own_tracker.Own(), tmp_path, {}, None)
        assert tracked.process is not None
        os.kill(tracked.process.pid, signal.SIGSTOP)
        for number in range(200):
            tracked.begin(own_tracker.Own(), tmp_path / str(number), {"key": "x" * 10_000}, None)
        tracked.check()
        assert caplog.messages == []
    assert caplog.messages == [f"tracker: no answer for 0 s{NO_MORE}"]


def test_a_sweep_whose_tracker_fails(command: Command, own: Callable[[], Any], tmp_path: Path) -> None:
    words_of = ("-m", *SMALL, BY_ITSELF, "+tracker.how=raises in write", "seed=0,1")
    done = command("run", *words_of, "hydra.sweep.dir=s")
    assert done.returncode == 0
    assert words(done) == [f"tracker: RuntimeError: no more{NO_MORE}"]
    assert [each["what"] for each in own()] == ["open", "begin", "begin", "write"]
    done = command("run", *words_of, "hydra.sweep.dir=b", "hydra/launcher=basic")
    assert done.returncode == 0
    assert words(done) == [f"tracker: RuntimeError: no more{NO_MORE}"]


def test_one_process_and_one_sweep_for_the_jobs_of_the_basic_launcher(
    command: Command, own: Callable[[], Any], tmp_path: Path
) -> None:
    args = ("-m", *SMALL, BY_ITSELF, "seed=0,1", "hydra.sweep.dir=s", "hydra/launcher=basic", "hydra.job.chdir=true")
    assert command("run", *args).returncode == 0
    told = own()  # of the directory in which the command was typed
    files = ["attach"] * len(FILES)
    assert [each["what"] for each in told] == [
        *("open", "begin", "write", *files, "begin", "write", *files),
        *("finish", "finish", "close"),
    ]
    assert len({each["process"] for each in told}) == 1
    assert told[0]["quiet"] == ["true", "false"]  # the packages tell their makers nothing
    begun = [each for each in told if each["what"] == "begin"]
    assert {(each["sweep"], each["group"]) for each in begun} == {(str(tmp_path / "s"), f"{tmp_path.name}/s")}
    assert [each["id"] for each in begun] == ["0", "1"]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on_in_the_same_tracked_run(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    own: Callable[[], list[dict[str, Any]]],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    monkeypatch.setattr(ConsoleReporter, "history_seconds", 0.05)
    args = (*QUIET, "trainer.epochs=800", "trainer.checkpoint_every=0.1", BY_ITSELF, "hydra.run.dir=run")
    process = command.start("run", *args)
    written = tmp_path / "run" / "history.csv"
    wait_for(lambda: written.exists() and written.read_bytes().count(b"\n") > 50)
    process.send_signal(number)
    process.communicate()
    assert process.poll() == (130 if number == signal.SIGINT else -number)
    wait_for(lambda: [each["what"] for each in own()][-1:] == ["close"])  # alone, if the command has been killed
    tracked = epochs_of(own(), "run")
    assert tracked == list(range(1, len(history(tmp_path / "run")["epoch"]) + 1))
    assert 50 <= len(tracked) < 800
    assert [each["status"] for each in own() if each["what"] == "write"] == ["interrupted"]

    assert command("run", "resume=run", "--allow", "own_tracker").returncode == 0
    assert epochs_of(own(), "run") == list(range(1, 801))
    assert [each["status"] for each in own() if each["what"] == "write"][-1] == "finished"
    assert {each["id"] for each in own() if each["what"] == "begin"} == {"run"}


def test_an_interrupt_at_the_end_is_not_waited_for(
    command: Command, own: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    process = command.start("run", *SMALL, BY_ITSELF, "+tracker.how=hangs in close", "hydra.run.dir=run")
    wait_for(lambda: [each["what"] for each in own()][-1:] == ["close"])
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate()
    assert (process.poll(), stderr) == (0, "")
    assert f"tracker: interrupted while it wrote what was left{NO_MORE}\n" in stdout


def test_epochs_are_tracked_while_the_run_trains(
    own: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    own_tracker = importlib.import_module("own_tracker")

    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    clock = count(1)
    heard: list[int] = []  # how much it had told its tracker each time that it said it was alive
    server = TrackingServer(lambda: heard.append(len(own())))
    server.begin(own_tracker.Own(), "Own", folder.path, {}, 0.0, None)

    def write(last: int) -> None:
        rows = [[epoch, 0.1, 0.5 * epoch] for epoch in range(1, last + 1)]
        folder.write_history(["epoch", "lr", "seconds"], rows)
        os.utime(folder.path / "history.csv", (next(clock),) * 2)

    def read_and_replace(self: RunFolder, columns: list[str]) -> list[list[float]]:
        rows = read_history(self, columns)
        write(4)
        return rows

    read_history = RunFolder.read_history
    server.poll(lambda: False)
    for last in (0, 2, 2, 3):
        write(last)
        server.poll(lambda: True)
        server.poll(lambda: False)
    write(3)
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "read_history", read_and_replace)
        server.poll(lambda: False)
    server.poll(lambda: False)
    assert [each.get("epochs") for each in own() if each["what"] == "write"] == [[1, 2], [3], [4]]
    folder.write_result({"status": "finished", "metrics": {}})
    server.close()  # as when the command has been killed before it could say that the run had ended
    assert [each["what"] for each in own()[-5:]] == ["write", "attach", "attach", "finish", "close"]
    assert (own()[-5]["epochs"], own()[-5]["status"]) == ([], "finished")
    assert [each["files"] for each in own() if each["what"] == "attach"] == [["history.csv"], ["result.json"]]
    assert heard == list(range(3, len(own()) + 1))  # after each write and file, and all of the end


# ---- before anything trains


def test_a_package_that_is_not_installed(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tracker, "find_spec", lambda package: None)
    message = "tracker: {0} is not installed. Install it: pip install 'mlp_exp[{0}]'"
    done = command("run", *SMALL, "tracker=tensorboard", "hydra.run.dir=run")
    mistake = f"The configuration has 1 mistake:\n  {message.format('tensorboard')}\n"
    assert (done.returncode, done.stderr) == (1, mistake)
    assert not (tmp_path / "run" / "history.csv").exists()
    done = command("run", "-m", *SMALL, "tracker=tensorboard,mlflow,wandb,none", "hydra.sweep.dir=s")
    assert done.returncode == 1
    assert [done.stderr.count(message.format(name)) for name in ("tensorboard", "mlflow", "wandb")] == [2, 2, 2]
    assert [(tmp_path / "s" / str(job) / "model.pt").exists() for job in range(4)] == [False, False, False, True]


def test_a_folder_of_the_packages_name_is_no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "only_a_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(TensorBoard, "package", "only_a_folder")
    with pytest.raises(ConfigError, match="only_a_folder is not installed"):
        TensorBoard().require_package()


def test_a_dry_run_starts_nothing(command: Command, own: Callable[[], Any]) -> None:
    done = command("run", "-m", *SMALL, BY_ITSELF, "seed=0,1", "--dry-run")
    assert (done.returncode, own()) == (0, [])


def test_mlflow_makes_its_folder_where_no_folder_can_be_locked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folder_lock, "fcntl", None)
    MLflow(f"sqlite:///{tmp_path}/outputs/mlflow.db", "mlp_exp").open()
    assert (tmp_path / "outputs" / "mlflow.db").is_file()


def test_a_target_that_is_no_tracker(command: Command) -> None:
    done = command("run", *SMALL, "tracker._target_=pathlib.PurePosixPath", "hydra.run.dir=run")
    assert (done.returncode, done.stderr) == (
        1,
        "The configuration has 1 mistake:\n  tracker._target_: expected a Tracker, got PurePosixPath\n",
    )


@pytest.mark.parametrize("status", ["finished", "stopped_early", "diverged", "failed", "interrupted"])
def test_what_succeeded(status: str) -> None:
    assert succeeded({"status": status}) == (status in ("finished", "stopped_early"))


def test_flat_parameters() -> None:
    config = {"a": {"b": {"c": 1e-5}, "d": [1, [2]]}, "e": None, "f": True, "g": "x", "h": {}}
    assert flatten(config) == {"a.b.c": 1e-5, "a.d": "[1, [2]]", "e": "null", "f": True, "g": "x"}


# ---- saved runs


FILE = "sqlite:///outputs/mlflow.db"
SAVED: list[tuple[dict[str, Any], str]] = [
    ({"_target_": MLFLOW, "tracking_uri": FILE, "experiment": "x"}, ""),
    ({"_target_": MLFLOW, "tracking_uri": "sqlite:///outputs/a/b-c.db", "experiment": "x"}, ""),
    ({"_target_": MLFLOW, "tracking_uri": "http://there", "experiment": "x"}, "tracking_uri"),
    ({"_target_": MLFLOW, "tracking_uri": "databricks", "experiment": "x"}, "tracking_uri"),
    ({"_target_": MLFLOW, "tracking_uri": "sqlite:////outputs/x.db"}, "tracking_uri"),
    ({"_target_": MLFLOW, "tracking_uri": "sqlite:///outputs/../x.db"}, "tracking_uri"),
    ({"_target_": MLFLOW, "tracking_uri": "sqlite:///outputs/x.db?vfs=x"}, "tracking_uri"),
    ({"_target_": MLFLOW, "tracking_uri": f"{FILE}\n"}, "tracking_uri"),
    ({"_target_": MLFLOW, "tracking_uri": "${data.path}"}, "tracking_uri"),
    ({"_target_": MLFLOW, "_args_": ["http://there", "x"]}, "tracking_uri"),
    ({"_target_": WANDB, "mode": "offline", "project": "x", "dir": "outputs"}, ""),
    ({"_target_": WANDB, "mode": "online", "project": "x", "dir": "outputs"}, "mode"),
    ({"_target_": WANDB, "mode": "offline", "project": "x", "dir": "/tmp"}, "dir"),
    ({"_target_": WANDB, "mode": "offline", "project": "x", "dir": "outputs/.."}, "dir"),
    ({"_target_": "mlp_exp.components.TensorBoard"}, ""),
    ({"_target_": "mlp_exp.components.NoTracker"}, ""),
]


@pytest.mark.parametrize(("node", "key"), SAVED)
def test_a_strangers_run_is_tracked_here_alone(node: dict[str, Any], key: str) -> None:
    config = {"tracker": node, "data": {"path": "http://there"}}
    package = str(node["_target_"]).rpartition(".")[2].lower()
    assert foreign_packages(config) == ([package] if key else [])
    check_config(config, [package], "run")
    if key:
        message = (
            f"run: tracker.{key} is {node.get(key)!r}; a saved run may be tracked inside outputs/ alone, offline. If "
            f"you know that place and trust it: --allow {package}"
        )
        with pytest.raises(UntrustedError, match=f"^{re.escape(message)}$"):
            check_config(config, ["other"], "run")
    else:
        check_config(config, [], "run")


def test_a_run_that_was_saved_before_there_were_trackers(
    command: Command, own: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    """It goes on, tracked if that is asked for, as a run of its own from the first epoch on."""
    assert command("run", *SMALL, "hydra.run.dir=run").returncode == 0
    saved = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert saved["config"].pop("tracker") == {"_target_": "mlp_exp.components.NoTracker"}
    torch.save(saved, tmp_path / "run" / "checkpoint.pt")
    assert command("run", "rerun=run", "hydra.run.dir=again").returncode == 0
    assert command("run", "resume=run", "trainer.epochs=4").returncode == 0
    done = command("run", "resume=run", "trainer.epochs=5", "+tracker._target_=own_tracker.Own")
    assert (done.returncode, words(done)) == (0, [])
    assert epochs_of(own(), "run") == [1, 2, 3, 4, 5]
    assert (
        command("run", "resume=run", "trainer.epochs=6", "tracker.how=x", "--allow", "own_tracker").returncode == 1
    )  # no key
    done = command("run", "resume=run", "trainer.epochs=6", "+tracker.how=x", "--allow", "own_tracker")
    assert (done.returncode, words(done)) == (0, [])
    overrides = (tmp_path / "run" / ".hydra" / "overrides.yaml").read_text(encoding="utf-8")
    assert overrides.splitlines()[-3:] == ["- trainer.epochs=4", "- trainer.epochs=5", "- trainer.epochs=6"]


def test_every_options_package_is_an_extra_of_this_project() -> None:
    extras = tomllib.loads((CONF.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for kind in (TensorBoard, MLflow, WandB):
        assert [requirement.partition(">")[0] for requirement in extras[kind.package]] == [kind.package]
