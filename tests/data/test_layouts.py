"""CSV files as programs and people lay them out: whatever stands around the rows, the same table is read."""

import csv
import gzip
import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from support.commands import Command
from support.good_tables import some

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.table.csv_reader import BLOCK_BYTES
from mlp_exp.data.table.dialect import detect_dialect
from mlp_exp.data.table.file import SAMPLE
from mlp_exp.data.table.load import table
from mlp_exp.errors import DataError

ROWS = 60
NAMES = ["size", "note", "y"]
SIZES = [row * 7 % ROWS + 0.5 for row in range(ROWS)]
NOTES = some(["plain", "two, or; three|", 'a "quoted" word'], ROWS, 1)
LABELS = some(["yes", "no"], ROWS, 2)
VALUES = list(zip(map(str, SIZES), NOTES, LABELS, strict=True))


def text(
    rows: Sequence[Sequence[str]] = VALUES, separator: str = ",", header: Sequence[str] | None = NAMES, end: str = "\n"
) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator=end)
    writer.writerows([header] if header else [])
    writer.writerows(rows)
    return buffer.getvalue()


def assert_read(found: Dataset, sizes: Sequence[float] = SIZES) -> None:
    by_name = dict(zip(found.feature_names, found.features.T, strict=True))
    np.testing.assert_array_equal(by_name["size"], sizes)
    (notes,) = (category for category in found.categories if category.name == "note")
    assert [notes.texts[code] for code in notes.codes] == NOTES[: len(sizes)]
    assert [found.class_names[code] for code in found.target] == LABELS[: len(sizes)]


LONG = "z" * 200_000
WITH_LONG = [*VALUES[:30], (VALUES[30][0], LONG, VALUES[30][2]), *VALUES[31:]]
LAYOUTS: dict[str, tuple[Callable[[], str | bytes], dict[str, Any]]] = {
    **{f"separator {sign!r}": (lambda sign=sign: text(separator=sign), {}) for sign in ",;\t|"},  # type: ignore[misc]
    **{f"line ends {end!r}": (lambda end=end: text(end=end), {}) for end in ("\n", "\r\n", "\r")},  # type: ignore[misc]
    "separator of one's own": (lambda: text(separator="~"), {"separator": "~"}),
    "sep= as Excel reads it": (lambda: "sep=;\n" + text(separator=";"), {}),
    "sep= in quotes, tab": (lambda: '"sep=\t"\r\n' + text(separator="\t", end="\r\n"), {}),
    "decimal commas between commas in names": (
        lambda: text([(size.replace(".", ","), *rest) for size, *rest in VALUES], ";"),
        {},
    ),
    "a byte-order mark": (lambda: "\ufeff" + text(), {}),
    "a byte-order mark and quotes": (lambda: '\ufeff"size","note","y"\n' + text(header=None), {}),
    "UTF-16 with a mark": (lambda: text(separator="\t").encode("utf-16"), {}),
    "UTF-16 big-endian with a mark": (lambda: b"\xfe\xff" + text().encode("utf-16-be"), {}),
    "comments before the header": (lambda: "# made by hand\n# on Monday, late\n\n" + text(), {}),
    "a comment between rows": (lambda: text(VALUES[:9]) + "# half\n" + text(VALUES[9:], header=None), {}),
    "a comment at the end": (lambda: text() + "# end of data\n", {}),
    "a header behind a hash": (lambda: "#" + text(), {}),
    "a title": (lambda: "Houses in Bern\n\n" + text(separator=";"), {}),
    "a title in the first cell": (lambda: "Houses in Bern;;\n;;\n" + text(separator=";"), {}),
    "two titles and a date": (lambda: "Houses\nas of 2020-01-01\n\n" + text(separator="\t"), {}),
    "a line of dashes below the header": (lambda: "size|note|y\n----|----|--\n" + text(separator="|", header=None), {}),
    "a footer of a database": (lambda: text() + "\n(60 rows affected)\n", {}),
    "a footer without parentheses": (lambda: text(separator=";") + "60 rows\n", {}),
    "a title of two fields": (lambda: "Houses in Bern;2020\n" + text(separator=";"), {}),
    "a total with more words": (lambda: text() + "Total sales 2023,,\n", {}),
    "a total": (lambda: text() + "Total,,\n", {}),
    "a grand total with a sum": (lambda: text([*VALUES, ("1800", "Grand total:", "")]), {}),
    "row names as R writes them": (
        lambda: text([(str(row + 1), *values) for row, values in enumerate(VALUES)]),
        {},
    ),
    "a separator at the end of each row": (lambda: text().replace("\n", ",\n").replace("y,\n", "y\n", 1), {}),
    "a separator at the end of each line": (lambda: text().replace("\n", ",\n"), {}),
    "empty lines": (lambda: "\n\n" + text().replace("\n", "\n\n"), {}),
    "no header": (lambda: text(header=None), {"header": False, "names": True}),
    "no header, semicolons": (lambda: text(header=None, separator=";"), {"header": False, "names": True}),
    "rows of other lengths": (
        lambda: text([*VALUES[:20], ("1", "2", "3", "4"), *VALUES[20:40], ("5",), *VALUES[40:]]),
        {"ragged_rows": "skip"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout(name: str, zipped: bool, tmp_path: Path) -> None:
    make, options = LAYOUTS[name]
    made = make()
    content = made.encode() if isinstance(made, str) else made
    (tmp_path / "t.csv").write_bytes(gzip.compress(content) if zipped else content)
    options = dict(options)
    if options.pop("names", None):
        found = table(str(tmp_path / "t.csv"), "column 2", **options)
        np.testing.assert_array_equal(found.features[:, 0], SIZES)
        assert [column.name for column in found.columns] == ["column 0", "column 1"]
        return
    assert_read(table(str(tmp_path / "t.csv"), "y", **options))


@pytest.mark.parametrize(
    ("longer", "said"),
    [
        ([20], "row 20 does not fit the header and is left out"),
        ([20, 40], "2 rows do not fit the header and are left out, first row 20"),
    ],
)
def test_what_is_left_out_is_counted(
    longer: list[int], said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows: list[tuple[str, ...]] = [*VALUES]
    for place in longer:
        rows.insert(place, ("1", "2", "3", "4"))
    path = tmp_path / "t.csv"
    path.write_text(text(rows), encoding="utf-8")
    assert_read(table(str(path), "y", ragged_rows="skip"))
    assert [record.getMessage() for record in caplog.records if "header" in record.getMessage()] == [f"{path}: {said}"]


@pytest.mark.parametrize("place", [0, 30, ROWS - 1])
@pytest.mark.parametrize("note", [LONG, "z" * 2_100_000, "two\nlines", '"', "a\r\nb", LONG + "\n" + LONG])
def test_any_cell(note: str, place: int, tmp_path: Path) -> None:
    """However long it is, and whatever stands in it, also at the end of the file."""
    rows = [(size, note if row == place else other, label) for row, (size, other, label) in enumerate(VALUES)]
    for order in (slice(None), slice(None, None, -1)):
        buffer = text([row[order] for row in rows], header=NAMES[order])
        (tmp_path / "t.csv").write_text(buffer, encoding="utf-8", newline="")
        found = table(str(tmp_path / "t.csv"), "y")
        np.testing.assert_array_equal(found.features[:, 0], SIZES)
        (notes,) = found.categories
        assert notes.texts[notes.codes[place]] == " ".join(note.split())


@pytest.mark.parametrize(("columns", "name", "digits"), [(300, 0, 0), (3_000, 100, 400)])
def test_wide_rows(columns: int, name: int, digits: int, tmp_path: Path) -> None:
    """The header also longer than what is looked at first, rows longer than a block of what is read."""
    draw = np.random.default_rng(0).random((12, columns))
    rows = [
        ",".join([*(f"{value:.{digits}f}" if digits else repr(value) for value in row.tolist()), "ab"[place % 2]])
        for place, row in enumerate(draw)
    ]
    header = ",".join([*(f"g{place}".ljust(name, "_") for place in range(columns)), "y"])
    if digits:
        assert len(header) > 4 * SAMPLE
        assert all(len(row) > BLOCK_BYTES[0] for row in rows)
    (tmp_path / "t.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    found = table(str(tmp_path / "t.csv"), "y")
    np.testing.assert_array_equal(found.features, draw)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header", [["Weight, net\nof packaging", "note", "y"], ["a;b", "note", "y"], ['say "hi"', "note", "y"]]
)
def test_names_in_quotes(header: list[str], separator: str, tmp_path: Path) -> None:
    """A line break or a separator in a name, which stands on one line in all that is said of it."""
    (tmp_path / "t.csv").write_text(
        "\ufeff" + text(separator=separator, header=header, end="\r\n"), encoding="utf-8", newline=""
    )
    found = table(str(tmp_path / "t.csv"), "y")
    assert found.feature_names == (" ".join(header[0].split()),)
    assert table(str(tmp_path / "t.csv"), "y", drop=["note"], numeric=[header[0]]).features.shape == (ROWS, 1)


def test_what_is_skipped_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "# by hand\n" + text(VALUES[:30]) + "# half\n" + text(VALUES[30:], header=None) + "Total,,\n", encoding="utf-8"
    )
    with caplog.at_level(logging.INFO):
        assert_read(table(str(path), "y"))
    assert caplog.messages == [
        f"{path}: 1 line before the header skipped: # by hand",
        f"{path}: 1 comment line (#) skipped",
        f"{path}: the last row holds totals ('Total') and is left out",
        f"{path}: 60 rows of 3 columns",
    ]


def test_a_row_of_totals_is_the_last_one_alone(tmp_path: Path) -> None:
    """Elsewhere the word is a text as any other."""
    rows = [*VALUES[:-1], (VALUES[-1][0], "Total", VALUES[-1][2])]
    rows[3] = (rows[3][0], "Total", rows[3][2])
    (tmp_path / "t.csv").write_text(text(rows), encoding="utf-8")
    found = table(str(tmp_path / "t.csv"), "y")
    assert len(found.target) == ROWS
    assert "Total" in found.categories[0].texts


@pytest.mark.parametrize(
    ("sample", "separator"),
    [
        ("a,b;c\n1,5;2\n3,5;4\n", ";"), ("a b,c\n1 2,3\n", ","), ("x\n1\n2\n", ","), ("a|b,c\n1|2,3\n4|5,6\n", "|"),
        ("Price, EUR;Weight, kg\n1,5;2,3\n", ";"), ('"a;b",c\n"1;2",3\n', ","), ("a\tb,c\n1\t2,5\n", "\t"), ("", ","),
    ],
)  # fmt: skip
def test_the_separator_divides_all_rows_alike(sample: str, separator: str) -> None:
    assert detect_dialect(sample, None).separator == separator


# ---- several files


def part_of(start: int) -> pa.Table:
    """Twenty rows."""
    columns = zip(*VALUES[start : start + 20], strict=True)
    return pa.table(dict(zip(NAMES, map(list, columns), strict=True)))


def test_files_and_folders_are_one_table(tmp_path: Path) -> None:
    """In the order of the list, or of the names; columns may be in another order, and an empty part has no rows."""
    parts = [part_of(start) for start in (0, 20, 40)]
    parts = [part.set_column(0, "size", part["size"].cast(pa.float64())) for part in parts]
    folder = tmp_path / "parts" / "day=1"
    folder.mkdir(parents=True)
    for number, part in enumerate([*parts, parts[0].slice(0, 0)]):
        parquet.write_table(part.select(NAMES[:: (-1) ** number]), folder / f"part-{number}.parquet")
    (folder / "_SUCCESS").write_text("", encoding="utf-8")
    (folder / ".part-9.parquet").write_text("", encoding="utf-8")
    assert_read(table(str(tmp_path / "parts"), "y"))
    paths = [str(folder / f"part-{number}.parquet") for number in range(3)]
    assert_read(table(paths, "y"))
    for number, start in enumerate((0, 20, 40)):
        (tmp_path / f"{number}.csv").write_text(text(VALUES[start : start + 20]), encoding="utf-8")
    assert_read(table([paths[0], str(tmp_path / "1.csv"), str(tmp_path / "2.csv")], "y"))


def test_types_are_found_in_all_files_together(tmp_path: Path) -> None:
    """Whole numbers in one file, prices in another: numbers of one form in both."""
    for number, price in enumerate(("{}", "{:,}.50 €")):
        rows = [(price.format(1000 + row) if number else f"{1000 + row}.00 €", *VALUES[row][1:]) for row in range(ROWS)]
        (tmp_path / f"{number}.csv").write_text(text(rows, ";"), encoding="utf-8")
    found = table([str(tmp_path / "0.csv"), str(tmp_path / "1.csv")], "y")
    expected = np.concatenate([1000.0 + np.arange(ROWS), 1000.5 + np.arange(ROWS)])
    np.testing.assert_array_equal(found.features[:, 0], expected)


def test_files_with_other_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text(), encoding="utf-8")
    (tmp_path / "b.csv").write_text(text(header=["size", "notes", "y"]), encoding="utf-8")
    one, other = str(tmp_path / "a.csv"), str(tmp_path / "b.csv")
    with pytest.raises(DataError) as caught:
        table([one, other], "y")
    assert str(caught.value) == (
        f"data.path: '{other}' has other columns than '{one}': only one of them has note, notes. Files of one table "
        "need the same columns"
    )


def test_a_folder_of_csv_files(tmp_path: Path) -> None:
    for number, start in enumerate((0, 20, 40)):
        (tmp_path / f"{number}.csv").write_text(text(VALUES[start : start + 20]), encoding="utf-8")
    (tmp_path / "notes.md").write_text("no table", encoding="utf-8")
    assert_read(table(str(tmp_path), "y"))


@pytest.mark.parametrize(
    "kinds", [([1, 2], ["3", "x"]), ([True, False], [1, 0]), (["2020-01-01"], ["2020-01-02 10:00"])]
)
def test_files_with_other_types_in_a_column(kinds: tuple[list[Any], list[Any]], tmp_path: Path) -> None:
    """What they are is found from the texts of all."""
    for number, values in enumerate(kinds):
        rows = [(str(values[row % len(values)]).lower(), *VALUES[row][1:]) for row in range(ROWS)]
        (tmp_path / f"{number}.csv").write_text(text(rows), encoding="utf-8")
    found = table([str(tmp_path / "0.csv"), str(tmp_path / "1.csv")], "y")
    assert len(found.target) == 2 * ROWS


def test_from_the_command_line(command: Command, tmp_path: Path) -> None:
    """A list trains; its folder predicts a folder of files."""
    for number, start in enumerate((0, 20, 40)):
        (tmp_path / f"{number}.csv").write_text(text(VALUES[start : start + 20]), encoding="utf-8")
        parquet.write_table(part_of(start), tmp_path / f"part-{number}.parquet")
    words = [
        "data=table",
        "experiment=table_quick",
        "data.path=[0.csv,1.csv,2.csv]",
        "data.target=y",
        "trainer.epochs=1",
        "trainer.plots=never",
    ]
    done = command("run", *words, "hydra.run.dir=run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.csv and 2 more: 60 rows of 3 columns" in done.stdout
    assert command("predict", "run", tmp_path, "-o", "o.csv").returncode == 0
    assert command("predict", "run", "1.csv", "-o", "p.csv").returncode == 0
    whole, part = ((tmp_path / name).read_text(encoding="utf-8").splitlines() for name in ("o.csv", "p.csv"))
    assert len(whole) == ROWS + 1
    assert whole[21:41] == part[1:]
