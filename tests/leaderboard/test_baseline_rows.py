"""Baselines on the leaderboard: rows that are printed and written, and never taken for runs."""

import csv
from pathlib import Path

import pytest
from support.commands import table_of
from support.runs import classes, values, write_baselines, write_run

from mlp_exp.display.grid import Grid
from mlp_exp.display.tables import print_leaderboard
from mlp_exp.errors import RunFolderError
from mlp_exp.inference.best_runs import runs_of
from mlp_exp.leaderboard.baselines import over_splits, read_baselines
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.printed import as_table, write_and_print
from mlp_exp.storage.sweep_folder import failures_in


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for job, loss in enumerate([0.4, 0.2]):
        write_run(tmp_path / "s" / str(job), {**classes(loss), "seconds": 1.0}, [f"optimizer.lr={job}"], job)
    write_baselines(tmp_path / "s", "first", {"majority class": 0.7, "linear model": 0.3})
    return tmp_path / "s"


def test_rows_are_in_the_order_of_the_rank(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leaderboard = Leaderboard.read(sweep)
    assert [entry.job for entry in leaderboard.entries] == [1, 0]
    title, columns, rows = as_table(leaderboard.entries, over_splits(leaderboard.baselines))
    assert title == "2 runs, best first by val_log_loss"
    assert columns == ["job", "optimizer.lr", "val_accuracy", "val_log_loss", "test_accuracy", "test_log_loss"]
    assert rows == [
        ["1", "1", "0.5000", "0.2000", "0.7500", "0.2500"],
        ["linear model", "", "0.5000", "0.3000", "–", "–"],
        ["0", "0", "0.5000", "0.4000", "0.7500", "0.2500"],
        ["majority class", "", "0.5000", "0.7000", "–", "–"],
    ]
    assert [entry.job for entry in write_and_print(sweep)] == [1, 0]
    assert "linear model" in capsys.readouterr().out


def test_they_are_ranked_by_the_metric_of_the_runs(tmp_path: Path) -> None:
    for job, accuracy in enumerate([0.4, 0.6]):
        result = classes(0.1 * job, accuracy, monitor="val_accuracy")
        write_run(tmp_path / str(job), result, [f"optimizer.lr={job}"], job)
    write_baselines(tmp_path, "first", {"linear model": 0.9})  # with an accuracy of 0.5
    found = Leaderboard.read(tmp_path)
    assert [row[0] for row in as_table(found.entries, over_splits(found.baselines))[2]] == ["1", "linear model", "0"]


def test_the_file(sweep: Path) -> None:
    Leaderboard.read(sweep).write()
    with (sweep / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [(row["job"], row["status"], row["baseline"], row["folder"], row["val_log_loss"]) for row in rows]
    assert shown == [
        ("1", "finished", "", "1", "0.2"),
        ("0", "finished", "", "0", "0.4"),
        ("", "baseline", "linear model", "", "0.3"),
        ("", "baseline", "majority class", "", "0.7"),
    ]
    assert (rows[2]["optimizer.lr"], rows[2]["seconds"], rows[2]["reason"]) == ("", "0.5", "")
    (sweep / "baselines.json").unlink()
    Leaderboard.read(sweep).write()
    assert "baseline" not in (sweep / "leaderboard.csv").read_text(encoding="utf-8")


def test_splits_are_one_row_with_their_deviation(sweep: Path) -> None:
    write_baselines(sweep, "second", {"majority class": 0.6, "linear model": 0.3})
    write_baselines(sweep / "1", "second", {"majority class": 0.6, "linear model": 0.3})  # the same, of a run
    found = Leaderboard.read(sweep)
    rows = {row[0]: row[3] for row in as_table(found.entries, over_splits(found.baselines))[2]}
    assert rows == {
        "1": "0.200",
        "linear model": "0.300 ± 0.000",
        "0": "0.400",
        "majority class": "0.650 ± 0.071",
    }


def test_other_targets_and_sizes_are_told_apart(tmp_path: Path) -> None:
    write_baselines(tmp_path / "a", "1", {"mean": 0.7})
    write_baselines(tmp_path / "b", "2", {"mean": 0.7}, rows=2000)
    write_baselines(tmp_path / "c", "3", {"mean": 0.7}, target="z")
    assert list(over_splits(read_baselines([tmp_path / "a", tmp_path / "b"]))) == ["mean, 100 rows", "mean, 2,000 rows"]
    assert list(over_splits(read_baselines([tmp_path / "a", tmp_path / "c"]))) == ["mean, y", "mean, z"]
    assert read_baselines([tmp_path]) == []
    runs = [
        Entry(None, {"data.path": path}, {"provenance": {"data_fingerprint": data}}, tmp_path)
        for path, data in (("a/people.csv", "d"), ("flats.csv", "e"))
    ]
    write_baselines(tmp_path / "b", "2", {"mean": 0.7}, data="e")
    folders = [tmp_path / "a", tmp_path / "b"]
    assert list(over_splits(read_baselines(folders, runs))) == ["mean of people.csv", "mean of flats.csv"]


def test_runs_of_their_own_show_theirs(tmp_path: Path) -> None:
    for name, loss in (("a", 0.4), ("b", 0.2)):
        write_run(tmp_path / name, classes(loss))
        write_baselines(tmp_path / name, "first", {"linear model": 0.3})
    found = Leaderboard.read(tmp_path / "out", [tmp_path / "a", tmp_path / "b"])
    assert [row[0] for row in as_table(found.entries, over_splits(found.baselines))[2]] == ["b", "linear model", "a"]


def test_nothing_takes_them_for_runs(sweep: Path) -> None:
    write_and_print(sweep)
    for run in ("0", "1"):
        (sweep / run / "model.pt").touch()
    assert runs_of(sweep, 2, pytest.fail) == [sweep / "1", sweep / "0"]
    assert failures_in(sweep) == []
    assert len(Leaderboard.read(sweep).entries) == 2


def test_classes_and_values_have_rankings_of_their_own(tmp_path: Path) -> None:
    write_run(tmp_path / "0", values(0.5), ["seed=0"], 0)
    write_baselines(tmp_path, "first", {"linear model": 0.3})  # of classes, and no run with classes
    found = Leaderboard.read(tmp_path)
    assert [entry.ranked_by for entry in found.baselines] == ["val_log_loss"]
    assert len(as_table(found.entries, over_splits(found.baselines))[2]) == 2


def test_a_damaged_file_is_named(sweep: Path) -> None:
    (sweep / "baselines.json").write_text('{"first": {"task": 3}}', encoding="utf-8")
    with pytest.raises(RunFolderError) as error:
        Leaderboard.read(sweep)
    message = f"{sweep}/baselines.json: expected the baselines of runs; first.task: Input should be a valid string"
    assert str(error.value) == message


def test_they_are_printed_below_many_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[str(job), "0.1"] for job in range(25)] + [["mean", "0.2"]]
    print_leaderboard("runs", [], Grid("job", [], ["val_rmse"], [], rows), tmp_path / "f", {"mean"})
    labels = [label for label, _ in table_of(capsys.readouterr().out.splitlines())]
    assert labels[-3:] == ["19", "… 5 more", "mean"]
