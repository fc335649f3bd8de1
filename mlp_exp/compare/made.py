"""How runs were made: command, commit, versions, machine, time."""

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mlp_exp.config.conf_folder import CONFIG_NAME, hydra_settings
from mlp_exp.display.commands import PROGRAM
from mlp_exp.errors import RunFolderError
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.storage.checked import first_problem
from mlp_exp.storage.run_folder import RESULT
from mlp_exp.storage.sweep_folder import MULTIRUN
from mlp_exp.storage.yaml_file import read_yaml


class _Words(BaseModel):
    task: list[str]
    hydra: list[str]


class _Job(BaseModel):
    config_name: str | None = CONFIG_NAME


class _Source(BaseModel):
    provider: str
    path: str


class _Runtime(BaseModel):
    config_sources: list[_Source] = []


class _Hydra(BaseModel):
    overrides: _Words
    job: _Job = _Job()
    runtime: _Runtime = _Runtime()


class _Saved(BaseModel):
    """The parts of `multirun.yaml` that are read."""

    hydra: _Hydra


def sweep_command(folder: Path) -> str | None:
    """The command that started a sweep, RunFolderError if its settings are damaged; None for any other folder."""
    saved = folder / MULTIRUN
    if not saved.is_file():
        return None
    try:
        hydra = _Saved.model_validate(read_yaml(saved)).hydra
    except ValidationError as error:
        problem = first_problem(error, "all of it")
        raise RunFolderError(f"{saved}: expected the settings of a sweep, as Hydra writes them; {problem}") from error
    words, name = hydra.overrides, hydra.job.config_name or CONFIG_NAME
    folders = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    flags = [word for path in folders for word in ("--config-dir", path)]
    flags += ["--config-name", name] if name != CONFIG_NAME else []
    untyped = [f"{key}={value}" for key, value in hydra_settings(name).items()]
    typed = [word for word in words.hydra if not word.startswith("hydra.mode=") and word not in untyped]
    return shlex.join([*PROGRAM, "-m", *flags, *words.task, *typed])


def how_made(folders: Sequence[Path], entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Names and texts; where runs differ, each text with the number of runs."""
    commands = [command for command in map(sweep_command, folders) if command]
    times = [(entry.folder / RESULT).stat().st_mtime for entry in entries if (entry.folder / RESULT).exists()]
    started = [(folder / MULTIRUN).stat().st_mtime for folder in folders if (folder / MULTIRUN).exists()]
    trained = sum(entry.result.get("seconds", 0) / entry.result.get("stacked", 1) for entry in entries)
    facts = [("Command", command) for command in commands]
    facts += [("Folder", str(folder.absolute())) for folder in folders]
    facts += [("Begun", _moment(min(started)))] if started else []
    facts += [("Latest result", _moment(max(times)))] if times else []
    facts += [("Training", f"{trained:.1f} s, divided among the runs that trained together")]
    provenances = [entry.result["provenance"] for entry in entries if entry.result.get("provenance")]
    for name in ("git", "versions", "machine", "device", "threads", "data_fingerprint"):
        texts = Counter(_text(name, provenance.get(name)) for provenance in provenances)
        for text, runs in texts.most_common():
            where = f" ({runs} run{'s' * (runs != 1)})" if len(texts) > 1 else ""
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
