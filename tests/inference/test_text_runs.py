"""Runs on a table with a column of texts: what they predict, in every form, again and in company."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from support.commands import Command, refusal
from support.compositions import compose_run
from support.folders import result_of
from support.predictions import content, loaded, put, spoil
from support.project import QUICK_TABLE
from support.reviews import review_data, reviews
from support.specs import build, train_in

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.errors import DataError, ExportError, RunFolderError
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.session import Session
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.export import export
from mlp_exp.inference.loading import load

ROWS = 240
QUIET = ("trainer.epochs=30", "trainer.device=cpu", "trainer.plots=never", "model.hidden_sizes=[8]")


def columns() -> dict[str, list[Any]]:
    texts, labels = reviews(ROWS)
    texts[3] = texts[8] = ""
    return {
        "review": [text or None for text in texts],
        "price": [None if row % 50 == 7 else row * 37 % 101 / 4 for row in range(ROWS)],
        "town": [("Rome", "Oslo", "Lima")[row * 7 % 5 % 3] for row in range(ROWS)],
        "verdict": [("bad", "good")[label] for label in labels],
    }


def own_data() -> Dataset:
    return review_data(120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table in two forms, and two runs on it."""
    folder = tmp_path_factory.mktemp("texts")
    rows = columns()
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*rows], *zip(*rows.values(), strict=True)])
    parquet.write_table(pa.table(rows), folder / "t.parquet")
    for seed in (0, 1):
        train_in(folder / f"run{seed}", compose_run([*words(folder), f"seed={seed}"]))
    return folder


def words(folder: Path) -> list[str]:
    return [*QUICK_TABLE, f"data.path={folder / 't.csv'}", "data.target=verdict", *QUIET]


def test_the_text_is_found_and_learned(folder: Path) -> None:
    run = loaded(folder / "run0")
    assert [(c.name, c.kind) for c in run.columns] == [("review", "text"), ("price", "number"), ("town", "category")]
    assert result_of(folder / "run0")["metrics"]["test"]["accuracy"] > 0.9


def test_predictions_are_those_of_training(folder: Path, tmp_path: Path, command: Command) -> None:
    """Rows of the parts have the metrics of the result, from a file as from memory."""
    split = plan(build(compose_run(words(folder)))).parts
    run, rows = loaded(folder / "run0"), columns()
    expected = result_of(folder / "run0")["metrics"]
    predicted = run.predict(rows)
    for part, numbers in split.items():
        right = predicted[numbers] == np.array(rows["verdict"])[numbers]
        assert right.mean() == pytest.approx(expected[part]["accuracy"])
    assert command("predict", folder / "run0", folder / "t.csv", "-o", tmp_path / "o.csv").returncode == 0
    assert content(tmp_path / "o.csv")["prediction"].to_pylist() == predicted.tolist()


def test_inputs_are_those_of_training_to_the_last_bit(folder: Path) -> None:
    made = plan(build(compose_run(words(folder))))
    run = loaded(folder / "run0")
    table = pa.table(columns())
    features, categories, texts = run.feature_schema.features(table, Misfits("the table"))
    inputs = run.preprocessing.inputs(features, categories, run.preprocessing.encoded(texts))
    np.testing.assert_array_equal(inputs, made.data().inputs.numpy())


def test_every_form_of_a_table_gives_the_same(folder: Path) -> None:
    run, rows = loaded(folder / "run0"), columns()
    expected = run.predict_proba(rows)
    declared = pa.table({**rows, "review": pa.array(rows["review"]).dictionary_encode()})
    empty = {**rows, "review": [text or "" for text in rows["review"]]}
    wide = pa.table({**rows, "review": pa.array(rows["review"], pa.large_string())})
    for table in (parquet.read_table(folder / "t.parquet"), declared, empty, wide):
        np.testing.assert_array_equal(run.predict_proba(table), expected)


def test_rows_alone_and_without_any_text(folder: Path) -> None:
    run = loaded(folder / "run0")
    rows = columns()
    few = {name: values[:5] for name, values in rows.items()}
    np.testing.assert_allclose(run.predict_proba(few), run.predict_proba(rows)[:5], rtol=1e-5)
    nothing = run.predict_proba({**few, "review": [None] * 5})
    np.testing.assert_array_equal(nothing, run.predict_proba({**few, "review": ["?"] * 5}))
    assert run.predict({name: [] for name in rows}).shape == (0,)


def test_numbers_are_read_as_texts_and_lists_are_refused(folder: Path) -> None:
    run = loaded(folder / "run0")
    few = {name: values[:2] for name, values in columns().items()}
    as_numbers, as_texts = (run.predict_proba({**few, "review": values}) for values in ([1, 2], ["1", "2"]))
    np.testing.assert_array_equal(as_numbers, as_texts)
    with pytest.raises(DataError) as caught:
        run.predict({**few, "review": [["a"], ["b"]]})
    assert str(caught.value).startswith("the table: column 'review' holds list<")
    assert str(caught.value).endswith("which cannot be a text")


def test_an_ensemble_is_the_mean(folder: Path) -> None:
    runs = [loaded(folder / f"run{seed}") for seed in (0, 1)]
    mean = (runs[0].predict_proba(columns()) + runs[1].predict_proba(columns())) / 2
    np.testing.assert_allclose(Ensemble(runs).predict_proba(columns()), mean, rtol=1e-6)


def test_runs_of_one_preprocessing_read_texts_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [loaded(folder / f"run{seed}") for seed in (0, 1)]
    read: list[int] = []
    encoded = type(runs[0].preprocessing).encoded

    def noted(self: Any, texts: Any) -> Any:
        read.append(len(texts[0].values))
        return encoded(self, texts)

    monkeypatch.setattr(type(runs[0].preprocessing), "encoded", noted)
    Ensemble(runs).predict(columns())
    assert read == [ROWS]


def test_runs_of_a_session_fit_and_read_texts_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, fits = Session(), []
    fit = Preprocess.fit
    monkeypatch.setattr(Preprocess, "fit", lambda *args: fits.append(1) or fit(*args))  # type: ignore[func-returns-value]
    made = [plan(build(compose_run([*words(folder), f"seed={seed}"]), session)) for seed in range(3)]
    assert fits == [1]
    assert made[0].encoded is made[1].encoded is made[2].encoded
    other = plan(build(compose_run([*words(folder), "preprocess.text_width=3"]), session))
    assert other.encoded[0].shape == (ROWS, 3 + 1)


@pytest.mark.slow
def test_a_stack_a_resumed_run_and_a_rerun_are_the_same(folder: Path, tmp_path: Path, command: Command) -> None:
    shared = words(folder)
    assert command("run", "-m", *shared, "seed=0,1", "hydra.sweep.dir=s").returncode == 0
    for seed in (0, 1):
        one, other = (
            torch.load(run / "model.pt", weights_only=True) for run in (tmp_path / f"s/{seed}", folder / f"run{seed}")
        )
        assert one["preprocess"] == other["preprocess"]
        assert all(torch.equal(one["state_dict"][name], other["state_dict"][name]) for name in one["state_dict"])
    again = command("run", f"rerun={tmp_path / 's/0'}")
    assert "to the last bit" in again.stdout
    shared += ["scheduler=none", "seed=1"]
    assert command("run", *shared, "hydra.run.dir=long").returncode == 0
    assert command("run", "resume=long", "trainer.epochs=40").returncode == 0
    assert command("run", *shared, "trainer.epochs=40", "hydra.run.dir=whole").returncode == 0
    assert result_of(tmp_path / "long")["metrics"] == result_of(tmp_path / "whole")["metrics"]


@pytest.mark.parametrize("name", ["m.onnx", "m.pt2"])
def test_export_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        export(Ensemble([loaded(folder / "run0")]), tmp_path / name)
    assert str(caught.value) == (
        f"{folder / 'run0'}: column 'review' holds texts, whose words and parts of words are hashed; neither ONNX nor "
        "torch.export has an operation for that. Predict with mlp_exp.predict or mlp_exp.load, or train without it: "
        "'data.drop=[review]'"
    )
    assert list(tmp_path.iterdir()) == []


def test_data_of_the_users_own(tmp_path: Path) -> None:
    train_in(tmp_path / "run", compose_run([*QUIET, f"data._target_={__name__}.own_data", "model.hidden_sizes=[8]"]))
    run = loaded(tmp_path / "run", allow=[__name__.partition(".")[0]])
    assert [(c.name, c.kind) for c in run.columns] == [("n", "number"), ("review", "text")]
    texts, _ = reviews(120)
    assert run.predict({"n": [0.0] * 120, "review": texts}).shape == (120,)


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no texts": (put("preprocess", "texts", value=[]), "expected columns that give the texts"),
    "another name": (put("preprocess", "texts", 0, "name", value="x"), "expected columns that give the texts"),
    "short weights": (put("preprocess", "texts", 0, "idf", value="AAAA"), "preprocess.texts.0: buffer size"),
    "no base64": (put("preprocess", "texts", 0, "topics", value="%%"), "preprocess.texts.0: Only base64"),
    "a column too many": (
        lambda model: model["preprocess"]["texts"][0]["shift"].append(0.0),
        "preprocess.texts.0: expected weights of 8192 n-grams for",
    ),
    "a scale of zero": (
        put("preprocess", "texts", 0, "scale", 0, value=0.0),
        "preprocess.texts.0.scale.0: Input should be greater than 0",
    ),
    "a foreign figure": (put("preprocess", "texts", 0, "x", value=1), "preprocess.texts.0.x: Extra inputs"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model(name: str, folder: Path, tmp_path: Path) -> None:
    change, message = HOSTILE[name]
    run = Path(shutil.copytree(folder / "run0", tmp_path / "run"))
    spoil(run, change)
    with pytest.raises(RunFolderError) as caught:
        load(run)
    assert str(caught.value).startswith(f"{run}/model.pt: expected a model of this project: {message}")


def test_a_mistake_on_the_command_line(folder: Path, tmp_path: Path, command: Command) -> None:
    answer = command("run", *words(folder), "data.text=[price]", "hydra.run.dir=run")
    assert refusal(answer) == (
        f"data.path: '{folder / 't.csv'}': 1 column cannot be used as it is:\n  price: expected texts, found double; "
        "take it out of data.text\nMend the file"
    )
    answer = command("run", *words(folder), "data.text=[revue]", "hydra.run.dir=run2")
    assert "data.text: " in refusal(answer)
    assert "Did you mean 'review'?" in refusal(answer)
    assert json.loads((tmp_path / "run2/result.json").read_text(encoding="utf-8"))["status"] == "failed"
