"""Builds every component of a run: the one place that calls `instantiate`."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from hydra.errors import HydraException
from hydra.utils import instantiate
from torch import nn
from torch.optim import Optimizer

from mlp_exp.config.by_task import for_task
from mlp_exp.config.components import (
    INFERENCE,
    METRICS,
    NO_BASELINES,
    NO_ENSEMBLE,
    NO_TRACKER,
    is_component,
    public_name,
)
from mlp_exp.config.schema import APPLIED
from mlp_exp.config.targets import NAMED, left_over, locate, row_parameters, supplied_arguments
from mlp_exp.data.dataset import Dataset, TargetColumn, TaskName
from mlp_exp.data.ensembles import Ensemble
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.data.splits.base import Split
from mlp_exp.display.progress import open_with_progress
from mlp_exp.display.tables import print_columns
from mlp_exp.errors import ConfigError, MlpExpError
from mlp_exp.experiment.baselines.standard import NoBaselines
from mlp_exp.experiment.configs import resolved, with_epochs
from mlp_exp.experiment.session import Session
from mlp_exp.model.initial_weights import DataDrivenInit, DefaultInit, WeightInit
from mlp_exp.model.mlp import MLP
from mlp_exp.tasks.calibration import Inference
from mlp_exp.tasks.criteria import as_loss
from mlp_exp.tasks.losses import Loss
from mlp_exp.tasks.metrics.chosen import Metrics
from mlp_exp.trackers.none import NoTracker
from mlp_exp.trackers.tracker import Tracker
from mlp_exp.training.callbacks.callback import Callback
from mlp_exp.training.curves import Curve
from mlp_exp.training.early_stopping import EarlyStopping
from mlp_exp.training.schedulers import CurveRate, LearningRate
from mlp_exp.training.trainer import Trainer

log = logging.getLogger(__name__)

METHODS = {
    "split": "parts",
    "preprocess": "fit",
    "init": "apply",
    "early_stopping": "begin",
    "scheduler": "step",
    "trainer": "epochs_for",
    "metrics": "chosen",
    "inference": "fit",
    "baselines": "compute",
    "ensemble": "divide",
}
"""By which what a group builds is known to be of its kind, where any class may be one."""

ABSENT = {"metrics": METRICS, "inference": INFERENCE, "baselines": NO_BASELINES, "ensemble": NO_ENSEMBLE}
"""Groups that configurations of earlier versions lack, and what stands for them."""


SPANS = {
    "torch.optim.lr_scheduler.CosineAnnealingLR": "T_max",
    "torch.optim.lr_scheduler.OneCycleLR": "total_steps",
    public_name("warmup_cosine"): "epochs",
}
"""Schedulers with the key that says how long the whole schedule is."""

OTHERWISE = {"scheduler": Curve}
"""What a group may build without the method of `METHODS`."""


class Components:
    """What a configuration stands for.

    Loss, network and scheduler are built when the data is known that they depend on; early stopping, callbacks and
    tracker when the run begins, each time anew. The data is read first: other values may depend on its task.

    Args:
        config: a valid configuration as plain values, with references.
        session: what other runs have read and made already.

    Attributes:
        config: the resolved configuration with the values of the data's task, without the tracker, on which no result
            depends.
        source: all of it as it is saved, to be resumed: with references, and values by task.

    Raises:
        ConfigError: a component refuses its settings, or the data is not a `Dataset`.
    """

    def __init__(self, config: Mapping[str, Any], session: Session) -> None:
        values = resolved(config)
        self.source = dict(config)
        self.config = {key: value for key, value in values.items() if key != "tracker"}
        self.session = session
        self._tracker: dict[str, Any] = values.get("tracker", {"_target_": NO_TRACKER})
        self.seed: int = values["seed"]
        self.split: Split = self._build("split")
        self.dataset = self._dataset()
        self.config = self._for_task(self.config)
        optimizer = _factory(session, "optimizer", self.config["optimizer"]).make
        self.optimizer: Callable[..., Optimizer] = optimizer.func
        self.optimizer_options = dict(optimizer.keywords)
        if "lr" not in self.optimizer_options:
            name = self.config["optimizer"]["_target_"].rpartition(".")[2]
            raise ConfigError(
                [f"optimizer._target_: {name} takes no 'lr', which the scheduler sets; add that argument"]
            )
        self.trainer: Trainer = self._build("trainer")
        self.preprocess: Preprocess = self._build("preprocess")
        self.init: DefaultInit | WeightInit | DataDrivenInit = self._build("init")
        self.metrics: Metrics = self._build("metrics")
        self.inference: Inference = self._build("inference")
        self.baselines: NoBaselines = self._build("baselines")
        self.ensemble: Ensemble = self._build("ensemble")

    def _for_task(self, config: dict[str, Any]) -> dict[str, Any]:
        return for_task(config, self.dataset.task != "regression")

    def _build(self, group: str, **supplied: Any) -> Any:
        return build_group(self.session, group, self.config.get(group) or {"_target_": ABSENT[group]}, **supplied)

    def _dataset(self) -> Dataset:
        node = self.config["data"]

        def read() -> Dataset:
            dataset = build_group(self.session, "data", node, split=self.split, open_file=open_with_progress)
            if not isinstance(dataset, Dataset):
                raise ConfigError([f"data._target_: expected a Dataset to be returned, got {type(dataset).__name__}"])
            if self.session.shows_data and dataset.columns:
                print_columns(dataset)
            return dataset.at_most(node.get("max_rows"))

        aside = repr((self.split.aside, self.split.aside_is_feature))
        return self.session.keep(("data", self.text("data"), aside), read)

    def text(self, group: str) -> str:
        """A group of the configuration, to be compared with that of other runs."""
        return repr(self.config[group])

    def loss(self) -> Loss:
        return build_loss(self.session, self.config["loss"], self.dataset.task, self.dataset.targets)

    @property
    def is_mlp(self) -> bool:
        """Whether the network is our own, which trains in stacks."""
        return locate(self.config["model"]["_target_"]) is MLP

    @property
    def stack(self) -> bool:
        """Whether a network of the user's own is to train in stacks."""
        return not self.is_mlp and bool(self.config["model"].get("stack", False))

    def model(self, in_features: int, out_features: int, numbers: int) -> nn.Module:
        """The network as configured, of which the first inputs are `numbers` scaled numbers."""
        module: nn.Module = self._build("model", in_features=in_features, out_features=out_features, numbers=numbers)
        return module

    def learning_rate(self, epochs: int, steps: int) -> LearningRate | CurveRate:
        """That of the optimizer, by the scheduler, which knows how long the training is.

        Args:
            epochs: of the training, as the data asks for it.
            steps: in an epoch.

        Raises:
            ConfigError: the schedule is shorter than the training.
        """
        node = self.config["scheduler"]
        if self.config["trainer"]["epochs"] != epochs:
            node = self._for_task(resolved(with_epochs(self.source, epochs)))["scheduler"]
        by_step = node.get("interval") == "step"
        lr = float(self.optimizer_options["lr"])
        target = locate(node["_target_"])
        if isinstance(target, type) and issubclass(target, Curve):
            curve: Curve = build_group(self.session, "scheduler", node)
            return CurveRate(lr, curve, epochs, steps if by_step else None)
        # in a model's configuration a reference to trainer.epochs, by any key, is resolved, and may be auto
        anywhere = self.config["trainer"]["epochs"] == "auto"
        spans = [key for key, value in node.items() if value == "auto" and (anywhere or key in SPANS.values())]
        node = node | dict.fromkeys(spans, epochs * (steps if by_step else 1))
        if by_step:
            _require_all_steps(node, epochs, steps)
        return LearningRate(
            lr,
            lambda optimizer: build_group(self.session, "scheduler", node, optimizer=optimizer),
            steps if by_step else None,
        )

    def early_stopping(self) -> EarlyStopping:
        early_stopping: EarlyStopping = self._build("early_stopping")
        return early_stopping

    def callbacks(self) -> dict[str, Callback]:
        """New ones by name; ConfigError for what is no callback."""
        built = {}
        for name, node in self.config.get("callbacks", {}).items():
            built[name] = build_group(self.session, f"callbacks.{name}", node)
            if not isinstance(built[name], Callback):
                found = type(built[name]).__name__
                raise ConfigError([f"callbacks.{name}._target_: expected a mlp_exp.components.Callback, got {found}"])
        return built

    def tracker(self) -> Tracker | NoTracker:
        tracker = build_group(self.session, "tracker", self._tracker)
        if not isinstance(tracker, Tracker | NoTracker):
            raise ConfigError([f"tracker._target_: expected a Tracker, got {type(tracker).__name__}"])
        return tracker


def _require_all_steps(node: Mapping[str, Any], epochs: int, steps: int) -> None:
    """Raises ConfigError for a schedule by step that is over before the training."""
    key = SPANS.get(node["_target_"], "")
    if key in node and node[key] < epochs * steps:
        raise ConfigError(
            [
                f"scheduler.{key}: with scheduler.interval=step it is a number of steps, of which the training has "
                f"{epochs * steps} ({epochs} epochs of {steps}); expected auto, which is all of them, or as many or "
                f"more, got {node[key]}"
            ]
        )


class _Factory(NamedTuple):
    """Makes a group's component.

    Attributes:
        spare: keys of the node that its `_target_` does not take.
    """

    target: Callable[..., Any]
    make: partial[Any]
    spare: tuple[str, ...]


def _factory(session: Session, group: str, node: dict[str, Any]) -> _Factory:
    """What makes a component of these settings; one for all runs, unless it would hand on one object to all."""

    def instantiated() -> _Factory:
        target = locate(node["_target_"])
        spare = left_over(group, target, [str(key) for key in node])
        left_out = {*spare, *APPLIED.get(group, ())}
        taken = {key: value for key, value in node.items() if key not in left_out}
        with _refusals(group, node):
            # one's own metrics are functions, which Hydra would call
            options = {"_convert_": "all", "_partial_": True, "_recursive_": group != "metrics"}
            return _Factory(target, instantiate(taken, **options), tuple(spare))

    known = is_component(node["_target_"]) or node["_target_"].startswith("torch.")
    plain = known or not any(isinstance(value, dict | list) for value in node.values())
    made = session.keep((group, repr(node)), instantiated) if plain else instantiated()
    if made.spare:
        log.info("%s: %s takes no %s; left out", group, node["_target_"], ", ".join(made.spare))
    return made


@contextmanager
def _refusals(group: str, node: dict[str, Any]) -> Iterator[None]:
    """Inside, whatever a component raises becomes one message."""
    try:
        yield
    except MlpExpError:
        raise
    except Exception as error:  # the user's own code may raise anything
        cause = error.__cause__ if isinstance(error, HydraException) else error
        log.debug("%s could not be built", group, exc_info=error)
        raise ConfigError([f"{group}: {node['_target_']} refuses its settings: {cause or error}"]) from error


def build_group(session: Session, group: str, node: dict[str, Any], **supplied: Any) -> Any:
    """Instantiates a group, with those of the supplied arguments that its `_target_` takes.

    Raises:
        ConfigError: it refuses its settings, or is of another kind.
    """
    factory = _factory(session, group, node)
    # Hydra would copy what is supplied into a configuration of its own, so it builds without it
    own = () if is_component(node["_target_"]) else NAMED.intersection(node)  # a user's network may mean something else
    given = {name: value for name, value in supplied.items() if name not in own}
    arguments = supplied_arguments(group, factory.target, given)
    if group == "loss" and row_parameters(factory.target, node):
        return partial(factory.target, **factory.make.keywords, **arguments)  # it makes no loss: it is one
    with _refusals(group, node):
        built = factory.make(**arguments)
    method = METHODS.get(group)
    if method and not isinstance(built, OTHERWISE.get(group, ())) and not callable(getattr(built, method, None)):
        raise ConfigError([f"{group}._target_: expected an object with a method {method}, got {type(built).__name__}"])
    return built


def build_loss(session: Session, node: dict[str, Any], task: TaskName, targets: Sequence[TargetColumn]) -> Loss:
    """The loss of a configuration for these targets; ConfigError if it does not fit them."""
    class_names = targets[0].class_names if len(targets) == 1 else ()
    known = {"task": task, "n_classes": len(class_names), "n_targets": len(targets), "class_names": class_names}
    return as_loss(build_group(session, "loss", node, **known), task, len(class_names), len(targets))
