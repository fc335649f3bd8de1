"""Folders that version 0.1 wrote: they predict, are compared, trained again and continued.

`tests/support/version_0_1` holds such folders, small ones, with what version 0.1 predicted.
"""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import Command
from support.folders import history_of, leaderboard_of, shown_in
from support.predictions import loaded
from support.project import ROOT

from mlp_exp import __version__
from mlp_exp.config.components import ALIASES, COMPONENTS, current_names, is_component
from mlp_exp.config.targets import locate
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.storage.run_folder import RunFolder

SAMPLES = ROOT / "tests" / "support" / "version_0_1"
SHARED = ROOT.parent / "shared" / "old-runs"
"""Larger ones, where they are at hand."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return shutil.copytree(SAMPLES, tmp_path, dirs_exist_ok=True)


def contents(folder: Path) -> dict[str, bytes]:
    """Of the run's own files; Hydra itself writes `.hydra` and the log of a job again."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".log"}


def probabilities(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return [row[0] for row in rows], np.array([[float(value) for value in row[1:]] for row in rows])


@pytest.mark.parametrize(
    "folder", [SAMPLES, pytest.param(SHARED, marks=pytest.mark.skipif(not SHARED.is_dir(), reason="not at hand"))]
)
def test_predictions_are_the_recorded_ones(command: Command, folder: Path, tmp_path: Path) -> None:
    done = command("predict", folder / "table", folder / "people.csv", "-o", "out.csv")
    assert (done.returncode, done.stderr) == (0, "")
    (labels, now), (old_labels, then) = (
        probabilities(path) for path in (tmp_path / "out.csv", folder / "table-predictions.csv")
    )
    assert labels == old_labels
    np.testing.assert_allclose(now, then, rtol=0, atol=1e-6)


def test_they_load(old: Path) -> None:
    model = loaded(old / "circle")
    assert model.config["model"]["_target_"] == "mlp_exp.components.MLP"
    assert model.predict(np.array([[0.0, 0.0], [3.0, 3.0]])).shape == (2,)


@pytest.mark.usefixtures("figures_unrendered")
def test_they_are_reported(command: Command, old: Path) -> None:
    sweep, table = command("report", "sweep"), command("report", "table")
    assert (sweep.stderr, table.stderr) == ("", "")
    assert "2 runs, best first by val_rmse" in sweep.stdout
    assert table.stdout.count("table/plots") == 1
    assert {path.name for path in (old / "table/plots").glob("*.png")} == {
        "calibration.png",
        "confusion_matrix.png",
        "loss.png",
        "precision_recall.png",
        "roc.png",
    }


@pytest.mark.parametrize("name", ["circle", "table", "sweep/0"])
def test_they_are_trained_again(command: Command, old: Path, name: str) -> None:
    """Another processor may give other last bits, and nothing else."""
    done = command("run", f"rerun={name}", "hydra.run.dir=again")
    assert done.returncode == 0 or "not identical: epoch" in done.stderr
    config = torch.load(old / "again/model.pt", weights_only=True)["config"]
    saved = torch.load(old / name / "model.pt", weights_only=True)["config"]
    assert config == current_names(saved)
    now, then = history_of(old / "again"), history_of(old / name)
    assert now[0] == then[0]
    np.testing.assert_allclose(np.array(now[1:], float), np.array(then[1:], float), rtol=1e-4)


def test_a_run_is_extended_by_its_own_version_alone(command: Command, old: Path) -> None:
    before = contents(old / "circle")
    done = command("run", "resume=circle", "trainer.epochs=5")
    assert (done.returncode, done.stderr) == (
        1,
        f"{old}/circle/checkpoint.pt: expected a checkpoint of format 3, got 1: mlp_exp 0.1.0 has written it, and can "
        "resume it. Go on with that version, or train another run\n",
    )
    assert contents(old / "circle") == before


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_of_a_sweep_that_continues_finished_runs_stay_and_others_begin_anew(
    command: Command, old: Path, launcher: str
) -> None:
    for name in ("result.json", "model.pt"):  # as if it had been killed
        (old / "sweep/1" / name).unlink()
    before = contents(old / "sweep/0")
    words = (old / "sweep/0/.hydra/overrides.yaml").read_text(encoding="utf-8")
    typed = [line.removeprefix("- ") for line in words.splitlines() if not line.startswith("- seed=")]
    done = command(
        "run", "-m", *typed, "seed=0,1", "hydra.sweep.dir=sweep", "resume=true", f"hydra/launcher={launcher}"
    )
    assert done.returncode == 0
    assert "job 1 begins anew: " in done.stdout + done.stderr
    assert "mlp_exp 0.1.0 has written it" in done.stdout + done.stderr
    assert contents(old / "sweep/0") == before
    assert [row["status"] for row in leaderboard_of(old / "sweep")] == ["finished"] * 2
    assert Checkpoint.read(RunFolder(old / "sweep/1")).versions["mlp_exp"] == __version__
    assert history_of(old / "sweep/1")[-1][0] == "3"


def test_its_saved_configuration_runs(command: Command, old: Path) -> None:
    done = command("run", "--config-dir", "circle/.hydra", "--config-name", "config", "seed=5", "hydra.run.dir=new")
    assert (done.returncode, done.stderr) == (0, "")
    config = torch.load(old / "new/model.pt", weights_only=True)["config"]
    assert config["early_stopping"]["_target_"] == "mlp_exp.components.NoEarlyStopping"


def test_old_and_new_runs_of_an_experiment_are_repetitions_of_one(command: Command, old: Path) -> None:
    """The names of components differ in the files, and in nothing that is compared."""
    words = (old / "sweep/0/.hydra/overrides.yaml").read_text(encoding="utf-8")
    typed = [line.removeprefix("- ") for line in words.splitlines() if not line.startswith("- seed=")]
    done = command("run", "-m", *typed, "seed=2,3", "hydra.sweep.dir=new")
    assert (done.returncode, done.stderr) == (0, "")
    printed = command("report", "sweep", "new", "-o", "both").stdout
    assert "4 runs, best first by val_rmse; mean ± standard deviation over seed" in printed
    shown = shown_in(old / "both/report.html")
    assert [set(one["config"]) for one in shown["runs"]] == [{"seed"}] * 4
    assert [len(group) for group in shown["groups"]] == [4]


# ---- names


def test_every_name_of_version_0_1_stands_for_a_component() -> None:
    assert len(ALIASES) == 28
    assert all(is_component(new) for new in ALIASES.values())


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_a_component_is_what_its_name_says(name: str) -> None:
    found = locate(f"mlp_exp.components.{name}")
    assert getattr(found, "__name__", None) == name
    assert getattr(found, "__module__", None) == COMPONENTS[name]


def test_names_are_translated_at_any_depth() -> None:
    old = {"init": {"_target_": "mlp_exp.model.initialisation.Initialisation", "x": [{"_target_": "a.B"}]}, "n": 1}
    assert current_names(old) == {
        "init": {"_target_": "mlp_exp.components.WeightInit", "x": [{"_target_": "a.B"}]},
        "n": 1,
    }
    assert current_names({"name": "mlp_exp.model.mlp.MLP"}) == {"name": "mlp_exp.model.mlp.MLP"}  # no `_target_`


def test_samples_name_no_machine() -> None:
    for path in SAMPLES.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in (b"/tmp", b"/root", os.fsencode(ROOT)) if word in content], path
