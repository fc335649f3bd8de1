"""`use_model.py` beside an exported file: where neither mlp_exp nor torch is, it prints what `predict` writes."""

import csv
import datetime as dt
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from support.commands import Command, refusal, said
from support.folders import names
from support.predictions import as_job, content, loaded, train
from support.project import QUICK_TABLE, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("operators_read_once")]

Row = dict[str, str]
ZONE = dt.timezone(dt.timedelta(hours=-5))
TOWNS = ["Rom", "Köln", "a, b", 'the "old" one', "nan-town"]
EXTREME_DAYS = [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1900, 3, 1), dt.date(2000, 2, 29)]
EXTREME_TIMES = [
    dt.datetime(1, 1, 1),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
    dt.datetime(2024, 12, 31, 23, 59, 59, 999999),
    dt.datetime(2024, 2, 29, 0, 0, 0, 1),
    dt.datetime(1980, 6, 1, 12),
]


def some_rows(draw: random.Random, count: int, *, extreme: bool) -> list[Row]:
    """Rows like those of training, or also far outside, with texts that training did not see."""
    rows = []
    for number in range(count):
        far = extreme and draw.random() < 0.3
        age = draw.choice([1e30, -1e30, 1e-30, 0]) if far else draw.randint(18, 90)
        day = draw.choice(EXTREME_DAYS) if far else dt.date(2015, 1, 1) + dt.timedelta(draw.randint(0, 2500))
        moment = dt.datetime(2000, 1, 1) + dt.timedelta(seconds=draw.randint(0, 8 * 10**8), microseconds=number % 3)
        if draw.random() < 0.3:
            moment = moment.replace(hour=draw.choice([0, 6, 12, 18]), minute=0, second=0, microsecond=0)
        moment = draw.choice(EXTREME_TIMES) if far else moment
        aware = dt.datetime(2020, 1, 1, tzinfo=ZONE) + dt.timedelta(hours=draw.randint(0, 9999))
        row = {
            "age": str(age),
            "day": str(day),
            "moment": moment.isoformat(draw.choice(" T")),
            "aware": aware.isoformat(),
            "town": f" {draw.choice([*TOWNS, *['Ürümqi', '?!'] * extreme])} ",
            "zip": draw.choice(["7", "12", "100", *["7.0", "012", "13"] * extreme]),
            "member": draw.choice(["true", "False"]),
            "clock": f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:00",
        }
        row = {name: draw.choice(["", "NA", "?", " "]) if draw.random() < 0.1 else text for name, text in row.items()}
        high = age + draw.gauss(0, 20) + 30 * (row["town"].strip() == "Rom") > 60
        rows.append({**row, "answer": "yes" if high else "no", "value": f"{age * 2.5 + draw.gauss(0, 1):.3f}"})
    return rows


def write(path: Path, rows: Sequence[Row], separator: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, its runs in sweeps of `answer` and of `value`, and a table to predict."""
    folder = tmp_path_factory.mktemp("raw")
    path = write(folder / "table.csv", some_rows(random.Random(0), 300, extreme=False))
    write(folder / "new.csv", some_rows(random.Random(1), 300, extreme=True))
    words = [*QUICK_TABLE, f"data.path={path}", "data.categorical=[zip]", "optimizer.lr=0.01"]
    for target, other in (("answer", "value"), ("value", "answer")):
        for job, more in enumerate(["preprocess.ranks=true", "preprocess.scaling=quantile"]):
            drop = f"data.drop=[{other}{',town,day' if job == 1 else ''}]"  # other columns, to be united
            train(folder / target / str(job), *words, f"data.target={target}", drop, more)
            as_job(folder / target / str(job), job, more)
    return folder


def compare(found: str, expected: Path, unit: float) -> float:
    """The largest difference from a file of predictions, which has the same columns, labels and number of rows.

    In probability, or relative to the value, or to the `unit` where that is larger: what a float32 holds of the target.
    """
    path = expected.with_name("found.csv")
    path.write_text(found, encoding="utf-8")
    one, other = content(path), content(expected)
    assert one.column_names == other.column_names
    largest = 0.0
    for name in one.column_names:
        if name == "prediction" and len(one.column_names) > 1:
            assert one[name].to_pylist() == other[name].to_pylist()
            continue
        values, right = np.array(one[name]), np.array(other[name])
        assert np.isfinite(right).all()
        largest = max(largest, float((np.abs(values - right) / np.maximum(unit, np.abs(right))).max()))
    return largest


@pytest.mark.parametrize(
    ("target", "words"),
    [("answer", ["{}"]), ("value", ["{}", "--top", "2"])],
    ids=["classes, best of a sweep", "values, ensemble of all"],
)
def test_the_script_prints_what_predict_writes(
    target: str, words: list[str], command: Command, trained: Path, bare: Callable[[Path, Path], str], tmp_path: Path
) -> None:
    """For dates, times, categories, gaps, extremes and unseen texts."""
    given = [str(trained / word.format(target)) if "{" in word else word for word in words]
    lines = said(command("export", *given, "-o", "model.onnx"))
    assert float(lines[-1].split()[-1]) < 1e-5
    assert names(tmp_path) == ["model.md", "model.onnx", "use_model.py"]
    unit = float(loaded(trained / target / "0").preprocessing.target.scale)
    for table in (trained / "new.csv", trained / "table.csv"):
        said(command("predict", *given, table, "-o", "expected.csv"))
        assert compare(bare(tmp_path / "use_model.py", table), tmp_path / "expected.csv", unit) < 1e-5


def test_a_table_of_another_form(command: Command, bare: Callable[[Path, Path], str], tmp_path: Path) -> None:
    """Semicolons, decimal commas, days first, words and numbers for gaps, another encoding, odd names."""
    draw = random.Random(3)
    rows = [
        {
            'Größe "\\{0}': draw.choice(["-999", "unbekannt", "", f"{draw.gauss(0, 3):.4f}".replace(".", ",")]),
            "Datum": draw.choice([f"{draw.randint(1, 28)}.{draw.randint(1, 12)}.{2000 + number // 20}", "unbekannt"]),
            "Art": draw.choice(["Äpfel", "Birnen", "unbekannt"]),
            "Klasse": draw.choice(["eins; 'zwei' \\n", 'dr"ei']),
        }
        for number in range(200)
    ]
    path = write(tmp_path / "table.csv", rows, ";")
    path.write_text(path.read_text(encoding="utf-8"), encoding="latin-1")
    words = [
        "data=table",
        "experiment=table_quick",
        f"data.path={path}",
        "data.target=Klasse",
        "data.encoding=latin-1",
        'data.decimal=","',
    ]
    train(tmp_path / "run", *words, "data.missing=[-999,unbekannt]")
    said(command("export", "run", "-o", "my apples.onnx"))
    assert {"my apples.md", "my apples.onnx", "use_my apples.py"} < set(names(tmp_path))
    said(command("predict", "run", path, "-o", "expected.csv"))
    assert compare(bare(tmp_path / "use_my apples.py", path), tmp_path / "expected.csv", 1) < 1e-5
    script = (tmp_path / "use_my apples.py").read_text(encoding="utf-8")
    assert "number(" in script
    assert '"Datum": dated(' in script
    assert 'CATEGORIES = ["Art"]\n' in script
    assert str(tmp_path) not in script


def test_a_run_of_version_0_1(command: Command, bare: Callable[[Path, Path], str], tmp_path: Path) -> None:
    samples = ROOT / "tests" / "support" / "version_0_1"
    said(command("export", samples / "table", "-o", "model.onnx"))
    expected = Path(shutil.copy(samples / "table-predictions.csv", tmp_path))
    assert compare(bare(tmp_path / "use_model.py", samples / "people.csv"), expected, 1) < 1e-5


def test_runs_that_read_a_column_in_other_ways(command: Command, trained: Path, tmp_path: Path) -> None:
    words = [
        "data=table",
        "experiment=table_quick",
        f"data.path={trained}/table.csv",
        "data.target=answer",
        "data.drop=[value]",
    ]
    train(tmp_path / "other", *words, "baselines=none")
    message = refusal(command("export", trained / "answer/0", "other", "-o", "model.onnx"))
    assert message == (
        f"other: column 'zip' is read as number for it, and a category (number) for {trained}/answer/0; a file takes a "
        "column in one way. Export the runs one by one"
    )
    message = refusal(command("export", trained / "answer/0", trained / "value/0", "-o", "model.onnx"))
    assert message.startswith(f"{trained}/value/0: its target is 'value', and that of {trained}/answer/0 is 'answer'")
    assert names(tmp_path) == ["other"]


def test_how_the_files_are_named_is_said(command: Command) -> None:
    told = " ".join(command("export", "--help").stdout.split())
    assert "Beside FILE.onnx go FILE.md, which says what it takes and gives, and use_FILE.py" in told
