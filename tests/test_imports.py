"""What a command loads, which decides over how long it takes to answer."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.commands import clean_environment

HEAVY = (
    "optuna",
    "submitit",
    "ray",
    "sklearn",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "pyplot",
    "torch._dynamo",
    "torch._inductor",
)
COMMANDS = """
import json, os, runpy, sys
import {first}
from hydra.core.global_hydra import GlobalHydra

for module, words in json.load(sys.stdin):
    sys.stdout.flush()
    forks = {forks}
    if forks and os.fork():
        os.wait()
        continue
    sys.argv[1:] = words
    GlobalHydra.instance().clear()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit:
        pass
    print("loaded:", *[name for name in {names} if name in sys.modules], flush=True)
    if forks:
        os._exit(0)
"""
"""Commands one after another in one process, or as forks of it, which spares what all of them import: `first`, which
counts as theirs.
"""


def loaded(
    commands: Sequence[tuple[str, Sequence[str]]], names: tuple[str, ...], folder: Path, first: str, *, forks: bool
) -> list[list[str]]:
    """Which of these modules each command has loaded when it ends; without `forks` those before it, too."""
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS.format(first=first, names=names, forks=forks)],
        input=json.dumps([(f"mlp_exp.{name}", words) for name, words in commands]),
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(),
    )
    found = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("loaded:")]
    assert len(found) == len(commands), done.stderr
    return found


RUN = ["trainer.epochs=1", "trainer.device=cpu"]
PERIODIC = ["model.number_embedding=periodic"]
APPLICATION = "mlp_exp.cli.application"


@pytest.mark.slow
def test_a_run_loads_nothing_heavy_but_torch(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x1,x2\n0.5,0.5\n", encoding="utf-8")
    towns = [f"{number},{town},{number % 2}\n" for number in range(20) for town in ("Dover", "Carlisle")]
    (tmp_path / "towns.csv").write_text("x,town,y\n" + "".join(towns), encoding="utf-8")
    table = ["data=table", "data.path=towns.csv", "data.target=y", "preprocess.one_hot_max=1", "hydra.run.dir=towns"]
    commands = [
        ("run", [*RUN, "hydra.run.dir=drawn"]),
        (
            "run",
            ["-m", *RUN, *PERIODIC, "trainer.plots=never", "baselines=none", "seed=range(8)", "hydra.sweep.dir=sweep"],
        ),
        ("predict", ["drawn", "rows.csv", "-o", "out.csv"]),
        ("run", [*RUN, *table, "trainer.plots=never", "baselines=none"]),
        ("predict", ["towns", "towns.csv", "-o", "of_towns.csv"]),
    ]
    *trained, read, _, read_with_embedding = loaded(commands, HEAVY, tmp_path, f"{APPLICATION}, torch", forks=True)
    assert trained == [[], []]  # a helper has them, for figures and the page
    assert (tmp_path / "drawn" / "plots" / "loss.png").is_file()
    assert (tmp_path / "sweep" / "report.html").is_file()
    assert (tmp_path / "out.csv").is_file()
    assert set(read) - {"pandas"} == {"pyarrow"}  # which imports pandas where that is installed
    assert set(read_with_embedding) - {"pandas"} == {"pyarrow"}


@pytest.mark.slow
def test_a_mistake_is_told_without_torch(tmp_path: Path) -> None:
    mistakes = ["optimizer.lr=-1", "optimizer=adm", "model.hidden_size=[3]", "scheduler.gama=3", "lr=3"]
    commands = [
        ("run", [*RUN, f"hydra.run.dir={number}", "init=kaiming_normal", mistake])
        for number, mistake in enumerate([*mistakes, "init.weight.gaim=1"])
    ]
    assert loaded(commands, ("torch", *HEAVY), tmp_path, APPLICATION, forks=False) == [[]] * 6
    assert not list(tmp_path.rglob("model.pt"))


@pytest.mark.slow
def test_a_mistake_in_a_columns_name_is_told_without_torch(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,y\n1,a\n2,b\n", encoding="utf-8")
    mistakes = ["data.path=rows.csw", "data.target=z", "data.drop=[z]", "split=group split.column=z"]
    table = ["data=table", "data.path=rows.csv", "data.target=y"]
    commands = [
        ("run", [*RUN, f"hydra.run.dir={number}", *table, *mistake.split()]) for number, mistake in enumerate(mistakes)
    ]
    heavy = ("torch", "sklearn", "pandas", "matplotlib")
    assert loaded(commands, heavy, tmp_path, APPLICATION, forks=False) == [[]] * 4
    assert all((tmp_path / str(number) / "result.json").is_file() for number in range(4))  # says so
