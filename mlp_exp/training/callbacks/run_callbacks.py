"""The callbacks of one run, in their order."""

import logging
import numbers
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from mlp_exp.errors import CallbackError, ConfigError, MlpExpError, describe
from mlp_exp.training.callbacks.callback import Callback, RunView, Snapshot
from mlp_exp.training.records import EpochRecord

log = logging.getLogger(__name__)

COLUMN = re.compile(r"[A-Za-z_][\w.]*")
"""The name of a column."""


class RunCallbacks:
    """Calls the callbacks of a run.

    Whatever they raise becomes a CallbackError; one of the project's own errors, which says it all, stays as it is.

    Args:
        callbacks: by the names of their configuration.

    Attributes:
        inside: makes the context in which they see an epoch, as that of the run's log.
        stopped: whether one of them has ended the run.
    """

    def __init__(self, callbacks: Mapping[str, Callback]) -> None:
        self._callbacks = dict(callbacks)
        self.inside: Callable[[], AbstractContextManager[None]] = nullcontext
        self.stopped = False
        self._view: RunView | None = None
        self._states: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def begin(self, view: RunView) -> None:
        """Before the first epoch of this command."""
        self._view = view
        view.stopped = self.stopped
        for name, callback in self._callbacks.items():
            with _named(name, "on_begin"):
                callback.on_begin(view)
        self.stopped = view.stopped

    def observe(self, record: EpochRecord, snapshot: Snapshot) -> EpochRecord:
        """Shows them an epoch; returns its record with their columns."""
        view = self._view
        if view is None:
            return record
        view.record, view.snapshot = record, snapshot
        found: dict[str, float] = {}
        try:
            with self.inside():
                for name, callback in self._callbacks.items():
                    with _named(name, "on_epoch"):
                        found |= _numbers(callback.columns, callback.on_epoch(view))
                self._states = self._kept()
        finally:
            view.snapshot = None
        self.stopped = view.stopped
        view.record = replace(record, metrics={**record.metrics, **found})
        view.history.append(view.record.columns)
        return view.record

    def end(self, status: str, latest: EpochRecord | None, epochs: int) -> None:
        """After the last epoch, once; all are told, also if one of them fails.

        Args:
            status: how the run ended.
            latest, epochs: what its history has, from which an interrupt may have kept an epoch.
        """
        view, self._view = self._view, None
        if view is None:
            return
        view.status, view.record = status, latest
        del view.history[epochs:]
        failed: Exception | None = None
        for name, callback in self._callbacks.items():
            try:
                with _named(name, "on_end"):
                    callback.on_end(view)
            except Exception as error:
                if failed:
                    log.error("%s", error, exc_info=error)
                failed = failed or error
        if failed:
            raise failed

    def state(self) -> dict[str, Any]:
        """What each kept after the latest epoch, by name."""
        return self._states

    def _kept(self) -> dict[str, Any]:
        kept = {}
        for name, callback in self._callbacks.items():
            with _named(name, "state"):
                if state := callback.state():
                    kept[name] = state
        return kept

    def restore(self, states: Mapping[str, Any], *, stopped: bool) -> None:
        """Puts back what `state` and `stopped` were."""
        self._states, self.stopped = dict(states), stopped
        for name, callback in self._callbacks.items():
            if name in states:
                with _named(name, "restore"):
                    callback.restore(states[name])


def columns_of(callbacks: Mapping[str, Callback]) -> tuple[str, ...]:
    """All that they add to the history; ConfigError for what are no names."""
    for name, callback in callbacks.items():
        columns = callback.columns
        if not isinstance(columns, tuple | list) or not all(
            isinstance(c, str) and COLUMN.fullmatch(c) for c in columns
        ):
            raise ConfigError(
                [
                    f"callbacks.{name}: expected columns to be a tuple of names of letters, digits, _ and ., "
                    f"got {columns!r}"
                ]
            )
    return tuple(column for callback in callbacks.values() for column in callback.columns)


def require_free(callbacks: Mapping[str, Callback], taken: Iterable[str]) -> None:
    """Raises ConfigError for a column that is one of those taken, or of a callback before."""
    seen = {"val_loss", "val_metric", *taken}
    for name, callback in callbacks.items():
        for column in callback.columns:
            if column in seen:
                raise ConfigError([f"callbacks.{name}: the history has a column '{column}' already; rename it"])
            seen.add(column)


@contextmanager
def _named(name: str, method: str) -> Iterator[None]:
    """Inside, what a callback raises becomes an error that names it."""
    try:
        yield
    except MlpExpError:
        raise
    except Exception as error:  # the user's own code may raise anything
        message = f"callbacks.{name}.{method}: {describe(error)}. The run's log has the traceback"
        raise CallbackError(message) from error


def _numbers(columns: tuple[str, ...], returned: object) -> dict[str, float]:
    """What `on_epoch` returns, as numbers; ValueError unless it is one for each column."""
    values = {} if returned is None else returned
    wanted = f"expected a number for each of its columns ({', '.join(columns)})" if columns else "expected no columns"
    if not isinstance(values, Mapping):
        raise ValueError(f"{wanted}, got {reprlib.repr(returned)}")
    if set(values) != set(columns):
        raise ValueError(f"{wanted}, got {', '.join(map(str, values)) or 'none'}")
    return {column: _number(column, values[column]) for column in columns}


def _number(column: str, value: Any) -> float:
    """ValueError for what is none; a tensor or an array of one is."""
    if isinstance(value, numbers.Real) or np.shape(value) in ((), (1,)):
        try:
            return float(value.item() if hasattr(value, "item") else value)
        except (TypeError, ValueError):
            pass
    raise ValueError(f"expected a number for the column '{column}', got {reprlib.repr(value)}")
