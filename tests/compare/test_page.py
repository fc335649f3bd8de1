"""The page of a sweep in a real browser: what a person reads, clicks and types there."""

import base64
import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import pytest
import yaml
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait
from support.commands import CallMain
from support.runs import DIVERGED, FAILED, classes, metrics, values, write_run

from mlp_exp.compare.report import report_on

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu --enable-unsafe-swiftshader --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --window-size=1300,1000"
)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="no browser: install the packages chromium and chromium-driver"
)


class Page:
    """The page in the browser."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def js(self, expression: str, *args: object) -> Any:
        return self.browser.execute_script(f"return {expression}", *args)

    def until(self, holds: Callable[[], object]) -> None:
        WebDriverWait(self.browser, 20, 0.02).until(lambda _: holds())

    def one(self, css: str) -> WebElement:
        return self.browser.find_element("css selector", css)

    def all(self, css: str) -> list[WebElement]:
        return self.browser.find_elements("css selector", css)

    def texts(self, css: str) -> list[str]:
        """Of all such elements, hidden ones too."""
        found: list[str] = self.js("[...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", css)
        return found

    def cells(self, css: str) -> list[list[str]]:
        """The texts of each such row."""
        rows: list[list[str]] = self.js(
            "[...document.querySelectorAll(arguments[0])].map((row) => [...row.cells].map((e) => e.textContent))", css
        )
        return rows

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.js("document.getElementById('data').textContent"))
        return found

    # ---- the table

    @property
    def head(self) -> list[str]:
        return [text.rstrip(" ↑↓") for text in self.texts("#leaderboard thead th button")]

    @property
    def rows(self) -> list[dict[str, str]]:
        head = self.head
        return [dict(zip(head, row[1:-1], strict=True)) for row in self.cells("#leaderboard tbody tr")]

    def column(self, name: str) -> list[str]:
        return [row[name] for row in self.rows]

    def sort(self, name: str) -> None:
        self.all("#leaderboard thead button")[self.head.index(name)].click()

    @property
    def sorted_by(self) -> list[tuple[str, str]]:
        """What a screen reader is told of the heads."""
        told: list[str | None] = self.js(
            "[...document.querySelectorAll('#leaderboard th:has(button)')].map((e) => e.getAttribute('aria-sort'))"
        )
        return [(name, how) for name, how in zip(self.head, told, strict=True) if how]

    def row(self, text: str, place: int = 0) -> WebElement:
        """The row with this text in the column of the runs."""
        return self.all("#leaderboard tbody tr")[
            [i for i, name in enumerate(self.column("run")) if text in name][place]
        ]

    def tick(self, text: str, place: int = 0) -> None:
        self.row(text, place).find_element("css selector", "input").click()

    def filter(self, *texts: str) -> list[str]:
        """One after the other; returns what is said of the number of runs."""
        said: list[str] = self.js(
            """arguments[0].map((value) => {
                Object.assign(document.getElementById("filter"), { value }).dispatchEvent(new Event("input"));
                return document.getElementById("shown").textContent;
            })""",
            texts,
        )
        return said

    # ---- plots

    def traces(self, plot: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.js("document.querySelector(arguments[0]).data", plot)
        return found

    def layout(self, plot: str, of: str) -> Any:
        return self.js(f"document.querySelector(arguments[0])._fullLayout.{of}", plot)

    def axis(self, plot: str) -> list[str]:
        """The texts along the x axis."""
        return self.texts(f"{plot} .xtick text")

    def choose(self, select: str, text: str) -> None:
        Select(self.one(select)).select_by_visible_text(text)

    def point_at(self, plot: str, x: float, y: float) -> None:
        """Moves the mouse to a place that is given in the values of the axes, and waits for what is said there."""
        self.js("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", plot)
        self.move(3, 3)
        self.until(lambda: not self.all(f"{plot} .hovertext"))
        left, top = self.js(
            """(([graph, x, y]) => {
                const [box, { xaxis, yaxis }] = [graph.getBoundingClientRect(), graph._fullLayout];
                return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
            })([document.querySelector(arguments[0]), arguments[1], arguments[2]])""",
            plot,
            x,
            y,
        )
        self.move(round(left), round(top))
        self.until(lambda: self.all(f"{plot} .hovertext"))

    def move(self, x: int, y: int) -> None:
        actions = ActionChains(self.browser, duration=0)
        actions.w3c_actions.pointer_action.move_to_location(x, y)
        actions.perform()

    def hover_lines(self, plot: str) -> list[str]:
        return self.texts(f"{plot} .hovertext .nums tspan.line")

    # ---- the browser

    def leave(self) -> None:
        """The next test may go on with this page, which is as it was."""
        self.js("window.left = true")

    @property
    def focus(self) -> WebElement:
        return self.browser.switch_to.active_element

    def media(self, scheme: str = "light", media: str = "screen") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def size(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def style(self, css: str, name: str) -> str:
        text: str = self.js("getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", css, name)
        return text


OpenPage = Callable[[Path], Page]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that is open."""
    return tmp_path_factory.mktemp("shown") / "report.html"


@pytest.fixture
def open_page(browser: Chrome, shown: Path) -> Iterator[OpenPage]:
    """Opens `report.html` of a folder; afterwards looks for errors, requests, and texts that were run as a script."""

    def check() -> None:
        asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        urls = [one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"]
        assert [url for url in urls if not url.startswith(("file:", "data:", "chrome"))] == []
        assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
        assert browser.execute_script("return typeof window.hacked") == "undefined"

    def open_one(folder: Path) -> Page:
        check()
        page = Page(browser)
        if page.js("window.left && window.folder") != str(folder):
            shutil.copy(folder / "report.html", shown)  # Chromium compiles Plotly but once for an address
            page.js("window.before = true")
            browser.get(shown.as_uri())
            page.until(lambda: page.js("!window.before && document.readyState === 'complete'"))
        page.js("void Object.assign(window, { left: false, folder: arguments[0] })", str(folder))
        return page

    yield open_one
    check()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def write_job(
    folder: Path,
    job: int,
    result: Mapping[str, Any] | None,
    overrides: Sequence[str],
    config: Mapping[str, Any] | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """A job of a sweep with its configuration and its history, one value for each epoch."""
    write_run(folder / str(job), result, overrides, job)
    if config is not None:
        (folder / f"{job}/.hydra/config.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    if history is not None:
        rows = [(epoch, *of) for epoch, of in enumerate(zip(*history.values(), strict=True), 1)]
        with (folder / f"{job}/history.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("epoch", *history), *rows])


# ---- a sweep: three rates, two activations, two seeds, and three runs that came to nothing

RATES = {"0.01": 0.2, "1e-4": 0.7, "0.001": 0.4}
GRID = list(product(RATES, ("tanh", "relu"), ("0", "1")))
"""By job."""
RANKED = [("0.01", "relu"), ("0.01", "tanh"), ("0.001", "relu"), ("0.001", "tanh"), ("1e-4", "relu"), ("1e-4", "tanh")]
LOSS = [round(RATES[lr] + 0.05 * (act == "tanh") + 0.013 * int(seed), 4) for lr, act, seed in GRID]
ACCURACY = [round(0.5 + loss / 4 + 0.2 * (act == "tanh"), 4) for loss, (_, act, _) in zip(LOSS, GRID, strict=True)]
BRIER = [None if lr == "1e-4" else round(loss / 2, 4) for loss, (lr, _, _) in zip(LOSS, GRID, strict=True)]
SECONDS = [0.5 + job * 7 % 12 for job in range(12)]
TRAIN_LOSS = [[loss + 0.3, loss, loss - 0.1] for loss in LOSS]
VAL_LOSS = [[loss + 0.2, loss + 0.1, loss] for loss in LOSS]
HEAD = ["run", "optimizer.lr", "model.activation", "seed"]
HEADLINES = ["val_log_loss", "val_accuracy", "test_accuracy", "test_log_loss"]
ENDS = ["status", "best_epoch", "epochs", "seconds", "reason"]
REASON = "model.activation: expected one of tanh, relu, got swish\n  <b>see</b> the README"
MADE_BY = (
    "python -m mlp_exp.run -m optimizer.lr=0.01,1e-4,0.001 model.activation=tanh,relu seed=0,1 'data.path=a b.csv' "
    "hydra.sweep.dir=circles"
)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGP4z8AAQQxwFgA4zAX7GUC8mgAAAABJRU5ErkJggg=="
)
"""Three pixels by two."""


def of_group(numbers: Sequence[float | None], lr: str, act: str) -> list[float]:
    return [number for number, job in zip(numbers, GRID, strict=True) if job[:2] == (lr, act) and number is not None]


def mean_and_deviation(numbers: Sequence[float]) -> str:
    return f"{fmean(numbers):.5g} ± {stdev(numbers):.2g}" if numbers else "–"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "circles"
    provenance = {"git": {"commit": "0123abcd", "dirty": True}, "device": "cpu", "machine": None}
    for job, (lr, act, seed) in enumerate(GRID):
        parts = metrics(
            {"accuracy": ACCURACY[job], "log_loss": LOSS[job], "brier": BRIER[job]},
            {"accuracy": 0.75, "log_loss": 0.25},
        )
        parts["train"] = {"accuracy": 1 - LOSS[job]}
        result = {**classes(LOSS[job]), "metrics": parts, "best_epoch": 2 + int(seed), "epochs": 3}
        config = {
            "optimizer": {"lr": float(lr), "betas": [0.9, 0.999]},
            "model": {"activation": act, "slope": 0.01} if act == "relu" else {"activation": act},
            "trainer": {"epochs": 3, "amp": False, "device": None},
            "seed": int(seed),
        }
        write_job(
            folder,
            job,
            {**result, "seconds": SECONDS[job], "provenance": provenance},
            [f"optimizer.lr={lr}", f"model.activation={act}", f"seed={seed}", "trainer.epochs=3"],
            config,
            {"lr": [float(lr)] * 3, "train_loss": TRAIN_LOSS[job], "val_loss": VAL_LOSS[job]},
        )
    others = [
        (12, {**FAILED, "reason": REASON}, "optimizer.lr=0.01", "model.activation=swish", "seed=0", None),
        (13, DIVERGED, "optimizer.lr=0.01", "model.activation=none", "seed=0", {"val_loss": [2.0, float("nan")]}),
        (14, None, "optimizer.lr=0.001", "model.activation=swish", "seed=1", {"val_loss": [0.9]}),
    ]
    for job, result, *overrides, history in others:
        write_job(folder, job, result, [*overrides, "trainer.epochs=3"], None, history)
    for job, name in ((2, "loss"), (2, "confusion_matrix"), (3, "roc"), (0, "third")):
        (folder / f"{job}/plots").mkdir(exist_ok=True)
        (folder / f"{job}/plots/{name}.png").write_bytes(PNG)
    (folder / "2/plots/broken.png").write_bytes(b"no figure")
    task = ["optimizer.lr=0.01,1e-4,0.001", "model.activation=tanh,relu", "seed=0,1", "data.path=a b.csv"]
    typed = {"task": task, "hydra": ["hydra.sweep.dir=circles", "hydra.mode=MULTIRUN"]}
    (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": {"overrides": typed}}), encoding="utf-8")
    assert report_on([folder], folder)
    return folder


def test_the_table(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    assert (page.browser.title, page.one("h1").text) == ("circles", "circles")
    ended = "12 finished, 1 failed, 1 diverged, 1 unfinished"
    assert page.one("#summary").text == f"15 runs, best first by val_log_loss: {ended}."
    assert page.one("#constants").text == "The same in all: trainer.epochs=3"

    assert page.head == [*HEAD, *HEADLINES, *ENDS]
    assert [(row["optimizer.lr"], row["model.activation"]) for row in page.rows[:6]] == RANKED
    assert page.column("run") == [*["▸ 2 runs"] * 6, "12", "13", "14"]
    assert page.column("seed") == [*["0, 1"] * 6, "0", "0", "1"]
    for name, numbers in (("val_log_loss", LOSS), ("val_accuracy", ACCURACY), ("seconds", SECONDS)):
        expected = [mean_and_deviation(of_group(numbers, *group)) for group in RANKED]
        assert page.column(name)[:6] == expected
    assert page.rows[0]["val_log_loss"] == "0.2065 ± 0.0092"  # 0.2 and 0.213, 0.013 / √2
    assert page.column("test_accuracy") == [*["0.75 ± 0"] * 6, *"–––"]
    assert page.column("best_epoch") == [*["2.5 ± 0.71"] * 6, "–", "0", "–"]
    assert page.column("status") == [*["finished"] * 6, "failed", "diverged", "unfinished"]
    assert page.column("epochs")[6:] == ["–", "1", "1"]  # of the last, what its history has
    assert page.column("reason") == [*[""] * 6, REASON, "It went wrong.", ""]
    assert page.all("td.reason *") == []
    page.leave()


def test_a_group_opens(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    page.one("#leaderboard tbody tr.group button").click()
    assert page.column("run")[:4] == ["▾ 2 runs", "2", "3", "▸ 2 runs"]
    assert page.column("val_log_loss")[1:3] == [f"{LOSS[job]:g}" for job in (2, 3)]
    assert page.column("seed")[1:3] == ["0", "1"]
    assert page.focus.get_attribute("aria-expanded") == "true"
    page.focus.send_keys(Keys.ENTER)
    assert page.column("run") == [*["▸ 2 runs"] * 6, "12", "13", "14"]
    assert page.focus.text == "▸ 2 runs"  # from where a person goes on
    assert page.focus.get_attribute("aria-expanded") == "false"
    page.focus.send_keys(Keys.SPACE)
    assert page.column("run")[:4] == ["▾ 2 runs", "2", "3", "▸ 2 runs"]
    page.focus.send_keys(Keys.SPACE)
    assert page.column("run") == [*["▸ 2 runs"] * 6, "12", "13", "14"]
    page.leave()


def test_sorting_and_all_metrics(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    assert page.sorted_by == []
    page.one("#all-metrics").click()
    more = ["train_accuracy", "val_brier"]
    assert page.head == [*HEAD, *HEADLINES, *more, *ENDS]
    assert page.column("val_brier")[:6] == [mean_and_deviation(of_group(BRIER, *group)) for group in RANKED]
    page.sort("val_brier")
    assert page.column("val_brier") == [
        *[mean_and_deviation(of_group(BRIER, *group)) for group in RANKED[:4]],
        *"–––––",
    ]
    page.sort("val_brier")
    assert page.sorted_by == [("val_brier", "descending")]
    falling = [mean_and_deviation(of_group(BRIER, *group)) for group in RANKED[3::-1]]
    assert page.column("val_brier") == [*falling, *"–––––"]  # empty ones stay last
    page.one("#all-metrics").click()
    assert page.head == [*HEAD, *HEADLINES, *ENDS]
    page.sort("optimizer.lr")
    assert page.column("optimizer.lr") == ["1e-4"] * 2 + ["0.001"] * 3 + ["0.01"] * 4  # as numbers
    assert page.sorted_by == [("optimizer.lr", "ascending")]
    assert page.focus.text == "optimizer.lr ↑"
    page.focus.send_keys(Keys.ENTER)
    assert page.column("optimizer.lr") == ["0.01"] * 4 + ["0.001"] * 3 + ["1e-4"] * 2
    assert (page.sorted_by, page.focus.text) == ([("optimizer.lr", "descending")], "optimizer.lr ↓")
    page.sort("seconds")
    means = sorted(fmean(of_group(SECONDS, *group)) for group in RANKED)
    found = page.column("seconds")
    assert [float(text.split()[0]) for text in found[:6]] == [float(f"{mean:.5g}") for mean in means]
    assert found[6:] == ["–"] * 3
    assert page.sorted_by == [("seconds", "ascending")]
    page.sort("model.activation")
    assert page.column("model.activation") == [*["none"], *["relu"] * 3, *["swish"] * 2, *["tanh"] * 3]
    page.sort("status")
    page.sort("status")
    assert page.column("status") == ["unfinished", *["finished"] * 6, "failed", "diverged"]
    page.sort("val_log_loss")
    page.sort("val_log_loss")
    page.one("#leaderboard tbody tr.group button").click()
    assert page.column("run")[:4] == ["▾ 2 runs", "5", "4", "▸ 2 runs"]  # the runs of a group are sorted too


FILTERS = {
    "": 15,
    "tanh": 7,  # the reason of the failed one has it
    "TANH finished": 6,
    "model.activation=relu": 4 + 2,
    "MODEL.Activation=relu seed=1": 3,
    "model.activation=rel": 0,
    "optimizer.lr=0.0001": 4,
    "optimizer.lr>0.001": 6,
    "optimizer.lr>=0.001": 11,
    "optimizer.lr<0.001": 4,
    "val_log_loss<=0.213": 2,
    "val_log_loss<0.213": 1,
    "val_log_loss>0.213": 10,
    "val_log_loss>0.213 optimizer.lr=0.01": 2,
    "status=failed": 1,
    "README": 1,
    "epochs=1": 2,
    "run=1": 1,
    "nothing-like-it": 0,
    "=": 0,
    "<b>": 1,
    "val_brier<=0.1065": 2,  # not shown, but there
}


def test_filters_and_commands(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    first = page.one("#made button")
    first.click()
    page.until(lambda: first.text == "copied")
    page.one("#filter").send_keys(Keys.CONTROL + "v")
    assert page.one("#filter").get_attribute("value") == MADE_BY
    said = dict(zip(FILTERS, page.filter(*FILTERS), strict=True))
    assert said == {text: f"{runs} of 15 runs" for text, runs in FILTERS.items()}
    page.filter("optimizer.lr=0.01 status=finished seed=0")
    assert page.column("val_log_loss") == [f"{LOSS[2]:g}", f"{LOSS[0]:g}"]
    assert set(page.traces("#curves")[0]["customdata"]) == {0, 2, None}  # by rank
    page.filter("")
    page.one("#filter").send_keys("none")
    assert (page.one("#shown").text, page.column("run")) == ("1 of 15 runs", ["13"])
    page.one("#filter").send_keys("!")
    assert (page.one("#shown").text, page.rows) == ("0 of 15 runs", [])
    assert page.traces("#curves")[0]["y"] == []
    page.one("#filter").send_keys(Keys.ESCAPE)
    assert (page.one("#shown").text, len(page.rows)) == ("15 of 15 runs", 9)

    page.until(lambda: first.text == "copy")
    page.js("void Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # then there is another way
    page.one("#leaderboard tbody tr.group button").click()
    for run, command in (
        ("3", f"python -m mlp_exp.run rerun={sweep}/3"),
        ("12", "python -m mlp_exp.run optimizer.lr=0.01 model.activation=swish seed=0 trainer.epochs=3"),
    ):
        button = page.row(run).find_element("css selector", "td.again button")
        assert (button.text, button.accessible_name) == ("copy", f"copy the command {command}")
        button.click()
        page.until(lambda button=button: button.text == "copied")
        assert page.focus == button
        page.one("#filter").send_keys(Keys.CONTROL + "v")
        assert page.one("#filter").get_attribute("value") == command
        page.filter("")
    page.one("#leaderboard tbody tr.group button").click()
    page.leave()


def drawn(runs: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Curves as one line with gaps."""
    return [None if value is None else pytest.approx(value, rel=1e-4) for run in runs for value in (*run, None)]


def test_curves(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    ranked = [2, 3, 0, 1, 10, 11, 8, 9, 6, 7, 4, 5]  # jobs, by loss
    everything = [*(VAL_LOSS[job] for job in ranked), [2, None], [0.9]]
    (curves,) = page.traces("#curves")
    assert Select(page.one("#column")).first_selected_option.text == "val_loss"
    assert curves["y"] == drawn(everything)
    assert curves["x"] == [*[1, 2, 3, None] * 12, 1, 2, None, 1, None]

    page.tick("12")  # has no curve
    page.tick("▸", 1)
    _, *above = page.traces("#curves")
    assert [one["y"] for one in above if one["y"]] == [drawn([VAL_LOSS[0]]), drawn([VAL_LOSS[1]])]
    assert page.texts("#curves .legendtext") == [f"run {text}: optimizer.lr=0.01, model.activat…"[:40] for text in "01"]
    assert [row.text.split()[0] for row in page.all("tr.chosen")] == ["▸", "12"]
    assert page.focus.accessible_name == "highlight these 2 runs"
    page.one("#clear").click()
    assert (len(page.traces("#curves")), page.all("tr.chosen")) == (1, [])

    page.point_at("#curves", 2, VAL_LOSS[9][1])
    assert page.hover_lines("#curves") == [
        "run 9: optimizer.lr=0.001, model.activation=tanh, seed=1",
        f"epoch 2: {VAL_LOSS[9][1]:g}",
    ]
    ActionChains(page.browser).click().perform()
    page.until(lambda: len(page.traces("#curves")) == 2)
    assert page.traces("#curves")[1]["y"] == drawn([VAL_LOSS[9]])
    assert page.all("tr.chosen") == []  # half of a group is
    page.filter("seed=1")
    assert [row.text.split()[1] for row in page.all("tr.chosen")] == ["1"]
    page.filter("")
    page.point_at("#curves", 2, VAL_LOSS[9][1])
    ActionChains(page.browser).click().perform()
    page.until(lambda: len(page.traces("#curves")) == 1)

    page.choose("#column", "train_loss")
    assert page.traces("#curves")[0]["y"] == drawn([TRAIN_LOSS[job] for job in ranked])
    assert page.layout("#curves", "yaxis.title.text") == "train_loss"
    assert page.layout("#curves", "yaxis.type") == "linear"
    page.one("#log").click()
    assert page.layout("#curves", "yaxis.type") == "log"
    page.point_at("#curves", 3, TRAIN_LOSS[2][2])
    assert page.hover_lines("#curves")[1] == f"epoch 3: {TRAIN_LOSS[2][2]:g}"
    page.one("#log").click()
    page.choose("#column", "val_loss")
    assert page.traces("#curves")[0]["y"] == drawn(everything)
    page.leave()


def test_what_mattered(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    ranked = [GRID[job] for job in (2, 3, 0, 1, 10, 11, 8, 9, 6, 7, 4, 5)]
    for metric, numbers in (("val_log_loss", LOSS), ("val_accuracy", ACCURACY)):
        page.choose("#metric", metric)
        scores = [numbers[GRID.index(job)] for job in ranked]

        importance = page.data["importance"][metric]
        (bars,) = page.traces("#importance")
        assert [[key, share] for key, share in zip(bars["y"], bars["x"], strict=True)][::-1] == importance["keys"]
        assert sorted(bars["x"]) == bars["x"]  # the highest on top
        assert bars["y"][-1] == {"val_log_loss": "optimizer.lr", "val_accuracy": "model.activation"}[metric]
        assert f"explains {importance['explained'] * 100:.5g} %" in page.one("#importance-text").text

        titles = page.js("[...document.querySelectorAll('#effects > div')].map((e) => e.layout.title.text)")
        assert titles == HEAD[1:]
        for place, (convert, kind) in enumerate(((float, "log"), (str, "category"), (float, "linear")), 1):
            plot = f"#effects > div:nth-child({place})"
            points, middle = page.traces(plot)
            of = [convert(job[place - 1]) for job in ranked]
            assert (points["x"], points["y"]) == (of, scores)
            assert middle["x"] == sorted(set(of))
            groups = [[score for at, score in zip(of, scores, strict=True) if at == value] for value in middle["x"]]
            assert middle["y"] == pytest.approx([median(group) for group in groups])
            assert (page.layout(plot, "xaxis.type"), page.layout(plot, "yaxis.title.text")) == (kind, metric)
        assert page.axis("#effects > div:nth-child(1)") == ["0.0001", "0.001", "0.01"]
        assert page.axis("#effects > div:nth-child(2)") == ["relu", "tanh"]

        (parallel,) = page.traces("#parallel")
        found = [(one["label"], one["values"], one.get("ticktext")) for one in parallel["dimensions"]]
        assert found == [
            (
                "optimizer.lr",
                pytest.approx([{"1e-4": -4, "0.001": -3, "0.01": -2}[lr] for lr, _, _ in ranked]),
                ["1e-4", "0.001", "0.01"],
            ),
            ("model.activation", [int(act == "tanh") for _, act, _ in ranked], ["relu", "tanh"]),
            ("seed", [int(seed) for _, _, seed in ranked], ["0", "1"]),
            (metric, scores, None),
        ]
    page.choose("#metric", "test_accuracy")
    assert page.one("#importance-text").text == "Too few runs with this metric, or it is the same in all of them."
    assert not page.one("#importance").is_displayed()
    page.choose("#metric", "val_log_loss")
    assert page.one("#importance").is_displayed()
    page.point_at("#effects > div:nth-child(1)", 1e-4, LOSS[5])
    assert page.hover_lines("#effects > div:nth-child(1)") == [
        "run 5: optimizer.lr=1e-4, model.activation=tanh, seed=1",
        f"{LOSS[5]:g}",
    ]
    page.leave()


def test_two_runs_figures_and_how_it_was_made(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)

    def differences() -> list[list[str]]:
        return page.cells("#differences tr")

    def title(job: int) -> str:
        lr, act, seed = GRID[job]
        return f"run {job}: optimizer.lr={lr}, model.activation={act}, seed={seed}"

    def compared(*jobs: int) -> list[list[str]]:
        numbers = {"val_log_loss": LOSS, "val_accuracy": ACCURACY, "train_accuracy": [1 - loss for loss in LOSS]}
        rows = [[name, *(f"{of[job]:.5g}" for job in jobs)] for name, of in numbers.items()]
        return [*rows, ["val_brier", *("–" if (value := BRIER[job]) is None else f"{value:.5g}" for job in jobs)]]

    options = [option.text for option in Select(page.one("#first")).options]
    assert options[:12] == [title(job) for job in (2, 3, 0, 1, 10, 11, 8, 9, 6, 7, 4, 5)]
    assert [Select(page.one(f"#{which}")).first_selected_option.text for which in ("first", "second")] == [
        title(2),
        title(0),  # the best of another group
    ]
    assert differences() == [
        ["", "run 2", "run 0"],
        ["model.activation", "relu", "tanh"],
        ["model.slope", "0.01", "–"],
        *compared(2, 0),
    ]
    assert [(one["name"], one["y"]) for one in page.traces("#pair")] == [
        (f"run {job}: {column}", drawn([of[job]]))
        for job in (2, 0)
        for column, of in (("train_loss", TRAIN_LOSS), ("val_loss", VAL_LOSS))
    ]
    page.choose("#second", title(7))
    page.choose("#first", title(0))
    assert differences() == [
        ["", "run 0", "run 7"],
        ["model.activation", "tanh", "relu"],
        ["model.slope", "–", "0.01"],
        ["optimizer.lr", "0.01", "0.0001"],
        ["seed", "0", "1"],
        *compared(0, 7),
    ]
    assert [one["name"] for one in page.traces("#pair")][2:] == ["run 7: train_loss", "run 7: val_loss"]
    page.choose("#first", title(7))
    assert differences() == [["", "run 7", "run 7"], ["Nothing differs."]]
    page.choose("#second", "run 12: optimizer.lr=0.01, model.activation=swish, seed=0")
    assert ["status", "finished", "failed"] in differences()
    assert ["val_log_loss", f"{LOSS[7]:g}", "–"] in differences()

    assert page.texts("#figures h3") == ["Run 2", "Run 3"]  # the two best
    images = page.js(
        "[...document.querySelectorAll('#figures img')].map((e) => [e.alt, e.naturalWidth, e.naturalHeight])"
    )
    assert images == [
        ["confusion matrix of run 2", 3, 2],
        ["loss of run 2", 3, 2],
        ["roc of run 3", 3, 2],
    ]
    made = dict(zip(page.texts("#made dt"), page.texts("#made dd code"), strict=True))
    assert made["Command"] == MADE_BY
    assert made["Commit"] == "0123abcd, with changes not committed"
    assert (made["Folder"], made["Device"], made["Machine"]) == (str(sweep), "cpu", "unknown")
    assert made["Training"].startswith(f"{sum(SECONDS):.1f} s")
    for name in ("Begun", "Latest result"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", made[name])
    for link in page.all("nav a"):
        target = page.one(str(link.get_dom_attribute("href")))
        assert target.text.startswith(link.text)

    assert page.js("performance.getEntriesByType('resource').map((e) => e.name.slice(0, 5))") == []
    buttons = set(page.js("[...document.querySelectorAll('.modebar-btn')].map((e) => e.dataset.title)"))
    assert "Zoom" in buttons
    assert not [title for title in buttons if re.search("share|cloud|send|edit", title, re.IGNORECASE)]  # as Plotly has


# ---- for every eye and hand


def luminance(colour: str) -> float:
    """Of `#rrggbb` or `#rgb`, as WCAG 2.2 has it."""
    text = colour.removeprefix("#")
    text = "".join(2 * digit for digit in text) if len(text) == 3 else text
    shares = [int(text[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_keyboard_names_dark_print_and_phone(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    stops = []
    for _ in range(12):
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
        focus = page.focus
        assert page.js("arguments[0].matches(':focus-visible')", focus)
        assert page.js("getComputedStyle(arguments[0]).outline", focus).startswith("rgb(0, 114, 178) solid 2px")
        stops.append(focus.text or focus.get_dom_attribute("id") or focus.accessible_name)
    assert stops[6:9] == ["filter", "all-metrics", "Highlight none"]
    assert page.all("nav a")[0].text == stops[0]
    assert stops[9].startswith("show")  # the table, which arrow keys scroll
    assert stops[10:] == ["run", "optimizer.lr"]
    page.focus.send_keys(Keys.SPACE)
    assert page.sorted_by == [("optimizer.lr", "ascending")]
    page.js("arguments[0].focus()", page.row("12").find_element("css selector", "input"))
    page.focus.send_keys(Keys.SPACE)
    assert page.row("12").get_attribute("class") == "run chosen"
    assert page.focus.accessible_name == "highlight run 12: optimizer.lr=0.01, model.activation=swish, seed=0"
    names = {
        one.accessible_name.strip() for one in page.all(":is(input, select, button, nav, [role=region]):not(td *)")
    }
    assert "" not in names
    assert {"Filter", "all metrics", "Column", "log axis", "Metric", "First", "Second", "Sections"} <= names

    assert contrast("#fff", "#000000") == pytest.approx(21)
    plots = ("#curves", "#importance", "#effects > div", "#parallel", "#pair")
    papers = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 26)"}
    for scheme in ("light", "dark"):
        page.media(scheme)
        page.until(lambda: page.layout("#pair", "paper_bgcolor") == page.js("style('--paper')"))
        names = ("ink", "soft-ink", "bad", "mark", "paper", "soft")
        colours = {name: page.js("style(arguments[0])", f"--{name}") for name in names}
        assert page.style("body", "backgroundColor") == papers[scheme]
        assert (luminance(colours["ink"]) > luminance(colours["paper"])) == (scheme == "dark")
        for text, below in product(("ink", "soft-ink", "bad", "mark"), ("paper", "soft")):
            assert contrast(colours[text], colours[below]) >= 4.5, (scheme, text, below)
        for plot in plots:
            assert page.layout(plot, "paper_bgcolor") == colours["paper"]
            assert page.layout(plot, "font.color") == colours["ink"]

    page.media("dark", "print")
    page.until(lambda: page.layout("#pair", "paper_bgcolor") == "#fff")
    assert page.style("body", "backgroundColor") == papers["light"]
    assert {page.layout(plot, "paper_bgcolor") for plot in plots} == {"#fff"}
    hidden = "nav, .controls, .controls *, th.again, td.again button, td.choose input"
    assert (
        page.js("[...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility()).length", hidden) == 0
    )
    assert (page.style(".scroll", "overflow"), page.style(".scroll", "maxHeight")) == ("visible", "none")
    assert page.one("#summary").is_displayed()

    page.media()
    page.until(lambda: page.one("#filter").is_displayed())
    page.size(380, 800)
    page.until(lambda: page.js("innerWidth") == 380)
    page.until(lambda: page.layout("#curves", "width") < 380)
    assert page.js("document.documentElement.scrollWidth") <= 380
    assert page.js("document.querySelector('.scroll').scrollWidth > document.querySelector('.scroll').clientWidth")


# ---- texts that look like something else

SCRIPT, IMAGE, END = "<script>window.hacked=1</script>", "<img src=x onerror=window.hacked=1>", "</script>"
HOSTILE = [SCRIPT, IMAGE, END, '"it\'s" &amp; &lt;b&gt;', "<b>bold</b><br>", "%{x} $x^2$ ${y}", "w" * 300]
FIELD = "data.<b>target</b>"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / (IMAGE + " &amp; \"'")
    for job, text in enumerate(HOSTILE):
        write_job(
            folder,
            job,
            {**classes(0.1 * job), "provenance": {"machine": text}},
            [f"{FIELD}={text}"],
            {"data": {"target": text, SCRIPT: job}},
            {"val_loss": [0.8, 0.1 * job], "<i>x</i>_loss": [0.8, 0.5]},
        )
    write_job(folder, len(HOSTILE), {**FAILED, "reason": f"{SCRIPT}\n{END}{IMAGE}"}, [f"{FIELD}={SCRIPT}"])
    (folder / "0/plots").mkdir()
    (folder / '0/plots/"onload="window.hacked=1.png').write_bytes(PNG)
    assert report_on([folder], folder)
    return folder


def test_texts_stay_texts(hostile: Path, open_page: OpenPage) -> None:
    page = open_page(hostile)
    assert page.browser.title == page.one("h1").text == hostile.name
    assert page.column(FIELD) == [*HOSTILE, SCRIPT]
    assert page.column("reason")[-1] == f"{SCRIPT}\n{END}{IMAGE}"
    titles = [f"run {job}: {FIELD}={text}" for job, text in enumerate([*HOSTILE, SCRIPT])]
    assert page.texts("#first option") == page.texts("#second option") == titles
    assert page.filter(f"{FIELD}={IMAGE.split(maxsplit=1)[0]}") == ["0 of 8 runs"]
    assert page.filter(SCRIPT) == ["2 of 8 runs"]
    page.filter("")
    for job in range(len(HOSTILE)):
        page.tick(str(job))
    assert page.texts("#curves .legendtext") == [
        title if len(title) <= 40 else f"{title[:39]}…" for title in titles[:7]
    ]
    for job in range(len(HOSTILE)):
        page.point_at("#curves", 2, 0.1 * job)
        title = titles[job] if len(titles[job]) <= 120 else f"{titles[job][:119]}…"
        assert page.hover_lines("#curves") == [title, f"epoch 2: {0.1 * job:g}"]
    page.choose("#second", titles[2])
    assert page.texts("#differences tbody tr:first-child > *") == [f"data.{SCRIPT}", "0", "2"]
    assert page.texts("#differences tbody tr:nth-child(2) > *") == ["data.target", SCRIPT, END]
    assert page.texts("#pair .legendtext")[1] == "run 0: <i>x</i>_loss"
    assert page.texts("#effects .gtitle") == [FIELD]
    short = [text if len(text) <= 24 else f"{text[:23]}…" for text in HOSTILE]
    assert set(page.axis("#effects > div")) == set(short)
    assert page.js("[...document.querySelectorAll('#figures img')].map((e) => e.alt)") == [
        '"onload="window.hacked=1 of run 0'
    ]
    assert any(text.startswith(IMAGE) for text in page.texts("#made code"))
    assert (
        page.all("#leaderboard :is(img, script, b), #differences :is(img, script, b), #made :is(img, script, b)") == []
    )

    assert FIELD in page.texts("#parallel .axis-title")
    assert set(short) <= set(page.texts("#parallel .axis text"))

    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    page.size(380, 800)
    page.until(lambda: page.layout("#curves", "width") < 380)
    assert page.js("document.documentElement.scrollWidth") <= 380


# ---- odd values

NO_MATTER = "Nothing: no key varies among runs with this metric."


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression: a key that some runs lack, long paths, numbers that Python alone reads, and an empty metric."""
    folder = tmp_path_factory.mktemp("page") / "odd"
    for job in range(6):
        result = values(1.0 + job, epochs=123_456, best_epoch=123_455)
        result["metrics"]["test"] = {"rmse": None, "r2": 0.25} if job < 4 else {}
        overrides = [
            f"optimizer.lr={('1e-4', '1e-3', '1e-2')[job % 3]}",
            f"data.path=/home/somebody/projects/tables/{'ab'[job % 2]}.csv",
            f"trainer.epochs={('1_000', '2_000')[job % 2]}",
            f"model.width={('10', '9', 'abc')[job % 3]}",
            f"optimizer.weight_decay={('0', '-1', '1e-2')[job % 3]}",
        ]
        write_job(
            folder,
            job,
            result,
            [*overrides, *([f"model.dropout=0.{job}"] if job > 3 else [])],
            None,
            {"val_loss": [1 + job]},
        )
    write_job(folder, 6, FAILED, ["optimizer.lr=-1"])
    assert report_on([folder], folder)
    return folder


def effects(page: Page) -> dict[str, dict[str, Any]]:
    """What the shown plots of the keys have, by title."""
    found: list[dict[str, Any]] = page.js(
        """[...document.querySelectorAll('#effects > div')].filter((e) => e.offsetParent && e.data).map((e) => (
            { title: e.layout.title.text, metric: e.layout.yaxis.title.text, type: e._fullLayout.xaxis.type,
              x: e.data[0].x, y: e.data[0].y, at: e.calcdata[0].map((point) => point.x) }
        ))"""
    )
    return {one["title"]: one for one in found}


def test_a_regression_and_odd_values(odd: Path, open_page: OpenPage) -> None:
    page = open_page(odd)
    assert page.one("#summary").text == "7 runs, best first by val_rmse: 6 finished, 1 failed."
    assert [name for name in page.head if "_r" in name] == ["val_rmse", "val_r2", "test_rmse", "test_r2"]
    assert page.column("val_rmse") == ["1", "2", "3", "4", "5", "6", "–"]
    assert page.column("model.dropout") == [*[""] * 4, "0.4", "0.5", ""]
    page.sort("model.dropout")
    assert page.column("model.dropout") == ["0.4", "0.5", *[""] * 5]
    assert page.filter("model.dropout<1") == ["2 of 7 runs"]
    assert page.filter("optimizer.weight_decay<=0") == ["4 of 7 runs"]
    page.filter("")
    found = effects(page)
    assert found["model.dropout"]["x"] == [0.4, 0.5]
    assert found["model.width"]["x"] == ["10", "9", "abc"] * 2
    places = dict(zip(found["model.width"]["x"], found["model.width"]["at"], strict=True))
    assert places == {"9": 0, "10": 1, "abc": 2}
    assert found["optimizer.weight_decay"]["x"] == [0, -1, 0.01] * 2
    assert found["optimizer.weight_decay"]["type"] == "linear"
    (parallel,) = page.traces("#parallel")
    by_label = {one["label"]: one for one in parallel["dimensions"]}
    assert by_label["model.dropout"]["ticktext"] == ["(not set)", "0.4", "0.5"]
    assert by_label["model.dropout"]["values"] == [0, 0, 0, 0, 1, 2]

    # a run that failed leaves the axis alone
    assert (found["optimizer.lr"]["x"], found["optimizer.lr"]["type"]) == ([1e-4, 1e-3, 1e-2] * 2, "log")
    # 1_000 is a number
    assert None not in found["trainer.epochs"]["x"]
    assert len(set(found["trainer.epochs"]["at"])) == 2
    assert page.filter("trainer.epochs>1000") == ["3 of 7 runs"]
    page.filter("")
    # long values of one beginning
    assert len(set(found["data.path"]["at"])) == 2
    # one epoch is a point
    assert page.traces("#curves")[0]["y"] == drawn([[1 + job] for job in range(6)])
    assert len(page.all("#curves .scatterlayer .point")) == 6
    # epochs are whole
    page.filter("run=0")
    assert [(row["best_epoch"], row["epochs"]) for row in page.rows] == [("123455", "123456")]
    # a metric that some runs lack, and one that all of them do
    page.choose("#metric", "test_r2")
    after = effects(page)
    assert "model.dropout" not in after
    assert {one["metric"] for one in after.values()} == {"test_r2"}
    page.choose("#metric", "test_rmse")
    assert page.one("#nothing").text == NO_MATTER
    page.choose("#metric", "val_rmse")
    assert effects(page) == found


# ---- little to show


def test_pages_with_little_to_show(tmp_path: Path, open_page: OpenPage) -> None:
    write_job(tmp_path / "one", 0, values(2.0), ["trainer.epochs=2"], {"seed": 0}, {"train_loss": [0.5, 0.25]})
    write_job(tmp_path / "failed", 0, FAILED, ["optimizer.lr=-1"])
    write_job(tmp_path / "failed", 1, {**FAILED, "status": "interrupted"}, ["optimizer.lr=-2"])
    write_job(tmp_path / "begun", 0, None, ["seed=0"])
    for name in ("one", "failed", "begun"):
        assert report_on([tmp_path / name], tmp_path / name)

    page = open_page(tmp_path / "one")
    assert page.one("#summary").text == "1 run, best first by val_rmse: 1 finished."
    assert page.one("#constants").text == "The same in all: trainer.epochs=2"
    assert page.head == ["run", "val_rmse", "val_r2", "test_rmse", "test_r2", *ENDS[:-1]]
    assert page.rows[0]["val_rmse"] == "2"
    assert page.traces("#curves")[0]["y"] == drawn([[0.5, 0.25]])
    page.point_at("#curves", 2, 0.25)
    assert page.hover_lines("#curves") == ["run 0", "epoch 2: 0.25"]
    assert page.one("#nothing").text == NO_MATTER
    assert page.texts("#first option") == page.texts("#second option") == ["run 0"]
    assert page.one("#differences tbody").text == "Nothing differs."
    assert page.one("#figures").text.startswith("None are drawn")

    page = open_page(tmp_path / "failed")
    assert page.one("#summary").text == "2 runs: 1 failed, 1 interrupted."
    assert page.head == ["run", "optimizer.lr", *ENDS]
    assert page.column("reason") == ["It went wrong."] * 2
    assert page.one("#nothing").text == NO_MATTER
    assert (page.traces("#curves")[0]["y"], page.texts("#column option"), page.texts("#metric option")) == ([], [], [])
    assert page.texts("#differences tbody td") == ["failed", "interrupted"]
    page.tick("0")
    page.one("#log").click()

    page = open_page(tmp_path / "begun")
    assert page.one("#summary").text == "1 run: 1 unfinished."
    assert page.rows == [{"run": "0", "status": "unfinished", "best_epoch": "–", "epochs": "–", "seconds": "–"}]
    assert page.one("#differences tbody").text == "Nothing differs."


# ---- from the command line


def test_a_real_sweep(call_main: CallMain, tmp_path: Path, open_page: OpenPage) -> None:
    words = ("seed=0,1", "optimizer.lr=0.001,0.01,-1", "trainer.epochs=3", "hydra.sweep.dir=s")
    assert call_main("-m", *words).returncode == 1
    folder = tmp_path / "s"
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    page = open_page(folder)
    assert page.one("#summary").text == "6 runs, best first by val_log_loss: 4 finished, 2 failed."
    assert page.column("optimizer.lr") == ["0.01", "0.001", "-1"]
    assert page.column("run") == ["▸ 2 runs"] * 3
    losses = [float(line["val_log_loss"]) for line in lines[:4]]
    assert page.column("val_log_loss") == [mean_and_deviation(losses[:2]), mean_and_deviation(losses[2:]), "–"]
    assert "optimizer.lr: expected a number above 0, got -1" in page.rows[2]["reason"]
    for _ in range(3):
        page.row("▸").find_element("css selector", "button").click()
    runs = [row for row in page.rows if "runs" not in row["run"]]
    assert [row["run"] for row in runs] == [line["job"] for line in lines]
    assert [row["val_log_loss"] for row in runs[:4]] == [f"{loss:.5g}" for loss in losses]
    curves = []
    for line in lines[:4]:
        with (folder / line["job"] / "history.csv").open(encoding="utf-8", newline="") as file:
            curves.append([float(row["val_loss"]) for row in csv.DictReader(file)])
    assert page.traces("#curves")[0]["y"] == drawn(curves)
    assert page.layout("#effects > div:nth-child(2)", "xaxis.type") == "log"
    assert page.texts("#made dd code")[0] == f"python -m mlp_exp.run -m {' '.join(words)}"
    images = page.js("[...document.querySelectorAll('#figures img')].map((e) => e.naturalWidth)")
    assert len(images) == sum(1 for _ in folder.glob("*/plots/*.png"))
    assert images
    assert min(images) > 100
    differing = page.texts("#differences tbody tr:first-child > *")
    assert differing == ["optimizer.lr", "0.01", "0.001"]
