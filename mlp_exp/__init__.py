"""Config-driven experiments with multilayer perceptrons in PyTorch."""

from typing import TYPE_CHECKING, Any

from mlp_exp._version import __version__

if TYPE_CHECKING:
    from mlp_exp.inference.loading import load

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """`load` comes with torch, which takes seconds to import; the other users of the package need not wait."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mlp_exp.inference import loading

    return loading.load
