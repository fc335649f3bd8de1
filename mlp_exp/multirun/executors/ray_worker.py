"""What runs in a Ray cluster: an actor that owns a process which trains, and passes its events on."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlp_exp._version import __version__
from mlp_exp.multirun.executors.child import Child
from mlp_exp.multirun.executors.events import ENDS_WORKER


class RayWorker:
    """Trains one task after another in the same process. Ray calls `stop` while `train` is at work.

    Args:
        environment: variables of the process beside those that Ray has set.
        cores: that may train.
        root: the folder below which its files are, if it does not see those of the command.
    """

    def __init__(self, environment: Mapping[str, str], cores: int, root: Path | None = None) -> None:
        self._environment = dict(environment)
        self._cores = cores
        self._root = root
        self._child: Child | None = self._begun()  # imports torch while tasks are prepared

    def _begun(self) -> Child:
        return Child(self._environment, self._cores, self._root)

    def ready(self) -> str:
        """Returns the version of this package there, as soon as there is an actor."""
        return __version__

    def train(self, text: str) -> Iterator[str]:
        """Trains a task; yields its events, the last of which is `Done`."""
        for event in self.events(text, None):
            if event:
                yield event

    def events(self, text: str, pause: float | None) -> Iterator[str | None]:
        """Likewise; None after each pause of so many seconds without an event."""
        if self._child is None:
            self._child = self._begun()
        child = self._child
        child.send(text)
        while True:
            if not child.events.poll(pause):
                yield None
                continue
            event = child.receive()
            content = json.loads(event)
            ends = content["event"] == "Done"
            if ends and content["cause"] in ENDS_WORKER:  # the process ends
                child.kill()
                self._child = None
            yield event
            if ends:
                return

    def stop(self) -> None:
        """Has the task at hand save its runs and end."""
        child = self._child
        if child is not None:
            child.stop()
