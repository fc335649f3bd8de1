"""Progress bars: epochs of a run, runs of a sweep, bytes of a file."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich import get_console
from rich.console import RenderableType
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mlp_exp.display.console import shows_bars
from mlp_exp.display.numbers import number

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.1
LINE_SECONDS = 30.0
"""Between two log lines on the progress of a sweep, where there is no terminal for a bar."""


def epoch_bar() -> Progress:
    """A progress bar over epochs, with the losses; shown only on a terminal."""
    console = get_console()
    return Progress(
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
        console=console,
        disable=not shows_bars(console),
    )


class SweepBar:
    """A progress bar over all `epochs` of the `runs` of a sweep together; without a terminal, regular log lines."""

    def __init__(self, runs: int, epochs: int) -> None:
        console = get_console()
        self._bar = Progress(
            TextColumn("{task.fields[ended]}/{task.fields[runs]} runs"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            disable=not shows_bars(console),
            transient=True,
            auto_refresh=False,  # needs a thread, which does not survive the forks that train stacks
        )
        self._task = self._bar.add_task("", total=epochs, runs=runs, ended=0)
        self._ended = 0
        self._said = time.monotonic()

    def __enter__(self) -> "SweepBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, epochs: int, ended: int = 0) -> None:
        self._ended += ended
        self._bar.update(self._task, advance=epochs, ended=self._ended)

    def describe(self, epoch: int, column: str, value: float, job: int) -> None:
        """Shows the epoch of a stack, and the best value of a column so far with its job."""
        text = f"epoch {epoch}, best {column} {number(value)} (job {job})"
        self._bar.update(self._task, description=text)
        pause = LINE_SECONDS if self._bar.disable else REFRESH_SECONDS
        if time.monotonic() - self._said < pause:
            return
        self._said = time.monotonic()
        if not self._bar.disable:
            self._bar.refresh()
        else:
            log.info("%d of %d runs done, %s", self._ended, self._bar.tasks[0].fields["runs"], text)


class _FileBar(Progress):
    """A bar at the position in a file, which is looked up with each refresh: Arrow reads the file outside Python."""

    def __init__(self, raw: "pa.NativeFile", name: str) -> None:
        console = get_console()
        self._raw = raw
        super().__init__(
            TextColumn("reading {task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not shows_bars(console),
            transient=True,
        )
        self.add_task(name, total=raw.size())

    def get_renderables(self) -> Iterable[RenderableType]:
        with suppress(OSError, ValueError):  # Arrow has closed the file, which it does once it has read it
            for task in self.task_ids:
                self.update(task, completed=self._raw.tell())
        return super().get_renderables()


@contextmanager
def open_with_progress(path: Path) -> Iterator["pa.NativeFile"]:
    """Opens a file for Arrow with a progress bar, shown only on a terminal."""
    from mlp_exp.data.table.file import open_native  # imports pyarrow, which a run without a table need not have

    with open_native(path) as raw, _FileBar(raw, path.name):
        yield raw
