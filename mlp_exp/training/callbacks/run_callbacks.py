"""The callbacks of one run, in their order."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from mlp_exp.errors import ConfigError
from mlp_exp.training.callbacks.callback import Callback, RunView, Snapshot
from mlp_exp.training.records import EpochRecord


class RunCallbacks:
    """Calls the callbacks of a run.

    Args:
        callbacks: by the names of their configuration.

    Attributes:
        columns: that they add to the history.
        inside: makes the context in which they are called, as that of the run's log.

    Raises:
        ConfigError: two add the same column.
    """

    def __init__(self, callbacks: Mapping[str, Callback], taken: Sequence[str] = ()) -> None:
        self._callbacks = dict(callbacks)
        self.columns: list[str] = []
        for name, callback in self._callbacks.items():
            for column in callback.columns:
                if column in (*self.columns, *taken):
                    raise ConfigError([f"callbacks.{name}: the history has a column '{column}' already; rename it"])
                self.columns.append(column)
        self.inside: Callable[[], AbstractContextManager[None]] = nullcontext
        self._view: RunView | None = None

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def begin(self, view: RunView) -> None:
        """Before the first epoch of this command."""
        self._view = view
        with self.inside():
            for callback in self._callbacks.values():
                callback.on_begin(view)

    def observe(self, record: EpochRecord, snapshot: Snapshot) -> EpochRecord:
        """Shows them an epoch; returns its record with their columns."""
        view = self._view
        if view is None:
            return record
        view.record, view.snapshot = record, snapshot
        found: dict[str, float] = {}
        with self.inside():
            for name, callback in self._callbacks.items():
                found |= _numbers(name, callback, callback.on_epoch(view))
        view.record = replace(record, metrics={**record.metrics, **found})
        view.history.append({**view.record.columns, **found})
        return view.record

    @property
    def stopped(self) -> bool:
        """Whether one of them has ended the run."""
        return self._view is not None and self._view.stopped

    def end(self) -> None:
        """After the last epoch."""
        if self._view:
            with self.inside():
                for callback in self._callbacks.values():
                    callback.on_end(self._view)

    def state(self) -> dict[str, Any]:
        """What each keeps, by name."""
        return {name: state for name, callback in self._callbacks.items() if (state := callback.state())}

    def restore(self, states: Mapping[str, Any]) -> None:
        """Puts back what `state` gave."""
        for name, state in states.items():
            if name in self._callbacks:
                self._callbacks[name].restore(state)


def _numbers(name: str, callback: Callback, returned: Mapping[str, float] | None) -> dict[str, float]:
    """What `on_epoch` returns, as numbers; ValueError unless it is one for each column."""
    values = dict(returned or {})
    if set(values) != set(callback.columns):
        expected, found = ", ".join(callback.columns) or "nothing", ", ".join(values) or "nothing"
        raise ValueError(f"callbacks.{name}: expected on_epoch to return its columns ({expected}), got {found}")
    return {column: float(values[column]) for column in callback.columns}
