"""Runs of a sweep that fail, end their process or find no memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command, mistakes
from support.folders import files_in, history_of, result_of
from support.sweeps import (
    CIRCLE,
    NET,
    RATES,
    Sweep,
    assert_failures,
    assert_same_jobs,
    diverged,
    jobs_in,
    scores_in,
    trained,
    weight_bytes,
    with_traceback,
)

from mlp_exp.experiment import driver
from mlp_exp.multirun.executors import stacks
from mlp_exp.training import loop

pytestmark = pytest.mark.slow

# ---- failures


def test_bad_values_and_divergence(sweep: Sweep, command: Command, tmp_path: Path) -> None:
    done, folder = sweep("sweep", *CIRCLE, "optimizer.lr=1e-2,-1,1e30,0.1")
    assert done.stdout.splitlines()[0] == "3 runs in 1 stack"
    wrong = mistakes("optimizer.lr: expected a number above 0, got -1")
    assert_failures(done, folder, {1: ("failed", wrong), 2: ("diverged", diverged(1))})
    assert with_traceback(folder) == []
    assert [result_of(folder / number).get("stacked") for number in "0123"] == [3, None, 3, 3]
    assert not (folder / "1" / "history.csv").exists()
    assert not (folder / "2" / "model.pt").exists()
    for number, rate in ((0, "0.01"), (3, "0.1")):
        command("run", *CIRCLE, f"optimizer.lr={rate}", f"hydra.run.dir=alone{number}")
        assert trained(folder / str(number)) == trained(tmp_path / f"alone{number}")


def test_a_single_failure_is_said_once(sweep: Sweep) -> None:
    done, folder = sweep("sweep", *CIRCLE, "seed=0,-1")
    assert_failures(done, folder, {1: ("failed", mistakes("seed: expected a whole number, 0 or more, got -1"))})
    assert done.stderr.count("\n") == 2


@pytest.mark.usefixtures("own")
def test_a_users_network_may_do_anything(sweep: Sweep, command: Command, tmp_path: Path) -> None:
    args = (*CIRCLE, NET)
    done, folder = sweep("sweep", *args, "+model.does=raises,kills,well,exits,refuses")
    failures = {
        0: ("failed", "RuntimeError: boom"),
        1: ("failed", "its process was ended by signal 9, as when memory runs out"),
        3: ("failed", "its process ended with 3"),
        4: ("failed", "model: Net cannot take rows of 2 features: boom"),
    }
    assert_failures(done, folder, failures)
    assert with_traceback(folder) == [0]
    command("run", *args, "+model.does=well", "hydra.run.dir=alone")
    assert trained(folder / "2") == trained(tmp_path / "alone")
    # the one that could still speak has kept its first epoch
    assert (result_of(folder / "0")["epochs"], result_of(folder / "0")["best_epoch"]) == (1, 1)
    assert history_of(folder / "0") == history_of(folder / "2")[:2]
    assert files_in(folder / "0") | {"checkpoint.pt"} == files_in(folder / "2")


@pytest.mark.usefixtures("own")
def test_a_users_scheduler_fails_for_one_member(sweep: Sweep) -> None:
    args = (*CIRCLE, RATES, "seed=0,1")
    done, folder = sweep("sweep", *args, "+scheduler.does=raises", "+scheduler.epoch=2,9")
    assert_failures(done, folder, {0: ("failed", "RuntimeError: boom"), 2: ("failed", "RuntimeError: boom")})
    assert with_traceback(folder) == [0, 2]
    _, good = sweep("good", *args, "+scheduler.does=well")
    for number in range(4):
        whole, kept = trained(good / str(number // 2)), trained(folder / str(number))
        assert result_of(folder / str(number))["stacked"] == 4
        assert kept[1] == (whole[1] if number % 2 else whole[1][:3])
    assert (result_of(folder / "0")["epochs"], (folder / "0" / "model.pt").exists()) == (2, True)


@pytest.mark.usefixtures("own")
def test_a_member_that_ends_its_process_does_not_take_the_others_with_it(sweep: Sweep) -> None:
    args = (*CIRCLE, RATES)
    done, folder = sweep("sweep", *args, "+scheduler.does=exits,kills", "+scheduler.epoch=2,9")
    exits, kills = "its process ended with 3", "its process was ended by signal 9, as when memory runs out"
    assert_failures(done, folder, {0: ("failed", exits), 2: ("failed", kills)})
    assert with_traceback(folder) == []
    lines = done.stdout.splitlines()
    assert lines[:2] == ["4 runs in 1 stack", f"{exits} with 4 runs in a stack; trying again with 2"]
    assert sorted(lines[2:4]) == [f"{how} with 2 runs in a stack; trying again with 1" for how in (exits, kills)]
    _, good = sweep("good", *args)
    expected = (weight_bytes(good / "0"), history_of(good / "0"))
    for number in "13":
        assert (weight_bytes(folder / number), history_of(folder / number)) == expected
        assert result_of(folder / number)["stacked"] == 1


# ---- memory


@pytest.mark.parametrize("after", [0, 1])
def test_a_stack_that_finds_no_memory_is_halved(sweep: Sweep, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """At once, or after an epoch with which four of the runs have ended."""
    args = (*CIRCLE[:-1], "seed=range(4)", "trainer.epochs=1,3")
    _, expected = sweep("expected", *args)
    train = loop.train

    def hungry(members: Sequence[Any], *rest: Any) -> Iterator[Any]:
        whole = train(members, *rest)
        if len(members) > 2:
            for _ in range(after):
                yield next(whole)
            raise MemoryError
        yield from whole

    monkeypatch.setattr(driver, "train", hungry)
    monkeypatch.setattr(stacks, "cores", lambda: 1)
    done, folder = sweep("hungry", *args)
    assert (done.returncode, done.stderr) == (0, "")
    halved = "memory ran out with {} runs in a stack; trying again with {}".format
    lines = [halved(4, 2)] if after else [halved(8, 4), halved(4, 2), halved(4, 2)]
    assert [line for line in done.stdout.splitlines() if "runs in" in line] == ["8 runs in 1 stack", *lines]
    stacked = [result_of(path)["stacked"] for path in jobs_in(folder)]
    assert stacked == [8, 2] * 4 if after else [2] * 8
    assert_same_jobs(folder, expected)
    assert scores_in(folder) == scores_in(expected)


def test_a_run_that_finds_no_memory_by_itself_fails(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    train = loop.train

    def hungry(members: Sequence[Any], *rest: Any) -> Iterator[Any]:
        if any(member.epochs == 2 for member in members):
            raise MemoryError
        yield from train(members, *rest)

    monkeypatch.setattr(driver, "train", hungry)
    done, folder = sweep("hungry", *CIRCLE[:-1], "trainer.epochs=1,2,3")
    assert_failures(done, folder, {1: ("failed", "MemoryError")})
