"""What an exported file makes of raw columns: of days, of texts, of several runs; and what is said of it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from support.commands import Command, refusal, said
from support.folders import names, result_of
from support.predictions import train

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.columns import numeric_features
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.values import MICROSECONDS_A_DAY, timestamps
from mlp_exp.errors import ExportError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export import dates
from mlp_exp.inference.export.card import card
from mlp_exp.inference.export.check import largest_difference
from mlp_exp.inference.export.columns import Codes, Columns
from mlp_exp.inference.export.dates import waves
from mlp_exp.inference.export.deployed import Deployed
from mlp_exp.inference.export.random_rows import FIRST_DAY, LAST_DAY, as_table, random_rows, with_places
from mlp_exp.inference.export.raw_columns import RawColumns
from mlp_exp.inference.export.script import script
from mlp_exp.inference.loading import load

PARTS = ("year", "weekday", "hour")
Micros = np.ndarray

# ---- days


def both_waves(micros: Micros, parts: tuple[str, ...] = PARTS) -> tuple[np.ndarray, np.ndarray]:
    """The waves of times in microseconds since 1970 `[N]`: those of the file, and those of training `[N, 2 P]`."""
    values = pa.chunked_array([pa.array(micros, pa.timestamp("us"))])
    _, *expected = numeric_features(Column("d", "date", parts=parts), values)
    days = timestamps(values).astype(np.int64) / MICROSECONDS_A_DAY
    found = waves(torch.from_numpy(days[:, None]), parts)
    return found.numpy(), np.stack(expected, axis=1)


def test_every_day_of_ten_thousand_years_is_the_same_to_the_bit() -> None:
    """Leap years, ends of years and of centuries, and days before 1970."""
    found, expected = both_waves(np.arange(FIRST_DAY, LAST_DAY + 1) * MICROSECONDS_A_DAY, ("year", "weekday"))
    np.testing.assert_array_equal(found, expected)


def test_times_to_the_microsecond() -> None:
    """From 1880 to 2059 a float64 tells them apart; whole seconds are the same to the bit."""
    rng = np.random.default_rng(0)
    days = rng.integers(-32_000, 32_000, 20_000)
    times = rng.integers(0, MICROSECONDS_A_DAY, 20_000)
    times[:3000] = rng.choice([0, 1, 999_999, 1_000_000, MICROSECONDS_A_DAY - 1, MICROSECONDS_A_DAY - 1_000_000], 3000)
    times[3000:9000] -= times[3000:9000] % 1_000_000
    found, expected = both_waves(days * MICROSECONDS_A_DAY + times)
    whole = times % 1_000_000 == 0
    np.testing.assert_array_equal(found[whole], expected[whole])
    np.testing.assert_array_equal(found[:, :4], expected[:, :4])
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-16)


def test_times_of_ten_thousand_years() -> None:
    """To 40 microseconds, which a float64 tells in the year 9999: 3e-9 of a turn."""
    rng = np.random.default_rng(0)
    days = rng.integers(FIRST_DAY, LAST_DAY, 50_000)
    times = rng.integers(0, MICROSECONDS_A_DAY - 40, 50_000)
    found, expected = both_waves(days * MICROSECONDS_A_DAY + times)
    np.testing.assert_array_equal(found[:, :4], expected[:, :4])
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-9)


def test_days_that_are_no_dates() -> None:
    """Missing ones stay so; numbers of any size give some wave, as a file must not fail."""
    days = torch.tensor([[np.nan, 0.0], [1e300, -1e300], [np.inf, 1e18]], dtype=torch.float64)
    found = waves(days, ["weekday", "year"])
    assert found.shape == (3, 8)
    assert found[0].isnan().tolist() == [True, True, False, False] * 2
    np.testing.assert_allclose(found[0, 2:4], [np.sin(6 * np.pi / 7), np.cos(6 * np.pi / 7)])  # a Thursday
    assert bool((found[1:].abs() <= 1).all())


# ---- several runs


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of tables with other texts and columns, and with other words for a missing value."""
    folder = tmp_path_factory.mktemp("pair")
    for name, towns, size, more in (
        ("one", ["a", "b", "none"], "x", ["data.missing=[none,-1]"]),
        ("two", ["b", "c", "none"], "z", []),
    ):
        rng = np.random.default_rng(len(name))
        lines = [f"town,{size},when,y"]
        for row in range(120):
            town, number, y = rng.choice(towns), rng.integers(-1, 4), rng.choice(["no", "yes"])
            lines.append(f"{town},{number},20{10 + row // 12}-0{row % 9 + 1}-05,{y}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        train(
            folder / name,
            "data=table",
            "experiment=table_quick",
            f"data.path={folder}/{name}.csv",
            "data.target=y",
            *more,
        )
    return folder


def test_columns_and_texts_are_united(pair: Path) -> None:
    """A word that one of the runs takes for a missing value is a text of the other."""
    ensemble = Ensemble([load(pair / "one"), load(pair / "two")])
    raw = RawColumns.of(ensemble)
    assert [column.name for column in raw.numbers] == ["x", "when", "z"]
    assert [column.name for column in raw.categories] == ["town"]
    assert raw.texts == (("-1", "a", "b", "c", "none"),)
    assert {"", "NA"} < set(raw.format.all_missing)
    assert "none" not in raw.format.all_missing
    towns = ["a", "b", "c", "none", "", "NA", "new", "-1"]
    places = raw.places(np.array(towns, dtype=object)[:, None])
    assert places[:, 0].tolist() == [1, 2, 3, 4, -1, -1, -2, 0]
    numbers = torch.tensor([[-1.0, 10.5, -1.0]], dtype=torch.float64)
    features = Columns(raw, ensemble.runs[0])(numbers)
    codes = Codes(raw, ensemble.runs[0])(torch.from_numpy(places))
    assert features[:, 0].isnan().tolist() == [True]
    assert codes[:, 0].tolist() == [2, 3, 0, 1, 1, 1, 0, 1]
    features = Columns(raw, ensemble.runs[1])(numbers)
    codes = Codes(raw, ensemble.runs[1])(torch.from_numpy(places))
    own = list(ensemble.runs[1].feature_names)
    assert (features[0, own.index("z")], features[0, own.index("when")]) == (-1.0, 10.5)
    assert codes[:, 0].tolist() == [0, 2, 3, 4, 1, 1, 0, 0]
    odd = torch.tensor([[-3], [5], [10**12], [-(10**12)]])
    assert Codes(raw, ensemble.runs[1])(odd)[:, 0].tolist() == [0] * 4


@pytest.mark.parametrize("one_hot_max", [0, 99])
def test_training_parts_with_other_texts(one_hot_max: int, tmp_path: Path) -> None:
    """Two folds of one table read columns in the same way, and each has the codes of the texts that it has seen."""
    lines = [f"{'abcdef'[row % 6]},house{row // 2},{row % 7},{'yes' if row % 3 else 'no'}" for row in range(90)]
    (tmp_path / "t.csv").write_text("\n".join(["kind,house,x,y", *lines]) + "\n", encoding="utf-8")
    words = ["data=table", f"data.path={tmp_path}/t.csv", "data.target=y", "split=folds", "split.folds=3"]
    words += ["experiment=table_quick", f"preprocess.one_hot_max={one_hot_max}"]
    for fold in range(2):
        train(tmp_path / f"{fold}", *words, f"split.fold={fold}")
    ensemble = Ensemble([load(tmp_path / "0"), load(tmp_path / "1")])
    assert len(ensemble.groups) == 1
    texts = [[vocabulary.texts for vocabulary in run.preprocessing.vocabularies] for run in ensemble.runs]
    assert texts[0] != texts[1]
    raw = RawColumns.of(ensemble)
    rows = random_rows(raw, ensemble, 200, np.random.default_rng(0))
    given = {name: torch.from_numpy(array) for name, array in with_places(raw, rows).items()}
    expected = ensemble.outputs(as_table(raw, rows), Misfits("the table"))
    np.testing.assert_allclose(Deployed(raw, ensemble)(**given), expected, atol=1e-5)


@pytest.mark.slow
def test_the_file_of_two_runs_predicts_their_average(pair: Path, tmp_path: Path, command: Command) -> None:
    table = {"town": ["a", "c", None, "new", "none"], "x": [1, -1, None, 3, 2], "z": [2, 0, -1, None, 1]}
    table |= {"when": ["2012-02-29", "2013-12-31", None, "1999-01-01", "2012-07-01"]}
    ensemble = Ensemble([load(pair / "one"), load(pair / "two")])
    expected = ensemble.predict_proba(table)
    numbers = np.array([[1, 15399, 2], [-1, 16070, 0], [np.nan, np.nan, -1], [3, 10592, np.nan], [2, 15522, 1]])
    texts = np.array([["a"], ["c"], [""], ["new"], ["none"]], dtype=object)
    said(command("export", pair / "one", pair / "two", "-o", "m.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"numbers": numbers, "categories": texts})
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)
    places = torch.tensor([[1], [3], [-1], [-2], [4]])
    found = Deployed(RawColumns.of(ensemble), ensemble)(numbers=torch.from_numpy(numbers), categories=places)
    np.testing.assert_allclose(found, expected, atol=1e-6)


# ---- the check


def test_random_rows_have_all_that_is_rare(pair: Path) -> None:
    ensemble = Ensemble([load(pair / "one")])
    rows: dict[str, Any] = random_rows(RawColumns.of(ensemble), ensemble, 5000, np.random.default_rng(0))
    assert {"", "none", "-1", "a", "b"} < set(rows["categories"][:, 0])
    assert any(text.endswith("?") for text in rows["categories"][:, 0])
    size, when = rows["numbers"].T
    assert 0.02 < np.isnan(size).mean() < 0.1
    assert 0.02 < (size == -1).mean() < 0.1
    assert np.nanmax(np.abs(size)) > 1e5
    assert (np.nanmin(when), np.nanmax(when)) == (FIRST_DAY, LAST_DAY)
    assert 0.3 < np.nanmean(when == np.floor(when)) < 0.7


@pytest.mark.parametrize("what", ["the day of the year", "the weekday"])
def test_a_mistake_in_the_dates_is_found(pair: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    ensemble = Ensemble([load(pair / "two")])
    raw = RawColumns.of(ensemble)

    def predict(rows: dict[str, Any]) -> np.ndarray:
        given = {name: torch.from_numpy(array) for name, array in with_places(raw, rows).items()}
        found: np.ndarray = Deployed(raw, ensemble)(**given).numpy()
        return found

    assert largest_difference(ensemble, raw, predict, Path("m.pt2")) < 1e-5
    if what == "the weekday":
        monkeypatch.setitem(dates.PARTS, "weekday", dates.PARTS["hour"])
    else:
        monkeypatch.setattr(dates, "BEFORE_1970", dates.BEFORE_1970 + 40)
    with pytest.raises(ExportError, match="predicts differently from the run"):
        largest_difference(ensemble, raw, predict, Path("m.pt2"))


# ---- model.md


def test_what_is_said_of_the_file(pair: Path) -> None:
    one, both = Ensemble([load(pair / "one")]), Ensemble([load(pair / "one"), load(pair / "two")])
    of_one = card(one, RawColumns.of(one), Path("model.onnx"))
    figures = result_of(pair / "one")["metrics"]["test"]
    for line in (
        "Predicts **y** (2 classes: `no`, `yes`) from 3 columns of a table, by one network.",
        "## Input `numbers`: float64 `[batch, 2]`",
        "| when | date: days since 1970-01-01 00:00, with the time as a fraction | 2010-01-05 … 2019-09-05 |",
        "## Input `categories`: string `[batch, 1]`",
        "| town | `a`, `b` |",
        "- A missing number is NaN, or -1 in a column of plain numbers.",
        "## Output `probabilities`: float32 `[batch, 2]`\n\nOf the classes in this order: `no`, `yes`.",
        f"| one | {' | '.join('' if value is None else f'{value:.4g}' for value in figures.values())} |",
        "    python use_model.py TABLE.csv > predictions.csv",
        '    (predicted,) = session.run(None, {"numbers": numbers, "categories": texts})',
        "| one | MLP | one.csv |",
    ):
        assert line in of_one
    of_both = card(both, RawColumns.of(both), Path("both.pt2"))
    assert "by the average of 2 networks" in of_both
    assert "Of each run alone; their average was not measured." in of_both
    assert "A text is given as its place in the column's list, -1 if it is missing, and -2 if training" in of_both
    assert 'torch.export.load("both.pt2").module()(numbers=numbers, categories=places)' in of_both
    for text in (of_one, of_both, script(one, RawColumns.of(one), Path("model.onnx"))):
        assert not re.search(r"/(tmp|home|root|work|Users)\b", text)


@pytest.mark.slow
def test_types_that_only_parquet_has(command: Command, tmp_path: Path) -> None:
    """Durations, decimals, times with a zone, float16, declared categories: the check is of the whole path."""
    rng, count = np.random.default_rng(0), 120
    times = pa.array(rng.integers(0, 10**9, count), pa.timestamp("s", "Europe/Rome"))
    columns = {
        "lasting": pa.array(rng.integers(0, 10**5, count), pa.duration("ms")),
        "price": pa.array(rng.integers(0, 10**4, count)).cast(pa.decimal128(21, 2)),
        "at": times,
        "clock": pa.array(rng.integers(0, 86_400, count), pa.int32()).cast(pa.time32("s")),
        "half": pa.array(rng.normal(size=count).astype(np.float16)),
        "is": pa.array(rng.random(count) > 0.5),
        "kind": pa.array(rng.choice(["a", "b"], count)).dictionary_encode(),
        "code": pa.array(rng.choice([0.5, 7.0], count)),
        "y": pa.array(rng.normal(size=count)),
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    words = [
        "data=table",
        "experiment=table_quick",
        f"data.path={tmp_path}/t.parquet",
        "data.target=y",
        "data.categorical=[code]",
    ]
    train(tmp_path / "run", *words, "preprocess.scaling=standard", "data.missing=[-5]")
    lines = said(command("export", "run", "-o", "m.pt2"))
    assert float(lines[-1].split()[-1]) < 1e-5
    extra = {"metadata.json": ""}
    torch.export.load(tmp_path / "m.pt2", extra_files=extra)
    metadata = json.loads(extra["metadata.json"])
    assert metadata["numbers"] == {
        "lasting": "duration: seconds",
        "price": "number",
        "at": "date: days since 1970-01-01 00:00 UTC, with the time as a fraction",
        "clock": "time of day: seconds since midnight",
        "half": "number",
        "is": "1 for true, 0 for false",
    }
    assert metadata["categories"] == {"kind": ["a", "b"], "code": ["0.5", "7"]}


def test_a_run_whose_result_is_damaged(pair: Path, command: Command, tmp_path: Path) -> None:
    """Nothing is written: model.md could not tell its metrics."""
    shutil.copytree(pair / "one", tmp_path / "run")
    (tmp_path / "run/result.json").write_text("{", encoding="utf-8")
    message = refusal(command("export", "run", "-o", "m.pt2"))
    assert message.startswith(f"{tmp_path}/run/result.json: expected a result in JSON: ")
    assert names(tmp_path) == ["run"]
