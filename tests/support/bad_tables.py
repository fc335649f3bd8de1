"""A good table, from which bad ones are made by small changes, and what a run says of them."""

import gzip
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from support.commands import Result

Generator = np.random.Generator
Table = dict[str, list[str]]
Expected = str | re.Pattern[str]
ROWS = 60
TINY = (
    "data=table",
    "experiment=table_quick",
    "baselines=none",
    "trainer.epochs=1",
    "trainer.device=cpu",
    "trainer.plots=never",
)
SEPARATORS = {"csv": ",", "csv.gz": ",", "semicolon.csv": ";", "tab.tsv": "\t", "bar.txt": "|"}


def generator_of(name: str) -> Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def good(rows: int = ROWS, seed: int = 0) -> Table:
    """Numbers, whole numbers, categories, dates, booleans; `mood` is a target of three classes, `price` a quantity."""
    draw = np.random.default_rng(seed)
    days = np.datetime64("2020-01-01") + draw.integers(0, 700, rows)
    return {
        "size": [f"{value:.2f}" for value in draw.normal(40, 10, rows)],
        "rooms": [str(value) for value in draw.integers(1, 9, rows)],
        "city": [("Bern", "Oslo", "Rome")[code] for code in draw.integers(0, 3, rows)],
        "built": [str(day) for day in days],
        "garden": [("false", "true")[code] for code in draw.integers(0, 2, rows)],
        "price": [f"{value:.3f}" for value in draw.gamma(2, 100, rows)],
        "mood": [("bad", "fair", "good")[row % 3] for row in range(rows)],
    }


def lines_of(table: Table, separator: str = ",") -> list[str]:
    """The header and the rows as lines of a CSV file, without quotes."""
    return [separator.join(table), *(separator.join(row) for row in zip(*table.values(), strict=True))]


def text_of(table: Table, separator: str = ",") -> str:
    return "\n".join(lines_of(table, separator)) + "\n"


def write(table: Table, path: Path, form: str) -> None:
    if form == "parquet":
        parquet.write_table(pa.table({name: pa.array(column, pa.string()) for name, column in table.items()}), path)
        return
    content = text_of(table, SEPARATORS[form]).encode()
    path.write_bytes(gzip.compress(content) if form.endswith(".gz") else content)


def changed(table: Table, name: str, row: int, value: str) -> Table:
    column = list(table[name])
    column[row] = value
    return {**table, name: column}


def assert_refused(done: Result, folder: Path, expected: Expected) -> None:
    """Status 1, this one message on standard error, no traceback, and nothing that was trained."""
    if isinstance(expected, str):
        assert done.stderr == f"{expected}\n"
    else:
        assert expected.fullmatch(done.stderr.removesuffix("\n")), done.stderr
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "epoch 1/" not in done.stdout
    assert not list(folder.rglob("model.pt"))
    (log,) = (folder / "outputs").rglob("run.log")
    assert "INFO mlp_exp.experiment.run: " not in log.read_text(encoding="utf-8")  # it was not even prepared
    (result,) = (folder / "outputs").rglob("result.json")
    assert json.loads(result.read_text(encoding="utf-8"))["status"] == "failed"


def index_file(rows: object) -> str:
    return "\n".join(str(row) for row in np.asarray(rows).tolist())
