"""What the page of a sweep shows, and that no text can break out of it."""

import base64
import itertools
import json
import os
import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.commands import Command
from support.runs import DIVERGED, FAILED, classes, values, write_baselines, write_run

from mlp_exp.compare.effects import axis_of, importance, ranks
from mlp_exp.compare.gather import IMAGES, LARGEST_FIGURE, MOST_POINTS, gather, split_common
from mlp_exp.compare.made import sweep_command
from mlp_exp.compare.report import SCRIPTS, report_on, write_page
from mlp_exp.errors import RunFolderError
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.printed import as_table
from mlp_exp.leaderboard.ranking import group_repetitions
from mlp_exp.storage.run_folder import RunFolder

Capture = pytest.CaptureFixture[str]


def shown(folder: Path) -> dict[str, Any]:
    return gather([folder], Leaderboard.read(folder, configs=True).entries)


def test_baselines_stand_between_the_groups_of_runs(tmp_path: Path) -> None:
    for job, (lr, seed, loss) in enumerate([("1", "0", 0.2), ("1", "1", 0.4), ("2", "0", 0.5)]):
        write_run(tmp_path / str(job), classes(loss), [f"optimizer.lr={lr}", f"seed={seed}"], job)
    names = ("majority class", "linear model", "gradient boosting")
    for split, losses in {"a": (0.6, 0.34, 0.3), "b": (0.7, 0.35, 0.36)}.items():
        write_baselines(tmp_path, split, dict(zip(names, losses, strict=True)))
    found = Leaderboard.read(tmp_path, configs=True)
    shown = gather([tmp_path], found.entries, baselines=found.baselines)
    assert (len(shown["runs"]), len(shown["groups"])) == (3, 2)
    assert shown["baselines"] == [
        {
            "name": name,
            "after": after,
            "splits": [{"metrics": {"val_accuracy": 0.5, "val_log_loss": loss}, "seconds": 0.5} for loss in losses],
        }
        for name, after, losses in (  # best first
            ("gradient boosting", 1, (0.3, 0.36)),
            ("linear model", 1, (0.34, 0.35)),
            ("majority class", 2, (0.6, 0.7)),
        )
    ]


def write_config(folder: Path, config: Any) -> None:
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    (folder / ".hydra/config.yaml").write_text(text, encoding="utf-8")


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
    assert ranks(["b", "a", "c", "a"]).tolist() == [1, 0, 2, 0]
    assert ranks(["10", "1e-3", "1e40", "1_000"]).tolist() == [1, 0, 3, 2]


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


@pytest.mark.parametrize("far", [1e12, -1e12, 1e308])
def test_importance_is_not_that_of_one_run_that_exploded(far: float) -> None:
    rng = np.random.default_rng(0)
    values = {"lr": rng.permutation(60).astype(float), "width": rng.permutation(60).astype(float)}
    metric = 0.3 + 0.001 * values["lr"]
    metric[int(values["width"].argmax())] = far
    found = importance(values, metric)
    assert found
    assert [key for key, _ in found["keys"]] == ["lr", "width"]


def test_importance_of_a_seed_is_near_0() -> None:
    values = {"lr": np.repeat(np.arange(5.0), 200), "seed": np.tile(np.arange(200.0), 5)}
    noise = np.random.default_rng(1).normal(size=1000)
    found = importance(values, 0.1 * values["lr"] + 0.08 * noise)
    assert found is not None
    lr, seed = found["keys"]
    assert lr[0] == "lr"
    assert lr[1] > 1
    assert seed[1] < 0.05


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
    values = [Entry(None, {}, {}, Path(), config).values for config in (a, b)]
    shared, (own_a, own_b) = split_common(values)
    assert shared == {"model.hidden_sizes": "[64,32]", "seed": "0"}
    assert own_a == {"model.norm": "null", "residual": "true"}
    assert own_b == {"model.norm": "batch", "model.depth": "3", "residual": "false"}
    assert split_common([{}]) == ({}, [{}])


PNG, SVG = IMAGES[".png"][1], b'<?xml version="1.0"?><svg/>'


def test_figures_of_the_best_are_shown(tmp_path: Path) -> None:
    contents = {0: PNG + b"0", 1: b"text", 2: PNG + b"2", 3: PNG + b"3", 4: PNG + b"x" * LARGEST_FIGURE}
    for job, (number, content) in enumerate(contents.items()):
        write_run(tmp_path / str(job), classes((number + 3) % 5), [f"seed={job}"], job)
        (tmp_path / str(job) / "plots").mkdir()
        (tmp_path / str(job) / "plots/roc.png").write_bytes(content)
    (tmp_path / "2/plots/secret.png").symlink_to(tmp_path / "3/plots/roc.png")
    (tmp_path / "2/plots/page.svg").write_text("<html/>", encoding="utf-8")
    (tmp_path / "2/plots/loss.svg").write_bytes(SVG)
    found = shown(tmp_path)["figures"]
    assert [run["run"] for run in found] == ["2", "3"]  # 2 is the best; 3 comes before 0; 4 and 1 have none to show
    assert [[name, kind, base64.b64decode(data)] for name, kind, data in found[0]["images"]] == [
        ["loss", "image/svg+xml", SVG],
        ["roc", "image/png", PNG + b"2"],
    ]


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
    os.utime(tmp_path / "1/.hydra/overrides.yaml", (0, 3 * 86_400))  # the sweep's file is of the time of a resume
    os.utime(tmp_path / "multirun.yaml", (0, 9 * 86_400))
    assert re.match(r"1970-01-0[345] ", dict(shown(tmp_path)["made"])["Begun"])
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


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ("epoch,lr\nnan,0.1\n", ": expected the history of a run, with whole numbers as epochs"),
        ("epoch,lr\n1.5,0.1\n", ": expected the history of a run, with whole numbers as epochs"),
        ("epoch,lr\n1,0.1\n2,", "/history.csv: expected the history of a run: could not convert string to float: ''"),
        ("epoch,lr\n1,0.1\n2", "/history.csv: expected the history of a run: columns epoch, lr"),
    ],
)
def test_a_damaged_history_is_not_shown(tmp_path: Path, capfd: Capture, history: str, says: str) -> None:
    for job in range(2):
        write_run(tmp_path / str(job), classes(0.1), [], job)
        write_history(tmp_path / str(job), [0.5])
    (tmp_path / "1/history.csv").write_text(history, encoding="utf-8")
    whole, damaged = shown(tmp_path)["runs"]
    assert whole["curves"]["train_loss"] == [0.5]
    assert (damaged["name"], damaged["at"], damaged["curves"]) == ("1", [], {})
    assert damaged["metrics"] == whole["metrics"]
    assert capfd.readouterr().err == f"{tmp_path}/1{says}. The run is shown without curves\n"


TENFOLD = "\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)])


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("a: &a [*a]", "holds more than 100000 values or more than 20 levels"),
        (TENFOLD, "holds more than 100000 values or more than 20 levels"),
        ("[1]", "expected the configuration of a run"),
        ("a: 2020-01-01", "expected numbers and texts, found a date"),
    ],
    ids=["in itself", "tenfold", "a list", "a date"],
)
def test_a_configuration_that_is_not_plain_is_not_shown(tmp_path: Path, capfd: Capture, config: str, says: str) -> None:
    for job in range(2):
        write_run(tmp_path / str(job), classes(0.1), [], job)
        write_config(tmp_path / str(job), {"seed": 3})
    write_config(tmp_path / "1", config)
    assert report_on([tmp_path], tmp_path)
    (line,) = capfd.readouterr().err.splitlines()  # read once
    assert line.startswith(f"{tmp_path}/1/.hydra/config.yaml: {says}")
    assert line.endswith(". The run is shown without its configuration")
    found = shown(tmp_path)
    assert [run["config"] for run in found["runs"]] == [{"seed": "3"}, {}]


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for job in range(2):
        write_run(tmp_path / str(job), classes(0.1), [], job)
        write_config(tmp_path / str(job), {"seed": job})
    read: list[Path] = []
    whole = RunFolder.config

    def config(folder: RunFolder) -> object:
        read.append(folder.path)
        return whole(folder)

    monkeypatch.setattr(RunFolder, "config", config)
    report_on([tmp_path], tmp_path)
    assert read == [tmp_path / "0", tmp_path / "1"]


# ---- commands to copy


def test_the_command_of_a_run_with_a_saved_configuration(tmp_path: Path) -> None:
    """What was typed, as after rerun=…, is not all of it."""
    for job, result in enumerate((FAILED, None, {**FAILED, "status": "interrupted"}, DIVERGED)):
        write_run(tmp_path / str(job), result, ["seed=5"], job)
        write_config(tmp_path / str(job), {"seed": 5, "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.1}})
    (tmp_path / "2/checkpoint.pt").touch()
    (tmp_path / "3/checkpoint.pt").touch()
    assert {run["name"]: run["again"].removeprefix("python -m mlp_exp.run ") for run in shown(tmp_path)["runs"]} == {
        "0": f"--config-dir {tmp_path}/0/.hydra --config-name config",
        "1": f"--config-dir {tmp_path}/1/.hydra --config-name config",
        "2": f"resume={tmp_path}/2",
        "3": f"rerun={tmp_path}/3",
    }


def test_the_command_of_a_run_allows_its_packages(tmp_path: Path) -> None:
    elsewhere = {"_target_": "mlp_exp.components.MLflow", "tracking_uri": "http://there"}
    for job, result in enumerate((classes(0.1), None, FAILED)):
        write_run(tmp_path / str(job), result, [], job)
        model = {"_target_": "mine.Net", "layers": [{"_target_": "yours.Layer"}, {"_target_": "torch.nn.ReLU"}]}
        write_config(tmp_path / str(job), {"model": model, "tracker": elsewhere})
    (tmp_path / "1/checkpoint.pt").touch()
    done, going_on, failed = (run["again"] for run in sorted(shown(tmp_path)["runs"], key=lambda run: run["name"]))
    allow = "--allow=mine --allow=mlflow --allow=yours"
    assert done == f"python -m mlp_exp.run rerun={tmp_path}/0 {allow}"
    assert going_on == f"python -m mlp_exp.run resume={tmp_path}/1 {allow}"
    assert "--allow" not in failed  # with --config-dir all is trusted


@pytest.mark.slow
def test_the_command_of_a_sweep_of_another_primary_config(command: Command, tmp_path: Path) -> None:
    (tmp_path / "my conf").mkdir()
    (tmp_path / "my conf/mine.yaml").write_text("defaults: [run, _self_]\nseed: 7\n", encoding="utf-8")
    quiet = ("trainer.epochs=1", "trainer.device=cpu", "trainer.plots=never", "data.n_samples=60")
    words = (*quiet, "model.dropout=0,0.1")
    flags = ("--config-dir", "my conf", "--config-name", "mine")
    done = command("run", "-m", *flags, *words, "hydra.sweep.dir=s", "hydra.launcher.max_stack=2")
    assert (done.returncode, done.stderr) == (0, "")
    typed = (
        f"python -m mlp_exp.run -m --config-dir '{tmp_path}/my conf' --config-name mine {' '.join(words)} "
        "hydra.sweep.dir=s hydra.launcher.max_stack=2"
    )
    assert sweep_command(tmp_path / "s") == typed
    found = shown(tmp_path / "s")
    assert found["config"]["seed"] == "7"
    assert found["runs"][0]["again"] == f"python -m mlp_exp.run rerun={tmp_path}/s/{found['runs'][0]['name']}"
    again = command("run", *shlex.split(typed)[3:], "hydra.sweep.dir=t")
    assert (again.returncode, again.stderr) == (0, "")
    for job in "01":
        assert (tmp_path / "t" / job / "history.csv").read_text().count("\n") == 2
        assert RunFolder(tmp_path / "t" / job).config() == RunFolder(tmp_path / "s" / job).config()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"hydra": [1]}, "hydra: Input should be a valid dictionary or instance of SavedSweep"),
        ([1], "all of it: Input should be a valid dictionary or instance of _Saved"),
        ({"hydra": {"overrides": {"task": [], "hydra": [1]}}}, "hydra.overrides.hydra.0: Input should be a valid "),
        ({"hydra": {"overrides": {"task": [None], "hydra": []}}}, "hydra.overrides.task.0: Input should be a valid "),
        ({"hydra": {"overrides": None}}, "hydra.overrides: Input should be a valid dictionary or instance of _Words"),
    ],
)  # fmt: skip
def test_damaged_settings_of_a_sweep(tmp_path: Path, settings: Any, says: str) -> None:
    (tmp_path / "multirun.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with pytest.raises(RunFolderError) as caught:
        sweep_command(tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path}/multirun.yaml: expected the settings of a sweep, as Hydra writes them; {says}"
    )


# ---- repetitions of what was saved


def test_runs_of_other_configurations_are_no_repetitions(tmp_path: Path) -> None:
    """As `rerun=a seed=5` and `rerun=b seed=6`; and what was typed in one and set in the other is the same."""
    runs = [(0.1, 5, 0.1, []), (0.001, 6, 0.9, []), (0.1, 7, 0.2, ["optimizer.lr=0.1"]), (0.1, 7, 0.3, [])]
    for job, (lr, seed, loss, more) in enumerate(runs):
        write_run(tmp_path / str(job), classes(loss), [f"seed={seed}", *more], job)
        write_config(tmp_path / str(job), {"optimizer": {"lr": lr}, "seed": seed, "split": {"fold": job}})
    entries = Leaderboard.read(tmp_path, configs=True).entries
    assert [[entry.job for entry in group.entries] for group in group_repetitions(entries)] == [[0, 2, 3], [1]]
    for entry in entries:  # now the last two are one run twice
        write_config(entry.folder, {**entry.config, "split": {"fold": 0}})
    entries = Leaderboard.read(tmp_path, configs=True).entries
    assert [[entry.job for entry in group.entries] for group in group_repetitions(entries)] == [[0, 2], [3], [1]]
    assert as_table(entries)[0] == "4 runs, best first by val_log_loss; mean ± standard deviation over seed"


# ---- the page's own texts


def test_the_filter_that_is_proposed_means_one_status() -> None:
    page = (files("mlp_exp.compare") / "web/page.html").read_text(encoding="utf-8")
    assert 'placeholder="status=finished ' in page


def test_the_page_needs_no_new_browser() -> None:
    """Firefox ESR 115 and Chrome 116 are without these."""
    for script in SCRIPTS:
        text = (files("mlp_exp.compare") / f"web/{script}.js").read_text(encoding="utf-8")
        assert re.findall(r"\bgroupBy\b|\bwithResolvers\b|\bfromAsync\b", text) == []


def test_texts_that_are_no_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    write_run(folder / "0", {**FAILED, "reason": "no \udce9"}, [], 0)
    assert report_on([folder], folder)
    assert "caf\\udce9" in (folder / "report.html").read_text(encoding="utf-8")
    assert "no \\udce9" in (folder / "leaderboard.csv").read_text(encoding="utf-8")
