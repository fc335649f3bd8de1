"""Searches on the leaderboard: pruned runs are below the finished ones, trials have values, some are on the front."""

import csv
import itertools
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.runs import DIVERGED, FAILED, classes, values, write_baselines, write_run
from support.written_searches import study_file, write_search

from mlp_exp.errors import RunFolderError
from mlp_exp.inference.best_runs import runs_of
from mlp_exp.leaderboard.baselines import over_splits
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.printed import as_table
from mlp_exp.leaderboard.searches import SavedSearch, searches_of
from mlp_exp.storage.study_file import Objective


def pruned(rung: int, best: float | None, **more: Any) -> dict[str, Any]:
    parts = {"larger_is_better": ["accuracy"], "monitor": "val_loss", "task": "binary", **more}
    return {"status": "pruned", "rung": rung, "epochs": rung, "best_value": best, "metrics": {}, **parts}


def entry(job: int, result: Mapping[str, Any], *overrides: str, folder: Path = Path("s")) -> Entry:
    pairs = (override.partition("=") for override in overrides)
    return Entry(job, {key: value for key, _, value in pairs}, result, folder / str(job))


# ---- the order


@pytest.mark.parametrize(
    ("results", "order"),
    [
        ([pruned(33, 0.01), classes(0.5)], [1, 0]),
        ([pruned(11, 0.1), pruned(33, 0.3), pruned(11, 0.2), pruned(33, 0.2)], [3, 1, 0, 2]),
        ([pruned(11, 0.1), pruned(11, None), pruned(11, 0.1)], [0, 2, 1]),
        ([pruned(11, a, monitor="val_accuracy") for a in (0.7, 0.9, 0.8)], [1, 2, 0]),
        ([FAILED, pruned(11, 9.0), DIVERGED, classes(None)], [3, 1, 0, 2]),
        ([pruned(11, 1.0, task="regression"), values(2.0), pruned(33, 3.0, task="regression"), FAILED], [1, 2, 0, 3]),
    ],
)
def test_the_order_of_pruned_runs(tmp_path: Path, results: Sequence[Mapping[str, Any]], order: list[int]) -> None:
    entries = [entry(job, result) for job, result in enumerate(results)]
    for given in (entries, entries[::-1]):
        assert [one.job for one in Leaderboard(tmp_path, given).entries] == order


def test_a_pruned_run_is_never_above_a_finished_one(tmp_path: Path) -> None:
    rng = random.Random(0)
    for _ in range(50):
        some = [pruned(rng.choice([4, 12]), rng.random()), classes(rng.random()), classes(None), FAILED]
        results = rng.choices(some, k=12)
        found = [one.result["status"] for one in Leaderboard(tmp_path, list(map(entry, range(12), results))).entries]
        assert found == sorted(found, key=["finished", "pruned", "failed"].index)


def test_a_pruned_run_with_repetitions() -> None:
    """0.2 and 0.4 are better than 0.1 and 0.7 in the mean; a run that was resumed stands for its group."""
    results = {"a": (pruned(4, 0.1), pruned(4, 0.7)), "b": (pruned(4, 0.2), pruned(4, 0.4))}
    results |= {"c": (classes(0.9), pruned(4, 0.01))}
    numbers = itertools.count()
    entries = [
        entry(next(numbers), result, f"optimizer={name}", f"seed={seed}")
        for name, of in results.items()
        for seed, result in enumerate(of)
    ]
    title, columns, rows = as_table(Leaderboard(Path(), entries).entries)
    assert title == "6 runs, 5 of them pruned, best first by val_log_loss"
    assert columns[:4] == ["job", "optimizer", "seed", "val_accuracy"]
    assert [row[:4] for row in rows] == [["4", "c", "0", "0.5000"]]
    found = as_table(Leaderboard(Path(), entries[:4]).entries)
    assert found == (
        "4 runs, without metrics; mean ± standard deviation over seed",
        ["runs", "optimizer", "status"],
        [["2", "b", "pruned"], ["2", "a", "pruned"]],
    )


# ---- the file and what is printed


def rows_of(folder: Path) -> tuple[list[str], list[dict[str, str]]]:
    Leaderboard.read(folder).write()
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or []), list(reader)


FRONT = [Objective(name="val_log_loss", direction="minimize"), Objective(name="parameters", direction="minimize")]


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, ["rung"]),
        ({"repeats": 2}, ["rung", "trial"]),
        ({"objectives": FRONT}, ["rung", "front"]),
        ({"objectives": FRONT, "repeats": 2}, ["rung", "trial", "front"]),
    ],
)
def test_the_columns_of_a_search(tmp_path: Path, changes: dict[str, Any], more: list[str]) -> None:
    write_search(tmp_path, 8, **changes)
    head, rows = rows_of(tmp_path)
    start = head.index("status")
    assert head[start : start + 2 + len(more)] == ["status", *more, "best_epoch"]
    assert {(row["status"], row["rung"]) for row in rows} == {
        ("finished", ""), ("pruned", "12"), ("pruned", "4"), ("failed", "")
    }  # fmt: skip
    if "repeats" in changes:
        assert all(int(row["trial"]) == int(row["job"]) // 2 for row in rows)
    if "front" in more:
        assert {row["status"] for row in rows if row["front"]} == {"finished"}
    (tmp_path / "study.yaml").unlink()
    assert rows_of(tmp_path)[0] == [name for name in head if name not in (*more, "parameters")]


def test_a_damaged_study(tmp_path: Path) -> None:
    write_search(tmp_path, 2)
    (tmp_path / "study.yaml").write_text("space: 3\n", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"study\.yaml: expected the settings of a search; space: "):
        Leaderboard.read(tmp_path).write()


def test_what_is_printed_of_a_search(tmp_path: Path) -> None:
    """Pruned runs are a number in the title, and numbers have four digits."""
    write_search(tmp_path, 32)
    board = Leaderboard.read(tmp_path)
    title, columns, rows = as_table(board.entries)
    assert title == "32 runs, 27 of them pruned, best first by val_log_loss"
    assert (len(rows), {row[-1] for row in rows}) == (5, {"finished", "failed"})
    lr = columns.index("optimizer.lr")
    typed = {str(one.job): one.overrides["optimizer.lr"] for one in board.entries}
    assert [row[lr] for row in rows] == [f"{float(typed[row[0]]):.4g}" for row in rows]


def test_the_front_is_printed(tmp_path: Path) -> None:
    study_file(objectives=FRONT).write(tmp_path)
    scores = [(0.1, 9), (0.2, 5), (0.3, 5), (0.3, 1), (0.2, 5)]
    for job, (loss, weights) in enumerate(scores):
        write_run(tmp_path / str(job), classes(loss, parameters=weights), [f"optimizer.lr={job}"], job)
    _, columns, rows = as_table(Leaderboard.read(tmp_path).entries)
    assert columns[-1] == "front"
    assert {row[0]: row[-1] for row in rows} == {"0": "yes", "1": "yes", "4": "yes", "2": "", "3": "yes"}


ACCURATE_AND_SMALL = [
    Objective(name="val_accuracy", direction="maximize"),
    Objective(name="parameters", direction="minimize"),
]


def write_front(folder: Path, repeats: int = 1) -> None:
    """Trials 1, 2 and 4 are on the front, and the others have better log losses; 5 has failed."""
    folder.mkdir(exist_ok=True)
    study_file(objectives=ACCURATE_AND_SMALL, repeats=repeats).write(folder)
    for trial, (accuracy, weights) in enumerate([(0.8, 300), (0.7, 100), (0.9, 300), (0.85, 400), (0.8, 200)]):
        loss = 0.5 if trial in (1, 2, 4) else 0.1
        for job in range(trial * repeats, (trial + 1) * repeats):
            result = classes(loss, accuracy, parameters=weights, headlines=["log_loss"], larger_is_better=["accuracy"])
            write_run(folder / f"{job}", result, [f"optimizer.lr={trial}", f"seed={job % repeats}"], job)
    write_run(folder / f"{5 * repeats}", FAILED, ["optimizer.lr=5", "seed=0"], 5 * repeats)


@pytest.mark.parametrize("repeats", [1, 2])
def test_the_front_comes_first(tmp_path: Path, repeats: int) -> None:
    write_front(tmp_path, repeats)
    write_baselines(tmp_path, "1", {"linear": 0.01})  # its accuracy is 0.5
    board = Leaderboard.read(tmp_path)
    trials = [2, 4, 1, 3, 0]
    assert [one.job for one in board.entries] == [
        *(trial * repeats + repeat for trial in trials for repeat in range(repeats)), 5 * repeats
    ]  # fmt: skip
    title, columns, rows = as_table(board.entries, over_splits(board.baselines))
    by = "those on the front first, then best first by val_accuracy"
    assert title.split("; mean")[0] == f"{5 * repeats + 1} runs, {by}"
    assert columns[1:] == [
        "optimizer.lr",
        "val_accuracy",
        "parameters",
        "val_log_loss",
        "test_log_loss",
        "front",
        "status",
    ]
    off = "" if repeats == 1 else " ± 0"
    assert [(row[1], row[3], row[-2]) for row in rows] == [
        ("2", f"300{off}", "yes"), ("4", f"200{off}", "yes"), ("1", f"100{off}", "yes"),
        ("3", f"400{off}", ""), ("0", f"300{off}", ""), ("", "–", ""), ("5", "–", ""),
    ]  # fmt: skip
    _, file = rows_of(tmp_path)
    assert [row["parameters"] for row in file[::repeats]] == ["300", "200", "100", "400", "300", "", ""][
        : len(file[::repeats])
    ]
    for job in range(5 * repeats):
        (tmp_path / f"{job}/model.pt").write_bytes(b"")
    assert runs_of(tmp_path, 3, pytest.fail) == [tmp_path / f"{one.job}" for one in board.entries[:3]]


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ([pruned(4, 0.1)] * 14, "14 of its 16 runs were pruned and have no model"),
        ([pruned(4, 0.1)], "1 of its 3 runs was pruned and has no model"),
        ([pruned(4, 0.1), pruned(4, 0.2), FAILED], "2 of its 5 runs were pruned and have no model, 1 did not end well"),
        ([FAILED, None], "2 of its 4 runs did not end well"),
        ([], "it has 2 runs"),
    ],
)
def test_why_fewer_runs_are_averaged(tmp_path: Path, results: Sequence[Mapping[str, Any] | None], why: str) -> None:
    for job, result in enumerate([classes(0.1), classes(0.2), *results]):
        write_run(tmp_path / f"{job}", result, [f"seed={job}"], job)
    for job in range(2):
        (tmp_path / f"{job}/model.pt").write_bytes(b"")
    said: list[str] = []
    for top in (2, 8):
        assert runs_of(tmp_path, top, said.append) == [tmp_path / "0", tmp_path / "1"]
    assert said == [f"{tmp_path}: 2 of 8: {why}"]


def test_runs_of_different_targets_are_not_ranked_together(tmp_path: Path) -> None:
    """Neither two columns nor two tasks have a metric in common; one of them alone has."""
    for name, result, typed in (
        ("a", classes(0.1), ["data.target=ill"]),
        ("b", classes(0.2), ["data.target=smokes"]),
        ("c", {**classes(0.2), "task": "regression"}, []),
    ):
        write_run(tmp_path / name / "0", result, typed, 0)
        (tmp_path / name / "0/model.pt").write_bytes(b"")
    with pytest.raises(RunFolderError) as error:
        runs_of(tmp_path, 1, pytest.fail)
    assert str(error.value) == (
        f"{tmp_path}: holds runs of different targets: smokes (b/0), ill (a/0); name the folder of one, or of a sweep"
    )
    shutil.rmtree(tmp_path / "b")
    with pytest.raises(RunFolderError, match=r"different targets: regression \(c/0\), \w+ \(a/0\); name the folder"):
        runs_of(tmp_path, 1, pytest.fail)
    assert runs_of(tmp_path / "a", 1, pytest.fail) == [tmp_path / "a/0"]


def test_of_a_single_run_there_are_no_more(tmp_path: Path) -> None:
    write_run(tmp_path, classes(0.1), [], 0)
    (tmp_path / "model.pt").write_bytes(b"")
    said: list[str] = []
    for top in (1, 3):
        assert runs_of(tmp_path, top, said.append) == [tmp_path]
    assert said == [f"{tmp_path}: 1 of 3: it is the folder of a run, and not of a sweep"]


def test_with_other_runs_a_metric_ranks(tmp_path: Path) -> None:
    """The others have no front."""
    write_front(tmp_path / "a")
    write_run(tmp_path / "b/0", classes(0.2), [], 0)
    title, columns, rows = as_table(Leaderboard.read(tmp_path).entries)
    assert title == "7 runs, best first by val_log_loss"
    assert "parameters" not in columns
    assert [row[columns.index("front")] for row in rows] == ["", "", "", "yes", "yes", "yes", ""]


# ---- trials


@pytest.mark.parametrize(
    ("results", "state", "value"),
    [
        ([classes(0.5, best_value=0.2), classes(0.5, best_value=0.4)], "complete", 0.3),
        ([pruned(4, 0.2), pruned(4, 0.4)], "pruned", 0.3),
        ([classes(0.5, best_value=0.2), pruned(4, 0.4)], "pruned", 0.3),
        ([classes(0.5, best_value=0.2), FAILED], "failed", None),
        ([pruned(4, 0.2), DIVERGED], "failed", None),
        ([classes(0.5, best_value=0.2)], "unfinished", None),
        ([pruned(4, 0.2)], "pruned", None),
        ([classes(0.5, best_value=0.2), {"status": "interrupted", "metrics": {}}], "unfinished", None),
        ([classes(0.5, best_value=0.2), {"status": "unfinished", "metrics": {}}], "unfinished", None),
    ],
)
def test_how_a_trial_went(results: Sequence[Mapping[str, Any]], state: str, value: float | None) -> None:
    search = SavedSearch(
        Path("s"), study_file(repeats=2), [entry(6 + job, result) for job, result in enumerate(results)]
    )
    (trial,) = search.trials
    assert (trial.number, trial.state) == (3, state)
    assert trial.values == (None if value is None else [pytest.approx(value)])
    assert trial.rung == (4 if state == "pruned" else None)


def test_several_objectives_are_metrics_and_weights() -> None:
    objectives = [
        Objective(name="val_accuracy", direction="maximize"),
        Objective(name="parameters", direction="minimize"),
    ]
    entries = [entry(job, classes(0.5, 0.5 + job / 10, parameters=100 * job)) for job in range(3)]
    search = SavedSearch(Path("s"), study_file(objectives=objectives), entries)
    assert [trial.values for trial in search.trials] == [[0.5, 0], [0.6, 100], [0.7, 200]]
    assert search.front == {0, 1, 2}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_front_is_what_nothing_surpasses(count: int) -> None:
    rng = random.Random(count)
    objectives = [Objective(name=f"val_{n}", direction=rng.choice(["minimize", "maximize"])) for n in range(count)]
    signs = [1 if objective.direction == "minimize" else -1 for objective in objectives]
    costs = [[rng.randrange(6) for _ in range(count)] for _ in range(60)]
    entries = [
        entry(job, classes(0.5) | {"metrics": {"val": {str(n): signs[n] * of[n] for n in range(count)}}})
        for job, of in enumerate(costs)
    ]
    found = SavedSearch(Path("s"), study_file(objectives=objectives), entries).front
    surpassed = {
        place
        for place, cost in enumerate(costs)
        if any(all(a <= b for a, b in zip(other, cost, strict=True)) and other != cost for other in costs)
    }
    assert found == (set() if count == 1 else set(range(60)) - surpassed)


def test_only_jobs_of_a_search_are_its_runs(tmp_path: Path) -> None:
    write_search(tmp_path / "a", 3)
    write_run(tmp_path / "b/0", classes(0.5), [], 0)
    write_run(tmp_path / "a/best", classes(0.5), [])
    entries = Leaderboard.read(tmp_path).entries
    (search,) = searches_of(entries).values()
    assert (search.folder, [trial.number for trial in search.trials]) == (tmp_path / "a", [0, 1, 2])
