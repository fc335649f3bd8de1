"""The benchmarks are run by hand; here it shows when they no longer fit the project."""

import ast
import csv
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.commands import Command
from support.folders import result_of

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
FILES = sorted(BENCHMARKS.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(BENCHMARKS)) for path in FILES])
def test_what_a_benchmark_imports_of_the_project_is_there(path: Path) -> None:
    own = {file.stem for file in FILES} | {file.parent.name for file in FILES}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        package = node.module.split(".")[0]
        if package == "mlp_exp":
            module = importlib.import_module(node.module)
            submodules = {each.name for each in pkgutil.iter_modules(getattr(module, "__path__", []))}
            assert [n.name for n in node.names if not hasattr(module, n.name) and n.name not in submodules] == []
        elif package in own:
            names = names_in(BENCHMARKS / (node.module.replace(".", "/") + ".py"))
            assert [each.name for each in node.names if each.name not in names] == []


def names_in(file: Path) -> set[str]:
    """What a module defines."""
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_the_functions_of_a_profile_are_there() -> None:
    text = (BENCHMARKS / "time_spent.py").read_text(encoding="utf-8")
    found = re.findall(r'"(?:(\w+) )?\((mlp_exp/[\w/]+\.py)"', text)
    assert len(found) >= 10
    for name, file in found:
        tree = ast.parse((BENCHMARKS.parent / file).read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not name or name in functions, (name, file)


@pytest.fixture
def benchmark_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets the benchmarks' modules be imported, and forgets them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.usefixtures("benchmark_modules")
def test_the_overrides_of_a_work_make_a_run_of_it(command: Command, tmp_path: Path) -> None:
    work = importlib.import_module("work")
    small = work.Work(rows=70, features=3, hidden=(8, 4), batch=32, epochs=2, lr=0.01)
    result = command("run", *work.words_for(small, tmp_path), "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    config = yaml.safe_load((tmp_path / "run/.hydra/config.yaml").read_text(encoding="utf-8"))
    assert (config["model"]["hidden_sizes"], config["model"]["dropout"]) == ([8, 4], 0)
    assert (config["optimizer"]["lr"], config["trainer"]["batch_size"]) == (0.01, 32)
    with (tmp_path / "run/history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["lr"]) for row in rows] == [("1", "0.01"), ("2", "0.01")]
    found = result_of(tmp_path / "run")
    assert list(found["metrics"]) == ["train", "test"]
    made = work.make_rows(70, 3)
    assert np.load(tmp_path / "train.npy").tolist() == list(range(len(made.train_y)))
    assert np.load(tmp_path / "test.npy").tolist() == list(range(70, 70 + len(made.test_y)))
    assert small.parameters == 3 * 8 + 8 + 8 * 4 + 4 + 4 + 1
    assert small.steps == 6


@pytest.mark.usefixtures("benchmark_modules")
def test_members_of_a_benchmark_train() -> None:
    work, members = importlib.import_module("work"), importlib.import_module("members")
    microseconds, epochs = members.timed_step(2, work.Work(rows=64, features=3, hidden=(8, 4), batch=32, epochs=0))
    assert microseconds > 0
    assert [record.epoch for record in next(epochs)] == [members.TIMED + 2] * 2


@pytest.mark.usefixtures("benchmark_modules")
def test_the_quality_table_says_who_is_ahead(tmp_path: Path) -> None:
    kept, made = importlib.import_module("quality_results"), importlib.import_module("quality_table")
    results = kept.Results(tmp_path / "results.jsonl")

    def add(case: str, column: str, metric: str, values: list[float], seconds: float) -> None:
        for run, value in enumerate(values):
            with_what = {"mlp_exp" if column == "single" else "pytabkit": "1"}
            results.add(kept.Result(case, column, run, metric, value, seconds, 300, 7, with_what))

    add("iris", "single", "accuracy", [1, 0], 1)
    add("iris", "RealMLP-TD", "accuracy", [0, 1], 8)
    add("iris", "TabM", "accuracy", [0.4], 9)
    add("yacht", "single", "rmse", [0.5, 0.7], 2)
    add("yacht", "RealMLP-TD", "rmse", [0.5, 0.6], 8)
    add("yacht", "single", "rmse", [0.5, 0.6001], 2)  # measured anew
    add("adult", "single", "accuracy", [0.8575, 0.8575], 3)
    results.tidy()
    assert [result.run for result in results.of("yacht", "single")] == [0, 1]
    text = made.page(
        kept.Results(results.path), ["iris", "yacht", "adult", "other"], ["single"], ["RealMLP-TD", "TabM"]
    )
    assert text.split("\n") == [
        "|  | single | RealMLP-TD | TabM |",
        "| --- | ---: | ---: | ---: |",
        "| iris, 300 rows, accuracy | **0.5000 ± 0.7071**, 1.0 s | **0.5000 ± 0.7071**, 8.0 s | 0.4000, 9.0 s |",
        "| yacht, 300 rows, rmse | 0.5500 ± 0.0708, 2.0 s | **0.5500 ± 0.0707**, 8.0 s |  |",
        "| adult, 300 rows, accuracy | **0.8575 ± 0.0000**, 3.0 s |  | **0.8575**, published |",
        "",
        "On how many of the tables that both have each is ahead or equal by the mean; and its seconds, divided by "
        "RealMLP-TD's, the median over the tables:",
        "",
        "|  | ahead of or equal to RealMLP-TD | ahead of or equal to TabM | seconds, of RealMLP-TD's |",
        "| --- | ---: | ---: | ---: |",
        "| single | 1 of 2 | 2 of 2 | 0.188 |",
        "",
        "Made with mlp_exp 1, pytabkit 1.",
    ]


@pytest.mark.usefixtures("benchmark_modules")
def test_the_search_table_compares_at_equal_processor_time(tmp_path: Path) -> None:
    made = importlib.import_module("search_table")
    kept = made.Searches(tmp_path / "search.jsonl")
    assert kept.budget("circle") is None

    def add(column: str, seed: int, points: list[tuple[float, int, float]], seconds: float) -> None:
        kept.add(made.Found("circle", column, seed, points, seconds, 2 * seconds, {"torch": "2"}))

    add(made.US, 0, [(4, 8, 0.5), (8, 16, 0.3)], 10)
    add(made.US, 1, [(4, 8, 0.4), (9, 16, 0.2)], 11)
    add(made.US, 2, [(4, 8, 0.9), (9, 16, 0.1)], 12)
    add(made.RANDOM, 0, [(5, 1, 0.6), (11, 2, 0.4), (12, 3, 0.2)], 16)
    add(made.RANDOM, 1, [(5, 1, 0.2), (11.5, 2, 0.1)], 16)
    add("slow", 0, [(5, 1, 0.6)], 16)
    kept = made.Searches(kept.path)
    assert kept.budget("circle") == 11
    assert made.page(kept, ["circle", "digits"], [made.US, made.RANDOM, "slow", "none"]).splitlines() == [
        "**circle**, 11.0 s",
        "",
        "|  | searches | trials | median | worst | mean ± standard deviation | s until our median |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {made.US} | 3 | 16 | 0.2000 | 0.3000 | 0.2000 ± 0.1000 | 9 |",
        f"| {made.RANDOM} | 2 | 2 | 0.3000 | 0.4000 | 0.3000 ± 0.1414 | 8 |",
        "| slow | 1 | 1 | 0.6000 | 0.6000 | 0.6000 | above 16 |",
        "",
        "Made with torch 2.",
    ]


@pytest.mark.usefixtures("benchmark_modules")
def test_contenders_get_the_space_and_the_defaults_of_a_search() -> None:
    tasks, space = importlib.import_module("search_tasks"), importlib.import_module("contenders.search_space")
    found = tasks.TASKS["circle"].space()
    ranges = {each.key: tasks.range_of(each) for each in found.dimensions}
    assert ranges["optimizer"] == {"choices": ["adam", "adamw"]}
    assert (ranges["optimizer.lr"]["low"], ranges["optimizer.lr"]["log"]) == (1e-4, True)
    fixed = {"optimizer": "adam", "optimizer.weight_decay": 0.0, "model.hidden_sizes": [64, 32]}
    search = space.Search({}, ranges, {}, fixed, 1, 2, 0)
    assert search.config({"optimizer": "adamw"}) == fixed | {"optimizer": "adamw", "optimizer.weight_decay": None}
    assert search.config({"model.hidden_sizes": "[8]"}) == fixed | {"model.hidden_sizes": [8]}
