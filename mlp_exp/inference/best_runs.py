"""Which runs are meant by the folder of a run, of a sweep or of a search."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mlp_exp.config.words import of_folder
from mlp_exp.display.commands import RESUME, program
from mlp_exp.errors import RunFolderError, counted
from mlp_exp.leaderboard.entry import Entry, failures_of
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.storage.run_folder import MODEL, UNFINISHED, RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN, in_lines

TARGET = "data.target"
Say = Callable[[str], None]


def runs_of(folder: Path, top: int, say: Say) -> list[Path]:
    """The folder of a run itself, or the best runs of a sweep's folder; RunFolderError if it holds neither.

    Args:
        top: how many of a sweep's.
        say: is told why there are fewer.
    """
    if (folder / MODEL).exists() or RunFolder(folder).result() is not None:
        if top > 1:
            say(f"{folder}: 1 of {top}: it is the folder of a run, and not of a sweep")
        return [folder]
    best = best_of(Leaderboard.read(folder).entries, folder, top, say)
    return [folder / os.path.relpath(run, folder) for run in best]


def best_of(every: Sequence[Entry], where: Path, top: int, say: Say) -> list[Path]:
    """The first of some runs, best first, that ended well. Arguments of `runs_of`.

    RunFolderError if none did, or they have different targets.

    Args:
        where: names their folder in messages.
    """
    entries = [entry for entry in every if entry.ended_well and (entry.folder / MODEL).is_file()]
    if not entries:
        raise RunFolderError(f"{where}: {_why_none(every, where)}")
    _check_targets(entries, where)
    if len(entries) < top:
        pruned = sum(entry.pruned for entry in every)
        say(f"{where}: {len(entries)} of {top}: {_why_fewer(len(every), pruned, len(entries))}")
    return [entry.folder for entry in entries[:top]]


def _why_none(runs: Sequence[Entry], where: Path) -> str:
    """Why none of some runs can be taken, and what to do."""
    failed = failures_of(runs)
    none = f"none of its {len(runs)} runs has ended well" if len(runs) > 1 else "its run has not ended well"
    if any(run.result["status"] in ("interrupted", UNFINISHED) for run in runs) and (where / MULTIRUN).is_file():
        return f"{none} yet; go on with: {program()} {of_folder(RESUME, where)}"
    if failed:
        return "\n".join([f"{none}:", *in_lines(failed)])
    return f"expected the folder of a run, with {MODEL}, or of a sweep of such runs"


def _check_targets(entries: Sequence[Entry], where: Path) -> None:
    """Raises RunFolderError for runs of different targets, or tasks: no metric ranks them together."""
    by_task = {entry.result.get("task"): entry for entry in reversed(entries)}
    typed = [entry for entry in entries if TARGET in entry.overrides]
    by_target = {entry.overrides[TARGET]: entry for entry in reversed(typed)}
    for differing in (by_target, by_task):
        if len(differing) > 1:
            found = ", ".join(f"{what} ({os.path.relpath(of.folder, where)})" for what, of in differing.items())
            raise RunFolderError(
                f"{where}: holds runs of different targets: {found}; name the folder of one, or of a sweep"
            )


def _why_fewer(runs: int, pruned: int, good: int) -> str:
    """Why only `good` runs of a sweep can be taken."""
    others, of = runs - pruned - good, f"of its {runs} runs "
    verbs = ("was", "has") if pruned == 1 else ("were", "have")
    why = [f"{pruned} {of}{verbs[0]} pruned and {verbs[1]} no model"] if pruned else []
    why += [f"{others} {'' if pruned else of}did not end well"] if others else []
    return ", ".join(why) or f"it has {counted(runs, 'run')}"
