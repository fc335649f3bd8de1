"""Settings of the training itself."""

from dataclasses import dataclass
from typing import Literal

import torch

from mlp_exp.config.errors import ConfigError


@dataclass(frozen=True)
class Trainer:
    """How long, how much at once, and where.

    Attributes:
        epochs: upper bound.
        batch_size: rows a step, or `full` for all training rows.
        device: `auto` takes CUDA, then Apple's MPS, then the CPU.
        threads: CPU threads; the numbers of a run depend on it in their last bits.
        clip_grad_norm: bound on the norm of the whole gradient (Pascanu et al., 2013); None for none.
        plots: `auto` draws for a single run and not for the runs of a sweep.
        log_every: epochs between two lines of the log.
    """

    epochs: int
    batch_size: int | Literal["full"]
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = 1
    clip_grad_norm: float | None = None
    plots: Literal["auto", "always", "never"] = "auto"
    log_every: int = 10

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
