"""Weights of classes by name, from a command to a saved run."""

from pathlib import Path

import pytest
from support.commands import Command, mistakes, refusal
from support.folders import result_of, weights_of

pytestmark = pytest.mark.slow

SHORT = [
    "data=table",
    "experiment=table_quick",
    "data.path=people.csv",
    "data.target=buys",
    "trainer.epochs=3",
    "trainer.plots=never",
]
SHORT += ["trainer.device=cpu", "baselines=none"]


@pytest.fixture(autouse=True)
def people(tmp_path: Path) -> None:
    lines = [f"{age},{'yes' if age % 7 > 4 else 'no'},{age % 2}" for age in range(20, 140)]
    (tmp_path / "people.csv").write_text("\n".join(["age,buys,even", *lines]) + "\n", encoding="utf-8")


def test_a_command_a_sweep_and_a_file_weigh_alike_and_the_run_predicts(command: Command, tmp_path: Path) -> None:
    (tmp_path / "conf" / "loss").mkdir(parents=True)
    (tmp_path / "conf" / "loss" / "mine.yaml").write_text(
        "_target_: mlp_exp.components.auto_loss\nlabel_smoothing: 0.0\nclass_weight: {yes: 5, no: 1}\n"
    )
    typed = "loss.class_weight={yes: 5, no: 1}"
    for words in (
        [*SHORT, typed, "hydra.run.dir=typed"],
        ["--config-dir", "conf", *SHORT, "loss=mine", "hydra.run.dir=file"],
        ["-m", *SHORT, f"{typed},balanced,null", "hydra.sweep.dir=sweep"],
    ):
        done = command("run", *words)
        assert (done.returncode, done.stderr) == (0, "")
    assert "3 runs in 1 stack" in done.stdout
    typed_weights = weights_of(tmp_path / "typed")
    for same in ("file", "sweep/0"):
        assert all((typed_weights[name] == found).all() for name, found in weights_of(tmp_path / same).items())
    recalls = [result_of(tmp_path / "sweep" / str(job))["metrics"]["train"]["balanced_accuracy"] for job in range(3)]
    assert len({*recalls}) > 1
    assert command("predict", "typed", "people.csv", "-o", "out.csv").returncode == 0
    again = command("run", "rerun=typed", "hydra.run.dir=again")
    assert "identical to" in again.stdout


def test_an_unknown_class_is_one_message(command: Command) -> None:
    done = command("run", *SHORT, "loss.class_weight={maybe: 5, no: 1}")
    assert refusal(done) == mistakes(
        "loss.class_weight: expected weights above 0 for classes among no, yes; got maybe: 5"
    )


def test_classes_that_are_numbers_are_named_by_them(command: Command) -> None:
    words = [word.replace("buys", "even") for word in SHORT]
    assert command("run", *words, "loss.class_weight={1: 5, 0: 1}").returncode == 0
