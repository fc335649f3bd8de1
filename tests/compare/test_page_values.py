"""Pages of sweeps with odd texts and values, with little to show, and of a real sweep."""

import csv
from pathlib import Path

import pytest
from support.commands import Command
from support.page import ENDS, NO_MATTER, PNG, OpenPage, drawn, effects, mean_and_deviation, needs_browser, write_job
from support.runs import FAILED, classes, values

from mlp_exp.compare.report import report_on

pytestmark = [pytest.mark.slow, needs_browser]

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
    wide = f"{'w' * 20}…{'w' * 19}"
    assert page.column(FIELD) == [*HOSTILE[:-1], wide, SCRIPT]
    assert page.js("[...document.querySelectorAll('#leaderboard td[title]')].map((e) => e.title)") == [HOSTILE[-1]]
    assert page.column("reason")[-1] == f"{SCRIPT}\n{END}{IMAGE}"
    titles = [f"run {job}: {FIELD}={text}" for job, text in enumerate([*HOSTILE[:-1], wide, SCRIPT])]
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
    short = [text if len(text) <= 10 else f"{text[:5]}…{text[-4:]}" for text in HOSTILE]
    assert set(page.axis("#effects > div")) == set(short)
    assert page.js("[...document.querySelectorAll('#figures img')].map((e) => e.alt)") == [
        '"onload="window.hacked=1 of run 0'
    ]
    assert any(text.startswith(IMAGE) for text in page.texts("#made code"))
    assert (
        page.all("#leaderboard :is(img, script, b), #differences :is(img, script, b), #made :is(img, script, b)") == []
    )

    assert FIELD in page.texts("#parallel .axis-title")
    longer = {text if len(text) <= 24 else f"{text[:12]}…{text[-11:]}" for text in HOSTILE}
    assert longer <= set(page.texts("#parallel .axis text"))

    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    page.size(380, 800)
    page.until(lambda: page.layout("#curves", "width") < 380)
    assert page.js("document.documentElement.scrollWidth") <= 380


# ---- odd values


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
    assert page.curves == {str(job): [1 + job] for job in range(6)}
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
    assert page.one("#summary").text == "1 run: finished."
    assert page.one("#constants").text == "Settings: trainer.epochs=2"
    assert page.head == ["run", "val_rmse", "val_r2", "test_rmse", "test_r2", *ENDS]
    assert page.rows[0]["val_rmse"] == "2"
    assert page.traces("#curves")[0]["y"] == drawn([[0.5, 0.25]])
    page.point_at("#curves", 2, 0.25)
    assert page.hover_lines("#curves") == ["run 0", "epoch 2: 0.25"]
    shown = [heading.text for heading in page.all("h2") if heading.is_displayed()]
    assert shown == ["Leaderboard", "Learning curves", "Figures", "How it was made"]
    assert [link.text for link in page.all("nav a") if link.is_displayed()] == shown
    assert page.one("#figures").text.startswith("None are drawn")

    page = open_page(tmp_path / "failed")
    assert page.one("#summary").text == "2 runs: 1 failed, 1 interrupted."
    assert page.head == ["run", "optimizer.lr", "reason", *ENDS]
    assert page.column("reason") == ["It went wrong."] * 2
    assert page.one("#nothing").text == NO_MATTER
    assert (page.traces("#curves")[0]["y"], page.texts("#column option"), page.texts("#metric option")) == ([], [], [])
    assert page.texts("#differences tbody td") == ["failed", "interrupted"]
    page.tick("0")
    page.one("#log").click()

    page = open_page(tmp_path / "begun")
    assert page.one("#summary").text == "1 run: unfinished."
    assert page.rows == [{"run": "0", "status": "unfinished", "best_epoch": "–", "epochs": "–", "seconds": "–"}]


def test_few_runs_are_all_drawn(tmp_path: Path, open_page: OpenPage) -> None:
    """None is far from the others, and each value has its median, however long it is."""
    losses = {"two": [0.024, 0.706], "four": [0.5, 0.52, 0.51, 0.7]}
    for name, found in losses.items():
        for job, loss in enumerate(found):
            given = [f"model.dropout={'0' if loss < 0.7 else '0.333333333'}", f"seed={job}"]
            write_job(tmp_path / name, job, classes(loss), given, None, {"val_loss": [0.7, loss]})
    for job, loss in enumerate(losses["two"]):  # keys that but one of the runs has
        given = ["trainer.epochs=9", "data=wine"] if job else ["optimizer.lr=0.1"]
        write_job(tmp_path / "unlike", job, classes(loss), given, None, {"val_loss": [0.7, loss]})
    for name in ("two", "four", "unlike"):
        assert report_on([tmp_path / name], tmp_path / name)

    for name, medians in (("two", losses["two"]), ("four", [0.51, 0.7])):
        page = open_page(tmp_path / name)
        _, line = page.traces("#effects > div")
        assert (line["x"], line["y"]) == ([0, 0.333333333], pytest.approx(medians))
        low, high = page.layout("#effects > div", "yaxis.range")
        assert low < min(losses[name]) < max(losses[name]) < high
        assert page.traces("#parallel")[0]["dimensions"][-1]["values"] == sorted(losses[name])
        assert page.one("#effects-text").text.endswith("or of neighbouring ones.")

    page = open_page(tmp_path / "unlike")
    assert not page.one("#effects-part").is_displayed()
    assert [one["label"] for one in page.traces("#parallel")[0]["dimensions"]][-1] == "val_log_loss"
    assert "far" not in page.one("#parallel-text").text


# ---- from the command line


def test_a_real_sweep(command: Command, tmp_path: Path, open_page: OpenPage) -> None:
    words = ("seed=0,1", "optimizer.lr=0.001,0.01,-1", "trainer.epochs=3", "hydra.sweep.dir=s")
    assert command("run", "-m", *words).returncode == 1
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
    assert [page.curves[line["job"]] for line in lines[:4]] == [pytest.approx(curve, rel=1e-4) for curve in curves]
    assert page.layout("#effects > div:nth-child(2)", "xaxis.type") == "log"
    assert page.texts("#made dd code")[0] == f"python -m mlp_exp.run -m {' '.join(words)}"
    images = page.js("[...document.querySelectorAll('#figures img')].map((e) => e.naturalWidth)")
    assert len(images) == sum(1 for _ in folder.glob("*/plots/*.png"))
    assert images
    assert min(images) > 100
    differing = page.texts("#differences tbody tr:first-child > *")
    assert differing == ["optimizer.lr", "0.01", "0.001"]
