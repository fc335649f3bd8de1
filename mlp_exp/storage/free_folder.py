"""A folder that is not taken, for messages."""

from itertools import count
from pathlib import Path

from mlp_exp.config.words import override


def free_folder(key: str, taken: Path) -> str:
    """The override of `key`, as a word of a shell, that names a new folder beside one that is taken.

    >>> print(free_folder("hydra.run.dir", Path("/runs/my run")))
    'hydra.run.dir="/runs/my run-2"'
    """
    others = (taken.with_name(f"{taken.name}-{number}") for number in count(2))
    return override(key, str(next(path for path in others if not path.exists())))
