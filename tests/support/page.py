"""The page of a sweep in a real browser."""

import base64
import csv
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from math import floor, log10
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
import yaml
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from support.runs import write_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu --enable-unsafe-swiftshader --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --window-size=1300,1000"
)
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="no browser: install the packages chromium and chromium-driver"
)


class Page:
    """The page in the browser."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def js(self, expression: str, *args: object) -> Any:
        """Evaluates an expression, once the page has drawn all that it puts off."""
        return self.browser.execute_script(f"typeof finish === 'function' && finish(); return {expression}", *args)

    def until(self, holds: Callable[[], object]) -> None:
        WebDriverWait(self.browser, 20, 0.02).until(lambda _: holds())

    def until_text(self, element: WebElement, text: str) -> None:
        self.until(lambda: element.text == text)

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

    @property
    def curves(self) -> dict[str, list[float | None]]:
        """What is drawn of each run, by name, below those that are highlighted."""
        found: list[list[Any]] = self.js(
            """document.querySelector('#curves').data.filter((trace) => trace.name === "all").flatMap(
                ({ customdata, y }) => customdata.map((index, place) => [data.runs[index]?.name, y[place]])
            ).filter(([name]) => name !== undefined)"""
        )
        curves: dict[str, list[float | None]] = {}
        for name, value in found:
            curves.setdefault(name, []).append(value)
        return curves

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
        actions.w3c_actions.pointer_action.move_to_location(x, y)  # type: ignore[no-untyped-call]
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


HEAD = ["run", "val_log_loss", "optimizer.lr", "model.activation", "seed"]
HEADLINES = ["val_accuracy", "test_accuracy", "test_log_loss"]
ENDS = ["status", "best_epoch", "epochs", "seconds"]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGP4z8AAQQxwFgA4zAX7GUC8mgAAAABJRU5ErkJggg=="
)
"""Three pixels by two."""


def mean_and_deviation(numbers: Sequence[float]) -> str:
    """The mean has no more digits than its deviation gives a meaning."""
    if not numbers:
        return "–"
    mean, deviation = fmean(numbers), stdev(numbers)
    places = max(0, 1 - floor(log10(deviation))) if deviation else 100
    return f"{min(f'{mean:.{places}f}', f'{mean:.5g}', key=len)} ± {deviation:.2g}"


def drawn(runs: Sequence[Sequence[float | None]]) -> list[object]:
    """Curves as one line with gaps."""
    return [None if value is None else pytest.approx(value, rel=1e-4) for run in runs for value in (*run, None)]


NO_MATTER = "Nothing: no key varies among runs with this metric."


def effects(page: Page) -> dict[str, dict[str, Any]]:
    """What the shown plots of the keys have, by title."""
    found: list[dict[str, Any]] = page.js(
        """[...document.querySelectorAll('#effects > div')].filter((e) => e.offsetParent && e.data).map((e) => (
            { title: e.layout.title.text, metric: e.layout.yaxis.title.text, type: e._fullLayout.xaxis.type,
              x: e.data[0].x, y: e.data[0].y, at: e.calcdata[0].map((point) => point.x) }
        ))"""
    )
    return {one["title"]: one for one in found}
