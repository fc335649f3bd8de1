"""MLflow: one MLflow run for each run, and a parent run for each sweep."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mlp_exp.storage.folder_lock import folder_lock
from mlp_exp.storage.sweep_folder import LEADERBOARD, PAGE
from mlp_exp.trackers.state import TrackerState, load_state, save_state
from mlp_exp.trackers.tracker import Epoch, TrackedRun, Tracker, final_metrics, short_name, succeeded

MAX_METRICS, MAX_PARAMS = 800, 100
"""Per request. MLflow accepts 1000 entries in all, and 100 parameters."""
SQLITE = "sqlite:///"


class MLflow(Tracker):
    """Writes new epochs, parameters and tags of a run in one request.

    If `tracking_uri` is an SQLite file, artifacts go to mlruns/ beside it; a server decides for itself.
    """

    package = "mlflow"

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self.tracking_uri = tracking_uri
        self.experiment = experiment

    def open(self) -> None:
        self._parents: dict[Path, str] = {}
        self._pending_params: dict[str | None, Mapping[str, str]] = {}  # sent with a run's first epochs
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
        # if two commands created the tables of one new file at once, both would fail
        with folder_lock(self._folder, wait=True) if self._folder else nullcontext():
            self._experiment  # noqa: B018 (connects, and creates the tables of a new file)

    @cached_property
    def _mlflow(self) -> Any:
        import mlflow

        return mlflow

    @cached_property
    def _client(self) -> Any:
        return self._mlflow.MlflowClient(self.tracking_uri)

    @property
    def _folder(self) -> Path | None:
        """Folder of the SQLite file; None for a server."""
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
        known: Mapping[str, str] = {}  # MLflow refuses to change them
        if not (run.id and self._continue(run.id)):
            run.id, run.epochs = self._create(run.folder, run.began, parent), 0
        elif not run.epochs:
            known = self._client.get_run(run.id).data.params
        if not run.epochs:
            texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in run.params.items()}
            named = {_allowed_name(key): text for key, text in texts.items()}
            self._pending_params[run.id] = {key: text for key, text in named.items() if key not in known}

    def _continue(self, run_id: str) -> bool:
        """Reopens the run of an earlier command; False if MLflow no longer has it."""
        try:
            self._client.update_run(run_id, status="RUNNING")
        except self._mlflow.MlflowException:
            return False
        return True

    def _create(self, folder: Path, began: float, tags: Mapping[str, str]) -> str:
        tags = {"mlp_exp.folder": str(folder), **tags}
        created = self._client.create_run(self._experiment, round(1000 * began), tags, short_name(folder))
        return str(created.info.run_id)

    def _parent(self, sweep: Path, first: TrackedRun) -> str:
        """The parent run of a sweep, created once and continued by later commands."""
        if sweep not in self._parents:
            state = load_state(sweep, first.tracker)
            if state is None or not self._continue(state.id):
                state = TrackerState(tracker=first.tracker, id=self._create(sweep, first.began, {}))
                save_state(sweep, state)
            self._parents[sweep] = state.id
        return self._parents[sweep]

    def write(self, run: TrackedRun, epochs: Sequence[Epoch], result: Mapping[str, Any] | None) -> None:
        entities = self._mlflow.entities
        now = epochs[-1].time if epochs else time.time()
        rows, tags = list(epochs), []
        if result is not None:
            rows.append(Epoch(result.get("epochs", 0), now, final_metrics(result)))
            words = {key: str(result[key]) for key in ("status", "reason") if key in result}
            tags = [entities.RunTag(f"mlp_exp.{key}", text) for key, text in words.items()]
        points = [
            entities.Metric(_allowed_name(name), value, round(1000 * row.time), row.number)
            for row in rows
            for name, value in row.values.items()
        ]
        params = [entities.Param(key, text) for key, text in self._pending_params.pop(run.id, {}).items()]
        batches = zip_longest(_batches(points, MAX_METRICS), _batches(params, MAX_PARAMS), fillvalue=())
        for some_points, some_params in batches:
            self._client.log_batch(run.id, metrics=some_points, params=some_params, tags=tags)
        if result is not None:
            stopped = "KILLED" if result["status"] == "interrupted" else "FAILED"
            self._client.set_terminated(run.id, "FINISHED" if succeeded(result) else stopped, round(1000 * now))

    def attach(self, run: TrackedRun, file: Path) -> None:
        place = file.relative_to(run.folder).parent.as_posix()
        self._client.log_artifact(run.id, str(file), None if place == "." else place)

    def finish(self, run: TrackedRun) -> None:
        """Nothing to do: `write` has ended the run with its result."""

    def close(self) -> None:
        for sweep, parent in self._parents.items():
            for file in (sweep / LEADERBOARD, sweep / PAGE):
                if file.is_file():
                    self._client.log_artifact(parent, str(file))
            self._client.set_terminated(parent)


def _allowed_name(key: str) -> str:
    """The key without characters that MLflow refuses in names of parameters and metrics."""
    return re.sub(r"[^\w\-. /]", "_", key)


def _batches(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """At least one batch, which may be empty."""
    return [items[start : start + size] for start in range(0, len(items) or 1, size)]
