"""The page of a search in a real browser."""

import math
from pathlib import Path
from typing import Any

import pytest
from support.page import OpenPage, Page, needs_browser
from support.written_searches import EPOCHS, RUNGS, curve, drawn_params, write_search

from mlp_exp.compare.report import report_on
from mlp_exp.storage.study_file import Objective

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "search"
    write_search(folder, 40, sampler={"_target_": "optuna.samplers.TPESampler"})
    assert report_on([folder], folder)
    return folder


def by_name(page: Page, plot: str) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in page.traces(plot)}


def best(trial: int, epochs: int) -> float:
    return min(curve(trial, drawn_params(trial))[:epochs])


def test_history_and_rungs(search: Path, open_page: OpenPage) -> None:
    page = open_page(search)
    ended = {run["name"]: (run["status"], run["epochs"]) for run in page.data["runs"]}
    counts = {
        state: [status for status, _ in ended.values()].count(state) for state in ("finished", "pruned", "failed")
    }
    epochs = sum(epochs or 0 for _, epochs in ended.values())
    loss, number = min((best(int(name), EPOCHS), name) for name, (state, _) in ended.items() if state == "finished")
    assert page.one("#search-text").text == (
        f"40 trials: {counts['finished']} complete, {counts['pruned']} pruned, 1 failed; {epochs} epochs trained; "
        f"best val_loss {loss:.5g} in run {number}."
    )
    assert page.one("#search-settings").text.startswith(
        "sampler=TPE pruner=Halving n_trials=40 batch=16 seed=0 optimizer.lr=tag(log,"
    )
    history = by_name(page, "#history")
    assert list(history) == ["pruned", "complete", "failed", "best so far"]
    for state, status in (("pruned", "pruned"), ("complete", "finished")):
        trials = [number for number in range(40) if ended[str(number)][0] == status]
        assert history[state]["x"] == trials
        assert history[state]["y"] == pytest.approx([best(number, ended[str(number)][1]) for number in trials])
    assert history["failed"]["x"] == [3]
    line = history["best so far"]
    so_far = [min(history["complete"]["y"][: place + 1]) for place in range(counts["finished"])]
    assert (line["x"], line["y"]) == ([*history["complete"]["x"], 39], [*so_far, so_far[-1]])
    assert page.layout("#history", "yaxis.type") == page.layout("#rungs", "yaxis.type") == "log"

    rungs = by_name(page, "#rungs")
    assert page.axis("#rungs") == ["epoch 4", "epoch 12", "end"]
    whole = [[*(best(number, epoch) for epoch in (*RUNGS, EPOCHS)), None] for number in history["complete"]["x"]]
    assert rungs["went on to the end"]["y"] == [value for values in whole for value in values]
    assert rungs["went on to the end"]["x"] == [0, 1, 2, None] * counts["finished"]
    assert sorted(set(filter(None, map(str, rungs["pruned"]["x"])))) == ["0", "1", "None"]

    page.one("#search-log").click()
    assert page.layout("#history", "yaxis.type") == page.layout("#rungs", "yaxis.type") == "linear"
    assert page.layout("#effects > div", "yaxis.type") == "linear"
    trial = history["complete"]["x"][0]
    page.js(
        "void document.querySelector('#history').emit('plotly_click', { points: [{ customdata: arguments[0] }] })",
        trial,
    )
    assert [row.text.split()[0] for row in page.all("tr.chosen")] == [str(trial)]
    page.one("#search-log").click()
    page.one("#clear").click()
    page.leave()


def test_effects_of_the_objective(search: Path, open_page: OpenPage) -> None:
    page = open_page(search)
    assert page.texts("#metric option")[:2] == ["best val_loss", "val_log_loss"]
    history = by_name(page, "#history")
    pruned, finished, line = page.traces("#effects > div")
    assert page.layout("#effects > div", "xaxis.type") == "log"
    for trace, state in ((pruned, "pruned"), (finished, "complete")):
        assert trace["x"] == [float(drawn_params(number)["optimizer.lr"]) for number in history[state]["x"]]
        assert trace["y"] == history[state]["y"]
    assert len(line["x"]) == 2  # medians of the halves of a few
    assert page.texts("#parallel .axis-title") == [
        "optimizer.lr", "model.dropout", "optimizer", "model.hidden_sizes", "optimizer.momentum", "best val_loss",
    ]  # fmt: skip
    (parallel,) = page.traces("#parallel")
    for axis in (parallel["dimensions"][0], parallel["dimensions"][-1]):  # drawn by logarithms, with the numbers
        ticks = [(at, float(text)) for at, text in zip(axis["tickvals"], axis["ticktext"], strict=True) if text]
        assert len(ticks) >= 3
        assert [at for at, _ in ticks] == pytest.approx([math.log10(number) for _, number in ticks])
        assert (axis["tickvals"][0], axis["tickvals"][-1]) == (min(axis["values"]), max(axis["values"]))
    momentum = page.js(
        """((key) => {
            const [shown, { axis }] = [search.trials.filter((trial) => trial.values), data.keys[key]];
            data.keys[key].axis = "log";
            const found = dimension(key, shown);
            data.keys[key].axis = axis;
            return found;
        })("optimizer.momentum")"""
    )
    texts = [text for text in momentum["ticktext"] if text]
    assert (texts[0], momentum["tickvals"][0]) == ("(not set)", min(momentum["values"]))
    assert [0.5 <= float(text) < 1 for text in texts[1:]] == [True] * 2  # the ends: there is no 1, 2 or 5
    needs = f"{len(finished['x'])} complete trials with best val_loss: importance needs 8 of them."
    assert page.one("#importance-text").text == needs
    assert "may mean that a key is not set" in page.one("#parallel-text").text
    assert page.one("#effects-text").text == (
        "Each point is a trial, an open one was pruned; the line joins the median of each value, or of neighbouring "
        "ones, among the complete ones."
    )
    page.choose("#metric", "val_accuracy")
    finished, _ = page.traces("#effects > div")
    assert len(finished["x"]) == len(history["complete"]["x"])
    assert page.layout("#effects > div", "yaxis.type") == "linear"
    assert page.one("#effects-text").text.startswith("Each point is a run; ")

    # numbers with many digits are cut, but found as they are
    row = page.rows[0]
    typed = drawn_params(int(row["run"]))["optimizer.lr"]
    assert row["optimizer.lr"] == f"{float(typed):.5g}"
    assert page.filter(f"optimizer.lr={typed}") == ["1 of 40 runs"]
    assert page.filter("best_val_loss<1 status=pruned") == [f"{len(history['pruned']['x'])} of 40 runs"]
    page.filter("")


def test_repetitions_and_the_front(tmp_path: Path, open_page: OpenPage) -> None:
    objectives = [
        Objective(name="val_accuracy", direction="maximize"),
        Objective(name="parameters", direction="minimize"),
    ]
    write_search(tmp_path, 40, repeats=2, objectives=objectives)
    assert report_on([tmp_path], tmp_path)
    page = open_page(tmp_path)
    trials = {trial["number"]: trial for trial in page.data["searches"][0]["trials"] if trial["values"]}
    page.media("dark")
    page.size(400, 900)
    page.until(lambda: page.layout("#front", "width") < 400)
    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    front = by_name(page, "#front")
    on_front = sorted((trial for trial in trials.values() if trial["front"]), key=lambda trial: trial["values"][1])
    assert front["front"]["x"] == [trial["values"][1] for trial in on_front]
    assert front["front"]["y"] == [trial["values"][0] for trial in on_front]
    assert len(front["others"]["x"]) == len(trials) - len(on_front)
    assert front["front"]["text"][0].startswith(f"trial {on_front[0]['number']}: optimizer.lr=")
    assert "seed" not in front["front"]["text"][0]
    assert not page.one("#rungs-part").is_displayed()
    assert by_name(page, "#history")["best so far"]["y"][-1] == max(trial["values"][0] for trial in trials.values())
    page.choose("#objective", "parameters")
    assert by_name(page, "#history")["best so far"]["y"][-1] == min(trial["values"][1] for trial in trials.values())
    assert {row["front"] for row in page.rows} == {"yes", ""}
    assert page.one("#summary").text.startswith("80 runs, those on the front first, then best first by val_accuracy: ")
    assert page.rows[0]["parameters"] == f"{1_000 + int(page.rows[0]['trial'])} ± 0"
    assert page.texts("#metric option")[:3] == ["val_accuracy", "parameters", "val_log_loss"]
    assert {row["trial"] for row in page.rows} == {str(number) for number in range(40)}
