"""Measurements in a file beside the page: what has been measured is not measured again."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

Key = tuple[str, str, int]
"""Case, column, and number of the run or seed."""


class Measured(Protocol):
    """A dataclass that knows its key."""

    @property
    def key(self) -> Key: ...


T = TypeVar("T", bound=Measured)


class Kept(dict[Key, T], Generic[T]):
    """The measurements of a file of JSON lines; the last of a key counts.

    Attributes:
        kind: what a line holds, which a subclass says.

    results = Results(path)
    results.add(result)
    """

    kind: type[T]

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        super().__init__((each.key, each) for each in (self.kind(**json.loads(line)) for line in lines))

    def add(self, measured: T) -> None:
        """Written at once: measuring may be interrupted."""
        self[measured.key] = measured
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line_of(measured))

    def of(self, case: str, column: str) -> list[T]:
        """The runs of a case, by number."""
        return [self[key] for key in sorted(self) if key[:2] == (case, column)]


def line_of(measured: Any) -> str:
    return json.dumps(asdict(measured)) + "\n"
