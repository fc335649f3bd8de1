"""`python -m mlp_exp.predict` and `load`: what a trained run says of a table is what it said in training."""

import csv
import datetime as dt
import gzip
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pytest
import torch
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from pyarrow import parquet
from support.commands import clean_environment
from support.folders import files_in
from support.project import CONF
from support.tables import TABLE_ROWS, write_table

import mlp_exp
from mlp_exp import predict
from mlp_exp.data.dataset import Column
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.schema import Incoming, arrow_type
from mlp_exp.data.table.streaming import TableStream
from mlp_exp.errors import DataError, RunFolderError, UntrustedError
from mlp_exp.experiment.components import Components, build
from mlp_exp.experiment.one_run import run_experiment
from mlp_exp.experiment.plan import plan
from mlp_exp.inference import tables
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.trained import TrainedRun, load
from mlp_exp.storage.run_folder import RunFolder

Capture = pytest.CaptureFixture[str]
Columns = dict[str, Sequence[Any]]
QUIET = ("trainer.epochs=2", "trainer.device=cpu", "trainer.plots=never", "model.hidden_sizes=[8]")
ROWS = 60


def components(*words: str) -> Components:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return build(compose("run", overrides=[*QUIET, *words]))


def train(folder: Path, *words: str) -> Components:
    """Trains a run in this folder."""
    made = components(*words)
    folder.mkdir(parents=True)
    run_experiment(made, RunFolder(folder), in_sweep=True)
    return made


def as_job(folder: Path, number: int, override: str) -> None:
    """Gives a run what Hydra leaves in the folder of a job."""
    (folder / ".hydra").mkdir()
    (folder / ".hydra/overrides.yaml").write_text(f"- {override}\n", encoding="utf-8")
    (folder / ".hydra/hydra.yaml").write_text(f"hydra: {{job: {{num: {number}}}}}\n", encoding="utf-8")


def said(capfd: Capture, *arguments: Path | str) -> list[str]:
    """The lines that the command prints."""
    capfd.readouterr()
    predict.main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    assert err == ""
    return out.splitlines()


def refusal(*arguments: Path | str) -> str:
    """What the command says when it ends with status 1."""
    with pytest.raises(SystemExit) as caught:
        predict.main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, str)  # which Python prints, and ends with 1
    return caught.value.code


def content(path: Path) -> pa.Table:
    """A file of predictions; numbers of CSV read back exactly."""
    if path.suffix == ".parquet":
        return parquet.read_table(path)
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    columns = list(zip(*rows, strict=True))
    labels = len(names) > 1
    return pa.table(
        {name: columns[i] if labels and not i else list(map(float, columns[i])) for i, name in enumerate(names)}
    )


# ---- a table with a column of each kind, in each form of file


def rich() -> Columns:
    rng = np.random.default_rng(3)
    row = range(ROWS)
    start = dt.datetime(2020, 3, 1, 6, 30)
    return {
        "weight": [None if i % 9 == 4 else float(v) for i, v in enumerate(rng.normal(size=ROWS))],
        "rooms": [int(v) for v in rng.integers(1, 6, ROWS)],
        "beds": [None if i % 7 == 2 else int(v) for i, v in enumerate(rng.integers(1, 9, ROWS))],
        "colour": [
            None if i % 13 == 5 else ("red", "green", "deep blue")[v] for i, v in enumerate(rng.integers(0, 3, ROWS))
        ],
        "city": [f"city {v}" for v in rng.integers(0, 20, ROWS)],
        "bought": [None if i == 3 else dt.date(2019, 12, 28) + dt.timedelta(days=i * 11) for i in row],
        "seen": [start + dt.timedelta(hours=i * 7) for i in row],
        "zoned": [(start + dt.timedelta(hours=i * 5)).replace(tzinfo=dt.UTC) for i in row],
        "clock": [dt.time(i % 24, i % 60) for i in row],
        "sold": [None if i == 8 else bool(v) for i, v in enumerate(rng.integers(0, 2, ROWS))],
        "code": [None if i == 5 else int(v) for i, v in enumerate(rng.integers(-3, 4, ROWS))],
        "grade": [None if i == 6 else v / 2 for i, v in enumerate(rng.integers(0, 5, ROWS))],
        "day": [dt.date(2021, 1, 1 + i % 14) for i in row],
        "flag": [bool(v) for v in rng.integers(0, 2, ROWS)],
        "mood": [("bad", "good")[v] for v in rng.integers(0, 2, ROWS)],
    }


CATEGORICAL = "data.categorical=[code,grade,day,flag]"


def as_text(value: Any) -> str:
    return "" if value is None else str(value)


def csv_bytes(columns: Columns, separator: str = ",", comma: bool = False) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([as_text(v).replace(".", ",") if comma and isinstance(v, float) else as_text(v) for v in row])
    return buffer.getvalue().encode()


def as_pandas(columns: Columns) -> pa.Table:
    """As pandas writes it: gaps make whole numbers decimal ones, dates are times, texts may be categories."""
    arrays = {name: pa.array(values) for name, values in columns.items()}
    for name in ("beds", "code"):
        arrays[name] = arrays[name].cast(pa.float64())
    for name in ("bought", "day", "seen"):
        arrays[name] = arrays[name].cast(pa.timestamp("ns"))
    arrays["colour"] = arrays["colour"].dictionary_encode()
    arrays["sold"] = arrays["sold"].cast(pa.int8()).cast(pa.float64())
    return pa.table(arrays)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rich table in every form."""
    folder = tmp_path_factory.mktemp("forms")
    columns = rich()
    (folder / "t.csv").write_bytes(csv_bytes(columns))
    (folder / "t.csv.gz").write_bytes(gzip.compress(csv_bytes(columns)))
    (folder / "blanks.csv").write_bytes(csv_bytes(columns).replace(b",", b" , ").replace(b", ,", b", NA ,"))
    (folder / "commas.csv").write_bytes(csv_bytes(columns, ";", comma=True))
    parquet.write_table(pa.table(columns), folder / "typed.parquet", row_group_size=17)
    texts = {name: [as_text(value) or None for value in values] for name, values in columns.items()}
    parquet.write_table(pa.table(texts), folder / "texts.parquet")
    parquet.write_table(as_pandas(columns), folder / "pandas.parquet")
    return folder


TRAINED_ON = {
    "t.csv": (),
    "commas.csv": ("data.decimal=','",),
    "typed.parquet": ("preprocess.scaling=quantile", "preprocess.ranks=true"),
    "pandas.parquet": ("preprocess.scaling=robust", "data.drop=[sold]"),
}


@pytest.fixture(scope="module")
def rich_runs(forms: Path) -> dict[str, tuple[Path, NDArray[np.float32], Any]]:
    """Runs by the file that each was trained on, with the inputs of its network, and what it says of all rows."""
    found = {}
    for name, words in TRAINED_ON.items():
        overrides = (
            "data=table",
            f"data.path={forms / name}",
            "data.target=mood",
            CATEGORICAL,
            "preprocess.one_hot_max=8",
            *words,
        )
        folder = forms / f"run on {name}"
        made = plan(train(folder, *overrides))
        dataset = made.components.dataset
        found[name] = folder, made.preprocessing.inputs(dataset.features, dataset.categories), made
    return found


def inputs_of(run: TrainedRun, file: Path, rows: int) -> NDArray[np.float32]:
    """What a run's network gets of a file that is read so many rows at a time."""
    stream = TableStream(str(file), run.reading.separator, run.reading.encoding)
    done, found = 0, []
    for chunk in stream.chunks(run.incoming.names, rows=rows):
        assert 0 < len(chunk) <= rows
        found.append(run.preprocessing.inputs(*run.incoming.features(chunk, "the table", done)))
        done += len(chunk)
    return np.concatenate(found)


@pytest.mark.parametrize("rows", [13, 100_000])
@pytest.mark.parametrize("trained_on", TRAINED_ON)
def test_the_network_gets_what_it_got_in_training(
    trained_on: str, rows: int, forms: Path, rich_runs: dict[str, Any]
) -> None:
    """To the last bit, whatever the form of the file and however many rows are read at a time."""
    folder, expected, made = rich_runs[trained_on]
    run = load(folder)
    left_out = ("mood", "sold") if trained_on == "pandas.parquet" else ("mood",)
    assert [column.name for column in run.columns] == [name for name in rich() if name not in left_out]
    assert run.preprocessing.state() == made.preprocessing.state()
    files = ["commas.csv"] if trained_on == "commas.csv" else ["t.csv", "t.csv.gz", "blanks.csv", "texts.parquet"]
    for name in (*files, "typed.parquet", "pandas.parquet"):
        np.testing.assert_array_equal(inputs_of(run, forms / name, rows), expected, err_msg=name)


def test_a_csv_file_and_a_parquet_file_give_the_same(
    forms: Path, rich_runs: dict[str, Any], tmp_path: Path, capfd: Capture
) -> None:
    folder = rich_runs["t.csv"][0]
    made = []
    for index, (table, output) in enumerate(
        (table, output)
        for table in ("t.csv", "t.csv.gz", "typed.parquet", "pandas.parquet")
        for output in ("o.csv", "o.parquet", "O.CSV")
    ):
        path = tmp_path / str(index) / output
        path.parent.mkdir()
        assert said(capfd, folder, forms / table, "-o", path) == ["ignored: mood", f"60 predictions: {path}"]
        made.append(path)
    written = [content(path if path.name != "O.CSV" else path.rename(path.with_suffix(".csv"))) for path in made]
    assert written[0].column_names == ["prediction", "probability_bad", "probability_good"]
    assert all(table.equals(written[0]) for table in written)


# ---- runs on the small table of all tests


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `table.csv`, runs of its classes in the sweep `s` and of its values in `age`, and `moons`."""
    folder = tmp_path_factory.mktemp("small")
    table = ("data=table", f"data.path={write_table(folder)}", "preprocess.one_hot_max=9")
    for seed in (0, 1, 2):
        train(folder / f"s/{seed}", *table, "data.target=answer", f"seed={seed}", "data.drop=[split]")
        as_job(folder / f"s/{seed}", seed, f"seed={seed}")
    train(folder / "age", *table, "data.target=age", "preprocess.log_target=true")
    train(folder / "moons", "data=moons", "data.n_samples=200")
    return folder


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    """A copy of a run, to be spoilt."""
    return Path(shutil.copytree(small / "s/0", tmp_path / "run"))


def rows_of(small: Path) -> list[list[str]]:
    """Header and rows of the table."""
    with (small / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_rows(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def column(small: Path, name: str) -> list[str]:
    header, *rows = rows_of(small)
    return [row[header.index(name)] for row in rows]


def test_what_is_written(small: Path, tmp_path: Path, capfd: Capture) -> None:
    """Labels in their own words, and the probabilities that training saw."""
    output = tmp_path / "o.csv"
    assert said(capfd, small / "s/0", small / "table.csv", "-o", output) == [
        "ignored: split, answer",
        f"240 predictions: {output}",
    ]
    found = content(output)
    probabilities = np.stack([found["probability_no"], found["probability_yes"]], axis=1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert found["prediction"].to_pylist() == np.array(["no", "yes"])[probabilities.argmax(axis=1)].tolist()
    assert output.read_text(encoding="utf-8").startswith("prediction,probability_no,probability_yes\n")
    assert files_in(tmp_path) == {"o.csv"}


def test_columns_in_another_order_and_more_of_them(small: Path, tmp_path: Path, capfd: Capture) -> None:
    said(capfd, small / "s/0", small / "table.csv", "-o", tmp_path / "o.csv")
    table = [[*reversed(row), f"note {index}", "x" * index] for index, row in enumerate(rows_of(small))]
    table[0][-2:] = ["[red]note", "id, or so"]
    path = write_rows(tmp_path / "t.csv", table)
    assert (
        said(capfd, small / "s/0", path, "-o", tmp_path / "p.csv")[0] == "ignored: answer, split, [red]note, id, or so"
    )
    assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "o.csv").read_bytes()


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"city": "City"}, "'city' (near it: City)"),
        ({"city": "zip", "colour": "color"}, "'colour' (near it: color), 'city'"),
        ({"age": "years", "x": "y"}, "'x', 'age'"),
    ],
)
def test_missing_columns_are_named(small: Path, tmp_path: Path, rename: dict[str, str], message: str) -> None:
    header, *rows = rows_of(small)
    names = [rename.get(name, name) for name in header]
    path = write_rows(tmp_path / "t.csv", [names, *rows])
    expected = f"'{path}': the table has no column {message}. It has {', '.join(names)}"
    assert refusal(small / "s/0", path, "-o", tmp_path / "o.csv") == expected
    assert files_in(tmp_path) == {"t.csv"}


def test_unseen_categories_and_gaps(small: Path, tmp_path: Path) -> None:
    """They have the codes that training gives them, and a gap is filled with training's median."""
    run = load(small / "s/0")
    header, *rows = rows_of(small)
    changed = {
        "age": ["", "?", "NA", "40"],
        "colour": ["violet", "", " red ", "nan"],
        "city": ["Rome", "city 3", "", "null"],
    }
    table = [
        [changed.get(name, row)[i] if name in changed else row[at] for at, name in enumerate(header)]
        for i, row in enumerate(rows[:4])
    ]
    inputs = inputs_of(run, write_rows(tmp_path / "t.csv", [header, *table]), 3)
    ages = np.array([np.nan, np.nan, np.nan, 40.0])
    features, categories = run.incoming.features(
        pa.table({name: column(small, name)[:4] for name in run.incoming.names}), "the table"
    )
    place = run.feature_names.index("age")
    features[:, place] = ages
    known = {v.name: v for v in run.preprocessing.vocabularies}
    assert known["colour"].texts == ("green", "red")
    codes = {
        "colour": [0, 1, known["colour"].texts.index("red") + 2, 1],
        "city": [0, known["city"].texts.index("city 3") + 2, 1, 1],
    }
    expected = run.preprocessing.inputs(features, categories)
    start = expected.shape[1] - len(run.preprocessing.embedded)
    found = {
        v.name: v.codes(c).tolist()
        for v, c in zip(
            run.preprocessing.vocabularies,
            run.incoming.features(
                pa.table({name: [row[header.index(name)] for row in table] for name in run.incoming.names}), "the table"
            )[1],
            strict=True,
        )
    }
    assert {name: found[name] for name in codes} == codes
    np.testing.assert_array_equal(inputs[:, : len(run.feature_names)], expected[:, : len(run.feature_names)])
    assert known["city"].embedded
    assert inputs[:, start + [v.name for v in run.preprocessing.embedded].index("city")].tolist() == [
        run.preprocessing.embedding_starts[[v.name for v in run.preprocessing.embedded].index("city")] + code
        for code in codes["city"]
    ]


@pytest.mark.parametrize(
    ("name", "word", "message"),
    [
        ("x", "much", "expected a number as in training, found 'much'"),
        ("x", "1,5", "expected a number as in training, found '1,5'"),
        ("x", "inf", "expected a finite number, found inf"),
        ("age", "-inf", "expected a finite number, found -inf"),
        ("age", "old", "expected a number as in training, found 'old'"),
    ],
)
@pytest.mark.parametrize("rows", [50, 1000])
def test_a_word_that_is_no_number(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, word: str, message: str, rows: int
) -> None:
    """The row is counted over the whole file."""
    spoilt = rows_of(small)
    for row in (203, 215):
        spoilt[1 + row][spoilt[0].index(name)] = word
    path = write_rows(tmp_path / "t.csv", spoilt)
    monkeypatch.setattr(tables.predict_table, "__defaults__", (*tables.predict_table.__defaults__[:-1], rows))
    expected = f"'{path}': column '{name}', row 203: {message}. Mend it, or leave it empty"
    assert refusal(small / "s/0", path, "-o", tmp_path / "o.csv") == expected
    assert files_in(tmp_path) == {"t.csv"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bought", "2020-01-01", None),
        ("bought", "05.06.2021", None),
        ("bought", "2020/06/07 08:09:10", None),
        ("bought", "06/07/2020", "expected a date as in training, found '06/07/2020'"),
        (
            "seen",
            "2020-03-01T06:30:00Z",
            "expected a date without a time zone as in training, found '2020-03-01T06:30:00Z'",
        ),
        (
            "zoned",
            "2020-03-01T06:30:00",
            "expected a date with a time zone as in training, found '2020-03-01T06:30:00'",
        ),
        ("zoned", "2020-03-01T06:30:00.123456789+02:00", None),
        ("sold", "maybe", "expected true or false as in training, found 'maybe'"),
        ("sold", "TRUE", None),
        ("clock", "25:00", "expected a time as in training, found '25:00'"),
        ("rooms", "2.5", None),
        ("beds", "0x10", None),
        ("code", "many", None),
        ("code", "007", None),
        ("code", "7.0", None),
        ("day", "whenever", None),
    ],
)
def test_words_of_each_kind(
    forms: Path, rich_runs: dict[str, Any], tmp_path: Path, old: str, new: str, message: str | None
) -> None:
    columns = {name: list(values) for name, values in rich().items()}
    columns[old][33] = new
    path = tmp_path / "t.csv"
    path.write_bytes(csv_bytes(columns))
    run = load(rich_runs["t.csv"][0])
    if message is None:
        assert inputs_of(run, path, 10).shape == rich_runs["t.csv"][1].shape
        return
    for rows in (1, 10, 100):
        with pytest.raises(DataError) as caught:
            inputs_of(run, path, rows)
        assert str(caught.value) == f"the table: column '{old}', row 33: {message}. Mend it, or leave it empty"


def test_a_category_of_whole_numbers(rich_runs: dict[str, Any]) -> None:
    """However it is written, `3` is what training called 3."""
    run = load(rich_runs["t.csv"][0])
    (code,) = (c for c in run.columns if c.name == "code")
    assert (code.kind, code.type) == ("category", "int64")
    for values, expected in (
        (["3", "3.0", "003", "-1", "", "many", " 2 ", "2.5"], ["3", "3", "3", "-1", None, "many", "2", "2.5"]),
        ([3.0, None, float("nan"), -1.0], ["3", None, None, "-1"]),
        ([3.0, 2.5], ["3", "2.5"]),
        (pa.array([3, -1], pa.int8()), ["3", "-1"]),
        (pa.array(["3", None]).dictionary_encode(), ["3", None]),
        (pa.array([3.0, 2.5], pa.float16()), ["3", "2.5"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.nulls(2), [None, None]),
    ):
        found = run.incoming.converted(code, pa.chunked_array([pa.array(values)]), "the table")
        assert found.to_pylist() == expected


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("int64", pa.array([dt.date(2020, 1, 1)]), "holds date32[day]; expected int64, as in training"),
        ("int64", pa.array([[1]]), "holds list<item: int64>; expected int64, as in training"),
        ("double", pa.array([dt.time(1)]), "holds time64[us]; expected double, as in training"),
        ("duration[s]", pa.array([1]), "holds int64; expected duration[s], as in training"),
        (
            "bool",
            pa.array([0.0, None, float("nan"), 2.0]),
            "row 13: expected true or false, or 1 or 0 as in training, found '2.0'. Mend it, or leave it empty",
        ),
        (
            "timestamp[s, tz=UTC]",
            pa.array([dt.datetime(2020, 1, 1)]),
            "holds timestamp[us]; expected timestamp[s, tz=UTC], as in training",
        ),
        ("date32[day]", pa.array([5]), "holds int64; expected date32[day], as in training"),
    ],
)
def test_typed_columns_of_another_kind(kind: str, values: pa.Array, message: str) -> None:
    of = {"bool": "boolean", "timestamp[s, tz=UTC]": "date", "date32[day]": "date"}
    wanted = Column("a", of.get(kind, "number"), type=kind)  # type: ignore[arg-type]
    incoming = Incoming((wanted,), Format(",", ".", "utf-8", ()))
    with pytest.raises(DataError) as caught:
        incoming.features(pa.table({"a": values}), "the table", 10)
    assert str(caught.value) == f"the table: column 'a'{',' if message.startswith('row') else ''} {message}"


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int64", [1.5, None], [1.5, np.nan]),
        ("int64", [True, False], [1, 0]),
        ("int64", ["0x1F", "-999", "7"], [31, np.nan, 7]),
        ("double", [-999.0, 3.0], [np.nan, 3]),
        ("double", ["-999.0", "unknown", " 3e2 "], [np.nan, np.nan, 300]),
        ("string", ["1.5", "?"], [1.5, np.nan]),
        ("null", ["1.5", None], [1.5, np.nan]),
        ("null", [None, None], [np.nan, np.nan]),
        ("bool", ["true", "0"], [1, 0]),
        ("decimal128(5, 2)", ["1.25", "3"], [1.25, 3]),
        ("time32[s]", ["00:01", "00:00:01.5"], [60, 1.5]),
        ("duration[ms]", pa.array([1500], pa.duration("ms")), [1.5]),
    ],
)
def test_numbers_of_each_type(kind: str, values: Any, expected: list[float]) -> None:
    wanted = Column("a", "boolean" if kind == "bool" else "number", type=kind)
    incoming = Incoming((wanted,), Format(",", ".", "utf-8", ("-999", "unknown")))
    features, _ = incoming.features(pa.table({"a": values}), "the table")
    np.testing.assert_array_equal(features[:, 0], expected)


def test_names_of_types() -> None:
    for kind in (
        pa.int8(),
        pa.uint64(),
        pa.float16(),
        pa.float32(),
        pa.float64(),
        pa.bool_(),
        pa.date32(),
        pa.date64(),
        pa.null(),
        pa.time32("s"),
        pa.time64("ns"),
        pa.duration("us"),
        pa.timestamp("ms"),
        pa.timestamp("ns", "Europe/Berlin"),
        pa.decimal128(10, 2),
        pa.decimal256(50, -3),
        pa.string(),
    ):
        assert arrow_type(str(kind)) == kind
    assert arrow_type(str(pa.dictionary(pa.int32(), pa.string()))) == pa.string()
    for name in ("list<item: int64>", "binary", "timestamp[h]", "decimal128(90, 2)", "os.system"):
        with pytest.raises(ValueError, match=r".+"):
            arrow_type(name)


# ---- pieces


def test_rows_in_pieces(small: Path, tmp_path: Path) -> None:
    """The same predictions, however many rows are read at a time; each piece is written before the next is read."""
    ensemble = Ensemble([load(small / "s/0")])
    events: list[str] = []
    answers = ensemble.answers

    def noted(table: pa.Table, where: str, first_row: int = 0) -> Any:
        groups = list(tmp_path.glob(".o1.parquet*"))
        assert len(table) <= 7
        assert first_row == 7 * len(events)
        assert groups, "the output is open while rows are read"
        events.append("read")
        return answers(table, where, first_row)

    ensemble.answers = noted  # type: ignore[method-assign]
    tables.predict_table(ensemble, str(small / "table.csv"), tmp_path / "o1.parquet", rows=7)
    assert len(events) == -(-TABLE_ROWS // 7)
    file = parquet.ParquetFile(tmp_path / "o1.parquet")
    assert file.metadata.num_row_groups == len(events)
    del ensemble.answers
    tables.predict_table(ensemble, str(small / "table.csv"), tmp_path / "o2.parquet")
    one, other = content(tmp_path / "o1.parquet"), content(tmp_path / "o2.parquet")
    assert one["prediction"].equals(other["prediction"])
    np.testing.assert_allclose(one["probability_yes"], other["probability_yes"], atol=1e-6)


def test_the_table_is_opened_through_what_shows_the_progress(small: Path, tmp_path: Path) -> None:
    opened: list[Path] = []

    def open_file(path: Path) -> AbstractContextManager[BinaryIO]:
        opened.append(path)
        return path.open("rb")

    tables.predict_table(
        Ensemble([load(small / "s/0")]), str(small / "table.csv"), tmp_path / "o.csv", open_file=open_file
    )
    assert opened == [small / "table.csv"]


def test_a_csv_file_larger_than_a_block(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes in pieces, with gaps and line breaks in quotes where they were."""
    monkeypatch.setattr("mlp_exp.data.table.streaming.BLOCK_BYTES", 200)
    monkeypatch.setattr("mlp_exp.data.table.streaming.CHUNK_BYTES", 400)
    lines = [["a", "b"], *([str(row), f"two\nlines {row}" if row % 3 else ""] for row in range(100))]
    pieces = list(TableStream(str(write_rows(tmp_path / "t.csv", lines))).chunks(["b", "a"]))
    assert len(pieces) > 2
    found = pa.concat_tables(pieces)
    assert found.column_names == ["b", "a"]
    assert found["a"].to_pylist() == [str(row) for row in range(100)]
    assert found["b"].to_pylist() == [f"two\nlines {row}" if row % 3 else None for row in range(100)]


def test_small_pieces_are_joined(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_exp.data.table.streaming.BLOCK_BYTES", 700)
    pieces = [len(piece) for piece in TableStream(str(small / "table.csv")).chunks(["city"], rows=100)]
    assert sum(pieces) == TABLE_ROWS
    assert len(pieces) < 10
    assert max(pieces) <= 100


def test_rows_of_wide_inputs_come_in_smaller_pieces(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = Ensemble([load(small / "s/0")])
    width = ensemble.first.preprocessing.inputs_width
    assert ensemble.chunk_rows == 65_536
    monkeypatch.setattr("mlp_exp.inference.ensemble.CHUNK_VALUES", 10 * width + 1)
    assert ensemble.chunk_rows == 10
    monkeypatch.setattr("mlp_exp.inference.ensemble.CHUNK_VALUES", 1)
    assert ensemble.chunk_rows == 1


# ---- files that are no table

BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "'{path}' is empty; expected a header and rows"),
    "no row": (lambda text: text.split(b"\n")[0] + b"\n", "'{path}' holds a header and no row"),
    "one field more": (
        lambda text: text.replace(b"2.5,green,city", b"2.5,green,1,city") + b"1,2,3,4,5,6,7,8,9\n",
        "'{path}', row 240: expected 8 fields, as in the header, found 9: '1,2,3,4,5,6,7,8,9'. "
        "Mend the row, or name the separator: data.separator=… (',' was taken)",
    ),
    "open quote": (
        lambda text: text + b'1,"2,3,4\n5,6\n',
        "'{path}', row 240: expected 8 fields, as in the header, found 2: '1,\"2,3,4 5,6'. It opens a quote and never "
        "closes it: mend it",
    ),
    "other encoding": (
        lambda text: text.replace(b"city 7,", b"M\xfcnchen,"),
        "'{path}' is not in the encoding that was expected, in column 'city', row ROW: 'M\ufffdnchen'. Name its own: "
        "data.encoding=latin-1, or utf-16, cp1252 …",
    ),
    "twice": (
        lambda text: text.replace(b"split", b"city", 1),
        "'{path}': the name 'city' is given to 2 columns (3, 6, from 0); give each its own",
    ),
    "picture": (
        lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100),
        "'{path}' is not a table but a picture; expected CSV (also gzipped) or Parquet",
    ),
    "half of a gzipped file": (lambda text: gzip.compress(text)[:-900], "'{path}' cannot be read: "),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_table(small: Path, tmp_path: Path, name: str) -> None:
    spoil, message = BROKEN[name]
    path = tmp_path / "t.csv"
    path.write_bytes(spoil((small / "table.csv").read_bytes().replace(b"\r\n", b"\n")))
    message = message.replace("ROW", str(column(small, "city").index("city 7")))
    assert refusal(small / "s/0", path, "-o", tmp_path / "o.csv").startswith(message.format(path=path))
    assert files_in(tmp_path) == {"t.csv"}


def test_half_a_parquet_file(forms: Path, rich_runs: dict[str, Any], tmp_path: Path) -> None:
    whole = (forms / "typed.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:-50])
    says = refusal(rich_runs["t.csv"][0], tmp_path / "t.parquet", "-o", tmp_path / "o.csv")
    assert says.startswith(f"'{tmp_path / 't.parquet'}' is not a whole Parquet file: ")


def test_no_such_table(small: Path, tmp_path: Path) -> None:
    says = refusal(small / "s/0", small / "tabel.csv", "-o", tmp_path / "o.csv")
    assert says == f"there is no file '{small}/tabel.csv' (seen from {Path.cwd()}). Near it: table.csv."


# ---- metrics


def metrics_in(lines: Sequence[str]) -> dict[str, str]:
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    return {name: value for name, value in cells}  # noqa: C416 (each row has two cells)


@pytest.mark.parametrize(("name", "target"), [("s/0", "answer"), ("age", "age")])
def test_metrics_of_the_parts_are_those_of_the_result(
    small: Path, tmp_path: Path, capfd: Capture, name: str, target: str
) -> None:
    result = json.loads((small / name / "result.json").read_text(encoding="utf-8"))
    config = load(small / name).config
    words = ["data=table", f"data.path={small / 'table.csv'}", f"data.target={target}", "preprocess.one_hot_max=9"]
    words += ["data.drop=[split]"] if name == "s/0" else ["preprocess.log_target=true"]
    made = plan(components(*words, f"seed={config['seed']}"))
    header, *rows = rows_of(small)
    for part, numbers in made.parts.items():
        source = made.components.dataset.source_rows[numbers]
        path = write_rows(tmp_path / f"{part}.csv", [header, *(rows[row] for row in source)])
        lines = said(capfd, small / name, path, "-o", tmp_path / "o.csv", "--target", target)
        assert lines[0] == (
            "ignored: split" if name == "s/0" else f"{target} of {len(source)} rows".ljust(len(lines[0]))
        )
        assert metrics_in(lines) == {key: f"{value:.4f}" for key, value in result["metrics"][part].items()}
        found = tables.predict_table(Ensemble([load(small / name)]), str(path), tmp_path / "p.csv", target)
        assert found.metrics == pytest.approx(result["metrics"][part], abs=1e-6)
        assert (found.rows, found.without_target) == (len(source), 0)


def test_rows_without_a_target(small: Path, tmp_path: Path, capfd: Capture) -> None:
    table = rows_of(small)
    for row in (1, 100, 200):
        table[row][-1] = "?"
    path = write_rows(tmp_path / "t.csv", table)
    lines = said(capfd, small / "s/0", path, "-o", tmp_path / "o.csv", "--target", "answer")
    assert lines[:2] == ["ignored: split", "3 of 240 rows have no answer and are left out of the metrics"]
    assert lines[2].rstrip() == "answer of 237 rows"
    assert list(metrics_in(lines)) == ["accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "brier"]
    assert lines[-1] == f"240 predictions: {tmp_path / 'o.csv'}"
    for row in table[1:]:
        row[-1] = ""
    lines = said(capfd, small / "s/0", write_rows(path, table), "-o", tmp_path / "o.csv", "--target", "answer")
    assert lines[1:] == [
        "240 of 240 rows have no answer and are left out of the metrics",
        f"240 predictions: {tmp_path / 'o.csv'}",
    ]


def test_a_label_of_no_class(small: Path, tmp_path: Path) -> None:
    table = rows_of(small)
    table[1 + 150][-1] = "perhaps"
    path = write_rows(tmp_path / "t.csv", table)
    assert refusal(small / "s/0", path, "-o", tmp_path / "o.csv", "--target", "answer") == (
        f"'{path}': column 'answer', row 150: expected a class of training (no, yes), found 'perhaps'. "
        "Mend it, or leave it empty"
    )
    assert refusal(small / "s/0", path, "-o", tmp_path / "o.csv", "--target", "anwser") == (
        "--target: the table has no column 'anwser'. Did you mean 'answer'?"
    )
    assert files_in(tmp_path) == {"t.csv"}


def test_a_target_that_is_a_feature_or_has_another_name(small: Path, tmp_path: Path, capfd: Capture) -> None:
    table = [[*row, row[-1]] for row in rows_of(small)]
    table[0][-1] = "truth"
    path = write_rows(tmp_path / "t.csv", table)
    one, other = (
        said(capfd, small / "s/0", path, "-o", tmp_path / "o.csv", "--target", name) for name in ("answer", "truth")
    )
    assert metrics_in(one) == metrics_in(other)
    assert "x of 240 rows" in said(capfd, small / "age", path, "-o", tmp_path / "o.csv", "--target", "x")[1]


@pytest.mark.parametrize(
    ("labels", "kind", "file_labels"),
    [
        ([0, 1, 2] * 20, "int64", ["0", "1.0", "02"] * 20),
        ([0.5, 1.0, 2.0] * 20, "double", ["0.5", "1", "2e0"] * 20),
        ([True, False] * 30, "bool", ["True", "0"] * 30),
        (["1", "b"] * 30, "string", ["1", " b "] * 30),
    ],
)
def test_labels_of_each_type(labels: list[Any], kind: str, file_labels: list[str], tmp_path: Path) -> None:
    """Labels mean what they meant in training, however they are written."""
    x = np.random.default_rng(0).normal(size=60).tolist()
    parquet.write_table(pa.table({"x": x, "y": labels}), tmp_path / "t.parquet")
    train(
        tmp_path / "r", "data=table", f"data.path={tmp_path / 't.parquet'}", "data.target=y", "data.task=classification"
    )
    run = load(tmp_path / "r")
    assert run.target_type == kind
    write_rows(tmp_path / "t.csv", [["x", "y"], *([repr(a), b] for a, b in zip(x, file_labels, strict=True))])
    found = [
        tables.predict_table(Ensemble([run]), str(tmp_path / name), tmp_path / "o.csv", "y").metrics
        for name in ("t.parquet", "t.csv")
    ]
    assert found[0] == found[1]
    assert found[0]["accuracy"] is not None


# ---- ensembles


def test_an_ensemble_is_the_mean(small: Path, tmp_path: Path, capfd: Capture) -> None:
    folders = [small / f"s/{seed}" for seed in (0, 1, 2)]
    for index, folder in enumerate(folders):
        said(capfd, folder, small / "table.csv", "-o", tmp_path / f"{index}.csv")
    lines = said(capfd, *folders, small / "table.csv", "-o", tmp_path / "all.csv")
    assert lines[0] == f"average of 3 runs: {folders[0]}, {folders[1]}, {folders[2]}"
    ones = [content(tmp_path / f"{index}.csv")["probability_yes"].to_numpy() for index in range(3)]
    found = content(tmp_path / "all.csv")
    np.testing.assert_allclose(found["probability_yes"], np.mean(ones, axis=0), atol=1e-12)
    assert found["prediction"].to_pylist() == np.where(np.mean(ones, axis=0) > 0.5, "yes", "no").tolist()
    for index in range(3):
        single = content(tmp_path / f"{index}.csv")
        assert not found.equals(single)


def test_the_best_of_a_sweep(small: Path, tmp_path: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small)
    scores = {
        seed: json.loads((small / f"s/{seed}/result.json").read_text(encoding="utf-8"))["metrics"]["val"]
        for seed in range(3)
    }
    best = sorted(scores, key=lambda seed: scores[seed]["log_loss"])
    if json.loads((small / "s/0/result.json").read_text(encoding="utf-8"))["monitor"] == "val_accuracy":
        best = sorted(scores, key=lambda seed: (-scores[seed]["accuracy"], seed))
    for top in (1, 2, 3, 5):
        runs = [f"s/{seed}" for seed in best[:top]]
        head = "1 run" if top == 1 else f"average of {len(runs)} runs"
        lines = said(capfd, "s", "table.csv", "-o", tmp_path / "o.csv", "--top", str(top))
        assert lines[0] == f"{head}: {', '.join(runs)}"
        said(capfd, *runs, "table.csv", "-o", tmp_path / "p.csv")
        assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "o.csv").read_bytes()


def test_a_sweep_with_failed_runs(small: Path, tmp_path: Path, capfd: Capture) -> None:
    sweep = Path(shutil.copytree(small / "s", tmp_path / "s"))
    (sweep / "0/result.json").write_text(json.dumps({"status": "failed", "metrics": {}}), encoding="utf-8")
    (sweep / "1/model.pt").unlink()
    lines = said(capfd, sweep, small / "table.csv", "-o", tmp_path / "o.csv", "--top", "5")
    assert lines[0].endswith("s/2")
    (sweep / "2/model.pt").unlink()
    expected = f"{sweep}: expected the folder of a run, with model.pt, or of a sweep of such runs"
    assert refusal(sweep, small / "table.csv", "-o", tmp_path / "o.csv") == expected
    assert refusal(tmp_path / "nowhere", small / "table.csv", "-o", tmp_path / "o.csv") == expected.replace(
        str(sweep), str(tmp_path / "nowhere")
    )


def test_runs_that_predict_something_else(small: Path) -> None:
    table = small / "table.csv"
    assert refusal(small / "s/0", small / "age", table, "-o", "o.csv") == (
        f"{small}/age: its target is 'age', and that of {small}/s/0 is 'answer'; the average of runs is for those that "
        "predict the same"
    )


def test_runs_share_what_is_the_same(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of a sweep share columns and preprocessing; a run with other columns has its own."""
    runs = [load(small / f"s/{seed}") for seed in range(3)]
    made: list[int] = []
    features = Incoming.features
    monkeypatch.setattr(Incoming, "features", lambda *given: made.append(1) or features(*given))
    ensemble = Ensemble(runs)
    found = ensemble.predict_proba({name: column(small, name) for name in ensemble.names})
    assert len(made) == 1
    one = np.mean([run.predict_proba({name: column(small, name) for name in ensemble.names}) for run in runs], axis=0)
    np.testing.assert_allclose(found, one, atol=1e-12)


# ---- in Python


def test_load_gives_a_plain_module(small: Path) -> None:
    assert mlp_exp.load is load
    run = mlp_exp.load(small / "s/0")
    assert (run.task, run.class_names, run.target_name) == ("binary", ("no", "yes"), "answer")
    assert [column.name for column in run.columns] == ["x", "age", "colour", "city", "patient", "time"]
    assert run.feature_names == ("x", "age", "time")
    assert run.config["seed"] == 0
    module = run.module
    assert isinstance(module, torch.nn.Module)
    assert not module.training
    linear = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    assert {tuple(layer.weight.shape) for layer in linear} >= {(8, linear[0].in_features)}
    saved = torch.load(small / "s/0/model.pt", weights_only=True)
    assert saved["format"] == 2
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, saved["state_dict"][name])


def test_predictions_in_python(small: Path, tmp_path: Path, capfd: Capture) -> None:
    """Of anything with columns: as the command line writes them."""
    run = mlp_exp.load(str(small / "s/0"))
    said(capfd, small / "s/0", small / "table.csv", "-o", tmp_path / "o.csv")
    expected = content(tmp_path / "o.csv")
    texts = {name: column(small, name) for name in run.incoming.names}
    typed = {**texts, "x": np.array(texts["x"], dtype=np.float64), "age": [float(a or "nan") for a in texts["age"]]}
    for table in (texts, typed, pa.table(texts), pa.table(typed).to_batches()[0], {**typed, "other": texts["x"]}):
        labels = run.predict(table)
        assert labels.dtype.kind == "U"
        assert labels.tolist() == expected["prediction"].to_pylist()
        probabilities = run.predict_proba(table)
        assert (probabilities.shape, probabilities.dtype) == ((240, 2), np.float64)
        np.testing.assert_allclose(probabilities[:, 1], expected["probability_yes"], atol=1e-6)
    nothing = {name: values[:0] for name, values in texts.items()}
    assert run.predict(nothing).tolist() == []
    assert run.predict_proba(nothing).shape == (0, 2)
    with pytest.raises(
        DataError, match=r"^the table: expected columns by name, since 'colour' is no number, got an array$"
    ):
        run.predict(np.zeros((2, 6)))
    with pytest.raises(
        DataError, match=r"^the table: the table has no column 'x', 'age', 'colour', 'city', 'patient', 'time'"
    ):
        run.predict({"z": [1]})


def test_values_in_their_own_unit(small: Path, tmp_path: Path, capfd: Capture) -> None:
    run = mlp_exp.load(small / "age")
    values = run.predict({name: column(small, name) for name in run.incoming.names})
    assert values.dtype == np.float64
    assert 10 < values.mean() < 90
    said(capfd, small / "age", small / "table.csv", "-o", tmp_path / "o.csv")
    found = content(tmp_path / "o.csv")
    assert found.column_names == ["prediction"]
    np.testing.assert_allclose(found["prediction"], values, rtol=1e-6)
    with pytest.raises(DataError, match=r"^'age' has values and no classes: there are no probabilities$"):
        run.predict_proba({})


def test_a_run_on_arrays(small: Path, tmp_path: Path, capfd: Capture) -> None:
    run = mlp_exp.load(small / "moons")
    assert run.feature_names == ("x1", "x2")
    points = np.random.default_rng(0).normal(size=(9, 2))
    by_name = {"x2": points[:, 1], "x1": points[:, 0]}
    np.testing.assert_array_equal(run.predict_proba(points), run.predict_proba(by_name))
    assert set(run.predict(points)) <= {"upper", "lower"}
    assert run.predict(np.zeros((0, 2))).shape == (0,)
    for wrong, text in (
        (np.zeros(2), r"expected an array \[N, 2\], got shape \[2\]"),
        (np.zeros((3, 4)), r"expected an array \[N, 2\], got shape \[3, 4\]"),
        (np.array([["a", "b"]]), "expected columns by name, or an array of numbers: could not convert"),
        ("x", "expected columns by name, or an array of numbers: "),
        (
            np.array([[0.0, np.inf]]),
            "column 'x2', row 0: expected a finite number, found inf. Mend it, or leave it empty",
        ),
    ):
        with pytest.raises(DataError, match=rf"^the table: {text}"):
            run.predict(wrong)
    path = write_rows(tmp_path / "t.csv", [["x2", "x1"], *([repr(float(b)), repr(float(a))] for a, b in points)])
    said(capfd, small / "moons", path, "-o", tmp_path / "o.csv")
    np.testing.assert_allclose(
        content(tmp_path / "o.csv")["probability_lower"], run.predict_proba(points)[:, 1], atol=1e-6
    )


def test_loading_draws_nothing(small: Path) -> None:
    before = torch.random.get_rng_state()
    load(small / "s/0")
    assert torch.equal(torch.random.get_rng_state(), before)


# ---- folders of strangers


def spoil(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    model = torch.load(run / "model.pt", weights_only=True)
    change(model)
    torch.save(model, run / "model.pt")


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(model: dict[str, Any]) -> None:
        node: Any = model
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change


OURS = "expected a model of this project: "
HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format 1": (
        put("format", value=1),
        "is a model of format 1, and this version of mlp_exp reads format 2. Train the run",
    ),
    "no format": (lambda model: model.pop("format"), "is a model of format None, and this version"),
    "wide": (
        put("config", "model", "hidden_sizes", value=[10**9]),
        f"{OURS}model.hidden_sizes is 1000000000, and the file",
    ),
    "wider than the file": (
        put("config", "model", "hidden_sizes", value=[9]),
        f"{OURS}its network has network.blocks.0.linear.bias of shape [9]",
    ),
    "deep": (
        put("config", "model", "hidden_sizes", value=[8] * 200),
        f"{OURS}its network has network.blocks.1.linear.bias of shape [8] (torch.float32), and the file None",
    ),
    "huge": (put("config", "model", "hidden_sizes", value=[10**40]), f"{OURS}model.hidden_sizes is 1000000000000000"),
    "negative": (put("config", "model", "hidden_sizes", value=[-5]), OURS),
    "a text as width": (put("config", "model", "hidden_sizes", value=["a"]), OURS),
    "wide embeddings": (
        put("preprocess", "embedding_width", value=10**9),
        f"{OURS}its network has embedding.weight of shape [",
    ),
    "many outputs": (
        put("out_features", value=10**9),
        f"{OURS}its loss does not put out 1000000000 numbers for a binary task",
    ),
    "no weights": (put("state_dict", value={}), OURS),
    "other weights": (
        lambda model: model["state_dict"].update(x=torch.zeros(1)),
        f"{OURS}its network has x of shape None",
    ),
    "complex weights": (
        lambda model: model["state_dict"].update({k: v.to(torch.complex64) for k, v in model["state_dict"].items()}),
        f"{OURS}its network has embedding.weight of shape",
    ),
    "numbers as weights": (
        put("state_dict", value={"a": 1}),
        f"{OURS}state_dict.a: Input should be an instance of Tensor",
    ),
    "short figures": (
        lambda model: model["preprocess"]["numbers"]["shift"].pop(),
        f"{OURS}preprocess: expected 3 of each figure",
    ),
    "no figures": (
        lambda model: model["preprocess"]["numbers"].pop("fill"),
        f"{OURS}preprocess.numbers.fill: Field required",
    ),
    "short quantiles": (
        put("preprocess", "numbers", "quantiles", value=[[1.0]]),
        f"{OURS}preprocess: expected 3 of each figure",
    ),
    "ranks without quantiles": (
        lambda model: (model["preprocess"].update(ranks=True), model["preprocess"]["numbers"].pop("quantiles", None)),
        f"{OURS}preprocess: expected quantiles where there are ranks",
    ),
    "a scale of zero": (
        put("preprocess", "numbers", "scale", 0, value=0.0),
        f"{OURS}preprocess.numbers.scale.0: Input should be greater than 0",
    ),
    "a text as figure": (
        put("preprocess", "numbers", "fill", 0, value="1"),
        f"{OURS}preprocess.numbers.fill.0: Input should be a valid number",
    ),
    "no number": (
        put("preprocess", "numbers", "fill", 0, value=float("nan")),
        f"{OURS}preprocess.numbers.fill.0: Input should be a finite number",
    ),
    "a foreign figure": (
        put("preprocess", "numbers", "_rank", value=1.0),
        f"{OURS}preprocess.numbers._rank: Extra inputs are not permitted",
    ),
    "indicator outside": (
        put("preprocess", "indicators", value=[7]),
        f"{OURS}preprocess: expected indicators of 3 numbers",
    ),
    "a category less": (
        lambda model: model["preprocess"]["categories"].pop(),
        f"{OURS}expected columns that give the categories",
    ),
    "a feature less": (lambda model: model["feature_names"].pop(), f"{OURS}expected figures of 2 numbers"),
    "other features": (put("feature_names", 0, value="z"), f"{OURS}expected columns that give the features"),
    "a foreign kind": (put("columns", 0, "kind", value="secret"), f"{OURS}columns.0.kind: Input should be 'number'"),
    "a foreign type": (put("columns", 0, "type", value="list<item: int64>"), OURS),
    "columns as text": (put("columns", value="x"), f"{OURS}columns: Input should be a valid list"),
    "three classes": (
        put("class_names", value=["a", "b", "c"]),
        f"{OURS}expected the class names of a binary task, got 3",
    ),
    "no such task": (
        put("task", value="ranking"),
        f"{OURS}task: Input should be 'binary', 'multiclass' or 'regression'",
    ),
    "no network": (lambda model: model["config"].pop("model"), f"{OURS}config: expected model with a _target_"),
    "network of lists": (put("config", "model", value=[1]), f"{OURS}config: expected model with a _target_"),
    "decimal": (put("config", "data", "decimal", value="x"), f"{OURS}reading.decimal: Input should be '.' or ','"),
    "table as network": (
        put("config", "model", "_target_", value="mlp_exp.components.table"),
        "model._target_ is 'mlp_exp.components.table', which is no model",
    ),
    "network as loss": (
        put("config", "loss", "_target_", value="torch.nn.Linear"),
        "loss._target_ is 'torch.nn.Linear', which is no loss",
    ),
    "base class as loss": (
        put("config", "loss", "_target_", value="mlp_exp.components.Loss"),
        "loss._target_ is 'mlp_exp.components.Loss'; a saved run may only build components of mlp_exp",
    ),
    "data inside the network": (
        put("config", "model", "activation", value={"_target_": "sklearn.datasets.make_moons", "n_samples": 10}),
        "model: expected numbers, texts and lists as settings",
    ),
    "a call": (
        put("config", "model", "_target_", value="os.system"),
        "model._target_ is 'os.system'; a saved run may only build components",
    ),
    "transformer": (
        put("config", "model", value={"_target_": "torch.nn.Transformer", "num_encoder_layers": 10**9}),
        f"{OURS}model.num_encoder_layers is 1000000000",
    ),
    "flatten": (put("config", "model", value={"_target_": "torch.nn.Flatten"}), OURS),
    "a reference": (put("config", "model", "dropout", value="${oc.env:HOME}"), "model.dropout is '${oc.env:HOME}'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model(run: Path, name: str) -> None:
    change, message = HOSTILE[name]
    spoil(run, change)
    with pytest.raises(RunFolderError) as caught:
        load(run)
    assert str(caught.value).startswith(f"{run}/model.pt: {message}")


def test_a_hostile_model_on_the_command_line(run: Path, small: Path, tmp_path: Path) -> None:
    spoil(run, put("config", "model", "_target_", value="os.system"))
    assert refusal(run, small / "table.csv", "-o", tmp_path / "o.csv") == (
        f"{run}/model.pt: model._target_ is 'os.system'; a saved run may only build components of mlp_exp, torch's "
        "networks, optimizers and schedulers, and scikit-learn's data sets. If you know and trust that package: "
        "--allow os"
    )
    assert files_in(tmp_path) == {f"run/{file}" for file in files_in(run)}


def test_folders_without_a_model(tmp_path: Path, run: Path) -> None:
    with pytest.raises(RunFolderError, match=r"nowhere: there is no such folder; expected that of a run"):
        load(tmp_path / "nowhere")
    (run / "model.pt").write_bytes(b"hello")
    with pytest.raises(RunFolderError, match=r"run/model\.pt: expected a model of this project, found a damaged"):
        load(run)


OWN = """
from torch import nn


class Net(nn.Linear):
    pass
"""


def test_a_users_own_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    (tmp_path / "net_of_predict.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    train(tmp_path / "r", "data=moons", "data.n_samples=100", "model=linear", "model._target_=net_of_predict.Net")
    monkeypatch.delitem(sys.modules, "net_of_predict")
    write_rows(tmp_path / "t.csv", [["x1", "x2"], ["1", "2"]])
    with pytest.raises(UntrustedError):
        load("r")
    assert "net_of_predict" not in sys.modules
    assert "If you know and trust that package: --allow net_of_predict" in refusal("r", "t.csv", "-o", "o.csv")
    assert said(capfd, "r", "t.csv", "-o", "o.csv", "--allow", "net_of_predict") == ["1 prediction: o.csv"]
    assert type(load("r", allow=["net_of_predict"]).module).__name__ == "Net"


# ---- the command


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("o.txt", "o.txt: expected a name that ends in .csv or .parquet"),
        ("o", "o: expected a name that ends in .csv or .parquet"),
        ("no/o.csv", "no/o.csv: expected the name of a file, and there is no folder 'no'"),
        ("d.csv", "d.csv: expected the name of a file, and it is a folder"),
        ("t.csv", "t.csv: is the table itself; expected another file for the predictions"),
        ("./link.csv", "link.csv: is the table itself; expected another file for the predictions"),
    ],
)
def test_an_output_that_cannot_be(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(small / "table.csv", "t.csv")
    (tmp_path / "link.csv").symlink_to("t.csv")
    (tmp_path / "d.csv").mkdir()
    assert refusal("no run at all", "t.csv", "-o", output) == message
    assert (tmp_path / "t.csv").read_bytes() == (small / "table.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["r", "t.csv"], "the following arguments are required: -o/--output"),
        (["r", "-o", "o.csv"], "the following arguments are required: TABLE"),
        (["r", "t.csv", "-o", "o.csv", "--top", "0"], "argument --top: expected a whole number from 1 on, got '0'"),
    ],
)
def test_arguments_that_do_not_fit(arguments: list[str], message: str, capfd: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        predict.main(arguments)
    assert caught.value.code == 2
    assert capfd.readouterr().err.endswith(f"mlp-predict: error: {message}\n")


def test_an_interrupt_leaves_nothing(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    (tmp_path / "o.csv").write_text("before", encoding="utf-8")

    def interrupted(*_: object) -> Iterator[pa.Table]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ensemble, "answers", interrupted)
    with pytest.raises(SystemExit) as caught:
        predict.main([str(small / "s/0"), str(small / "table.csv"), "-o", str(tmp_path / "o.csv")])
    assert caught.value.code == 130
    assert capfd.readouterr() == ("", "Interrupted.\n")
    assert (tmp_path / "o.csv").read_text(encoding="utf-8") == "before"
    assert files_in(tmp_path) == {"o.csv"}


def test_class_names_of_any_signs(tmp_path: Path, capfd: Capture) -> None:
    x = np.random.default_rng(0).normal(size=60)
    names = ['say "a, b"', "[red]größe", "a b"]
    table = {"x": x, "y": [names[i % 3] for i in range(60)]}
    parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    train(tmp_path / "r", "data=table", f"data.path={tmp_path / 't.parquet'}", "data.target=y")
    for output in ("o.csv", "o.parquet"):
        said(capfd, tmp_path / "r", tmp_path / "t.parquet", "-o", tmp_path / output, "--target", "y")
    found = content(tmp_path / "o.csv")
    assert found.column_names == ["prediction", *(f"probability_{name}" for name in sorted(names))]
    assert found.equals(content(tmp_path / "o.parquet"))
    assert set(found["prediction"].to_pylist()) <= set(names)


def test_the_real_command_line(small: Path, tmp_path: Path) -> None:
    """Options may stand anywhere, and torch is imported only when it is needed."""
    code = (
        "import sys, mlp_exp, mlp_exp.predict as p\n"
        "try: p.main(['--help'])\nexcept SystemExit: pass\n"
        "print('torch' in sys.modules, dir(mlp_exp).count('load'), hasattr(mlp_exp, 'nothing'))"
    )
    how: dict[str, Any] = {
        "capture_output": True,
        "text": True,
        "cwd": tmp_path,
        "env": clean_environment(),
    }
    done = subprocess.run([sys.executable, "-c", code], check=False, **how)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: mlp-predict [-h] -o OUT [--target COLUMN] [--top N] [--allow PACKAGE]")
    assert done.stdout.endswith("False 0 False\n")
    command = [
        sys.executable,
        "-m",
        "mlp_exp.predict",
        small / "s/0",
        small / "s/1",
        "-o",
        "o.csv",
        small / "table.csv",
    ]
    done = subprocess.run(command, check=False, **how)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("ignored: split, answer\n240 predictions: o.csv\n")
    assert len(content(tmp_path / "o.csv")) == 240
