"""The page of a sweep in a real browser: what a person reads, clicks and types there."""

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pytest
import yaml
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from support.page import ENDS, HEAD, HEADLINES, PNG, OpenPage, drawn, mean_and_deviation, needs_browser, write_job
from support.runs import DIVERGED, FAILED, classes, metrics, write_baselines

from mlp_exp.compare.report import report_on

pytestmark = [pytest.mark.slow, needs_browser]

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
REASON = "model.activation: expected one of tanh, relu, got swish\n  <b>see</b> the README"
MADE_BY = (
    "python -m mlp_exp.run -m optimizer.lr=0.01,1e-4,0.001 model.activation=tanh,relu seed=0,1 'data.path=a b.csv' "
    "hydra.sweep.dir=circles"
)


def of_group(numbers: Sequence[float | None], lr: str, act: str) -> list[float]:
    return [number for number, job in zip(numbers, GRID, strict=True) if job[:2] == (lr, act) and number is not None]


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
    others: list[tuple[Any, ...]] = [
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

    assert page.head == [*HEAD, "reason", *HEADLINES, *ENDS]
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
    assert page.all("td.reason *, #search, #search-link") == []
    spans = page.js("[...document.querySelectorAll('td.reason:not(:empty)')].map((cell) => cell.colSpan)")
    assert spans == [1 + len(HEADLINES)] * 2  # over the metrics that they lack
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
    assert page.head == [*HEAD, "reason", *HEADLINES, *more, *ENDS]
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
    assert page.head == [*HEAD, "reason", *HEADLINES, *ENDS]
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
    assert set(page.curves) == {"2", "0"}
    page.filter("")
    page.one("#filter").send_keys("none")
    assert (page.one("#shown").text, page.column("run")) == ("1 of 15 runs", ["13"])
    page.one("#filter").send_keys("!")
    assert (page.one("#shown").text, page.rows) == ("0 of 15 runs", [])
    assert page.curves == {}
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
        page.until_text(button, "copied")
        assert page.focus == button
        page.one("#filter").send_keys(Keys.CONTROL + "v")
        assert page.one("#filter").get_attribute("value") == command
        page.filter("")
    page.one("#leaderboard tbody tr.group button").click()
    page.leave()


def near(curve: Sequence[float]) -> object:
    """As the page has it."""
    return pytest.approx(list(curve), rel=1e-4)


def test_curves(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    ranked = [2, 3, 0, 1, 10, 11, 8, 9, 6, 7, 4, 5]  # jobs, by loss
    assert Select(page.one("#column")).first_selected_option.text == "val_loss"
    everything = {**{str(job): near(VAL_LOSS[job]) for job in ranked}, "13": [2, None], "14": [0.9]}
    assert page.curves == everything
    other, *shades = page.traces("#curves")
    assert other["x"] == [1, 2, None, 1, None]
    assert all(set(trace["x"]) == {1, 2, 3, None} for trace in shades)
    page.tick("12")  # has no curve
    page.tick("▸", 1)
    above = [trace for trace in page.traces("#curves") if trace["name"] != "all"]
    assert [one["y"] for one in above] == [drawn([VAL_LOSS[0]]), drawn([VAL_LOSS[1]])]
    assert page.texts("#curves .legendtext") == [f"run {text}: optimizer.lr=0.01, model.activat…"[:40] for text in "01"]
    assert [row.text.split()[0] for row in page.all("tr.chosen")] == ["▸", "12"]
    assert page.focus.accessible_name == "highlight these 2 runs"
    page.one("#clear").click()
    assert (len(page.traces("#curves")), page.all("tr.chosen")) == (9, [])

    page.point_at("#curves", 2, VAL_LOSS[9][1])
    assert page.hover_lines("#curves") == [
        "run 9: optimizer.lr=0.001, model.activation=tanh, seed=1",
        f"epoch 2: {VAL_LOSS[9][1]:g}",
    ]
    ActionChains(page.browser).click().perform()
    page.until(lambda: len(page.traces("#curves")) == 10)
    assert page.traces("#curves")[-1]["y"] == drawn([VAL_LOSS[9]])
    assert page.all("tr.chosen") == []  # half of a group is
    page.filter("seed=1")
    assert [row.text.split()[1] for row in page.all("tr.chosen")] == ["1"]
    page.filter("")
    page.point_at("#curves", 2, VAL_LOSS[9][1])
    ActionChains(page.browser).click().perform()
    page.until(lambda: len(page.traces("#curves")) == 9)

    page.choose("#column", "train_loss")
    assert page.curves == {str(job): near(TRAIN_LOSS[job]) for job in ranked}
    assert page.layout("#curves", "yaxis.title.text") == "train_loss"
    assert page.layout("#curves", "yaxis.type") == "linear"
    page.one("#log").click()
    assert page.layout("#curves", "yaxis.type") == "log"
    page.point_at("#curves", 3, TRAIN_LOSS[2][2])
    assert page.hover_lines("#curves")[1] == f"epoch 3: {TRAIN_LOSS[2][2]:g}"
    page.one("#log").click()
    page.choose("#column", "val_loss")
    assert page.curves == everything
    page.leave()


def test_colours_of_curves(sweep: Path, open_page: OpenPage) -> None:
    page = open_page(sweep)
    other, *shades = page.traces("#curves")
    # the best is on top; without the metric there is no shade
    assert [set(trace["customdata"]) for trace in shades[:1] + shades[-1:]] == [{11, None}, {0, 1, None}]
    colours = [trace["line"]["color"] for trace in (other, *shades)]
    assert len(set(colours)) == 9
    assert (colours[0], colours[1], colours[-1]) == (page.js("style('--faint')"), "rgb(230,159,0)", "rgb(0,114,178)")
    assert page.one("#scale-name").text == "val_log_loss"
    page.choose("#metric", "val_accuracy")  # the larger, the better
    best = page.traces("#curves")[-1]["customdata"]
    found = {page.data["runs"][index]["metrics"]["val_accuracy"] for index in best if index is not None}
    assert max(ACCURACY) in found
    assert min(ACCURACY) not in found
    assert page.one("#scale-name").text == "val_accuracy"
    page.choose("#metric", "val_log_loss")
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
        assert titles == HEAD[2:]
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
    assert page.one("#importance-text").text == "test_accuracy is the same in all 12 runs."
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
    assert stops[10:] == ["run", "val_log_loss"]
    page.focus.send_keys(Keys.SPACE)
    assert page.sorted_by == [("val_log_loss", "ascending")]
    page.js("arguments[0].focus()", page.row("12").find_element("css selector", "input"))
    page.focus.send_keys(Keys.SPACE)
    assert page.row("12").get_attribute("class") == "run chosen"
    assert page.focus.accessible_name == "highlight run 12: optimizer.lr=0.01, model.activation=swish, seed=0"
    names = {
        one.accessible_name.strip() for one in page.all(":is(input, select, button, nav, [role=region]):not(td *)")
    }
    assert "" not in names
    assert {"Filter", "all columns", "Column", "log axis", "Metric", "First", "Second", "Sections"} <= names

    assert contrast("#fff", "#000000") == pytest.approx(21)
    plots = ("#curves", "#importance", "#effects > div", "#parallel", "#pair")
    papers = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 26)"}
    for scheme in ("light", "dark"):
        page.media(scheme)
        page.until(lambda: page.layout("#pair", "paper_bgcolor") == page.js("style('--paper')"))
        words = ("ink", "soft-ink", "bad", "mark", "paper", "soft")
        colours = {word: page.js("style(arguments[0])", f"--{word}") for word in words}
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


# ---- baselines


def test_baselines_are_rows_of_the_table(tmp_path: Path, open_page: OpenPage) -> None:
    for job, loss in enumerate([0.4, 0.2]):
        write_job(tmp_path, job, classes(loss), [f"optimizer.lr={job}"])
    write_baselines(tmp_path, "first", {"majority class": 0.7, "linear model": 0.3})
    write_baselines(tmp_path, "second", {"majority class": 0.6, "linear model": 0.3})
    report_on([tmp_path], tmp_path)
    page = open_page(tmp_path)
    assert page.column("run") == ["1", "linear model", "0", "majority class"]
    assert page.column("val_log_loss") == ["0.2", "0.3 ± 0", "0.4", "0.65 ± 0.071"]
    assert page.column("optimizer.lr") == ["1", "", "0", ""]
    assert page.column("status") == ["finished", "baseline", "finished", "baseline"]
    assert len(page.all("#leaderboard tbody input")) == len(page.all("#leaderboard tbody .again button")) == 2
    assert page.one("#shown").text == "2 of 2 runs"
    page.sort("val_log_loss")
    page.sort("val_log_loss")
    assert page.column("run") == ["majority class", "0", "linear model", "1"]
    assert page.filter("status=finished") == ["2 of 2 runs"]
    assert page.column("run") == ["0", "1"]
    assert page.filter("linear") == ["0 of 2 runs"]
    assert page.column("run") == ["linear model"]
