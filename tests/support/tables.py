"""A table with something of everything."""

import csv
from pathlib import Path

import numpy as np

TABLE_ROWS = 240


def write_table(folder: Path) -> Path:
    """A CSV file of `TABLE_ROWS` rows: three numbers, few- and many-valued categories, gaps, columns to split by."""
    rng = np.random.default_rng(0)
    rows = np.arange(TABLE_ROWS)
    x, age = rng.normal(size=TABLE_ROWS), rng.integers(20, 70, TABLE_ROWS)
    columns = {
        "x": x,
        "age": [value if keep else "" for value, keep in zip(age, rng.random(TABLE_ROWS) > 0.1, strict=True)],
        "colour": rng.choice(["red", "green", ""], TABLE_ROWS),
        "city": [f"city {number}" for number in rng.integers(0, 20, TABLE_ROWS)],
        "patient": [f"p{number:02}" for number in rows // 6],
        "time": 0.5 * rows,
        "split": np.array(["train", "train", "test", "train", "val"])[rows % 5],
        "answer": np.where(x + rng.normal(size=TABLE_ROWS) > 0, "yes", "no"),
    }
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def write_people(path: Path) -> None:
    """A CSV file with two classes of income, of which age decides, and a category that says nothing."""
    lines = [f"{20 + row % 60},{'ab'[row % 2]},{'high' if row % 60 > 30 else 'low'}" for row in range(120)]
    path.write_text("\n".join(["age,town,income", *lines]) + "\n", encoding="utf-8")
