"""Builds every component of a run: the one place that calls `instantiate`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.optim import Optimizer

from mlp_exp.artefacts.console import open_with_progress
from mlp_exp.config.errors import ConfigError, MlpExpError
from mlp_exp.config.targets import left_over, locate, supplied_arguments
from mlp_exp.data.dataset import Dataset, Task
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.data.splits import Split
from mlp_exp.model.initialisation import Default, Initialisation
from mlp_exp.training.early_stopping import Never
from mlp_exp.training.losses import Loss
from mlp_exp.training.schedulers import SchedulerFactory
from mlp_exp.training.trainer import Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Components:
    """What a configuration stands for. Loss, network and scheduler wait for the data they depend on.

    Attributes:
        config: the configuration itself as plain values.
    """

    config: dict[str, Any]
    seed: int
    dataset: Dataset
    split: Split
    preprocess: Preprocess
    loss: Callable[[Task, int], Loss]
    model: Callable[[int, int], nn.Module]
    init: Default | Initialisation
    optimizer: Callable[..., Optimizer]
    optimizer_options: dict[str, Any]
    scheduler: Callable[[int], SchedulerFactory]
    early_stopping: Never
    trainer: Trainer


def build(cfg: DictConfig) -> Components:
    """Builds the components of a validated configuration.

    Raises:
        ConfigError: a component refuses its settings, or the data is not a `Dataset`.
    """
    optimizer = _build(cfg, "optimizer", _partial_=True)
    split = _build(cfg, "split")
    dataset = _build(cfg, "data", split=split, open_file=open_with_progress)
    if not isinstance(dataset, Dataset):
        raise ConfigError([f"data._target_: expected a Dataset to be returned, got {type(dataset).__name__}"])
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    return Components(
        config={str(key): value for key, value in config.items()},
        seed=cfg.seed,
        dataset=dataset,
        split=split,
        preprocess=_build(cfg, "preprocess"),
        loss=lambda task, n_classes: _build(cfg, "loss", task=task, n_classes=n_classes),
        model=lambda inputs, outputs: _build(cfg, "model", in_features=inputs, out_features=outputs),
        init=_build(cfg, "init"),
        optimizer=optimizer.func,
        optimizer_options=optimizer.keywords,
        scheduler=lambda epochs: partial(_build_scheduler, _with_epochs(cfg, epochs)),
        early_stopping=_build(cfg, "early_stopping"),
        trainer=_build(cfg, "trainer"),
    )


def _with_epochs(cfg: DictConfig, epochs: int) -> DictConfig:
    """The configuration with the number of epochs that the data asks for, so that a schedule spans it."""
    return OmegaConf.merge(cfg, {"trainer": {"epochs": epochs}})  # type: ignore[return-value]


def _build_scheduler(cfg: DictConfig, optimizer: Optimizer) -> Any:
    return _build(cfg, "scheduler", optimizer=optimizer)


def _build(cfg: DictConfig, group: str, *, _partial_: bool = False, **supplied: Any) -> Any:
    """Instantiates a group, with those of the supplied arguments that its `_target_` takes."""
    node = OmegaConf.to_container(cfg[group], resolve=True)
    assert isinstance(node, dict)
    target = locate(node["_target_"])
    spare = left_over(group, target, [str(key) for key in node])
    if spare:
        log.info("%s: %s takes no %s; left out", group, node["_target_"], ", ".join(spare))
    node = {key: value for key, value in node.items() if key not in spare}
    extra = supplied_arguments(group, target, supplied)
    try:
        # Hydra would copy what is supplied into a configuration of its own, so it builds without it
        factory = instantiate(node, _convert_="all", _partial_=True)
        return factory if _partial_ else factory(**extra)
    except MlpExpError:
        raise
    except Exception as error:  # the user's own code may raise anything
        cause = error.__cause__ if isinstance(error, HydraException) else error
        log.debug("%s could not be built", group, exc_info=error)
        raise ConfigError([f"{group}: {node['_target_']} refuses its settings: {cause or error}"]) from error
