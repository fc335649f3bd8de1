"""The tryout of a user's own network that is to train in stacks: before any training, once for all its runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.engine.stackable import Tried, check_stackable
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.network import build_network, check_network

log = logging.getLogger(__name__)


@contextmanager
def _silence() -> Iterator[None]:
    """What building a network says is said when the run's own is built."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def tried(components: Components, preprocessing: Preprocessing, rows: torch.Tensor, outputs: int) -> Tried:
    """Tries two networks of different weights on rows `[N, F]`.

    Raises:
        TrainingError: the network does not turn rows into logits.
        ConfigError: it cannot train in a stack.
    """

    def made() -> Tried:
        with torch.random.fork_rng(devices=[]), _silence():
            modules = [build_network(components.model, preprocessing, outputs) for _ in range(2)]
        for module in modules:
            check_network(module, rows[:2], outputs)
        found = check_stackable(modules, rows)
        if found.rounding:
            log.warning(
                "model.stack: the gradient of %s is 0 but for rounding, of which Adam and its like make whole steps: "
                "alone and in a stack the losses may differ by percents. In front of a batch normalisation, say "
                "bias=False",
                ", ".join(found.rounding),
            )
        return found

    key = ("tried", *map(components.text, ("data", "preprocess", "model")), str(outputs))
    return components.session.keep(key, made)
