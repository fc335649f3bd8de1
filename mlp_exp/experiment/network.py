"""The network of a run: as configured, for the rows it will see."""

import inspect
from pathlib import Path
from typing import Any, Protocol

import torch

from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.engine.threads import torch_on_one_thread
from mlp_exp.errors import RunFolderError, TrainingError
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.number_embedding import PiecewiseLinearEmbedding
from mlp_exp.model.without_memory import without_memory

INITIAL_ROWS = 2000
"""Training rows, at most, that initial weights and bins of embeddings are made from."""


class MakeNetwork(Protocol):
    """The configured network, from the widths of its inputs and of its logits, and how many inputs are numbers."""

    def __call__(self, in_features: int, out_features: int, numbers: int) -> torch.nn.Module: ...


def build_network(make: MakeNetwork, preprocessing: Preprocessing, outputs: int) -> torch.nn.Module:
    """The network for preprocessed rows, with embeddings in front where there are any to learn."""
    embedded = preprocessing.embedded
    inputs = preprocessing.inputs_width
    if not embedded:
        return make(inputs, outputs, preprocessing.numbers_width)
    rows, width = preprocessing.embedding_starts[-1], preprocessing.embedding_width
    network = make(inputs + len(embedded) * (width - 1), outputs, preprocessing.numbers_width)
    return EmbeddedNetwork(network, len(embedded), rows, width, preprocessing.never_trained)


def initialise(module: torch.nn.Module, init: Any, rows: torch.Tensor) -> None:
    """Sets the initial weights by `init.apply(module)`, or `init.apply(module, rows)` if it takes rows.

    Args:
        rows: training rows `[n, F]`, from which piecewise-linear embeddings have their bins.

    Raises:
        TrainingError: rows cannot go through the module.
    """
    with torch_on_one_thread():  # so that the weights do not depend on the number of threads
        for layer in module.modules():
            if isinstance(layer, PiecewiseLinearEmbedding):
                layer.fit(rows)
        if "rows" in inspect.signature(init.apply).parameters:
            try:
                init.apply(module, rows)
            except Exception as error:  # the user's own code may raise anything
                names = f"{type(init).__name__} of {len(rows)} rows for {type(module).__name__}"
                raise TrainingError(f"init: {names}: {error}") from error
        else:
            init.apply(module)


def require_no_larger(make: MakeNetwork, preprocessing: Preprocessing, outputs: int, path: Path) -> None:
    """Refuses a network of our own with more parameters than a file can hold, before it takes memory.

    Raises:
        RunFolderError: the file is that of another network.
    """
    with without_memory():
        network = build_network(make, preprocessing, outputs)
    count = sum(parameter.numel() for parameter in network.parameters())
    if 4 * count > path.stat().st_size:
        raise RunFolderError(
            f"{path}: its configuration is that of a network with {count} parameters, which it does not hold"
        )


def check_network(module: torch.nn.Module, rows: torch.Tensor, out_features: int) -> None:
    """Raises TrainingError unless the network turns rows `[n, F]` into logits `[n, out_features]` with a gradient."""
    name, features = type(module).__name__, rows.shape[1]
    if isinstance(module, EmbeddedNetwork):
        name = type(module.network).__name__
        features += module.columns * (module.embedding.embedding_dim - 1)
    try:
        with torch.enable_grad():
            logits = module.eval()(rows.clone())  # a network may change its input
    except Exception as error:  # the user's own code may raise anything
        raise TrainingError(f"model: {name} cannot take rows of {features} features: {error}") from error
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise TrainingError(f"model: {name} has no parameter to train")
    expected = f"model: expected logits [B, {out_features}] from {name}, got"
    if not isinstance(logits, torch.Tensor):
        raise TrainingError(f"{expected} {type(logits).__name__}")
    if logits.shape != (len(rows), out_features):
        sizes = ["B", *logits.shape[1:]] if logits.shape[:1] == rows.shape[:1] else logits.shape
        raise TrainingError(
            f"{expected} [{', '.join(map(str, sizes))}]; take in_features and out_features in its constructor"
        )
    if logits.dtype != torch.float32:
        raise TrainingError(f"{expected} them as {logits.dtype}; torch.float32 is what is trained")
    if not logits.requires_grad:
        raise TrainingError(f"{expected} some without a gradient: it detaches them from its parameters")
