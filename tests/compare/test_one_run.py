"""The page of one run, its figures and learning curves, in a real browser."""

import io
from pathlib import Path

import matplotlib.image as images
import numpy as np
import pytest
from matplotlib.figure import Figure
from support.page import OpenPage, needs_browser, write_job
from support.runs import metrics

from mlp_exp.compare.report import report_on
from mlp_exp.display.plots import encoded
from mlp_exp.display.plots.style import INK

pytestmark = [pytest.mark.slow, needs_browser]

EPOCHS = 40
PRICES = {"rmse": 20000.0, "r2": 0.98}
VALUES = {
    "status": "finished",
    "task": "regression",
    "rows": 1234,
    "ranking": "rmse",
    "headlines": ["rmse", "r2"],
    "larger_is_better": ["r2"],
    "metrics": metrics(PRICES, PRICES),
    "intervals": {"test": {"rmse": [18000.0, 23000.0], "r2": None}},
    "best_epoch": EPOCHS,
    "epochs": EPOCHS,
    "seconds": 0.00046871,
}
FALLING = [20000 + 90000 * 0.7**epoch + 300 * (epoch % 2) for epoch in range(EPOCHS)]
SIZES = ((8, 2.2), (6.4, 4.8), (5, 9))
"""Of figures, in inches."""


def write(folder: Path, jobs: int) -> None:
    for job in range(jobs):
        config = {"data": {"path": "house.csv", "target": "price"}, "seed": job}
        write_job(
            folder,
            job,
            VALUES,
            [f"seed={job}", "data.target=price"],
            config,
            {"val_loss": FALLING, "val_rmse": FALLING},
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "one"
    write(folder, 1)
    (folder / "0/plots").mkdir()
    for place, size in enumerate(SIZES):
        (folder / f"0/plots/{place}.png").write_bytes(encoded(Figure(figsize=size, facecolor=INK)))
    assert report_on([folder], folder)
    return folder


def test_what_was_predicted_how_well_and_how_surely(run: Path, open_page: OpenPage) -> None:
    page = open_page(run)
    assert page.one("#summary").text == "1 run: finished."
    assert page.one("#about").text == (
        "Predicted: price of house.csv, task regression, 1,234 rows. "
        "On the test part, with 95 % intervals: rmse 20000 (18000–23000)."
    )
    assert page.column("seconds") == ["0"]
    page.leave()


@pytest.mark.parametrize("width", [400, 1400])
def test_figures_keep_their_proportions(run: Path, open_page: OpenPage, width: int) -> None:
    page = open_page(run)
    page.size(width, 900)
    shown = page.js("[...document.images].map((image) => image.clientWidth / image.clientHeight)")
    assert shown == pytest.approx([across / up for across, up in SIZES], rel=0.02)
    page.leave()


def test_text_of_figures_is_light_on_a_dark_page(run: Path, open_page: OpenPage) -> None:
    page = open_page(run)
    lightness = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        shot = images.imread(io.BytesIO(page.one("#figures img").screenshot_as_png))
        lightness[scheme] = float(np.median(shot[..., :3]))
    assert lightness["light"] == pytest.approx(0x78 / 255, abs=0.01)
    assert lightness["dark"] > 0.64  # its contrast on the page is 7
    page.leave()


def test_the_first_epochs_leave_the_later_ones_readable(tmp_path: Path, open_page: OpenPage) -> None:
    write(tmp_path, 2)
    assert report_on([tmp_path], tmp_path)
    page = open_page(tmp_path)
    low, high = page.layout("#curves", "yaxis.range")
    assert 19000 < low < 20000
    assert 20300 < high < 23000
    assert page.one("#curves-text").text.startswith("2 runs leave the plot, with val_rmse as far as 110000;")
    ticks = page.texts("#curves .ytick text")
    assert ticks
    assert not any("e" in tick for tick in ticks)
    assert page.texts("#pair .legendtext") == ["run 0: val_loss", "run 1: val_loss"]
    page.choose("#second", "run 0: seed=0")
    assert page.texts("#pair .legendtext") == ["run 0: val_loss"]
