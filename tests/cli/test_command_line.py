"""The real command line: files, exit statuses, messages, sweeps, interruptions and the user's own parts.

Some cases start `python -m mlp_exp.run` anew, others do so in a fork of this process, and tables of messages call the
same `main` in this process.
"""

import gc
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from support.command_line import FOLDER_NAME, HYDRA_FILES, LAUNCHERS, QUIET, RUN_FILES, SHORT
from support.commands import Command, mistakes, refusal, table_of
from support.folders import files_in, history_of, leaderboard_of, result_of, run_folders, the_run_folder, weights_of
from support.project import MODEL_KEYS

from mlp_exp.experiment import after
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.storage.run_folder import RunFolder

# ---- a run that goes well


@pytest.mark.slow
def test_a_run_writes_its_files_and_its_saved_configuration_gives_it_again(command: Command, tmp_path: Path) -> None:
    done = command("run", *SHORT, "seed=5", process=True)
    assert (done.returncode, done.stderr) == (0, "")
    folder = the_run_folder(tmp_path)
    plots = {
        f"plots/{name}.png"
        for name in ("loss", "decision_boundary", "confusion_matrix", "roc", "precision_recall", "calibration")
    }
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
    assert re.fullmatch(r"\S+ \S+ INFO mlp_exp\.experiment\.alone: " + re.escape(last), log[-1])

    result = result_of(folder)
    assert (result["status"], result["task"], result["seed"], result["epochs"]) == ("finished", "binary", 5, 2)
    assert set(result["metrics"]) == {"train", "val", "test"}
    assert (result["monitor"], result["stacked"]) == ("val_loss", 1)
    names, *epochs = history_of(folder)
    assert repr(result["best_value"]) == epochs[result["best_epoch"] - 1][names.index("val_loss")]
    assert OmegaConf.load(folder / ".hydra/overrides.yaml") == [*SHORT, "seed=5"]
    model = torch.load(folder / "model.pt", weights_only=True)
    assert (model["config"]["seed"], model["task"]) == (5, "binary")
    assert model["targets"][0]["class_names"] == ["inside", "outside"]
    assert {name: tuple(tensor.shape) for name, tensor in model["state_dict"].items()} == {
        "blocks.0.linear.weight": (64, 2),
        "blocks.0.linear.bias": (64,),
        "blocks.1.linear.weight": (32, 64),
        "blocks.1.linear.bias": (32,),
        "head.weight": (1, 32),
        "head.bias": (1,),
    }

    again = command("run", "--config-dir", str(folder / ".hydra"), "--config-name", "config", fork=True)
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


@pytest.mark.slow
def test_two_runs_at_once_have_folders_of_their_own(command: Command, tmp_path: Path) -> None:
    runs = [command.start("run", *QUIET, f"seed={seed}") for seed in (1, 2)]
    ends = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert [stderr for _, stderr in ends] == ["", ""]
    folders = run_folders(tmp_path)
    assert {result_of(folder)["seed"] for folder in folders} == {1, 2}
    assert len(folders) == 2
    assert all(files_in(folder) == RUN_FILES for folder in folders)


@pytest.mark.slow
def test_a_used_folder_is_refused_and_left_as_it_was(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "same"
    assert command("run", *QUIET, "hydra.run.dir=same", fork=True).returncode == 0
    assert files_in(folder) == RUN_FILES
    kept = {name: (folder / name).read_bytes() for name in RUN_FILES - {"run.log"}}
    done = command("run", *QUIET, "hydra.run.dir=same", "seed=7", fork=True)
    assert (
        refusal(done)
        == f"{folder}: holds result.json of another run. Give this run a folder of its own: hydra.run.dir={folder}-2"
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
        mistakes(f"model.widht: MLP takes no 'widht'. Known: {MODEL_KEYS}."),
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
            "typo: there is no such key. Known: baselines, callbacks, data, early_stopping, ensemble, inference, init, "
            "loss, metrics, model, optimizer, plots, preprocess, scheduler, seed, split, tracker, trainer."
        ),
    ),
    (["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder"),
    (
        ["data=diabetes", "loss=cross_entropy"],
        mistakes(
            "loss: cross_entropy is for binary, multiclass or ordinal targets, and the task is regression; use "
            "loss=auto, squared_error, huber, quantile, gaussian, poisson or gamma"
        ),
    ),
    (["-m", "seed=0", "optimizer=adam,adm"], mistakes("optimizer: there is no option 'adm'. Did you mean 'adam'?")),
    (["hydra.run.dir=file/run"], "file/run: Not a directory"),
    (["seed=1", "--dry-rum", "-m"], "--dry-rum: there is no such option. Did you mean --dry-run?"),
]


@pytest.mark.parametrize(("args", "message"), MESSAGES, ids=[" ".join(args) for args, _ in MESSAGES])
def test_a_mistake_gives_one_message(command: Command, tmp_path: Path, args: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    assert refusal(command("run", *args)) == message
    assert list(tmp_path.rglob("model.pt")) == []


@pytest.mark.parametrize("override", ["model=null", "trainer=null"])
def test_no_option_at_all_is_a_mistake_like_others(command: Command, override: str) -> None:
    done = command("run", override)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The configuration has 1 mistake:\n  {override.partition('=')[0]}: ")
    assert done.stderr.count("\n") == 2


def test_hydras_own_message_comes_without_a_traceback(command: Command) -> None:
    done = command("run", "--config-name", "nope")
    assert done.returncode == 1
    assert done.stderr.startswith("Cannot find primary config 'nope'.")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_mistakes_on_the_real_command_line(command: Command) -> None:
    assert refusal(command("run", "optimizer.lr=-1", process=True)) == mistakes(
        "optimizer.lr: expected a number above 0, got -1"
    )
    assert refusal(command("run", "optimizer=adm", fork=True)) == mistakes(
        "optimizer: there is no option 'adm'. Did you mean 'adam'?"
    )


def test_value_lists_want_m_on_the_real_command_line(command: Command, tmp_path: Path) -> None:
    done = command("run", "seed=1,2", fork=True)
    assert refusal(done) == mistakes("seed: 1,2 are several values: for a sweep, add -m")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_says_so_in_its_result(command: Command, tmp_path: Path) -> None:
    command("run", "optimizer.lr=-1")
    folder = the_run_folder(tmp_path)
    assert result_of(folder) == {
        "status": "failed",
        "reason": mistakes("optimizer.lr: expected a number above 0, got -1"),
        "metrics": {},
    }
    assert files_in(folder) == {*HYDRA_FILES, "result.json", "run.log"}


def test_full_error_keeps_the_traceback(command: Command) -> None:
    done = command("run", "optimizer.lr=-1", env={"HYDRA_FULL_ERROR": "1"}, fork=True)
    assert done.returncode == 1
    assert done.stderr.count("Traceback (most recent call last):\n") == 1
    assert done.stderr.endswith(
        f"mlp_exp.errors.ConfigError: {mistakes('optimizer.lr: expected a number above 0, got -1')}\n"
    )


def test_a_run_that_diverges(command: Command, tmp_path: Path) -> None:
    done = command("run", "optimizer=sgd", "optimizer.lr=1e10", "trainer.device=cpu", fork=True)
    message = (
        "The run diverged in epoch 1: its loss was not a finite number. The usual causes are a learning rate that is "
        "too high (try a tenth of optimizer.lr), gradients without a bound (try trainer.clip_grad_norm=1) and "
        "features that are not scaled (preprocess=standard)."
    )
    assert refusal(done) == message
    folder = the_run_folder(tmp_path)
    result = result_of(folder)
    assert (result["status"], result["reason"], result["metrics"]) == ("diverged", message, {})
    assert (result["monitor"], result["best_value"], result["stacked"]) == ("val_loss", None, 1)
    assert files_in(folder) == RUN_FILES - {"model.pt"}


# ---- interruptions


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_its_best_weights(
    command: Command, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    args = ("trainer.epochs=1000000", "trainer.device=cpu", "trainer.checkpoint_every=0")
    process = command.start("run", *args, process=number == signal.SIGINT)
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
    saved = [[repr(value) for value in row[1:-1]] for row in Checkpoint.read(RunFolder(folder)).networks[0].history]
    assert 1 <= len(saved) <= result["epochs"]
    assert saved == [row[1:] for row in rows[1 : 1 + len(saved)]]


# ---- sweeps


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_one_bad_job_does_not_stop_a_sweep(command: Command, tmp_path: Path, launcher: str) -> None:
    args = ("-m", *QUIET, "optimizer.lr=1e-3,-1,1e-2", *LAUNCHERS[launcher])
    done = command("run", *args, fork=True)
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
            [label, lr, *(f"{results[job]['metrics'][part][name]:.4f}" for part, name in printed), "finished"]
            for job, label, lr in ((2, "2 *", "0.01"), (0, "0", "0.001"))
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


@pytest.mark.slow
def test_a_run_is_the_same_whatever_the_launcher(command: Command, tmp_path: Path) -> None:
    """In one stack, in stacks of one that train in processes where there are cores for them, or by Hydra's own."""
    ways = {"stacked": ([], 2), "apart": (["hydra.launcher.max_stack=1"], 1), "basic": (LAUNCHERS["basic"], 1)}
    for way, (chosen, _) in ways.items():
        sweep = tmp_path / "outputs" / way
        done = command("run", "-m", *QUIET, "seed=3,4", "model.dropout=0.2", f"hydra.sweep.dir={sweep}", *chosen)
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
def test_bad_jobs_are_named_once_more_at_the_end(command: Command, launcher: str) -> None:
    done = command("run", "-m", *QUIET, "trainer.epochs=0,-1", *LAUNCHERS[launcher])
    assert done.returncode == 1
    jobs = [
        f"job {number} (trainer.device=cpu,trainer.epochs={epochs},trainer.plots=never): "
        + mistakes(f"trainer.epochs: expected a whole number, 1 or more, or auto, got {epochs}")
        for number, epochs in enumerate((0, -1))
    ]
    assert done.stderr == "\n".join([*jobs, "2 jobs failed:", *jobs]) + "\n"


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
    [(4, ""), (16, "result.json"), (20, "result.json"), (36, "model.pt"), (64, "checkpoint.pt")],
    indirect=["tiny_disk"],
    ids=lambda value: f"{value}k" if isinstance(value, int) else value,
)
def test_a_full_disk_gives_one_message(command: Command, tiny_disk: Path, named: str) -> None:
    """Whichever file finds no room: the settings, the log, the history, a checkpoint, the model or the result."""
    gc.freeze()  # to look in what the command made, not in all that the suite holds
    done = command("run", *QUIET, f"hydra.run.dir={tiny_disk}/run")
    gc.collect()  # what cannot be closed is said now, and not in a later test
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{tiny_disk}/run/{named}: " if named else "No space left")
    assert [name for name in files_in(tiny_disk) if name.endswith(".tmp")] == []
    for path in tiny_disk.rglob("*.pt"):
        assert "config" in torch.load(path, weights_only=True)  # it is whole


@pytest.mark.parametrize("tiny_disk", [24], indirect=True, ids="{}k".format)
def test_a_full_disk_on_the_real_command_line(command: Command, tiny_disk: Path) -> None:
    done = command("run", *QUIET, f"hydra.run.dir={tiny_disk}/run", fork=True)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_mistakes_give_one_message_and_status_1(command: Command) -> None:
    done = command("run", "optimizer=adm", "model.widht=3", "seed=x")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0] == "The configuration has 3 mistakes:"


def test_a_second_command_in_one_process_says_the_same(command: Command) -> None:
    """The first leaves no wish for tracebacks behind."""
    first, second = (command("run", "optimizer.lrr=1") for _ in range(2))
    assert (second.returncode, second.stderr) == (first.returncode, first.stderr)
    assert first.stderr == mistakes("optimizer.lrr: Adam takes no 'lrr'. Did you mean 'lr'?") + "\n"
    assert os.environ["HYDRA_FULL_ERROR"] == "0"


def test_an_interrupt_while_figures_are_drawn(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(after, "begin_drawing", interrupted)
    done = command("run", "data=diabetes", "trainer.epochs=1", "hydra.run.dir=run")
    advice = f"python -m mlp_exp.report {tmp_path / 'run'}"
    assert (done.returncode, done.stderr) == (
        130,
        f"Interrupted.\nIt has trained; figures may be missing. Draw them with: {advice}\n",
    )
    assert command(*advice.removeprefix("python -m mlp_exp.").split()).returncode == 0
    assert (tmp_path / "run" / "plots" / "loss.png").is_file()
