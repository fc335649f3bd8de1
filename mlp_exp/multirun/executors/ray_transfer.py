"""Ray without a shared drive: what a task needs goes to its worker, and what its runs leave comes back.

Tables go through the object store, into which they are put once.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ray

from mlp_exp.errors import disk_is_full
from mlp_exp.experiment.elsewhere import below, files_to_send
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.events import Done, Ended, Paused
from mlp_exp.multirun.executors.parcels import Changes, Parcel, Receiver, files_of, packed, pieces_of
from mlp_exp.multirun.executors.ray_worker import RayWorker
from mlp_exp.multirun.executors.wire import event_to_text
from mlp_exp.processes.private_folder import private_folder

SEND_SECONDS = 1.0
"""How often a worker looks for files that its runs have written, beside those of runs that end."""
SETTLED = (Ended.__name__, Paused.__name__)


class Cargo:
    """The command's side: what goes with tasks."""

    def __init__(self) -> None:
        self._tables: dict[str, list[Any]] = {}

    def of(self, task: StackTask, has: set[str]) -> list[Any]:
        """References to parcels: tables that the worker does not have, and what is in the folders of the runs.

        Args:
            has: the paths of the tables that it has been sent; is completed.
        """
        found = []
        for path in files_to_send(task.specs):
            if path not in has:
                has.add(path)
                if path not in self._tables:
                    self._tables[path] = [ray.put(parcel) for parcel in packed(pieces_of(Path(path), path))]
                found += self._tables[path]
        folders = [files_of(Path(spec.folder)) for spec in task.specs]
        pieces = (piece for files in folders for file in files for piece in pieces_of(file, str(file)))
        return [*found, *(ray.put(parcel) for parcel in packed(pieces))]


class FarWorker(RayWorker):
    """Trains in a private folder of its node, which is gone when it ends."""

    def __init__(self, environment: Mapping[str, str], cores: int) -> None:
        self._place = private_folder()
        super().__init__(environment, cores, self._place)

    def train_far(self, text: str, folders: Mapping[int, str], cargo: list[Any]) -> Iterator[str | Parcel]:
        """Trains a task; yields its events, and before them the files of its runs that have changed.

        Args:
            folders: of the runs, by their numbers, as the command calls them.
            cargo: of `Cargo.of`.
        """
        try:
            receiver = Receiver(partial(below, self._place))
            for parcel in cargo:
                receiver.take(ray.get(parcel))
        except OSError as error:
            if not disk_is_full(error):
                raise
            yield event_to_text(Done.disk_full(error))
            return
        changes = Changes(self._place, folders.values())
        hidden = json.dumps(str(self._place))[1:-1]
        sent = time.monotonic()
        for event in self.events(text, SEND_SECONDS):
            content = json.loads(event) if event else {}
            if content.get("event") in SETTLED:
                yield from changes.whole(folders[content["run"]])
            elif content.get("event") == Done.__name__:
                for folder in folders.values():
                    yield from changes.whole(folder)
                    # before `Done`: after it they may come again, with the next task
                    shutil.rmtree(below(self._place, folder), ignore_errors=True)
            elif time.monotonic() - sent > SEND_SECONDS:
                yield from changes.so_far()
                sent = time.monotonic()
            if event:
                yield event.replace(hidden, "")
