"""Configurations of strangers, and what is said of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mlp_exp import __version__

Change = Callable[[dict[str, Any]], object]
SMALL = ("trainer.device=cpu", "trainer.plots=never", "trainer.epochs=2", "data.n_samples=100")
COMMANDS = ("resume", "rerun", "report", "predict", "export")


def spoil(folder: Path, change: Change) -> None:
    """Changes the configuration in both files that hold one."""
    for name in ("model.pt", "checkpoint.pt"):
        saved = torch.load(folder / name, weights_only=True)
        change(saved)
        torch.save(saved, folder / name)


SHELL = {"_target_": "os.system", "command": "touch canary"}


def is_refused(key: str, value: object) -> str:
    package = str(value).partition(".")[0]
    return (
        f"{key} is {value!r}; a saved run may only build components of mlp_exp, torch's networks, optimizers and "
        "schedulers, and scikit-learn's data sets. If you know and trust that package: "
        f"--allow {package}"
    )


def is_no_component(key: str, value: str) -> str:
    return (
        f"{key} is {value!r}, which is no component of this version of mlp_exp ({__version__}). "
        "If another version has written this file, use that one"
    )


def may_not_refer(key: str, value: str) -> str:
    return (
        f"{key} is {value!r}; a saved configuration may refer to a single value of its own, as ${{trainer.epochs}}, "
        "and to nothing outside it"
    )


def nested(levels: int) -> list[Any]:
    node: list[Any] = []
    for _ in range(levels):
        node = [node]
    return node


def put(*place: str | int, value: Any) -> Change:
    """Puts a value into the configuration."""

    def change(saved: dict[str, Any]) -> None:
        node: Any = saved["config"]
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = value

    return change


FOREIGN = "expected the configuration of a run; it has no key "
