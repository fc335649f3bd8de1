"""Folders of runs and sweeps that failed before anything was trained: the corrected command may use them."""

from pathlib import Path

import pytest
import yaml
from support.commands import Command
from support.folders import files_in, leaderboard_of, result_of
from support.sweeps import jobs_in

from mlp_exp import ConfigError, DataError, TrainingError, sweep, train
from mlp_exp.storage.run_folder import RunFolder

SHORT = ("trainer.epochs=1", "trainer.device=cpu", "trainer.plots=never", "baselines=none")
COLUMNS = {"x": [1.0, 2, 3, 4] * 9, "y": [2.0, 4, 6, 8] * 9}
MISTAKES = [
    (["data=table", "data.path=x.csv", "data.target=z"], ["data=table", "data.path=x.csv", "data.target=y"]),
    (["data=table", "data.path=none.csv", "data.target=y"], ["data=table", "data.path=x.csv", "data.target=y"]),
    (["metrics.extra=[acuracy]"], ["metrics.extra=[balanced_accuracy]"]),
    (["optimizer.lr=-1"], ["optimizer.lr=0.1"]),
]


@pytest.fixture(autouse=True)
def _table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{x},{y}" for x, y in zip(COLUMNS["x"], COLUMNS["y"], strict=True)]
    (tmp_path / "x.csv").write_text("\n".join(["x,y", *rows, ""]), encoding="utf-8")


@pytest.mark.parametrize(("wrong", "right"), MISTAKES)
def test_the_corrected_run_uses_the_same_folder(
    command: Command, tmp_path: Path, wrong: list[str], right: list[str]
) -> None:
    folder = tmp_path / "o"
    assert command("run", *SHORT, *wrong, "hydra.run.dir=o").returncode == 1
    done = command("run", *SHORT, *right, "hydra.run.dir=o")
    assert (done.returncode, done.stderr) == (0, "")
    assert result_of(folder)["status"] == "finished"
    assert yaml.safe_load((folder / ".hydra/overrides.yaml").read_text(encoding="utf-8")) == [*SHORT, *right]
    again = command("run", *SHORT, *right, "hydra.run.dir=o")
    assert f"{folder}: holds result.json of another run." in again.stderr


def test_another_mistake_replaces_the_reason(command: Command, tmp_path: Path) -> None:
    for lr in ("-1", "-2"):
        assert command("run", *SHORT, f"optimizer.lr={lr}", "hydra.run.dir=o").returncode == 1
        assert result_of(tmp_path / "o")["reason"].endswith(f"optimizer.lr: expected a number above 0, got {lr}")


def test_the_corrected_sweep_uses_the_same_folder(command: Command, tmp_path: Path) -> None:
    line = ("run", "-m", *SHORT, "data=table", "data.path=x.csv", "hydra.sweep.dir=s")
    assert command(*line, "data.target=z", "seed=0,1,2").returncode == 1
    assert [row["status"] for row in leaderboard_of(tmp_path / "s")] == ["failed"] * 3
    done = command(*line, "data.target=y", "seed=0,1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["status"] for row in leaderboard_of(tmp_path / "s")] == ["finished"] * 2  # none of the earlier three
    again = command(*line, "data.target=y", "seed=0,1")
    assert f"{tmp_path / 's'}: holds a sweep already." in again.stderr


def test_a_search_of_which_nothing_trained_begins_again(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    line = ("run", "-m", *SHORT, "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweep.dir=s")
    sized = "data=moons", "data.n_samples=40"
    wrong = command(*line, *sized, "metrics.extra=[acuracy]", "optimizer.lr=interval(0.01,0.1)")
    assert wrong.returncode == 1
    done = command(*line, *sized, "optimizer.momentum=0.5", "optimizer=sgd", "seed=1,2")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(jobs_in(tmp_path / "s")) == 2


def test_a_sweep_of_which_a_run_has_trained_keeps_its_folder(command: Command, tmp_path: Path) -> None:
    line = ("run", "-m", *SHORT, "hydra.sweep.dir=s")
    assert command(*line, "optimizer.lr=0.1,-1").returncode == 1
    before = files_in(tmp_path / "s")
    again = command(*line, "optimizer.lr=0.1,0.2")
    assert f"{tmp_path / 's'}: holds a sweep already." in again.stderr
    assert files_in(tmp_path / "s") == before


def test_from_python(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'z'"):
        train([*SHORT, "data.categorical=[z]"], data=COLUMNS, target="y", folder="o", quiet=True)
    assert RunFolder(tmp_path / "o").is_untrained
    assert len(train(SHORT, data=COLUMNS, target="y", folder="o", quiet=True).predict({"x": [1.0]})) == 1
    with pytest.raises(ConfigError):
        train([*SHORT, "optimizer.lr=-1"], folder="p", quiet=True)
    train(SHORT, folder="p", quiet=True)
    assert result_of(tmp_path / "p")["status"] == "finished"


def test_sweeps_from_python() -> None:
    seeds = [*SHORT, "seed=0,1"]
    with pytest.raises(TrainingError, match="'z'"):
        sweep([*seeds, "data.categorical=[z]"], data=COLUMNS, target="y", folder="s", quiet=True)
    assert len(sweep(seeds, data=COLUMNS, target="y", folder="s", quiet=True)) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["-m", "seed=0,1", "hydra.run.dir=o/p"],
            "hydra.run.dir=o/p: is for one run, and this is a sweep; type hydra.sweep.dir=o/p",
        ),
        (["hydra.sweep.dir=o/p"], "hydra.sweep.dir=o/p: is for -m, and one run trains; type hydra.run.dir=o/p"),
    ],
    ids=["sweep", "run"],
)
def test_the_folder_of_the_other_kind(command: Command, tmp_path: Path, words: list[str], said: str) -> None:
    done = command("run", *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"The configuration has 1 mistake:\n  {said}\n")
    assert not any((tmp_path / name).exists() for name in ("o", "outputs", "multirun"))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            "sweep",
            "run",
            "{folder}: holds a sweep already. Go on with it: python -m mlp_exp.run resume={folder}; or give this run a",
        ),
        (
            "run",
            "sweep",
            "{folder}: holds result.json of another run. Give this sweep a folder of its own: hydra.sweep.dir=",
        ),
    ],
)
def test_runs_and_sweeps_have_folders_of_their_own(
    command: Command, tmp_path: Path, first: str, second: str, said: str
) -> None:
    words = {"run": ["hydra.run.dir=s"], "sweep": ["-m", "seed=0,1", "hydra.sweep.dir=s"]}
    quick = ["trainer.epochs=1", "trainer.plots=never", "data.n_samples=50"]
    assert command("run", *words[first], *quick).returncode == 0
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    done = command("run", *words[second], *quick)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said.format(folder=tmp_path / "s"))
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
