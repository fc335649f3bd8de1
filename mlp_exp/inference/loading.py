"""Loads trained runs from their folders, which may come from a stranger."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlp_exp.config.components import is_component
from mlp_exp.config.targets import locate
from mlp_exp.config.trust import is_allowed
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import ArgumentError, RunFolderError, UntrustedError, describe
from mlp_exp.experiment.building import build_group, build_loss
from mlp_exp.experiment.network import build_network, check_network
from mlp_exp.experiment.session import Session
from mlp_exp.inference.best_runs import runs_of
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.greedy import choose
from mlp_exp.inference.saved_file import read_saved_models
from mlp_exp.inference.saved_model import SavedModel
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.model.without_memory import without_memory
from mlp_exp.storage.run_folder import MODEL
from mlp_exp.tasks.criteria import CRITERIA
from mlp_exp.tasks.head import Head

log = logging.getLogger(__name__)

NO_SIZES = frozenset({"embedding_hidden", "embedding_width", "frequency_scale", "most_embedded"})
"""Settings of a network of our own that may be any number; how large it makes the network, its weights show."""


def load(
    path: str | os.PathLike[str], allow: Sequence[str] = (), *, top: int = 1, greedy: int | None = None
) -> TrainedRun | Ensemble:
    """Loads what was trained: a run, or the best runs of a sweep or a search, whose predictions are averaged.

    Nothing in a folder is unpickled, and no data is read unless runs are chosen greedily.

    Args:
        path: the folder of a run, of a sweep or of a search.
        allow: packages that the user trusts; a network or loss from any other is refused.
        top: how many of a sweep's best runs; of fewer, which are then said in a warning, all.
        greedy: choose so many among all of a sweep's runs, one after the other, each so that the average is best for
            the rows that all held out; a run may be chosen several times.

    Returns:
        A `TrainedRun` of one network, or an `Ensemble` of several.

    Raises:
        RunFolderError: the folder holds no model, or one that is damaged or of another version; or the runs do not
            predict the same.
        UntrustedError: a configuration names something that is not on the list.
        ArgumentError: `top` or `greedy` is below 1.

    >>> load("RUN").predict({"age": [23, 81], "town": ["a", "b"]})
    array(['low', 'high'], dtype='<U4')
    >>> load("SWEEP", top=2)
    Ensemble for 'income': binary, 2 networks, SWEEP
    """
    folder = Path(path)
    for name, count in (("top", top), ("greedy", greedy)):
        if count is not None and count < 1:
            raise ArgumentError(f"{name}: expected a whole number from 1 on, got {count}")
    if greedy is not None:
        chosen = choose([folder], greedy, allow).chosen
        return load_runs(list(chosen), allow, list(chosen.values()))
    return load_runs(runs_of(folder, top, log.warning), allow)


def load_runs(
    folders: Sequence[Path], allow: Sequence[str] = (), weights: Sequence[float] | None = None, keep: object = None
) -> TrainedRun | Ensemble:
    """Loads runs from their folders, and averages several; arguments and errors of `load`.

    Args:
        weights: how much each of the runs counts; None if all count the same.
        keep: what has to live as long as what is loaded, as a temporary folder.
    """
    runs = [_in_folder(folder, allow, keep) for folder in folders]
    return runs[0] if len(runs) == 1 else Ensemble(runs, weights)


def _in_folder(folder: Path, allow: Sequence[str], keep: object) -> TrainedRun | Ensemble:
    models, weights = read_saved_models(folder, allow)
    runs = [_run(model, folder, allow, keep) for model in models]
    return runs[0] if len(runs) == 1 else Ensemble(runs, weights)


def _run(saved: SavedModel, folder: Path, allow: Sequence[str], keep: object) -> TrainedRun | Ensemble:
    """What one of the models in a folder holds; errors as of `load`."""
    where = folder / MODEL
    for group in ("model", "loss"):
        _check_component(saved.config[group], group, allow, where)
    is_users = is_allowed(saved.config["model"]["_target_"], allow)
    with torch.random.fork_rng(devices=[]):
        try:
            preprocessing = Preprocessing.from_state(saved.preprocess.model_dump(exclude_none=True))
            head = _head(saved)
            modules = [_network(saved, weights, preprocessing, is_users) for weights in saved.networks]
        except Exception as error:  # a stranger's settings, or the user's own code, may lead to anything
            raise RunFolderError(f"{where}: expected a model of this project: {describe(error)}") from error
    first = TrainedRun(
        folder=folder,
        module=modules[0],
        preprocessing=preprocessing,
        head=head,
        config=saved.config,
        feature_names=tuple(saved.feature_names),
        feature_schema=saved.feature_schema,
        reading=saved.reading,
        training_rows=np.zeros(0, np.int64) if saved.training_rows is None else saved.training_rows.numpy(),
        keep=keep,
    )
    if len(modules) == 1:
        return first
    return Ensemble([replace(first, module=module, member=member) for member, module in enumerate(modules)])


def _check_component(node: Mapping[str, Any], group: str, allow: Sequence[str], where: Path) -> None:
    """Raises UntrustedError for a component of another kind, and for one inside another, which would be built too.

    RunFolderError for one of the user's own that is not found.
    """
    target = node["_target_"]
    if is_allowed(target, allow):
        try:
            locate(target)
        except ValueError as error:
            raise RunFolderError(f"{where}: {group}._target_: {error}") from error
        return
    of_torch = target.startswith("torch.nn.") if group == "model" else target in CRITERIA
    if not (is_component(target, group) or of_torch):
        raise UntrustedError(f"{where}: {group}._target_ is '{target}', which is no {group}")
    values = [value for value in node.values() if isinstance(value, dict | list)]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += [each for each in value if isinstance(each, dict | list)]
        elif not all(isinstance(each, int | float) for each in value.values()):  # weights of classes build nothing
            raise UntrustedError(f"{where}: {group}: expected numbers, texts and lists as settings, found a mapping")


def _head(saved: SavedModel) -> Head:
    targets = saved.target_columns
    loss = build_loss(Session(), saved.config["loss"], saved.task, targets)
    if loss.out_features != saved.out_features:
        raise RunFolderError(f"its loss does not put out {saved.out_features} numbers for a {saved.task} task")
    task = loss.task(saved.task, targets)
    if saved.thresholds:
        if len(saved.thresholds) != len(task.thresholds):
            raise RunFolderError(f"expected {len(task.thresholds)} thresholds, got {len(saved.thresholds)}")
        task = task.decided_at(saved.thresholds)
    return Head(loss, task, TargetScaling.from_state(saved.scaling.model_dump()), saved.temperature)


def _network(
    saved: SavedModel, weights: Mapping[str, Tensor], preprocessing: Preprocessing, is_users: bool
) -> nn.Module:
    """A network with its weights; one of our own is known to be no larger than the file before it takes memory."""

    def make(in_features: int, out_features: int, numbers: int) -> Any:
        sizes = {"in_features": in_features, "out_features": out_features, "numbers": numbers}
        return build_group(Session(), "model", saved.config["model"], **sizes)

    if not is_users:
        _check_sizes(saved.config["model"], weights)
        with without_memory():
            _check_weights(build_network(make, preprocessing, saved.out_features), weights)
    module = build_network(make, preprocessing, saved.out_features)
    module.load_state_dict(weights)
    check_network(module, torch.zeros(2, preprocessing.inputs_width), saved.out_features)
    return module.eval()


def _check_sizes(node: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Raises RunFolderError for a setting that no network of so few weights has, as a number of layers."""
    most = sum(tensor.numel() for tensor in weights.values())
    for key, value in node.items():
        if key in NO_SIZES:
            continue
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int | float) and number > most:
                raise RunFolderError(f"model.{key} is {number}, and the file holds {most} weights")


def _check_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Raises RunFolderError unless these are the weights of the network."""
    expected = {name: (list(t.shape), t.dtype) for name, t in module.state_dict().items()}
    found = {name: (list(t.shape), t.dtype) for name, t in weights.items()}
    wrong = [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]
    if wrong:
        shape, dtype = expected.get(wrong[0], (None, None))
        has, of = found.get(wrong[0], (None, None))
        raise RunFolderError(f"its network has {wrong[0]} of shape {shape} ({dtype}), and the file {has} ({of})")
