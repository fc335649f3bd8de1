"""Sweeps in folders of their own, and networks of the user's."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Command, Result
from support.sweeps import Sweep


@pytest.fixture
def sweep(command: Command, tmp_path: Path) -> Sweep:
    """A sweep in a folder of this name; returns how it ended, and the folder."""

    def run(name: str, *args: str) -> tuple[Result, Path]:
        return command("run", "-m", *args, f"hydra.sweep.dir={name}"), tmp_path / name

    return run


OWN = '''
import os
import time
from pathlib import Path

from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from mlp_exp.tasks.losses import BinaryCrossEntropy


def act(how):
    if how == "raises" or (how == "mends" and Path("broken").exists()):
        raise RuntimeError("boom")
    if how == "interrupts":
        raise KeyboardInterrupt
    if how == "kills":
        os.kill(os.getpid(), 9)
    if how == "exits":
        os._exit(3)


class Net(nn.Module):
    """A linear model that does something in its fifth step, in epoch 2."""

    def __init__(self, in_features, out_features, does="well"):
        super().__init__()
        self.layer = nn.Linear(in_features, out_features)
        self.does, self.steps = does, 0

    def forward(self, x):
        self.steps += self.training
        if self.training and self.steps == 5:
            act(self.does)
        if not self.training and self.does == "refuses":
            act("raises")
        return self.layer(x)


class Rates(LRScheduler):
    """A constant rate; does something at the end of an epoch."""

    def __init__(self, optimizer, does="well", epoch=2):
        self.does, self.at = does, epoch
        super().__init__(optimizer)

    def get_lr(self):
        if self.last_epoch == self.at:
            act(self.does)
        return list(self.base_lrs)


class SlowLoss(BinaryCrossEntropy):
    """Takes its time while there is a file of that name."""

    def gradient(self, logits, target):
        if Path("slow").exists():
            time.sleep(0.1)
        return super().gradient(logits, target)
'''


@pytest.fixture
def own(tmp_path: Path) -> Iterator[None]:
    """The user's own module, `own_parts`, in the folder where the command is called."""
    (tmp_path / "own_parts.py").write_text(OWN, encoding="utf-8")
    yield
    sys.modules.pop("own_parts", None)
