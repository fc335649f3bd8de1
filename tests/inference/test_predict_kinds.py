"""Predictions for tables with columns of each kind, in each form of file."""

import csv
import datetime as dt
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pyarrow import parquet
from support.commands import Command, refusal, said
from support.folders import files_in
from support.predictions import ROWS, Columns, column, content, inputs_of, loaded, rows_of, train, write_rows

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.schema import FeatureSchema, arrow_type
from mlp_exp.errors import DataError
from mlp_exp.experiment.planning import plan
from mlp_exp.inference import tables

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
            "experiment=table_quick",
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


@pytest.mark.parametrize(
    ("trained_on", "rows"),
    [("t.csv", 13), ("commas.csv", 13), *((name, 100_000) for name in TRAINED_ON if name != "commas.csv")],
)
def test_the_network_gets_what_it_got_in_training(
    trained_on: str, rows: int, forms: Path, rich_runs: dict[str, Any]
) -> None:
    """To the last bit, whatever the form of the file and however many rows are read at a time."""
    folder, expected, made = rich_runs[trained_on]
    run = loaded(folder)
    left_out = ("mood", "sold") if trained_on == "pandas.parquet" else ("mood",)
    assert [column.name for column in run.columns] == [name for name in rich() if name not in left_out]
    assert run.preprocessing.state() == made.preprocessing.state()
    files = ["commas.csv"] if trained_on == "commas.csv" else ["t.csv", "t.csv.gz", "blanks.csv", "texts.parquet"]
    for name in (*files, "typed.parquet", "pandas.parquet"):
        np.testing.assert_array_equal(inputs_of(run, forms / name, rows), expected, err_msg=name)


def test_a_csv_file_and_a_parquet_file_give_the_same(
    forms: Path, rich_runs: dict[str, Any], tmp_path: Path, command: Command
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
        assert said(command("predict", folder, forms / table, "-o", path)) == [
            "ignored: mood",
            "city: 3 of 60 cells hold a category that training did not see, first in row 21, from 0: 'city 11'",
            "42 of 60 rows equal rows of training",
            f"60 predictions: {path}",
        ]
        made.append(path)
    written = [content(path if path.name != "O.CSV" else path.rename(path.with_suffix(".csv"))) for path in made]
    assert written[0].column_names == ["prediction", "probability_bad", "probability_good"]
    assert all(table.equals(written[0]) for table in written)


# ---- runs on the small table of all tests


def test_unseen_categories_and_gaps(small: Path, tmp_path: Path) -> None:
    """They have the codes that training gives them, and a gap is filled with training's median."""
    run = loaded(small / "s/0")
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
    features, categories, _ = run.feature_schema.features(
        pa.table({name: column(small, name)[:4] for name in run.feature_schema.names}), Misfits("t")
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
            run.feature_schema.features(
                pa.table({name: [row[header.index(name)] for row in table] for name in run.feature_schema.names}),
                Misfits("the table"),
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
    ("name", "word"), [("x", "much"), ("x", "1,5"), ("x", "inf"), ("age", "-inf"), ("age", "old"), ("age", "1e999")]
)
@pytest.mark.parametrize("rows", [50, 1000])
def test_words_among_numbers_are_missing_and_counted(
    command: Command, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, word: str, rows: int
) -> None:
    """As if the cells were empty; rows are counted over the whole file."""
    spoilt, empty = rows_of(small), rows_of(small)
    place = spoilt[0].index(name)
    for row in (203, 215):
        spoilt[1 + row][place], empty[1 + row][place] = word, ""
    path, other = write_rows(tmp_path / "t.csv", spoilt), write_rows(tmp_path / "e.csv", empty)
    defaults = tables.predict_table.__defaults__
    assert defaults
    monkeypatch.setattr(tables.predict_table, "__defaults__", (*defaults[:-1], rows))
    given = sum(row[place] not in ("", "NA") for row in spoilt[1:])
    lines = said(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv"))
    assert (
        f"{name}: 2 of {given} cells are not a number as in training and are taken for missing, first in row 203, "
        f"from 0: '{word}'" in lines
    )
    command("predict", small / "s/0", other, "-o", tmp_path / "p.csv")
    assert content(tmp_path / "o.csv").equals(content(tmp_path / "p.csv"))


def test_a_column_of_another_form_is_refused(command: Command, small: Path, tmp_path: Path) -> None:
    spoilt = rows_of(small)
    place = spoilt[0].index("x")
    for row in spoilt[1:]:
        row[place] = row[place].replace(".", ",")
    path = write_rows(tmp_path / "t.csv", spoilt)
    says = refusal(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv"))
    first = next(row for row, values in enumerate(spoilt[1:]) if "," in values[place])
    assert says == (
        f"'{path}': column 'x': {sum(',' in row[place] for row in spoilt[1:])} of "
        f"{sum(row[place] != '' for row in spoilt[1:])} cells are not of the form that it had in training, first in "
        f"row {first}, from 0: expected a number, found '{spoilt[1 + first][place]}'"
    )
    assert files_in(tmp_path) == {"t.csv"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bought", "2020-01-01", None),
        ("bought", "2020/06/07 08:09:10", None),
        ("bought", "05.06.2021", "expected a date without a time zone as in training, found '05.06.2021'"),
        ("bought", "06/07/2020", "expected a date without a time zone as in training, found '06/07/2020'"),
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
    run = loaded(rich_runs["t.csv"][0])
    if message is None:
        assert inputs_of(run, path, 10).shape == rich_runs["t.csv"][1].shape
        return
    for rows in (10, 100):
        with pytest.raises(DataError) as caught:
            inputs_of(run, path, rows)
        assert str(caught.value) == f"the table: column '{old}', row 33, from 0: {message}. Fix it, or leave it empty"


def test_a_category_of_whole_numbers(rich_runs: dict[str, Any]) -> None:
    """However it is written, `3` is what training called 3."""
    run = loaded(rich_runs["t.csv"][0])
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
        found = run.feature_schema.converted(code, pa.chunked_array([pa.array(values)]), Misfits("the table"))
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
            "row 13, from 0: expected true or false, or 1 or 0 as in training, found '2.0'. Fix it, or leave it empty",
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
    feature_schema = FeatureSchema((wanted,), Format())
    misfits = Misfits("the table")
    misfits.count_rows(10)

    def read() -> None:
        feature_schema.features(pa.table({"a": values}), misfits)
        misfits.refuse()

    with pytest.raises(DataError) as caught:
        read()
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
    feature_schema = FeatureSchema((wanted,), Format(missing=("-999", "unknown")))
    features, _, _ = feature_schema.features(pa.table({"a": values}), Misfits("the table"))
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


# ---- files that are no table


def test_half_a_parquet_file(command: Command, forms: Path, rich_runs: dict[str, Any], tmp_path: Path) -> None:
    whole = (forms / "typed.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:-50])
    says = refusal(command("predict", rich_runs["t.csv"][0], tmp_path / "t.parquet", "-o", tmp_path / "o.csv"))
    assert says.startswith(f"'{tmp_path / 't.parquet'}' is not a whole Parquet file: ")
