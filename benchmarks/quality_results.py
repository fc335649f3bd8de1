"""What has been measured of quality, kept in a file beside the page, so that slow contenders are measured once."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

Key = tuple[str, str, int]
"""Case, column and number of the run."""


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


class Results(dict[Key, Result]):
    """The results of a file of JSON lines; the last of a key counts.

    results = Results(path)
    results.add(result)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        super().__init__((result.key, result) for result in (Result(**json.loads(line)) for line in lines))

    def add(self, result: Result) -> None:
        """Written at once: measuring may be interrupted."""
        self[result.key] = result
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(result))

    def tidy(self) -> None:
        """One line for each key, in order."""
        self.path.write_text("".join(_line(self[key]) for key in sorted(self)), encoding="utf-8")

    def of(self, case: str, column: str) -> list[Result]:
        """The runs of a case, by number."""
        return [self[key] for key in sorted(self) if key[:2] == (case, column)]


def _line(result: Result) -> str:
    return json.dumps(asdict(result)) + "\n"
