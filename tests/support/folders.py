"""Run folders, and what is in them."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import torch


def run_folders(path: Path) -> list[Path]:
    """The run folders below `path/outputs`, single runs and jobs of sweeps, in the order of their paths."""
    return sorted(log.parent for log in (path / "outputs").rglob("run.log"))


def the_run_folder(path: Path) -> Path:
    """The one run folder below `path/outputs`."""
    (folder,) = run_folders(path)
    return folder


def files_in(folder: Path) -> set[str]:
    """The paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def names(path: Path) -> list[str]:
    """What a folder holds, in the order of the names."""
    return sorted(entry.name for entry in path.iterdir())


def result_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def history_of(folder: Path) -> list[list[str]]:
    """The rows of the history as text, the first its names; without the seconds."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(folder / "model.pt", weights_only=True)["state_dict"])


def leaderboard_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shown_in(page: Path) -> dict[str, Any]:
    """What the page of a sweep shows."""
    text = page.read_text(encoding="utf-8")
    return dict(json.JSONDecoder().raw_decode(text[text.index('{"about"') :])[0])


def went_on(folder: Path) -> list[int]:
    """The epochs after which a run continued, by its log."""
    log = (folder / "run.log").read_text(encoding="utf-8")
    return [int(epoch) for epoch in re.findall(r"goes on after epoch (\d+)$", log, re.MULTILINE)]
