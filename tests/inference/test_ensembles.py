"""Models of several networks: the members of one run, and combinations of runs with weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.commands import Command, refusal, said
from support.drawn_sets import read_csv
from support.ensembles import combined, mean_answers, one_of, with_members
from support.exports import of_archive, of_module
from support.predictions import loaded, put, spoil
from support.task_runs import TaskRuns
from torch import nn

from mlp_exp import load
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.statistics import Floats
from mlp_exp.errors import RunFolderError
from mlp_exp.inference import predictor
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export import export
from mlp_exp.inference.predictor import Predictor
from mlp_exp.tasks.task import mean_of

KINDS = ("binary", "value", "values", "quantiles", "distribution")


def several(folder: Path) -> Ensemble:
    """A run of several networks."""
    run = load(folder)
    assert isinstance(run, Ensemble)
    return run


def answers_of(run: Predictor, tasks: TaskRuns) -> Floats:
    found: Floats = run._all_outputs({name: read_csv(tasks.table)[name] for name in ("x1", "x2", "x3")})
    return found


# ---- the average


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_a_run_are_averaged(kind: str, tasks: TaskRuns, tmp_path: Path) -> None:
    run = several(with_members(tasks(kind) / "0", tmp_path / "many", 3))
    ones = [loaded(one_of(tmp_path / "many", member, tmp_path / str(member))) for member in range(3)]
    expected = mean_answers(ones[0].task, [answers_of(one, tasks) for one in ones], [1 / 3] * 3)
    np.testing.assert_allclose(answers_of(run, tasks), expected, rtol=1e-12, atol=1e-12)
    assert run.weights == pytest.approx([1 / 3] * 3, abs=1e-15)
    assert run.task.thresholds == ones[0].task.thresholds
    assert np.array_equal(answers_of(ones[0], tasks), answers_of(loaded(tasks(kind) / "0"), tasks))


@pytest.mark.parametrize("kind", KINDS)
def test_a_combination_is_the_weighted_mean(kind: str, tasks: TaskRuns, tmp_path: Path) -> None:
    runs = [tasks(kind) / "0", tasks(kind) / "1"]
    combination = several(combined(runs, [0.25, 0.75], tmp_path / "both"))
    ones = [loaded(run) for run in runs]
    expected = mean_answers(ones[0].task, [answers_of(one, tasks) for one in ones], [0.25, 0.75])
    np.testing.assert_allclose(answers_of(combination, tasks), expected, rtol=1e-12, atol=1e-12)
    thresholds = np.tensordot([0.25, 0.75], [one.task.thresholds for one in ones], 1)
    np.testing.assert_allclose(combination.task.thresholds, thresholds, rtol=1e-12)


def test_each_run_counts_the_same(tasks: TaskRuns, tmp_path: Path, command: Command) -> None:
    """Whether it is of one network, of three, or a combination with one of three networks."""
    many = with_members(tasks("value") / "0", tmp_path / "many", 3)
    nested = combined([many, tasks("value") / "1"], [0.6, 0.4], tmp_path / "nested")
    assert several(nested).weights == pytest.approx([0.2, 0.2, 0.2, 0.4])
    runs = [many, tasks("value") / "1", nested]
    together = Ensemble([load(run) for run in runs])
    expected = np.mean([answers_of(load(run), tasks) for run in runs], axis=0)
    np.testing.assert_allclose(answers_of(together, tasks), expected, rtol=1e-12)
    assert sum(together.weights) == pytest.approx(1)
    lines = said(command("predict", *runs, tasks.table, "-o", "o.csv"))
    assert lines[0] == f"average of 3 runs: {', '.join(map(str, runs))}"
    np.testing.assert_allclose(np.array(read_csv(tmp_path / "o.csv")["prediction"], float), expected[:, 0], rtol=1e-12)


def test_equal_weights_are_as_good_as_none() -> None:
    """To the last bit, which decides where two classes are as likely."""
    values = list(np.random.default_rng(0).normal(size=(7, 50, 2)))
    plain = mean_of(values)
    assert np.array_equal(mean_of(values, [1 / 7] * 7), plain)
    assert np.array_equal(plain, sum(values[1:], values[0]) / 7)
    weights = np.arange(1.0, 8)
    np.testing.assert_allclose(
        mean_of(values, weights.tolist()), np.average(values, axis=0, weights=weights), rtol=1e-13
    )


def test_networks_are_plain_modules(tasks: TaskRuns, tmp_path: Path) -> None:
    run = several(with_members(tasks("binary") / "0", tmp_path / "many", 3))
    assert type(run.module) is nn.ModuleList
    assert not run.module.training
    saved = torch.load(tmp_path / "many/model.pt", weights_only=True)["state_dict"]
    assert run.module.state_dict().keys() == saved.keys()
    assert all(torch.equal(tensor, saved[name]) for name, tensor in run.module.state_dict().items())
    one = loaded(tasks("binary") / "0")
    assert torch.equal(run.module[0](torch.ones(4, one.inputs_width)), one.module(torch.ones(4, one.inputs_width)))


def test_what_members_share_is_done_once(tasks: TaskRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = several(with_members(tasks("binary") / "0", tmp_path / "many", 5))
    made: list[int] = []
    inputs = Preprocessing.inputs

    def counted(*given: Any) -> Any:
        made.append(1)
        return inputs(*given)

    monkeypatch.setattr(Preprocessing, "inputs", counted)
    answers_of(run, tasks)
    assert len(made) == 1
    monkeypatch.setattr("mlp_exp.inference.ensemble.CHUNK_VALUES", 100)
    assert run.chunk_rows == 10  # of 5 networks with 2 answers each
    monkeypatch.setattr(predictor, "CHUNK_VALUES", 9)
    assert run.chunk_rows == 9 // run.inputs_width


# ---- export


def weighted(kind: str, tasks: TaskRuns, folder: Path) -> Ensemble:
    """A run with two members and another one, at weights of their own."""
    many = with_members(tasks(kind) / "0", folder / "many", 2)
    return several(combined([many, tasks(kind) / "1"], [0.7, 0.3], folder / "both"))


@pytest.mark.parametrize("kind", ["binary", "distribution"])
def test_what_is_exported_gives_the_weighted_mean(kind: str, tasks: TaskRuns, tmp_path: Path) -> None:
    run = weighted(kind, tasks, tmp_path)
    found = of_module(run, read_csv(tasks.table))
    np.testing.assert_allclose(found, answers_of(run, tasks), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_an_exported_file_gives_the_weighted_mean(tasks: TaskRuns, tmp_path: Path) -> None:
    run = weighted("distribution", tasks, tmp_path)
    done = export.export(run, tmp_path / "model.pt2")
    assert done.difference < 1e-5
    found = of_archive(tmp_path / "model.pt2", run, read_csv(tasks.table))
    np.testing.assert_allclose(found, answers_of(run, tasks), rtol=1e-5, atol=1e-6)
    assert "by the average of 3 networks." in (tmp_path / "model.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("operators_read_once")
def test_an_onnx_file_of_a_run_with_members(tasks: TaskRuns, tmp_path: Path, command: Command) -> None:
    many = with_members(tasks("binary") / "0", tmp_path / "many", 3)
    lines = said(command("export", many, "-o", "model.onnx"))
    assert lines[0] == "model.onnx"
    assert lines[-1].startswith("largest difference from the run's own predictions: ")
    text = (tmp_path / "model.md").read_text(encoding="utf-8")
    assert "by the average of 3 networks." in text
    assert text.count("| many |") == 2  # its metrics, and where it comes from
    assert "average was not measured" not in text


# ---- files of strangers


def weights_of(count: int, change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    def changed(model: dict[str, Any]) -> None:
        model["config"]["ensemble"] = {"members": count}
        own = model["state_dict"]
        model["state_dict"] = {f"{member}.{name}": own[name] for member in range(count) for name in own}
        change(model["state_dict"])

    return changed


MEMBERS = "config.ensemble.members: expected a whole number from 1 to 1000, got "
NAMES = "state_dict: expected names from 0.… to 1.…, those of 2 networks"
WRONG_MEMBERS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "none": (put("config", "ensemble", value={"members": 0}), f"{MEMBERS}0"),
    "too many": (put("config", "ensemble", value={"members": 1001}), f"{MEMBERS}1001"),
    "a decimal": (put("config", "ensemble", value={"members": 2.0}), f"{MEMBERS}2.0"),
    "a truth": (put("config", "ensemble", value={"members": True}), f"{MEMBERS}True"),
    "a text": (put("config", "ensemble", value={"members": "2"}), f"{MEMBERS}2"),
    "no group": (put("config", "ensemble", value="folds"), f"{MEMBERS}None"),
    "without prefixes": (
        put("config", "ensemble", value={"members": 2}),
        NAMES,
    ),
    "a member more": (
        weights_of(2, lambda weights: weights.update({"2.blocks.0.linear.bias": torch.zeros(8)})),
        NAMES,
    ),
    "a member by another spelling": (
        weights_of(2, lambda weights: weights.update({"01.blocks.0.linear.bias": torch.zeros(8)})),
        NAMES,
    ),
    "a member less": (
        weights_of(2, lambda weights: [weights.pop(name) for name in list(weights) if name.startswith("1.")]),
        NAMES,
    ),
    "no tensor at all": (weights_of(2, lambda weights: weights.clear()), NAMES),
    "a tensor less": (
        weights_of(2, lambda weights: weights.pop("1.blocks.0.linear.bias")),
        "its network has blocks.0.linear.bias of shape [8] (torch.float32), and the file None (None)",
    ),
    "a tensor of another shape": (
        weights_of(2, lambda weights: weights.update({"1.blocks.0.linear.bias": torch.zeros(9)})),
        "its network has blocks.0.linear.bias of shape [8] (torch.float32), and the file [9] (torch.float32)",
    ),
}


@pytest.mark.parametrize("name", WRONG_MEMBERS)
def test_members_that_the_file_does_not_hold(name: str, tasks: TaskRuns, tmp_path: Path) -> None:
    change, message = WRONG_MEMBERS[name]
    run = Path(shutil.copytree(tasks("value") / "0", tmp_path / "run"))
    spoil(run, change)
    with pytest.raises(RunFolderError) as caught:
        load(run)
    start, end = f"{run}/model.pt: expected a model of this project: ", str(caught.value)
    assert end.startswith(start)
    assert end.removeprefix(start).removeprefix("all of it: ").endswith(message)


COMBINATION = "expected a combination of runs: "
WEIGHTS = f"{COMBINATION}weights are to be 2 numbers above 0, one for each of the models"
LISTS = f"{COMBINATION}models and weights are to be lists of 1 to 1000"
WRONG_COMBINATIONS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a weight less": (put("weights", value=[1.0]), WEIGHTS),
    "a weight of 0": (put("weights", value=[1.0, 0.0]), WEIGHTS),
    "a weight below 0": (put("weights", value=[1.5, -0.5]), WEIGHTS),
    "a weight that is no number": (put("weights", value=[float("nan"), 0.5]), WEIGHTS),
    "an infinite weight": (put("weights", value=[float("inf"), 0.5]), WEIGHTS),
    "a text as weight": (put("weights", value=["0.5", 0.5]), WEIGHTS),
    "weights of another sum": (
        put("weights", value=[0.5, 0.4]),
        f"{COMBINATION}the sum of the weights is to be 1, and is 0.9",
    ),
    "weights as a text": (put("weights", value="x"), LISTS),
    "models as a text": (put("models", value="x"), LISTS),
    "no model": (lambda model: model.update(models=[], weights=[]), LISTS),
    "too many models": (lambda model: model.update(models=[{}] * 1001, weights=[1 / 1001] * 1001), LISTS),
    "a combination inside": (
        lambda model: model["models"].__setitem__(1, {**model["models"][1], "models": [], "weights": []}),
        f"{COMBINATION}model 1 is to be that of one run, with config and state_dict",
    ),
    "a number as model": (
        put("models", 0, value=3),
        f"{COMBINATION}model 0 is to be that of one run, with config and state_dict",
    ),
    "no weights": (lambda model: model.pop("weights"), "expected a model of this project: it has no weights"),
    "format 3": (put("format", value=3), "is a model of format 3, and this version of mlp_exp reads format 4. Train"),
    "a model of format 1": (
        put("models", 1, "format", value=1),
        "model 1: is a model of format 1, and this version of mlp_exp reads format 4. Train",
    ),
    "a call": (
        put("models", 1, "config", "model", "_target_", value="os.system"),
        "model 1: model._target_ is 'os.system'; a saved run may only build components of mlp_exp",
    ),
    "a figure less": (
        lambda model: model["models"][1]["preprocess"]["numbers"]["fill"].pop(),
        "model 1: expected a model of this project: preprocess: expected 2 of each figure",
    ),
}


@pytest.mark.parametrize("name", WRONG_COMBINATIONS)
def test_a_combination_that_is_none(name: str, tasks: TaskRuns, tmp_path: Path) -> None:
    change, message = WRONG_COMBINATIONS[name]
    folder = combined([tasks("value") / "0", tasks("value") / "1"], [0.5, 0.5], tmp_path / "both")
    spoil(folder, change)
    with pytest.raises(RunFolderError) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{folder}/model.pt: {message}")


def test_runs_of_a_combination_predict_the_same(tasks: TaskRuns, tmp_path: Path) -> None:
    folder = combined([tasks("value") / "0", tasks("distribution") / "0"], [0.5, 0.5], tmp_path / "both")
    with pytest.raises(RunFolderError, match="its output is 'prediction, standard_deviation', and that of"):
        load(folder)


def test_a_combination_has_not_trained(tasks: TaskRuns, tmp_path: Path, command: Command) -> None:
    folder = combined([tasks("value") / "0", tasks("value") / "1"], [0.5, 0.5], tmp_path / "both")
    (folder / "result.json").write_text(json.dumps({"status": "finished", "metrics": {}, "chosen": []}))
    expected = (
        f"{folder}/model.pt: is a combination of trained runs, and here one is expected that has trained itself: it "
        "cannot be resumed, trained again or chosen from. result.json names its runs; predict, load and export take it "
        "whole"
    )
    for word in (f"rerun={folder}", f"resume={folder}"):
        assert refusal(command("run", word)) == expected
