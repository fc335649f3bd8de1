"""Why a run has no model or checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlp_exp.config.words import of_folder
from mlp_exp.errors import RunFolderError


def require_file(path: Path, result: Mapping[str, Any], *, goes_on: bool) -> None:
    """Raises RunFolderError if a run has ended without a file, with the reason and what to do.

    Args:
        result: that of the run; empty if it has none.
        goes_on: whether the run can be resumed.
    """
    status = result.get("status")
    if path.exists() or status not in ("pruned", "failed", "interrupted"):
        return
    has_none = f"and has no {path.stem}"
    if status == "failed":
        reason = result.get("reason")
        raise RunFolderError(f"{path.parent}: the run has failed {has_none}{f': {reason}' if reason else ''}")
    why = "was pruned by its search" if status == "pruned" else "was interrupted"
    how = f"Train it to its end: {of_folder('resume', path.parent)}" if goes_on else "Train it again"
    raise RunFolderError(f"{path.parent}: the run {why} {has_none}. {how}")
