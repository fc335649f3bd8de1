"""`train`: the run of the command line, on files and tables in memory, kept in a folder or not."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from support.commands import Command, mistakes
from support.folders import names, result_of
from support.interrupted import Interrupted
from support.sweeps import trained
from support.tables import write_table

from mlp_exp.api.training import train
from mlp_exp.errors import ConfigError, DataError, DivergedError, MlpExpError, RunFolderError

PLAIN = {"trainer.plots": "never", "baselines": "none", "trainer.epochs": 2}
SHORT = {**PLAIN, "data.n_samples": 60}
TEXTS = [f"{key}={value}" for key, value in SHORT.items()]
ROWS = 60
LABELS = ["no", "yes", "yes"] * 20
COLUMNS: dict[str, Any] = {"x": [0.5 * row for row in range(ROWS)], "kind": [3, 1, 2] * 20, "answer": LABELS}


def _frame() -> pd.DataFrame:
    return pd.DataFrame(COLUMNS).astype({"kind": "category"})


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_bits_of_the_command_line(command: Command, tmp_path: Path) -> None:
    path = write_table(tmp_path)
    table = ["data=table", f"data.path={path}", "data.target=answer", *TEXTS[:3]]
    assert command("run", *table, "hydra.run.dir=typed").returncode == 0
    run = train(PLAIN, data=path, target="answer", folder="called", quiet=True)
    assert run.folder == tmp_path / "called"
    assert names(run.folder) == names(tmp_path / "typed")
    assert trained(run.folder) == trained(tmp_path / "typed")
    typed, called = (result_of(tmp_path / name) for name in ("typed", "called"))
    same = typed.keys() - {"seconds", "provenance"}
    assert {key: called[key] for key in same} == {key: typed[key] for key in same}
    overrides = (run.folder / ".hydra/overrides.yaml").read_text(encoding="utf-8").splitlines()
    assert sorted(overrides) == sorted(f"- {word}" for word in table)


def test_texts_and_a_dict_are_the_same() -> None:
    runs = [train(overrides, folder=None, quiet=True) for overrides in (TEXTS, SHORT)]
    assert trained(runs[0].folder) == trained(runs[1].folder)


def test_a_new_folder_as_the_command_line_has(tmp_path: Path) -> None:
    plain, of_frame = train(SHORT, quiet=True), train(PLAIN, data=_frame(), target="answer", quiet=True)
    for run in (plain, of_frame):
        outputs, date, time = run.folder.relative_to(tmp_path).parts
        assert (outputs, len(date), len(time)) == ("outputs", len("2026-01-31"), len("12-00-00-123456"))


def test_a_run_without_a_folder_lives_as_long_as_it_is_held(tmp_path: Path) -> None:
    run = train(PLAIN, data=_frame(), target="answer", folder=None, quiet=True)
    folder = run.folder
    assert {"data.parquet", "history.csv", "model.pt"} <= set(names(folder))
    del run
    gc.collect()
    assert not folder.exists()
    assert names(tmp_path) == []


def test_a_data_frame_is_saved_for_what_comes_later(command: Command, tmp_path: Path) -> None:
    run: Any = train(
        {**PLAIN, "optimizer.decay_schedule": "constant", "model.dropout_schedule": "constant", "scheduler": "none"},
        data=_frame(),
        target="answer",
        folder="run",
        quiet=True,
    )
    assert [column.kind for column in run.columns] == ["number", "category"]
    assert run.predict(_frame()).shape == (ROWS,)
    assert command("run", "rerun=run", "hydra.run.dir=again").returncode == 0
    longer = train({"trainer.epochs": 3}, resume="run", quiet=True)
    assert result_of(longer.folder)["epochs"] == 3
    assert longer.folder == tmp_path / "run"


TABLES: dict[str, Any] = {
    "pandas": (_frame, "answer"),
    "polars": (lambda: pl.DataFrame(COLUMNS).with_columns(pl.col("kind").cast(str).cast(pl.Categorical)), "answer"),
    "arrow": (lambda: pa.Table.from_pandas(_frame(), preserve_index=False), "answer"),
    "values": (lambda: _frame().drop(columns="answer"), np.array(LABELS)),
    "a column": (lambda: _frame().drop(columns="answer"), pd.Series(LABELS, name="answer")),
    "a column of polars": (lambda: _frame().drop(columns="answer"), pl.Series(LABELS)),
}


@pytest.mark.parametrize(("make", "target"), TABLES.values(), ids=TABLES)
def test_tables_of_each_kind_train_alike(make: Any, target: Any, shelf: Path) -> None:
    expected = shelf / "of_a_frame"
    if not expected.exists():
        train(PLAIN, data=_frame(), target="answer", folder=expected, quiet=True)
    run = train(PLAIN, data=make(), target=target, folder=None, quiet=True)
    assert trained(run.folder)[1] == trained(expected)[1]
    assert run.target_name == ("answer" if isinstance(target, str | pd.Series) else "target")


def test_arrays_of_features_and_targets() -> None:
    features = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
    run: Any = train(PLAIN, data=features, target=features[:, 0] * 2, folder=None, quiet=True)
    assert run.feature_names == ("x0", "x1", "x2")
    assert run.predict(features).dtype == np.float64


def test_several_targets() -> None:
    columns = {"a": [1.0, 2, 3, 5] * 15, "b": [2.0, 4, 6, 9] * 15, "c": [3.0, 6, 9, 8] * 15}
    run = train(PLAIN, data=columns, target=["b", "c"], folder=None, quiet=True)
    assert run.predict({"a": [1.0, 2]}).shape == (2, 2)


@pytest.mark.parametrize(
    ("targets", "more"),
    [
        ({"y": [3, 7, 7] * 20}, {}),
        ({"y": [True, False, True] * 20}, {"ensemble": "seeds", "ensemble.members": 2}),
        ({"y": pd.array([0, 1, None] * 20, "Int8"), "z": [False, True, True] * 20}, {}),
        ({"y": LABELS, "z": [0, 1, 0] * 20}, {}),
    ],
    ids=["integers", "booleans", "several", "with texts"],
)
def test_labels_have_the_type_of_the_target(targets: dict[str, Any], more: dict[str, Any]) -> None:
    frame = pd.DataFrame({"x": COLUMNS["x"], **targets})
    run = train({**PLAIN, **more}, data=frame, target=list(targets), folder=None, quiet=True)
    right = run.predict(frame) == (frame[list(targets)] if len(targets) > 1 else frame.y).to_numpy(na_value=-1)
    if targets["y"] is LABELS:
        assert set(run.predict(frame)[:, 1].tolist()) <= {"0", "1"}
    else:
        full = run.evaluate(frame.dropna())["accuracy"]
        assert full == right[frame.notna().all(axis=1)].mean()
    assert run.predict_columns(frame)["prediction" if len(targets) == 1 else "prediction_y"].dtype.kind == "U"


def test_a_table_that_is_not_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(PLAIN, data=_frame(), target="answer", folder="run", save_data=False)
    said = "The table is not saved (save_data=False): what is trained here predicts, but cannot be resumed."
    assert capsys.readouterr().out.splitlines()[0] == said
    assert "data.parquet" not in names(run.folder)
    assert run.predict(_frame()).shape == (ROWS,)
    with pytest.raises(DataError) as caught:
        train({"trainer.epochs": 3}, resume=run.folder, quiet=True)
    assert str(caught.value) == (
        "data.path: this was trained on a table in memory that was not saved with it, so that it cannot be "
        "resumed or trained again. Train it anew, with the table"
    )


INTERRUPTED = {**SHORT, "model._target_": "support.interrupted.Interrupted", "trainer.epochs": 6}


def test_ctrl_c_returns_the_best_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    whole = train(INTERRUPTED, folder="whole", quiet=True)
    Interrupted.at = 6
    run = train(INTERRUPTED, folder="run")
    assert capsys.readouterr().out.splitlines()[-1] == f"Interrupted. Continue with: train(resume='{run.folder}')"
    assert result_of(run.folder)["status"] == "interrupted"
    assert 0 < result_of(run.folder)["epochs"] < 6
    assert run.predict(np.zeros((2, 2))).shape == (2,)
    assert trained(train(["--allow=support"], resume="run", quiet=True).folder) == trained(whole.folder)


def test_ctrl_c_before_there_is_a_model() -> None:
    Interrupted.at = 1
    with pytest.raises(KeyboardInterrupt):
        train(INTERRUPTED, folder=None, quiet=True)


def test_one_that_diverges() -> None:
    wild = {**SHORT, "data": "diabetes", "optimizer": "sgd", "optimizer.lr": 1e30}
    del wild["data.n_samples"]
    with pytest.raises(DivergedError, match=r"^The run diverged in epoch 1: "):
        train(wild, folder="run", quiet=True)
    assert result_of(Path("run"))["status"] == "diverged"


def test_mistakes_in_a_table(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        train(PLAIN, data=_frame(), target="anser", folder="run", quiet=True)
    assert str(caught.value) == "target: the table has no column 'anser'. Did you mean 'answer'?"
    with pytest.raises(ConfigError, match="optimizr: there is no such key"):
        train({"optimizr.lr": 1}, data=_frame(), target="answer", folder="run", quiet=True)
    assert names(tmp_path) == []
    with pytest.raises(DataError, match=r"^data: expected columns by name, or an array of numbers: "):
        train(data=object(), target="answer", quiet=True)


def test_advice_is_in_the_words_of_python(capfd: pytest.CaptureFixture[str]) -> None:
    """And Hydra prints nothing of its own."""
    texts = [*map(str, range(39)), "k. A."]
    with pytest.raises(DataError) as caught:
        train(PLAIN, data={"x": texts, "y": list(range(40))}, target="y", folder="run", quiet=True)
    assert str(caught.value) == (
        "data: 1 column cannot be used as it is:\n"
        "  x: expected numbers as '0', as in 98% of the rows, found 'k. A.' (row 39, from 0)\n"
        "Mend the table, or add: {'data.missing': ['k. A.']}"
    )
    with pytest.raises(
        ConfigError, match=r": expected a number above 0, got \[0\.1, 0\.2\]; several values are for sw"
    ):
        train({"optimizer.lr": [0.1, 0.2]}, folder="other", quiet=True)
    with pytest.raises(DataError, match=r"It has price \[usd\], y\.$"):
        train(data={"price [usd]": [1, 2], "y": [1, 2]}, target="answer", folder=None, quiet=True)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mistake", [{"optimizr.lr": 1}, {"optimizer.lr": -1}, {"optimizer": "adma"}])
def test_a_mistake_is_said_in_a_few_lines(mistake: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        train(mistake, folder=None, quiet=True)
    assert refused.value.__suppress_context__
    assert not [entry for entry in refused.traceback if "hydra" in str(entry.path)]


TAKEN = "expected a dict of values by key, or a list of texts such as ['seed=1']"
REFUSED: dict[str, tuple[dict[str, Any], type[MlpExpError], str]] = {
    "data in the place of overrides": (
        {"overrides": _frame(), "target": "answer"},
        ConfigError,
        mistakes(f"overrides: {TAKEN}, got a DataFrame; data is given by name: data=…"),
    ),
    "a file in the place of overrides": (
        {"overrides": "people.csv", "target": "answer"},
        ConfigError,
        mistakes(f"overrides: {TAKEN}, got 'people.csv'; data is given by name: data=…"),
    ),
    "no data": (
        {"overrides": {"optimizer.lr": 0.1}, "target": "income"},
        ConfigError,
        mistakes("data: missing; target=… names a column of a table, which is given as data=…"),
    ),
    "a name in the data twice": (
        {"data": pd.DataFrame([[1, 2]], columns=["y", "y"]), "target": "y"},
        DataError,
        "data: expected a name for each column, and several are 'y'",
    ),
    "no file": (
        {"data": "people.csv", "target": "a"},
        DataError,
        "data.path: there is no file 'people.csv' (seen from {cwd}).",
    ),
    "values for a file": (
        {"data": "people.csv", "target": np.zeros(3)},
        ConfigError,
        mistakes("target: expected the name of a column, got values (ndarray)"),
    ),
    "a value too few": (
        {"data": np.zeros((3, 2)), "target": np.zeros(2)},
        ConfigError,
        mistakes("target: expected a value for each of 3 rows, got 2"),
    ),
    "a table of targets": (
        {"data": np.zeros((3, 2)), "target": np.zeros((3, 2))},
        ConfigError,
        mistakes("target: expected values [N], or the names of columns, got shape [3, 2]"),
    ),
    "a name twice": (
        {"data": {"y": [1, 2]}, "target": pd.Series([1, 2], name="y")},
        ConfigError,
        mistakes("target: the table has a column 'y' already; drop it, or give its name as the target"),
    ),
    "two folders": (
        {"overrides": ["hydra.run.dir=a"], "folder": "b"},
        ConfigError,
        mistakes("hydra.run.dir: leave it out, and give folder=…"),
    ),
    "data twice": (
        {"overrides": ["data.path=a.csv", "data.target=b"], "data": {"y": [1]}, "target": "y"},
        ConfigError,
        mistakes(
            "data.path: leave it out: data=… was given",
            "data.target: leave it out: target=… was given",
        ),
    ),
    "another mode": (
        {"overrides": {"hydra.mode": "MULTIRUN"}},
        ConfigError,
        mistakes("hydra.mode: leave it out: train() trains one run, and sweep() several"),
    ),
    "a list is no sweep": (
        {"overrides": {"seed": [1, 2]}},
        ConfigError,
        mistakes("seed: expected a whole number, 0 or more, got [1, 2]; several values are for sweep()"),
    ),
    "resume with data": (
        {"resume": "old", "data": "people.csv"},
        ConfigError,
        mistakes("data: resume='old' has its own; leave it out"),
    ),
    "resume nothing": ({"resume": "old"}, RunFolderError, "{cwd}/old: there is no such folder; expected that of a run"),
}


@pytest.mark.parametrize(("arguments", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(arguments: dict[str, Any], kind: type[MlpExpError], said: str, tmp_path: Path) -> None:
    with pytest.raises(kind) as caught:
        train(**{"quiet": True, **arguments})
    assert str(caught.value) == said.format(cwd=tmp_path)


def test_a_used_folder_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/result.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"old: holds result\.json of another run\. Give this run a folder"):
        train(SHORT, folder="old", quiet=True)
    with pytest.raises(RunFolderError, match=r"^old: holds result\.json of an earlier run or sweep; choose another"):
        train(SHORT, data=_frame(), target="answer", folder="old", quiet=True)
    assert names(tmp_path / "old") == ["result.json"]
