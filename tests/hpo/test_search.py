"""A search through the command line: what it trains, prunes and leaves."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import Command
from support.folders import result_of
from support.project import CONF
from support.search_runs import RANGES, Search, jobs_of, rows_of, statuses, trials_of

from mlp_exp.cli.launchers import backend_of
from mlp_exp.config.search_settings import SearchSettings
from mlp_exp.hpo.study import Study
from mlp_exp.multirun.executors.backend import Backend
from mlp_exp.multirun.sweep import Sweep
from mlp_exp.processes.helper import FIGURES, FOREST, Helper

pytestmark = pytest.mark.slow
TWO_BATCHES = {"n_trials": 12, "batch": 6}


def test_losers_of_a_batch_leave_at_the_rungs(search: Search, command: Command, tmp_path: Path) -> None:
    done, folder = search("found", **TWO_BATCHES)
    assert (done.returncode, done.stderr) == (0, "")
    jobs = jobs_of(folder)
    assert list(jobs) == list(range(12))
    assert Counter((of[0], of[1]) for of in jobs.values()) == {
        ("pruned", 1): 8,
        ("pruned", 3): 2,
        ("finished", None): 2,
    }
    assert [len(of[-1]) - 1 for of in jobs.values()] == [of[1] or 9 for of in jobs.values()]
    for first in (0, 6):  # each batch: a third of those that reached a rung went on, the best
        at_rung = {n: min(float(row[3]) for row in jobs[n][-1][1:2]) for n in range(first, first + 6)}
        went_on = {n for n in at_rung if jobs[n][1] != 1}
        assert went_on == set(sorted(at_rung, key=lambda n: (at_rung[n], n))[:2])
    lines = [line for line in done.stdout.splitlines() if "trials" in line]
    trials = trials_of(folder)
    best = min((trial for trial in trials if trial.state == "complete"), key=lambda trial: trial.values or ())
    assert best.values
    assert (
        lines[-1] == f"12 of 12 trials, 10 pruned; best val_loss {best.values[0]:.5g}: trial {best.number} in {folder}"
    )
    saved = yaml.safe_load((folder / "optimization_results.yaml").read_text(encoding="utf-8"))
    assert saved == {
        "name": "optuna",
        "best_trial": best.number,
        "best_value": best.values[0],
        "best_params": best.params,
        "folder": str(best.number),
    }
    assert [trial.values and trial.values[0] for trial in trials] == [of[2] for of in jobs.values()]
    assert [trial.state for trial in trials] == [{"finished": "complete"}.get(of[0], of[0]) for of in jobs.values()]
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        board = list(csv.DictReader(file))
    assert [row["status"] for row in board] == ["finished"] * 2 + ["pruned"] * 10
    assert board[0]["job"] == str(best.number)

    # a pruned run is the beginning of the run alone, and goes on to its end
    (number,) = [n for n, of in jobs.items() if of[1] == 3][:1]
    typed = yaml.safe_load((folder / str(number) / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
    command("run", *typed, "hydra.run.dir=alone")
    assert rows_of(tmp_path / "alone")[: 1 + 3] == rows_of(folder / str(number))
    once_more = command("run", f"rerun={folder}/{number}", "hydra.run.dir=again")
    same = f"identical to {folder / str(number)} to the last bit: the 3 epochs before it was pruned"
    assert (once_more.returncode, same in once_more.stdout.splitlines()) == (0, True)
    refused = command("predict", folder / str(number), "table.csv", "-o", "out.csv")
    assert refused.stderr == (
        f"{folder / str(number)}: the run was pruned by its search and has no model. Train it to its end: "
        f"resume={folder / str(number)}\n"
    )
    again = command("run", f"resume={folder}/{number}")
    assert (again.returncode, result_of(folder / str(number))["status"]) == (0, "finished")
    assert rows_of(folder / str(number)) == rows_of(tmp_path / "alone")
    assert (folder / str(number) / "model.pt").read_bytes() == (tmp_path / "alone" / "model.pt").read_bytes()


class Killed(BaseException):
    """The end of the process."""


@contextmanager
def killed_at(patch: pytest.MonkeyPatch, owner: Any, name: str, call: int, *, after: bool) -> Iterator[None]:
    """Inside, the command ends at a call of a function, before or after what it does."""
    calls = iter(range(call))
    original = getattr(owner, name)

    def killing(*args: Any, **kwargs: Any) -> Any:
        last = next(calls) == call - 1
        if last and not after:
            raise Killed
        found = original(*args, **kwargs)
        if last:
            raise Killed
        return found

    with patch.context() as patched:
        patched.setattr(owner, name, killing)
        with pytest.raises(Killed):
            yield


def test_a_search_with_failures_that_is_killed_goes_on_with_the_same_trials(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the repeats fails, the others of its trial are pruned."""
    settings: dict[str, Any] = {"ranges": (*RANGES, "optimizer=sgd,adam"), **TWO_BATCHES}
    settings["repeat"] = "{optimizer.weight_decay:[0,1e12]}"  # with which SGD soon diverges
    _, whole = search("whole", **settings)
    trials = trials_of(whole)
    assert {trial.state for trial in trials} == {"complete", "pruned", "failed"}
    with killed_at(monkeypatch, Sweep, "prune", 5, after=True):
        search("found", **settings)
    _, folder = search("found", "resume=true", **settings)
    assert trials_of(folder) == trials


POINTS = [
    (Study, "ask", 2, True),
    (Study, "report", 3, False),
    (Study, "report", 4, True),
    (Sweep, "prune", 6, True),
    (Study, "tell", 2, False),
    (Sweep, "begin", 2, True),
]
"""In the second batch: asked, at a rung before and after it is written down, while pruning, before it is told."""


WHOLE: list[Path] = []


@pytest.fixture
def whole(search: Search) -> Path:
    """The folder of a search of two batches, made by the first test that asks for it."""
    if not WHOLE:
        done, folder = search("whole", "hydra.launcher.max_stack=3", **TWO_BATCHES)
        assert (done.returncode, done.stderr) == (0, "")
        WHOLE.append(folder)
    return WHOLE[0]


@pytest.mark.parametrize(
    ("owner", "name", "call", "after"), POINTS, ids=[f"{name} {call}" for _, name, call, _ in POINTS]
)
def test_a_killed_search_goes_on_with_the_same_trials(
    search: Search,
    monkeypatch: pytest.MonkeyPatch,
    whole: Path,
    owner: Any,
    name: str,
    call: int,
    after: bool,
) -> None:
    with killed_at(monkeypatch, owner, name, call, after=after):
        search("found", **TWO_BATCHES)
    done, folder = search("found", "resume=true", **TWO_BATCHES)
    assert (done.returncode, done.stderr) == (0, "")
    assert trials_of(folder) == trials_of(whole)
    assert jobs_of(folder) == jobs_of(whole)


def test_repeats_are_one_trial(search: Search) -> None:
    done, folder = search("found", "hydra.sweeper.repeat={seed: [3, 4]}", n_trials=4, batch=4)
    assert (done.returncode, done.stderr) == (0, "")
    jobs, trials = jobs_of(folder), trials_of(folder)
    assert len(jobs) == 8
    for trial in trials:
        first, second = jobs[2 * trial.number], jobs[2 * trial.number + 1]
        assert first[:2] == second[:2]
        assert list(trial.values or ()) == pytest.approx([(first[2] + second[2]) / 2], rel=1e-15)
    seeds = [result_of(folder / str(number))["seed"] for number in range(8)]
    assert seeds == [3, 4] * 4
    assert statuses(folder).count("finished") == 2
    found = yaml.safe_load((folder / "optimization_results.yaml").read_text(encoding="utf-8"))
    assert found["folder"] == [str(2 * found["best_trial"]), str(2 * found["best_trial"] + 1)]


def test_several_objectives_have_a_front(search: Search) -> None:
    done, folder = search(
        "found",
        "hydra/sweeper/sampler=nsgaii",
        "hydra/sweeper/pruner=none",
        "model.hidden_sizes=[4],[16],[64]",
        n_trials=6,
        objectives="[val_accuracy,parameters]",
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = yaml.safe_load((folder / "optimization_results.yaml").read_text(encoding="utf-8"))
    points = {trial.number: trial.values or () for trial in trials_of(folder)}
    front = {
        n for n, (a, p) in points.items() if not any(b >= a and q <= p and (b, q) != (a, p) for b, q in points.values())
    }
    assert {solution["trial"] for solution in found["solutions"]} == front
    for number, (accuracy, parameters) in points.items():
        result = result_of(folder / str(number))
        assert (accuracy, parameters) == (result["metrics"]["val"]["accuracy"], result["parameters"])
    assert {parameters for _, parameters in points.values()} <= {4 * 4 + 1, 16 * 4 + 1, 64 * 4 + 1}
    done, _ = search("other", n_trials=6, objectives="[val_accuracy,parameters]")
    assert (done.returncode, done.stderr) == (
        1,
        "The configuration has 1 mistake:\n  hydra/sweeper/pruner: with several objectives no trial is the worst while "
        "it trains; expected none, got halving. Say so: hydra/sweeper/pruner=none\n",
    )


def test_a_failed_run_is_a_failed_trial(search: Search) -> None:
    done, folder = search("found", n_trials=6, batch=6, ranges=("optimizer=sgd", "optimizer.lr=1e-2,1e-1,1e30"))
    assert done.returncode == 0
    failed = [trial for trial in trials_of(folder) if trial.state == "failed"]
    assert failed
    assert all(trial.params == {"optimizer.lr": 1e30} and trial.values is None for trial in failed)
    assert statuses(folder).count("diverged") == len(failed)
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["status"] == "finished"


DIVERGES = ("optimizer=sgd", "optimizer.lr=1e-2,1e29,1e30")


def test_the_exit_status_follows_from_all_trials(search: Search) -> None:
    """One is complete, and the second command trains one that fails."""
    settings: dict[str, Any] = {
        "ranges": DIVERGES,
        "batch": 1,
        "enqueue": "[{optimizer.lr: 1e-2},{optimizer.lr: 1e30}]",
    }
    search("found", n_trials=1, **settings)
    done, folder = search("found", "resume=true", n_trials=2, **settings)
    assert [trial.state for trial in trials_of(folder)] == ["complete", "failed"]
    assert done.returncode == 0


def test_a_search_without_a_complete_trial_says_why(search: Search) -> None:
    """In each trial one of the repeats diverges, whatever becomes of the other one."""
    settings: dict[str, Any] = {"ranges": (*RANGES[1:], "optimizer=sgd"), "repeat": "{optimizer.lr: [0.01,1e30]}"}
    done, folder = search("found", n_trials=3, **settings)
    again, _ = search("found", "resume=true", n_trials=3, **settings)
    assert "finished" in statuses(folder) or "pruned" in statuses(folder)
    for each in (done, again):  # the second command trains nothing
        assert each.returncode == 1
        head, *reasons = each.stderr.splitlines()[-2:]
        assert head == "No trial of the search is complete; 3 jobs failed:"
        assert [line.partition("(")[0] for line in reasons] == ["job 1 "]
        assert " and 2 more: The run diverged in epoch 1: " in reasons[0]


def test_a_wrong_sampler_leaves_no_folder(search: Search) -> None:
    wrong = ["hydra/sweeper/sampler=cmaes", "hydra.sweeper.sampler.use_separable_cma=true"]
    done, folder = search("found", *wrong, "hydra.sweeper.sampler.with_margin=true")
    assert (done.returncode, folder.exists()) == (1, False)


def test_it_begins_with_the_defaults_and_what_is_enqueued(search: Search) -> None:
    done, folder = search("found", "hydra.sweeper.enqueue=[{},{optimizer.lr: 0.05}]", n_trials=3)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, _ = trials_of(folder)
    assert first.params == {"optimizer.lr": 0.001, "model.dropout": 0.2}
    assert second.params["optimizer.lr"] == 0.05
    done, _ = search("other", "hydra.sweeper.enqueue=[{optimizer.lr: 5}]", n_trials=3)
    assert done.returncode == 1
    assert done.stderr == (
        "The configuration has 1 mistake:\n  hydra.sweeper.enqueue: optimizer.lr: expected a value of "
        "tag(log,interval(1e-3,1e-1)), got 5\n"
    )


def test_results_of_an_earlier_search_are_learned_from(search: Search, whole: Path, tmp_path: Path) -> None:
    done, folder = search("found", f"hydra.sweeper.warm_start=[{whole}]", n_trials=4)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{whole}: 12 of 12 runs fit this search" in done.stdout.splitlines()
    assert [trial.number for trial in trials_of(folder)] == [0, 1, 2, 3]
    done, _ = search("other", f"hydra.sweeper.warm_start=[{tmp_path}/nowhere]", n_trials=4)
    assert done.stderr == (
        "The configuration has 1 mistake:\n  hydra.sweeper.warm_start: expected folders of sweeps, got "
        f"{tmp_path}/nowhere, without a run\n"
    )


def test_time_is_up_after_the_batch_at_hand(search: Search) -> None:
    settings = {"n_trials": 6, "batch": 2}
    done, folder = search("found", timeout=1e-3, **settings)
    assert (done.returncode, len(trials_of(folder))) == (0, 2)
    done, _ = search("found", "resume=true", **settings)
    assert (done.returncode, len(trials_of(folder))) == (0, 6)


def test_another_search_is_not_continued(search: Search) -> None:
    settings = {"n_trials": 3, "batch": 3}
    _, folder = search("found", **settings)
    done, _ = search("found", "resume=true", **{**settings, "n_trials": 5})
    assert (done.returncode, len(trials_of(folder))) == (0, 5)
    done, _ = search("found", "resume=true", "hydra/sweeper/pruner=none", n_trials=5, batch=3, seed=7)
    assert done.returncode == 1
    was, now = "{'_target_': 'mlp_exp.hpo.pruning.Halving', 'eta': 3, 'first': 0.1111111111111111}", "NoPruner"
    assert done.stderr.splitlines() == [
        f"{folder}/study.yaml: resume=true goes on with the same search; only n_trials may grow.",
        f"  pruner: was {was}, now {{'_target_': 'mlp_exp.hpo.pruning.{now}'}}",
        "  seed: was 0, now 7",
    ]
    done, _ = search("found", "resume=true", **settings)
    assert done.stderr == (
        f"{folder}/study.yaml: the search has 5 trials; expected hydra.sweeper.n_trials=5 or more, got 3\n"
    )


@pytest.mark.parametrize("option", ["hyperband", "median"])
def test_other_pruners(search: Search, option: str) -> None:
    done, folder = search("found", f"hydra/sweeper/pruner={option}", n_trials=8, batch=8)
    assert (done.returncode, done.stderr) == (0, "")
    trained = Counter(len(of[-1]) - 1 for of in jobs_of(folder).values())
    assert trained == {"hyperband": {1: 3, 3: 2, 9: 3}, "median": {1: 4, 2: 2, 3: 1, 9: 1}}[option]
    assert statuses(folder).count("finished") == trained[9]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_trials": 0}, "hydra.sweeper.n_trials: expected a whole number, 1 or more, got 0"),
        ({"batch": "many"}, "hydra.sweeper.batch: expected a whole number, 1 or more, or auto, got 'many'"),
        ({"timeout": 0}, "hydra.sweeper.timeout: expected seconds, above 0, or null for no limit, got 0"),
        ({"seed": -1}, "hydra.sweeper.seed: expected a whole number, 0 or more, got -1"),
        (
            {"objectives": "[val_f2,parameters]"},
            "hydra.sweeper.objectives: there is no 'val_f2'. Did you mean 'val_f1'?",
        ),
    ],
)
def test_settings_that_are_wrong(search: Search, settings: dict[str, object], message: str) -> None:
    done, folder = search("found", **settings)
    assert (done.returncode, done.stderr) == (1, f"The configuration has 1 mistake:\n  {message}\n")
    assert not (folder / "study.journal").exists()


def test_a_search_of_which_every_trial_fails_has_failed(search: Search) -> None:
    done, folder = search(
        "found", "optimizer=sgd", "hydra.job.chdir=true", ranges=("optimizer.lr=1e29,1e30",), n_trials=2
    )
    assert (done.returncode, statuses(folder)) == (1, ["diverged", "diverged"])
    assert "2 of 2 trials, 2 failed" in done.stdout.splitlines()


@pytest.mark.parametrize("words", [("search=small",), ("hydra/sweeper=optuna",)])
def test_a_search_without_m_is_refused(command: Command, words: tuple[str, ...]) -> None:
    done = command("run", *words)
    assert (done.returncode, done.stderr) == (
        1,
        f"The configuration has 1 mistake:\n  {words[0]}: is for -m, without which one run trains; add -m\n",
    )


def test_a_refused_command_changes_nothing(search: Search, tmp_path: Path) -> None:
    settings: dict[str, object] = {"n_trials": 2, "batch": 2}
    _, folder = search("found", **settings)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for changed in ({"seed": 3}, {"n_trials": 1}):
        done, _ = search("found", "resume=true", **{**settings, **changed})
        assert done.returncode == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    done, _ = search("other", "hydra.sweeper.sampler.n_startup_trials=[]", **settings)
    assert done.returncode == 1
    done, _ = search("other", **settings)
    assert (done.returncode, done.stderr) == (0, "")


def test_losses_that_differ_are_not_compared(search: Search) -> None:
    done, _ = search("found", "loss=binary_cross_entropy,focal", n_trials=4)
    assert done.stderr == (
        "The configuration has 1 mistake:\n  loss: values of val_loss cannot be compared where the loss differs; watch "
        "a metric: early_stopping.monitor=val_metric\n"
    )


@pytest.mark.parametrize(("n_trials", "size"), [(1, 8), (32, 8), (33, 9), (64, 16), (256, 64), (10_000, 64)])
def test_a_batch_is_a_quarter_of_the_trials(n_trials: int, size: int) -> None:
    node = yaml.safe_load((CONF / "hydra" / "sweeper" / "optuna.yaml").read_text(encoding="utf-8"))
    own = {key: value for key, value in node.items() if not key.startswith("_") and key != "defaults"}
    settings = SearchSettings.read({**own, "sampler": {}, "pruner": {}, "n_trials": n_trials})
    assert settings.batch_size == size


def test_trials_are_the_same_in_one_process(search: Search, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_exp.multirun.executors.local.can_fork", lambda: False)
    _, alone = search("alone", **TWO_BATCHES)
    assert trials_of(alone) == trials_of(whole)
    assert jobs_of(alone) == jobs_of(whole)


def test_what_draws_is_imported_while_torch_is(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def connect(launcher: Mapping[str, Any]) -> Backend:  # imports torch
        steps.append("torch")
        return backend_of(launcher)

    monkeypatch.setattr(Helper, "prepare", lambda helper, *modules: steps.extend(modules))
    monkeypatch.setattr("mlp_exp.cli.search.backend_of", connect)
    done, _ = search("found", "--dry-run", "trainer.plots=auto", n_trials=2)
    assert (done.returncode, steps) == (0, [FIGURES, FOREST, "torch"])


def test_other_launchers_are_refused(search: Search) -> None:
    done, _ = search("found", "hydra/launcher=basic")
    assert done.stderr == (
        "The configuration has 1 mistake:\n  hydra/launcher: expected stacked, ray or slurm for a search, got "
        "hydra._internal.core_plugins.basic_launcher.BasicLauncher\n"
    )
