"""What the framework makes of keys of `optimizer` and `model` that it applies itself: factors and their schedules."""

from torch import nn

from mlp_exp.engine.engine import Factors
from mlp_exp.engine.factors import factors_by_kind
from mlp_exp.engine.optimizers import decouples
from mlp_exp.experiment.components import Components
from mlp_exp.training.curves import CURVES, Curve


def parameter_factors(components: Components, module: nn.Module) -> dict[str, Factors]:
    """By which the learning rate and the weight decay of a network's parameters differ from the run's, by name."""
    node = components.config["optimizer"]
    return factors_by_kind(
        module,
        node.get("rates", {}),
        node.get("decays", {}),
        ntk=node.get("ntk", False),
        decoupled=decouples(components.optimizer, components.optimizer_options),
    )


def curve_of(components: Components, key: str) -> Curve | None:
    """The schedule that a key names, as `optimizer.decay_schedule`; None where the factor is 1 in all steps."""
    group, _, name = key.partition(".")
    return CURVES[components.config[group].get(name, "constant")]
