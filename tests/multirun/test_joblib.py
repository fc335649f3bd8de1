"""A sweep under the launcher of another project."""

from pathlib import Path

import pytest
from support.commands import Command, Result
from support.folders import files_in, history_of, leaderboard_of, result_of, shown_in
from support.project import QUICK_TABLE
from support.sweeps import QUIET, job, jobs_in, scores_in, state_of, trained, weight_bytes

pytestmark = pytest.mark.slow

SHORT = (*QUIET, "trainer.epochs=2", "model.hidden_sizes=[4]")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
"""Two workers from scratch; with one, joblib runs the jobs in the command's own."""


def ends(done: Result, folder: Path) -> list[tuple[str, str, str]]:
    """How the jobs of a sweep have ended, by the leaderboard; its page says the same, and both are printed last."""
    assert done.stdout.splitlines()[-3:-1] == [f"{folder}/leaderboard.csv", f"{folder}/report.html"]
    found = [(row["job"], row["status"], row["reason"]) for row in leaderboard_of(folder)]
    assert [(run["name"], run["status"], run["reason"]) for run in shown_in(folder / "report.html")["runs"]] == found
    return found


def test_a_job_that_failed_is_named_and_trains_when_the_sweep_is_resumed(command: Command, tmp_path: Path) -> None:
    """In the end all is as with the launcher of this project."""
    rows = "x,y\n" + "".join(f"{row * 7 % 40},{'ab'[row % 2]}\n" for row in range(40))
    (tmp_path / "now.csv").write_text(rows, encoding="utf-8")
    words, folder = (*SHORT, *QUICK_TABLE, "data.target=y", "baselines=none"), tmp_path / "s"
    sweep = ("-m", *JOBLIB, *words, "data.path=later.csv,now.csv", "hydra.sweep.dir=s")
    reason = f"data.path: there is no file 'later.csv' (seen from {tmp_path})."
    message = f"{job(0, *words, 'data.path=later.csv')}: {reason}\n"

    done = command("run", *sweep, fork=True)
    assert done.stdout.startswith("Joblib.Parallel(n_jobs=2,backend=loky,")
    assert (done.returncode, done.stderr) == (1, f"{message}1 job failed:\n{message}")  # by the worker, and at the end
    assert ends(done, folder) == [("1", "finished", ""), ("0", "failed", reason)]
    before = state_of(folder / "1")

    resumed = (*sweep, "resume=true", "hydra.launcher.n_jobs=1")
    again = command("run", *resumed)
    assert (again.returncode, again.stderr) == (1, message)
    assert ends(again, folder) == [("1", "finished", ""), ("0", "failed", reason)]

    (tmp_path / "later.csv").write_text(rows, encoding="utf-8")
    mended = command("run", *resumed)
    assert (mended.returncode, mended.stderr) == (0, "")
    assert sorted(ends(mended, folder)) == [("0", "finished", ""), ("1", "finished", "")]
    assert history_of(folder / "0") == history_of(folder / "1")
    assert weight_bytes(folder / "0") == weight_bytes(folder / "1")
    after = state_of(folder / "1")
    assert after.keys() == before.keys()
    of_hydra = [".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "run.log"]  # written before a job
    assert sorted(name for name in after if after[name] != before[name]) == of_hydra

    own = tmp_path / "own"
    assert command("run", "-m", *words, "data.path=later.csv,now.csv", "hydra.sweep.dir=own").returncode == 0
    assert [trained(path) for path in jobs_in(folder)] == [trained(path) for path in jobs_in(own)]
    assert files_in(folder) == files_in(own)
    assert scores_in(folder) == scores_in(own)
    assert [[result_of(path)["stacked"] for path in jobs_in(each)] for each in (folder, own)] == [[1, 1], [2, 2]]
