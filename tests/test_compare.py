"""What the page of a sweep shows, and that no text can break out of it."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_leaderboard import DIVERGED, FAILED, classes, entry, write_run

from mlp_exp.compare.gather import MOST_POINTS, gather
from mlp_exp.compare.page import write_page
from mlp_exp.sweep.leaderboard import Leaderboard


def shown(folder: Path) -> dict[str, Any]:
    return gather(Leaderboard.read(folder).entries)


def write_history(folder: Path, values: list[float]) -> None:
    rows = [f"{epoch},0.1,{value!r},0.5" for epoch, value in enumerate(values, 1)]
    (folder / "history.csv").write_text("\n".join(["epoch,lr,train_loss,seconds", *rows]) + "\n", encoding="utf-8")


def test_what_is_shown(tmp_path: Path) -> None:
    finished = {"best_epoch": 1, "epochs": 2, "seconds": 1.5}
    for job, (lr, seed, loss) in enumerate([("0.1", "0", 0.4), ("0.1", "1", 0.2), ("1", "0", 0.1)]):
        overrides = [f"optimizer.lr={lr}", f"seed={seed}", "model.dropout=0.1"]
        write_run(tmp_path / str(job), {**classes(loss), **finished}, overrides, job)
        write_history(tmp_path / str(job), [0.123456789, float("nan")])
    write_run(tmp_path / "3", FAILED, ["optimizer.lr=-1", "seed=0", "model.dropout=0.1"], 3)
    found = shown(tmp_path)
    assert found["metric"] == "val_log_loss"
    assert found["metrics"][0] == "val_log_loss"
    assert (found["keys"], found["constants"]) == (["optimizer.lr", "seed"], {"model.dropout": "0.1"})
    assert [run["name"] for run in found["runs"]] == ["2", "1", "0", "3"]
    assert found["groups"] == [[0], [1, 2], [3]]
    best, *_, failed = found["runs"]
    assert (best["at"], best["curves"]) == ([1, 2], {"lr": [0.1, 0.1], "train_loss": [0.12346, None]})
    assert best["metrics"]["val_log_loss"] == 0.1
    assert (best["best_epoch"], best["epochs"], best["seconds"], best["reason"]) == (1, 2, 1.5, "")
    assert best["again"] == f"python -m mlp_exp.run rerun={tmp_path}/2"
    assert (failed["status"], failed["reason"], failed["curves"]) == ("failed", "It went wrong.", {})
    assert failed["again"] == "python -m mlp_exp.run optimizer.lr=-1 seed=0 model.dropout=0.1"


@pytest.mark.parametrize("epochs", [0, 1, MOST_POINTS, MOST_POINTS + 1, 3 * MOST_POINTS + 1, 100_000])
def test_long_curves_are_thinned(tmp_path: Path, epochs: int) -> None:
    write_run(tmp_path / "0", classes(0.1), [], 0)
    write_history(tmp_path / "0", [float(epoch) for epoch in range(1, epochs + 1)])
    (run,) = shown(tmp_path)["runs"]
    at = run["at"]
    assert min(epochs, MOST_POINTS // 2) <= len(at) <= MOST_POINTS + 1
    assert at[:1] + at[-1:] == ([1, epochs] if epochs else [])
    assert run["curves"]["train_loss"] == pytest.approx(at, rel=1e-5)
    assert all(a < b for a, b in itertools.pairwise(at))


def test_the_command_of_a_run_is_quoted(tmp_path: Path) -> None:
    entries = [entry(0, FAILED, "data.target=a b", "model.hidden_sizes=[1,2]"), entry(1, DIVERGED, folder="/a b/1")]
    entries = Leaderboard(tmp_path, entries).entries
    commands = {run["name"]: run["again"] for run in gather(entries)["runs"]}
    assert commands == {
        "0": "python -m mlp_exp.run 'data.target=a b' 'model.hidden_sizes=[1,2]'",
        "1": "python -m mlp_exp.run 'rerun=/a b/1'",
    }


def test_no_text_breaks_out_of_the_page(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    write_run(tmp_path / "0", {**FAILED, "reason": hostile}, [f"data.target={hostile}"], 0)
    values = shown(tmp_path)
    page = tmp_path / "page.html"
    write_page(page, f"Sweep {hostile}", values)
    text = page.read_text(encoding="utf-8")
    assert hostile not in text
    assert text.count("&lt;/script&gt;&lt;script&gt;alert(1)") == 2  # title and heading
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert json.loads(data) == values


def test_the_page_fetches_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "0", classes(0.1), [], 0)
    page = tmp_path / "page.html"
    write_page(page, "Sweep", shown(tmp_path))
    text = page.read_text(encoding="utf-8")
    assert (
        re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"'](?!data:)", text.partition("<script>")[0])
        == []
    )
    assert re.findall(r"<script\b[^>]*\bsrc=", text.rpartition("</script>")[0][-200_000:]) == []
    assert len(text) < 10_000_000
