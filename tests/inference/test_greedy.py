"""`predict --greedy`: a choice among runs, beside one by brute force; what it leaves, and what it refuses."""

import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk
from support.commands import Command, refusal, said
from support.drawn_sets import numbers, read_csv
from support.ensembles import mean_answers
from support.folders import files_in, result_of
from support.predictions import as_job, loaded, rows_of, spoil, train, write_rows
from support.task_runs import FEATURES, TASKS, TaskRuns

from mlp_exp import load
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.pool import Pool, shares_of
from mlp_exp.tasks.metrics import CLASS_METRICS, VALUE_METRICS
from mlp_exp.tasks.task import Task

Array = NDArray[Any]
KINDS = ("value", "binary", "distribution", "values", "multiclass")
RUNS = 4


def words_for(tasks: TaskRuns, kind: str) -> tuple[str, ...]:
    target, *settings = TASKS[kind]
    data = ("data=table", f"data.path={tasks.table}", f"data.target={target}", FEATURES, "baselines=none")
    split = ("split=column", "split.column=split")
    return (*data, *split, "metrics.intervals=0", "early_stopping.monitor=val_loss", *settings)


@pytest.fixture(scope="session")
def sweeps(tasks: TaskRuns) -> Callable[[str], Path]:
    """Sweeps of four runs that differ in how wide they are and how fast they learn, by the task."""

    def sweep(kind: str) -> Path:
        folder = tasks.folder / "greedy" / kind
        if not folder.exists():
            for number in range(RUNS):
                own = (f"seed={number}", f"optimizer.lr={0.01 * (number + 1)}", f"model.hidden_sizes=[{4 + number}]")
                train(folder / str(number), *words_for(tasks, kind), *own)
                as_job(folder / str(number), number, f"seed={number}")
        return folder

    return sweep


def truth(tasks: TaskRuns, kind: str, part: str) -> tuple[Array, dict[str, list[str]]]:
    """What is to be predicted of a part, and its columns."""
    columns = read_csv(tasks.table)
    rows = [row for row, of in enumerate(columns["split"]) if of == part]
    own = {name: [column[row] for row in rows] for name, column in columns.items()}
    targets = [np.array(own[name]) for name in tasks.targets(kind)]
    found = targets[0] if len(targets) == 1 else np.stack(targets, axis=1)
    return found if kind in ("binary", "multiclass") else found.astype(float), own


def crps(target: Array, answers: Array) -> float:
    mean, deviation = answers.T
    z = (target - mean) / deviation
    below = np.array([0.5 + 0.5 * math.erf(each / math.sqrt(2)) for each in z])
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return float((deviation * (z * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi))).mean())


def worst(kind: str, target: Array, answers: Array) -> float:
    """The metric that ranks runs of a kind; lower is better."""
    if kind in ("binary", "multiclass"):
        codes = np.searchsorted(sorted(set(target)), target)
        return float(-np.log(answers[np.arange(len(codes)), codes]).mean())
    if kind == "distribution":
        return crps(target, answers)
    if kind == "values":
        return -float(sk.r2_score(target, answers))
    return float(sk.root_mean_squared_error(target, answers[:, 0]))


RANKING = {"value": "rmse", "binary": "log_loss", "multiclass": "log_loss", "distribution": "crps", "values": "r2"}


def answers_of(run: Path, columns: dict[str, list[str]]) -> Array:
    found: Array = load(run)._all_outputs({name: columns[name] for name in ("x1", "x2", "x3")})
    return found


def chosen_by_hand(kind: str, task: Task, target: Array, answers: Sequence[Array], picks: int) -> list[int]:
    """All averages of one candidate more, each computed from its beginning."""
    chosen: list[int] = []
    for _ in range(picks):

        def value(place: int) -> float:
            together = [answers[each] for each in (*chosen, place)]
            return worst(kind, target, mean_answers(task, together, [1 / len(together)] * len(together)))

        chosen.append(min(range(len(answers)), key=value))
    return chosen


# ---- the choice


@pytest.mark.parametrize("kind", KINDS)
def test_the_choice_is_that_of_brute_force(
    kind: str, sweeps: Callable[[str], Path], tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    sweep = sweeps(kind)
    before = files_in(sweep)
    target, columns = truth(tasks, kind, "val")
    answers = [answers_of(sweep / str(number), columns) for number in range(RUNS)]
    task = loaded(sweep / "0").task
    for picks in (1, 5):
        lines = said(command("predict", sweep, "--greedy", str(picks), tasks.table, "-o", "o.csv"))
        chosen = Counter(chosen_by_hand(kind, task, target, answers, picks))
        written = json.loads((sweep / "greedy.json").read_text())
        shares = {int(each["run"]): each["weight"] for each in written["chosen"]}
        assert shares == {place: count / picks for place, count in chosen.items()}
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        best = sorted(range(RUNS), key=lambda place: worst(kind, target, answers[place]))[:picks]
        sign = -1 if kind == "values" else 1
        expected = {
            "best": worst(kind, target, answers[best[0]]),
            "average": worst(kind, target, mean_answers(task, [answers[b] for b in best], [1 / len(best)] * len(best))),
            "greedy": worst(
                kind, target, mean_answers(task, [answers[place] for place in shares], list(shares.values()))
            ),
        }
        assert written["values"] == pytest.approx({name: sign * value for name, value in expected.items()}, rel=1e-5)
        known = {"picks": picks, "candidates": RUNS, "metric": RANKING[kind], "rows": len(target)}
        assert {name: written[name] for name in known} == known
        assert lines[0] == f"{RANKING[kind]} of the {len(target)} rows that all {RUNS} runs held out:"
        assert [line.split()[-1] for line in lines[1:4]] == [f"{v:.5g}" for v in written["values"].values()]
        replaces = "" if picks == 1 else " (in place of an earlier choice)"
        assert f"{sweep}/greedy.json{replaces}" in lines
    assert files_in(sweep) == before | {"greedy.json"}
    (sweep / "greedy.json").unlink()


def test_it_predicts_the_weighted_mean(
    sweeps: Callable[[str], Path], tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    sweep = sweeps("value")
    lines = said(command("predict", sweep, "--greedy", "5", tasks.table, "-o", "o.csv", "--target", "value"))
    assert lines[-1] == "160 predictions: o.csv"
    chosen = json.loads((sweep / "greedy.json").read_text())["chosen"]
    (sweep / "greedy.json").unlink()
    runs = [load(sweep / each["run"]) for each in chosen]
    weights = [each["weight"] for each in chosen]
    ensemble = Ensemble(runs, weights)
    columns = read_csv(tasks.table)
    expected = np.tensordot(weights, [run.predict({x: columns[x] for x in ensemble.names}) for run in runs], 1)
    np.testing.assert_allclose(numbers(read_csv(tmp_path / "o.csv")["prediction"]), expected, rtol=1e-9)
    for line, weight, each in zip(lines[5:], weights, chosen, strict=False):
        assert line.split() == [f"{weight:.4g}", os.path.relpath(sweep / each["run"], tmp_path)]
    to_stdout = command("predict", sweep, "--greedy", "5", tasks.table, "-o", "-")
    (sweep / "greedy.json").unlink()
    assert to_stdout.stdout == (tmp_path / "o.csv").read_text()


def test_ties_go_to_the_earlier_run() -> None:
    """Also where one would have to be picked again; several equal ones are as one."""
    target = np.array([0.0, 1.0, 2.0, 3.0])
    same = target[:, None] + np.array([[0.1], [0.2], [-0.1], [0.0]])
    task = task_of_values()
    pool = Pool("rmse", VALUE_METRICS["rmse"], target, None, [task] * 3, [same, same.copy(), same.copy()])
    assert pool.greedy(4) == [0, 0, 0, 0]
    assert pool.best(2) == [0, 1]
    assert shares_of([2, 0, 1, 0]) == {0: 0.5, 1: 0.25, 2: 0.25}


def test_what_one_run_gets_wrong_another_makes_up_for() -> None:
    """Two runs with opposite errors beat the one that is better than both."""
    target = np.arange(6.0)
    errors = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    answers = [(target + factor * errors)[:, None] for factor in (0.9, 1.0, -1.0)]
    pool = Pool("rmse", VALUE_METRICS["rmse"], target, None, [task_of_values()] * 3, answers)
    assert pool.greedy(2) == [0, 2]
    assert pool.scores({1: 0.5, 2: 0.5}).values["rmse"] == 0


def test_thresholds_are_averaged_like_answers(tasks: TaskRuns) -> None:
    runs = [loaded(tasks("binary") / str(number)) for number in (0, 1)]
    answers = [np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([[0.5, 0.5], [0.9, 0.1]])]
    owns = [run.task.decided_at([at]) for run, at in zip(runs, (0.3, 0.7), strict=True)]
    pool = Pool("accuracy", CLASS_METRICS["accuracy"], np.array([1, 0]), np.array([3.0, 1.0]), owns, answers)
    mean, task = pool.average({0: 0.75, 1: 0.25})
    np.testing.assert_allclose(mean, [[0.275, 0.725], [0.675, 0.325]])
    assert task.thresholds == pytest.approx((0.4,))
    assert pool.scores({0: 1.0}).values["accuracy"] == 0.75  # by 0.3 both are of the second class
    assert pool.scores({0: 0.75, 1: 0.25}).values["accuracy"] == 1


def task_of_values() -> Task:
    from mlp_exp.data.dataset import TargetColumn
    from mlp_exp.tasks.regression import Regression

    return Regression([TargetColumn("value")])


# ---- saved as a run


@pytest.mark.parametrize("kind", ["value", "binary"])
def test_a_choice_is_saved_as_a_run(
    kind: str, sweeps: Callable[[str], Path], tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    sweep = sweeps(kind)
    before = files_in(sweep)
    lines = said(command("predict", sweep, "--greedy", "5", "-o", "both"))
    assert lines[-1] == "both"
    assert files_in(sweep) == before
    assert files_in(tmp_path / "both") == {"model.pt", "result.json"}
    result = result_of(tmp_path / "both")
    assert (result["status"], result["ranking"]) == ("finished", RANKING[kind])
    folders = [tmp_path / "both" / each["run"] for each in result["chosen"]]
    weights = [each["weight"] for each in result["chosen"]]
    task = load(tmp_path / "both").task
    for part in ("val", "test"):
        target, columns = truth(tasks, kind, part)
        together = mean_answers(task, [answers_of(folder, columns) for folder in folders], weights)
        np.testing.assert_allclose(answers_of(tmp_path / "both", columns), together, rtol=1e-12, atol=1e-12)
        assert result["metrics"][part][RANKING[kind]] == pytest.approx(worst(kind, target, together), rel=1e-5)
    assert result["metrics"]["val"][RANKING[kind]] == result["greedy"]["values"]["greedy"]
    said(command("predict", "both", tasks.table, "-o", "o.csv"))
    said(command("predict", sweep, "--greedy", "5", tasks.table, "-o", "p.csv"))
    (sweep / "greedy.json").unlink()
    assert (tmp_path / "o.csv").read_bytes() == (tmp_path / "p.csv").read_bytes()


def test_a_saved_choice_is_compared_with_runs(
    sweeps: Callable[[str], Path], tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    sweep = sweeps("value")
    said(command("predict", sweep, "--greedy", "3", "-o", "both"))
    done = command("report", sweep, "both", "-o", "page")
    assert (done.returncode, done.stderr) == (0, "")
    assert len((tmp_path / "page/leaderboard.csv").read_text().splitlines()) == 1 + RUNS + 1
    page = (tmp_path / "page/report.html").read_text()
    assert f'"again":"python -m mlp_exp.predict {tmp_path}/both TABLE.csv -o OUT.csv"' in page
    done = command("report", "both")
    assert (done.returncode, done.stderr) == (0, "")
    expected = f"{tmp_path}/both/model.pt: is a combination of trained runs"
    for words in (["rerun=both"], ["resume=both"]):
        assert refusal(command("run", *words)).startswith(expected)
    assert refusal(command("predict", "both", sweep, "--greedy", "2", tasks.table, "-o", "o.csv")).startswith(expected)


def test_a_run_with_members_is_one_candidate(
    sweeps: Callable[[str], Path], tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    """An ensemble that has trained is chosen as a whole; saved, its networks share its weight."""
    train(tmp_path / "many", *words_for(tasks, "value"), "ensemble=folds", "ensemble.members=3")
    said(command("predict", "many", sweeps("value"), "--greedy", "4", "-o", "both"))
    chosen = result_of(tmp_path / "both")["chosen"]
    loaded_runs = load(tmp_path / "both")
    expected = sum(3 if each["run"] == "../many" else 1 for each in chosen)
    assert (len(loaded_runs.runs) if isinstance(loaded_runs, Ensemble) else 1) == expected


# ---- what is refused


def test_runs_that_cannot_be_chosen_from(
    sweeps: Callable[[str], Path], tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    def refused(*runs: Path | str) -> str:
        return refusal(command("predict", *runs, "--greedy", "2", tasks.table, "-o", "o.csv"))

    sweep, binary = sweeps("value"), sweeps("binary") / "0"
    first = sweep / "0"
    header, *rows = rows_of(tasks.folder, "tasks.csv")
    place = header.index("value")
    other = [[*row[:place], "9", *row[place + 1 :]] if row[-1] == "val" else row for row in rows]
    changed = write_rows(tmp_path / "changed.csv", [header, *other])
    words = words_for(tasks, "value")
    train(tmp_path / "elsewhere", *words, f"data.path={changed}")
    train(tmp_path / "weighted", *words, "data.weight=w")
    data = (
        f"{{}}: its data is other than that of {first}; a choice is among runs on the same rows, with the same targets "
        "and weights"
    )
    for name in ("elsewhere", "weighted"):
        assert refused(sweep, tmp_path / name) == data.format(tmp_path / name)
    assert refused(sweep, binary) == (
        f"{binary}: it gives prediction, probability_no, probability_yes (binary), and {first} gives prediction "
        "(regression); a choice is among runs that predict the same"
    )
    assert refused("nowhere") == "nowhere: expected the folder of a run, with model.pt, or of a sweep of such runs"
    assert not (sweep / "greedy.json").exists()


def test_runs_that_held_out_no_rows(tasks: TaskRuns, command: Command, tmp_path: Path) -> None:
    files = {"train": range(100), "one": range(100, 120), "two": range(120, 140), "test": range(140, 160)}
    for name, rows in files.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(map(str, rows)))
    words = [*words_for(tasks, "value")[:4], "baselines=none", "metrics.intervals=0", "split=files"]
    words += [f"split.{part}={tmp_path}/{part}.txt" for part in ("train", "test")]
    for name in ("one", "two"):
        train(tmp_path / name, *words, f"split.val={tmp_path}/{name}.txt")
    train(tmp_path / "without", *words)
    assert refusal(command("predict", "one", "without", "--greedy", "2", tasks.table, "-o", "o.csv")) == (
        f"{tmp_path}/without: it held out no rows, by which runs are chosen; expected runs with a validation part, or "
        "ensembles of folds"
    )
    assert refusal(command("predict", "one", "two", "--greedy", "2", tasks.table, "-o", "o.csv")) == (
        f"{tmp_path}/one: there is no row that all 2 runs held out; expected runs with one validation part, as the "
        "same split.seed gives them, or ensembles of folds"
    )
    train(tmp_path / "part", *words, f"split.val={tmp_path}/two.txt", "data.drop=[x3]")
    lines = said(command("predict", "two", "part", "--greedy", "2", tasks.table, "-o", "o.csv"))
    assert lines[0] == "rmse of the 20 rows that both runs held out:"  # of other columns of the same table


def test_a_run_that_predicts_no_finite_numbers_is_left_out(
    sweeps: Callable[[str], Path], tasks: TaskRuns, command: Command, tmp_path: Path
) -> None:
    sweep = Path(shutil.copytree(sweeps("value"), tmp_path / "sweep"))
    all_of = ["all 3 runs", "both runs", "the run"]
    for number in range(RUNS):
        spoil(sweep / str(number), lambda model: model["state_dict"]["head.bias"].fill_(math.nan))
        if number < RUNS - 1:
            lines = said(command("predict", "sweep", "--greedy", "2", tasks.table, "-o", "o.csv"))
            assert lines[0] == f"rmse of the 32 rows that {all_of[number]} held out:"
            assert lines[4] == "left out, since it predicts what is not finite: sweep/0"
    assert refusal(command("predict", "sweep", "--greedy", "2", tasks.table, "-o", "o.csv")) == (
        "sweep: what the runs predict of rows that they held out is not finite; none is chosen"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["s", "t.csv", "--greedy", "2", "-o", "folder"],
            "folder: expected a name that ends in .csv, .csv.gz or .parquet, for predictions of t.csv; a folder to "
            "save the chosen runs in is for a command without a TABLE",
        ),
        (
            ["s", "--greedy", "2", "-o", "d"],
            "d: expected the name of a new folder for the chosen runs, and it exists",
        ),
        (
            ["s", "--greedy", "2", "-o", "no/where"],
            "no/where: expected the name of a new folder for the chosen runs, and there is no folder 'no'; make it: "
            "mkdir -p no",
        ),
        (["s", "t.csv", "-o", "folder"], "folder: expected a name that ends in .csv, .csv.gz or .parquet"),
    ],
)
def test_an_output_that_does_not_fit(command: Command, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "t.csv").write_text("x\n1\n")
    assert refusal(command("predict", *words)) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["s", "t.csv", "-o", "o.csv", "--greedy", "0"],
            "argument --greedy: expected a whole number from 1 on, got '0'",
        ),
        (
            ["s", "t.csv", "-o", "o.csv", "--greedy", "2", "--top", "2"],
            "argument --top: not allowed with argument --greedy",
        ),
        (["s", "--greedy", "2", "-o", "o.csv"], "the following arguments are required: TABLE"),
        (
            ["s", "--top", "3", "-o", "best"],
            "the following arguments are required: TABLE; with best, no file for predictions, --greedy N saves the "
            "chosen runs as one",
        ),
        (
            ["s", "--greedy", "2", "-o", "folder", "--spread"],
            "folder is no .csv or .parquet file: --target, --keep and --spread are about predictions",
        ),
    ],
)
def test_arguments_that_do_not_fit(command: Command, words: list[str], message: str) -> None:
    done = command("predict", *words)
    assert done.returncode == 2
    assert done.stderr.endswith(f"mlp-predict: error: {message}\n")
