"""What exported runs answer of columns of numbers: the module that is exported, and an archive of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.deployed import Deployed
from mlp_exp.inference.export.raw_columns import RawColumns

Answers = NDArray[np.float64]
Columns = Mapping[str, Sequence[Any]]


def of_module(ensemble: Ensemble, columns: Columns) -> Answers:
    """The answers `[B, A]` of what an exporter traces."""
    return _answers(Deployed(RawColumns.of(ensemble), ensemble)(numbers=_rows(ensemble, columns)))


def of_archive(path: Path, ensemble: Ensemble, columns: Columns) -> Answers:
    """The answers `[B, A]` of a `.pt2` file."""
    return _answers(torch.export.load(path).module()(numbers=_rows(ensemble, columns)))


def _rows(ensemble: Ensemble, columns: Columns) -> Tensor:
    return torch.from_numpy(np.array([columns[name] for name in ensemble.names], dtype=np.float64).T.copy())


def _answers(found: Tensor) -> Answers:
    return found.reshape(len(found), -1).double().numpy()
