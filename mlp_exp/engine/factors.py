"""By which the learning rate and the weight decay of each parameter differ from the run's, by its kind."""

from collections.abc import Mapping

from torch import nn

from mlp_exp.engine.engine import Factors
from mlp_exp.model.parameter_kinds import parameter_kinds


def factors_by_kind(
    module: nn.Module, rates: Mapping[str, float], decays: Mapping[str, float], *, ntk: bool, decoupled: bool
) -> dict[str, Factors]:
    """The factors of parameters by name.

    A decoupled decay shrinks a parameter by `lr · weight_decay · decays[kind]`, whatever the factor of its rate is;
    only a kind whose rate is 0 stays as it is.

    Args:
        rates, decays: factors 0 or more, by kind; 1 for those that are absent.
        ntk: divides the rate of each weight of a linear layer by the square root of its inputs.
        decoupled: whether the optimizer's decay is, which it multiplies by the parameter's own rate.

    >>> factors_by_kind(nn.Linear(4, 2), {"bias": 0.1}, {"bias": 0.0}, ntk=True, decoupled=True)
    {'weight': Factors(rate=0.5, decay=2.0), 'bias': Factors(rate=0.1, decay=0.0)}
    """
    found = {}
    for name, known in parameter_kinds(module).items():
        rate = rates.get(known.kind, 1.0) * (known.ntk_factor if ntk else 1.0)
        decay = decays.get(known.kind, 1.0)
        if decoupled:
            decay = decay / rate if rate else 0.0
        found[name] = Factors(rate, decay)
    return found
