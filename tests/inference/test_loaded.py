"""What `load` takes and gives: runs, sweeps, averages, and what these show of themselves."""

import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from support.predictions import train
from support.task_runs import TaskRuns

from mlp_exp import DataError, Ensemble, RunFolderError, TrainedRun, load
from mlp_exp.errors import ArgumentError
from mlp_exp.inference import trained_run
from mlp_exp.inference.importance import importance_of_columns


@pytest.fixture(scope="module")
def table(small: Path) -> Any:
    return pd.read_csv(small / "table.csv")


@pytest.fixture(scope="module")
def ensemble(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three networks."""
    folder = tmp_path_factory.mktemp("ensemble")
    words = ("data=table", f"data.path={small / 'table.csv'}", "data.target=answer", "ensemble=seeds")
    train(folder / "three", *words, "ensemble.members=3")
    return folder / "three"


# ---- runs and sweeps


def test_of_a_sweep_the_best(small: Path, table: Any) -> None:
    losses = {
        place: load(small / f"s/{place}").metrics.query("part == 'val' and metric == 'accuracy'") for place in "012"
    }
    best = max(losses, key=lambda place: float(losses[place]["value"].item()))
    run = load(small / "s")
    assert isinstance(run, TrainedRun)
    assert_array_equal(run.predict_proba(table), load(small / "s" / best).predict_proba(table))


def test_of_a_sweep_the_average_of_several(small: Path, table: Any, caplog: pytest.LogCaptureFixture) -> None:
    every = load(small / "s", top=3)
    assert isinstance(every, Ensemble)
    each = [load(small / f"s/{place}").predict_proba(table) for place in "012"]
    assert_allclose(every.predict_proba(table), np.mean(each, axis=0), rtol=1e-12)
    assert every.folder == small / "s"
    assert caplog.messages == []
    assert len(load(small / "s", top=4).networks) == 3
    assert caplog.messages == [f"{small}/s: 3 of 4: it has 3 runs"]


def test_of_a_sweep_those_whose_average_is_best(small: Path) -> None:
    chosen = load(small / "s", greedy=4)
    weights = chosen.weights if isinstance(chosen, Ensemble) else [1.0]
    assert {round(4 * weight, 9) % 1 for weight in weights} == {0}
    assert not (small / "s/greedy.json").exists()


def test_a_folder_of_neither(tmp_path: Path) -> None:
    with pytest.raises(
        RunFolderError, match=r"expected the folder of a run, with model\.pt, or of a sweep of such runs$"
    ):
        load(tmp_path)


@pytest.mark.parametrize("name", ["top", "greedy"])
@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_run(name: str, count: int, small: Path) -> None:
    how: dict[str, Any] = {name: count}
    with pytest.raises(ArgumentError, match=f"^{name}: expected a whole number from 1 on, got {count}$"):
        load(small, **how)


# ---- what they show


def test_a_run_shows_its_training(small: Path) -> None:
    run = load(small / "s/1")
    assert list(run.history.columns) == ["epoch", "lr", "train_loss", "val_loss", "val_accuracy", "seconds"]
    assert run.history.epoch.tolist() == [1, 2]
    text = (small / "s/1/history.csv").read_text(encoding="utf-8").splitlines()[2].split(",")
    assert run.history.val_loss[1] == float(text[3])
    metrics = run.metrics
    assert list(metrics.columns) == ["part", "metric", "value", "low", "high"]
    test = metrics.query("part == 'test'")
    assert ((test.low <= test.value) & (test.value <= test.high)).all()
    assert metrics.query("part != 'test'").low.isna().all()
    accuracy = test.set_index("metric").value["accuracy"]
    expected = (
        rf"TrainedRun for 'answer': binary, val accuracy \S+, val log_loss \S+, test accuracy {accuracy:.4f}, .*/s/1"
    )
    assert re.fullmatch(expected, repr(run))


def test_networks_of_an_ensemble_show_their_own(ensemble: Path) -> None:
    every = load(ensemble)
    assert isinstance(every, Ensemble)
    assert every.history.groupby("member").epoch.max().tolist() == [2, 2, 2]
    assert (every.folder, every.member) == (ensemble, None)
    second = every.networks[1]
    columns = [name for name in every.history.columns if name != "member"]
    own = every.history.query("member == 1")[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(second.history, own)
    assert repr(every).startswith("Ensemble for 'answer': binary, 3 networks, val accuracy ")
    assert repr(second).endswith(f", network 1 of {ensemble}")
    assert set(second.metrics.part) == {"val", "test"}
    assert not second.metrics.value.equals(every.networks[0].metrics.value)


def test_several_runs_show_each(small: Path) -> None:
    every = load(small / "s", top=3)
    assert repr(every) == f"Ensemble for 'answer': binary, 3 networks, {small}/s"
    assert {Path(folder).name for folder in every.metrics.folder} == {"0", "1", "2"}
    assert every.history.groupby("member").epoch.max().tolist() == [2, 2, 2]
    html = every._repr_html_()
    assert html.count("<tr>") == 3
    assert "network" in html
    mixed = Ensemble([load(small / "s/0"), load(small / "s/1")], [3, 1])
    assert mixed.folder == small / "s"


def test_what_a_notebook_shows(small: Path, ensemble: Path) -> None:
    for run, folder in ((load(small / "s/0"), small / "s/0"), (load(ensemble), ensemble)):
        html = run._repr_html_()
        assert f"{folder}</caption>" in html
        assert "<th>metric</th><th>train</th><th>val</th><th>test</th>" in html
        assert html.count("<polyline") == 2
        assert "2 epochs, best " in html


def test_a_folder_that_is_gone_leaves_a_name(run: Path) -> None:
    loaded = load(run)
    shutil.rmtree(run)
    assert repr(loaded) == f"TrainedRun for 'answer': binary, {run}"
    assert loaded._repr_html_().startswith("<table><caption>TrainedRun for &#x27;answer&#x27;: binary, ")
    with pytest.raises(RunFolderError, match=r"has ended, and it has no result$"):
        _ = loaded.metrics


def test_names_from_a_table_are_escaped(run: Path) -> None:
    text = (run / "result.json").read_text(encoding="utf-8")
    (run / "result.json").write_text(text.replace('"accuracy"', '"<b>x"'), encoding="utf-8")
    html = load(run)._repr_html_()
    assert "<td>&lt;b&gt;x</td>" in html
    assert "<b>" not in html


def test_it_can_be_pickled(tasks: TaskRuns, small: Path, ensemble: Path, table: Any) -> None:
    rows = pd.read_csv(tasks.table)
    for folder in (small / "s/0", ensemble, small / "age"):
        run = load(folder)
        again = pickle.loads(pickle.dumps(run))
        assert_array_equal(again.predict(table), run.predict(table))
        assert again.evaluate(table) == run.evaluate(table)
    for task in ("quantiles", "labels"):
        run = load(tasks(task) / "0")
        assert pickle.loads(pickle.dumps(run)).evaluate(rows) == run.evaluate(rows)


def test_unseen_categories_are_said(small: Path, table: Any, caplog: pytest.LogCaptureFixture) -> None:
    rows = table[:4].assign(city="nowhere")
    for run in (load(small / "s/0"), load(small / "s", top=2)):
        caplog.clear()
        run.predict(rows)
        (said,) = caplog.messages
        assert said.startswith(
            "city: 4 of 4 cells hold a category that training did not see, first in row 0, from 0: 'nowhere"
        )
        assert caplog.records[0].name.startswith("mlp_exp.")


def test_a_small_network_predicts_on_one_thread(small: Path, table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen = load(small / "s/0"), []
    assert isinstance(run, TrainedRun)
    hook = run.module.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        found = run.predict_proba(table)
        monkeypatch.setattr(trained_run, "WORTH_THREADS", 0)
        assert_array_equal(run.predict_proba(table), found)
        assert (seen, torch.get_num_threads()) == ([1, 2], 2)
    finally:
        torch.set_num_threads(before)
        hook.remove()


# ---- quantiles, metrics, importance


def test_quantiles(tasks: TaskRuns, small: Path, table: Any) -> None:
    run = load(tasks("quantiles") / "0")
    rows = pd.read_csv(tasks.table)
    found, columns = run.predict_quantiles(rows), run.predict_columns(rows)
    assert_array_equal(found, np.stack([columns[name] for name in columns if name.startswith("quantile_")], axis=1))
    assert (np.diff(found) >= 0).all()
    with pytest.raises(DataError, match=r"^'answer' was predicted without quantiles: train with loss=quantile, "):
        load(small / "s/0").predict_quantiles(table)


def test_metrics_of_a_table(small: Path, table: Any) -> None:
    for run in (load(small / "s/0"), load(small / "s", top=2)):
        scores = run.evaluate(table)
        assert scores["accuracy"] == np.mean(run.predict(table) == table.answer)
        gaps = table.assign(answer=table.answer.where(table.index < 40))
        assert run.evaluate(gaps) == pytest.approx(run.evaluate(table[:40]))
    assert load(small / "age").evaluate(table)["mae"] == pytest.approx(
        np.nanmean(abs(load(small / "age").predict(table) - table.age))
    )


def test_shuffling_what_counts_costs_most(small: Path, table: Any) -> None:
    run = load(small / "s", top=2)
    found = run.explain(table, "accuracy", repeats=3)
    assert found.column.tolist()[0] in run.names
    assert sorted(found.column) == sorted(run.names)
    assert found["mean"].is_monotonic_decreasing
    assert found.equals(run.explain(table, "accuracy", repeats=3))
    assert not found.equals(run.explain(table, "accuracy", repeats=3, seed=1))


def test_it_is_the_difference_that_shuffling_makes() -> None:
    """Of a column that alone decides, and one that nothing depends on; against a plain loop."""
    import pyarrow as pa

    truth = np.arange(50.0)
    table = pa.table({"noise": np.zeros(50), "x": truth})

    def cost(rows: pa.Table) -> float:
        return float(np.abs(rows["x"].to_numpy() - truth).mean())

    found = importance_of_columns(cost, table, ["noise", "x"], 4, 0).to_pylist()
    random = np.random.default_rng(0)
    added = [np.abs(truth[random.permutation(50)] - truth).mean() for _ in range(8)][4:]
    assert found[0] == {"column": "x", "mean": pytest.approx(np.mean(added)), "std": pytest.approx(np.std(added))}
    assert found[1] == {"column": "noise", "mean": 0.0, "std": 0.0}


@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        ({"columns": ["answer"]}, {}, r"^the target: the table has no column 'answer'\. It has "),
        ({"columns": ["city"]}, {}, r"^the table: .*'city'"),
        ({"columns": []}, {"metric": "r2"}, r"^explain: expected a metric \(accuracy, .*\), got 'r2'$"),
        ({"columns": []}, {"repeats": 0}, r"^explain: expected 1 repeat or more, got 0$"),
        ({"index": range(240)}, {}, r"^explain: log_loss of the table: there are no rows$"),
    ],
)
def test_what_cannot_be_explained(change: Any, options: Any, text: str, small: Path, table: Any) -> None:
    with pytest.raises(DataError, match=text):
        load(small / "s/0").explain(table.drop(**change), **options)


def test_an_ensemble_of_one_network_is_that_network(ensemble: Path) -> None:
    second = load(ensemble).networks[1]
    assert isinstance(second, TrainedRun)
    alone = Ensemble([second])
    assert alone.history.equals(second.history)
    assert alone.metrics.equals(second.metrics)
