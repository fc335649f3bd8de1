"""Callbacks through the command line, alone and in sweeps; docs/how-to/callback.md is true."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.commands import Command, mistakes, refusal, said
from support.drawn_sets import features, read_csv, write_csv
from support.folders import files_in, history_of, result_of, weights_of
from support.page_blocks import blocks_of, commands_of
from support.project import CONF, ROOT
from support.resuming import timeless
from support.sweeps import assert_failures, jobs_in, with_traceback

PAGE = (ROOT / "docs" / "how-to" / "callback.md").read_text(encoding="utf-8")
FILES = {block.file: block.text for block in blocks_of(PAGE) if block.file}
COMMANDS = [words[1:] for block in blocks_of(PAGE) for words, _ in commands_of(block)]
QUIET = ("trainer.device=cpu", "trainer.plots=never", "model.hidden_sizes=[4]")
SHORT = (*QUIET, "data.n_samples=60", "trainer.epochs=4")
WATCHING = '''
import os

import torch
from mlp_exp.components import Callback


class Fails(Callback):
    """In one of its methods, of the run with a seed."""

    columns = ("one",)

    def __init__(self, where, seed=1):
        self.where, self.seed = where, seed

    def fail(self, run, where):
        if (where, run.config["seed"]) == (self.where, self.seed) and "REPAIRED" not in os.environ:
            raise RuntimeError("it is broken")

    def on_begin(self, run):
        self.fail(run, "on_begin")

    def on_epoch(self, run):
        if run.record.epoch == 2:
            self.fail(run, "on_epoch")
            if self.where == "columns":
                return {"two": 2}
        return {"one": 1}

    def on_end(self, run):
        self.fail(run, "on_end")


class Counts(Callback):
    """Writes down what it is told; ends as the variables say, in an epoch of its own count."""

    columns = ("count",)

    def __init__(self):
        self.count, self.sums = 0, []

    def note(self, run, *what):
        with (run.folder / "notes.txt").open("a") as file:
            print(*what, file=file)

    def on_begin(self, run):
        self.note(run, "begin", self.count, len(run.history), len(self.sums))

    def on_epoch(self, run):
        self.count += 1
        self.sums.append(torch.stack([weight.sum() for weight in run.weights().values()]))
        if str(self.count) == os.environ.get("ENDS_IN"):
            raise {"interrupt": KeyboardInterrupt, "error": ValueError("n")}[os.environ["ENDS_BY"]]
        return {"count": self.count}

    def on_end(self, run):
        self.note(run, "end", run.status, run.record and run.record.epoch, len(run.history))

    def state(self):
        return {"count": self.count, "sums": self.sums}

    def restore(self, state):
        self.count, self.sums = state["count"], state["sums"]


class Stops(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, run):
        if run.record.epoch >= self.epoch + run.config["seed"]:
            run.stop()


class Taken(Callback):
    columns = ("val_accuracy",)


class OfNoKind:
    pass
'''


@pytest.fixture(autouse=True)
def packages(tmp_path: Path) -> None:
    (tmp_path / "watching.py").write_text(WATCHING, encoding="utf-8")
    (tmp_path / "my_conf" / "callbacks").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")


def own(text: str) -> str:
    """A callback of `WATCHING` with its settings."""
    return f"+callbacks.mine={{_target_: watching.{text}}}"


# ---- the page


def test_the_page_names_every_option_in_short_examples() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ", PAGE.partition("## Your own")[0], re.MULTILINE)
    assert set(rows) == {path.stem for path in (CONF / "callbacks").glob("*.yaml")}
    assert len(FILES) == 3
    assert len(COMMANDS) == 7
    assert all(text.count("\n") < 12 for text in FILES.values())


LEFT: dict[str, set[str]] = {
    "gradient_norms": {f"predictions/{epoch}.csv" for epoch in range(1, 5)},
    "lr_finder": {"learning_rates.csv"},
    "LargestWeight": set(),
    "every: 2": {"weights_2.pt", "weights_4.pt"},
    "every: 1": {f"weights_{epoch}.pt" for epoch in range(1, 5)},
    "callbacks=mine": {"weights_2.pt", "weights_4.pt"},
}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_the_page_leaves_what_it_says_alone_and_in_a_sweep(
    command: Command, tmp_path: Path, words: list[str]
) -> None:
    left = next(files for name, files in LEFT.items() if name in " ".join(words))
    plain = [word for word in words if word != "-m" and not word.startswith("seed=")]
    alone = command("run", *plain, "seed=0", *SHORT, "hydra.run.dir=alone")
    sweep = command("run", "-m", *plain, "seed=0,1", *SHORT, "hydra.sweep.dir=sweep")
    assert [(done.returncode, done.stderr) for done in (alone, sweep)] == [(0, "")] * 2
    for folder in (tmp_path / "alone", *jobs_in(tmp_path / "sweep")):
        found = files_in(folder)
        assert {name for name in found if name.startswith(("predictions/", "learning_rates", "weights_"))} == left
    one, other = tmp_path / "alone", tmp_path / "sweep" / "0"
    assert result_of(other)["stacked"] == 2
    assert history_of(one) == history_of(other)
    for name in left:
        assert (one / name).read_bytes() == (other / name).read_bytes()


# ---- mistakes and failures


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["callbacks=gradients"], ["callbacks: there is no option 'gradients'. Did you mean 'gradient_norms'?"]),
        (
            ["callbacks=[gradient_norm,predictions]", "callbacks.predictions.every=0"],
            [
                "callbacks: there is no option 'gradient_norm'. Did you mean 'gradient_norms'?",
                "callbacks.predictions.every: expected a whole number, 1 or more, got 0",
            ],
        ),
        (
            [own("Mine")],
            ["callbacks.mine._target_: cannot import 'watching.Mine': module 'watching' has no attribute 'Mine'"],
        ),
        ([own("Fails, where: on_end, were: x")], ["callbacks.mine.were: Fails takes no 'were'. Did you mean 'where'?"]),
        ([own("Fails")], ["callbacks.mine.where: Fails needs 'where'. Add it: +callbacks.mine.where=…"]),
        (
            ["+callbacks.mine={limit: 3}"],
            ["callbacks.mine._target_: missing; expected an import path, such as package.Class"],
        ),
        (
            ["callbacks=lr_finder", "callbacks.lr_finder.low=2"],
            ["callbacks.lr_finder: mlp_exp.components.LearningRateFinder refuses its settings: expected 0 < low "],
        ),
        (["+callbacks.mine=3"], ["callbacks.mine: expected callbacks by name, each with a _target_, got 3"]),
        ([own("OfNoKind")], ["callbacks.mine._target_: expected a mlp_exp.components.Callback, got OfNoKind"]),
        ([own("Taken")], ["callbacks.mine: the history has a column 'val_accuracy' already; rename it"]),
        (
            ["callbacks=gradient_norms", "callbacks.gradient_norms.layers=[hea]"],
            ["callbacks: layers: the network has no 'hea' that is trained; expected blocks.0.linear.weight, "],
        ),
        (
            ["callbacks=gradient_norms", "early_stopping.monitor=gradient_norm"],
            ["early_stopping.mode: expected min or max for 'gradient_norm', whose direction is unknown"],
        ),
        (
            ["early_stopping.monitor=gradient_norm"],
            ["early_stopping.monitor: expected train_loss, val_loss, val_metric, or "],
        ),
        (
            ["callbacks=gradient_norms", "early_stopping.monitor=gradient_nor"],
            ["early_stopping.monitor: expected one of train_loss, val_loss, val_metric, val_accuracy, "],
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each[0], str) and "=" in each[0] else "",
)
def test_a_mistake_is_one_message(command: Command, words: Sequence[str], lines: Sequence[str]) -> None:
    found = refusal(command("run", *words, *SHORT)).splitlines()
    for line, expected in zip(found, mistakes(*lines).splitlines(), strict=True):
        assert line.startswith(expected)


BROKEN = "RuntimeError: it is broken"
WHERE = {
    "on_begin": ("on_begin", BROKEN, 0),
    "on_epoch": ("on_epoch", BROKEN, 2),
    "on_end": ("on_end", BROKEN, 4),
    "columns": ("on_epoch", "ValueError: expected a number for each of its columns (one), got two", 2),
}


@pytest.mark.parametrize("where", WHERE)
def test_a_failure_ends_one_run_alone(command: Command, tmp_path: Path, where: str) -> None:
    method, error, epochs = WHERE[where]
    message = f"callbacks.mine.{method}: {error}. The run's log has the traceback"
    words = [*SHORT, own(f"Fails, where: {where}")]
    done = command("run", *words, "seed=1", "hydra.run.dir=alone")
    assert refusal(done) == message
    assert "Traceback" not in done.stdout
    alone = tmp_path / "alone"
    assert (result_of(alone)["status"], result_of(alone)["reason"]) == ("failed", message)
    assert result_of(alone).get("epochs", 0) == epochs
    assert f"\n{error}\n" in (alone / "run.log").read_text(encoding="utf-8")

    swept = "seed=1,2" if where == "columns" else "seed=1,2,3"
    done = command("run", "-m", *words, swept, "hydra.sweep.dir=sweep")
    failed = [0, 1] if where == "columns" else [0]
    assert_failures(done, tmp_path / "sweep", dict.fromkeys(failed, ("failed", message)))
    assert with_traceback(tmp_path / "sweep") == failed
    assert history_of(tmp_path / "sweep" / "0") == history_of(alone)
    if where == "on_epoch":
        said(command("run", *SHORT, own("Fails, where: nowhere"), "seed=3", "hydra.run.dir=other"))
        assert history_of(tmp_path / "other") == history_of(tmp_path / "sweep" / "2")
        assert weights_of(tmp_path / "other").keys() == weights_of(tmp_path / "sweep" / "2").keys()


# ---- runs that stop and go on


def test_each_run_of_a_stack_stops_by_itself(command: Command, tmp_path: Path) -> None:
    said(command("run", "-m", *SHORT, own("Stops, epoch: 2"), "seed=0,1,2", "hydra.sweep.dir=s"))
    found = [(result_of(folder)["status"], result_of(folder)["epochs"]) for folder in jobs_in(tmp_path / "s")]
    assert found == [("stopped_early", 2), ("stopped_early", 3), ("finished", 4)]


@pytest.mark.parametrize(("mode", "best"), [("max", 4), ("min", 1)])
def test_early_stopping_watches_a_column(command: Command, tmp_path: Path, mode: str, best: int) -> None:
    words = ["early_stopping=patience", "early_stopping.patience=2", "early_stopping.monitor=count"]
    said(command("run", *SHORT, own("Counts"), *words, f"early_stopping.mode={mode}", "hydra.run.dir=r"))
    result = result_of(tmp_path / "r")
    assert (result["monitor"], result["best_epoch"], result["best_value"]) == ("count", best, best)
    assert (result["epochs"], result["status"]) == ((4, "finished") if mode == "max" else (3, "stopped_early"))


@pytest.mark.parametrize(
    ("ends_by", "sweep"),
    [("interrupt", False), ("error", False), ("error", True)],
    ids=["interrupted alone", "failed alone", "failed in a stack"],
)
def test_a_run_goes_on_with_what_its_callbacks_kept(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_by: str, sweep: bool
) -> None:
    words = [*SHORT, own("Counts"), "callbacks=gradient_norms", "trainer.checkpoint_every=0"]
    kind = ["-m", "hydra.sweep.dir=r", "seed=0,1"] if sweep else ["hydra.run.dir=r"]
    monkeypatch.setenv("ENDS_IN", "3")
    monkeypatch.setenv("ENDS_BY", ends_by)
    done = command("run", *kind, *words)
    status, code = ("interrupted", 130) if ends_by == "interrupt" else ("failed", 1)
    assert done.returncode == code
    folders = jobs_in(tmp_path / "r") if sweep else [tmp_path / "r"]
    assert [result_of(folder)["status"] for folder in folders] == [status] * len(folders)
    monkeypatch.delenv("ENDS_IN")
    again = [*kind, *words, "resume=true"] if sweep else ["resume=r", "--allow", "watching"]
    said(command("run", *again))
    said(command("run", *words, "hydra.run.dir=whole"))
    assert history_of(folders[0])[0][-2:] == ["gradient_norm", "count"]
    assert [row[-1] for row in history_of(folders[0])[1:]] == ["1.0", "2.0", "3.0", "4.0"]
    assert timeless(folders[0])[:2] == timeless(tmp_path / "whole")[:2]
    first, ended, begun, last = (folders[0] / "notes.txt").read_text().splitlines()
    latest = 2 if ends_by == "interrupt" else 3
    epoch = int(begun.split()[1])
    assert [first, ended, last] == ["begin 0 0 0", f"end {status} {latest} 2", "end finished 4 4"]
    assert begun == f"begin {epoch} {epoch} {epoch}"


def test_a_saved_run_needs_its_callbacks_only_to_train(command: Command, tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", TABLE)
    words = [
        *QUIET,
        "trainer.epochs=3",
        "data=table",
        "experiment=table_quick",
        "data.path=table.csv",
        "data.target=two",
        "data.drop=[part]",
    ]
    said(command("run", *words, own("Counts"), "callbacks=gradient_norms", "baselines=none", "hydra.run.dir=r"))
    (tmp_path / "watching.py").unlink()
    for name, *rest in (["report", "r"], ["predict", "r", "table.csv", "-o", "p.csv"]):
        assert command(name, *rest).returncode == 0, name
    (tmp_path / "watching.py").write_text(WATCHING, encoding="utf-8")
    assert "--allow watching" in refusal(command("run", "rerun=r"))
    lines = said(command("run", "rerun=r", "--allow", "watching", "hydra.run.dir=again"))
    assert lines[-2] == f"identical to {tmp_path}/r to the last bit: history, weights and metrics"


def test_an_end_that_failed_is_told_again(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*SHORT, own("Fails, where: on_end, seed: 0"), "hydra.run.dir=r"]
    for _ in range(2):
        message = refusal(command("run", *words))
        assert message == f"callbacks.mine.on_end: {BROKEN}. The run's log has the traceback"
        words = ["resume=r", "--allow", "watching"]
    monkeypatch.setenv("REPAIRED", "1")
    assert f"finished after 4 epochs, best epoch 4: {tmp_path}/r" in said(command("run", *words))
    assert result_of(tmp_path / "r")["status"] == "finished"


# ---- predictions of every task

_RNG = np.random.default_rng(0)
ROWS = 120
_X = features(_RNG, ROWS)
_VALUE = _X["x1"] - _X["x2"] + _RNG.normal(size=ROWS)
TABLE = {
    **_X,
    "value": _VALUE,
    "other": 100 * _X["x3"],
    "amount": np.exp(_VALUE),
    "two": np.where(_VALUE > 0, "yes", "no"),
    "three": np.array(["a", "b", "c"])[np.digitize(_VALUE, [-0.7, 0.7])],
    "grade": np.digitize(_VALUE, [-1, 0, 1]),
    "label": (_X["x3"] > 0).astype(int),
    "part": np.resize(["train"] * 6 + ["val"] * 2 + ["test"] * 2, ROWS),
}
TASKS = {
    "two": [],
    "three": ["trainer.average=0.5"],
    "grade": ["data.task=ordinal"],
    "[two,label]": [],
    "value": ["preprocess.log_target=false"],
    "[value,other]": [],
    "amount": ["loss=gamma"],
    "value quantile": ["loss=quantile"],
    "value gaussian": ["loss=gaussian"],
}


@pytest.mark.parametrize("case", TASKS)
def test_predictions_of_the_best_epoch_are_those_of_the_model(command: Command, tmp_path: Path, case: str) -> None:
    write_csv(tmp_path / "table.csv", TABLE)
    words = [
        "data=table",
        "experiment=table_quick",
        "data.path=table.csv",
        "data.columns=[x1,x2,x3]",
        f"data.target={case.split(maxsplit=1)[0]}",
    ]
    words += ["split=column", "split.column=part", "callbacks=predictions", "callbacks.predictions.every=1"]
    said(command("run", *QUIET, "trainer.epochs=3", "baselines=none", *words, *TASKS[case], "hydra.run.dir=r"))
    assert command("predict", "r", "table.csv", "-o", "p.csv").returncode == 0
    best = result_of(tmp_path / "r")["best_epoch"]
    seen, predicted = (read_csv(path) for path in (tmp_path / "r" / "predictions" / f"{best}.csv", tmp_path / "p.csv"))
    val = [row for row, part in enumerate(TABLE["part"]) if part == "val"]
    targets = case.split(maxsplit=1)[0].strip("[]").split(",")
    for target in targets:
        truth = [TABLE[target][row] for row in val]
        assert [type(truth[0])(value) for value in seen.pop(f"true_{target}")] == truth
    assert seen
    for name, column in seen.items():
        expected = [predicted[name][row] for row in val]
        if re.fullmatch(r"[-\d.e]+", expected[0]):
            assert [float(value) for value in column] == pytest.approx(
                [float(value) for value in expected], rel=1e-5, abs=1e-6
            )
        else:
            assert column == expected
