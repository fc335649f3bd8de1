"""`mlp-exp new PATH` and `python -m mlp_exp`: a folder of one's own, whose commands run."""

import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import Command, refusal, said
from support.folders import result_of
from support.project import ROOT

from mlp_exp.cli.new import STARTER

COMMANDS = re.findall(r"^\$ mlp-(exp|predict|report|export) (.*)$", (STARTER / "README.md").read_text(), re.MULTILINE)
NAMES = {"exp": "run", "predict": "predict", "report": "report"}


def test_commands_are_named(command: Command) -> None:
    lines = said(command("__main__"))
    assert lines == said(command("__main__", "--help"))
    named = {line.split("  ")[1] for line in lines if line.startswith("  ")}
    assert named == {"mlp-exp", "mlp-predict", "mlp-report", "mlp-export", "mlp-exp new PATH"}
    for line in lines[2:]:
        module = line.rpartition("python -m ")[2].removesuffix(" new PATH").replace(".", "/")
        assert any((ROOT / f"{module}{end}").is_file() for end in (".py", "/__main__.py"))
    assert said(command("__main__", "-V")) == said(command("run", "-V"))
    assert refusal(command("__main__", "seed=1")) == (
        "seed=1: expected new PATH, --help or --version; python -m mlp_exp.run trains"
    )


@pytest.mark.slow
def test_the_folder_trains_as_its_readme_says(command: Command, tmp_path: Path) -> None:
    assert said(command("run", "new", "mine")) == [
        "mine: README.md, conf, my_package",
        "Go there and train: python -m mlp_exp.run --config-dir conf experiment=mine",
    ]
    folder = tmp_path / "mine"
    for words in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *words, "--isolated", "--no-cache", folder], check=True)
    rows = [[size, rooms, 3 * size + 10 * rooms] for size in range(20, 60) for rooms in (1, 2, 3)]
    with (folder / "prices.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["size", "rooms", "price"], *rows])
    assert [name for name, _ in COMMANDS] == ["exp", "exp", "exp", "report", "exp", "exp", "predict"]
    for name, line in COMMANDS:
        words = [re.sub(r"^trainer\.epochs=80$", "trainer.epochs=3", word) for word in shlex.split(line)]
        trains = name == "exp" and "--help" not in words and not words[0].startswith("resume")
        short = ["trainer.epochs=2", "trainer.plots=never", "early_stopping=none"] * trains
        done = command(NAMES[name], *words, *short, cwd=folder, fork=True)
        assert (done.returncode, done.stderr) == (0, ""), line
        assert "2 stacks" in done.stdout or "-m" not in words
    first = result_of(folder / "outputs/first")
    assert (first["epochs"], 0 <= first["metrics"]["test"]["near"] <= 1, "near" in first["larger_is_better"]) == (
        3,
        True,
        True,
    )
    assert len(list((folder / "outputs/sweep").glob("*/result.json"))) == 6
    assert len((folder / "predictions.csv").read_text(encoding="utf-8").splitlines()) == len(rows) + 1


def test_nothing_is_written_over(command: Command, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    advice = "expected a new folder or an empty one, and"
    assert refusal(command("run", "new", "full")) == f"new full: {advice} it has files; give another name"
    assert refusal(command("__main__", "new", "file")) == f"new file: {advice} it is a file; give another name"
    for words, got in (([], "none"), (["a", "b"], "a, b")):
        assert refusal(command("run", "new", *words)) == (
            f"new: expected the path of a new folder, as in python -m mlp_exp.run new my_experiments; got {got}"
        )
    (tmp_path / "empty").mkdir()
    assert said(command("__main__", "new", "empty"))[0] == "empty: README.md, conf, my_package"
    assert sorted(path.name for path in (tmp_path / "empty/my_package").iterdir()) == [
        "__init__.py",
        "data.py",
        "loss.py",
        "metric.py",
        "network.py",
    ]
    assert said(command("run", "--help", "new"))[0].startswith("python -m mlp_exp.run new PATH makes a folder")
