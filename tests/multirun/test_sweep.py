"""Sweeps whose runs train together: `python -m mlp_exp.run -m …` with the launcher `stacked`.

What a run leaves must not depend on its company, on what happens to others, or on how often the sweep was stopped.
"""

import multiprocessing
import shutil
import tempfile
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import torch
from support.commands import Command, mistakes, table_of
from support.folders import files_in, history_of, result_of
from support.sweeps import (
    CIRCLE,
    NET,
    QUIET,
    Sweep,
    assert_same_jobs,
    at_the_end,
    drawn,
    job,
    jobs_in,
    scores_in,
    trained,
)
from support.tables import write_table

from mlp_exp.experiment.run import Run
from mlp_exp.multirun import sweep as story
from mlp_exp.multirun.executors import work
from mlp_exp.processes.helper import IN_PLACE, Helper

pytestmark = pytest.mark.slow

# ---- a run is the same in any company


FINISHED = {"finished"}
IDENTICAL = [
    ("seed=0,1 optimizer.lr=1e-3,1e-2", "4 runs in 1 stack", FINISHED),
    ("model.norm=batch,layer,null model.dropout=0,0.3", "6 runs in 3 stacks: model.norm differs", FINISHED),
    ("scheduler=cosine,one_cycle trainer.average=0,0.5", "4 runs in 1 stack", FINISHED),
    (
        "scheduler=reduce_on_plateau scheduler.patience=0 scheduler.threshold=0.5,0.001 trainer.epochs=5",
        "2 runs in 1 stack",
        FINISHED,
    ),
    (
        "early_stopping=patience early_stopping.patience=1,3 trainer.epochs=8 optimizer.lr=0.1",
        "2 runs in 1 stack",
        {"finished", "stopped_early"},
    ),
    ("data=diabetes loss=huber trainer.clip_grad_norm=0.1,null", "2 runs in 1 stack", FINISHED),
    (
        "data=wine trainer.epochs=2,4 split.seed=null loss.class_weight=balanced,null",
        "4 runs in 1 stack",
        FINISHED,
    ),
    (
        "model.hidden_sizes=[7,5] model.activation=gelu trainer.batch_size=13,full seed=0,1",
        "4 runs in 2 stacks: trainer.batch_size, the number of rows differ",
        FINISHED,
    ),
    (
        "optimizer=sgd,adamw optimizer.weight_decay=0,0.1",
        "4 runs in 2 stacks: optimizer differs",
        FINISHED,
    ),
    ("split=folds split.folds=3 split.fold=range(3)", "3 runs in 1 stack", FINISHED),
    ("data.n_samples=100,103 loss.label_smoothing=0,0.1", "4 runs in 1 stack", FINISHED),
]


@pytest.mark.parametrize(("overrides", "stacks", "statuses"), IDENTICAL, ids=[row[0] for row in IDENTICAL])
def test_runs_in_stacks_are_those_of_hydras_own_launcher(
    sweep: Sweep, overrides: str, stacks: str, statuses: set[str]
) -> None:
    typed = overrides.split()
    keys = {override.partition("=")[0] for override in typed}
    others = [override for override in CIRCLE if override.partition("=")[0] not in keys]
    if "data" in keys:
        others.remove("data.n_samples=100")
    done, together = sweep("stacked", *others, *typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert stacks in done.stdout.splitlines()
    assert {result_of(folder)["status"] for folder in jobs_in(together)} == statuses
    done, apart = sweep("basic", *others, *typed, "hydra/launcher=basic")
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(together, apart)


def table(tmp_path: Path) -> tuple[str, ...]:
    """Runs on a table of which one column is embedded."""
    path = write_table(tmp_path)
    return (
        *(
            *QUIET,
            "trainer.epochs=3",
            "data=table",
            "experiment=table_quick",
            f"data.path={path}",
            "data.target=answer",
        ),
        *("preprocess.one_hot_max=5", "split.seed=null", "baselines=none", "seed=0,1"),
    )


def test_runs_on_one_table_are_those_of_hydras_own_launcher(sweep: Sweep, tmp_path: Path) -> None:
    def content(folder: Path) -> object:
        model = torch.load(folder / "model.pt", weights_only=True)
        model["state_dict"] = {name: tensor.tolist() for name, tensor in model["state_dict"].items()}
        model["training_rows"] = model["training_rows"].tolist()
        return model, history_of(folder)

    args = table(tmp_path)
    done, together = sweep("stacked", *args, "preprocess.scaling=standard,robust")
    assert "4 runs in 1 stack" in done.stdout.splitlines()
    _, apart = sweep("basic", *args, "preprocess.scaling=standard,robust", "hydra/launcher=basic")
    assert_same_jobs(together, apart, content)


# a pickle writes a text once where two values are one object, as those that runs take from one table may be
def test_the_model_of_a_table_is_the_same_to_the_byte(sweep: Sweep, command: Command, tmp_path: Path) -> None:
    args = table(tmp_path)
    _, folder = sweep("sweep", *args)
    command("run", *args[:-1], "seed=1", "hydra.run.dir=alone")
    assert trained(folder / "1") == trained(tmp_path / "alone")


def test_two_threads_give_the_same_whatever_the_launcher(command: Command, tmp_path: Path) -> None:
    """In processes of their own: one that has computed with several threads cannot be forked."""
    launchers = ("stacked", "basic")
    args = ("-m", *CIRCLE, "trainer.threads=2", "seed=0,1")
    sweeps = [
        command.start("run", *args, f"hydra/launcher={name}", f"hydra.sweep.dir={name}", process=True)
        for name in launchers
    ]
    ends = [process.communicate(timeout=120) for process in sweeps]
    assert [process.returncode for process in sweeps] == [0, 0]
    assert [stderr for _, stderr in ends] == ["", ""]
    assert_same_jobs(tmp_path / "stacked", tmp_path / "basic")
    assert [result_of(folder)["stacked"] for folder in jobs_in(tmp_path / "stacked")] == [2, 2]


def test_stacks_in_this_process_give_the_same(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, or where processes cannot be forked."""
    args = (*CIRCLE, "seed=0,1,2", "model.hidden_sizes=[4],[5]", "hydra.launcher.max_stack=2")
    _, forked = sweep("forked", *args)
    for module in ("multirun.executors.local", "processes.forks", "processes.helper"):
        monkeypatch.setattr(f"mlp_exp.{module}.can_fork", lambda: False)
    done, here = sweep("here", *args)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(here, forked)
    assert scores_in(here) == scores_in(forked)


def test_order_and_company_do_not_matter(sweep: Sweep, command: Command, tmp_path: Path) -> None:
    args = (*CIRCLE, "split.seed=null")
    _, many = sweep("many", *args, "seed=0,1,2,3")
    _, few = sweep("few", *args, "seed=3,0")
    assert command("run", *args, "seed=3", "hydra.run.dir=alone").returncode == 0
    folders = [many / "3", few / "0", tmp_path / "alone"]
    assert [result_of(folder)["stacked"] for folder in folders] == [4, 2, 1]
    assert trained(folders[0]) == trained(folders[1]) == trained(folders[2])
    assert torch.load(folders[0] / "model.pt", weights_only=True)["config"]["seed"] == 3
    assert len({trained(folder)[0] for folder in jobs_in(many)}) == 4


# ---- which runs form a stack


LINES = [
    ("seed=0", "1 run in 1 stack"),
    ("optimizer=adam,sgd model.activation=relu,tanh", "4 runs in 4 stacks: model.activation, optimizer differ"),
    (
        "seed=range(3) model.hidden_sizes=[4],[5] hydra.launcher.max_stack=2",
        "6 runs in 4 stacks: model.hidden_sizes differs; 2 at most in each, 2 at a time",
    ),
    (
        "seed=0,1 optimizer._target_=torch.optim.Rprop",
        "2 runs in 2 stacks: 2 alone (the optimizer Rprop takes one network)",
    ),
    (
        f"seed=0,1 {NET},mlp_exp.components.MLP",
        "4 runs in 3 stacks: model differs; 2 alone (model.stack is false)",
    ),
]


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(("overrides", "line"), LINES, ids=[overrides for overrides, _ in LINES])
def test_a_line_says_which_runs_train_together(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, overrides: str, line: str
) -> None:
    monkeypatch.setattr("mlp_exp.multirun.executors.stacks.cores", lambda: 2)
    done, folder = sweep("sweep", *QUIET, "data.n_samples=60", "trainer.epochs=1", *overrides.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == line
    stacked = [result_of(path)["stacked"] for path in jobs_in(folder)]
    assert sum(1 / size for size in stacked) == pytest.approx(int(line.split()[3]))


# ---- --dry-run


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("flag", [[], ["-m"], ["-m", "hydra.sweep.dir=sweep"], ["hydra/launcher=basic"]], ids=" ".join)
def test_a_dry_run_describes_and_leaves_nothing(
    command: Command, tmp_path: Path, scratch: Path, flag: list[str]
) -> None:
    done = command("run", *flag, "--dry-run", *CIRCLE, "seed=0,1", "model.hidden_sizes=[4],[5]")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.rglob("*")) == [scratch]
    lines = done.stdout.splitlines()
    jobs = enumerate(product((0, 1), (4, 5)))
    assert lines[0] == f"Same in all: {' '.join(CIRCLE)}"
    *head, first, second, third, fourth, stacks, one, other = table_of(lines)
    assert [list(part) for part in zip(*head, strict=True)] == [
        ["", "", "job"],
        ["", "", "seed"],
        ["model", "hidden", "sizes"],
    ]
    assert [first, second, third, fourth] == [[str(number), str(seed), f"[{width}]"] for number, (seed, width) in jobs]
    assert "4 runs in 2 stacks: model.hidden_sizes differs" in " ".join(" ".join(lines).split())
    assert stacks == ["jobs", "runs", "memory", "time"]
    assert [one[:2], other[:2]] == [["0, 2", "2"], ["1, 3", "2"]]
    for *_, memory, seconds in (one, other):
        assert (float(memory.removesuffix(" MiB")) > 100, float(seconds.removesuffix(" s")) < 60) == (True, True)
    assert lines[-1].startswith("About ")
    assert lines[-1].endswith(" s of training in all, without early stopping. Nothing was trained.")


def test_a_dry_run_names_jobs_that_would_fail(command: Command, tmp_path: Path, scratch: Path) -> None:
    done = command("run", "--dry-run", "-m", "optimizer.lr=1e-2,-1,-2")
    assert done.returncode == 1
    assert list(tmp_path.rglob("*")) == [scratch]
    rows = table_of(done.stdout.splitlines())
    wrong = [mistakes(f"optimizer.lr: expected a number above 0, got {lr}") for lr in (-1, -2)]
    assert rows[:5] == [
        ["", "optimizer", ""],
        ["job", "lr", "status"],
        ["0", "0.01", ""],
        ["1", "-1", "fails"],
        ["2", "-2", "fails"],
    ]
    assert [row[:2] for row in rows[6:]] == [["0", "1"]]
    messages = [f"{job(number, f'optimizer.lr=-{number}')}: {text}" for number, text in enumerate(wrong, 1)]
    assert done.stderr == "\n".join(at_the_end(messages)) + "\n"


def test_a_dry_run_of_nothing_that_could_train(command: Command) -> None:
    done = command("run", "--dry-run", "optimizer.lr=-1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "optimizer.lr: expected a number above 0, got -1" in done.stderr


# ---- figures, batches, tables


LEARNING_RATES = "optimizer.lr=1e-5,3e-2,1e-4,1e-2"


def test_figures_of_the_two_best_runs(sweep: Sweep) -> None:
    """Also where the command was killed before it had drawn the second; no run is trained again."""
    args = ("trainer.device=cpu", "data=wine", "trainer.epochs=3", LEARNING_RATES)
    done, folder = sweep("sweep", *args)
    assert (done.returncode, done.stderr) == (0, "")
    values = {int(path.name): result_of(path)["best_value"] for path in jobs_in(folder)}
    assert drawn(folder) == sorted(sorted(values, key=lambda number: values[number])[:2]) == [1, 3]
    assert files_in(folder / "1" / "plots") == files_in(folder / "3" / "plots") >= {"loss.png", "confusion_matrix.png"}

    learned = [trained(path) for path in jobs_in(folder)]
    shutil.rmtree(folder / "3" / "plots")
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert drawn(folder) == [1, 3]
    assert [trained(path) for path in jobs_in(folder)] == learned


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file for each run that is drawn, in the place of figures that take a second."""

    def draw(run: Run, helper: Helper = IN_PLACE) -> None:
        plots = run.folder.path / "plots"
        plots.mkdir()
        (plots / "loss.png").touch()

    monkeypatch.setattr(story, "begin_drawing", partial(partial, draw))
    monkeypatch.setattr(work, "draw", draw)


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        ("early_stopping.monitor=val_accuracy", [1, 3]),  # the two best
        ("trainer.plots=always", [0, 1, 2, 3]),
        ("trainer.plots=never", []),
    ],
)
def test_which_runs_have_figures(sweep: Sweep, words: str, jobs: list[int]) -> None:
    """Nor are there others later, when the sweep is resumed."""
    args = ("trainer.device=cpu", "data=wine", "trainer.epochs=3", LEARNING_RATES, words)
    for more in ((), ("resume=true",)):
        done, folder = sweep("sweep", *args, *more)
        assert (done.returncode, done.stderr) == (0, "")
        assert drawn(folder) == jobs
    values = {int(path.name): result_of(path)["best_value"] for path in jobs_in(folder)}
    best_first = sorted(values, key=lambda number: values[number], reverse="accuracy" in words)
    assert set(best_first[:2]) == {1, 3}


def test_a_sweep_in_batches_has_one_leaderboard(sweep: Sweep) -> None:
    _, whole = sweep("whole", *CIRCLE, "seed=range(5)")
    done, folder = sweep("sweep", *CIRCLE, "seed=range(5)", "hydra.sweeper.max_batch_size=3")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["3 runs in 1 stack", "2 runs in 1 stack"]
    assert [line.split(";")[0] for line in lines if "best first" in line] == ["5 runs, best first by val_log_loss"]
    assert scores_in(folder) == scores_in(whole)
    assert [result_of(path)["stacked"] for path in jobs_in(folder)] == [3, 3, 3, 2, 2]


def test_the_columns_of_a_table_are_printed_once(sweep: Sweep, tmp_path: Path) -> None:
    args = (
        *QUIET,
        "trainer.epochs=1",
        "data=table",
        "experiment=table_quick",
        f"data.path={write_table(tmp_path)}",
        "data.target=answer",
    )
    done, _ = sweep("sweep", *args, "seed=0,1,2", "preprocess.one_hot_max=5,64")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Columns") == 1
    done, _ = sweep("other", *args, "seed=0,1", "data.drop=[],[city]")
    assert done.stdout.count("Columns") == 2  # it is another table without a column


def test_an_error_of_the_sweep_itself_leaves_no_process_behind(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of the leaderboard")

    monkeypatch.setattr("mlp_exp.leaderboard.leaderboard.Leaderboard.add", broken)
    with pytest.raises(ZeroDivisionError, match="of the leaderboard"):
        command("run", "-m", *CIRCLE, "seed=0,1", "model.norm=null,layer", "trainer.epochs=1,300")
    assert multiprocessing.active_children() == []


def test_a_dry_run_of_which_every_job_fails_says_why_alone(command: Command) -> None:
    done = command("run", "--dry-run", "optimizer.lr=-1")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"1 job failed:\n{job(0, 'optimizer.lr=-1')}: "
        + mistakes("optimizer.lr: expected a number above 0, got -1")
        + "\n"
    )
