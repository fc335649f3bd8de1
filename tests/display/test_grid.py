"""Tables of runs fit terminals of any width: generated cases, and what is shown of some."""

import doctest
import io
import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from support.commands import table_of

from mlp_exp.display import grid as grid_module
from mlp_exp.display import numbers, tables, texts
from mlp_exp.display.columns import DENSE, Column, fit
from mlp_exp.display.grid import SETTINGS, Grid
from mlp_exp.display.numbers import as_typed, in_column
from mlp_exp.display.texts import flowing, shortened

WIDTHS = [40, 55, 80, 200]
WORDS = [
    "lr",
    "hidden_sizes",
    "weight_decay",
    "東京の長い名前",
    "größe",
    "a_very_long_name_that_never_ends_before_here",
    "x",
]
STATUS = ["finished", "failed", "diverged", "stopped_early", "finished, failed"]


@pytest.mark.parametrize("module", [numbers, texts, grid_module], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


# ---- generated tables


def a_key(draw: Random) -> str:
    return ".".join(draw.choice(WORDS) + draw.choice(["", str(draw.randint(0, 99))]) for _ in range(draw.randint(1, 3)))


def a_value(draw: Random) -> str:
    return draw.choice(
        [
            "",
            f"{draw.random()!r}",
            f"{10 ** draw.uniform(-9, 3):.3g}",
            f"[{','.join(str(draw.randint(1, 512)) for _ in range(draw.randint(1, 9)))}]",
            f"/data/{'folder/' * draw.randint(0, 12)}{draw.randint(0, 9)}/table.csv",
            "漢字" * draw.randint(1, 20) + str(draw.randint(0, 9)),
            "two words",
            "null",
        ]
    )


def a_score(draw: Random, rows: int, scale: float, *, repeated: bool) -> list[str]:
    """Values of a column, of which some are missing, not finite or far from the others."""

    def pair() -> tuple[float, float | None] | None:
        odd = draw.random()
        if odd < 0.1:
            return None
        mean = draw.gauss(1, 0.5) * (scale if odd > 0.2 else draw.choice([1e30, 1e-12, math.nan, math.inf, 0.0]))
        return mean, abs(draw.gauss(0, 0.1)) * scale if repeated and odd > 0.3 else None

    return in_column([pair() for _ in range(rows)])


def a_grid(draw: Random) -> Grid:
    rows = draw.choice([1, 2, 7, 20])
    keys = list(dict.fromkeys(a_key(draw) for _ in range(draw.choice([0, 1, 3, 6, 25]))))
    scores = [f"{part}_{name}" for part in ("val", "test") for name in ("rmse", "mean_absolute_class_error", "r2")]
    scores = scores[: draw.randint(1, 6)]
    repeated = draw.random() < 0.5
    labels = draw.choice(
        [[str(row) for row in range(rows)], [f"2026-11-29_{row:02}-a-long-folder" for row in range(rows)]]
    )
    columns = [
        labels,
        *(as_typed([a_value(draw) for _ in range(rows)]) for _ in keys),
        *(a_score(draw, rows, 10 ** draw.uniform(-7, 6), repeated=repeated) for _ in scores),
        [draw.choice(STATUS) for _ in range(rows)],
    ]
    listed = [list(row) for row in zip(*columns, strict=True)]
    return Grid("job", keys, scores, ["status"], listed, draw.choice(scores), best=0)


def cells_of(table: Table) -> dict[str, list[str]]:
    """The cells of each column, by its header on one line."""
    headers = [getattr(column.header, "plain", "").replace("\n", " ") for column in table.columns]
    assert len(set(headers)) == len(headers)
    return {
        header: [getattr(cell, "plain", "") for cell in column.cells]
        for header, column in zip(headers, table.columns, strict=True)
    }


def lines_of(table: Table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


@pytest.mark.parametrize(("seed", "width"), [*zip(range(20), itertools.cycle(WIDTHS), strict=False)])
def test_any_table_fits(seed: int, width: int) -> None:
    """No line is too long, no number is cut, points are below one another, what differs still does."""
    grid = a_grid(Random(seed))
    table, left_out = grid.table(width)
    assert max(map(cell_len, lines_of(table, width))) <= width
    assert grid.ranked_by not in left_out
    shown = cells_of(table)
    kept = [place for place, name in enumerate(grid.header) if name in grid.scores and name not in left_out]
    in_words = any(header.startswith(SETTINGS[:2]) for header in shown)
    first = len(shown) - len(kept) - (0 if in_words else len(grid.ends))
    for place, cells in zip(kept, list(shown.values())[first:], strict=False):
        assert [cell.split() for cell in cells] == [row[place].split() for row in grid.rows]
        assert len({cell.index(".") for cell in cells if "." in cell.partition(" ± ")[0]}) <= 1
        assert len({cell.index("±") for cell in cells if "±" in cell}) <= 1
    settings = {(*row[: first_score(grid)], row[-1]) for row in grid.rows}
    told_apart = list(shown.values())[: first if in_words else len(grid.keys) + 1]
    if not in_words:
        told_apart.append(list(shown.values())[-1])
    assert len(set(zip(*told_apart, strict=True))) == len(settings)


def first_score(grid: Grid) -> int:
    return 1 + len(grid.keys)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("runs", [1, 20, 1000])
def test_what_is_printed_fits(runs: int, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    console = Console(width=width, file=out)
    monkeypatch.setattr("mlp_exp.display.console.get_console", lambda: console)
    rows = [[str(run), f"{run / 7!r}", f"{run:.4f}", f"{run % 3:.4f}"] for run in range(runs)]
    grid = Grid("job", ["optimizer.lr"], ["val_log_loss", "test_log_loss"], [], rows, "val_log_loss", best=0)
    same = ["trainer.epochs=5", f"data.path={'/folder' * 40}/table.csv"]
    title = f"{runs} runs, best first by val_log_loss; mean ± standard deviation over seed, split.fold"
    tables.print_leaderboard(title, same, grid, tmp_path)
    *lines, path = out.getvalue().splitlines()
    assert path == str(tmp_path)
    assert max(map(cell_len, lines)) <= width
    head = [line for line in lines if line[0] not in "┏┃┡│└"]
    assert " ".join(head[: -1 if head[-1] == "* the best run" else None]).startswith(
        f"{title} Same in all: trainer.epochs=5"
    )
    labels = " ".join(row[0] for row in table_of(lines))
    assert labels.endswith("19 … 980 more" if runs == 1000 else f"{runs - 1}" + " *" * (runs == 1))


# ---- what is shown


def shown(grid: Grid, width: int) -> tuple[list[list[str]], list[str]]:
    table, left_out = grid.table(width)
    return table_of(lines_of(table, width)), left_out


TWO = Grid(
    "job",
    ["optimizer.lr", "optimizer.weight_decay", "model.hidden_sizes"],
    ["val_rmse", "val_r2", "test_rmse", "test_r2"],
    [],
    [
        ["4", "0.01", "0", "[64,32,16]", "17850 ± 4397", "0.98 ± 0.01", "1.5", "0.1"],
        ["11", "1e-05", "0.1", "[8]", "222805 ± 45038", "-1.81 ± 1.17", "1.25", "–"],
    ],
    "val_r2",
    best=0,
)


def test_a_wide_terminal_shows_whole_keys() -> None:
    found, left_out = shown(TWO, 120)
    assert left_out == []
    assert [" ".join(part for part in column if part) for column in zip(*found[:3], strict=True)] == [
        "job", "optimizer lr", "optimizer weight decay", "model hidden sizes",
        "val rmse", "val r2", "test rmse", "test r2",
    ]  # fmt: skip
    assert found[3:] == [["4 *", *TWO.rows[0][1:4], "17850 ±  4397", "0.98 ± 0.01", *TWO.rows[0][6:]], TWO.rows[1]]


def test_a_status_stays_whole() -> None:
    rows = [["0", f"{'x' * 60}a", "0.123", "0.1", "interrupted"], ["1", f"{'x' * 60}b", "0.2", "0.2", "stopped_early"]]
    found, left_out = shown(Grid("job", ["data.path"], ["val_mae", "test_mae"], ["status"], rows, "val_mae"), 41)
    assert left_out == []
    assert [row[-1] for row in found[-2:]] == ["interrupted", "stopped_early"]
    assert all("…" in row[1] for row in found[-2:])


def test_a_narrower_terminal_shows_no_groups() -> None:
    found, left_out = shown(TWO, 70)
    assert left_out == []
    assert [" ".join(part for part in column if part) for column in zip(*found[:2], strict=True)] == [
        "job", "lr", "weight decay", "hidden sizes", "val rmse", "val r2", "test rmse", "test r2"
    ]  # fmt: skip


def test_the_narrowest_shows_words_and_the_score_that_ranks() -> None:
    found, left_out = shown(TWO, 40)
    assert left_out == ["val_rmse", "test_rmse", "test_r2"]
    assert found == [
        ["", "", "val"],
        ["job", "settings", "r2"],
        ["4 *", "lr=0.01", "0.98 ± 0.01"],
        ["", "weight_decay=0", ""],
        ["", "hidden_si…[64,32,16]", ""],
        ["11", "lr=1e-05", "-1.81 ± 1.17"],
        ["", "weight_decay=0.1", ""],
        ["", "hidden_sizes=[8]", ""],
    ]


def test_equal_scores_are_left_out() -> None:
    rows = [["0", "0.5000", "0.7500", "failed"], ["1", "0.5000", "–", "failed"]]
    grid, equal = Grid("job", [], ["val_r2", "test_r2"], ["status"], rows, "test_r2").without_equal()
    assert (grid.header, equal) == (["job", "test_r2"], ["val_r2=0.5000", "status=failed"])
    assert grid.rows == [["0", "0.7500"], ["1", "–"]]
    alone = Grid("job", [], ["val_r2"], [], [["0", "0.5000"]])
    assert alone.without_equal() == (alone, [])


# ---- numbers and texts


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.5, 0.25, None], ["0.5000", "0.2500", "–"]),
        ([26574.0764, 18347.961], ["26574", "18348"]),
        ([12.3456, 12.3457], ["12.34560", "12.34570"]),  # by their spread
        ([0.91, 0.92, 1e30], ["0.9100", "0.9200", "1e+30"]),  # one that exploded changes nothing
        ([0.4, 0.5, 1.5e-7], ["0.4000", "0.5000", "1.5e-07"]),
        ([0.0, 0.0], ["0.0000", "0.0000"]),
        ([math.nan, 0.5], ["nan", "0.5000"]),
        ([], []),
    ],
)
def test_digits_of_a_column(values: Sequence[float | None], shown: list[str]) -> None:
    assert in_column([None if value is None else (value, None) for value in values]) == shown


@pytest.mark.parametrize("width", range(5, 30))
def test_shortened_names_are_different(width: int) -> None:
    names = [f"{a}{'m' * 40}{b}" for a in "xy" for b in "xy"] + ["東京" * 9 + "x", "東京" * 10, "x"]
    short = shortened(names, width)
    assert list(short) == names
    assert len(set(short.values())) == len(names)
    assert max(map(cell_len, short.values())) <= width
    assert short["x"] == "x"


def test_names_that_no_short_part_tells_apart_stay_whole() -> None:
    names = [f"{a}{'m' * 20}{b}{'n' * 20}{c}" for a in "xy" for b in "xy" for c in "xy"]
    assert shortened(names, 12) == dict(zip(names, names, strict=True))


def test_sentences_are_wrapped_and_what_is_pasted_is_not() -> None:
    path = "/a/folder with/a/very/long/name/table.csv".replace(" ", "_")
    line = f"job 3: what stands in {path} is no table. Go on with: python -m mlp_exp.run resume=out/3 seed=1"
    assert list(flowing(line, 30)) == [
        "job 3: what stands in",
        path,
        "is no table. Go on with:",
        "python -m mlp_exp.run resume=out/3 seed=1",
    ]
    assert list(flowing("Trial 7: a=1 b=2 c=3 d=4", 12)) == ["Trial 7:", "a=1 b=2 c=3 d=4"]
    assert list(flowing("  indented by two", 12)) == ["  indented", "  by two"]
    assert list(flowing("", 12)) == [""]


def test_lists_of_numbers_stay_whole_where_words_give_room() -> None:
    sizes = ["[192,192]", "[1024,1024]"]
    names = ["a_long_word_that_can_be_shortened", "another_long_word_that_can_be_shortened"]
    table = fit([Column("sizes", sizes), Column("name", names), Column("both", ["lr=0.1 s=[192,192]"] * 2)], 44, DENSE)
    assert table is not None
    assert [column.width for column in table.columns] == [11, 18, 11]
    assert list(map(str, table.columns[0].cells)) == sizes
    assert [word for cell in table.columns[2].cells for word in str(cell).split()] == ["lr=0.1", "s=[192,192]"] * 2


def test_a_list_of_numbers_is_cut_between_them() -> None:
    chosen = Random(0)
    for _ in range(300):
        numbers = chosen.choices(["7", "512", "-31", "0.56498", "1e-05", "2.5e+16"], k=chosen.randint(3, 9))
        text = f"{chosen.choice(['', 'sizes='])}[{','.join(numbers)}]"
        width = chosen.randint(8, len(text))
        short = shortened([text], width)[text]
        assert len(short) <= width
        assert set(re.findall(r"[-+.\de]*\d[-+.\de]*", short)) <= set(numbers), (text, short)
