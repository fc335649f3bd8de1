"""Which figures a run has, as plain data: matplotlib is imported where they are drawn, perhaps in another process."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mlp_exp.processes.forks import in_forks
from mlp_exp.storage.run_folder import FigureFormat, RunFolder

Figures = dict[str, tuple[Any, ...]]
"""What each figure shows, by the name of its file: the arguments of its function in `plots`."""


def write(folder: Path, figures: Mapping[str, tuple[Any, ...]], format: FigureFormat = "png") -> None:
    """Draws figures into the folder of a run, several at the same time."""
    from mlp_exp.display.plots import FIGURES, encoded

    def one(name: str, arguments: tuple[Any, ...]) -> None:
        RunFolder(folder).write_figure(f"{name}.{format}", encoded(FIGURES[name](*arguments), format))

    in_forks([partial(one, name, arguments) for name, arguments in figures.items()])
