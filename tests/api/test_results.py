"""All runs in some folders as one table, from folders written by hand."""

import sys
import weakref
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from support.runs import FAILED, classes, write_run

import mlp_exp
from mlp_exp import Results, TrainedRun, results
from mlp_exp.api.results import SHOWN_ROWS
from mlp_exp.config.words import quoted, unquoted
from mlp_exp.errors import DataError, RunFolderError, UntrustedError

HISTORY = "epoch,lr,train_loss,val_loss,seconds\n1,0.1,0.9,0.8,0.5\n2,0.1,0.7,0.75,1.0\n"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three runs, the second of which is the best, and the last of which has failed before its first epoch."""
    for job, (result, lr, flag, text) in enumerate(
        [
            (classes(0.3), "0.001", "true", "'it\\'s'"),
            (classes(0.1), "1e-2", "False", "null"),
            (FAILED, "1", "true", "'7'"),
        ]
    ):
        words = [f"seed={job}", f"optimizer.lr={lr}", f"+flag={flag}", f"note={text}", f"big={10**20}"]
        write_run(tmp_path / "s" / str(job), result, words, job)
        if job < 2:
            (tmp_path / f"s/{job}/history.csv").write_text(HISTORY, encoding="utf-8")
    return tmp_path / "s"


def test_a_row_for_each_run_best_first(sweep: Path) -> None:
    found = results(sweep)
    assert len(found) == 3
    rows = list(found)
    assert [row["number"] for row in rows] == [1, 0, 2]
    assert [row["seed"] for row in rows] == [1, 0, 2]
    assert [row["optimizer.lr"] for row in rows] == [0.01, 0.001, 1.0]
    assert [row["flag"] for row in rows] == [False, True, True]
    assert [row["note"] for row in rows] == [None, "it's", "7"]
    assert [row["big"] for row in rows] == [1e20] * 3
    assert [row["val_log_loss"] for row in rows] == [0.1, 0.3, None]
    assert [row["folder"] for row in rows] == [str(sweep / place) for place in "102"]
    assert [row["reason"] for row in rows] == [None, None, FAILED["reason"]]
    assert [row["status"] for row in rows] == ["finished", "finished", "failed"]
    assert repr(found) == f"Results: 3 runs, 1 failed, best first by val_log_loss, {sweep}"


def test_as_data_frames(sweep: Path) -> None:
    found = results(str(sweep))
    pandas, polars = found.to_pandas(), found.to_polars()
    assert isinstance(pandas, pd.DataFrame)
    assert isinstance(polars, pl.DataFrame)
    assert isinstance(found.frame, pd.DataFrame)
    assert list(pandas.columns) == polars.columns == found.table.column_names
    assert pandas["optimizer.lr"].tolist() == polars["optimizer.lr"].to_list() == [0.01, 0.001, 1.0]
    assert str(pandas["seed"].dtype) == "int64"


def test_without_a_library_for_data_frames(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("pandas", "polars"):
        monkeypatch.delitem(sys.modules, name)
    found = results(sweep)
    with pytest.raises(DataError, match=r"^a data frame needs pandas: pip install pandas$"):
        found.to_pandas()
    with pytest.raises(
        DataError, match=r"^a data frame needs one of its libraries: pip install pandas, or pip install polars$"
    ):
        _ = found.frame
    assert len(list(found)) == 3


def test_the_epochs_of_all_runs(sweep: Path) -> None:
    (sweep / "0/history.csv").write_text("epoch,lr,train_loss,gradient\n1,0.1,0.9,2.5\n", encoding="utf-8")
    epochs = results(sweep).history()
    overrides = ["seed", "optimizer.lr", "flag", "note", "big"]
    columns = ["epoch", "lr", "train_loss", "val_loss", "seconds", "gradient"]
    assert list(epochs.columns) == ["number", *overrides, "folder", *columns]
    assert epochs["optimizer.lr"].tolist() == [0.01, 0.01, 0.001]
    assert epochs.number.tolist() == [1, 1, 0]
    assert epochs.epoch.tolist() == [1, 2, 1]
    assert epochs.val_loss.fillna(-1).tolist() == [0.8, 0.75, -1]
    assert epochs.gradient.fillna(-1).tolist() == [-1, -1, 2.5]


def test_what_pruned_runs_varied_is_shown(tmp_path: Path) -> None:
    for job, result in enumerate((classes(0.3), {**classes(0.9), "status": "pruned"})):
        write_run(tmp_path / str(job), result, [f"optimizer.lr=0.{job + 1}", "seed=7"], job)
    html = results(tmp_path)._repr_html_()
    assert "<caption>2 runs, 1 of them pruned, " in html
    assert "<tr><th>job</th><th>optimizer.lr</th><th>val_" in html
    assert "<tr><td>0</td><td>0.1</td>" in html


def test_several_folders_are_one_table(sweep: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "alone", classes(0.2), ["model.width=3"])
    rows = list(results(sweep, tmp_path / "alone"))
    assert [row["number"] for row in rows] == [1, None, 0, 2]
    assert [row["model.width"] for row in rows] == [None, 3, None, None]
    assert len(results(sweep / "0", sweep)) == 3


def test_no_run_has_an_epoch(tmp_path: Path) -> None:
    write_run(tmp_path / "0", FAILED, ["seed=0"], 0)
    found = results(tmp_path)
    assert repr(found) == f"Results: 1 run, 1 failed, without metrics, {tmp_path}"
    assert len(found.history()) == 0
    with pytest.raises(RunFolderError, match=r": its run has not ended well:\n.*: "):
        _ = found.best


@pytest.mark.parametrize("names", [["nothing"], ["s", "empty"]])
def test_a_folder_without_runs(names: list[str], sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    first, *others = [tmp_path / name for name in names]
    with pytest.raises(RunFolderError, match=f"{names[-1]}: expected the folder of a run, or of a sweep of such runs$"):
        results(first, *others)


def test_what_a_notebook_shows_is_escaped(tmp_path: Path) -> None:
    for job in range(SHOWN_ROWS + 2):
        write_run(tmp_path / str(job), classes(job + 1), [f"name='<b>{job}'", f"seed={job}"], job)
    html = results(tmp_path)._repr_html_()
    assert html.startswith(
        f"<table><caption>{SHOWN_ROWS + 2} runs, best first by val_log_loss</caption><tr><th>job</th>"
    )
    assert html.count("<tr>") == SHOWN_ROWS + 2
    assert "… 2 more" in html
    assert "&#x27;&lt;b&gt;0&#x27;" in html
    assert "<b>" not in html


def test_what_must_live_as_long(sweep: Path) -> None:
    class Kept:
        pass

    kept = Kept()
    alive = weakref.ref(kept)
    found = Results([sweep], kept)
    del kept
    assert alive() is not None
    del found
    assert alive() is None


@pytest.mark.parametrize("text", ["it's", "a,b", "\\", "\\'", "a\\\\'b\\", "", "'", '"x"', "1", "${x}", "ü = ä"])
def test_a_text_is_read_as_it_was_given(text: str) -> None:
    assert unquoted(quoted(text)) == text


def test_only_what_was_trained_here_may_name_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import torch\n\nnet = lambda in_features, out_features: torch.nn.Linear(in_features, out_features)\n"
    (tmp_path / "results_net.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    quick = {"data": "moons", "data.n_samples": 60, "trainer.epochs": 1, "trainer.plots": "never", "baselines": "none"}
    found = mlp_exp.sweep({**quick, "model._target_": "results_net.net", "seed": range(2)}, folder="s", quiet=True)
    best = found.best
    assert isinstance(best, TrainedRun)
    assert best.config["model"]["_target_"] == "results_net.net"
    assert {network.folder.parent.name for network in found.load(greedy=2).networks} == {"s"}
    with pytest.raises(UntrustedError, match=r"results_net"):
        _ = results("s").best
    again = results("s").load(allow=["results_net"])
    assert repr(again) == repr(best)
