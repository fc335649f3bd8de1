"""How runs were made: command, commit, versions, machine, time."""

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mlp_exp.display.commands import PROGRAM
from mlp_exp.errors import counted
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.storage.hydra_files import HYDRA
from mlp_exp.storage.multirun_file import read_sweep
from mlp_exp.storage.run_folder import RESULT
from mlp_exp.storage.sweep_folder import MULTIRUN


def sweep_command(folder: Path) -> str | None:
    """The command that started a sweep, RunFolderError if its settings are damaged; None for any other folder."""
    if not (folder / MULTIRUN).is_file():
        return None
    saved = read_sweep(folder)
    flags = [word for flag in saved.flags for word in flag]
    return shlex.join([*PROGRAM, "-m", *flags, *saved.overrides.task, *saved.typed])


def how_made(folders: Sequence[Path], entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Names and texts; where runs differ, each text with the number of runs."""
    commands = [command for command in map(sweep_command, folders) if command]
    times = [(entry.folder / RESULT).stat().st_mtime for entry in entries if (entry.folder / RESULT).exists()]
    # Hydra writes the sweep's file again when it is resumed
    files = [folder / MULTIRUN for folder in folders]
    files += [file for entry in entries for file in (entry.folder / HYDRA).glob("*.yaml")]
    started = [file.stat().st_mtime for file in files if file.exists()]
    trained = sum(entry.result.get("seconds", 0) / entry.result.get("stacked", 1) for entry in entries)
    facts = [("Command", command) for command in commands]
    facts += [("Folder", str(folder.absolute())) for folder in folders]
    facts += [("Begun", _moment(min(started)))] if started else []
    facts += [("Latest result", _moment(max(times)))] if times else []
    facts += [("Training", f"{trained:.1f} s, divided among the runs that trained together")]
    provenances = [entry.result["provenance"] for entry in entries if entry.result.get("provenance")]
    for name in ("git", "versions", "machine", "processor", "device", "threads", "data_fingerprint"):
        texts = Counter(_text(name, provenance.get(name)) for provenance in provenances)
        for text, runs in texts.most_common():
            where = f" ({counted(runs, 'run')})" if len(texts) > 1 else ""
            facts.append((name.replace("_", " ").replace("git", "commit").capitalize(), f"{text}{where}"))
    return facts


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _text(name: str, value: Any) -> str:
    if name == "git" and isinstance(value, dict):
        return f"{value.get('commit')}{', with changes not committed' if value.get('dirty') else ''}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {of}" for key, of in value.items())
    return "unknown" if value is None else str(value)
