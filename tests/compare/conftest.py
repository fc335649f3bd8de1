"""A browser, and the page that is open in it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from support.page import CHROMEDRIVER, CHROMIUM, FLAGS, OpenPage, Page


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that is open."""
    return tmp_path_factory.mktemp("shown") / "report.html"


@pytest.fixture
def open_page(browser: Chrome, shown: Path) -> Iterator[OpenPage]:
    """Opens `report.html` of a folder; afterwards looks for errors, requests, and texts that were run as a script."""

    def check() -> None:
        logs = {kind: browser.get_log(kind) for kind in ("performance", "browser")}  # type: ignore[no-untyped-call]
        asked = [json.loads(entry["message"])["message"] for entry in logs["performance"]]
        urls = [one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"]
        assert [url for url in urls if not url.startswith(("file:", "data:", "chrome"))] == []
        assert [entry["message"] for entry in logs["browser"] if entry["level"] == "SEVERE"] == []
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
