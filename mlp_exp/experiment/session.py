"""What the runs of one process have in common: tables, plans and logs. A fork inherits it."""

import logging
import logging.config
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from mlp_exp.experiment.spec import RunSpec

T = TypeVar("T")


class Session:
    """Things that are made once and used by all runs of a process that ask for the same.

    Keys say all that a thing depends on, as texts of the configuration.

    Attributes:
        shows_data: whether what was decided about a table is printed when it is read.
        trains_here: whether its runs train on this machine; otherwise no device is looked for.
        is_worker: whether a command on another machine waits for its runs, and sends them again to another worker if
            the disk is full here.
        root: of a worker that does not see the command's files, the folder below which are those that were sent.
        files: of such a worker where files are that configurations name, by their names there.
        logs: of its runs.
    """

    def __init__(
        self,
        *,
        shows_data: bool = False,
        trains_here: bool = True,
        is_worker: bool = False,
        root: Path | None = None,
    ) -> None:
        self.shows_data = shows_data
        self.trains_here = trains_here
        self.is_worker = is_worker
        self.root = root
        self.files: Mapping[str, str] = {}
        self._kept: dict[tuple[str, ...], Any] = {}
        self._tables: WeakValueDictionary[tuple[str, ...], Any] = WeakValueDictionary()
        self.logs = RunLogs()

    def keep(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """The thing of this key, kept to the end of the session."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def table(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """The thing of this key, which lives as long as a run uses it."""
        found: T | None = self._tables.get(key)
        if found is None:
            found = self._tables[key] = make()
        return found


class RunLogs:
    """The logs of runs that train together in one process: the lines of each go to its own files alone.

    Attributes:
        console: the handlers of lines that belong to no run.
    """

    def __init__(self) -> None:
        self.console = list(logging.getLogger().handlers)
        self._mute = False
        self._files: dict[str, list[logging.Handler]] = {}

    def begin(self, spec: RunSpec) -> None:
        """Sets up the log of a run, unless this process has done so; makes the folder."""
        if spec.folder not in self._files and spec.log:
            Path(spec.folder).mkdir(parents=True, exist_ok=True)
            logging.config.dictConfig(spec.log)
            self.divide(spec)

    def divide(self, spec: RunSpec) -> None:
        """Takes a run's own handlers, those that write to files, from the ones that were just configured."""
        handlers = list(logging.getLogger().handlers)
        files: list[logging.Handler] = [handler for handler in handlers if isinstance(handler, logging.FileHandler)]
        self.console = [] if self._mute else [handler for handler in handlers if handler not in files]
        self._files[spec.folder] = files
        logging.getLogger().handlers[:] = self.console

    @contextmanager
    def of(self, spec: RunSpec) -> Iterator[None]:
        """Inside, log lines go to the run's log alone; nowhere, where it has not begun."""
        root = logging.getLogger()
        files = self._files.get(spec.folder, [])
        root.handlers[:] = files or [logging.NullHandler()]
        try:
            yield
        finally:
            for handler in files:
                handler.close()  # it opens again with the next line: a thousand runs must not hold a thousand files
            root.handlers[:] = self.console

    def mute(self) -> None:
        """Discards lines that belong to no run, from now on."""
        self._mute, self.console = True, []
        logging.getLogger().handlers[:] = []
