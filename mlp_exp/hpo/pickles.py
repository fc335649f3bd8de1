"""What CMA-ES keeps in a journal: its state as a pickle, which could run code where a stranger has written it."""

import io
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from mlp_exp.errors import UntrustedError

HARMLESS = {
    *(("cmaes._cma", "CMA"), ("cmaes._sepcma", "SepCMA"), ("cmaes._cmawm", "CMAwM")),
    *(("numpy", name) for name in ("dtype", "ndarray")),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
}
"""The classes and functions of which such a state consists. None of them runs or opens anything."""
CHUNK = re.compile(r"(?P<name>.*:optimizer):(?P<place>0|[1-9][0-9]*)")
"""A key under which Optuna keeps a part of a state, in hexadecimal digits."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")
        return super().find_class(module_name, global_name)


def require_harmless(trials: Iterable[FrozenTrial], path: Path) -> None:
    """Raises UntrustedError if a sampler's state in these trials names anything but CMA-ES and arrays.

    Optuna unpickles these states when the next trial is asked, and nothing else of a journal.
    """
    for trial in trials:
        try:
            for state in _states(trial.system_attrs):
                _Unpickler(io.BytesIO(state)).load()
        except Exception as error:  # bytes of a stranger may raise anything
            raise UntrustedError(
                f"{path}: the sampler's state in trial {trial.number} is not loaded: expected one of CMA-ES, but "
                f"{error}. If this journal is not your own, do not use it; else start the search in a new folder"
            ) from error


def _states(attributes: Mapping[str, Any]) -> list[bytes]:
    """The pickles in a trial's attributes, each put together from its parts as Optuna does it."""
    parts: dict[str, dict[int, str]] = {}
    for key, value in attributes.items():
        if found := CHUNK.fullmatch(key):
            parts.setdefault(found["name"], {})[int(found["place"])] = value
        elif "optimizer" in key:
            raise ValueError(f"it has the unknown key {key!r}")
    return [bytes.fromhex("".join(part[place] for place in range(len(part)))) for part in parts.values()]
