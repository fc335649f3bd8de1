"""Runs that predict, the tables that they predict for, and what the command says."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig
from pyarrow import parquet

from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.streaming import TableStream
from mlp_exp.experiment.components import Components
from mlp_exp.inference.loading import load
from mlp_exp.inference.trained_run import TrainedRun
from support.compositions import compose_run
from support.specs import build, train_in

Columns = Mapping[str, Sequence[Any]]
QUIET = ("trainer.epochs=2", "trainer.device=cpu", "trainer.plots=never", "model.hidden_sizes=[8]")
ROWS = 60


def composed(*words: str) -> DictConfig:
    return compose_run([*QUIET, *words])


def components(*words: str) -> Components:
    return build(composed(*words))


def train(folder: Path, *words: str) -> Components:
    """Trains a run in this folder."""
    train_in(folder, composed(*words))
    return components(*words)


def loaded(folder: Path | str, allow: Sequence[str] = ()) -> TrainedRun:
    """A run of one network."""
    run = load(folder, allow)
    assert isinstance(run, TrainedRun)
    return run


def as_job(folder: Path, number: int, override: str) -> None:
    """Gives a run what Hydra leaves in the folder of a job."""
    (folder / ".hydra").mkdir()
    (folder / ".hydra/overrides.yaml").write_text(f"- {override}\n", encoding="utf-8")
    (folder / ".hydra/hydra.yaml").write_text(f"hydra: {{job: {{num: {number}}}}}\n", encoding="utf-8")


def content(path: Path) -> pa.Table:
    """A file of predictions; numbers of CSV read back exactly."""
    if path.suffix == ".parquet":
        return parquet.read_table(path)
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    columns = list(zip(*rows, strict=True))
    labels = len(names) > 1
    return pa.table(
        {name: columns[i] if labels and not i else list(map(float, columns[i])) for i, name in enumerate(names)}
    )


def inputs_of(run: TrainedRun, file: Path, rows: int) -> NDArray[np.float32]:
    """What a run's network gets of a file that is read so many rows at a time."""
    stream = TableStream(str(file), run.feature_schema.format)
    misfits, found = Misfits("the table"), []
    for chunk in stream.chunks(run.feature_schema.names, rows=rows):
        assert 0 < len(chunk) <= rows
        features, categories, texts = run.feature_schema.features(chunk, misfits)
        found.append(run.preprocessing.inputs(features, categories, run.preprocessing.encoded(texts)))
        misfits.count_rows(len(chunk))
    misfits.refuse()
    return np.concatenate(found)


def rows_of(folder: Path, name: str = "table.csv") -> list[list[str]]:
    """Header and rows of the table."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_rows(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def column(small: Path, name: str) -> list[str]:
    header, *rows = rows_of(small)
    return [row[header.index(name)] for row in rows]


def metrics_in(lines: Sequence[str]) -> dict[str, str]:
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    return {name: value for name, value in cells}  # noqa: C416 (each row has two cells)


def spoil(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    model = torch.load(run / "model.pt", weights_only=True)
    change(model)
    torch.save(model, run / "model.pt")


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(model: dict[str, Any]) -> None:
        node: Any = model
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change
