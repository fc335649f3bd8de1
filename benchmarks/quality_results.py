"""What has been measured of quality, kept in a file beside the page, so that slow contenders are measured once."""

from collections.abc import Mapping
from dataclasses import dataclass

from kept import Kept, Key, line_of


@dataclass(frozen=True)
class Result:
    """A run of one column of the page.

    Attributes:
        run: number of the seed or split, from 0.
        metric, value: of the test part.
        seconds: of processor time, from the data in memory to the answers for the test rows.
        rows: of the whole table.
        test: checksum of the test rows' numbers: results of other rows are not compared.
        made_with: versions, and the processor.
    """

    case: str
    column: str
    run: int
    metric: str
    value: float
    seconds: float
    rows: int
    test: int
    made_with: Mapping[str, str]

    @property
    def key(self) -> Key:
        return self.case, self.column, self.run


class Results(Kept[Result]):
    kind = Result

    def tidy(self) -> None:
        """One line for each key, in order."""
        self.path.write_text("".join(line_of(self[key]) for key in sorted(self)), encoding="utf-8")
