"""Where a run's numbers come from."""

import hashlib
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from mlp_exp import __version__
from mlp_exp.data.dataset import Dataset

BLOCK_ROWS = 65_536
PACKAGES = ("torch", "numpy", "scikit-learn", "pyarrow", "hydra-core", "omegaconf")


def provenance(dataset: Dataset, device: str, threads: int) -> dict[str, Any]:
    """Versions, the commit of the working directory, the data's fingerprint, and the machine."""
    return {
        "versions": versions(),
        "git": git_state(),
        "data_fingerprint": fingerprint(dataset),
        "device": device,
        "threads": threads,
        "machine": platform.platform(),
    }


@cache
def versions() -> dict[str, str]:
    installed = {name: version(name) for name in PACKAGES}
    return {"mlp_exp": __version__, "python": platform.python_version(), **installed}


@cache
def git_state() -> dict[str, Any] | None:
    """Commit, and whether tracked files differ from it; None outside a repository or without git."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 of names, features, categories and target."""
    digest = hashlib.sha256(repr((dataset.feature_names, dataset.class_names, dataset.target_name)).encode())
    arrays = [dataset.features, dataset.target]
    for category in dataset.categories:
        digest.update(repr((category.name, category.texts)).encode())
        arrays.append(category.codes)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        for start in range(0, len(array), BLOCK_ROWS):  # a large table, kept by columns, is not copied as a whole
            digest.update(np.ascontiguousarray(array[start : start + BLOCK_ROWS]).data)
    return digest.hexdigest()
