"""`python -m mlp_exp.report`: the leaderboard of a sweep once more, and the figures of a run that has trained."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from support.commands import Command, refusal, said
from support.compositions import compose_run
from support.folders import files_in
from support.project import QUICK_TABLE, ROOT
from support.specs import train_in
from support.tables import TABLE_ROWS, write_table

SHORT = ("trainer.epochs=3", "trainer.device=cpu")
QUIET = (*SHORT, "trainer.plots=never")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run without figures."""
    folder = tmp_path_factory.mktemp("finished")
    train_in(folder, compose_run(QUIET))
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


# ---- sweeps


def test_the_leaderboard_of_a_sweep(command: Command, tmp_path: Path) -> None:
    done = command("run", "-m", *QUIET, "seed=1,2", "optimizer.lr=0.01,-1,0.1", "hydra.sweep.dir=s")
    assert done.returncode == 1
    file = tmp_path / "s" / "leaderboard.csv"
    written = file.read_bytes()
    assert len(written.splitlines()) > 6
    page = tmp_path / "s" / "report.html"
    shown = page.read_bytes()
    file.unlink()
    before = {name: (tmp_path / "s" / name).read_bytes() for name in files_in(tmp_path / "s")}
    page.unlink()
    before.pop("report.html")
    printed = command("report", tmp_path / "s").stdout
    assert page.read_bytes() == shown
    assert file.read_bytes() == written
    assert {name: (tmp_path / "s" / name).read_bytes() for name in files_in(tmp_path / "s")} == {
        **before,
        "leaderboard.csv": written,
        "report.html": shown,
    }
    assert printed.startswith("6 runs, best first by val_log_loss; mean ± standard deviation over seed")
    reasons = done.stderr.partition("2 jobs failed:\n")[2]
    assert reasons.startswith("job 1 (")
    assert " and 1 more: The configuration has 1 mistake:\n" in reasons
    assert printed.endswith(f"{file}\n{page}\n2 runs failed:\n{reasons}")
    assert done.stdout.endswith(printed.partition("2 runs failed:")[0])

    again = command("report", "s")
    assert file.read_bytes() == written
    assert again.stdout == printed.replace(str(tmp_path / "s"), "s")


def test_a_sweep_in_folders_of_other_names(command: Command, tmp_path: Path) -> None:
    folders = ("hydra.sweep.dir=s", "hydra.sweep.subdir=${hydra.job.override_dirname}")
    exclude = f"hydra.job.config.override_dirname.exclude_keys=[{','.join(w.partition('=')[0] for w in QUIET)}]"
    done = command("run", "-m", *QUIET, "seed=1,2", "model=mlp,linear", *folders, exclude)
    assert (done.returncode, done.stderr) == (0, "")
    written = (tmp_path / "s/leaderboard.csv").read_bytes()
    rows = list(csv.DictReader(written.decode().splitlines()))
    assert {(row["job"], row["folder"]) for row in rows} == {
        (str(job), f"model={model},seed={seed}")
        for job, (seed, model) in enumerate((seed, model) for seed in (1, 2) for model in ("mlp", "linear"))
    }
    again = command("report", tmp_path / "s")
    assert (tmp_path / "s/leaderboard.csv").read_bytes() == written
    assert done.stdout.endswith(again.stdout)


@pytest.mark.parametrize("folder", ["sub/../s", "./s"])
def test_a_sweep_in_a_folder_with_a_longer_name(command: Command, tmp_path: Path, folder: str) -> None:
    (tmp_path / "sub").mkdir()
    done = command("run", "-m", *QUIET, "seed=1,2", f"hydra.sweep.dir={folder}")
    assert (done.returncode, done.stderr) == (0, "")
    written = (tmp_path / "s/leaderboard.csv").read_bytes()
    assert {row["folder"] for row in csv.DictReader(written.decode().splitlines())} == {"0", "1"}
    said(command("report", tmp_path / "s"))
    assert (tmp_path / "s/leaderboard.csv").read_bytes() == written


# ---- runs

BINARY = {"loss", "confusion_matrix", "roc", "precision_recall", "calibration"}
RUNS = {
    "stopped early, of mean weights": (
        ["early_stopping=patience", "early_stopping.patience=1", "optimizer.lr=0.5", "trainer.average=0.5"],
        BINARY | {"decision_boundary"},
    ),
    "no validation, and a schedule over epochs that follow from the data": (
        [
            *("split.train=0.8", "split.val=0", "data=iris"),
            *("trainer.epochs=auto", "trainer.steps=1", "scheduler=warmup_cosine"),
        ],
        {"loss", "confusion_matrix"},
    ),
    "regression": (["data=diabetes", "model.norm=batch", "loss=huber"], {"loss", "predicted_actual", "importance"}),
    "table": (
        [
            "data=table",
            "experiment=table_quick",
            "data.target=answer",
            "preprocess.one_hot_max=9",
            "early_stopping.latest=true",
        ],
        BINARY,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_figures_of_a_run(command: Command, tmp_path: Path, name: str) -> None:
    words, figures = RUNS[name]
    words = [*words, f"data.path={write_table(tmp_path)}"] if name == "table" else words
    done = command("run", *SHORT, *words, "trainer.plots=always", "hydra.run.dir=r")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "r"
    drawn = {path.name: path.read_bytes() for path in (folder / "plots").iterdir()}
    shutil.rmtree(folder / "plots")
    before = {path: (folder / path).read_bytes() for path in files_in(folder) - {"run.log"}}
    lines = said(command("report", folder))
    assert f"{folder}/plots" in lines
    assert lines[-2:] == [f"{folder}/leaderboard.csv", f"{folder}/report.html"]
    assert {path.name: path.read_bytes() for path in (folder / "plots").iterdir()} == drawn
    assert {path: (folder / path).read_bytes() for path in before} == before
    assert figures <= {file.removesuffix(".png") for file in drawn}


@pytest.mark.slow
def test_the_figures_of_a_job(command: Command, tmp_path: Path) -> None:
    """Those that it drew itself, in a stack with another."""
    sweep = ("-m", *SHORT, "seed=1,2", "model.dropout=0.3", "data=diabetes", "hydra.sweep.dir=s")
    assert command("run", *sweep, "trainer.plots=always").returncode == 0
    plots = tmp_path / "s" / "1" / "plots"
    drawn = {path.name: path.read_bytes() for path in plots.iterdir()}
    shutil.rmtree(plots)
    said(command("report", tmp_path / "s" / "1"))
    assert {path.name: path.read_bytes() for path in plots.iterdir()} == drawn


@pytest.mark.slow
def test_several_folders(command: Command, run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert command("run", *QUIET, "data=iris", f"hydra.run.dir={other}").returncode == 0
    lines = said(command("report", run, other, "-o", tmp_path / "new/folder"))
    assert [line.strip() for line in lines[:3]] == [
        f"{run}/plots",
        f"{other}/plots",
        "2 runs, best first by val_log_loss",
    ]
    assert files_in(tmp_path / "new/folder") == {"leaderboard.csv", "report.html"}
    assert sorted(path.name for path in (run / "plots").iterdir()) == sorted(
        f"{name}.png" for name in BINARY | {"decision_boundary"}
    )


def test_the_real_command_line(command: Command, run: Path) -> None:
    done = command("report", "run", "nowhere", "run", process=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"nowhere: {NEITHER}\n"


def test_a_folder_is_needed(command: Command) -> None:
    done = command("report")
    assert done.returncode == 2
    assert done.stderr.endswith("mlp-report: error: the following arguments are required: DIR\n")


OWN_NETWORK = """
from torch import nn


class Net(nn.Linear):
    pass
"""


@pytest.mark.slow
def test_a_users_own_network(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the folder at hand, which Python does not look into for an installed command, as `mlp-report` is."""
    (tmp_path / "net_of_report.py").write_text(OWN_NETWORK, encoding="utf-8")
    words = ("data=diabetes", "model=linear", "model._target_=net_of_report.Net")
    assert command("run", *QUIET, *words, "hydra.run.dir=r").returncode == 0
    monkeypatch.delitem(sys.modules, "net_of_report")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(tmp_path))])
    assert "--allow net_of_report" in refusal(command("report", "r"))
    said(command("report", "r", "--allow", "net_of_report"))
    assert (tmp_path / "r/plots/loss.png").is_file()


# ---- what cannot be reported

NEITHER = "expected the folder of a run, or of a sweep of such runs"


def test_a_folder_that_is_neither(command: Command, tmp_path: Path) -> None:
    assert refusal(command("report", tmp_path)) == f"{tmp_path}: {NEITHER}"
    assert refusal(command("report", tmp_path / "nowhere")) == f"{tmp_path}/nowhere: {NEITHER}"
    assert refusal(command("report", ROOT / "conf")) == f"{ROOT}/conf: {NEITHER}"
    assert refusal(command("report", "nowhere/at/all")) == f"nowhere/at/all: {NEITHER}"
    assert list(tmp_path.iterdir()) == []


def test_a_file(command: Command, run: Path) -> None:
    assert refusal(command("report", run / "history.csv")) == f"{run}/history.csv: {NEITHER}"


@pytest.mark.parametrize("content", ["", "half", "text"])
def test_a_damaged_model(command: Command, run: Path, content: str) -> None:
    whole = (run / "model.pt").read_bytes()
    contents = {"": b"", "half": whole[: len(whole) // 2], "text": b"hello, world"}
    (run / "model.pt").write_bytes(contents[content])
    says = "found a damaged or foreign file: it is no archive of tensors"
    assert refusal(command("report", run)) == f"{run}/model.pt: expected a model of this project, {says}"
    assert not (run / "plots").exists()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("dictionary", "expected a model of this project: it has no config and state_dict"),
        ("list", "expected a model of this project, found a list"),
        ("no weights", "its configuration is that of a network with 2305 parameters, which it does not hold"),
        ("other weights", "its configuration is that of a network with 2305 parameters, which it does not hold"),
        (
            "weights of another shape",
            "expected a model of this project: its weights do not fit the network and the data of its ",
        ),
    ],
)
def test_a_model_of_something_else(command: Command, run: Path, kind: str, says: str) -> None:
    model = torch.load(run / "model.pt", weights_only=True)
    other: dict[str, object] = {
        "dictionary": {"epoch": 3},
        "list": [1, 2],
        "no weights": {**model, "state_dict": {}, "training_rows": model["training_rows"][:1].clone()},
        "other weights": {
            **model,
            "state_dict": {name: torch.zeros(1) for name in model["state_dict"]},
            "training_rows": model["training_rows"][:1].clone(),
        },
        "weights of another shape": {**model, "state_dict": {name: w[None] for name, w in model["state_dict"].items()}},
    }
    torch.save(other[kind], run / "model.pt")
    assert refusal(command("report", run)).startswith(f"{run}/model.pt: {says}")


HEADER = "epoch,lr,train_loss,val_loss,val_accuracy,seconds"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.pt", None, "there is no such file; expected a model of this project"),
        (
            "history.csv",
            None,
            "there is no such file; expected the history of a run",
        ),
        (
            "history.csv",
            f"{HEADER}\n1,1,1,1,x,1\n",
            "expected the history of a run: could not convert string to float: 'x'",
        ),
        ("history.csv", "epoch,lr\n1,1\n", f"expected the history of a run: columns {HEADER.replace(',', ', ')}"),
        ("result.json", "{", "expected a result in JSON: Expecting property name enclosed in double quotes: "
         "line 1 column 2 (char 1)"),
        (
            "result.json",
            "[]",
            "expected the result of a run; all of it: Input should be a valid dictionary or instance of Result",
        ),
    ],
)  # fmt: skip
def test_a_damaged_file(command: Command, run: Path, name: str, content: str | None, message: str) -> None:
    path = run / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content, encoding="utf-8")
    assert refusal(command("report", run)) == f"{path}: {message.format(path=path)}"


def test_a_history_of_other_columns(command: Command, run: Path) -> None:
    (run / "history.csv").write_text("epoch,lr\n1,0.1\n", encoding="utf-8")
    assert refusal(command("report", run)).startswith(f"{run}/history.csv: expected the history of a run: ")


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_a_run_without_a_model(command: Command, run: Path, status: str) -> None:
    """It is on the page, without figures."""
    (run / "result.json").write_text(json.dumps({"status": status, "metrics": {}}), encoding="utf-8")
    (run / "model.pt").unlink()
    said(command("report", run))
    assert (run / "report.html").is_file()
    assert not (run / "plots").exists()


def test_a_damaged_run_of_a_sweep(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    run = Path(shutil.move(run, tmp_path / "s/0"))
    (run / ".hydra").mkdir()
    (run / ".hydra/overrides.yaml").write_text("- seed=1\n", encoding="utf-8")
    (run / "result.json").write_text("[]", encoding="utf-8")
    assert refusal(command("report", tmp_path / "s")) == (
        f"{run}/result.json: expected the result of a run; all of it: Input should be a valid dictionary or instance "
        "of Result"
    )
    assert not (tmp_path / "s/leaderboard.csv").exists()


def test_a_table_that_has_changed(command: Command, tmp_path: Path) -> None:
    """Weights do not fit its columns any more, or its categories."""
    table = write_table(tmp_path)
    words = (*QUICK_TABLE, f"data.path={table}", "data.target=answer")
    assert command("run", *QUIET, *words, "hydra.run.dir=r").returncode == 0
    lines = table.read_text(encoding="utf-8").splitlines()
    for changed in ([line.partition(",")[2] for line in lines], lines[: TABLE_ROWS // 2]):
        table.write_text("\n".join(changed), encoding="utf-8")
        assert str(tmp_path) in refusal(command("report", tmp_path / "r"))
        assert not (tmp_path / "r/plots").exists()
    table.unlink()
    assert refusal(command("report", tmp_path / "r")).startswith(f"data.path: there is no file '{table}'")
