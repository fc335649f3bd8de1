"""What runs in a Ray cluster: an actor that owns a process which trains, and passes its events on."""

import json
from collections.abc import Iterator, Mapping

from mlp_exp._version import __version__
from mlp_exp.multirun.executors.child import Child


class RayWorker:
    """Trains one task after another in the same process. Ray calls `stop` while `train` is at work.

    Args:
        environment: variables of the process beside those that Ray has set.
        cores: that may train.
    """

    def __init__(self, environment: Mapping[str, str], cores: int) -> None:
        self._environment = dict(environment)
        self._cores = cores
        self._child: Child | None = Child(self._environment, cores)  # imports torch while tasks are prepared

    def ready(self) -> str:
        """Returns the version of this package there, as soon as there is an actor."""
        return __version__

    def train(self, text: str) -> Iterator[str]:
        """Trains a task; yields its events, the last of which is `Done`."""
        if self._child is None:
            self._child = Child(self._environment, self._cores)
        child = self._child
        child.send(text)
        while True:
            event = child.receive()
            content = json.loads(event)
            ends = content["event"] == "Done"
            if ends and content["cause"] in ("worker", "moved"):  # the process ends
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
