"""What the page shows of a search."""

import math
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from support.page import write_job
from support.runs import classes, write_run
from support.written_searches import EPOCHS, RUNGS, curve, drawn_params, ended, study_file, write_search

from mlp_exp.compare.gather import gather
from mlp_exp.compare.search import log_keys, scored
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.searches import SavedSearch, searches_of
from mlp_exp.storage.study_file import Objective


def shown(*folders: Path) -> dict[str, Any]:
    entries = [entry for folder in folders for entry in Leaderboard.read(folder, configs=True).entries]
    return gather(folders, entries)


def test_the_trials(tmp_path: Path) -> None:
    write_search(tmp_path)
    page = shown(tmp_path)
    found = page["searches"][0]
    assert (found["n_trials"], found["repeats"], found["repeat"], found["rungs"]) == (20, 1, [], list(RUNGS))
    assert found["objectives"] == [{"name": "val_loss", "direction": "minimize"}]
    assert found["settings"][:6] == [
        ("sampler", "TPE"),
        ("pruner", "Halving"),
        ("n_trials", "20"),
        ("batch", "16"),
        ("seed", "0"),
        ("optimizer.lr", "tag(log,interval(1e-4,1e-1))"),
    ]
    assert [trial["number"] for trial in found["trials"]] == list(range(20))
    for trial in found["trials"]:
        number, state = trial["number"], trial["state"]
        (run,) = (page["runs"][index] for index in trial["runs"])
        assert run["name"] == str(number)
        assert run["status"] == {"complete": "finished"}.get(state, state)
        assert (state == "failed") == (number == 3)
        if state == "failed":
            assert (trial["values"], trial["rung"], trial["at"]) == (None, None, [])
            continue
        epochs = trial["rung"] or EPOCHS
        losses = curve(number, drawn_params(number))
        assert (state, trial["front"]) == ("pruned" if trial["rung"] else "complete", False)
        assert trial["values"] == [min(losses[:epochs])]
        assert trial["at"] == [min(losses[:epoch]) for epoch in (*RUNGS, EPOCHS) if epoch <= epochs]
    assert [sum(t["state"] == state for t in found["trials"]) for state in ("complete", "pruned")] == [3, 16]


def test_the_trials_of_repetitions(tmp_path: Path) -> None:
    write_search(tmp_path, 8, repeats=3)
    page = shown(tmp_path)
    assert (page["searches"][0]["repeats"], page["searches"][0]["repeat"]) == (3, ["seed"])
    assert len(page["searches"][0]["trials"]) == 8
    for trial in page["searches"][0]["trials"]:
        assert [page["runs"][index]["name"] for index in trial["runs"]] == [
            str(3 * trial["number"] + n) for n in range(3)
        ]
        if trial["state"] == "complete":
            losses = curve(trial["number"], drawn_params(trial["number"]))
            means = [fmean(min(losses[:epoch]) * factor for factor in (1, 1.1, 1.2)) for epoch in (*RUNGS, EPOCHS)]
            assert trial["at"] == pytest.approx(means)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_rungs_in_both_directions(tmp_path: Path, direction: str) -> None:
    """The best so far at a rung; an epoch without a finite value does not count."""
    names = {"minimize": "val_loss", "maximize": "val_accuracy"}
    objective = Objective.model_validate({"name": names[direction], "direction": direction})
    study_file(n_trials=2, monitor=names[direction], objectives=[objective]).write(tmp_path)
    sign = 1 if direction == "minimize" else -1
    for job, (rung, values) in enumerate([(None, [5.0, float("nan"), 3.0, 4.0]), (3, [6.0, 4.0, 7.0])]):
        best = min(value for value in values if not math.isnan(value))
        result = ended([best], rung, best_value=sign * best, best_epoch=3 - job, monitor=names[direction])
        write_job(tmp_path, job, result, [], None, {names[direction]: [sign * value for value in values]})
    write_job(tmp_path, 2, ended([8.0], 2, best_value=sign * 8.0), [])
    found = shown(tmp_path)["searches"][0]
    assert found["rungs"] == [2, 3]
    assert [trial["at"] for trial in found["trials"]] == [
        [sign * value for value in values] for values in ([5.0, 3.0, 3.0], [4.0, 4.0], [8.0])
    ]


def test_a_trial_without_its_history_has_no_rungs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_search(tmp_path)
    finished = next(
        trial["number"] for trial in shown(tmp_path)["searches"][0]["trials"] if trial["state"] == "complete"
    )
    (tmp_path / f"{finished}/history.csv").write_text("epoch,val_loss\n1,x\n", encoding="utf-8")
    trial = shown(tmp_path)["searches"][0]["trials"][finished]
    assert (trial["state"], trial["at"]) == ("complete", [])
    assert "The run is shown without its rungs" in capsys.readouterr().err


def test_what_importance_is_computed_of(tmp_path: Path) -> None:
    """The complete trials, with the mean over their repetitions."""
    write_search(tmp_path, 8, repeats=2)
    search = _search(tmp_path)
    finished = [trial.number for trial in search.trials if trial.state == "complete"]
    found = scored(search, 0)
    assert [overrides["optimizer.lr"] for overrides, _ in found] == [
        drawn_params(number)["optimizer.lr"] for number in finished
    ]
    means = [1.05 * min(curve(number, drawn_params(number))) for number in finished]
    assert [value for _, value in found] == pytest.approx(means)
    page = shown(tmp_path)
    assert page["importance"] == dict.fromkeys([*page["headlines"], "objective:0"])  # too few
    assert {key: page["keys"][key]["axis"] for key in ("optimizer.lr", "model.dropout")} == {
        "optimizer.lr": "log",
        "model.dropout": "linear",
    }


@pytest.mark.parametrize(
    ("text", "is_log"),
    [
        ("tag(log,interval(1e-4,1))", True),
        ("tag(log, interval(1e-4, 1))", True),
        ("tag(int,log,interval(1,64))", True),
        ("tag(int, interval(1,64))", False),
        ("tag(logs,interval(1,64))", False),
        ("interval(1,64)", False),
        ("log,linear", False),
    ],
)
def test_a_logarithmic_range_has_a_logarithmic_axis(tmp_path: Path, text: str, is_log: bool) -> None:
    study = study_file(space={"model.width": text})
    study.write(tmp_path)
    assert log_keys(SavedSearch(tmp_path, study, [])) == ({"model.width"} if is_log else set())
    for job, width in enumerate(["1", "2", "3"]):  # by themselves they would have a linear one
        write_run(tmp_path / str(job), classes(0.1 * job), [f"model.width={width}"], job)
    assert shown(tmp_path)["keys"]["model.width"]["axis"] == ("log" if is_log else "linear")


def test_the_front(tmp_path: Path) -> None:
    objectives = [
        Objective(name="val_accuracy", direction="maximize"),
        Objective(name="parameters", direction="minimize"),
    ]
    study_file(objectives=objectives).write(tmp_path)
    for job, (accuracy, weights) in enumerate([(0.9, 100), (0.8, 200), (0.7, 50)]):
        write_run(tmp_path / str(job), classes(0.5, accuracy, parameters=weights), [f"seed={job}"], job)
    page = shown(tmp_path)
    found = page["searches"][0]
    assert [(trial["values"], trial["front"]) for trial in found["trials"]] == [
        ([0.9, 100], True), ([0.8, 200], False), ([0.7, 50], True)
    ]  # fmt: skip
    assert [run["name"] for run in page["runs"]] == ["0", "2", "1"]
    assert [run["metrics"]["parameters"] for run in page["runs"]] == [100, 50, 200]
    assert page["headlines"][:2] == ["val_accuracy", "parameters"]
    assert page["order"] == "those on the front first, then best first by val_accuracy"
    assert {"objective:0", "objective:1"} <= page["importance"].keys()


def test_searches_among_other_folders(tmp_path: Path) -> None:
    """One with other runs, and two side by side; a sweep is none."""
    write_run(tmp_path / "plain/0", classes(0.5), [], 0)
    assert shown(tmp_path / "plain")["searches"] == []
    for name, trials in (("b", 4), ("a", 3)):
        write_search(tmp_path / name, trials)
    (alone,) = shown(tmp_path / "a", tmp_path / "plain")["searches"]
    assert (alone["name"], alone["n_trials"]) == ("a", 3)
    page = shown(tmp_path / "b", tmp_path / "a")
    assert [(of["name"], len(of["trials"])) for of in page["searches"]] == [("a", 3), ("b", 4)]
    assert sum(of["epochs"] for of in page["searches"]) == page["in_all"]["epochs"]
    assert [name for name in page["importance"] if name.startswith("objective")] == []


def test_a_pruned_run_is_resumed(tmp_path: Path) -> None:
    write_search(tmp_path)
    again = {run["status"]: run["again"] for run in shown(tmp_path)["runs"]}
    number = next(trial.number for trial in _search(tmp_path).trials if trial.state == "pruned")
    commands = {run["name"]: run["again"] for run in shown(tmp_path)["runs"]}
    assert commands[str(number)] == f"python -m mlp_exp.run resume={tmp_path}/{number}"
    assert again["finished"].startswith("python -m mlp_exp.run rerun=")


def _search(folder: Path) -> SavedSearch:
    (search,) = searches_of(Leaderboard.read(folder).entries).values()
    return search
