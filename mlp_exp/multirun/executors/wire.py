"""What travels between a command and its workers, as text: tasks one way, events the other.

Runs travel as specifications; what they have saved is read from their folders.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mlp_exp._version import __version__
from mlp_exp.errors import LauncherError
from mlp_exp.experiment.elsewhere import absolute_names, below, moved
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.multirun.executors.events import Done, Ended, Event, Paused, Progress
from mlp_exp.storage.lease import held, still_held
from mlp_exp.storage.provenance import git_state, take_git_state
from mlp_exp.storage.run_folder import RunFolder

EVENTS = {event.__name__: event for event in (Progress, Ended, Done)}


def task_to_text(task: StackTask, *, shares_files: bool = True) -> str:
    """The task in one line, with the version of this package.

    Args:
        shares_files: whether the worker sees the sweep's folder, and so whether this command still works on it. If
            not, the text says what it cannot see: the commit, and where files are that configurations name.
    """
    lease = held() if shares_files else None
    unseen = None if shares_files else {"git": git_state(), "files": absolute_names(task.specs)}
    return json.dumps(
        {
            "version": __version__,
            "number": task.number,
            "end_epoch": task.end_epoch,
            "unseen": unseen,
            "lease": [str(lease.folder), lease.token] if lease else None,
            "runs": [spec.to_json() for spec in task.specs],
        }
    )


def task_from_text(text: str) -> StackTask:
    """The task, without what its runs have saved.

    Raises:
        LauncherError: another version of this package has sent it.
    """
    content = json.loads(text)
    sent = content["version"]
    if sent != __version__:
        raise LauncherError(
            f"the worker has mlp_exp {__version__}, and the command {sent}: install the same version there"
        )
    specs = tuple(RunSpec.from_json(each) for each in content["runs"])
    return StackTask(content["number"], specs, (None,) * len(specs), content["end_epoch"])


def task_at_root(text: str, session: Session) -> StackTask:
    """Likewise, below the root of the session, which learns where files are; of one without a root as it was sent."""
    root, task = session.root, task_from_text(text)
    if root is None:
        return task
    unseen = json.loads(text)["unseen"]
    take_git_state(unseen["git"])
    session.files = {name: str(below(root, path)) for name, path in unseen["files"].items()}
    return replace(task, specs=tuple(moved(spec, root) for spec in task.specs))


def is_wanted(text: str) -> bool:
    """Whether the command that has sent a task still works on its sweep, as far as can be known."""
    lease = json.loads(text)["lease"]
    return lease is None or still_held(Path(lease[0]), lease[1])


def event_to_text(event: Event) -> str:
    """The event in one line; of a paused run its number alone."""
    content: dict[str, Any] = {"run": event.run} if isinstance(event, Paused) else asdict(event)
    return json.dumps({"event": type(event).__name__, **content})


def event_from_text(text: str, task: StackTask) -> Event:
    """The event of a task; a paused run's checkpoint is read from its folder.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    content = json.loads(text)
    name = content.pop("event")
    if name != Paused.__name__:
        found: Event = EVENTS[name](**content)
        return found
    from mlp_exp.experiment.checkpoint import Checkpoint  # imports torch, which who only passes events on does not need

    (spec,) = (spec for spec in task.specs if spec.number == content["run"])
    return Paused(spec.job_number, Checkpoint.read(RunFolder(spec.folder)))
