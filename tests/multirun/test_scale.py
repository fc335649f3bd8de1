"""Sweeps of tens of thousands of runs: what is kept, and how often, for each run."""

import gc
import random
from collections import Counter
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support.commands import Command
from support.folders import shown_in
from support.runs import classes, write_run

from mlp_exp.cli import composing
from mlp_exp.cli.yaml_text import MOST_TEXTS, YamlParts
from mlp_exp.compare import bounded
from mlp_exp.config import shared as shared_parts
from mlp_exp.config.shared import shared
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.multirun.executors.coordinator import Coordinator, Listener
from mlp_exp.multirun.executors.events import Done, Ended, Progress
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.storage.sweep_folder import place_of, sweep_of, thousand

TASKS, WORKERS = 500, 100


class Fake(Executor):
    """Ends its tasks in any order; the first time each fourth one is lost with its worker."""

    def __init__(self, session: Session, report: Report) -> None:
        super().__init__(session, report)
        self.open: list[StackTask] = []
        self.most = 0
        self._random = random.Random(0)

    def submit(self, task: StackTask) -> None:
        self.open.append(task)
        self.most = max(self.most, len(self.open))

    def wait(self) -> None:
        task = self.open.pop(self._random.randrange(len(self.open)))
        if task.number < TASKS and task.number % 4 == 0:
            self.report(task, Done("its node went", "worker"))
            return
        for spec in task.specs:
            self.report(task, Ended(spec.job_number, 1.0, None))
        self.report(task, Done())

    def cancel(self, task: StackTask) -> None:
        """Nothing is saved."""

    def close(self) -> None:
        """Nothing is left."""


class Listens(Listener):
    def __init__(self) -> None:
        self.runs: Counter[int] = Counter()

    def progress(self, event: Progress) -> None:
        """Not looked at."""

    def undone(self, epochs: int) -> None:
        """Not looked at."""

    def ended(self, event: Ended) -> None:
        self.runs[event.run] += 1

    def gave_up(self, spec: RunSpec, reason: str) -> None:
        raise AssertionError(reason)


def test_a_hundred_workers_are_kept_busy_and_each_run_ends_once(tmp_path: Path) -> None:
    made: list[Fake] = []

    def executor(session: Session, report: Report) -> Executor:
        made.append(Fake(session, report))
        return made[0]

    specs = [RunSpec({}, str(tmp_path / str(number)), number) for number in range(TASKS)]
    tasks = [StackTask(number, (spec,), (None,)) for number, spec in enumerate(specs)]
    notes = Listens()
    Coordinator(Session(), executor, notes, WORKERS).train(tasks)
    assert notes.runs == dict.fromkeys(range(TASKS), 1)
    assert (made[0].most, made[0].open) == (WORKERS, [])


def test_equal_parts_are_kept_once() -> None:
    one, other = ({"model": {"sizes": [64, 32]}, "seed": seed, "name": "".join(["a", "b"])} for seed in (1, 2))
    first, second = shared(one), shared(other)
    assert (first, second) == (one, other)
    assert first["model"] is second["model"]
    assert first["name"] is second["name"]
    assert shared({"rate": {"a": 1}})["rate"] is not shared({"rate": {"a": 1.0}})["rate"]
    assert type(shared({"rate": {"a": True}})["rate"]["a"]) is bool


def test_parts_that_all_differ_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_parts, "MOST_PARTS", 10)
    for number in range(100):
        assert shared({"a": {"b": number}}) == {"a": {"b": number}}
    assert len(shared_parts._parts) <= 10


def test_texts_of_hydras_files_do_not_pile_up() -> None:
    parts = YamlParts()
    for seed in range(MOST_TEXTS + 5):
        assert parts.join({"seed": seed, "epochs": 2}) == f"seed: {seed}\nepochs: 2\n"
    assert len(parts._texts) <= MOST_TEXTS


def test_few_checked_configurations_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "MOST_CHECKED", 3)
    collected = []
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    loader = composing.QuickLoader.__new__(composing.QuickLoader)
    loader._checked, loader._composed_jobs = {}, 0
    node = OmegaConf.create({})
    monkeypatch.setattr(composing.QuickLoader, "compose_job", lambda self, master, words: (OmegaConf.create({}), node))
    for number in range(9):
        loader.load_sweep_config(node, [f"seed={number}"])
    assert list(loader._checked) == [("seed=0",), ("seed=1",), ("seed=2",)]
    assert len(collected) == 3


def test_names_of_sub_folders() -> None:
    assert [thousand(number) for number in (0, 999, 1000, 12_345)] == ["0-999", "0-999", "1000-1999", "12000-12999"]
    assert sweep_of(Path("/a/s/1000-1999/1234")) == Path("/a/s")
    assert sweep_of(Path("/a/s/1000-1999/7")) == Path("/a/s/1000-1999")  # of a user's own choice
    assert sweep_of(Path("/a/0/7")) == Path("/a/0")


def test_where_a_run_of_a_search_is(tmp_path: Path) -> None:
    (tmp_path / "0-999/12").mkdir(parents=True)
    assert (place_of(tmp_path, 12), place_of(tmp_path, 13)) == ("0-999/12", "13")


def test_the_page_of_many_runs_has_the_best_and_counts_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlp_exp.compare import gather as gathering

    for module in (bounded, gathering):
        monkeypatch.setattr(module, "MOST_SHOWN", 5)
    for job in range(12):
        loss = 0.1 * (1 + job % 6)
        result = (
            classes(loss, epochs=3, seconds=1.0) if job < 11 else {"status": "failed", "reason": "no", "metrics": {}}
        )
        write_run(tmp_path / str(job), result, [f"optimizer.lr={1 + job % 3}", f"seed={job}"], job)
    entries = Leaderboard.read(tmp_path, configs=True).entries
    found = gathering.gather([tmp_path], entries)
    assert found["in_all"] == {"runs": 12, "statuses": {"finished": 11, "failed": 1}, "epochs": 33}
    assert [run["name"] for run in found["runs"]] == ["0", "6", "1", "7", "2"]
    assert [[found["runs"][place]["name"] for place in of] for of in found["groups"]] == [["0", "6"], ["1", "7"], ["2"]]
    first = found["cut"][0]
    assert first["runs"] == 4
    assert first["measured"]["val_log_loss"][0] == pytest.approx((0.1 + 0.4 + 0.1 + 0.4) / 4)
    assert first["texts"]["seed"] == "4 values"
    assert found["cut"][2]["texts"]["status"] == "finished, failed"
    assert [run["name"] for run in found["sample"]] == [entries[place].folder.name for place in (0, 3, 6, 9)]
    assert len(found["keys"]["seed"]["numbers"]) <= 10


@pytest.mark.slow
def test_runs_in_sub_folders_are_resumed_reported_and_predicted_with(command: Command, tmp_path: Path) -> None:
    words = ["seed=range(3)", "trainer.epochs=2", "trainer.plots=never"]
    done = command("run", "-m", *words, "hydra.sweep.dir=s", "hydra.sweep.subdir=${by_thousand:}")
    assert done.returncode == 0, done.stderr
    sweep = tmp_path / "s"
    assert sorted(path.name for path in (sweep / "0-999").iterdir()) == ["0", "1", "2"]
    assert sorted(run["name"] for run in shown_in(sweep / "report.html")["runs"]) == ["0", "1", "2"]
    (sweep / "0-999/1/result.json").unlink()
    (sweep / "0-999/1/checkpoint.pt").unlink(missing_ok=True)
    assert command("run", "resume=s").returncode == 0
    assert (sweep / "0-999/1/result.json").exists()
    assert command("report", "s").returncode == 0
    assert command("run", "resume=s/0-999/2", "trainer.epochs=3").returncode == 0
