"""What follows the result of a run or a sweep: baselines and notes, in the console and in the folders."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import QUIET, SHORT
from support.commands import Command, clean_environment, said, table_of
from support.project import QUICK_TABLE
from support.tables import write_table

from mlp_exp.experiment import after
from mlp_exp.experiment.baselines.standard import Baselines

NAMES = ["majority class", "linear model", "gradient boosting"]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    return [*QUIET, *QUICK_TABLE, f"data.path={write_table(tmp_path)}", "data.target=answer"]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of training rows for which baselines were computed."""
    found: list[int] = []
    compute = Baselines.compute

    def counted(self: Baselines, dataset: Any, parts: Any, *args: Any) -> Any:
        found.append(len(parts.train))
        return compute(self, dataset, parts, *args)

    monkeypatch.setattr(Baselines, "compute", counted)
    return found


def baselines_in(folder: Path) -> list[Any]:
    return list(json.loads((folder / "baselines.json").read_text(encoding="utf-8")).values())


def test_a_run_is_printed_beside_its_baselines(command: Command, tmp_path: Path, words: list[str]) -> None:
    lines = said(command("run", *words, "hydra.run.dir=r"))
    rows = {row[0]: row[1:] for row in table_of(lines) if row[0] in ("this run", *NAMES)}
    assert list(rows) == ["this run", *NAMES]
    result = json.loads((tmp_path / "r" / "result.json").read_text(encoding="utf-8"))
    (split,) = baselines_in(tmp_path / "r")
    metrics = {"this run": result["metrics"]} | {name: of["metrics"] for name, of in split["baselines"].items()}
    for name, cells in rows.items():
        shown = [metrics[name][part][metric] for part in ("val", "test") for metric in ("accuracy", "log_loss")]
        assert cells == [f"{value:.4f}" for value in shown]
    assert "Note: the test part has 48 rows: its metrics are uncertain." in lines
    places = [
        next(i for i, line in enumerate(lines) if text in line) for text in ("finished after", "this run", "Note:")
    ]
    assert places == sorted(places)


def test_baselines_none_computes_none(command: Command, tmp_path: Path, words: list[str], computed: list[int]) -> None:
    for name, off in (("a", ["baselines=none", *words]), ("b", [*words, "baselines=none"])):
        lines = said(command("run", *off, f"hydra.run.dir={name}"))
        assert not [line for line in lines if "linear model" in line]
        assert "Note: the test part has 48 rows: its metrics are uncertain." in lines
    assert computed == []
    assert not list(tmp_path.rglob("baselines.json"))
    said(command("run", *SHORT, "trainer.plots=never", "hydra.run.dir=circle"))  # other data has none by itself
    assert computed == []


def test_a_run_without_its_baselines_gets_them_again(
    command: Command, tmp_path: Path, words: list[str], computed: list[int]
) -> None:
    said(command("run", *words, "scheduler=none", "hydra.run.dir=r"))
    said(command("run", "resume=r", "trainer.epochs=3"))
    assert computed == [168]  # those that are saved are of the same split
    (tmp_path / "r" / "baselines.json").write_text("{", encoding="utf-8")
    done = command("run", "resume=r", "trainer.epochs=4")
    assert done.returncode == 0
    assert "the baselines could not be computed" in done.stdout + done.stderr
    (tmp_path / "r" / "baselines.json").unlink()
    said(command("run", "resume=r", "trainer.epochs=5"))
    assert computed == [168, 168]
    said(command("run", "rerun=r", "hydra.run.dir=again"))
    assert computed == [168] * 3
    first, second = (baselines_in(tmp_path / name)[0]["baselines"] for name in ("r", "again"))
    assert [of["metrics"] for of in first.values()] == [of["metrics"] for of in second.values()]


def timeless(folder: Path) -> dict[str, Any]:
    """The file of baselines, without times."""
    content = json.loads((folder / "baselines.json").read_text(encoding="utf-8"))
    for split in content.values():
        for of in split["baselines"].values():
            del of["seconds"]
    return dict(content)


@pytest.mark.slow
@pytest.mark.parametrize("early", [False, True], ids=["finished", "stopped_early"])
def test_a_run_killed_between_its_result_and_its_baselines_gets_them_when_it_is_resumed(
    command: Command, tmp_path: Path, words: list[str], computed: list[int], early: bool
) -> None:
    stops = ["early_stopping=patience", "early_stopping.patience=1", "optimizer.lr=0.5", "trainer.epochs=40"]
    printed = said(command("run", *words, *stops * early, "hydra.run.dir=r"))
    run, before = tmp_path / "r", timeless(tmp_path / "r")
    files = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file() and path.name != "run.log"}
    status = json.loads(files.pop("result.json"))["status"]
    assert status == ("stopped_early" if early else "finished")
    (run / "baselines.json").unlink()
    line, read, *more = said(command("run", "resume=r"))
    assert read in printed  # what was read
    assert line.startswith(f"{status.replace('_', ' ')} after ")
    assert line.endswith(": nothing is left to train")
    assert more == printed[printed.index(more[0]) :]  # the comparison and the notes, as they were
    assert {"this run", *NAMES} <= {row[0] for row in table_of(more)}
    assert timeless(run) == before
    del files["baselines.json"]
    assert {name: (run / name).read_bytes() for name in files} == files
    assert computed == [168, 168]
    next(tmp_path.glob("*.csv")).unlink()
    assert said(command("run", "resume=r")) == [line]  # nothing is missing: the data is not read


def test_a_run_that_has_no_baselines_does_not_read_its_data_again(
    command: Command, tmp_path: Path, words: list[str], computed: list[int]
) -> None:
    said(command("run", *words, "baselines=none", "hydra.run.dir=r"))
    next(tmp_path.glob("*.csv")).unlink()
    assert said(command("run", "resume=r")) == ["finished after 2 epochs: nothing is left to train"]
    assert computed == []


def test_what_a_run_lacks_is_said_when_it_is_resumed(
    command: Command, tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(after, "begin_drawing", interrupted)
        done = command("run", *words, "trainer.plots=auto", "hydra.run.dir=r")
    folder = tmp_path / "r"
    assert (done.returncode, (folder / "baselines.json").exists()) == (130, False)
    lines = said(command("run", "resume=r"))
    figures = f"Its figures are missing. Draw them with: python -m mlp_exp.report {folder}"
    assert lines[-1] == figures
    assert {row[0] for row in table_of(lines)} >= {"this run", *NAMES}
    assert len(baselines_in(folder)) == 1
    (folder / "baselines.json").unlink()
    next(tmp_path.glob("*.csv")).unlink()
    done = command("run", "resume=r")
    assert done.returncode == 0
    line, problem, last = done.stdout.splitlines()
    assert line == "finished after 2 epochs: nothing is left to train"
    assert problem.startswith("the baselines could not be computed: data.path: ")
    assert last == figures


def rows_of(folder: Path) -> list[tuple[str, str]]:
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return [(row["job"], row.get("baseline") or "") for row in csv.DictReader(file)]


FOLDS = ("split=folds", "split.folds=3", "split.fold=0,1", "optimizer.lr=0.001,0.01", "preprocess.scaling=standard")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_a_sweep_computes_them_once_for_each_split(
    launcher: str, command: Command, tmp_path: Path, words: list[str], computed: list[int]
) -> None:
    words = [*words, *FOLDS, f"hydra/launcher={launcher}"]
    lines = said(command("run", "-m", *words, "hydra.sweep.dir=s"))
    assert computed == [144, 144]
    assert [path.parent.name for path in tmp_path.rglob("baselines.json")] == ["s"]
    assert len(baselines_in(tmp_path / "s")) == 2
    assert {row[0] for row in table_of(lines)} >= {*NAMES}
    assert not [line for line in lines if line.startswith("Note:")]
    rows = rows_of(tmp_path / "s")
    assert sorted(rows) == [*[("", name) for name in sorted(NAMES * 2)], *[(str(job), "") for job in range(4)]]

    said(command("run", "-m", *words, "hydra.sweep.dir=s", "resume=true"))
    assert computed == [144, 144]
    said(command("report", "s", "-o", "out"))
    assert computed == [144, 144]
    assert rows_of(tmp_path / "out") == rows


@pytest.mark.slow
def test_a_sweep_that_lacks_baselines_gets_them_when_it_is_resumed(
    command: Command, tmp_path: Path, words: list[str], computed: list[int]
) -> None:
    said(command("run", "-m", *words, *FOLDS, "hydra.sweep.dir=s"))
    before, rows = timeless(tmp_path / "s"), rows_of(tmp_path / "s")
    (tmp_path / "s" / "baselines.json").unlink()  # as if the sweep had been killed when all its runs were over
    said(command("run", "resume=s"))
    assert (computed, timeless(tmp_path / "s")) == ([144] * 4, before)
    assert sorted(rows_of(tmp_path / "s")) == sorted(rows)
    content = json.loads((tmp_path / "s" / "baselines.json").read_text(encoding="utf-8"))
    (tmp_path / "s" / "baselines.json").write_text(json.dumps(dict([*content.items()][1:])), encoding="utf-8")
    shutil.rmtree(tmp_path / "s" / "0")  # one trains again, and the baselines of the other split are missing too
    said(command("run", "resume=s"))
    assert (computed, timeless(tmp_path / "s")) == ([144] * 5, before)
    next(tmp_path.glob("*.csv")).unlink()
    said(command("run", "resume=s"))
    said(command("run", "resume=s/1"))  # those of a sweep's run are in the sweep's folder
    assert not (tmp_path / "s" / "1" / "baselines.json").exists()


@pytest.mark.slow
def test_a_search_that_was_killed_before_its_baselines_gets_them_when_it_is_resumed(
    command: Command, tmp_path: Path, words: list[str], computed: list[int]
) -> None:
    axes = [
        "optimizer.lr=interval(0.001,0.01)",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.repeat={split.fold: [0, 1]}",
    ]
    said(command("run", "-m", "hydra/sweeper=optuna", *words, "split=folds", *axes, "hydra.sweep.dir=s"))
    before = timeless(tmp_path / "s")
    assert len(before) == len(computed) == 2
    (tmp_path / "s" / "baselines.json").unlink()
    said(command("run", "resume=s"))
    assert timeless(tmp_path / "s") == before
    assert len(computed) == 4


CODE = """
import sys
from hydra.core.global_hydra import GlobalHydra
import mlp_exp.display.tables as tables
before = tables.print_scores
def noted(*args, **more):
    before(*args, **more)
    print("loaded:", *[name for name in sys.modules if name == "sklearn"], "<")
tables.print_scores = noted
from mlp_exp.run import main
words = sys.argv[1:]
for more in (["baselines=none", "hydra.run.dir=without"], ["hydra.run.dir=with"]):
    sys.argv[1:] = [*words, *more]
    main()
    print("at the end:", "sklearn" in sys.modules)
    GlobalHydra.instance().clear()
"""


@pytest.mark.slow
def test_scikit_learn_is_imported_after_the_result_is_printed(tmp_path: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("loaded:", "at the end:"))]
    assert said == ["loaded: <", "at the end: False", "loaded: <", "at the end: True"]
