"""A table of runs that fits a terminal, however many and long its columns are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from mlp_exp.display.columns import DENSE, Column, fit, squeezed
from mlp_exp.display.numbers import MARK, NOTHING

SETTINGS = "settings"
LEAST_SETTINGS = 32
"""The width of settings in words; scores that leave less are left out first."""


@dataclass(frozen=True)
class Grid:
    """Rows that differ by settings and have scores.

    Attributes:
        label: the header of the first column.
        keys: of the settings.
        scores: names of values, of which the last ones are left out where a terminal is narrow.
        ends: headers of what stands at the end.
        rows: cells in this order.
        ranked_by: the score that is not left out.
        best: the place of the row that is marked.
    """

    label: str
    keys: Sequence[str]
    scores: Sequence[str]
    ends: Sequence[str]
    rows: Sequence[Sequence[str]]
    ranked_by: str = ""
    best: int | None = None

    @property
    def header(self) -> list[str]:
        """The names of all columns."""
        return [self.label, *self.keys, *self.scores, *self.ends]

    def without_equal(self) -> tuple["Grid", list[str]]:
        """The same without scores and ends that are equal in all of several rows, and those as `name=value`.

        What ranks stays.
        """
        cells = self._cells() if len(self.rows) > 1 else {}
        equal = {
            name: cells[name][0]
            for name in (*self.scores, *self.ends)
            if name in cells and name != self.ranked_by and len(set(cells[name])) == 1
        }
        places = [place for place, name in enumerate(self.header) if place == 0 or name not in equal]
        return replace(
            self,
            scores=[name for name in self.scores if name not in equal],
            ends=[name for name in self.ends if name not in equal],
            rows=[[row[place] for place in places] for row in self.rows],
        ), [f"{name}={value}" for name, value in equal.items() if value not in ("", NOTHING)]

    def table(self, width: int) -> tuple[Table, list[str]]:
        """The widest form that fits, and the names of the scores that it leaves out.

        Each setting has a column as long as there is room for all; else they are words in one.
        """
        scores = list(self.scores)
        while True:
            last = len(scores) <= 1
            in_words = self._in_words(scores, 0 if last else LEAST_SETTINGS)
            table = (
                fit(self._columns(scores, short=False), width, DENSE[:2], bold=self.best)
                or fit(self._columns(scores, short=True), width, DENSE, bold=self.best)
                or fit(in_words, width, DENSE, bold=self.best)
            )
            if table or last:
                left_out = [name for name in self.scores if name not in scores]
                return table or squeezed(in_words, bold=self.best), left_out
            scores.remove(next(name for name in reversed(scores) if name != self.ranked_by))

    def _columns(self, scores: Sequence[str], *, short: bool) -> list[Column]:
        """A column for each setting; `short` without the groups of their keys, where that leaves them different."""
        cells = self._cells()
        names = _short(self.keys) if short else list(self.keys)
        keys = [Column.of(_in_lines(name), cells[key]) for key, name in zip(self.keys, names, strict=True)]
        ends = [Column.of(name, cells[name], whole=True) for name in self.ends]
        return [self._labels(), *keys, *self._scores(scores), *ends]

    def _in_words(self, scores: Sequence[str], floor: int) -> list[Column]:
        """One column for all settings, and what stands at the end, as `lr=0.1 status=failed`."""
        cells = self._cells()
        named = {**dict(zip(self.keys, _short(self.keys), strict=True)), **{name: name for name in self.ends}}
        words = [
            " ".join(f"{name}={cells[key][place]}" for key, name in named.items() if cells[key][place])
            for place in range(len(self.rows))
        ]
        return [self._labels(), *([Column(SETTINGS, words, floor)] if named else []), *self._scores(scores)]

    def _labels(self) -> Column:
        labels = [f"{row[0]} {MARK}" if place == self.best else row[0] for place, row in enumerate(self.rows)]
        return Column.of(self.label, labels)

    def _scores(self, scores: Sequence[str]) -> list[Column]:
        cells = self._cells()
        return [replace(Column.of(_in_lines(name), cells[name]), right=True) for name in scores]

    def _cells(self) -> dict[str, list[str]]:
        """Those of each column but the first, by its name."""
        names = [*self.keys, *self.scores, *self.ends]
        return {name: [row[place] for row in self.rows] for place, name in enumerate(names, 1)}


def in_common(lists: Sequence[Sequence[str]]) -> list[str]:
    """The words that are in each of several lists, in the order of the first; none of a single one.

    >>> in_common([["a=1", "b=2"], ["b=2", "a=2"]])
    ['b=2']
    """
    first, *others = map(dict.fromkeys, lists)
    return [word for word in first if all(word in other for other in others)] if others else []


def _in_lines(name: str) -> str:
    """A key or metric as a header of up to three lines.

    >>> _in_lines("optimizer.weight_decay").split()
    ['optimizer', 'weight', 'decay']
    """
    return name.replace(".", "\n").replace("_", "\n", 1)


def _short(keys: Sequence[str]) -> list[str]:
    """Keys without their groups, where that leaves them different."""
    last = [key.rpartition(".")[2] for key in keys]
    return [short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)]
