from itertools import product
from typing import Any
def require_valid(space: Any, compose: Any) -> None: pass
def repeats(repeat: Any) -> list[list[str]]:
    return [[f"{k}={v}" for k, v in zip(repeat, vals)] for vals in product(*repeat.values())]
