"""The processor of this machine: its name, and what decides the last bits of what it computes."""

import platform
from functools import cache
from pathlib import Path
from typing import Any

NAMES = ("model name", "Model", "cpu model", "Hardware")
"""Of the line in `/proc/cpuinfo` that names it, by architecture."""


@cache
def processor() -> dict[str, Any]:
    """What `result.json` says of it.

    `model` is for people; by the others torch, NumPy and its BLAS choose their kernels, which add in other orders:
    `architecture`, torch's `capability`, NumPy's widest `simd` extension, and the `kernel` of OpenBLAS.
    """
    import numpy as np  # not while a command only answers `--help`
    import torch

    from mlp_exp.processes.blas import blas

    extensions = np.show_config(mode="dicts")["SIMD Extensions"]  # the widest last
    simd = extensions.get("found") or extensions.get("baseline") or []
    kernels = [library.get("architecture") for library in blas().info()]
    return {
        "model": _model(),
        "architecture": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "simd": simd[-1] if simd else None,
        "kernel": next(filter(None, kernels), None),
    }


def _model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # macOS, Windows
        lines = []
    said = {name.strip(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
    return next((said[name] for name in NAMES if said.get(name)), platform.processor() or platform.machine())


@cache
def gpu(device: str) -> str | None:
    """The name of a CUDA device, as `cuda` or `cuda:1`; None for any other device, or where there is none."""
    import torch

    if not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_name(torch.device(device))
