"""Model files of several networks, made of a trained run, and the plain mean of their answers."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.tasks.task import Task

Array = NDArray[Any]


def with_members(run: Path, folder: Path, count: int) -> Path:
    """A copy of a run whose model holds so many networks: its own, and others with weights near its own."""
    Path(shutil.copytree(run, folder))
    model = torch.load(folder / "model.pt", weights_only=True)
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for member in range(count):
        for name, tensor in model["state_dict"].items():
            noise = torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else 0
            weights[f"{member}.{name}"] = tensor + (0.3 * noise if member else 0)
    model["config"]["ensemble"] = {"_target_": "mlp_exp.components.SeedEnsemble", "members": count}
    torch.save({**model, "format": 4, "state_dict": weights}, folder / "model.pt")
    return folder


def combined(runs: Sequence[Path], weights: Sequence[float], folder: Path) -> Path:
    """A folder with a model that is a combination of runs."""
    folder.mkdir()
    models = [torch.load(run / "model.pt", weights_only=True) for run in runs]
    torch.save({"format": 4, "models": models, "weights": list(weights)}, folder / "model.pt")
    return folder


def one_of(folder: Path, member: int, place: Path) -> Path:
    """A run with one of the networks of another, as version 3 would have written it."""
    Path(shutil.copytree(folder, place))
    model = torch.load(folder / "model.pt", weights_only=True)
    start = f"{member}."
    weights = {name[len(start) :]: tensor for name, tensor in model["state_dict"].items() if name.startswith(start)}
    model["config"]["ensemble"] = {"_target_": "mlp_exp.components.NoEnsemble", "members": 1}
    torch.save({**model, "format": 3, "state_dict": weights}, place / "model.pt")
    return place


def mean_answers(task: Task, answers: Sequence[Array], weights: Sequence[float]) -> Array:
    """The weighted mean over runs of `[n, A]`; of normal distributions mean and deviation of the mixture."""
    every = np.stack(answers)
    mean: Array = np.tensordot(weights, every, 1)
    if task.answers_name == "distribution":
        square = np.tensordot(weights, every[..., 0] ** 2 + every[..., 1] ** 2, 1)
        mean[:, 1] = np.sqrt(square - mean[:, 0] ** 2)
    return mean
