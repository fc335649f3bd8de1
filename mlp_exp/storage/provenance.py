"""Provenance: versions, commit, data, machine and processor of a run."""

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from mlp_exp._version import __version__
from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import Parts
from mlp_exp.storage.processor import gpu, processor

PACKAGES = ("torch", "numpy", "scikit-learn", "pyarrow", "hydra-core", "omegaconf")


def provenance(
    dataset: Dataset, parts: Parts, device: str, threads: int, stacked_by: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Versions, commit of the working directory, fingerprints of data and split, device, threads, machine and
    processor; on a GPU which one it is.

    Args:
        stacked_by: how a network of the user's own was stacked; None for any other run.
    """
    found = {
        "versions": versions(),
        "git": _sent[-1] if _sent else git_state(),
        "data_fingerprint": dataset.fingerprint,
        "split_fingerprint": parts.fingerprint,
        "device": device,
        "threads": threads,
        "machine": platform.platform(),
        "processor": processor(),
    }
    card = gpu(device)
    found |= {"gpu": card} if card else {}
    return found | ({"stacked_by": dict(stacked_by)} if stacked_by else {})


@cache
def versions() -> dict[str, str]:
    """Versions of this package, of Python and of the packages in `PACKAGES`."""
    installed = {name: version(name) for name in PACKAGES}
    return {"mlp_exp": __version__, "python": platform.python_version(), **installed}


@cache
def git_state() -> dict[str, Any] | None:
    """Commit, and whether tracked files have changed since; None outside a repository or without git."""

    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", *arguments], text=True, stderr=subprocess.DEVNULL, timeout=10).strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def take_git_state(sent: dict[str, Any] | None) -> None:
    """Has runs of this process name the commit of the command that has sent them, from a machine with other files."""
    _sent[:] = [sent]


_sent: list[dict[str, Any] | None] = []
