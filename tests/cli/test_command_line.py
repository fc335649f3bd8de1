"""The real command line: files, exit statuses, messages, sweeps, interruptions and the user's own parts.

Some cases start `python -m mlp_exp.run` anew, others do so in a fork of this process, and tables of messages call the
same `main` in this process.
"""

import csv
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from support.commands import CallMain, Result, RunCli, Start, StartFork
from support.compositions import Compose
from support.folders import files_in, run_folders, the_run_folder

from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.storage.run_folder import RunFolder

SHORT = ("trainer.epochs=2", "trainer.device=cpu")
QUIET = (*SHORT, "trainer.plots=never")
HYDRA_FILES = {".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"}
RUN_FILES = {*HYDRA_FILES, "history.csv", "result.json", "model.pt", "checkpoint.pt", "run.log"}
FOLDER_NAME = r"\d{2}-\d{2}-\d{2}-\d{6}"


def result_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(folder / "model.pt", weights_only=True)["state_dict"])


def history_of(folder: Path) -> list[list[str]]:
    """The rows of the history as text, the first its names; without the seconds."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]


def assert_one_message(done: Result, message: str) -> None:
    """Status 1, and on standard error this message and nothing else."""
    assert done.returncode == 1
    assert done.stderr == f"{message}\n"


def mistakes(*lines: str) -> str:
    head = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n  ".join([f"The configuration has {head}:", *lines])


# ---- a run that goes well


def test_a_run_writes_its_files_and_its_saved_configuration_gives_it_again(
    run_cli: RunCli, fork_cli: RunCli, tmp_path: Path
) -> None:
    done = run_cli(*SHORT, "seed=5")
    assert (done.returncode, done.stderr) == (0, "")
    folder = the_run_folder(tmp_path)
    plots = {f"plots/{name}.png" for name in ("loss", "decision_boundary", "confusion_matrix", "roc", "calibration")}
    assert files_in(tmp_path / "outputs") == {
        (folder.relative_to(tmp_path / "outputs") / name).as_posix() for name in RUN_FILES | plots
    }
    assert re.fullmatch(rf"\d{{4}}-\d{{2}}-\d{{2}}/{FOLDER_NAME}", "/".join(folder.parts[-2:]))

    first, *_, last = done.stdout.splitlines()
    assert first == (
        "1000 rows, 2 features, 2 classes; train 700, val 100, test 200; MLP with 2305 parameters on cpu; seed 5"
    )
    assert re.fullmatch(rf"finished after 2 epochs, best epoch \d: {re.escape(str(folder))}", last)
    log = (folder / "run.log").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"\S+ \S+ INFO mlp_exp\.experiment\.run: " + re.escape(first), log[0])
    assert re.fullmatch(r"\S+ \S+ INFO mlp_exp\.experiment\.one_run: " + re.escape(last), log[-1])

    result = result_of(folder)
    assert (result["status"], result["task"], result["seed"], result["epochs"]) == ("finished", "binary", 5, 2)
    assert set(result["metrics"]) == {"train", "val", "test"}
    assert (result["monitor"], result["stacked"]) == ("val_loss", 1)
    names, *epochs = history_of(folder)
    assert repr(result["best_value"]) == epochs[result["best_epoch"] - 1][names.index("val_loss")]
    assert OmegaConf.load(folder / ".hydra/overrides.yaml") == [*SHORT, "seed=5"]
    model = torch.load(folder / "model.pt", weights_only=True)
    assert model["config"]["seed"] == 5
    assert model["class_names"] == ["inside", "outside"]
    assert {name: tuple(tensor.shape) for name, tensor in model["state_dict"].items()} == {
        "blocks.0.linear.weight": (64, 2),
        "blocks.0.linear.bias": (64,),
        "blocks.1.linear.weight": (32, 64),
        "blocks.1.linear.bias": (32,),
        "head.weight": (1, 32),
        "head.bias": (1,),
    }

    again = fork_cli("--config-dir", str(folder / ".hydra"), "--config-name", "config")
    assert (again.returncode, again.stderr) == (0, "")
    (second,) = (path.parent for path in (tmp_path / "outputs").rglob("model.pt") if path.parent != folder)
    assert history_of(second) == history_of(folder)
    weights, others = weights_of(folder), weights_of(second)
    assert list(weights) == list(others)
    assert all(weights[name].numpy().tobytes() == others[name].numpy().tobytes() for name in weights)
    assert result_of(second)["metrics"] == result["metrics"]
    # the saved configuration has no settings of Hydra; the run is one like any other all the same
    assert files_in(second) == RUN_FILES | plots
    assert re.fullmatch(FOLDER_NAME, second.name)
    assert again.stdout.splitlines()[0] == first


def test_two_runs_at_once_have_folders_of_their_own(start_fork: StartFork, tmp_path: Path) -> None:
    runs = [start_fork(*QUIET, f"seed={seed}") for seed in (1, 2)]
    ends = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert [stderr for _, stderr in ends] == ["", ""]
    folders = run_folders(tmp_path)
    assert {result_of(folder)["seed"] for folder in folders} == {1, 2}
    assert len(folders) == 2
    assert all(files_in(folder) == RUN_FILES for folder in folders)


def test_a_used_folder_is_refused_and_left_as_it_was(fork_cli: RunCli, tmp_path: Path) -> None:
    folder = tmp_path / "same"
    assert fork_cli(*QUIET, "hydra.run.dir=same").returncode == 0
    assert files_in(folder) == RUN_FILES
    kept = {name: (folder / name).read_bytes() for name in RUN_FILES - {"run.log"}}
    done = fork_cli(*QUIET, "hydra.run.dir=same", "seed=7")
    assert_one_message(
        done, f"{folder}: holds result.json of another run. Give this run a folder of its own: hydra.run.dir=…"
    )
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    assert files_in(folder) == RUN_FILES


# ---- messages

MESSAGES = [
    (["optimizer.lr=-1"], mistakes("optimizer.lr: expected a number above 0, got -1")),
    (["optimizer=adm"], mistakes("optimizer: there is no option 'adm'. Did you mean 'adam'?")),
    (
        ["data=xyz"],
        mistakes(
            "data: there is no option 'xyz'. "
            "Options: breast_cancer, circle, diabetes, digits, iris, moons, spirals, table, wine."
        ),
    ),
    (["experiment=irs"], mistakes("experiment: there is no option 'irs'. Did you mean 'iris'?")),
    (["modle=mlp"], mistakes("modle: there is no such key. Did you mean 'model'?")),
    (
        ["model.widht=3"],
        mistakes("model.widht: MLP takes no 'widht'. Known: activation, dropout, hidden_sizes, norm, residual."),
    ),
    (["trainer.epcohs=3"], mistakes("trainer.epcohs: Trainer takes no 'epcohs'. Did you mean 'epochs'?")),
    (
        ["optimizer=adm", "optimizer.lr=-1", "trainer.epochs=0", "modle=mlp", "trainer.epcohs=3"],
        mistakes(
            "optimizer: there is no option 'adm'. Did you mean 'adam'?",
            "optimizer.lr: expected a number above 0, got -1",
            "trainer.epochs: expected a whole number, 1 or more, or auto, got 0",
            "modle: there is no such key. Did you mean 'model'?",
            "trainer.epcohs: Trainer takes no 'epcohs'. Did you mean 'epochs'?",
        ),
    ),
    (
        ["+typo=1"],
        mistakes(
            "typo: there is no such key. Known: data, early_stopping, init, loss, model, optimizer, preprocess, "
            "scheduler, seed, split, tracker, trainer."
        ),
    ),
    (["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder"),
    (
        ["data=diabetes", "loss=cross_entropy"],
        mistakes("loss: cross_entropy is for binary or multiclass targets, and the task is regression; use loss=auto"),
    ),
    (["-m", "seed=0", "optimizer=adam,adm"], mistakes("optimizer: there is no option 'adm'. Did you mean 'adam'?")),
    (["hydra.run.dir=file/run"], "file/run: Not a directory"),
]


@pytest.mark.parametrize(("args", "message"), MESSAGES, ids=[" ".join(args) for args, _ in MESSAGES])
def test_a_mistake_gives_one_message(call_main: CallMain, tmp_path: Path, args: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    assert_one_message(call_main(*args), message)
    assert list(tmp_path.rglob("model.pt")) == []


@pytest.mark.parametrize("override", ["model=null", "trainer=null"])
def test_no_option_at_all_is_a_mistake_like_others(call_main: CallMain, override: str) -> None:
    done = call_main(override)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The configuration has 1 mistake:\n  {override.partition('=')[0]}: ")
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["seed=1,2"], "Ambiguous value for argument 'seed=1,2'"),
        (["optimizer=adam,sgd"], "Ambiguous value for argument 'optimizer=adam,sgd'"),
        (["model.hidden_sizes=[3"], "no viable alternative at input '[3'"),
        (["model.dropout"], "Error parsing override 'model.dropout'"),
        (["--config-name", "nope"], "Cannot find primary config 'nope'."),
    ],
    ids=" ".join,
)
def test_hydras_own_messages_come_without_a_traceback(call_main: CallMain, args: list[str], part: str) -> None:
    done = call_main(*args)
    assert done.returncode == 1
    assert done.stderr.startswith(part)
    assert "Traceback" not in done.stderr


def test_mistakes_on_the_real_command_line(run_cli: RunCli, fork_cli: RunCli) -> None:
    assert_one_message(run_cli("optimizer.lr=-1"), mistakes("optimizer.lr: expected a number above 0, got -1"))
    assert_one_message(fork_cli("optimizer=adm"), mistakes("optimizer: there is no option 'adm'. Did you mean 'adam'?"))


def test_value_lists_want_m_on_the_real_command_line(fork_cli: RunCli, tmp_path: Path) -> None:
    done = fork_cli("seed=1,2")
    assert done.returncode == 1
    assert "Ambiguous value for argument 'seed=1,2'" in done.stderr
    assert "--multirun" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_says_so_in_its_result(call_main: CallMain, tmp_path: Path) -> None:
    call_main("optimizer.lr=-1")
    folder = the_run_folder(tmp_path)
    assert result_of(folder) == {
        "status": "failed",
        "reason": mistakes("optimizer.lr: expected a number above 0, got -1"),
        "metrics": {},
    }
    assert files_in(folder) == {*HYDRA_FILES, "result.json", "run.log"}


def test_full_error_keeps_the_traceback(fork_cli: RunCli) -> None:
    done = fork_cli("optimizer.lr=-1", env={"HYDRA_FULL_ERROR": "1"})
    assert done.returncode == 1
    assert done.stderr.count("Traceback (most recent call last):\n") == 1
    assert done.stderr.endswith(
        f"mlp_exp.errors.ConfigError: {mistakes('optimizer.lr: expected a number above 0, got -1')}\n"
    )


def test_a_run_that_diverges(fork_cli: RunCli, tmp_path: Path) -> None:
    done = fork_cli("optimizer=sgd", "optimizer.lr=1e10", "trainer.device=cpu")
    message = (
        "The run diverged in epoch 1: its loss was not a finite number. The usual causes are a learning rate that is "
        "too high (try a tenth of optimizer.lr), gradients without a bound (try trainer.clip_grad_norm=1) and "
        "features that are not scaled (preprocess=standard)."
    )
    assert_one_message(done, message)
    folder = the_run_folder(tmp_path)
    result = result_of(folder)
    assert (result["status"], result["reason"], result["metrics"]) == ("diverged", message, {})
    assert (result["monitor"], result["best_value"], result["stacked"]) == ("val_loss", None, 1)
    assert files_in(folder) == RUN_FILES - {"model.pt"}


# ---- interruptions


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_its_best_weights(
    start_cli: Start, start_fork: StartFork, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process = (start_cli if number == signal.SIGINT else start_fork)(
        "trainer.epochs=1000000", "trainer.device=cpu", "trainer.checkpoint_every=0"
    )
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        logs = list((tmp_path / "outputs").rglob("run.log"))
        if logs and "epoch 20/" in logs[0].read_text(encoding="utf-8"):
            break
        time.sleep(0.05)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    folder = the_run_folder(tmp_path)
    go_on = f"Go on with: python -m mlp_exp.run resume={folder}"
    assert (process.returncode, stderr) == (status, f"Interrupted.\n{go_on}\n")
    assert files_in(folder) == RUN_FILES  # so nothing temporary is left, and nothing is drawn
    result = result_of(folder)
    assert result["status"] == "interrupted"
    assert 20 <= result["epochs"] < 1000000
    assert 1 <= result["best_epoch"] <= result["epochs"]
    rows = history_of(folder)
    assert len(rows) == 1 + result["epochs"]
    losses = [float(row[rows[0].index("val_loss")]) for row in rows[1:]]
    assert result["best_epoch"] == 1 + losses.index(min(losses))
    assert (result["monitor"], result["best_value"], result["stacked"]) == ("val_loss", min(losses), 1)
    # the weights are those of the best epoch: they give its loss once more
    assert result["metrics"]["val"]["log_loss"] == pytest.approx(min(losses), rel=1e-4)
    assert all(torch.isfinite(tensor).all() for tensor in weights_of(folder).values())
    assert "finished" not in stdout
    saved = [[repr(value) for value in row[1:-1]] for row in Checkpoint.read(RunFolder(folder)).history]
    assert 1 <= len(saved) <= result["epochs"]
    assert saved == [row[1:] for row in rows[1 : 1 + len(saved)]]


# ---- sweeps


LAUNCHERS = {"stacked": [], "basic": ["hydra/launcher=basic"]}
"""The overrides that choose them; the first is the one without any."""


def table_of(lines: Sequence[str]) -> list[list[str]]:
    """The cells of a printed table, line by line; those of its head may have several lines."""
    return [[cell.strip() for cell in line.split(line[0])[1:-1]] for line in lines if line[0] in "┃│"]


def leaderboard_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_one_bad_job_does_not_stop_a_sweep(run_cli: RunCli, fork_cli: RunCli, tmp_path: Path, launcher: str) -> None:
    done = (run_cli if launcher == "stacked" else fork_cli)(
        "-m", *QUIET, "optimizer.lr=1e-3,-1,1e-2", *LAUNCHERS[launcher]
    )
    assert done.returncode == 1
    name = "job 1 (optimizer.lr=-1,trainer.device=cpu,trainer.epochs=2,trainer.plots=never): "
    assert done.stderr == name + mistakes("optimizer.lr: expected a number above 0, got -1") + "\n"
    folders = run_folders(tmp_path)
    assert [folder.name for folder in folders] == ["0", "1", "2"]
    assert [result_of(folder)["status"] for folder in folders] == ["finished", "failed", "finished"]
    assert [files_in(folder) for folder in folders] == [
        RUN_FILES,
        {*HYDRA_FILES, "result.json", "run.log"},
        RUN_FILES,
    ]
    assert [row[1] for row in history_of(folders[2])[1:]] == ["0.01", "0.01"]
    results = [result_of(folder) for folder in folders]
    assert [result.get("stacked") for result in results] == ([2, None, 2] if launcher == "stacked" else [1, None, 1])
    sweep = folders[0].parent
    assert files_in(sweep) - {f"{folder.name}/{name}" for folder in folders for name in RUN_FILES} == {
        "leaderboard.csv",
        "multirun.yaml",
        "report.html",
    }
    assert re.fullmatch(FOLDER_NAME, sweep.name)
    assert sweep.parent.parent == tmp_path / "outputs" / "multirun"

    lines = done.stdout.splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith("3 runs, best first by "))
    assert lines[begin].rstrip() == "3 runs, best first by val_log_loss"
    printed = [(part, name) for part in ("val", "test") for name in ("accuracy", "log_loss")]
    assert table_of(lines[begin:]) == [
        ["", "optimizer", "val", "val", "test", "test", ""],
        ["job", "lr", "accuracy", "log_loss", "accuracy", "log_loss", "status"],
        *(
            [str(job), lr, *(f"{results[job]['metrics'][part][name]:.4f}" for part, name in printed), "finished"]
            for job, lr in ((2, "0.01"), (0, "0.001"))
        ),
        ["1", "-1", "–", "–", "–", "–", "failed"],
    ]
    assert lines[-2:] == [str(sweep / "leaderboard.csv"), str(sweep / "report.html")]
    if launcher == "stacked":  # and of the runs nothing else is said
        assert lines[:begin] == ["2 runs in 1 stack"]
    else:
        last = [line for line in lines if line.startswith("finished after 2 epochs, best epoch ")]
        assert [line.rpartition(": ")[2] for line in last] == [str(folders[0]), str(folders[2])]

    table = leaderboard_of(sweep)
    assert [(row["job"], row["folder"], row["status"], row["optimizer.lr"]) for row in table] == [
        ("2", "2", "finished", "0.01"),
        ("0", "0", "finished", "0.001"),
        ("1", "1", "failed", "-1"),
    ]
    for row in table[:2]:
        result = results[int(row["job"])]
        assert (int(row["best_epoch"]), int(row["epochs"])) == (result["best_epoch"], 2)
        assert row["seconds"] == repr(result["seconds"])
        assert row["reason"] == ""
        of_parts = {f"{part}_{name}": value for part, of in result["metrics"].items() for name, value in of.items()}
        assert len(of_parts) == 18
        assert {name: float(row[name]) for name in of_parts} == of_parts
        assert {key: row[key] for key in ("trainer.epochs", "trainer.device", "trainer.plots")} == {
            "trainer.epochs": "2",
            "trainer.device": "cpu",
            "trainer.plots": "never",
        }
    assert table[2]["reason"] == results[1]["reason"] == mistakes("optimizer.lr: expected a number above 0, got -1")
    assert {table[2][name] for name in (*of_parts, "best_epoch", "epochs", "seconds")} == {""}


def test_a_run_is_the_same_whatever_the_launcher(call_main: CallMain, tmp_path: Path) -> None:
    """In one stack, in stacks of one that train in processes where there are cores for them, or by Hydra's own."""
    ways = {"stacked": ([], 2), "apart": (["hydra.launcher.max_stack=1"], 1), "basic": (LAUNCHERS["basic"], 1)}
    for way, (chosen, _) in ways.items():
        sweep = tmp_path / "outputs" / way
        done = call_main("-m", *QUIET, "seed=3,4", "model.dropout=0.2", f"hydra.sweep.dir={sweep}", *chosen)
        assert (done.returncode, done.stderr) == (0, "")
    for seed in (3, 4):
        folders = [tmp_path / "outputs" / way / str(seed - 3) for way in ways]
        expected_history, expected_weights, expected = history_of(folders[-1]), weights_of(folders[-1]), None
        for folder, (_, stacked) in zip(folders, ways.values(), strict=True):
            assert files_in(folder) == RUN_FILES
            assert history_of(folder) == expected_history
            weights = weights_of(folder)
            assert list(weights) == list(expected_weights)
            assert all(torch.equal(weights[name], expected_weights[name]) for name in weights)
            result = result_of(folder)
            assert result.pop("stacked") == stacked
            assert result.pop("seconds") > 0
            assert (result["seed"], result["status"]) == (seed, "finished")
            expected = expected or result
            assert result == expected
            for name in ("config.yaml", "overrides.yaml"):
                saved = (folder / ".hydra" / name).read_bytes()
                assert saved == (folders[-1] / ".hydra" / name).read_bytes()


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_bad_jobs_are_named_once_more_at_the_end(call_main: CallMain, launcher: str) -> None:
    done = call_main("-m", *QUIET, "trainer.epochs=0,-1", *LAUNCHERS[launcher])
    assert done.returncode == 1
    jobs = [
        f"job {number} (trainer.device=cpu,trainer.epochs={epochs},trainer.plots=never): "
        + mistakes(f"trainer.epochs: expected a whole number, 1 or more, or auto, got {epochs}")
        for number, epochs in enumerate((0, -1))
    ]
    assert done.stderr == "\n".join([*jobs, "2 jobs failed:", *jobs]) + "\n"


# ---- the user's own parts

MY_NET = """
from torch import nn


class MyNet(nn.Module):
    def __init__(self, in_features, out_features, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, width), nn.Tanh(), nn.Linear(width, out_features))

    def forward(self, x):
        return self.layers(x)
"""

MY_DATA = """
import numpy as np

from mlp_exp.data.dataset import Dataset


def stripes(n, classes=3):
    x = np.random.default_rng(0).uniform(size=(n, 4))
    return Dataset.from_arrays(x, (x[:, 0] * classes).astype(int), class_names=("left", "middle", "right"))
"""


def test_a_users_own_network_and_data(fork_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(MY_NET, encoding="utf-8")
    (tmp_path / "my_data.py").write_text(MY_DATA, encoding="utf-8")
    done = fork_cli(
        *QUIET, "model._target_=my_net.MyNet", "+model.width=5", "data._target_=my_data.stripes", "+data.n=200"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "200 rows, 4 features, 3 classes; train 140, val 20, test 40; MyNet with 43 parameters on cpu; seed 0"
    ) in done.stdout.splitlines()
    folder = the_run_folder(tmp_path)
    assert result_of(folder)["task"] == "multiclass"
    model = torch.load(folder / "model.pt", weights_only=True)
    assert model["class_names"] == ["left", "middle", "right"]
    assert {name: tuple(tensor.shape) for name, tensor in model["state_dict"].items()} == {
        "layers.0.weight": (5, 4),
        "layers.0.bias": (5,),
        "layers.2.weight": (3, 5),
        "layers.2.bias": (3,),
    }


@pytest.fixture
def my_conf(tmp_path: Path) -> str:
    """A folder of the user's own, with an option and a preset."""
    folder = tmp_path / "my_conf"
    (folder / "model").mkdir(parents=True)
    (folder / "experiment").mkdir()
    (folder / "model" / "deep.yaml").write_text(
        "_target_: mlp_exp.components.MLP\nhidden_sizes: [8, 8, 8]\ndropout: 0.0\n", encoding="utf-8"
    )
    (folder / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: deep\nseed: 3\ntrainer:\n  epochs: 4\n",
        encoding="utf-8",
    )
    return str(folder)


def test_a_users_own_option_and_preset(fork_cli: RunCli, tmp_path: Path, my_conf: str) -> None:
    done = fork_cli("--config-dir", my_conf, "experiment=mine", "trainer.plots=never", "trainer.device=cpu")
    assert (done.returncode, done.stderr) == (0, "")
    folder = the_run_folder(tmp_path)
    result = result_of(folder)
    assert (result["seed"], result["epochs"]) == (3, 4)
    shapes = [tuple(tensor.shape) for name, tensor in weights_of(folder).items() if name.endswith("weight")]
    assert shapes == [(8, 2), (8, 8), (8, 8), (1, 8)]


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (["model=dep"], ["model: there is no option 'dep'. Did you mean 'deep'?"]),
        (["model=xyz"], ["model: there is no option 'xyz'. Options: deep, linear, mlp."]),
        (["experiment=mien"], ["experiment: there is no option 'mien'. Did you mean 'mine'?"]),
        (["model=deep", "optimizer=adm"], ["optimizer: there is no option 'adm'. Did you mean 'adam'?"]),
        (["experiment=mine", "optimizer=adm"], ["optimizer: there is no option 'adm'. Did you mean 'adam'?"]),
    ],
)
def test_messages_know_the_users_own_options(
    call_main: CallMain, my_conf: str, overrides: list[str], lines: list[str]
) -> None:
    assert_one_message(call_main("--config-dir", my_conf, *overrides), mistakes(*lines))


# ---- what needs no torch

TORCH = re.compile(r"\| +torch(\.\S+)?$", re.MULTILINE)


def test_help_says_what_there_is_without_torch(run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("--help", python=("-X", "importtime"))
    assert done.returncode == 0
    assert done.stdout.startswith("mlp_exp: experiments with multilayer perceptrons.")
    assert "optimizer: adagrad, adam, adamw, adamw_few_steps, nadam, radam, rmsprop, sgd\n" in done.stdout
    assert "model.hidden_sizes=[128,64]" in done.stdout
    assert 'eval "$(mlp-exp -sc install=bash)"' in done.stdout
    assert "| mlp_exp.cli.application" in re.sub(" +", " ", done.stderr)
    assert TORCH.findall(done.stderr) == []
    assert list(tmp_path.iterdir()) == []


def test_cfg_shows_the_configuration_without_torch(run_cli: RunCli, compose: Compose, tmp_path: Path) -> None:
    done = run_cli("--cfg", "job", "experiment=iris", "seed=4", python=("-X", "importtime"))
    assert done.returncode == 0
    assert OmegaConf.create(done.stdout) == compose(["experiment=iris", "seed=4"])
    assert TORCH.findall(done.stderr) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("optimizer=", "adagrad adam adamw adamw_few_steps nadam radam rmsprop sgd"),
        ("optimizer=ada", "adagrad adam adamw adamw_few_steps"),
        ("experiment=", "breast_cancer default diabetes digits iris table wine"),
        ("data=circle model=", "linear mlp"),
    ],
)
def test_shell_completion(call_main: CallMain, monkeypatch: pytest.MonkeyPatch, line: str, words: str) -> None:
    typed = f"mlp-exp {line}"
    monkeypatch.setenv("COMP_LINE", typed)
    monkeypatch.setenv("COMP_POINT", str(len(typed)))
    done = call_main("-sc", "query=bash")
    group = line.rsplit(maxsplit=1)[-1].partition("=")[0]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [f"{group}={word}" for word in words.split()]


def test_shell_completion_on_the_real_command_line(run_cli: RunCli) -> None:
    done = run_cli("-sc", "query=bash", env={"COMP_LINE": "mlp-exp optimizer=", "COMP_POINT": "18"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "optimizer=adagrad optimizer=adam optimizer=adamw optimizer=adamw_few_steps optimizer=nadam optimizer=radam "
        "optimizer=rmsprop "
        "optimizer=sgd\n"
    )


def test_a_broken_completion_names_its_own_cause(call_main: CallMain, monkeypatch: pytest.MonkeyPatch) -> None:
    """`query=bash` is no override, so nothing may be said of a key `query`."""
    typed = "mlp-exp model.dropout optimizer="
    monkeypatch.setenv("COMP_LINE", typed)
    monkeypatch.setenv("COMP_POINT", str(len(typed)))
    done = call_main("-sc", "query=bash")
    assert "query: there is no such key" not in done.stderr


# ---- a full disk


@pytest.fixture
def tiny_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of a few kilobytes."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root alone")
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={request.param}k"
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip(f"no small disk can be mounted here: {mount.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    ("tiny_disk", "named"),
    [(4, ""), (16, "result.json"), (24, "result.json"), (36, "model.pt"), (64, "checkpoint.pt")],
    indirect=["tiny_disk"],
    ids=lambda value: f"{value}k" if isinstance(value, int) else value,
)
def test_a_full_disk_gives_one_message(call_main: CallMain, tiny_disk: Path, named: str) -> None:
    """Whichever file finds no room: the settings, the log, the history, a checkpoint, the model or the result."""
    done = call_main(*QUIET, f"hydra.run.dir={tiny_disk}/run")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{tiny_disk}/run/{named}: " if named else "No space left")
    assert [name for name in files_in(tiny_disk) if name.endswith(".tmp")] == []
    for path in tiny_disk.rglob("*.pt"):
        assert "config" in torch.load(path, weights_only=True)  # it is whole


@pytest.mark.parametrize("tiny_disk", [24], indirect=True, ids="{}k".format)
def test_a_full_disk_on_the_real_command_line(fork_cli: RunCli, tiny_disk: Path) -> None:
    done = fork_cli(*QUIET, f"hydra.run.dir={tiny_disk}/run")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_letters_that_hydra_does_not_read_are_named(call_main: Callable[..., Result]) -> None:
    done = call_main("data=table", "split=group", "split.column=Straße")
    assert done.returncode == 1
    assert done.stderr == (
        "split.column=Straße: letters other than a to z need quotes within quotes: 'split.column=\"Straße\"'\n"
    )
