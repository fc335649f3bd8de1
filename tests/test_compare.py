"""What the page of a sweep shows, and that no text can break out of it."""

import base64
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from test_leaderboard import DIVERGED, FAILED, classes, values, write_run

from mlp_exp.compare.configs import divide
from mlp_exp.compare.effects import axis_of, importance, places
from mlp_exp.compare.gather import LARGEST_FIGURE, MOST_POINTS, PNG, gather
from mlp_exp.compare.page import write_page
from mlp_exp.compare.report import report_on
from mlp_exp.config.errors import RunFolderError
from mlp_exp.sweep.leaderboard import Leaderboard


def shown(folder: Path) -> dict[str, Any]:
    return gather([folder], Leaderboard.read(folder).entries)


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
    assert found["headlines"] == ["val_log_loss", "val_accuracy", "test_accuracy", "test_log_loss"]
    assert found["metrics"] == found["headlines"]
    assert found["keys"] == {
        "optimizer.lr": {"axis": "log", "numbers": {"1": 1.0, "0.1": 0.1, "-1": -1.0}},  # of the runs with metrics
        "seed": {"axis": "linear", "numbers": {"0": 0.0, "1": 1.0}},
    }
    assert found["constants"] == {"model.dropout": "0.1"}
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
    assert run["curves"].get("train_loss", []) == pytest.approx(at, rel=1e-5)
    assert all(a < b for a, b in itertools.pairwise(at))


def test_the_command_of_a_run_is_quoted(tmp_path: Path) -> None:
    write_run(tmp_path / "a b/0", FAILED, ["data.target=a b", "+model.depth=[1,2]"], 0)
    write_run(tmp_path / "a b/1", DIVERGED, ["seed=1"], 1)
    assert {run["name"]: run["again"] for run in shown(tmp_path)["runs"]} == {
        "0": "python -m mlp_exp.run 'data.target=a b' '+model.depth=[1,2]'",
        "1": f"python -m mlp_exp.run 'rerun={tmp_path}/a b/1'",
    }


def test_no_text_breaks_out_of_the_page(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    write_run(tmp_path / "0", {**FAILED, "reason": hostile}, [f"data.target={hostile}"], 0)
    content = shown(tmp_path)
    page = tmp_path / "page.html"
    write_page(page, f"Sweep {hostile}", content)
    text = page.read_text(encoding="utf-8")
    assert hostile not in text
    assert text.count("&lt;/script&gt;&lt;script&gt;alert(1)") == 2  # title and heading
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert json.loads(data) == json.loads(json.dumps(content))


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


# ---- what mattered


@pytest.mark.parametrize(
    ("texts", "axis"),
    [
        (["1e-4", "1e-3", "1e-2"], "log"),
        (["1e-4", "3e-4", "1e-3", "3e-3"], "log"),
        (["0.001", "0.01"], "log"),
        (["16", "64", "256"], "log"),
        (["1", "5", "10", "15", "20"], "linear"),
        (["0", "0.001", "0.1"], "linear"),
        (["-1", "-10", "-100"], "linear"),
        (["1", "2"], "linear"),
        (["7"], "linear"),
        (["0.0", "0"], "linear"),
        (["relu", "tanh"], "category"),
        (["1", "2", "auto"], "category"),
        (["[64,32]", "[64]"], "category"),
        (["nan", "1"], "category"),
        (["inf", "1"], "category"),
        (["true", "false"], "category"),
    ],
)
def test_how_values_are_laid_out(texts: list[str], axis: str) -> None:
    assert axis_of(texts) == axis_of(texts[::-1] + texts) == axis


def test_values_are_places() -> None:
    assert places(["b", "a", "c", "a"]).tolist() == [1, 0, 2, 0]
    assert places(["10", "1e-3", "1e40", "1_000"]).tolist() == [1, 0, 3, 2]


def test_importance_finds_what_mattered() -> None:
    rng = np.random.default_rng(1)
    values = {name: rng.integers(0, 5, 200).astype(float) for name in ("little", "nothing", "much")}
    metric = 10 * values["much"] ** 2 + 8 * values["little"] + rng.normal(size=200)
    found = importance(values, metric)
    assert found is not None
    assert [key for key, _ in found["keys"]] == ["much", "little", "nothing"]
    much, little, nothing = (share for _, share in found["keys"])
    assert much > 10 * little > 100 * abs(nothing)
    assert found["explained"] > 0.95
    assert importance(values, metric) == found  # the same numbers each time


def test_importance_says_when_the_differences_are_noise() -> None:
    rng = np.random.default_rng(0)
    values = {"nothing": np.arange(200.0) % 4, "seed": np.arange(200.0)}
    found = importance(values, rng.normal(size=200))
    assert found is not None
    assert found["explained"] < 0.1


@pytest.mark.parametrize(
    ("values", "metric"),
    [({}, np.arange(20.0)), ({"a": np.arange(7.0)}, np.arange(7.0)), ({"a": np.arange(20.0)}, np.ones(20))],
    ids=["no keys", "few runs", "constant"],
)
def test_importance_of_nothing(values: dict[str, Any], metric: Any) -> None:
    assert importance(values, metric) is None


def test_importance_takes_keys_that_all_runs_have(tmp_path: Path) -> None:
    for job in range(16):
        more = ["model.dropout=0.5"] if job % 2 else []
        write_run(tmp_path / str(job), classes(job % 4 / 4), [f"optimizer.lr={10 ** -(job % 4)}", *more], job)
    write_run(tmp_path / "16", FAILED, ["optimizer.lr=1"], 16)
    found = shown(tmp_path)["importance"]
    assert [key for key, _ in found["val_log_loss"]["keys"]] == ["optimizer.lr"]
    assert found["val_accuracy"] is None  # the same in all


# ---- configurations, figures, provenance, several folders


def test_configurations_are_divided() -> None:
    a = {"model": {"hidden_sizes": [64, 32], "norm": None}, "seed": 0, "residual": True}
    b = {"model": {"hidden_sizes": [64, 32], "norm": "batch", "depth": 3}, "seed": 0, "residual": False}
    shared, (own_a, own_b) = divide([a, b])
    assert shared == {"model.hidden_sizes": "[64,32]", "seed": "0"}
    assert own_a == {"model.norm": "null", "residual": "true"}
    assert own_b == {"model.norm": "batch", "model.depth": "3", "residual": "false"}
    assert divide([{}]) == ({}, [{}])


def test_figures_of_the_best_are_shown(tmp_path: Path) -> None:
    contents = {0: PNG + b"0", 1: b"text", 2: PNG + b"2", 3: PNG + b"3", 4: PNG + b"x" * LARGEST_FIGURE}
    for job, (number, content) in enumerate(contents.items()):
        write_run(tmp_path / str(job), classes((number + 3) % 5), [f"seed={job}"], job)
        (tmp_path / str(job) / "plots").mkdir()
        (tmp_path / str(job) / "plots/roc.png").write_bytes(content)
    (tmp_path / "2/plots/secret.png").symlink_to(tmp_path / "3/plots/roc.png")
    (tmp_path / "2/plots/page.svg").write_text("<svg/>", encoding="utf-8")
    found = shown(tmp_path)["figures"]
    assert [run["run"] for run in found] == ["2", "3"]  # 2 is the best; 3 comes before 0; 4 and 1 have none to show
    assert [[name, base64.b64decode(data)] for name, data in found[0]["images"]] == [["roc", PNG + b"2"]]


def test_how_it_was_made(tmp_path: Path) -> None:
    made = {"git": {"commit": "abc", "dirty": True}, "versions": {"torch": "2", "numpy": "1"}, "device": "cpu"}
    for job in range(3):
        device = {"device": "cuda"} if job == 2 else {}
        result = {**classes(0.1), "seconds": 3.0, "stacked": 3, "provenance": {**made, **device}}
        write_run(tmp_path / str(job), result, [f"seed={job}"], job)
        os.utime(tmp_path / str(job) / "result.json", (job, 90_000 + job))
    typed = {"task": ["seed=0,1", "data.target=a b"], "hydra": ["hydra.sweep.dir=s", "hydra.mode=MULTIRUN"]}
    (tmp_path / "multirun.yaml").write_text(yaml.safe_dump({"hydra": {"overrides": typed}}), encoding="utf-8")
    os.utime(tmp_path / "multirun.yaml", (0, 80_000))
    facts = shown(tmp_path)["made"]
    texts = dict(facts)
    assert texts["Command"] == "python -m mlp_exp.run -m seed=0,1 'data.target=a b' hydra.sweep.dir=s"
    assert texts["Folder"] == str(tmp_path)
    assert texts["Training"].startswith("3.0 s")
    assert texts["Commit"] == "abc, with changes not committed"
    assert texts["Versions"] == "torch 2, numpy 1"
    assert [text for name, text in facts if name == "Device"] == ["cpu (2 runs)", "cuda (1 run)"]
    assert texts["Begun"].startswith("1970-01-0")
    assert re.fullmatch(r"1970-01-0\d \d\d:00:02 [+-]\d{4}", texts["Latest result"])


def test_several_sweeps_and_runs_in_progress(tmp_path: Path) -> None:
    """Jobs of one number are told apart, and a copy of a run is no repetition of it."""
    for sweep, losses in (("a", (0.1, 0.3)), ("b", (0.1, 0.2))):
        for job, loss in enumerate(losses):
            write_run(tmp_path / sweep / str(job), classes(loss), [f"seed={job}"], job)
    write_run(tmp_path / "b/2", None, ["seed=2"], 2)
    write_history(tmp_path / "b/2", [0.5, 0.25])
    folders = [tmp_path / "b", tmp_path / "a", tmp_path / "a/0"]
    found = gather(folders, Leaderboard.read(tmp_path, folders).entries)
    names = [run["name"] for run in found["runs"]]
    assert names == ["a/0", "b/0", "b/1", "a/1", "b/2"]
    assert sorted(sorted(names[index] for index in group) for group in found["groups"]) == [
        ["a/0", "a/1", "b/2"],
        ["b/0", "b/1"],
    ]
    running = found["runs"][-1]
    assert (running["status"], running["epochs"], running["metrics"]) == ("unfinished", 2, {})
    assert running["curves"]["train_loss"] == [0.5, 0.25]
    assert running["again"] == "python -m mlp_exp.run seed=2"


@pytest.mark.parametrize("size", [1e40, 1e154, 1e308, 5e-324])
def test_importance_of_numbers_of_any_size(tmp_path: Path, size: float) -> None:
    for job in range(16):
        write_run(
            tmp_path / str(job), values(size * ((1 + job % 4) / 4)), [f"trainer.clip_grad_norm={size}{job % 4}"], job
        )
    found = shown(tmp_path)["importance"]["val_rmse"]
    json.dumps(found, allow_nan=False)
    if size > 1:
        assert found["explained"] == pytest.approx(1, abs=0.05)


def test_a_history_without_whole_epochs(tmp_path: Path) -> None:
    write_run(tmp_path / "0", classes(0.1), [], 0)
    for epoch in ("nan", "1.5"):
        (tmp_path / "0/history.csv").write_text(f"epoch,lr\n{epoch},0.1\n", encoding="utf-8")
        with pytest.raises(RunFolderError, match=f"^{tmp_path}/0: expected the history of a run, with whole numbers"):
            shown(tmp_path)


def test_texts_that_are_no_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    write_run(folder / "0", {**FAILED, "reason": "no \udce9"}, [], 0)
    assert report_on([folder], folder)
    assert "caf\\udce9" in (folder / "report.html").read_text(encoding="utf-8")
    assert "no \\udce9" in (folder / "leaderboard.csv").read_text(encoding="utf-8")
