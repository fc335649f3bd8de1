"""A search through submitit's local executor, whose losers leave at rungs."""

from pathlib import Path

import pytest
from support.commands import Command
from support.search_runs import OPTUNA, RANGES, SMALL, jobs_of, statuses, trials_of

from mlp_exp.multirun.executors import slurm


@pytest.mark.slow
def test_it_is_that_of_one_core(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same trials, of which the same leave at the same rungs, with the same histories."""
    monkeypatch.setattr(slurm, "QUEUE_SECONDS_STOPPING", 0.1)
    words = ("-m", OPTUNA, *SMALL, *RANGES, "hydra.sweeper.n_trials=4", "hydra.sweeper.batch=4", "trainer.epochs=4")
    launchers = {
        "here": (),
        "there": ("hydra/launcher=slurm", "hydra.launcher.executor=local", "hydra.launcher.cpus_per_task=2"),
    }
    for name, launcher in launchers.items():
        done = command("run", *words, *launcher, f"hydra.sweep.dir={name}")
        assert (done.returncode, done.stderr) == (0, "")
    assert "pruned" in statuses(tmp_path / "here")
    assert jobs_of(tmp_path / "there") == jobs_of(tmp_path / "here")
    assert trials_of(tmp_path / "there") == trials_of(tmp_path / "here")
