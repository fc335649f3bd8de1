"""What a run has left in its folder, as tables: its history and its metrics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlp_exp.display.numbers import score
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.run_folder import RunFolder

METRIC_COLUMNS = {"part": pa.string(), "metric": pa.string(), "value": pa.float64()}
INTERVAL_COLUMNS = {"low": pa.float64(), "high": pa.float64()}


def history_of(folder: Path, member: int | None = None) -> pa.Table:
    """A row for each epoch; of an ensemble the means over its networks, or those of the one with this number.

    Raises:
        RunFolderError: there is no history, or it is damaged.
    """
    run = RunFolder(folder)
    if member is None:
        columns = run.history_columns
        rows = run.read_history(columns)
    else:
        columns, histories = run.read_member_histories()
        if member >= len(histories):
            raise RunFolderError(f"{folder}: expected the history of network {member}, found {len(histories)} networks")
        rows = histories[member]
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(columns)})
    return table.set_column(0, columns[0], table[0].cast(pa.int64()))


def result_of(folder: Path, member: int | None = None) -> dict[str, Any]:
    """The result of a run; of a network of an ensemble with its own best epoch and metrics.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    result = RunFolder(folder).result()
    if result is None:
        raise RunFolderError(f"{folder}: expected the folder of a run that has ended, and it has no result")
    members = result.get("members", [])
    if member is None or member >= len(members):
        return result
    return {**result, "undefined": {}, "intervals": {}, **members[member]}


def metrics_of(result: Mapping[str, Any]) -> pa.Table:
    """A row for each part and metric: `part`, `metric`, `value`, missing where it is not defined.

    Where a part has 95 % intervals also `low` and `high`.
    """
    intervals = result.get("intervals", {})
    rows = [
        (part, name, value, *(intervals.get(part, {}).get(name) or (None, None)))
        for part, values in result["metrics"].items()
        for name, value in values.items()
    ]
    columns = METRIC_COLUMNS | (INTERVAL_COLUMNS if intervals else {})
    named = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    return pa.table(named, schema=pa.schema(columns))


def headlines_of(result: Mapping[str, Any]) -> list[str]:
    """The metrics of a run that are printed, as `val accuracy 0.9000`; of the training part if there is no other."""
    return [
        f"{part} {name} {score(values[name], None)}"
        for part, values in result["metrics"].items()
        if part != "train" or len(result["metrics"]) == 1
        for name in result.get("headlines", [])
        if values.get(name) is not None
    ]
