"""The work that all contenders do: the same rows, network, batch size, epochs and optimizer (Adam, no weight decay)."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TEST_ROWS = 4000
FLIPPED = 0.02
"""The share of labels that are wrong."""


@dataclass(frozen=True)
class Work:
    """A network without dropout, which scikit-learn has not, and how it is trained.

    Attributes:
        rows: of the training part.
        hidden: widths of the hidden layers, of rectified linear units.
        batch: rows a step; the last of an epoch may have fewer.
    """

    rows: int
    features: int
    hidden: tuple[int, ...]
    batch: int
    epochs: int
    lr: float = 1e-3

    @property
    def steps_of_an_epoch(self) -> int:
        return -(-self.rows // self.batch)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.steps_of_an_epoch * self.epochs

    @property
    def parameters(self) -> int:
        widths = (self.features, *self.hidden, 1)
        return sum((before + 1) * after for before, after in itertools.pairwise(widths))

    @property
    def operations(self) -> int:
        """Of a step, with numbers: two for each parameter and row forwards, and four backwards.

        Two in the first layer, below which nothing needs a gradient.
        """
        return self.batch * (6 * self.parameters - 2 * self.features * self.hidden[0])


WORKS = {
    "64-32, batch 32": Work(800, 2, (64, 32), 32, 100),
    "256-256, batch 256": Work(20_000, 50, (256, 256), 256, 10),
    "512-512-512, batch 1024": Work(20_000, 50, (512, 512, 512), 1024, 10),
}
SMALL = "64-32, batch 32"
LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
"""Of the sweep, each with every seed."""


@dataclass(frozen=True)
class Rows:
    """Features `[N, F]` float32 and labels `[N]` int64, 0 or 1, of the training and of the test part."""

    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]


def make_rows(train: int, features: int) -> Rows:
    """Points of a normal distribution; the class is 1 outside a circle in the plane of the first two features."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(train + TEST_ROWS, features)).astype(np.float32)
    inside = np.square(x[:, :2]).sum(1) <= 1.5
    y = (inside == (draw.random(len(x)) < FLIPPED)).astype(np.int64)
    return Rows(x[:train], y[:train], x[train:], y[train:])


def dataset(rows: int, features: int):
    """The same as a data set of mlp_exp; its training rows come first."""
    from mlp_exp.data.dataset import Dataset

    made = make_rows(rows, features)
    return Dataset.from_arrays(np.concatenate([made.train_x, made.test_x]), np.concatenate([made.train_y, made.test_y]))


def words_for(work: Work, folder: Path) -> list[str]:
    """The overrides that make a run of mlp_exp do this work; row numbers of the parts are written into a folder."""
    parts = {"train": np.arange(work.rows), "test": np.arange(work.rows, work.rows + TEST_ROWS)}
    for part, numbers in parts.items():
        np.save(folder / f"{part}.npy", numbers)
    return [
        *("--config-dir", str(Path(__file__).with_name("conf"))),
        *("data=made", f"data.rows={work.rows}", f"data.features={work.features}"),
        *("split=files", *(f"split.{part}={folder / part}.npy" for part in parts), "preprocess=none"),
        *("model.dropout=0", f"model.hidden_sizes={list(work.hidden)}".replace(" ", "")),
        *(f"optimizer.lr={work.lr}", f"trainer.batch_size={work.batch}", f"trainer.epochs={work.epochs}"),
        *("trainer.device=cpu", "trainer.plots=never"),
    ]
