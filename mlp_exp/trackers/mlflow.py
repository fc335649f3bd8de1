"""MLflow: a run for each run, and one above those of a sweep."""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mlp_exp.storage.sweep_folder import LEADERBOARD, PAGE
from mlp_exp.trackers.memory import Memory, recall, remember
from mlp_exp.trackers.tracker import Epoch, Param, TrackedRun, Tracker, final_metrics, name_of, went_well

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MOST_METRICS, MOST_PARAMS = 800, 100
"""In a request. MLflow takes 1000 things in all, and 100 parameters."""
SQLITE = "sqlite:///"
SWEEP_FILES = (LEADERBOARD, PAGE)
"""What a sweep leaves beside its runs."""


class MLflow(Tracker):
    """Writes all that is new of a run in one request.

    Args:
        tracking_uri: as MLflow takes it. What is attached lies in mlruns/ beside an SQLite file; a server has a place.
        experiment: the name under which MLflow lists the runs.
    """

    package = "mlflow"

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self.tracking_uri = tracking_uri
        self.experiment = experiment

    def open(self) -> None:
        self._parents: dict[Path, str] = {}
        self._untold: dict[str | None, Mapping[str, Param]] = {}  # parameters that go with a run's first epochs
        with _alone(self._folder):
            self._experiment  # noqa: B018 (connects, and makes the tables of a new file)

    @cached_property
    def _mlflow(self) -> Any:
        import mlflow

        return mlflow

    @cached_property
    def _client(self) -> Any:
        return self._mlflow.MlflowClient(self.tracking_uri)

    @property
    def _folder(self) -> Path | None:
        """Where the SQLite file is; None for a server."""
        path = self.tracking_uri.removeprefix(SQLITE)
        return Path(path).absolute().parent if path != self.tracking_uri else None

    @cached_property
    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        place = (self._folder / "mlruns").as_uri() if self._folder else None
        return str(self._client.create_experiment(self.experiment, artifact_location=place))

    def begin(self, run: TrackedRun) -> None:
        parent = {"mlflow.parentRunId": self._parent(run.sweep, run)} if run.sweep else {}
        told: Mapping[str, str] = {}  # it takes no other values for them
        if not (run.id and self._goes_on(run.id)):
            run.id, run.epochs = self._create(run.folder, run.began, parent), 0
        elif not run.epochs:
            told = self._client.get_run(run.id).data.params
        if not run.epochs:
            self._untold[run.id] = {key: value for key, value in run.params.items() if _taken(key) not in told}

    def _goes_on(self, run_id: str) -> bool:
        """Takes up a run of an earlier command; False where it is not known here any more."""
        try:
            self._client.update_run(run_id, status="RUNNING")
        except self._mlflow.MlflowException:
            return False
        return True

    def _create(self, folder: Path, began: float, tags: Mapping[str, str]) -> str:
        tags = {"mlp_exp.folder": str(folder), **tags}
        made = self._client.create_run(self._experiment, round(1000 * began), tags, name_of(folder))
        return str(made.info.run_id)

    def _parent(self, sweep: Path, first: TrackedRun) -> str:
        """The run of a sweep, which a command that goes on with it takes up."""
        if sweep not in self._parents:
            memory = recall(sweep, first.tracker)
            if memory is None or not self._goes_on(memory.id):
                memory = Memory(tracker=first.tracker, id=self._create(sweep, first.began, {}))
                remember(sweep, memory)
            self._parents[sweep] = memory.id
        return self._parents[sweep]

    def write(self, run: TrackedRun, epochs: Sequence[Epoch], result: Mapping[str, Any] | None) -> None:
        now = epochs[-1].time if epochs else time.time()
        metrics = [(name, value, epoch.time, epoch.number) for epoch in epochs for name, value in epoch.values.items()]
        tags = {}
        if result is not None:
            step = result.get("epochs", 0)
            metrics += [(name, value, now, step) for name, value in final_metrics(result).items()]
            tags = {f"mlp_exp.{key}": str(result[key]) for key in ("status", "reason") if key in result}
        self._log(run.id, metrics, self._untold.pop(run.id, {}), tags)
        if result is not None:
            stopped = "KILLED" if result["status"] == "interrupted" else "FAILED"
            self._client.set_terminated(run.id, "FINISHED" if went_well(result) else stopped, round(1000 * now))

    def _log(
        self,
        run_id: str | None,
        metrics: Sequence[tuple[str, float, float, int]],
        params: Mapping[str, Param],
        tags: Mapping[str, str],
    ) -> None:
        entities = self._mlflow.entities
        points = [entities.Metric(_taken(name), value, round(1000 * when), step) for name, value, when, step in metrics]
        texts = {_taken(key): value if isinstance(value, str) else json.dumps(value) for key, value in params.items()}
        named = [entities.Param(key, text) for key, text in texts.items()]
        marks = [entities.RunTag(key, text) for key, text in tags.items()]
        for some, few in zip_longest(_cut(points, MOST_METRICS), _cut(named, MOST_PARAMS), fillvalue=()):
            self._client.log_batch(run_id, metrics=some, params=few, tags=marks)

    def attach(self, run: TrackedRun, file: Path) -> None:
        inside = file.relative_to(run.folder).parent.as_posix()
        self._client.log_artifact(run.id, str(file), None if inside == "." else inside)

    def finish(self, run: TrackedRun) -> None:
        """Has been done with its result."""

    def close(self) -> None:
        for sweep, parent in self._parents.items():
            for file in (sweep / name for name in SWEEP_FILES):
                if file.is_file():
                    self._client.log_artifact(parent, str(file))
            self._client.set_terminated(parent)


@contextmanager
def _alone(folder: Path | None) -> Iterator[None]:
    """Inside, no other command is here with this folder: of two that make the tables of one new file, both fail."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    if folder is None or fcntl is None:
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network drives lock no folders
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _taken(key: str) -> str:
    """With no character that MLflow refuses in the name of a parameter or metric."""
    return re.sub(r"[^\w\-. /]", "_", key)


def _cut(things: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """In pieces, of which there is one at least."""
    return [things[start : start + size] for start in range(0, len(things) or 1, size)]
