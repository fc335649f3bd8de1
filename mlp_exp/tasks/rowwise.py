"""Whether a loss can serve several runs at once: a row's loss must depend on nothing but the row."""

import copy
import math

import numpy as np
import torch

from mlp_exp.tasks.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    Gamma,
    Gaussian,
    Huber,
    Loss,
    Ordinal,
    Poisson,
    Quantile,
    SquaredError,
)

ROWS = 8
OURS = frozenset(
    {BinaryCrossEntropy, CrossEntropy, Focal, Ordinal, SquaredError, Huber, Poisson, Gamma, Quantile, Gaussian}
)


def is_rowwise(loss: Loss) -> bool:
    """Whether the loss of a row depends neither on other rows, nor on chance, nor on what was computed before.

    Ours are; a user's own is tried, as a copy: on rows together, once more, and each alone.
    """
    if type(loss) in OURS:
        return True
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(ROWS, loss.out_features, generator=generator)
    shape = (ROWS, loss.n_targets) if loss.n_targets > 1 else (ROWS,)
    try:
        targets = torch.from_numpy(loss.encode(np.arange(math.prod(shape)).reshape(shape) % 2))
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            own, state = copy.deepcopy(loss), torch.get_rng_state()
            together, again = own.value(logits, targets), own.value(logits, targets)
            alone = torch.cat([own.value(logits[row : row + 1], targets[row : row + 1]) for row in range(ROWS)])
            draws = not torch.equal(state, torch.get_rng_state())
    except Exception:  # a copy or a single row is more than it can take
        return False
    return not draws and torch.equal(together, again) and torch.allclose(together, alone, rtol=1e-4, atol=1e-6)
