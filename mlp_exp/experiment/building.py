"""Builds a component from its node of the configuration: the one place that calls `instantiate`."""

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from hydra.errors import HydraException
from hydra.utils import instantiate

from mlp_exp.config.components import is_component
from mlp_exp.config.schema import APPLIED
from mlp_exp.config.targets import NAMED, left_over, locate, row_parameters, supplied_arguments
from mlp_exp.config.trust import is_trusted
from mlp_exp.data.dataset import TargetColumn, TaskName
from mlp_exp.errors import ConfigError, MlpExpError
from mlp_exp.experiment.session import Session
from mlp_exp.tasks.criteria import as_loss
from mlp_exp.tasks.losses import Loss
from mlp_exp.training.curves import Curve

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

OTHERWISE = {"scheduler": Curve}
"""What a group may build without the method of `METHODS`."""


class Factory(NamedTuple):
    """Makes a group's component.

    Attributes:
        spare: keys of the node that its `_target_` does not take.
    """

    target: Callable[..., Any]
    make: partial[Any]
    spare: tuple[str, ...]


def factory_of(session: Session, group: str, node: dict[str, Any]) -> Factory:
    """What makes a component of these settings; one for all runs, unless it would hand on one object to all."""

    def instantiated() -> Factory:
        target = locate(node["_target_"])
        spare = left_over(group, target, [str(key) for key in node])
        left_out = {*spare, *APPLIED.get(group, ())}
        taken = {key: value for key, value in node.items() if key not in left_out}
        if is_trusted(node["_target_"]) and _is_simple(taken):
            # what even a stranger's configuration may name; Hydra would check at each call whether it may be called
            settings = {key: copy.deepcopy(value) for key, value in taken.items() if key != "_target_"}
            return Factory(target, partial(target, **settings), tuple(spare))
        with _refusals(group, node):
            # one's own metrics are functions, which Hydra would call
            options = {"_convert_": "all", "_partial_": True, "_recursive_": group != "metrics"}
            return Factory(target, instantiate(taken, **options), tuple(spare))

    known = is_component(node["_target_"]) or node["_target_"].startswith("torch.")
    plain = known or not any(isinstance(value, dict | list) for value in node.values())
    made = session.keep((group, repr(node)), instantiated) if plain else instantiated()
    if made.spare:
        log.info("%s: %s takes no %s; left out", group, node["_target_"], ", ".join(made.spare))
    return made


def _is_simple(node: dict[str, Any]) -> bool:
    """Whether it has numbers, texts and lists of them alone: nothing to be built first, and no settings of Hydra's."""
    if any(key.startswith("_") and key != "_target_" for key in node):
        return False
    values = [each for value in node.values() for each in (value if isinstance(value, list) else [value])]
    return not any(isinstance(value, dict | list) for value in values)


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
    factory = factory_of(session, group, node)
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
