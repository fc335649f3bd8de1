"""`tracker.json`: which tracked run belongs to a folder, so that a later command continues the same one."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.checked import Closed
from mlp_exp.storage.run_folder import TRACKED


class TrackerState(Closed):
    """The tracked run of a run's folder, or the parent run of a sweep's folder; attributes as in `TrackedRun`."""

    tracker: str
    id: str
    epochs: Annotated[int, Field(ge=0)] = 0
    group: str | None = None


def save_state(folder: Path, state: TrackerState) -> None:
    write_text(folder / TRACKED, state.model_dump_json() + "\n")


def load_state(folder: Path, tracker: str) -> TrackerState | None:
    """The saved state, if it is valid and of a tracker with the same settings."""
    try:
        state = TrackerState.model_validate_json((folder / TRACKED).read_bytes())
    except (OSError, ValidationError):
        return None
    return state if state.tracker == tracker else None
