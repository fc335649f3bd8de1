"""Settings of the training itself."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from mlp_exp.errors import ConfigError


@dataclass(frozen=True)
class Trainer:
    """How long a run trains, on how many rows a step, and where.

    Attributes:
        epochs: upper bound; `auto` for `auto_epochs`, or more where they would be fewer than `steps` steps.
        auto_epochs, steps: lower bounds for `epochs=auto`.
        batch_size: rows a step; `full` for all training rows; `auto` for the largest power of two in 32…128 that makes
            at least `batches` steps an epoch, or 32 where none does.
        batches: for `batch_size=auto`.
        device: `auto` takes CUDA, then Apple's MPS, then the CPU.
        threads: CPU threads; the numbers of a run depend on it in their last bits.
        clip_grad_norm: bound on the norm of the whole gradient (Pascanu et al., 2013); None for none.
        average: EMA decay per epoch of the weights that are evaluated and kept; 0 for none.
        plots: `auto` draws for a single run and for the best runs of a sweep.
        log_every: epochs between two lines of the log.
        checkpoint_every: least number of seconds between two checkpoints.
    """

    epochs: int | Literal["auto"]
    batch_size: int | Literal["full", "auto"]
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = 1
    clip_grad_norm: float | None = None
    average: float = 0.0
    plots: Literal["auto", "always", "never"] = "auto"
    log_every: int = 10
    checkpoint_every: float = 30.0
    steps: int = 500
    auto_epochs: int = 30
    batches: int = 32

    def epochs_for(self, train_rows: int) -> int:
        """Epochs for so many training rows."""
        if self.epochs != "auto":
            return self.epochs
        steps_an_epoch = math.ceil(train_rows / self.batch_size_for(train_rows))
        return max(self.auto_epochs, math.ceil(self.steps / steps_an_epoch))

    def batch_size_for(self, train_rows: int) -> int:
        """Rows a step, for so many training rows."""
        if self.batch_size == "auto":
            return int(min(max(2 ** int(math.log2(train_rows / self.batches + 1e-9)), 32), 128))
        return train_rows if self.batch_size == "full" else self.batch_size

    def torch_device(self) -> torch.device:
        """The device to train on.

        Raises:
            ConfigError: the one that was asked for is not there.
        """
        there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if self.device == "auto":
            return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
        if not there[self.device]:
            found = ", ".join(name for name, available in there.items() if available)
            raise ConfigError([f"trainer.device: expected a device of this machine ({found}), got '{self.device}'"])
        return torch.device(self.device)
