"""The README is true, and short: its commands and its Python run in order, and it leads to every page of the site."""

import json
import re
import shutil
from pathlib import Path

import pytest
from support.clean_forks import CleanForks
from support.page_blocks import Reader, blocks_of
from support.project import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"


@pytest.mark.slow
def test_its_blocks_run(tmp_path: Path, clean_forks: CleanForks) -> None:
    for path in (DOCS / "data").glob("*.csv"):
        shutil.copy(path, tmp_path)
    done = clean_forks.run(Reader(README).read, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (alone,) = tmp_path.glob("outputs/income/result.json")
    assert json.loads(alone.read_text(encoding="utf-8"))["status"] == "finished"
    assert len(list(tmp_path.glob("outputs/sweep/*/result.json"))) == 9
    assert (
        (tmp_path / "predictions.csv")
        .read_text(encoding="utf-8")
        .startswith("prediction,probability_high,probability_low\n")
    )
    assert " accuracy " in done.stdout


def test_it_is_one_page() -> None:
    assert README.count("\n") <= 120
    assert len(blocks_of(README)) == 6
    assert "$ make run" in README
    assert "$ make test" in README


def test_its_links_lead_to_every_page() -> None:
    links = {ROOT / link for link in re.findall(r"\]\(([^)#]+)\)", README)}
    assert {link for link in links if not link.exists()} == set()
    pages = {page for kind in ("tutorials", "how-to", "explanation") for page in (DOCS / kind).glob("*.md")}
    assert {page.name for page in pages - links} <= {"index.md", "measured.md"}
