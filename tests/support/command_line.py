"""What a command leaves and says."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from support.commands import Result

SHORT = ("trainer.epochs=2", "trainer.device=cpu")
QUIET = (*SHORT, "trainer.plots=never")
HYDRA_FILES = {".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"}
RUN_FILES = {*HYDRA_FILES, "history.csv", "result.json", "model.pt", "checkpoint.pt", "run.log"}
FOLDER_NAME = r"\d{2}-\d{2}-\d{2}-\d{6}"


def result_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(folder / "model.pt", weights_only=True)["state_dict"])


def history_of(folder: Path) -> list[list[str]]:
    """The rows of the history as text, the first its names; without the seconds."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]


def assert_one_message(done: Result, message: str) -> None:
    """Status 1, and on standard error this message and nothing else."""
    assert done.returncode == 1
    assert done.stderr == f"{message}\n"


def mistakes(*lines: str) -> str:
    head = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n  ".join([f"The configuration has {head}:", *lines])


LAUNCHERS = {"stacked": [], "basic": ["hydra/launcher=basic"]}
"""The overrides that choose them; the first is the one without any."""


def table_of(lines: Sequence[str]) -> list[list[str]]:
    """The cells of a printed table, line by line; those of its head may have several lines."""
    return [[cell.strip() for cell in line.split(line[0])[1:-1]] for line in lines if line[0] in "┃│"]


def leaderboard_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
