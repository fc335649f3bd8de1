"""Rows of a table that a run was trained on are noticed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import Command, said
from support.predictions import loaded, rows_of, spoil, train, write_rows

from mlp_exp.data.row_hashes import evenly_spaced, row_hashes
from mlp_exp.inference import tables
from mlp_exp.inference.ensemble import Ensemble

NOTE = "rows equal rows of training"
HASHES = [-7317445283453381721, -7317445283453381721, -4771649741669810471, 6743486539560404399]


def test_hashes_are_the_same_everywhere() -> None:
    rows = np.array([[0, 1], [-0.0, 1], [1, 0], [np.pi, -2.5]], dtype=np.float32)
    assert row_hashes(rows).tolist() == HASHES
    assert row_hashes(np.asfortranarray(rows)).tolist() == HASHES
    assert row_hashes(rows[:0]).tolist() == []


def test_rows_that_differ_have_other_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short numbers too, as those of one-hot columns and codes."""
    rows = np.stack(np.meshgrid(*[np.arange(40)] * 3), -1).reshape(-1, 3).astype(np.float32)
    hashes = row_hashes(rows)
    assert len(np.unique(hashes)) == 40**3
    monkeypatch.setattr("mlp_exp.data.row_hashes.BLOCK_VALUES", 1000)
    np.testing.assert_array_equal(row_hashes(rows), hashes)


def test_training_rows_are_evenly_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_exp.data.row_hashes.MOST_ROWS", 4)
    assert evenly_spaced(np.arange(10)).tolist() == [0, 2, 5, 7]
    assert evenly_spaced(np.array([5, 3])).tolist() == [5, 3]
    assert evenly_spaced(np.arange(0)).tolist() == []


def test_rows_of_any_run_count(small: Path, tmp_path: Path) -> None:
    """Not those that only chose the epoch; of runs on other parts, those of each."""
    words = ("data=moons", "data.n_samples=200", "split.seed=null")
    made = [train(tmp_path / f"{seed}", *words, f"seed={seed}") for seed in (0, 1)]
    points = made[0].dataset.features
    path = write_rows(tmp_path / "t.csv", [["x1", "x2"], *([repr(float(v)) for v in row] for row in points)])
    runs = [loaded(tmp_path / f"{seed}") for seed in (0, 1)]
    assert [len(run.training_rows) for run in runs] == [140, 140]
    seen = [
        tables.predict_table(Ensemble(chosen), str(path), tmp_path / "o.csv").seen for chosen in ([runs[0]], [runs[1]])
    ]
    assert seen == [140, 140]
    both = tables.predict_table(Ensemble(runs), str(path), tmp_path / "o.csv")
    of_each = [np.isin(row_hashes(run.preprocessing.inputs(points)), run.training_rows) for run in runs]
    assert both.seen == (of_each[0] | of_each[1]).sum() > 140
    assert not both.seen_is_least


def test_a_sample_of_the_training_rows(
    run: Path, small: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_exp.inference.ensemble.MOST_ROWS", 100)
    spoil(run, lambda model: model.update(training_rows=model["training_rows"][:100].clone()))
    lines = said(command("predict", run, small / "table.csv", "-o", tmp_path / "o.csv"))
    assert lines[1] == f"at least 100 of 240 {NOTE}"


def test_nothing_is_said_of_new_rows_and_by_earlier_models(
    run: Path, small: Path, tmp_path: Path, command: Command
) -> None:
    header, *rows = rows_of(small)
    path = write_rows(tmp_path / "t.csv", [header, *([repr(float(row[0]) + 0.5), *row[1:]] for row in rows)])
    words = ("predict", run, path, "-o", tmp_path / "o.csv")
    assert said(command(*words)) == ["ignored: split, answer", f"240 predictions: {tmp_path / 'o.csv'}"]
    spoil(run, lambda model: model.pop("training_rows"))
    assert loaded(run).training_rows.tolist() == []
    said(command("predict", run, small / "table.csv", "-o", tmp_path / "o.csv"))
    assert said(command(*words)) == ["ignored: split, answer", f"240 predictions: {tmp_path / 'o.csv'}"]


def test_hashes_are_saved_with_the_model(small: Path) -> None:
    saved = torch.load(small / "s/0/model.pt", weights_only=True)["training_rows"]
    assert (saved.dtype, saved.shape) == (torch.int64, (168,))
