"""The README is true: each of its commands is run, most in a fork of this process, and its Python too."""

import csv
import json
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.commands import Fork, Result, ended, start_command
from support.shortened import shortened

from mlp_exp.api import calling

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    python -m mlp_exp\.(run|report|predict|export)(.*?)(?:#.*)?$", README, re.MULTILINE)
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SNIPPETS = [block for block in BLOCKS if "from mlp_exp import" in block]
MY_PACKAGE = "".join(block for block in BLOCKS if block not in SNIPPETS)

MY_NET = """
from torch import nn

class MyNet(nn.Sequential):
    def __init__(self, in_features, out_features):
        super().__init__(nn.Linear(in_features, out_features))
"""
SHORT = ("trainer.epochs=2", "trainer.plots=never")
TRIALS, LR_RANGE = "hydra.sweeper.n_trials=", "hydra/sweeper=lr_range"
"""The suite has to be fast; the presets are trained in full, and the figures drawn, elsewhere."""
ANEW = ["run ", "run --help"]
"""Commands that get a process from scratch."""
ROWS = 120


def people() -> str:
    """A table with numbers, a category, dates, a group, and two classes to predict."""
    draw = random.Random(0)
    lines = ["age,rooms,town,household,joined,income"]
    for row in range(ROWS):
        age, rooms = draw.randint(18, 90), draw.randint(1, 5)
        income = "high" if age + 9 * rooms + draw.gauss(0, 10) > 80 else "low"
        lines.append(f"{age},{rooms},{draw.choice('abc')},h{row // 3},20{row // 12 + 10}-0{row % 9 + 1}-05,{income}")
    return "\n".join(lines) + "\n"


def run(cwd: Path, name: str, *arguments: str, process: bool = False) -> Result:
    return ended(start_command(name, *arguments, cwd=cwd, process=process))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all that the README speaks of, but for runs and sweeps."""
    (tmp_path / "my_package.py").write_text(MY_PACKAGE + MY_NET)
    sys.modules.pop("my_package", None)  # that of another page, which a test here has imported
    for option, text in {
        "model/deep": "_target_: mlp_exp.components.MLP\nhidden_sizes: [8, 8, 8]\n",
        "experiment/mine": "# @package _global_\nseed: 7\n",
    }.items():
        path = tmp_path / "my_conf" / f"{option}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (tmp_path / "people.csv").write_text(people())
    return tmp_path


TRAINED = {
    "RUN": ["hydra.run.dir=RUN"],
    "SWEEP": ["-m", "seed=0,1,2,3,4", "hydra.sweep.dir=SWEEP"],
}
ON_PEOPLE = ["data=table", "data.path=people.csv", "data.target=income"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `default` and `people`, each with a `RUN` and a `SWEEP` on these data; they are to be copied."""
    root = tmp_path_factory.mktemp("trained")
    for data, words in (("default", []), ("people", ON_PEOPLE)):
        (root / data).mkdir()
        (root / data / "people.csv").write_text(people())
        for arguments in TRAINED.values():
            done = run(root / data, "run", *arguments, *SHORT, *words)
            assert (done.returncode, done.stderr) == (0, "")
    return root


def jobs_of(arguments: Sequence[str]) -> int:
    """How many runs a command trains anew: of a sweep, one for each combination of values."""
    if {"--help", "--dry-run", "resume=true", "resume=RUN", "resume=SWEEP"} & {*arguments}:
        return 0
    for argument in arguments:
        if argument.startswith(TRIALS):
            return int(argument.removeprefix(TRIALS))
    if LR_RANGE in arguments:
        return 32
    count = 1
    for value in (argument.partition("=")[2] for argument in arguments if "-m" in arguments):
        swept = re.fullmatch(r"range\((\d+)\)", value)
        count *= int(swept[1]) if swept else re.sub(r"\[.*?\]", "", value).count(",") + 1
    return count


def results_in(folder: Path) -> set[Path]:
    """Those of runs, without the copies that a tracker keeps."""
    return {path for path in folder.glob("**/result.json") if "mlruns" not in path.parts}


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) == 49
    assert len(SNIPPETS) == 2
    assert "make run" in README
    assert "make test" in README
    assert {f"{name} {rest.strip()}" for name, rest in COMMANDS} >= {*ANEW}


@pytest.mark.parametrize(("command", "words"), COMMANDS, ids=[f"{name} {rest.strip()}" for name, rest in COMMANDS])
def test_the_command_runs(command: str, words: str, folder: Path, trained: Path) -> None:
    arguments = shlex.split(words)
    predicts = command in ("predict", "export")
    for name in TRAINED:
        if name in words:
            shutil.copytree(trained / ("people" if predicts else "default") / name, folder / name)
    longer = [argument for argument in arguments if argument.startswith("trainer.epochs=")]
    if longer:
        arguments[arguments.index(longer[0])] = "trainer.epochs=3"
    elif command == "run" and not {"--help", "resume=SWEEP", LR_RANGE} & {*arguments}:
        arguments += SHORT
    searches = [argument for argument in arguments if argument.startswith(TRIALS)]
    if searches:
        arguments[arguments.index(searches[0])] = f"{TRIALS}3"
    before = results_in(folder)
    done = run(folder, command, *arguments, process=f"{command} {words.strip()}" in ANEW)
    if "-" in arguments:
        (folder / "out.csv").write_text(done.stdout)
        arguments[arguments.index("-")] = "out.csv"
    else:
        assert done.stderr == ""
    assert done.returncode == 0
    made = results_in(folder) - before
    saves = "chosen" in arguments
    assert len(made) == (jobs_of(arguments) if command == "run" else int(saves))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in (made or before)]
    if command == "run" and results:
        epochs = {1, 2} if searches else {1} if LR_RANGE in arguments else {3 if longer else 2}
        assert {result["epochs"] for result in results} == epochs
    if "rerun=RUN" in arguments:
        assert done.stdout.splitlines()[-2].startswith(f"identical to {folder}/RUN to the last bit: ")
    if predicts and not saves:
        check_file(folder / arguments[arguments.index("-o") + 1])
    if "--target" in arguments:
        assert f"{arguments[arguments.index('--target') + 1]} of {ROWS} rows" in done.stdout


def check_file(path: Path) -> None:
    """Of predictions a row for each of the table's; an exported model gives them by the script beside it."""
    if path.suffix == ".csv":
        header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        assert (header[-3:], len(rows)) == (["prediction", "probability_high", "probability_low"], ROWS)
    elif path.suffix == ".parquet":
        from pyarrow import parquet

        assert parquet.read_table(path).num_rows == ROWS
    else:
        assert path.suffix == ".onnx"
        words = [sys.executable, f"use_{path.stem}.py", "people.csv"]
        path.with_suffix(".csv").write_text(subprocess.check_output(words, cwd=path.parent, text=True))
        check_file(path.with_suffix(".csv"))


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_the_python_runs(snippet: str, folder: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(trained / "people" / "RUN", folder / "RUN")
    monkeypatch.setattr(calling, "command", shortened)
    done = ended(Fork(lambda: exec(compile(snippet, "README.md", "exec"), {"__name__": "__main__"}), folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") >= snippet.count("print(")
