"""Makes the figures and screenshots of the site: `python docs/draw.py`, or `make draw`. It takes some minutes.

What a terminal shows becomes an SVG, figures are copied from run folders, and pages are opened in Chromium, where there
is one with its driver. All of it is of runs that this script trains.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
COLUMNS = 80
LARGEST = 150_000
"""Bytes of a PNG."""
FLAGS = "--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu --no-first-run --hide-scrollbars"

DEFAULT = "mlp-exp hydra.run.dir=circle"
TABLE = "mlp-exp data=table data.path=people.csv data.target=income hydra.run.dir=table"
FIGURES = {"circle": ("loss", "decision_boundary"), "table": ("confusion_matrix", "roc", "calibration", "importance")}
"""Of these two runs."""
SWEEP = (
    "mlp-exp -m data=moons 'seed=range(4)' optimizer.lr=1e-4,1e-3,1e-2,1e-1 "
    "'model.hidden_sizes=[16],[256],[64,32]' model.dropout=0,0.3 hydra.sweep.dir=SWEEP"
)
SEARCH = "mlp-exp -m search=small hydra.sweeper.n_trials=64 data=moons hydra.sweep.dir=SEARCH"


def typed(command: str, folder: Path) -> str:
    """Runs a command as in a terminal of 80 columns; returns what it printed, without progress bars."""
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "PYTHONPATH": str(DOCS.parent)}
    words = [sys.executable, "-m", "mlp_exp.run", *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.replace(f"{folder}/", "")


def draw_terminal(name: str, command: str, output: str) -> None:
    """Writes a terminal with a command and what it printed as `NAME.svg`."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text(output.rstrip()))
    svg = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="mlp_exp"), flags=re.DOTALL)  # of the network
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


def save_png(name: str, png: bytes) -> None:
    """Writes a PNG, a large one with as many colours as its size allows."""
    if len(png) < LARGEST:
        (IMAGES / f"{name}.png").write_bytes(png)
        return
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        file = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        if file.tell() < LARGEST:
            break
    (IMAGES / f"{name}.png").write_bytes(file.getvalue())


def draw_pages(folder: Path) -> None:
    """Writes the pages of the sweep and the search as a browser shows them."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        print("no screenshots: there is no Chromium with its driver")
        return
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS.split():
        options.add_argument(flag)
    browser = Chrome(options=options, service=Service(driver))
    try:
        for name, scheme in (("report", "light"), ("report_dark", "dark")):
            show(browser, folder / "SWEEP", 1100, 1400, scheme)
            save_png(name, browser.get_screenshot_as_png())
        for name, scheme in (("search", "light"), ("search_dark", "dark")):
            show(browser, folder / "SEARCH", 1100, 4000, scheme)
            save_png(name, browser.find_element("id", "search").screenshot_as_png)
    finally:
        browser.quit()


def show(browser: Chrome, folder: Path, width: int, height: int, scheme: str) -> None:
    """Opens the page of a folder in a window of so many pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get((folder / "report.html").as_uri())
    time.sleep(2)  # plots are drawn one after the other


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        shutil.copy(DOCS / "data" / "people.csv", folder)
        typed(TABLE, folder)
        draw_terminal("first_run", DEFAULT, typed(DEFAULT, folder))
        for data, names in FIGURES.items():
            for name in names:
                save_png(f"{data}_{name}", (folder / data / "plots" / f"{name}.png").read_bytes())
        draw_terminal("leaderboard", SWEEP, typed(SWEEP, folder))
        typed(SEARCH, folder)
        draw_pages(folder)


if __name__ == "__main__":
    main()
