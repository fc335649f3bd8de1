"""Builds every component of a run: the one place that calls `instantiate`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.optim import Optimizer

from mlp_exp.config.components import NO_TRACKER
from mlp_exp.config.schema import APPLIED
from mlp_exp.config.targets import left_over, locate, supplied_arguments
from mlp_exp.data.dataset import Dataset, TaskName
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.data.splits.base import Split
from mlp_exp.display.progress import open_with_progress
from mlp_exp.errors import ConfigError, MlpExpError
from mlp_exp.experiment.checkpoint import plain, savable
from mlp_exp.experiment.shared import Shared
from mlp_exp.model.initial_weights import DefaultInit, WeightInit
from mlp_exp.tasks.losses import Loss
from mlp_exp.trackers.none import NoTracker
from mlp_exp.trackers.tracker import Tracker
from mlp_exp.training.early_stopping import EarlyStopping
from mlp_exp.training.schedulers import SchedulerFactory
from mlp_exp.training.trainer import Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Components:
    """What a configuration stands for. Loss, network and scheduler wait for the data they depend on, early
    stopping and tracker for the training they belong to.

    Attributes:
        config: the configuration itself as plain values, without the tracker, on which no result depends.
        source: all of it as it is saved, to be resumed.
        model_class: what makes the network.
        shared: what its parts have in common with those of other runs.
    """

    config: dict[str, Any]
    source: dict[str, Any]
    shared: Shared
    seed: int
    dataset: Dataset
    split: Split
    preprocess: Preprocess
    loss: Callable[[TaskName, int], Loss]
    model_class: Callable[..., Any]
    model: Callable[[int, int], nn.Module]
    init: DefaultInit | WeightInit
    optimizer: Callable[..., Optimizer]
    optimizer_options: dict[str, Any]
    scheduler: Callable[[int], SchedulerFactory]
    early_stopping: Callable[[], EarlyStopping]
    trainer: Trainer
    tracker: Callable[[], Tracker | NoTracker]

    def text(self, group: str) -> str:
        """A group of the configuration, to be compared with that of other runs."""
        return repr(self.config[group])


def build(cfg: DictConfig, shared: Shared | None = None) -> Components:
    """Builds the components of a validated configuration.

    Args:
        shared: what other runs have read and made already; None for a run by itself.

    Raises:
        ConfigError: a component refuses its settings, or the data is not a `Dataset`.
    """
    shared = shared or Shared()
    values = plain(cfg)
    config = {key: value for key, value in values.items() if key != "tracker"}
    make = partial(build_group, shared)
    optimizer = _factory(shared, "optimizer", config["optimizer"]).make
    split = make("split", config["split"])
    trainer = make("trainer", config["trainer"])
    return Components(
        config=config,
        source=savable(cfg, values),
        shared=shared,
        seed=config["seed"],
        dataset=_dataset(shared, config["data"], split),
        split=split,
        preprocess=make("preprocess", config["preprocess"]),
        loss=lambda task, n_classes: make("loss", config["loss"], task=task, n_classes=n_classes),
        model_class=locate(config["model"]["_target_"]),
        model=lambda inputs, outputs: make("model", config["model"], in_features=inputs, out_features=outputs),
        init=make("init", config["init"]),
        optimizer=optimizer.func,
        optimizer_options=dict(optimizer.keywords),
        scheduler=lambda epochs: partial(_build_scheduler, shared, _scheduler_node(cfg, config, epochs)),
        early_stopping=lambda: make("early_stopping", config["early_stopping"]),
        trainer=trainer,
        tracker=lambda: _tracker(shared, values.get("tracker", {"_target_": NO_TRACKER})),
    )


def _dataset(shared: Shared, node: dict[str, Any], split: Split) -> Dataset:
    def read() -> Dataset:
        settings = {key: value for key, value in node.items() if key not in APPLIED["data"]}
        dataset = build_group(shared, "data", settings, split=split, open_file=open_with_progress)
        if not isinstance(dataset, Dataset):
            raise ConfigError([f"data._target_: expected a Dataset to be returned, got {type(dataset).__name__}"])
        return dataset.at_most(node.get("max_rows"))

    return shared.keep(("data", repr(node), repr((split.aside, split.aside_is_feature))), read)


def _tracker(shared: Shared, node: dict[str, Any]) -> Tracker | NoTracker:
    tracker = build_group(shared, "tracker", node)
    if not isinstance(tracker, Tracker | NoTracker):
        raise ConfigError([f"tracker._target_: expected a Tracker, got {type(tracker).__name__}"])
    return tracker


def _scheduler_node(cfg: DictConfig, config: dict[str, Any], epochs: int) -> dict[str, Any]:
    """The scheduler's settings for the number of epochs that the data asks for, so that a schedule spans it."""
    if config["trainer"]["epochs"] == epochs:
        node = config["scheduler"]
    else:
        whole = OmegaConf.merge(cfg, {"trainer": {"epochs": epochs}})
        node = OmegaConf.to_container(OmegaConf.select(whole, "scheduler"), resolve=True)
    assert isinstance(node, dict)
    return node


def _build_scheduler(shared: Shared, node: dict[str, Any], optimizer: Optimizer) -> Any:
    return build_group(shared, "scheduler", node, optimizer=optimizer)


class _Factory(NamedTuple):
    """Makes a group's component.

    Attributes:
        spare: keys of the node that its `_target_` does not take.
    """

    target: Callable[..., Any]
    make: partial[Any]
    spare: tuple[str, ...]


def _factory(shared: Shared, group: str, node: dict[str, Any]) -> _Factory:
    """What makes a component of these settings; one for all runs, unless it would hand on one object to all."""

    def instantiated() -> _Factory:
        target = locate(node["_target_"])
        spare = left_over(group, target, [str(key) for key in node])
        taken = {key: value for key, value in node.items() if key not in spare}
        try:
            return _Factory(target, instantiate(taken, _convert_="all", _partial_=True), tuple(spare))
        except MlpExpError:
            raise
        except Exception as error:  # the user's own code may raise anything
            raise _refusal(group, node, error) from error

    ours = node["_target_"].startswith(("mlp_exp.", "torch."))
    plain = ours or not any(isinstance(value, dict | list) for value in node.values())
    made = shared.keep((group, repr(node)), instantiated) if plain else instantiated()
    if made.spare:
        log.info("%s: %s takes no %s; left out", group, node["_target_"], ", ".join(made.spare))
    return made


def _refusal(group: str, node: dict[str, Any], error: Exception) -> ConfigError:
    cause = error.__cause__ if isinstance(error, HydraException) else error
    log.debug("%s could not be built", group, exc_info=error)
    return ConfigError([f"{group}: {node['_target_']} refuses its settings: {cause or error}"])


def build_group(shared: Shared, group: str, node: dict[str, Any], **supplied: Any) -> Any:
    """Instantiates a group, with those of the supplied arguments that its `_target_` takes.

    Raises:
        ConfigError: it refuses its settings.
    """
    factory = _factory(shared, group, node)
    # Hydra would copy what is supplied into a configuration of its own, so it builds without it
    arguments = supplied_arguments(group, factory.target, supplied)
    try:
        return factory.make(**arguments)
    except MlpExpError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise _refusal(group, node, error) from error
