"""What the framework makes of keys of `optimizer` and `model` that it applies itself: factors and their schedules."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from mlp_exp.engine.engine import Factors
from mlp_exp.engine.factors import factors_by_kind
from mlp_exp.engine.optimizers import decouples
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.configs import EXTENDS
from mlp_exp.training.curves import CURVES, Curve


def has_factors(optimizer: Mapping[str, Any]) -> bool:
    """Whether the settings of an optimizer give any kind of parameter a rate or a decay of its own."""
    by_kind = [*optimizer.get("rates", {}).values(), *optimizer.get("decays", {}).values()]
    return optimizer.get("ntk", False) or any(factor != 1 for factor in by_kind)


def parameter_factors(components: Components, module: nn.Module) -> dict[str, Factors]:
    """By which the learning rate and the weight decay of a network's parameters differ from the run's, by name; empty
    where they do not.
    """
    node = components.config["optimizer"]
    if not has_factors(node):
        return {}
    return factors_by_kind(
        module,
        node.get("rates", {}),
        node.get("decays", {}),
        ntk=node.get("ntk", False),
        decoupled=decouples(components.optimizer, components.optimizer_options),
    )


SCHEDULES = ("optimizer.decay_schedule", "model.dropout_schedule")


def curve_of(components: Components, key: str) -> Curve | None:
    """The schedule that a key names, as `optimizer.decay_schedule`; None where the factor is 1 in all steps."""
    group, _, name = key.partition(".")
    return CURVES[components.config[group].get(name, "constant")]


def require_same_curves(components: Components, earlier: Mapping[str, Any]) -> None:
    """Raises ConfigError where a run is extended whose decay or dropout go by the number of epochs."""
    before, now = (config["trainer"]["epochs"] for config in (earlier, components.source))
    curved = [key for key in SCHEDULES if curve_of(components, key)]
    if curved and before != now:
        raise ConfigError(
            [
                f"{key}: flat_cosine depends on the number of epochs, which the run began with: expected "
                f"{EXTENDS}={before}, got {now}. Train another run with it"
                for key in curved
            ]
        )
