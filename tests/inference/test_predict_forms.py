"""What training decided about the form of a column is used again, whatever a new file looks like."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from support.commands import Command, refusal, said
from support.predictions import content, train

ROWS = 80
DRAW = np.random.default_rng(1)
PRICES = [round(float(value), 2) for value in DRAW.gamma(2, 900, ROWS) - 500]
TIMES = [
    dt.datetime(2019, 1, 1) + dt.timedelta(days=int(d), minutes=int(m)) for d, m in DRAW.integers(0, 900, (ROWS, 2))
]
SHARES = [int(value) for value in DRAW.integers(0, 101, ROWS)]
ZIPS = [("00123", "123", "45678")[code] for code in DRAW.integers(0, 3, ROWS)]
LABELS = [("no", "yes")[int(price > 800)] for price in PRICES]


def german(value: float) -> str:
    text = f"{abs(value):,.2f}".translate(str.maketrans(",.", ".,"))
    return f"{'-' * (value < 0)}{text} €"


def us(value: float) -> str:
    return f"${abs(value):,.2f}" if value >= 0 else f"(${abs(value):,.2f})"


def columns(prices: Sequence[object], times: Sequence[object], shares: Sequence[object]) -> dict[str, list[object]]:
    return {"price": list(prices), "when": list(times), "share": list(shares), "zip": list(ZIPS), "label": list(LABELS)}


DRESSED = columns(
    [german(price) for price in PRICES],
    [f"{time:%d.%m.%Y %H:%M}" for time in TIMES],
    [f"{share} %" for share in SHARES],
)


def write_csv(path: Path, made: dict[str, list[object]], separator: str = ";") -> Path:
    options = csv.WriteOptions(delimiter=separator, quoting_style="needed")
    csv.write_csv(pa.table({name: list(map(str, values)) for name, values in made.items()}), path, options)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the table and a run on it."""
    root = tmp_path_factory.mktemp("forms")
    path = write_csv(root / "t.csv", DRESSED)
    train(
        root / "run",
        "data=table",
        "experiment=table_quick",
        f"data.path={path}",
        "data.target=label",
        "data.categorical=[zip]",
    )
    return root


def predicted(command: Command, folder: Path, table: Path, out: Path) -> tuple[list[str], pa.Table]:
    lines = said(command("predict", folder / "run", table, "-o", out))
    return lines, content(out)


def test_other_files_with_the_same_content(command: Command, folder: Path, tmp_path: Path) -> None:
    """Plain numbers, other separators, typed columns: predictions are the same, and no cell is missing."""
    _, expected = predicted(command, folder, folder / "t.csv", tmp_path / "expected.csv")
    plain = columns(PRICES, [f"{time:%d.%m.%Y %H:%M}" for time in TIMES], SHARES)
    parquet.write_table(pa.table(columns(PRICES, TIMES, SHARES)), tmp_path / "typed.parquet")
    texts = pa.table({name: list(map(str, values)) for name, values in DRESSED.items()})
    parquet.write_table(texts, tmp_path / "texts.parquet")
    others = [tmp_path / "typed.parquet", tmp_path / "texts.parquet", write_csv(tmp_path / "comma.csv", DRESSED, ",")]
    for number, path in enumerate(others):
        lines, found = predicted(command, folder, path, tmp_path / f"{number}.csv")
        assert found.equals(expected), path.name
        assert not any("taken for missing" in line for line in lines)
    # a point is no decimal sign here, so plain numbers are of another form
    path = write_csv(tmp_path / "p.csv", plain)
    says = refusal(command("predict", folder / "run", path, "-o", tmp_path / "p.out.csv"))
    assert says.startswith(f"'{tmp_path / 'p.csv'}': column 'price': ")
    assert "cells are not of the form that it had in training" in says


def test_cells_of_another_form_are_missing_and_counted(command: Command, folder: Path, tmp_path: Path) -> None:
    odd = [row for row in range(ROWS) if row % 4 == 2]
    mixed, empty = ({name: list(values) for name, values in DRESSED.items()} for _ in range(2))
    for row in odd:
        mixed["price"][row], mixed["when"][row] = us(PRICES[row]), f"{TIMES[row]:%Y-%m-%d}"
        empty["price"][row] = empty["when"][row] = ""
    lines, found = predicted(command, folder, write_csv(tmp_path / "m.csv", mixed), tmp_path / "m.out.csv")
    said = " ".join(
        f"{name}: {len(odd)} of {ROWS} cells are not {what} as in training and are taken for missing, first in row "
        f"2, from 0: '{cell}'"
        for name, what, cell in (
            ("price", "a number like 1.234,5 €", mixed["price"][2]),
            ("when", "a date like d.m.y without a time zone", mixed["when"][2]),
        )
    )
    assert said in " ".join(lines)  # which are wrapped
    _, expected = predicted(command, folder, write_csv(tmp_path / "e.csv", empty), tmp_path / "e.out.csv")
    assert found.equals(expected)


def test_a_file_in_which_most_cells_are_of_another_form(command: Command, folder: Path, tmp_path: Path) -> None:
    other: dict[str, list[object]] = {**DRESSED, "price": [us(price) for price in PRICES]}
    path = write_csv(tmp_path / "o.csv", other)
    says = refusal(command("predict", folder / "run", path, "-o", tmp_path / "o.out.csv"))
    assert says == (
        f"'{path}': column 'price': {ROWS} of {ROWS} cells are not of the form that it had in training, first in "
        f"row 0, from 0: expected a number like 1.234,5 €, found '{us(PRICES[0])}'"
    )
    assert not (tmp_path / "o.out.csv").exists()


def test_zip_codes_stay_apart(command: Command, folder: Path, tmp_path: Path) -> None:
    made = {name: [values[0]] * 2 for name, values in DRESSED.items()} | {"zip": ["00123", "123"]}
    _, found = predicted(command, folder, write_csv(tmp_path / "z.csv", made), tmp_path / "z.out.csv")
    one, other = found["probability_yes"].to_pylist()
    assert one != other
