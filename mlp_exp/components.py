"""What a configuration may name, and what one's own components derive from: `_target_: mlp_exp.components.MLP`.

These names stay when code moves. Each is imported when it is first asked for, so that nobody waits for torch in vain.

    from mlp_exp.components import Dataset
"""

import sys
from importlib import import_module
from typing import Any

from mlp_exp.config.components import BASES, COMPONENTS

__all__ = sorted([*COMPONENTS, *BASES])  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    module = COMPONENTS.get(name) or BASES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return __all__
