"""Sweeps of ten thousand runs, and a scheduler with a thousand workers: `python benchmarks/scale.py [--quick]`.

The runs are the default experiment with two epochs each, by the default launcher; files, leaderboard and page are all
there. The workers of the scheduler are simulated: what is measured is the coordinator's time, without any training.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from commands import leaderboard_of, mlp_exp
from harness import HERE, machine
from pages import table, write_section

from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.multirun.executors.coordinator import Coordinator, Listener
from mlp_exp.multirun.executors.events import Done, Ended, Progress
from mlp_exp.multirun.executors.executor import Executor, Report

WORKERS, TASKS = 1_000, 20_000
EPOCHS = 10
"""For which a simulated task sends progress."""


class Simulated(Executor):
    """Workers that end their tasks in any order, and train nothing."""

    def __init__(self, session: Session, report: Report) -> None:
        super().__init__(session, report)
        self._open: list[StackTask] = []
        self._random = random.Random(0)

    def submit(self, task: StackTask) -> None:
        self._open.append(task)

    def wait(self) -> None:
        place = self._random.randrange(len(self._open))
        task = self._open[place]
        self._open[place] = self._open[-1]
        self._open.pop()
        for epoch in range(1, EPOCHS + 1):
            self.report(task, Progress(len(task.specs), epoch, "val_loss", 1.0, task.specs[0].job_number))
        for spec in task.specs:
            self.report(task, Ended(spec.job_number, 1.0, None, EPOCHS))
        self.report(task, Done())

    def cancel(self, task: StackTask) -> None:
        """Nothing is saved."""

    def close(self) -> None:
        """Nothing is left."""


class Count(Listener):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.ended_runs = 0

    def progress(self, event: Progress) -> None:
        """Nothing is shown."""

    def undone(self, epochs: int) -> None:
        """Nothing is shown."""

    def ended(self, event: Ended) -> None:
        self.ended_runs += 1

    def gave_up(self, spec: RunSpec, reason: str) -> None:
        raise AssertionError(reason)


def scheduled(tasks: int, runs: int, workers: int = WORKERS) -> float:
    """Seconds that the coordinator takes for tasks of so many runs."""
    made = []
    for number in range(tasks):
        specs = tuple(RunSpec({}, f"/nowhere/{number * runs + place}", number * runs + place) for place in range(runs))
        made.append(StackTask(number, specs, (None,) * runs))
    count = Count()
    start = time.perf_counter()
    Coordinator(Session(), Simulated, count, workers).train(made)
    seconds = time.perf_counter() - start
    assert count.ended_runs == tasks * runs
    return seconds


def scheduler(counts: Sequence[int]) -> str:
    lines = []
    for tasks in counts:
        for runs in (1, 8):
            seconds = scheduled(tasks, runs)
            lines.append([f"{tasks:,}", str(runs), f"{WORKERS:,}", f"{seconds:.2f}", f"{seconds / tasks * 1e3:.3f}"])
    return table(["tasks", "runs of each", "workers", "s", "ms a task"], lines)


def sweeps(counts: Sequence[int]) -> str:
    lines = []
    for runs in counts:
        print(f"  {runs} runs", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            words = [f"seed=range({runs})", "trainer.epochs=2", "hydra.sweep.dir=sweep"]
            process = mlp_exp("-m", *words, "hydra.sweep.subdir=${by_thousand:}", folder=folder)
            assert len(leaderboard_of(folder / "sweep")) == runs
            page = (folder / "sweep/report.html").stat().st_size
            lines.append([
                f"{runs:,}", f"{process.seconds:.0f}", f"{process.seconds / runs * 1e3:.1f}",
                f"{process.processor / runs * 1e3:.1f}", f"{process.mib:.0f}", f"{page / 1e6:.1f}",
            ])  # fmt: skip
    head = ["runs", "s", "ms a run", "ms of processors a run", "MiB, all processes", "MB of the page"]
    return table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--quick", action="store_true", help="the scheduler alone; prints its table")
    asked = parser.parse_args()
    simulated = scheduler((2_000, TASKS))
    if asked.quick:
        print(simulated)
        return
    text = "\n\n".join([sweeps(asked.runs), "The scheduler alone:", simulated, machine()])
    write_section(HERE / "RESULTS.md", "scale", "benchmarks/scale.py", text)


if __name__ == "__main__":
    main()
