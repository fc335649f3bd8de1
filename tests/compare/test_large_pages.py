"""The page of more runs than it lists, and its size."""

import math
from pathlib import Path

import pytest
from support.folders import shown_in
from support.page import OpenPage, needs_browser, write_job
from support.runs import classes
from support.written_searches import write_search

from mlp_exp.compare import bounded, gather
from mlp_exp.compare.report import report_on

pytestmark = pytest.mark.slow
RUNS, EPOCHS = 1_000, 100


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page lists ten runs."""
    for module in (bounded, gather):
        monkeypatch.setattr(module, "MOST_SHOWN", 10)


def test_the_page_of_a_thousand_runs_is_below_ten_megabytes(tmp_path: Path) -> None:
    """With all their curves, of as many columns as a sweep has by default, and two keys that vary."""
    for job in range(RUNS):
        rate, seed = 1e-4 * 1.02 ** (job // 4), job % 4
        losses = [rate + math.exp(-epoch / (10 + seed)) for epoch in range(EPOCHS)]
        history = dict.fromkeys(("lr", "train_loss", "val_loss", "val_accuracy", "seconds"), losses)
        result = classes(losses[-1], 1 - losses[-1], epochs=EPOCHS, best_epoch=EPOCHS, seconds=1.25)
        config = {"optimizer": {"lr": rate}, "seed": seed, "model": {"hidden_sizes": [64, 32]}}
        write_job(tmp_path, job, result, [f"optimizer.lr={rate!r}", f"seed={seed}"], config, history)
    assert report_on([tmp_path], tmp_path)
    page = tmp_path / "report.html"
    runs = shown_in(page)["runs"]
    assert len(runs) == RUNS
    assert {len(of) for run in runs for of in run["curves"].values()} == {51}
    assert page.stat().st_size < 10_000_000


@needs_browser
@pytest.mark.usefixtures("few")
def test_a_search_of_more_runs_than_are_listed(tmp_path: Path, open_page: OpenPage) -> None:
    folder = tmp_path / "search"
    write_search(folder, 40)
    assert report_on([folder], folder)
    page = open_page(folder)
    assert page.one("#left-out").text == (
        "Listed are the best 10 of 40 runs; leaderboard.csv has the others. Counts, means of several runs and what "
        "mattered are of all."
    )
    assert page.one("#shown").text == "10 of 10 runs"
    assert page.one("#search-text").text.startswith("40 trials: ")
    assert page.one("#history-text").text.endswith(" Of 40 trials it shows the best, and others at equal distances.")
    drawn = [number for trace in page.traces("#history")[:3] for number in trace["x"]]
    assert {*range(0, 40, 4), *(int(run["name"]) for run in page.data["runs"])} <= set(drawn)
    assert len(drawn) < 40
    ranges = {key: set(of["numbers"]) for key, of in page.data["keys"].items()}
    apart = [trial for trial in page.data["searches"][0]["trials"] if "overrides" in trial]
    assert {trial["overrides"]["optimizer.lr"] for trial in apart} <= ranges["optimizer.lr"]


@needs_browser
@pytest.mark.usefixtures("few")
def test_a_group_that_is_not_all_listed(tmp_path: Path, open_page: OpenPage) -> None:
    """Its row is of all its runs, with numbers on the right as in the other rows."""
    folder = tmp_path / "sweep"
    for job in range(14):
        loss = 0.01 * (1 + job)
        write_job(folder, job, classes(loss), [f"optimizer.lr={0.1 * (1 + job // 5):g}", f"seed={job % 5}"])
    assert report_on([folder], folder)
    page = open_page(folder)
    named = [(row["run"], row["optimizer.lr"], row["seed"]) for row in page.rows]
    assert named == [("▸ 5 runs", "0.1", "5 values"), ("▸ 5 runs", "0.2", "5 values")]
    assert page.js("[...document.querySelectorAll('#leaderboard tbody tr')].map((row) => row.cells[2].className)") == [
        "number",
        "number",
    ]
