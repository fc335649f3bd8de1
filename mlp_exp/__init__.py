"""Config-driven experiments with multilayer perceptrons in PyTorch."""

from typing import TYPE_CHECKING, Any

from mlp_exp._version import __version__

if TYPE_CHECKING:
    from mlp_exp.inference.trained import load

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """`load` comes with torch, which takes seconds to import; who needs it not does not wait for it."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mlp_exp.inference import trained

    return trained.load
