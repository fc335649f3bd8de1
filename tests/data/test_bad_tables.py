"""Tables that cannot be used, made from a good one by small changes: each gives one message that says where and why.

A change is a function of a good table and a random generator, which draws the place; the expected text is computed from
that place. Every case goes through the command line.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.bad_tables import (
    ROWS,
    TINY,
    Expected,
    Generator,
    Table,
    assert_refused,
    changed,
    generator_of,
    good,
    index_file,
    write,
)
from support.commands import Command

pytestmark = pytest.mark.usefixtures("one_composition")
Change = Callable[[Table, Generator], tuple[Table, Sequence[str], str]]
"""Of a table; gives it changed, with further overrides and the message, in which `{path}` is the file."""


# ---- changes of what a table holds, in every form of file


UNUSABLE = "data.path: '{path}': 1 column cannot be used as it is:"


def infinite(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    row, word, shown = int(draw.integers(ROWS)), *[("inf", "inf"), ("-inf", "-inf"), ("1e999", "inf")][draw.integers(3)]
    return (
        changed(table, "size", row, word),
        (),
        f"{UNUSABLE}\n  size: expected finite numbers, found {shown} in row {row}, from 0\nMend the file, or add: "
        '\'data.missing=["inf","-inf"]\'',
    )


def infinite_target(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    row = int(draw.integers(ROWS))
    return (
        changed(table, "price", row, "-inf"),
        ["data.target=price"],
        f"data.target: '{{path}}': column 'price', row {row}, from 0: expected a finite number, found -inf. Fix it, "
        "or take it for a missing value: data.missing=[inf,-inf]",
    )


def stray_words(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    count = int(draw.integers(1, 6))
    rows = sorted(draw.choice(ROWS, count, replace=False).tolist())
    words = [("unknown", "n. a.", "approx. 7", "#REF!")[code] for code in draw.integers(0, 4, count)]
    for row, word in zip(rows, words, strict=True):
        table = changed(table, "size", row, word)
    found = list(dict.fromkeys(words))
    where = f"{count} rows, first row {rows[0]}, from 0" if count > 1 else f"row {rows[0]}, from 0"
    example = next(value for row, value in enumerate(table["size"]) if row not in rows)
    cure = ",".join(word if word == "unknown" else f'"{word}"' for word in found)
    return (
        table,
        (),
        f"{UNUSABLE}\n  size: expected numbers as '{example}', as in {(ROWS - count) / ROWS:.0%} of the rows, found "
        f"{', '.join(map(repr, found[:3]))}{' …' if len(found) > 3 else ''} ({where})\n"
        f"Mend the file, or add: 'data.missing=[{cure}]'",
    )


def stray_word_in_the_target(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    row, task = int(draw.integers(ROWS)), ("auto", "regression")[draw.integers(2)]
    return (
        changed(table, "price", row, "sold"),
        ["data.target=price", f"data.task={task}"],
        f"{UNUSABLE}\n  price: expected numbers as '{table['price'][row == 0]}', as in 98% of the rows, found 'sold' "
        f"(row {row}, from 0)\nMend the file, or add: 'data.missing=[sold]'",
    )


def word_in_a_numeric_column(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    row = int(draw.integers(ROWS))
    return (
        changed(table, "rooms", row, "many"),
        ["data.numeric=[rooms]"],
        f"{UNUSABLE}\n  rooms: expected numbers as '{table['rooms'][row == 0]}', as in 98% of the rows, found 'many' "
        f"(row {row}, from 0)\nMend the file, or add: 'data.missing=[many]'",
    )


def constant_target(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    gaps = int(draw.integers(5))
    column = ["fair"] * (ROWS - gaps) + [""] * gaps
    return (
        {**table, "mood": draw.permutation(column).tolist()},
        (),
        f"data.target: '{{path}}': 'mood' is constant ('fair' in all {ROWS - gaps} rows)",
    )


def constant_quantity(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    return (
        {**table, "price": ["2.5"] * ROWS},
        ["data.target=price"],
        f"data.target: '{{path}}': 'price' is constant (2.5 in all {ROWS} rows)",
    )


def missing_target(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    words = ("", "NA", "NaN", "null", "?", "#N/A")
    column = [words[code] for code in draw.integers(0, len(words), ROWS)]
    return ({**table, "mood": column}, (), "data.target: '{path}': 'mood' is missing in every row")


def class_of_one_row(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    row = int(draw.integers(ROWS))
    return (
        changed(table, "mood", row, "superb"),
        (),
        f"data.target: '{{path}}': 'mood' has a single row of class 'superb' (row {row}, from 0); training and test "
        "need one each. Take such rows out or merge the classes.",
    )


def classes_of_one_row(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    column = [str(number) for number in draw.permutation(ROWS)]
    shown = ", ".join(f"'{label}' (row {column.index(str(label))}, from 0)" for label in range(5))
    return (
        {**table, "mood": column},
        ["data.task=multiclass"],
        f"data.target: '{{path}}': 'mood' has a single row of class {shown} and {ROWS - 5} more; training and test "
        "need one each. Take such rows out or merge the classes. If it is a quantity: data.task=regression.",
    )


def text_for_a_regression(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    return (
        table,
        ["data.task=regression"],
        "data.target: '{path}': column 'mood', row 0, from 0: expected a number, found 'bad'. For classes: "
        "data.task=classification",
    )


def date_as_target(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    return (
        table,
        ["data.target=built"],
        "data.target: '{path}': 'built' holds dates; expected texts, booleans or numbers. If each date is a class: "
        "data.task=classification",
    )


def two_columns_of_one_name(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    """The names differ by blanks, which Parquet allows too."""
    first, second = sorted(draw.choice(len(table), 2, replace=False).tolist())
    names = list(table)
    names[second] = f" {names[first]}"
    return (
        dict(zip(names, table.values(), strict=True)),
        (),
        f"data.path: '{{path}}': the name '{names[first]}' is given to 2 columns ({first}, {second}, from 0); give "
        "each its own",
    )


def no_feature(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    kept = {"id": [f"house-{row}" for row in range(ROWS)], "land": ["CH"] * ROWS, "note": [""] * ROWS}
    return (
        {**kept, "city": table["city"], "mood": table["mood"]},
        ["data.drop=[city]"],
        "data.path: '{path}': there is no feature apart from the target 'mood'. id: an identifier: a different code in "
        "(nearly) every row; land: constant; note: all missing; city: data.drop",
    )


def name_of_a_date_part(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    return (
        {**table, "built (year sin)": table["size"]},
        (),
        "data.path: '{path}': column 'built (year sin)' has the name of a number that is made of a date; rename it, or "
        "leave it out: 'data.drop=[\"built (year sin)\"]'",
    )


def three_rows(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    return (
        {name: column[:3] for name, column in table.items()},
        ["data.target=price"],
        "split.val: 0.1 of 3 rows is 0; expected one or more, and some left to train with. Take another share, or "
        "more rows",
    )


def split_column_with_other_words(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    count = int(draw.integers(1, 4))
    rows = sorted(draw.choice(ROWS, count, replace=False).tolist())
    words = draw.permutation(["train", "val", "test"] * (ROWS // 3)).tolist()
    for row in rows:
        words[row] = "Test"
    return (
        {**table, "part": words},
        ["split=column", "split.column=part"],
        f"split.column: 'part', row {rows[0]}, from 0: expected train, val or test, found 'Test' ({count} such)",
    )


def split_column_with_gaps(table: Table, draw: Generator) -> tuple[Table, Sequence[str], str]:
    row = int(draw.integers(ROWS))
    words = draw.permutation(["train", "val", "test"] * (ROWS // 3)).tolist()
    return (
        changed({**table, "part": words}, "part", row, ""),
        ["split=column", "split.column=part"],
        f"split.column: '{{path}}': 'part' is missing in 1 row, first in row {row}, from 0",
    )


CHANGES: tuple[Change, ...] = (
    infinite,
    infinite_target,
    stray_words,
    stray_word_in_the_target,
    word_in_a_numeric_column,
    constant_target,
    constant_quantity,
    missing_target,
    class_of_one_row,
    classes_of_one_row,
    text_for_a_regression,
    date_as_target,
    two_columns_of_one_name,
    no_feature,
    name_of_a_date_part,
    three_rows,
    split_column_with_other_words,
    split_column_with_gaps,
)
OTHER_FORMS = ("parquet", "semicolon.csv", "parquet", "csv.gz", "parquet", "tab.tsv", "parquet", "bar.txt")
CHANGE_CASES = [
    pytest.param(change, form, id=f"{change.__name__}-{form}")
    for index, change in enumerate(CHANGES)
    for form in ("csv", OTHER_FORMS[index % len(OTHER_FORMS)])
]


@pytest.mark.parametrize(("change", "form"), CHANGE_CASES)
def test_a_changed_table(change: Change, form: str, command: Command, tmp_path: Path) -> None:
    draw = generator_of(f"{change.__name__} {form}")
    table, overrides, message = change(good(seed=int(draw.integers(1000))), draw)
    path = f"houses.{form}"
    write(table, tmp_path / path, form)
    done = command("run", *TINY, f"data.path={path}", "data.target=mood", *overrides)
    assert_refused(done, tmp_path, message.format(path=path))


# ---- a good table, asked for wrongly


HAS = "the table has no column"
ASKED: dict[str, tuple[Sequence[str], Expected]] = {
    "no such file": (
        ["data.path=hauses.csv"],
        "data.path: there is no file 'hauses.csv' (seen from {cwd}). Near it: houses.csv.",
    ),
    "no such folder": (["data.path=nowhere/x.csv"], "data.path: there is no file 'nowhere/x.csv' (seen from {cwd})."),
    "a name like a pattern": (["data.path='**['"], "data.path: there is no file '**[' (seen from {cwd})."),
    "a long name": ([f"data.path={'x' * 300}"], f"data.path: there is no file '{'x' * 300}' (seen from {{cwd}})."),
    "a folder": (
        ["data.path=outputs"],
        "data.path: 'outputs' is a folder without Parquet or CSV files; expected one, or a list",
    ),
    "a device": (["data.path=/dev/null"], "data.path: '/dev/null' is no plain file; expected a CSV or Parquet file"),
    "target in other letters": (["data.target=Mood"], f"data.target: '{{path}}': {HAS} 'Mood'. Did you mean 'mood'?"),
    "target mistyped": (
        ["data.target=prize"],
        f"data.target: '{{path}}': {HAS} 'prize'. Did you mean 'price' or 'size'?",
    ),
    "target with two near": (
        ["data.target=romes"],
        f"data.target: '{{path}}': {HAS} 'romes'. Did you mean 'rooms'?",
    ),
    "target without a name": (
        ["data.target=''"],
        "data.target: '{path}': the name of a column is missing. The table has size, rooms, city, built, garden, "
        "price, mood.",
    ),
    "target unlike any": (
        ["data.target=2019"],
        f"data.target: '{{path}}': {HAS} '2019'. It has size, rooms, city, built, garden, price, mood.",
    ),
    "numeric unknown": (["data.numeric=[rums]"], f"data.numeric: '{{path}}': {HAS} 'rums'. Did you mean 'rooms'?"),
    "categorical unknown": (
        ["data.categorical=[rooms,citi]"],
        f"data.categorical: '{{path}}': {HAS} 'citi'. Did you mean 'city'?",
    ),
    "text unknown": (["data.text=[citi]"], f"data.text: '{{path}}': {HAS} 'citi'. Did you mean 'city'?"),
    "drop unknown": (["data.drop=[Garden]"], f"data.drop: '{{path}}': {HAS} 'Garden'. Did you mean 'garden'?"),
    **{
        f"target in {key}": (
            [f"data.{key}=[mood]"],
            f"data.{key}: '{{path}}': 'mood' is the target (data.target); list only features",
        )
        for key in ("numeric", "categorical", "drop", "text")
    },
    **{
        f"a name in {one} and {other}": (
            [f"data.{one}=[rooms]", f"data.{other}=[city,rooms]"],
            f"data.{other}: '{{path}}': 'rooms' stands in data.{one} too; name it in one of them",
        )
        for one, other in itertools.combinations(("numeric", "categorical", "drop", "text"), 2)
    },
    "text as a number": (
        ["data.numeric=[city]"],
        f"{UNUSABLE}\n  city: expected numbers, found 'Rome', 'Bern', 'Oslo' (60 rows, first row 0, from 0); take it "
        "out of data.numeric\nMend the file",
    ),
    "a number as a date": (
        ["data.dates=[size]"],
        re.compile(
            r"data\.path: 'houses\.csv': 1 column cannot be used as it is:\n  size: expected dates, found '[\d.]+', "
            r"'[\d.]+', '[\d.]+' … \(60 rows, first row 0, from 0\); take it out of data\.dates\nMend the file"
        ),
    ),
    "a date as a number": (
        ["data.numeric=[built]"],
        f"{UNUSABLE}\n  built: expected numbers, found date32[day]; take it out of data.numeric\nMend the file",
    ),
    "a date for a regression": (
        ["data.target=built", "data.task=regression"],
        "data.target: '{path}': 'built' holds date32[day]; expected numbers. For classes: data.task=classification",
    ),
    "all dropped": (
        ["data.drop=[size,rooms,city,built,garden,price]"],
        "data.path: '{path}': there is no feature apart from the target 'mood'. size: data.drop; rooms: data.drop; "
        "city: data.drop; built: data.drop; garden: data.drop; price: data.drop",
    ),
    "three classes as two": (
        ["data.task=binary"],
        "data.task: '{path}': binary was asked for, and 'mood' has 3 classes: bad, fair, good",
    ),
    "two classes as many": (
        ["data.target=garden", "data.task=multiclass"],
        "data.task: '{path}': multiclass was asked for, and 'garden' has two classes: false, true",
    ),
    "a class and a value": (
        ["data.target=[price,garden]"],
        "data.target: '{path}': a class and a value together are no task: 'garden' has 2 classes (false, true), and "
        "'price' has values. Train a run for each, or take all as values: data.task=regression",
    ),
    "a target named twice": (["data.target=[garden,garden]"], "data.target: '{path}': 'garden' is named twice"),
    "an unknown second target": (
        ["data.target=[garden,pirce]"],
        f"data.target: '{{path}}': {HAS} 'pirce'. Did you mean 'price'?",
    ),
    "an unknown weight": (
        ["data.weight=ages"],
        f"data.weight: '{{path}}': {HAS} 'ages'. It has size, rooms, city, built, garden, price, mood.",
    ),
    "classes of unknown order": (
        ["data.task=ordinal"],
        "data.order: '{path}': 'mood' holds texts, whose order is not known; give it, the lowest first. "
        "From A to Z: 'data.order=[bad,fair,good]'",
    ),
    "an order of other classes": (
        ["data.task=ordinal", "data.order=[bad,good,best]"],
        "data.order: '{path}': expected each of the 3 classes of 'mood' once: bad, fair, good; missing: fair; unknown: "
        "best",
    ),
    "texts as weights": (
        ["data.weight=city", "data.max_rows=20"],
        re.compile(
            r"data\.weight: 'houses\.csv': column 'city', row 0, from 0: expected a number, 0 or more, found '\w+'"
        ),
    ),
    "another separator": (
        ["data.separator=';'"],
        f"data.target: '{{path}}': {HAS} 'mood'. Its one column is 'size,rooms,city,built,garden,price,mood'; if these "
        "are several, name the separator: data.separator=…",
    ),
    "a separator out of ASCII": (
        ["data.separator='é'"],
        "data.separator: expected one ASCII character, as ';', got 'é'",
    ),
    "a quote as the separator": (
        ["data.separator='\"'"],
        "data.separator: expected one ASCII character, as ';', got '\"'",
    ),
    "unknown encoding": (
        ["data.encoding=klingon"],
        "data.encoding: unknown encoding: klingon; expected one as utf-8, latin-1 or utf-16",
    ),
    "decimal comma": (
        ["data.decimal=','"],
        re.compile(
            r"data\.path: 'houses\.csv': 1 column cannot be used as it is:\n  size: numbers as '[\d.]+', which do not "
            r"have the decimal sign ',' of data\.decimal\nMend the file, or add: data\.decimal=null"
        ),
    ),
    "a date format with an unknown directive": (
        ["data.date_format='%d.%m.%Y %Q'"],
        "data.date_format: '%d.%m.%Y %Q': there is no directive %Q; expected one as '%d.%m.%Y %H:%M'",
    ),
    "a date format with a field twice": (
        ["data.date_format='%Y-%m-%d %y'"],
        "data.date_format: '%Y-%m-%d %y': it has a field twice; expected one as '%d.%m.%Y %H:%M'",
    ),
    "log of a class": (
        ["preprocess.log_target=true"],
        "preprocess.log_target: 'mood' has classes; it is for a regression",
    ),
    "split column unknown": (["split=group", "split.column=town"], re.compile(r"split\.column: .*no column 'town'.*")),
    "shares that leave no row": (
        ["split.val=0.001", "split.train=0.799"],
        "split.val: 0.001 of 60 rows is 0; expected one or more, and some left to train with. Take another share, or "
        "more rows",
    ),
    "more folds than rows": (["split=folds", "split.folds=61"], re.compile(r"split\.folds: 60 rows cannot .*")),
    "no path": (["data.path=''"], re.compile(r"The configuration has 1 mistake:\n  data\.path: .*")),
    "columns that are no names": (["data.drop=[[a]]"], re.compile(r"The configuration has \d mistake.*", re.DOTALL)),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_good_table_asked_for_wrongly(name: str, command: Command, tmp_path: Path) -> None:
    overrides, expected = ASKED[name]
    write(good(), tmp_path / "houses.csv", "csv")
    done = command("run", *TINY, "data.path=houses.csv", "data.target=mood", *overrides)
    assert_refused(
        done, tmp_path, expected.format(path="houses.csv", cwd=tmp_path) if isinstance(expected, str) else expected
    )


# ---- as a person meets it


@pytest.mark.parametrize(("change", "form"), [(stray_words, "csv.gz"), (infinite, "parquet")])
def test_in_a_process_of_its_own(change: Change, form: str, command: Command, tmp_path: Path) -> None:
    table, overrides, message = change(good(), generator_of(form))
    write(table, tmp_path / f"houses.{form}", form)
    done = command("run", *TINY, f"data.path=houses.{form}", "data.target=mood", *overrides, fork=True)
    assert_refused(done, tmp_path, message.format(path=f"houses.{form}"))


# ---- what is left out, and said


def row_number(draw: Generator) -> list[str]:
    return [str(row + 1) for row in range(ROWS)]


def ticket(draw: Generator) -> list[str]:
    return [f"T-{number}" for number in draw.permutation(ROWS)]


def same(draw: Generator) -> list[str]:
    return [str(draw.integers(10))] * ROWS


def nothing(draw: Generator) -> list[str]:
    return [("", "NA", "?")[code] for code in draw.integers(0, 3, ROWS)]


LEFT_OUT: dict[Callable[[Generator], list[str]], tuple[str, int]] = {
    row_number: ("an identifier: it counts the rows", 0),
    ticket: ("an identifier: a different code in (nearly) every row", 0),
    same: ("constant", 0),
    nothing: ("all missing", ROWS),
}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_is_left_out_is_said(form: str, command: Command, tmp_path: Path) -> None:
    draw = generator_of(form)
    table = {**{make.__name__: make(draw) for make in LEFT_OUT}, **good()}
    gaps = sorted(draw.choice(ROWS, 4, replace=False).tolist())
    for row in gaps:
        table = changed(table, "mood", row, "")
    write(table, tmp_path / f"houses.{form}", form)
    done = command("run", *TINY, f"data.path=houses.{form}", "data.target=mood", "data.drop=[price]")
    assert (done.returncode, done.stderr) == (0, "")
    said = [tuple(cell.strip() for cell in line.split("│")[1:-1]) for line in done.stdout.splitlines() if "│" in line]
    expected = [(make.__name__, "left out", why, str(missing or "")) for make, (why, missing) in LEFT_OUT.items()]
    assert said[:5] == [*expected, ("price", "left out", "data.drop", "")]
    assert next(cells for cells in said if cells[1].startswith("target")) == (
        "mood",
        "target: multiclass",
        "3 classes: bad, fair, good",
        "4",
    )
    assert done.stdout.splitlines()[1] == "4 of 60 rows have no mood and are left out"
    assert "56 rows, 9 features, 3 classes; " in done.stdout


@pytest.mark.slow
def test_a_test_part_without_one_of_the_classes(command: Command, tmp_path: Path) -> None:
    """Two rows cannot hold three classes: it is no mistake, and what cannot be computed is left open."""
    write(good(), tmp_path / "houses.csv", "csv")
    for part, rows in {"train": range(40), "val": range(40, 50), "test": range(51, 53)}.items():
        (tmp_path / f"{part}.txt").write_text(index_file(rows), encoding="utf-8")
    parts = [f"split.{part}={part}.txt" for part in ("train", "val", "test")]
    done = command(
        "run", *TINY, "data.path=houses.csv", "data.target=mood", "split=files", *parts, "trainer.plots=always"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "train 40, val 10, test 2" in done.stdout
