"""`python -m mlp_exp.report SWEEP --watch`: leaderboard and page while runs train, and the page that renews itself."""

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support.commands import Command, refusal
from support.folders import shown_in
from support.page import Page, needs_browser, write_job
from support.runs import FAILED, classes

from mlp_exp.compare import watch as watching
from mlp_exp.compare.report import report_on
from mlp_exp.compare.watch import in_training, watch
from mlp_exp.storage.lease import LEASE, TAKE_AFTER, Lease, works_on

Step = Callable[[], object]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """That is about to begin."""
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "multirun.yaml").write_text("hydra: {overrides: {task: [], hydra: []}}", encoding="utf-8")
    return folder


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Step]]:
    """What happens between the looks, in place of waiting; returns what has not happened."""

    def happens(*steps: Step) -> list[Step]:
        left = list(steps)
        monkeypatch.setattr("mlp_exp.compare.watch.sleep", lambda seconds: left.pop(0)())
        return left

    return happens


def live_of(folder: Path) -> Any:
    return shown_in(folder / "report.html")["live"]


def test_a_sweep_is_watched_to_its_end(
    sweep: Path, between: Callable[..., list[Step]], capsys: pytest.CaptureFixture[str]
) -> None:
    lease = Lease(sweep)
    page, script = sweep / "report.html", sweep / "report.live.js"
    before: list[bytes] = []

    def begins() -> None:
        assert not page.exists()
        write_job(sweep, 0, None, ["seed=0"], None, {"val_loss": [0.5]})

    def trains() -> None:
        live = live_of(sweep)
        assert (live["script"], script.read_text()) == (script.name, f'window.written = "{live["written"]}";\n')
        assert [run["status"] for run in shown_in(page)["runs"]] == ["unfinished"]
        before.append(page.read_bytes())

    def nothing_happens() -> None:
        assert page.read_bytes() == before[-1]  # it has another time in it
        write_job(sweep, 1, classes(0.25), ["seed=1"])

    def ends() -> None:
        assert live_of(sweep) is not None
        with (sweep / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
            assert [row["status"] for row in csv.DictReader(file)] == ["finished", "unfinished"]
        lease.release()

    left = between(begins, trains, nothing_happens, ends)
    watch([sweep], sweep, lambda: report_on([sweep], sweep))
    assert left == []
    assert (live_of(sweep), script.exists()) == (None, False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"Watching until all runs have ended, or until Ctrl-C; to look at them, open {page}",
        "0 of 1 runs have ended",
        "1 of 2 runs have ended",
    ]
    assert lines[3].startswith("2 runs, best first by val_log_loss")


def test_ctrl_c_leaves_a_last_page(command: Command, sweep: Path, between: Callable[..., list[Step]]) -> None:
    write_job(sweep / "alone", 0, None, ["seed=0"])  # in no sweep: only its result says that it has ended

    def stop() -> None:
        assert live_of(sweep) is not None
        raise KeyboardInterrupt

    between(stop)
    done = command("report", sweep / "alone", "--watch", "-o", sweep)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
    assert done.stdout.endswith(f"{sweep}/report.html\n")
    assert (live_of(sweep), (sweep / "report.live.js").exists()) == (None, False)


def test_runs_that_have_ended_are_not_waited_for(command: Command, sweep: Path) -> None:
    write_job(sweep, 0, None, ["seed=0"])  # was killed
    write_job(sweep, 1, classes(0.5), ["seed=1"])
    done = command("report", sweep, "--watch")
    assert (done.returncode, done.stderr) == (0, "")
    assert live_of(sweep) is None


def test_what_cannot_be_watched(command: Command, tmp_path: Path) -> None:
    assert refusal(command("report", "no where", "--watch")) == (
        "no where: there is no such folder to watch; begin the sweep first, with 'hydra.sweep.dir=\"no where\"'"
    )
    assert refusal(command("report", tmp_path, "--watch")) == (
        f"{tmp_path}: expected the folder of a run, or of a sweep of such runs"
    )


def test_who_works_on_a_sweep(sweep: Path) -> None:
    assert not works_on(sweep)
    lease = Lease(sweep)
    assert works_on(sweep)
    assert in_training([sweep], [])
    lease.release()
    assert not in_training([sweep], [])
    (sweep / LEASE).write_text("of another host", encoding="utf-8")
    assert works_on(sweep)
    seconds = (sweep / LEASE).stat().st_mtime - TAKE_AFTER - 1
    os.utime(sweep / LEASE, (seconds, seconds))
    assert not works_on(sweep)


# ---- in the browser


@pytest.fixture
def page(browser: Chrome) -> Iterator[Page]:
    yield Page(browser)
    browser.get("about:blank")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # at the end the script is missing


def renewed(page: Page) -> None:
    """Has the page look at its script; it loads itself anew."""
    page.js("void Object.assign(window, { before: true })")
    page.js("look()")
    page.until(lambda: page.js("!window.before && document.readyState === 'complete' && typeof goOn === 'function'"))


@pytest.mark.slow
@needs_browser
def test_the_page_renews_itself_and_stays_as_it_was(tmp_path: Path, page: Page) -> None:
    for job in range(40):
        write_job(
            tmp_path, job, classes(0.01 * job), [f"optimizer.lr={1 + job // 2}", f"seed={job % 2}"], None,
            {"train_loss": [0.5, 0.1], "val_loss": [0.7, 0.01 * job]},
        )  # fmt: skip
    write_job(tmp_path, 40, {**FAILED, "reason": f"It went wrong. {'Why? ' * 100}"}, ["optimizer.lr=99", "seed=0"])
    watching._write([tmp_path], tmp_path)
    page.size(1000, 700)
    page.browser.get((tmp_path / "report.html").as_uri())
    assert page.one("#live").text.startswith("Runs are training. The page shows them as they were at ")

    page.sort("val_log_loss")
    page.sort("val_log_loss")
    page.row("▸ 2 runs", 3).find_element("css selector", "button").click()
    page.tick("33")
    page.one("td.reason button").click()
    assert page.column("reason")[-1].endswith("Why?  less")
    page.choose("#second", "run 5: optimizer.lr=3, seed=1")
    page.choose("#column", "train_loss")
    page.one("#log").click()
    page.one("#filter").send_keys("seed optimizer.lr>1")
    page.one("#filter").clear()
    page.one("#filter").send_keys("optimizer.lr>1")
    page.js("find('filter').setSelectionRange(3, 5)")
    page.js("void (find('leaderboard').parentElement.scrollTop = 150)")
    page.js("scrollTo(0, 900)")
    rows, chosen = page.column("run"), page.texts("tr.chosen td:nth-child(2)")
    assert chosen == ["33"]

    def as_it_was() -> None:
        assert page.column("run")[:20] == rows[:20]
        assert page.sorted_by == [("val_log_loss", "descending")]
        assert page.texts("tr.chosen td:nth-child(2)") == chosen
        assert page.column("reason")[-1].endswith("Why?  less")
        assert page.js("['second', 'column', 'log', 'filter'].map((id) => find(id)).map((e) => e.selectedOptions?."
                       "[0].textContent ?? (e.type === 'checkbox' ? e.checked : e.value))") == [
            "run 5: optimizer.lr=3, seed=1", "train_loss", True, "optimizer.lr>1",
        ]  # fmt: skip
        assert page.js("[document.activeElement.id, find('filter').selectionStart, find('filter').selectionEnd]") == [
            "filter", 3, 5,
        ]  # fmt: skip
        assert page.js("[scrollY, find('leaderboard').parentElement.scrollTop]") == [900, 150]

    as_it_was()
    write_job(tmp_path, 41, classes(0.001), ["optimizer.lr=0.5", "seed=0"])
    watching._write([tmp_path], tmp_path)
    page.js("void (acted = performance.now() + 1e6)")  # a person does something: then it waits
    page.js("look()")
    page.until(lambda: page.js("window.written && window.written !== data.live.written"))
    page.js("void (acted = -1e6)")
    renewed(page)
    assert page.one("#shown").text == "39 of 42 runs"
    assert page.js("data.runs[1].name") == "41"
    as_it_was()

    report_on([tmp_path], tmp_path)
    (tmp_path / "report.live.js").unlink()
    renewed(page)
    assert not page.one("#live").is_displayed()
    as_it_was()
    page.browser.refresh()  # now a person begins anew
    assert page.one("#filter").get_attribute("value") == ""
    assert (page.column("run")[0], page.sorted_by) == ("41", [])
