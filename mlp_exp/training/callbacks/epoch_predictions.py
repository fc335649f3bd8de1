"""Predictions of the validation part after chosen epochs, as files."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from mlp_exp.data.dataset import TargetColumn
from mlp_exp.training.callbacks.callback import Callback, RunView


class EpochPredictions(Callback):
    """Writes what the network predicts for the validation part, beside the truth, to `predictions/EPOCH.csv`.

    Args:
        every: epochs between two files; the first is that of epoch `every`.
    """

    def __init__(self, every: int = 10) -> None:
        if every < 1:
            raise ValueError(f"expected every to be 1 or more, got {every}")
        self._every = every

    def on_epoch(self, run: RunView) -> None:
        answers = run.answers()
        assert run.record
        if answers is None or run.record.epoch % self._every:
            return
        assert run.target is not None
        columns = run.task.columns(answers)
        truth = run.target.reshape(len(answers), -1)
        names = [f"true_{target.name}" for target in run.task.targets]
        folder = run.folder / "predictions"
        folder.mkdir(exist_ok=True)
        with (folder / f"{run.record.epoch}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*names, *columns])
            writer.writerows(zip(*_labelled(run.task.targets, truth), *columns.values(), strict=True))


def _labelled(targets: Sequence[TargetColumn], truth: NDArray[Any]) -> Iterator[list[Any]]:
    """The columns of `[n, T]`, with class names in place of codes."""
    for target, column in zip(targets, truth.T, strict=True):
        yield [target.class_names[code] for code in column] if target.class_names else column.tolist()
