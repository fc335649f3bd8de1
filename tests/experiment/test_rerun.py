"""`python -m mlp_exp.run rerun=RUN`: a run is trained again, and it is said whether it came out the same."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.commands import Command, mistakes
from support.folders import files_in, result_of, run_folders

from mlp_exp.cli.options import take_options
from mlp_exp.errors import ConfigError, NotReproducedError, RunFolderError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.reproduction import compare, require_history
from mlp_exp.storage.run_folder import RunFolder

Capture = pytest.CaptureFixture[str]
QUIET = ("trainer.device=cpu", "trainer.plots=never", "trainer.epochs=3")
SMALL = (*QUIET, "data.n_samples=100", "model.hidden_sizes=[4]")
OWN = """
import torch
from torch import nn


class Net(nn.Linear):
    pass
"""


@pytest.fixture
def run(command: Command, shelf: Path, tmp_path: Path) -> Path:
    """The folder of a run that has finished, made once."""
    if not (shelf / "run").exists():
        assert command("run", *SMALL, "hydra.run.dir=made").returncode == 0
        shutil.move(tmp_path / "made", shelf / "run")
    return Path(shutil.copytree(shelf / "run", tmp_path / "run"))


def identical(folder: Path, what: str = "history, weights and metrics") -> str:
    return f"identical to {folder} to the last bit: {what}\nthe environment is the same\n"


def change_result(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "result.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    change(result)
    path.write_text(json.dumps(result), encoding="utf-8")


def change_model(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    model = torch.load(folder / "model.pt", weights_only=True)
    change(model["state_dict"])
    torch.save(model, folder / "model.pt")


def history(folder: Path) -> list[list[str]]:
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def change_history(folder: Path, change: Callable[[list[list[str]]], object]) -> None:
    rows = history(folder)
    change(rows)
    with (folder / "history.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


# ---- the same again


def test_a_run_is_trained_again_in_a_folder_of_its_own(command: Command, run: Path, tmp_path: Path) -> None:
    before = {name: (run / name).read_bytes() for name in files_in(run)}
    done = command("run", f"rerun={run}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(identical(run))
    (again,) = run_folders(tmp_path)
    assert files_in(again) == files_in(run)
    for name in ("model.pt", ".hydra/config.yaml"):
        assert (again / name).read_bytes() == before[name]
    assert yaml.safe_load((again / ".hydra/overrides.yaml").read_text(encoding="utf-8")) == []
    assert [row[:-1] for row in history(again)] == [row[:-1] for row in history(run)]
    assert {name: (run / name).read_bytes() for name in files_in(run)} == before

    done = command("run", f"rerun={again}", "hydra.run.dir=third")  # and that one again
    assert done.stdout.endswith(identical(again))
    assert files_in(tmp_path / "third") == files_in(run)


def test_a_job_of_a_sweep(command: Command, tmp_path: Path) -> None:
    """It trained in a stack."""
    assert command("run", "-m", *SMALL, "seed=0,1", "hydra.sweep.dir=sweep").returncode == 0
    done = command("run", "rerun=sweep/1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(identical(tmp_path / "sweep/1"))


def test_a_diverged_run(command: Command, tmp_path: Path) -> None:
    args = (*QUIET, "data=diabetes", "optimizer=sgd", "optimizer.lr=1e30")
    assert command("run", *args, "hydra.run.dir=run").returncode == 1
    done = command("run", "rerun=run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(identical(tmp_path / "run"))


def test_an_interrupted_run_as_far_as_it_came(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write = Checkpoint.write

    def write_and_stop(checkpoint: Checkpoint, folder: RunFolder) -> None:
        write(checkpoint, folder)
        if checkpoint.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", write_and_stop)
        assert command("run", *SMALL, "trainer.checkpoint_every=0", "hydra.run.dir=run").returncode == 130
    done = command("run", "rerun=run", "hydra.run.dir=again")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(identical(tmp_path / "run", "the 1 epoch before it was interrupted"))
    change_history(tmp_path / "run", lambda rows: rows.extend([["2", *rows[1][1:]], ["3", *rows[1][1:]]]))
    with pytest.raises(NotReproducedError, match=r"not identical: epoch 2, train_loss: "):
        compare(RunFolder(tmp_path / "run"), RunFolder(tmp_path / "again"))


def test_a_users_own_package_is_allowed_by_its_name(command: Command, tmp_path: Path) -> None:
    (tmp_path / "net_of_rerun.py").write_text(OWN, encoding="utf-8")
    words = ("model=linear", "model._target_=net_of_rerun.Net", "data.n_samples=100")
    assert command("run", *QUIET, *words, "hydra.run.dir=run").returncode == 0
    for allowed in ([], ["--allow", "net_of"]):
        done = command("run", "rerun=run", *allowed)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith("If you know and trust that package: --allow net_of_rerun\n")
    assert run_folders(tmp_path) == []
    done = command("run", "rerun=run", "--allow=net_of_rerun")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(identical(tmp_path / "run"))


# ---- the first difference


def test_a_difference_is_said_with_status_1(command: Command, run: Path, tmp_path: Path) -> None:
    lr = history(run)[1][1]
    change_history(run, lambda rows: rows[2].__setitem__(1, "0.002"))
    change_result(run, lambda result: result["provenance"]["versions"].update(torch="1.0"))
    done = command("run", "rerun=run")
    assert done.returncode == 1
    assert done.stderr == (
        f"not identical: epoch 2, lr: 0.002 before, {lr} now\n"
        "the environment differs:\n"
        f"  versions.torch: 1.0 before, {version('torch')} now\n"
    )
    (again,) = run_folders(tmp_path)
    assert (again / "model.pt").read_bytes() == (run / "model.pt").read_bytes()


def test_other_values_are_another_run(command: Command, run: Path) -> None:
    done = command("run", "rerun=run", "trainer.epochs=2")
    assert done.returncode == 1
    assert done.stderr == "not identical: 3 epochs before, 2 now\nthe environment is the same\n"


def raised(number: str) -> str:
    """The next number that a float can be."""
    return repr(float(torch.nextafter(torch.tensor(float(number), dtype=torch.float64), torch.tensor(1e9).double())))


Tamper = Callable[[Path], object]
DIFFERENCES: dict[str, tuple[Tamper, str]] = {
    "last bit": (
        lambda run: change_history(run, lambda rows: rows[3].__setitem__(2, raised(rows[3][2]))),
        "epoch 3, train_loss: {raised} before, {train_loss} now",
    ),
    "first of many": (
        lambda run: change_history(run, lambda rows: [row.__setitem__(4, "0.5") for row in rows[1:]]),
        "epoch 1, val_accuracy: 0.5 before, {val_accuracy} now",
    ),
    "not a number": (
        lambda run: change_history(run, lambda rows: rows[1].__setitem__(3, "nan")),
        "epoch 1, val_loss: nan before, {val_loss} now",
    ),
    "columns": (
        lambda run: change_history(run, lambda rows: [row.pop(4) for row in rows]),
        "history.csv has columns epoch, lr, train_loss, val_loss, seconds before, "
        "epoch, lr, train_loss, val_loss, val_accuracy, seconds now",
    ),
    "fewer epochs": (lambda run: change_history(run, lambda rows: rows.pop()), "2 epochs before, 3 now"),
    "more epochs": (
        lambda run: change_history(run, lambda rows: rows.append(rows[3])),
        "4 epochs before, 3 now",
    ),
    "status": (
        lambda run: change_result(run, lambda result: result.update(status="stopped_early")),
        "status: stopped_early before, finished now",
    ),
    "best epoch": (
        lambda run: change_result(run, lambda result: result.update(best_epoch=1, metrics={})),
        "best_epoch: 1 before, 3 now",
    ),
    "weights": (
        lambda run: change_model(run, lambda weights: weights["blocks.0.linear.bias"][1:3].add_(0.25)),
        "weights blocks.0.linear.bias: 2 of 4 differ, by 0.25 at most",
    ),
    "shape": (
        lambda run: change_model(run, lambda weights: weights.update({"head.bias": torch.zeros(2)})),
        "weights head.bias: [2] before, [1] now",
    ),
    "missing": (
        lambda run: change_model(run, lambda weights: weights.pop("head.bias")),
        "weights head.bias: none before, [1] now",
    ),
    "metric": (
        lambda run: change_result(run, lambda result: result["metrics"]["test"].update(accuracy=0.125)),
        "metrics.test.accuracy: 0.125 before, {accuracy} now",
    ),
    "part": (
        lambda run: change_result(run, lambda result: result["metrics"].pop("val")),
        "metrics.val: None before, {val} now",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_first_difference_is_named(run: Path, tmp_path: Path, capfd: Capture, name: str) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    compare(RunFolder(run), RunFolder(again))
    assert capfd.readouterr().out == identical(run)
    tamper, line = DIFFERENCES[name]
    tamper(run)
    rows, metrics = history(again), result_of(again)["metrics"]
    with pytest.raises(NotReproducedError) as caught:
        compare(RunFolder(run), RunFolder(again))
    values = {
        "raised": raised(rows[3][2]),
        "train_loss": rows[3][2],
        "val_loss": rows[1][3],
        "val_accuracy": rows[1][4],
        "accuracy": metrics["test"]["accuracy"],
        "val": metrics["val"],
    }
    assert str(caught.value) == f"not identical: {line.format(**values)}\nthe environment is the same"


def test_seconds_and_stacks_do_not_matter(run: Path, tmp_path: Path, capfd: Capture) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    change_history(run, lambda rows: [row.__setitem__(5, "9") for row in rows[1:]])
    change_result(run, lambda result: result.update(seconds=9.0, stacked=128))
    compare(RunFolder(run), RunFolder(again))
    assert capfd.readouterr().out == identical(run)


@pytest.mark.parametrize(
    ("factor", "both", "same"), [(1 + 5e-4, True, True), (1 + 2e-3, True, False), (1 + 5e-4, False, False)]
)
def test_losses_within_the_recorded_tolerance_are_the_same(
    run: Path, tmp_path: Path, capfd: Capture, factor: float, both: bool, same: bool
) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    recorded = {"method": "torch.func", "tolerance": 1e-3}
    for folder in (run, again) if both else (run,):
        change_result(folder, lambda result: result["provenance"].update(stacked_by=recorded))
    value = float(history(run)[2][2])
    change_history(run, lambda rows: rows[2].__setitem__(2, repr(value * factor)))
    change_model(run, lambda weights: weights["head.bias"].add_(0.25))  # losses alone are compared
    first = f"epoch 2, train_loss: {value * factor!r} before, {value!r} now"
    if not same:
        with pytest.raises(NotReproducedError, match=re.escape(f"not identical: {first}")):
            compare(RunFolder(run), RunFolder(again))
        return
    compare(RunFolder(run), RunFolder(again))
    assert capfd.readouterr().out.splitlines() == [
        f"the same as {run} within 0.001 of the losses, since its network trains by torch.func",
        f"not to the last bit: {first}",
        "the environment is the same",
    ]
    change_result(run, lambda result: result.update(status="stopped_early"))
    with pytest.raises(NotReproducedError):
        compare(RunFolder(run), RunFolder(again))


def test_the_environment_is_compared(run: Path, tmp_path: Path, capfd: Capture) -> None:
    """Whether the numbers are the same or not."""
    again = shutil.copytree(run, tmp_path / "again")
    now = result_of(again)["provenance"]
    now["git"] = {"commit": "abc", "dirty": False}
    change_result(again, lambda result: result["provenance"].update(git=now["git"]))

    def be_elsewhere(result: dict[str, Any]) -> None:
        result["provenance"].update(
            data_fingerprint="123", device="cuda", threads=8, machine="elsewhere", git={"commit": "def", "dirty": True}
        )
        result["provenance"]["versions"].update(numpy="1.0")
        del result["provenance"]["versions"]["pyarrow"]

    change_result(run, be_elsewhere)
    lines = [
        "the environment differs:",
        f"  versions.numpy: 1.0 before, {now['versions']['numpy']} now",
        f"  versions.pyarrow: None before, {now['versions']['pyarrow']} now",
        "  git.commit: def before, abc now",
        "  git.dirty: True before, False now",
        f"  data_fingerprint: 123 before, {now['data_fingerprint']} now",
        "  device: cuda before, cpu now",
        "  threads: 8 before, 1 now",
        f"  machine: elsewhere before, {now['machine']} now",
    ]
    compare(RunFolder(run), RunFolder(again))
    assert capfd.readouterr().out.splitlines()[1:] == lines
    change_history(run, lambda rows: rows.pop())
    with pytest.raises(NotReproducedError) as caught:
        compare(RunFolder(run), RunFolder(again))
    assert str(caught.value).splitlines() == ["not identical: 2 epochs before, 3 now", *lines]
    change_result(again, lambda result: result["provenance"].update(git=None))
    change_result(run, lambda result: result["provenance"].update({**now, "git": {"commit": "abc", "dirty": False}}))
    with pytest.raises(NotReproducedError) as caught:
        compare(RunFolder(run), RunFolder(again))
    assert str(caught.value).splitlines()[1:] == [
        "the environment differs:",
        "  git: {'commit': 'abc', 'dirty': False} before, None now",
    ]


def test_another_processor_is_named(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    now = result_of(again)["provenance"]["processor"]
    change_result(run, lambda result: result["provenance"]["processor"].update(model="Old 80386", capability="DEFAULT"))
    lines = [
        "the environment differs:",
        f"  processor.model: Old 80386 before, {now['model']} now",
        f"  processor.capability: DEFAULT before, {now['capability']} now",
        "another kind of processor may compute other last bits",
    ]
    compare(RunFolder(run), RunFolder(again))
    assert capfd.readouterr().out.splitlines()[1:] == lines
    change_history(run, lambda rows: rows[2].__setitem__(1, "0.002"))
    with pytest.raises(NotReproducedError) as caught:
        compare(RunFolder(run), RunFolder(again))
    assert str(caught.value).splitlines()[1:] == lines


def test_a_version_that_did_not_name_the_processor(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    change_result(run, lambda result: result["provenance"].pop("processor"))
    compare(RunFolder(run), RunFolder(again))
    assert capfd.readouterr().out.splitlines()[1:] == ["the environment is the same"]


# ---- what cannot be trained again


def test_nothing_to_compare(run: Path) -> None:
    (run / "history.csv").unlink()
    with pytest.raises(RunFolderError) as caught:
        require_history(RunFolder(run))
    assert str(caught.value) == (f"{run}: expected the folder of a run that has trained; there is nothing to compare")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-m", "rerun=run"], "rerun: trains one run again; leave out -m"),
        (["rerun=run", "resume=true"], "rerun: trains one run again; leave out resume"),
        (["--dry-run", "rerun=run"], "--dry-run: describes a sweep from its beginning; leave out rerun=run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_do_not_fit(arguments: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        take_options(arguments, "", multirun="-m" in arguments)
    assert caught.value.problems == [line]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["rerun=run", "optimizer=sgd"],
            mistakes("optimizer=sgd: rerun={run} takes the configuration as it was saved") + "\n",
        ),
        (["rerun=nowhere"], "{folder}/nowhere: there is no such folder; expected that of a run\n"),
        (["rerun=empty"], "{folder}/empty/model.pt: there is no such file; expected a model of this project\n"),
        (["rerun=run", "-m"], mistakes("rerun: trains one run again; leave out -m") + "\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nothing_is_trained(command: Command, run: Path, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    before = files_in(tmp_path)
    done = command("run", *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message.format(run=run, folder=tmp_path))
    assert files_in(tmp_path) == before
