"""What of the settings of a search must stay the same when it continues."""

from pathlib import Path
from typing import Any

from mlp_exp.config.search_settings import NODE
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.study_file import StudyFile
from mlp_exp.storage.sweep_folder import STUDY


def require_same(earlier: StudyFile, now: StudyFile, folder: Path) -> None:
    """Refuses to continue another search; one with more trials is the same.

    Raises:
        RunFolderError: names the settings that differ.
    """
    was, new = ({**file.model_dump(), "n_trials": None} for file in (earlier, now))
    lines = [f"  {key}: was {_text(was[key])}, now {_text(new[key])}" for key in was if was[key] != new[key]]
    if lines:
        text = "\n".join(lines)
        raise RunFolderError(
            f"{folder / STUDY}: resume=true goes on with the same search; only n_trials may grow.\n{text}"
        )
    if now.n_trials < earlier.n_trials:
        raise RunFolderError(
            f"{folder / STUDY}: the search has {earlier.n_trials} trials; expected {NODE}.n_trials={earlier.n_trials} "
            f"or more, got {now.n_trials}"
        )


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
