"""What a folder keeps of its tracked run, so that a later command goes on with the same one."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from mlp_exp.storage.atomic import atomic
from mlp_exp.storage.checked import Closed
from mlp_exp.storage.run_folder import TRACKED


class Memory(Closed):
    """Of a run, or of the run above those of a sweep.

    Attributes:
        tracker: its settings, in words.
        id: what the tracker calls the run.
        epochs: how many it has.
        group: the name of the sweep.
    """

    tracker: str
    id: str
    epochs: Annotated[int, Field(ge=0)] = 0
    group: str | None = None


def remember(folder: Path, memory: Memory) -> None:
    """Keeps it in the folder."""
    with atomic(folder / TRACKED) as temporary:
        temporary.write_text(memory.model_dump_json() + "\n", encoding="utf-8")


def recall(folder: Path, tracker: str) -> Memory | None:
    """What is kept there of a tracker with the same settings."""
    try:
        memory = Memory.model_validate_json((folder / TRACKED).read_bytes())
    except (OSError, ValidationError):
        return None
    return memory if memory.tracker == tracker else None
