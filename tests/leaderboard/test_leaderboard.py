"""The leaderboard of a sweep, from folders written by hand: its order, its file, its printed table."""

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command, table_of
from support.folders import files_in
from support.runs import DIVERGED, FAILED, classes, metrics, values, write_run

from mlp_exp.display.grid import Grid
from mlp_exp.display.tables import print_leaderboard
from mlp_exp.errors import RunFolderError
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.printed import as_table, write_and_print
from mlp_exp.leaderboard.ranking import group_repetitions


def entry(job: int | None, result: Mapping[str, Any], *overrides: str, folder: str | None = None) -> Entry:
    pairs = (override.partition("=") for override in overrides)
    return Entry(job, {key: value for key, _, value in pairs}, result, Path(folder or str(job)))


# ---- the order


@pytest.mark.parametrize(
    ("results", "order", "ranked_by"),
    [
        ([classes(0.3), classes(0.1), classes(0.2)], [1, 2, 0], "val_log_loss"),
        ([classes(0.3, 0.9), classes(0.1, 0.1), classes(0.2, 0.5)], [1, 2, 0], "val_log_loss"),
        ([classes(0.1, 0.7, monitor="train_loss"), classes(0.2, 0.9, monitor="train_loss")], [0, 1], "val_log_loss"),
        (
            [classes(*both, monitor="val_accuracy") for both in ((0.1, 0.7), (0.3, 0.9), (0.2, 0.8))],
            [1, 2, 0],
            "val_accuracy",
        ),
        ([values(3.0), values(1e-3), values(20.0)], [1, 0, 2], "val_rmse"),
        ([values(3.0, monitor="val_rmse"), values(2.0, monitor="val_rmse")], [1, 0], "val_rmse"),
        ([classes(0.2), classes(0.1), classes(0.2), classes(0.1)], [1, 3, 0, 2], "val_log_loss"),
        ([FAILED, classes(0.2), FAILED, DIVERGED, classes(0.1)], [4, 1, 0, 2, 3], "val_log_loss"),
        ([FAILED, values(0.2), classes(0.1)], [2, 1, 0], "val_log_loss"),
        ([FAILED, values(0.2), DIVERGED], [1, 0, 2], "val_rmse"),
        ([classes(None), classes(9.0), classes(None)], [1, 0, 2], "val_log_loss"),
        ([DIVERGED, FAILED], [0, 1], "train_log_loss"),
        ([classes(0.0), classes(-1e-9), classes(1e300)], [1, 0, 2], "val_log_loss"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_order(tmp_path: Path, results: list[Mapping[str, Any]], order: list[int], ranked_by: str) -> None:
    entries = [entry(job, result) for job, result in enumerate(results)]
    for given in (entries, entries[::-1]):
        found = Leaderboard(tmp_path, given).entries
        assert [one.job for one in found] == order
        assert found[0].ranked_by == ranked_by


def test_equally_good_runs_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Not of their texts; runs that were no jobs come first, by folder."""
    entries = [entry(job, classes(0.1)) for job in (10, 9, 100)]
    entries += [entry(None, classes(0.1), folder=name) for name in ("b", "a")]
    assert [str(one.folder) for one in Leaderboard(tmp_path, entries).entries] == ["a", "b", "9", "10", "100"]


def test_runs_that_watch_different_columns_are_ranked_by_one_metric() -> None:
    results = [
        {
            "status": "finished",
            "task": "binary",
            "monitor": monitor,
            "metrics": {"val": {"log_loss": loss, "accuracy": 0.9}},
        }
        for monitor, loss in (("val_accuracy", 0.5), ("val_loss", 0.3), ("val_accuracy", 0.1))
    ]
    found = Leaderboard(Path(), [entry(job, result) for job, result in enumerate(results)]).entries
    assert [(one.job, one.ranked_by) for one in found] == [
        (2, "val_log_loss"),
        (1, "val_log_loss"),
        (0, "val_log_loss"),
    ]


@pytest.mark.parametrize(
    ("task", "monitor", "parts", "ranked_by", "score"),
    [
        ("binary", "val_loss", {"val": {"log_loss": 0.5, "accuracy": 0.9}}, "val_log_loss", 0.5),
        ("multiclass", "val_accuracy", {"val": {"log_loss": 0.5, "accuracy": 0.9}}, "val_accuracy", -0.9),
        ("binary", "train_loss", {"train": {"log_loss": 0.5}, "test": {"log_loss": 0.1}}, "train_log_loss", 0.5),
        ("regression", "val_loss", {"val": {"rmse": 2.0}}, "val_rmse", 2.0),
        ("regression", "train_loss", {"train": {"rmse": 3.0}}, "train_rmse", 3.0),
        ("binary", "val_loss", {"val": {}}, "val_log_loss", math.inf),
        ("binary", "val_loss", {"val": {"log_loss": None}}, "val_log_loss", math.inf),
        ("binary", "val_accuracy", {"val": {"accuracy": None}}, "val_accuracy", math.inf),
        ("binary", "val_loss", {}, "train_log_loss", math.inf),
    ],
)
def test_what_ranks_a_run(
    task: str, monitor: str, parts: dict[str, dict[str, float | None]], ranked_by: str, score: float
) -> None:
    result = {"status": "finished", "task": task, "monitor": monitor, "metrics": parts}
    (one,) = Leaderboard(Path(), [entry(0, result)]).entries
    assert (one.ranked_by, one.score) == (ranked_by, score)
    assert one.metrics == {f"{part}_{name}": value for part, of in parts.items() for name, value in of.items()}


def test_a_result_without_metrics() -> None:
    one = entry(3, {"status": "failed"})
    assert (one.metrics, one.score, one.has_classes, one.own_ranking) == ({}, math.inf, True, "log_loss")


# ---- the file


def test_the_file(tmp_path: Path) -> None:
    finished = {**classes(0.125), "best_epoch": 3, "epochs": 5, "seconds": 1.5}
    write_run(tmp_path / "0", finished, ["model.dropout=0.1", "seed=1"], 0)
    write_run(tmp_path / "1", FAILED, ["model.dropout=-1", "seed=1"], 1)
    better = classes(1 / 3, 1.0, status="stopped_early", best_epoch=1, epochs=2, seconds=0.1)
    better["metrics"] = {**metrics({"log_loss": 1e-16, "roc_auc": None}), "train": {"brier": 0.1 + 0.2}}
    write_run(tmp_path / "2", better, ["+model.extra=x", "seed=2"], 2)
    Leaderboard.read(tmp_path).write()
    lines = [
        "job,model.extra,seed,model.dropout,status,best_epoch,epochs,"
        "train_brier,val_log_loss,val_roc_auc,val_accuracy,test_accuracy,test_log_loss,seconds,folder,reason",
        "2,x,2,,stopped_early,1,2,0.30000000000000004,1e-16,,,,,0.1,2,",
        "0,,1,0.1,finished,3,5,,0.125,,0.5,0.75,0.25,1.5,0,",
        "1,,1,-1,failed,,,,,,,,,,1,It went wrong.",
    ]
    assert (tmp_path / "leaderboard.csv").read_bytes() == ("\n".join(lines) + "\n").encode()
    assert [name for name in files_in(tmp_path) if name.endswith(".tmp")] == []


AWKWARD = {
    "data.path": "'a,b \"c\".csv'",
    "model.hidden_sizes": "[64,32]",
    "data.missing": '["none","?"]',
    "data.target": "'it''s; 1\t2'",
    "loss": "{a: 1, b: [2]}",
    "data.drop": "['Straße','日本','🙂']",
    "note": "two\nlines",
    "split.column": "",
    "equation": "a=b=c",
}


def test_awkward_values_survive(tmp_path: Path) -> None:
    reason = 'The configuration has 2 mistakes:\n  a: expected "x", got 1\n  b: x, y'
    write_run(tmp_path / "0", {**FAILED, "reason": reason}, [f"{key}={value}" for key, value in AWKWARD.items()])
    Leaderboard.read(tmp_path).write()
    with (tmp_path / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert {key: row[key] for key in AWKWARD} == AWKWARD
    assert row["reason"] == reason
    assert all(None not in (key, value) for key, value in row.items())


@pytest.mark.parametrize(
    ("overrides", "columns"),
    [
        (["+model.width=3", "++seed=1"], {"model.width": "3", "seed": "1"}),
        (["~model.dropout", "~seed=0"], {"~model.dropout": "", "~seed": "0"}),
        ([], {}),
    ],
)
def test_overrides_become_columns(tmp_path: Path, overrides: list[str], columns: dict[str, str]) -> None:
    write_run(tmp_path / "5", classes(0.1), overrides)
    (one,) = Leaderboard.read(tmp_path).entries
    assert one.overrides == columns


def test_runs_are_added_as_they_end(tmp_path: Path) -> None:
    board = Leaderboard(tmp_path)
    for job, result in ((1, classes(0.2)), (0, None), (2, classes(0.1)), (1, classes(0.05))):
        folder = tmp_path / str(job)
        folder.mkdir(exist_ok=True)
        if result is not None:
            (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
        board.add(job, [f"optimizer.lr={job}"], folder)
    assert [(one.job, one.score, one.overrides) for one in board.entries] == [
        (1, 0.05, {"optimizer.lr": "1"}),
        (2, 0.1, {"optimizer.lr": "2"}),
    ]
    board.write()
    with (tmp_path / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        assert [row["job"] for row in csv.DictReader(file)] == ["1", "2"]


def test_a_file_is_never_emptied(tmp_path: Path) -> None:
    """Its runs may be somewhere else today."""
    (tmp_path / "leaderboard.csv").write_text("job,status\n0,finished\n", encoding="utf-8")
    Leaderboard.read(tmp_path).write()
    assert (tmp_path / "leaderboard.csv").read_text(encoding="utf-8") == "job,status\n0,finished\n"


# ---- reading a folder


def test_a_folder_with_folders_in_it(tmp_path: Path) -> None:
    """Jobs in folders named by their overrides, single runs, runs of another sweep within, and what is no run."""
    runs: dict[str, tuple[float, int | str]] = {
        "0": (0.1, 0),
        "11": (0.2, 11),
        "optimizer.lr=0.1,seed=1": (0.3, 3),
        "model=mlp/seed=2": (0.4, 4),
        "12-30-59-123456": (0.5, "???"),
        "deep/er/7": (0.6, 7),
    }
    for name, (loss, num) in runs.items():
        write_run(tmp_path / name, classes(loss), [f"optimizer.lr={loss}"], num)
    write_run(tmp_path / "begun", None, ["seed=1"])
    (tmp_path / "0/plots").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/result.json").write_text('{"status": "finished"}', encoding="utf-8")  # of another program
    entries = Leaderboard.read(tmp_path).entries
    assert [(one.job, one.folder.relative_to(tmp_path).as_posix()) for one in entries] == [
        *((None if num == "???" else num, name) for name, (_, num) in runs.items()),
        (None, "begun"),
    ]
    begun = entries.pop()
    assert (begun.result, begun.overrides) == ({"status": "unfinished", "metrics": {}}, {"seed": "1"})
    assert [one.overrides["optimizer.lr"] for one in entries] == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]
    Leaderboard.read(tmp_path).write()
    with (tmp_path / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["folder"] for row in rows] == [*runs, "begun"]
    assert [row["job"] for row in rows] == ["0", "11", "3", "4", "", "7", ""]


def test_a_folder_named_by_another_number(tmp_path: Path) -> None:
    """As with hydra.sweep.subdir=${seed}: the number of the job is the one that messages name."""
    write_run(tmp_path / "42", classes(0.1), ["seed=42"], num=0)
    assert [one.job for one in Leaderboard.read(tmp_path).entries] == [0]


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0").mkdir()
    assert Leaderboard.read(tmp_path).entries == []
    assert not write_and_print(tmp_path)
    assert not (tmp_path / "leaderboard.csv").exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a result in JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"status": ', "expected a result in JSON: Expecting value: line 1 column 12 (char 11)"),
        ('{"status": "finished"', "expected a result in JSON: Expecting ',' delimiter: line 1 column 22 (char 21)"),
        ("[]", "expected the result of a run; all of it: Input should be a valid dictionary or instance of Result"),
        ("{}", "expected the result of a run; status: Field required"),
        (
            '{"status": "well", "metrics": {}}',
            "expected the result of a run; "
            "status: Input should be 'finished', 'stopped_early', 'diverged', 'failed', 'interrupted' or 'pruned'",
        ),
        (
            '{"status": "finished", "metrics": {"val": {"accuracy": NaN}}}',
            "expected the result of a run; metrics.val.accuracy: Input should be a finite number",
        ),
        (
            '{"status": "finished", "metrics": {}, "stacked": 0}',
            "expected the result of a run; stacked: Input should be greater than or equal to 1",
        ),
        (
            '{"status": "finished", "metrics": {}, "stacked": null}',
            "expected the result of a run; stacked: Input should be a valid integer",
        ),
        ("null", "expected the result of a run; all of it: Input should be a valid dictionary or instance of Result"),
    ],
)
def test_a_damaged_result(tmp_path: Path, text: str, message: str) -> None:
    write_run(tmp_path / "0", classes(0.1))
    write_run(tmp_path / "1", None)
    (tmp_path / "1/result.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunFolderError) as caught:
        Leaderboard.read(tmp_path)
    assert str(caught.value) == f"{tmp_path}/1/result.json: {message}"


def test_a_damaged_result_of_other_bytes(tmp_path: Path) -> None:
    write_run(tmp_path / "1", None)
    (tmp_path / "1/result.json").write_bytes(b"\xff\xfe")
    with pytest.raises(RunFolderError, match=r"1/result\.json: expected a result in JSON: 'utf-8' codec can't decode"):
        Leaderboard.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("overrides.yaml", "- [a\n- b: :"), ("hydra.yaml", "hydra: [1"), ("hydra.yaml", "hydra: {}"), ("hydra.yaml", "")],
)
def test_a_damaged_file_of_hydra(tmp_path: Path, name: str, text: str) -> None:
    """It is named, and there is no traceback."""
    write_run(tmp_path / "a", classes(0.1), num=1)
    (tmp_path / "a/.hydra" / name).write_text(text, encoding="utf-8")
    with pytest.raises(RunFolderError, match=re.escape(f"{tmp_path}/a/.hydra/{name}: ")):
        Leaderboard.read(tmp_path)


# ---- repetitions


def seeds(losses: Mapping[str, Sequence[float]], key: str = "seed") -> list[Entry]:
    """Runs of several learning rates, each with some seeds."""
    flat = [(lr, number, loss) for lr, of in losses.items() for number, loss in enumerate(of)]
    return [
        entry(job, classes(loss), f"optimizer.lr={lr}", f"{key}={number}")
        for job, (lr, number, loss) in enumerate(flat)
    ]


@pytest.mark.parametrize("key", ["seed", "split.seed", "split.fold", "data.seed"])
def test_mean_and_sample_standard_deviation(key: str) -> None:
    """0.2, 0.4, 0.9: mean 0.5, squares 0.09 + 0.01 + 0.16 = 0.26, halved 0.13, root 0.36056."""
    worse, better = group_repetitions(seeds({"0.1": [0.2, 0.4, 0.9], "0.2": [0.3, 0.4]}, key))[::-1]
    assert worse.overrides == {"optimizer.lr": "0.1"}
    assert better.overrides == {"optimizer.lr": "0.2"}
    assert (worse.score, better.score) == pytest.approx((0.5, 0.35))
    assert worse.mean_and_deviation("val_log_loss") == pytest.approx((0.5, 0.36056), abs=1e-5)
    assert better.mean_and_deviation("val_log_loss") == pytest.approx((0.35, 0.07071), abs=1e-5)
    assert worse.mean_and_deviation("val_accuracy") == (0.5, 0.0)
    assert worse.mean_and_deviation("val_nothing") is None


def test_runs_without_a_metric_do_not_count() -> None:
    entries = [*seeds({"0.1": [0.2, 0.4]}), entry(2, FAILED, "optimizer.lr=0.1", "seed=2")]
    (group,) = group_repetitions(entries)
    assert (len(group.entries), group.score) == pytest.approx((3, 0.3))
    assert group.mean_and_deviation("val_log_loss") == pytest.approx((0.3, 0.14142), abs=1e-5)
    (alone,) = group_repetitions([entry(0, classes(0.25), "seed=1"), entry(1, FAILED, "seed=2")])
    assert alone.mean_and_deviation("val_log_loss") == (0.25, None)
    (none,) = group_repetitions([entry(0, FAILED, "seed=1"), entry(1, FAILED, "seed=2")])
    assert (none.mean_and_deviation("val_log_loss"), none.score) == (None, math.inf)


def test_a_table_of_single_runs() -> None:
    entries = [
        entry(2, classes(0.125), "optimizer.lr=0.1", "trainer.epochs=9", "seed=1"),
        entry(0, classes(0.25, 1 / 3), "optimizer.lr=0.2", "trainer.epochs=9", "seed=2"),
        entry(None, classes(0.5), "trainer.epochs=9", folder="sweep/12-30"),
    ]
    assert as_table(entries) == (
        "3 runs, best first by val_log_loss",
        ["job", "optimizer.lr", "seed", "val_accuracy", "val_log_loss", "test_accuracy", "test_log_loss"],
        [
            ["2", "0.1", "1", "0.5000", "0.1250", "0.7500", "0.2500"],
            ["0", "0.2", "2", "0.3333", "0.2500", "0.7500", "0.2500"],
            ["12-30", "", "", "0.5000", "0.5000", "0.7500", "0.2500"],
        ],
    )


def test_a_table_of_seeds_alone() -> None:
    title, columns, rows = as_table([entry(n, classes(loss), f"seed={n}") for n, loss in enumerate([0.1, 0.2, 0.6])])
    assert title == "3 runs, best first by val_log_loss; mean ± standard deviation over seed"
    assert columns == ["runs", "val_accuracy", "val_log_loss", "test_accuracy", "test_log_loss"]
    assert rows == [["3", "0.5000 ± 0.0000", "0.30 ± 0.26", "0.7500 ± 0.0000", "0.2500 ± 0.0000"]]


def test_a_table_of_folds_and_seeds(tmp_path: Path) -> None:
    """Two learning rates, two seeds, two folds; one run fails."""
    losses: dict[str, list[float | None]] = {"0.1": [0.1, 0.2, 0.3, None], "0.2": [0.1, 0.1, 0.1, 0.2]}
    runs = [
        (classes(loss) if loss else FAILED, [f"optimizer.lr={lr}", f"seed={n // 2}", f"split.fold={n % 2}"])
        for lr, of in losses.items()
        for n, loss in enumerate(of)
    ]
    for job, (result, overrides) in enumerate(runs):
        write_run(tmp_path / str(job), result, overrides)
    same = ["0.7500 ± 0.0000", "0.2500 ± 0.0000"]
    assert as_table(Leaderboard.read(tmp_path).entries) == (
        "8 runs, best first by val_log_loss; mean ± standard deviation over seed, split.fold",
        ["runs", "optimizer.lr", "val_accuracy", "val_log_loss", "test_accuracy", "test_log_loss", "status"],
        [
            ["4", "0.2", "0.5000 ± 0.0000", "0.125 ± 0.050", *same, "finished"],
            ["3 of 4", "0.1", "0.5000 ± 0.0000", "0.200 ± 0.100", *same, "finished, failed"],
        ],
    )  # fmt: skip


def test_a_table_of_a_regression() -> None:
    first = entry(0, values(1.5), "model.dropout=0")
    second = entry(1, values(2.5, status="interrupted"), "model.dropout=0.1")
    assert as_table([first, second]) == (
        "2 runs, best first by val_rmse",
        ["job", "model.dropout", "val_rmse", "val_r2", "test_rmse", "test_r2", "status"],
        [
            ["0", "0", "1.5000", "0.5000", "2.5000", "0.2500", "finished"],
            ["1", "0.1", "2.5000", "0.5000", "2.5000", "0.2500", "interrupted"],
        ],
    )


def test_a_table_without_a_validation_part() -> None:
    parts = {"train": {"accuracy": 0.9, "log_loss": 0.3}, "test": {"accuracy": 0.8, "log_loss": 0.4}}
    one = entry(0, {**classes(None), "metrics": parts, "monitor": "train_loss", "status": "stopped_early"})
    assert as_table([one]) == (
        "1 run, best first by train_log_loss",
        ["job", "train_accuracy", "train_log_loss", "test_accuracy", "test_log_loss"],
        [["0", "0.9000", "0.3000", "0.8000", "0.4000"]],
    )


def test_a_table_of_failures() -> None:
    assert as_table([entry(0, FAILED, "seed=0"), entry(1, DIVERGED, "optimizer.lr=9")]) == (
        "2 runs, without metrics",
        ["job", "seed", "optimizer.lr", "status"],
        [["0", "0", "", "failed"], ["1", "", "9", "diverged"]],
    )


# ---- what is printed


@pytest.mark.parametrize(("runs", "more"), [(1, None), (20, None), (21, "… 1 more"), (1000, "… 980 more")])
def test_the_best_twenty_are_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, runs: int, more: str | None
) -> None:
    rows = [[str(job), f"x[{job}]"] for job in range(runs)]
    grid = Grid("job", ["model.hidden_sizes"], [], [], rows)
    print_leaderboard("A title", [], grid, tmp_path / "leaderboard.csv")
    lines = capsys.readouterr().out.splitlines()
    cells = table_of(lines)[3:]
    assert cells == [*rows[:20], *([[more, ""]] if more else [])]
    assert lines[0].strip() == "A title"
    assert lines[-1] == str(tmp_path / "leaderboard.csv")


@pytest.mark.slow
def test_a_sweep_of_many_runs(command: Command, tmp_path: Path) -> None:
    rates = [f"{number / 1000:g}" for number in range(1, 24)]
    quiet = (
        "trainer.epochs=1",
        "trainer.device=cpu",
        "trainer.plots=never",
        "data.n_samples=60",
        "loss.class_weight=null",
    )
    done = command("run", "-m", *quiet, f"optimizer.lr={','.join(rates)}", "hydra.sweep.dir=s")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "23 runs, best first by val_log_loss" in [line.strip() for line in lines]
    cells = table_of(lines)[2:]
    assert cells[0][0].endswith(" *")
    cells[0][0] = cells[0][0].removesuffix(" *")
    assert cells[-1] == ["… 3 more", "", "", "", "", ""]
    with (tmp_path / "s/leaderboard.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["val_accuracy", "val_log_loss", "test_accuracy", "test_log_loss"]
    assert cells[:-1] == [
        [row["job"], row["optimizer.lr"], *(f"{float(row[name]):.4f}" for name in names)] for row in rows[:20]
    ]
    assert sorted((row["optimizer.lr"] for row in rows), key=float) == rates
    order = [(float(row["val_log_loss"]), int(row["job"])) for row in rows]
    assert order == sorted(order)
    assert lines[-2:] == [str(tmp_path / "s" / name) for name in ("leaderboard.csv", "report.html")]
