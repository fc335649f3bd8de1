"""`predict` for a sweep whose runs are in sub-folders of a thousand."""

import shutil
from pathlib import Path

import pytest
from support.commands import Command, said


@pytest.fixture
def sweep(small: Path, tmp_path: Path) -> Path:
    """A copy of the sweep `s` with such folders."""
    return Path(shutil.copytree(small / "s", tmp_path / "s/0-999")).parent


def test_predictions_of_a_sweep_in_sub_folders(command: Command, small: Path, sweep: Path, tmp_path: Path) -> None:
    """Its best run, the three best, and one of them are those of the sweep without sub-folders."""
    for folder, place, words in (("s", "0-999/", ()), ("s", "0-999/", ("--top", "3")), ("s/0-999/2", "", ())):
        inside = folder.replace("0-999/", "")
        flat = said(command("predict", inside, "table.csv", "-o", tmp_path / "flat.csv", *words, cwd=small))
        deep = said(command("predict", folder, small / "table.csv", "-o", tmp_path / "deep.csv", *words))
        assert deep[0].replace(place, "") == flat[0]
        assert place in deep[0]
        assert (tmp_path / "deep.csv").read_bytes() == (tmp_path / "flat.csv").read_bytes()
