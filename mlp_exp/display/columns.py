"""Tables whose columns are made to fit a terminal: words are wrapped and shortened, numbers stay whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import gt

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from mlp_exp.display.numbers import NOTHING, aligned, is_number
from mlp_exp.display.texts import NUMBERS, shortened

LEAST_TEXT = 8
"""To so many columns of the terminal a long word may be shortened, …"""
LEAST_HEADER = 6
"""… and to so many that of a header."""

Forms = Sequence[tuple[int, bool]]
"""What is tried in order: the blanks on each side of a cell, and whether words are wrapped and shortened."""
DENSE: Forms = ((1, False), (0, False), (0, True))
ROOMY: Forms = ((1, False), (1, True), (0, True))


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        header: may have several lines.
        floor: the width down to which it is made narrower, if it is wider.
        right: whether it is right-aligned, as numbers are.
    """

    header: str
    cells: Sequence[str]
    floor: int = 0
    right: bool = False

    @classmethod
    def of(cls, header: str, cells: Sequence[str], *, whole: bool = False) -> "Column":
        """With its numbers aligned by their decimal points; a column of numbers alone is right-aligned.

        With `whole` no word is shortened.
        """
        filled = [cell for cell in cells if cell not in ("", NOTHING)]
        floor = max((cell_len(word) for cell in cells for word in cell.split()), default=0) if whole else 0
        return cls(header, aligned(cells), floor, right=bool(filled) and all(map(is_number, filled)))

    @cached_property
    def natural(self) -> int:
        """The width in which nothing is wrapped or shortened."""
        return max(map(cell_len, (*self.header.split("\n"), *self.cells)))

    @cached_property
    def whole_words(self) -> int:
        """The width in which no word is shortened."""
        header = max(map(cell_len, self.header.split("\n")))
        return max(1, header, min(self.floor, self.natural), *(_least(cell, self.natural) for cell in self.cells))

    @cached_property
    def whole_lists(self) -> int:
        """The width in which every number and list of numbers is whole."""
        return max(self.narrowest, *(_least(cell, LEAST_TEXT, lists=True) for cell in self.cells))

    @cached_property
    def narrowest(self) -> int:
        """The width in which every number is whole."""
        header = min(LEAST_HEADER, max(map(cell_len, self.header.split("\n"))))
        return max(1, header, min(self.floor, self.natural), *(_least(cell, LEAST_TEXT) for cell in self.cells))

    def fitted(self, width: int) -> "Column":
        """With words that are not longer than this; different words stay different."""
        lines = self.header.split("\n")
        long = [cell for cell in self.cells if cell_len(cell) > width]
        short = shortened([*lines, *(word for cell in self.cells for word in cell.split())], width)
        cells = [" ".join(short[word] for word in cell.split()) if cell in long else cell for cell in self.cells]
        return replace(self, header="\n".join(short[line] for line in lines), cells=cells)


def _least(cell: str, limit: int, *, lists: bool = False) -> int:
    """The width of a number, and of the longest word of another cell up to the limit; with `lists` whole ones."""
    if is_number(cell.strip()):
        return cell_len(cell)
    words = (cell_len(word) if lists and NUMBERS.search(word) else min(limit, cell_len(word)) for word in cell.split())
    return max(words, default=0)


def fit(
    columns: Sequence[Column], width: int, forms: Forms, *, bold: int | None = None, section: int | None = None
) -> Table | None:
    """The table in the first form that fits; None where none does, or where headers would become equal.

    Args:
        width: of the terminal, in characters.
        bold: the place of the row that is emphasized.
        section: the place of the row below which a line is drawn.
    """
    for padding, narrow in forms:
        widths = _widths(columns, width - len(columns) * (2 * padding + 1) - 1, narrow=narrow)
        fitted = [column.fitted(each) for column, each in zip(columns, widths, strict=False)]
        if widths and len({column.header for column in fitted}) == len({column.header for column in columns}):
            return _drawn(fitted, widths, padding, bold=bold, section=section)
    return None


def squeezed(columns: Sequence[Column], *, bold: int | None = None, section: int | None = None) -> Table:
    """The narrowest table, for a terminal that is narrower still."""
    widths = [column.narrowest for column in columns]
    fitted = [column.fitted(each) for column, each in zip(columns, widths, strict=True)]
    return _drawn(fitted, widths, 0, bold=bold, section=section)


def _widths(columns: Sequence[Column], room: int, *, narrow: bool) -> list[int]:
    """Widths of columns that fit into so much room; none if they do not.

    The widest are reduced first, words shortened where wrapping is not enough.
    """
    widths = [column.natural for column in columns]
    if sum(widths) <= room:
        return widths
    narrowest = [column.narrowest for column in columns]
    if not narrow or sum(narrowest) > room:
        return []
    widths = [min(width, room) for width in widths]
    whole = [[column.whole_words for column in columns], [column.whole_lists for column in columns]]
    for least in (*whole, narrowest):
        while sum(widths) > room and any(map(gt, widths, least)):
            widest = max(range(len(widths)), key=lambda place: (widths[place] > least[place], widths[place]))
            widths[widest] -= 1
    return widths


def _drawn(
    columns: Sequence[Column], widths: Sequence[int], padding: int, *, bold: int | None, section: int | None
) -> Table:
    """The table, in which cells are padded to these widths."""
    table = Table(padding=(0, padding))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(Text(column.header), justify="right" if column.right else "left", width=width, overflow="fold")
    texts = [
        [_text(cell, width, right=column.right) for cell in column.cells]
        for column, width in zip(columns, widths, strict=True)
    ]
    for place, row in enumerate(zip(*texts, strict=True)):
        table.add_row(*row, style="bold" if place == bold else None)
        if place == section:
            table.add_section()
    return table


def _text(cell: str, width: int, *, right: bool) -> Text:
    """A cell; one on the right is moved there by blanks, as rich would take those away that align a number."""
    if right and cell_len(cell) <= width:
        return Text(" " * (width - cell_len(cell)) + cell, justify="left")
    return Text(cell)
