"""Tables with several bad columns: one message names them all, and what it advises works."""

import itertools
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bad_tables import ROWS, TINY, Generator, Table, generator_of, good, write
from support.commands import Command
from support.project import QUICK_TABLE

Column = Callable[[Generator], list[str]]


def words_among_numbers(draw: Generator) -> list[str]:
    return [f"{value:.2f}" if value > -1.2 else "n. a." for value in draw.normal(size=ROWS)]


def many_words_among_numbers(draw: Generator) -> list[str]:
    return [f"{value:.2f}" if row % 5 else f"about {row}" for row, value in enumerate(draw.normal(size=ROWS))]


def two_currencies(draw: Generator) -> list[str]:
    return [f"{value:.2f} €" if row % 3 else f"${value:.2f}" for row, value in enumerate(draw.gamma(2, 9, ROWS))]


def a_word_among_dates(draw: Generator) -> list[str]:
    return ["it's open" if row == 7 else f"{1 + row % 28:02}.{1 + row % 12:02}.2020" for row in range(ROWS)]


def two_orders_of_dates(draw: Generator) -> list[str]:
    return [f"2020-01-{1 + row % 28:02}" if row % 4 else f"{1 + row % 28:02}/01/2020" for row in range(ROWS)]


def infinite(draw: Generator) -> list[str]:
    return [f"{value:.3f}" if row % 9 else "inf" for row, value in enumerate(draw.normal(size=ROWS))]


def a_word_with_quotes(draw: Generator) -> list[str]:
    return [
        f"{value:.3f}" if row % 30 else 'say "no", \\ or: $HOME' for row, value in enumerate(draw.normal(size=ROWS))
    ]


BAD: tuple[Column, ...] = (
    words_among_numbers,
    many_words_among_numbers,
    two_currencies,
    a_word_among_dates,
    two_orders_of_dates,
    infinite,
    a_word_with_quotes,
)


PAIRS = zip(itertools.pairwise([*BAD, BAD[0]]), itertools.cycle(["csv", "parquet"]), strict=False)


@pytest.mark.parametrize(("chosen", "form"), [*PAIRS, (BAD, "csv"), (BAD, "parquet")])
def test_one_message_and_advice_that_works(
    chosen: tuple[Column, ...], form: str, command: Command, tmp_path: Path
) -> None:
    draw = generator_of(" ".join(make.__name__ for make in chosen))
    table: Table = {**good(), **{f"{make.__name__} (x=1)": make(draw) for make in chosen}}
    write(table, tmp_path / f"houses.{form}", "tab.tsv" if form == "csv" else form)
    words = ("run", *TINY, f"data.path=houses.{form}", "data.target=mood")
    refused = command(*words)
    lines = refused.stderr.splitlines()
    assert refused.returncode == 1
    assert lines[0] == f"data.path: 'houses.{form}': {len(chosen)} columns cannot be used as they are:"
    assert [line.partition(":")[0].strip() for line in lines[1:-1]] == [f"{make.__name__} (x=1)" for make in chosen]
    advice = shlex.split(lines[-1].removeprefix("Mend the file, or add: "))
    assert {word.partition("=")[0] for word in advice} <= {"data.missing", "data.drop"}
    done = command(*words, *advice, "hydra.run.dir=again")
    assert (done.returncode, done.stderr) == (0, "")


def test_advice_keeps_what_the_user_has_said(command: Command, tmp_path: Path) -> None:
    draw = generator_of("keeps")
    write({**good(), "bad": two_currencies(draw), "worse": words_among_numbers(draw)}, tmp_path / "t.csv", "tab.tsv")
    words = ("run", *TINY, "data.path=t.csv", "data.target=mood", "data.drop=[city]", "data.missing=[x]")
    refused = command(*words)
    assert refused.stderr.splitlines()[-1] == (
        "Mend the file, or add: 'data.drop=[city,bad]' 'data.missing=[x,\"n. a.\"]'"
    )


def test_a_run_that_is_only_described(command: Command, tmp_path: Path) -> None:
    """The columns, the task, the parts and the training; nothing is written."""
    write({**good(), "price": [f"{value:,}.50 €" for value in range(1000, 1000 + ROWS)]}, tmp_path / "t.csv", "tab.tsv")
    done = command("run", *QUICK_TABLE, "data.path=t.csv", "data.target=mood", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert [row[0] for row in rows if row[1]] == ["size", "rooms", "city", "built", "garden", "price", "mood"]
    assert "'1,000.50 €' read as" in done.stdout
    assert "target: multiclass" in done.stdout
    *_, run, training, end = done.stdout.splitlines()
    assert run.startswith("60 rows, 10 features, 3 classes; train 42, val 6, test 12; MLP with ")
    assert training.startswith("1000 epochs of 1 step of 32 rows") or " epochs of " in training
    assert end.endswith("s of training, without early stopping. Nothing was trained.")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    refused = command("run", *QUICK_TABLE, "data.path=t.csv", "data.target=moood", "--dry-run")
    assert refused.returncode == 1
    assert "Did you mean 'mood'?" in refused.stderr
