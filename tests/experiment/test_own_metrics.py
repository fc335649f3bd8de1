"""The config group `metrics`: what it builds, and who builds it."""

import sys
from pathlib import Path

import pytest
from support.commands import Command
from support.compositions import Compose
from support.folders import the_run_folder
from support.specs import build

from mlp_exp.config.validation import find_problems
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.configs import saved_config
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.metrics import CLASS_DEFAULTS, CLASS_METRICS, ClassPredictions, evaluate

PROFIT = """
def profit(target, prediction, price=1):
    with open("called", "a") as file:
        file.write("called")
    return price * len(target)
"""
EXTRA = "metrics.extra=[f1_macro,{_target_: profits_of_test.profit, price: 2, larger_is_better: true}]"


@pytest.fixture(autouse=True)
def profits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profits_of_test.py").write_text(PROFIT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "profits_of_test", raising=False)


def test_own_functions_are_built_and_not_called(compose: Compose, tmp_path: Path) -> None:
    words = [EXTRA, "metrics.history=[recall]", "metrics.intervals=10"]
    cfg = compose(words)
    assert find_problems(cfg, words) == []
    metrics = build(cfg).metrics
    example = ClassPredictions.example(2)
    chosen = metrics.chosen(CLASS_METRICS, CLASS_DEFAULTS, example)
    assert not (tmp_path / "called").exists()
    assert tuple(chosen) == (*CLASS_DEFAULTS, "profit", "f1_macro", "recall")
    assert (metrics.history, metrics.intervals) == (["recall"], 10)
    assert evaluate(chosen, example).values["profit"] == 16


def test_something_else_is_no_metrics(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        build(compose(["metrics._target_=builtins.dict"]))
    assert caught.value.problems == ["metrics._target_: expected an object with a method chosen, got dict"]


def test_configurations_without_the_group_have_its_defaults(compose: Compose) -> None:
    cfg = compose(["~metrics"])
    assert find_problems(cfg) == []
    assert build(cfg).metrics.extra == []


@pytest.mark.usefixtures("figures_unrendered")
def test_nobody_but_training_imports_own_metrics(command: Command, tmp_path: Path) -> None:
    """Figures and predictions are those of the network; the package may be gone."""
    done = command("run", EXTRA, "trainer.epochs=1", "trainer.plots=never")
    assert (done.returncode, done.stderr) == (0, "")
    folder = the_run_folder(tmp_path)
    (tmp_path / "profits_of_test.py").unlink()
    (tmp_path / "x.csv").write_text("x1,x2\n0.5,0.1\n-0.3,0.9\n")
    for words in (("report", str(folder)), ("predict", str(folder), "x.csv", "-o", "out.csv")):
        done = command(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
    with pytest.raises(Exception, match="--allow profits_of_test"):
        saved_config(RunFolder(folder), [], to_resume=False)
