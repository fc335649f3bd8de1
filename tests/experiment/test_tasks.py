"""Every task and loss through the command line: the same alone and in a sweep, resumed as if never stopped."""

from pathlib import Path

import pytest
from support.commands import Command, mistakes, refusal
from support.drawn_sets import QUIET, numbers, read_csv
from support.folders import history_of, result_of
from support.project import QUICK_TABLE
from support.resuming import Make, timeless
from support.task_runs import FEATURES, write_tasks

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def table(tmp_path: Path) -> None:
    write_tasks(tmp_path)


CASES = {
    "binary": ["two"],
    "binary by softmax": ["two", "loss=cross_entropy", "loss.class_weight=balanced"],
    "focal": ["two", "loss=focal", "data.weight=w", "inference.calibrate=true", "inference.threshold=f1"],
    "multiclass": ["three", "loss.label_smoothing=0.1", "inference.calibrate=true"],
    "focal of three": ["three", "loss=focal"],
    "ordinal": ["grade", "data.task=ordinal"],
    "ordinal by softmax": ["grade", "data.task=ordinal", "loss=cross_entropy", "data.weight=w"],
    "labels": ["[two,label]", "inference.threshold=f1", "metrics.history=[roc_auc]"],
    "value": ["value", "data.weight=w"],
    "huber": ["value", "loss=huber"],
    "values": ["[value,other]", "data.weight=w"],
    "quantile": ["value", "loss=quantile"],
    "gaussian": ["value", "loss=gaussian", "data.weight=w"],
    "crps": ["value", "loss=gaussian", "loss.score=crps"],
    "poisson": ["count", "data.task=regression", "loss=poisson", "data.weight=w"],
    "gamma": ["amount", "loss=gamma"],
    "gammas": ["[amount,larger]", "loss=gamma"],
}


TABLE = (*QUICK_TABLE, "data.path=tasks.csv", FEATURES, *QUIET[:3])
SHORT = (*TABLE, "metrics.intervals=50", "trainer.epochs=3", "model.hidden_sizes=[7]", "model.dropout=0.2")


def words_of(case: str) -> list[str]:
    target, *settings = CASES[case]
    return [*SHORT, f"data.target={target}", *settings]


@pytest.mark.parametrize("case", CASES)
def test_a_run_of_a_sweep_is_that_alone(command: Command, tmp_path: Path, case: str) -> None:
    alone = command("run", *words_of(case), "seed=1", "hydra.run.dir=alone")
    sweep = command("run", "-m", *words_of(case), "seed=0,1", "hydra.sweep.dir=sweep")
    assert [(done.returncode, done.stderr) for done in (alone, sweep)] == [(0, "")] * 2
    one, other = tmp_path / "alone", tmp_path / "sweep" / "1"
    assert result_of(other)["stacked"] == 2
    assert history_of(one) == history_of(other)
    results = [result_of(folder) for folder in (one, other)]
    for key in ("task", "best_epoch", "best_value", "metrics", "undefined", "intervals", "headlines", "ranking"):
        assert results[0][key] == results[1][key], key
    for name, folder in (("one", one), ("other", other)):
        assert command("predict", folder, "tasks.csv", "-o", f"{name}.csv").returncode == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


RESUMED = ("focal", "multiclass", "ordinal by softmax", "labels", "values", "quantile", "gaussian", "poisson", "gammas")
"""A case of each task, and each way to predict; `test_resume.py` has what else a run carries on."""


@pytest.mark.parametrize("case", RESUMED)
def test_a_stopped_run_goes_on_as_if_it_had_not_been(make: Make, command: Command, case: str) -> None:
    run, whole = make(*words_of(case), stopped=2), make(*words_of(case), name="whole")
    done = command("run", "resume=run")
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(run) == timeless(whole)


CORRELATION = """
import torch


def correlation(prediction, target):
    return -torch.corrcoef(torch.stack([prediction[:, 0], target[:, 0]]))[0, 1]
"""
WRONG = [
    (
        "value loss=quantile loss.quantiles=[0.1,1.5]",
        "loss.quantiles: expected a list of numbers between 0 and 1, such as [0.05,0.5,0.95], got [0.1, 1.5]",
    ),
    (
        "[value,other] loss=gaussian",
        "loss: gaussian is for one target, and there are 2; use loss=auto, squared_error or huber",
    ),
    ("value loss=poisson", "loss: poisson is for targets of 0 or more, got {lowest}; use loss=squared_error or huber"),
    ("value loss=gamma", "loss: gamma is for targets above 0, got {lowest}; use loss=squared_error or huber"),
    (
        "amount loss=gamma preprocess.log_target=true",
        "preprocess.log_target: expected false, since loss=gamma predicts a logarithm",
    ),
    (
        "amount loss=gaussian preprocess.log_target=true",
        "preprocess.log_target: expected false, since loss=gaussian predicts a standard deviation in the target's own "
        "unit",
    ),
    (
        "three loss=ordinal",
        "loss: ordinal is for ordinal targets, and the task is multiclass; use loss=auto, cross_entropy or focal, "
        "or of a table say data.task=ordinal",
    ),
    (
        "[two,three]",
        "data.target: 'tasks.csv': 'three' has 3 classes: a, b, c; each of several targets has two. "
        "Train a run for it alone",
    ),
    (
        "three data.task=ordinal",
        "data.order: 'tasks.csv': 'three' holds texts, whose order is not known; give it, the lowest first. "
        "From A to Z: 'data.order=[a,b,c]'",
    ),
    (
        "value data.weight=below",
        "data.weight: 'tasks.csv': column 'below', row 3, from 0: expected a number, 0 or more, found -1",
    ),
    ("value inference.calibrate=true", "inference.calibrate: is for classes, and the task is regression; use false"),
    ("three inference.threshold=f1", "inference.threshold: is for two classes, and the task is multiclass; use null"),
    (
        "two inference.calibrate=true split.train=0.8 split.val=0",
        "inference.calibrate: needs a validation part, and split.val is 0",
    ),
    (
        "[two,label] loss.class_weight=balanced",
        "loss.class_weight: expected null for 2 targets, which have classes of their own, got balanced",
    ),
    (
        "value data.weight=w loss._target_=batch_loss.correlation",
        "loss: expected a loss for each row, or their mean or sum, since the rows have weights; got one that belongs "
        "to a batch as a whole",
    ),
]


@pytest.mark.parametrize(("words", "problem"), WRONG, ids=[words for words, _ in WRONG])
def test_a_wrong_use_is_one_message(command: Command, tmp_path: Path, words: str, problem: str) -> None:
    (tmp_path / "batch_loss.py").write_text(CORRELATION, encoding="utf-8")
    target, *settings = words.split()
    said = refusal(command("run", *TABLE, f"data.target={target}", *settings))
    values = numbers(read_csv(tmp_path / "tasks.csv")["value"])
    expected = problem.format(lowest=f"{values.min():g}")
    assert said in (expected, mistakes(expected))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_value_that_a_loss_is_not_for_is_found_in_any_part(command: Command, tmp_path: Path, part: str) -> None:
    rows = [f"{row},{row % 5 + 1},{('train', 'val', 'test')[row % 3]}" for row in range(60)]
    rows += [f"7,-2,{part}"]
    (tmp_path / "counts.csv").write_text("\n".join(["x,n,part", *rows]), encoding="utf-8")
    words = [*QUICK_TABLE, "data.path=counts.csv", "data.target=n", "data.task=regression"]
    said = refusal(command("run", *words, "split=column", "split.column=part", "loss=poisson", *QUIET))
    assert said == "loss: poisson is for targets of 0 or more, got -2; use loss=squared_error or huber"
