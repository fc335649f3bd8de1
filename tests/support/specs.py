"""Runs from composed configurations, in this process."""

import os
from pathlib import Path

from omegaconf import DictConfig

from mlp_exp.experiment.alone import train_alone
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.configs import plain_config
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec


def build(cfg: DictConfig, session: Session | None = None) -> Components:
    """The components of a configuration."""
    return Components(plain_config(cfg), session or Session())


def spec_in(folder: Path, cfg: DictConfig) -> RunSpec:
    """The run of a configuration as one of a sweep, which draws no figures by itself."""
    return RunSpec(plain_config(cfg), str(folder), sweep=str(folder.parent), directory=os.getcwd())


def train_in(folder: Path, cfg: DictConfig) -> float:
    """Trains the run of a configuration in a folder; returns its best watched value."""
    folder.mkdir(parents=True, exist_ok=True)
    return train_alone(spec_in(folder, cfg))
