"""Pages of runs that exploded, failed at length, differ by noise, or belong to several searches."""

import math
import random
from pathlib import Path

import pytest
from support.page import OpenPage, needs_browser, write_job
from support.runs import FAILED, classes
from support.written_searches import write_search

from mlp_exp.compare.report import report_on

pytestmark = [pytest.mark.slow, needs_browser]

LONG = "data.columns.living_area_of_the_flat_in_square_metres"
PATHS = [f"/home/somebody/projects/experiments/{name}/a_table_with_a_long_name.parquet" for name in "ab"]
REASON = "optimizer.lr: expected a number above 0\n" + ", ".join(map(str, range(200)))


@pytest.fixture(scope="module")
def ugly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten good runs, one that exploded, one of not a number, and one that failed at length."""
    folder = tmp_path_factory.mktemp("page") / "ugly"
    rng = random.Random(0)
    for job in range(12):
        loss = 1.3e12 if job == 10 else 0.3 + 0.01 * rng.random()
        curve = [0.7, 0.5, loss] if job < 11 else [0.7, math.nan, math.nan]
        overrides = [f"optimizer.lr={rng.random()!r}", f"{LONG}={rng.random() / 1e5!r}", f"data.path={PATHS[job % 2]}"]
        result = classes(loss, 0.5 + 0.01 * job, epochs=3, best_epoch=3, seconds=0.5)
        write_job(folder, job, result, [*overrides, "seed=1"], None, {"val_loss": curve, "val_accuracy": [0.5] * 3})
    write_job(folder, 12, {**FAILED, "reason": REASON}, ["optimizer.lr=-1", f"data.path={PATHS[0]}", "seed=1"])
    assert report_on([folder], folder)
    return folder


def test_one_run_that_explodes_leaves_the_others_readable(ugly: Path, open_page: OpenPage) -> None:
    page = open_page(ugly)
    low, high = page.layout("#curves", "yaxis.range")
    assert 0.2 < low < 0.3
    assert 0.7 < high < 0.8
    away = "1 run leaves the plot, with val_loss as far as 1.3e12; a double click shows all."
    assert page.one("#curves-text").text == away
    page.one("#log").click()
    assert page.layout("#curves", "yaxis.autorange")
    assert page.one("#curves-text").text == ""
    page.one("#log").click()
    assert page.layout("#effects > div", "yaxis.range")[1] < 0.4
    assert page.one("#effects-text").text.endswith(f" {away.replace('val_loss', 'val_log_loss')}")
    (parallel,) = page.traces("#parallel")
    assert max(parallel["dimensions"][-1]["values"]) < 0.4
    assert page.one("#parallel-text").text.endswith("are drawn at the end of the axis.")
    assert page.one("#pair-text").text == ""
    page.choose("#second", page.texts("#second option")[11])  # the one that exploded
    assert page.layout("#pair", "yaxis.range")[1] < 0.8
    assert page.one("#pair-text").text.startswith("What is far from the better run leaves the plot")
    assert page.column("val_log_loss")[11] == "1.3e12"
    page.choose("#metric", "val_accuracy")
    assert page.js("find('column').value") == "val_accuracy"  # follows
    assert page.one("#curves-text").text == ""
    page.choose("#metric", "val_log_loss")
    page.leave()


def test_nothing_is_far_in_a_metric_that_ends_at_1(tmp_path: Path, open_page: OpenPage) -> None:
    for job, accuracy in enumerate([0.833, 0.8, 0.8, 0.783, 0.667, 0.517]):
        curves = {"val_accuracy": [accuracy / 2, accuracy]}
        write_job(tmp_path, job, classes(1 - accuracy, accuracy), [f"optimizer.lr={job + 1}"], None, curves)
    assert report_on([tmp_path], tmp_path)
    page = open_page(tmp_path)
    page.choose("#metric", "val_accuracy")
    assert page.texts("#curves-text, #effects-text") == [
        "", "Each point is a run; the line joins the median of each value, or of neighbouring ones.",
    ]  # fmt: skip
    assert page.layout("#effects > div", "yaxis.range")[0] < 0.517
    range_of = "robustScores([0.9, 0.89, 0.88, 5, 0.2, -8e9], [0.9, 0.89, 0.88], (value) => [value], true)"
    assert page.js(range_of)[1] > 5  # what is better stays
    said = page.js(f"leaves(2, 'run', 'val_r2', [0.2, -8e9], {range_of})")
    assert said.startswith("2 runs leave the plot, with val_r2 as far as -8e9;")


def test_noise_has_no_importance(ugly: Path, open_page: OpenPage) -> None:
    page = open_page(ugly)
    explained = page.data["importance"]["val_log_loss"]["explained"]
    assert explained <= 0
    assert page.one("#importance-text").text == (
        "The keys do not explain val_log_loss: a random forest predicts it for runs that it was not fitted to no "
        f"better than their mean would (R² {explained:g}). The differences look like noise, so no importance is drawn."
    )
    assert not page.one("#importance").is_displayed()
    page.leave()


def test_long_names_numbers_and_reasons(ugly: Path, open_page: OpenPage) -> None:
    page = open_page(ugly)
    assert page.one("#constants").text == "The same in all: seed=1"
    head = page.head
    assert head[3] == "data.columns.liv…n_square_metres"
    assert set(page.column("data.path")) == {"…a…", "…b…"}
    for row in page.rows[:12]:
        assert len(row["optimizer.lr"]) <= 8
        assert len(row[head[3]]) <= 9
    assert "…a…" in page.texts("#effects > div:nth-child(3) .xtick text")
    assert page.layout("#effects > div:nth-child(2)", "title.text") == "data.columns.living_…at_in_square_metres"
    cell = page.one("td.reason:not(:empty)")
    assert cell.text == f"{REASON[:100]}… all of it"
    cell.find_element("css selector", "button").click()
    assert page.js("arguments[0].firstChild.data", cell) == REASON
    assert page.focus.get_attribute("aria-expanded") == "true"
    page.focus.click()
    assert page.focus.text == "all of it"
    page.size(400, 800)
    page.until(lambda: page.layout("#curves", "width") < 400)
    assert page.js("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_equal_is_said_once(tmp_path: Path, open_page: OpenPage) -> None:
    for job in range(3):
        result = classes(0.1 * job, epochs=7, best_epoch=6 + job % 2)
        write_job(tmp_path, job, result, [f"optimizer.lr={job}", "seed=1"])
    assert report_on([tmp_path], tmp_path)
    page = open_page(tmp_path)
    assert page.one("#constants").text == (
        "The same in all: seed=1 val_accuracy=0.5 test_accuracy=0.75 test_log_loss=0.25 status=finished epochs=7"
    )
    assert page.head == ["run", "val_log_loss", "optimizer.lr", "best_epoch", "seconds"]
    assert page.filter("epochs=7 status=finished") == ["3 of 3 runs"]
    page.one("#all-metrics").click()
    assert {"status", "epochs", "test_accuracy"} < set(page.head)


def test_several_searches_have_their_histories(tmp_path: Path, open_page: OpenPage) -> None:
    for number, name in enumerate(("first", "second")):
        write_search(tmp_path / name, 20 + 4 * number, failed=[number])
    assert report_on([tmp_path], tmp_path)
    page = open_page(tmp_path)
    assert page.texts("#which option") == ["first", "second"]

    def history() -> list[str]:
        return [trace["name"] for trace in page.traces("#history")]

    assert page.one("#search-text").text.startswith("20 trials: ")
    assert history() == ["pruned", "complete", "failed", "best so far of second", "best so far"]
    page.choose("#which", "second")
    assert page.one("#search-text").text.startswith("24 trials: ")
    assert history() == ["pruned", "complete", "failed", "best so far of first", "best so far"]
    failed = next(trace for trace in page.traces("#history") if trace["name"] == "failed")
    assert failed["x"] == [1]
    assert page.axis("#rungs") == ["epoch 4", "epoch 12", "end"]
    assert "best val_loss" not in page.texts("#metric option")  # the objective of each
    trial = page.data["searches"][1]["trials"][2]
    page.js("void find('history').emit('plotly_click', { points: [{ customdata: 2 }] })")
    assert page.texts("tr.chosen td:nth-child(2)") == [page.data["runs"][trial["runs"][0]]["name"]]


def test_many_rows_and_lines_come_in_parts(tmp_path: Path, open_page: OpenPage) -> None:
    for job in range(450):
        write_job(tmp_path, job, classes(0.001 * job), [f"optimizer.lr={job}"])
    assert report_on([tmp_path], tmp_path)
    page = open_page(tmp_path)
    rows, left = page.js(
        "(drawTable(), [document.querySelectorAll('#leaderboard tbody tr').length, [...pending.keys()]])"
    )
    assert (rows, left) == (100, ["rows"])
    assert page.column("run") == [str(job) for job in range(450)]
    (parallel,) = page.traces("#parallel")
    assert parallel["dimensions"][-1]["values"] == pytest.approx([0.001 * job for job in range(0, 450, 2)])
    assert page.one("#parallel-text").text.endswith("Drawn are 225 of 450 runs, evenly from best to worst.")
