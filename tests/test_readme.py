"""The README is true: each of its commands is run."""

import random
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    python -m mlp_exp\.(run|report)(.*?)(?:#.*)?$", README, re.MULTILINE)
SNIPPET = re.search(r"```python\n(.*?)```", README, re.DOTALL)

MY_NET = """
from torch import nn

class MyNet(nn.Sequential):
    def __init__(self, in_features, out_features):
        super().__init__(nn.Linear(in_features, out_features))
"""


def people() -> str:
    """A table with numbers, a category, dates, a group, and two classes to predict."""
    draw = random.Random(0)
    lines = ["age,rooms,town,household,joined,income"]
    for row in range(120):
        age, rooms = draw.randint(18, 90), draw.randint(1, 5)
        income = "high" if age + 9 * rooms + draw.gauss(0, 10) > 80 else "low"
        lines.append(f"{age},{rooms},{draw.choice('abc')},h{row // 3},20{row // 12 + 10}-0{row % 9 + 1}-05,{income}")
    return "\n".join(lines) + "\n"


def run(cwd: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", f"mlp_exp.{command}", *arguments]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def jobs_of(arguments: Sequence[str]) -> int:
    """How many runs a command trains: of a sweep, one for each combination of values."""
    if "--help" in arguments or "--dry-run" in arguments:
        return 0
    count = 1
    for value in (argument.partition("=")[2] for argument in arguments if "-m" in arguments):
        swept = re.fullmatch(r"range\((\d+)\)", value)
        count *= int(swept[1]) if swept else re.sub(r"\[.*?\]", "", value).count(",") + 1
    return count


def test_the_commands_are_found():
    assert len(COMMANDS) == 22
    assert "make run" in README
    assert "make test" in README


@pytest.mark.parametrize(("command", "words"), COMMANDS, ids=[f"{name} {rest.strip()}" for name, rest in COMMANDS])
def test_the_command_runs(command, words, tmp_path):
    assert SNIPPET
    (tmp_path / "my_package.py").write_text(SNIPPET[1] + MY_NET)
    for option, text in {
        "model/deep": "_target_: mlp_exp.model.mlp.MLP\nhidden_sizes: [8, 8, 8]\n",
        "experiment/mine": "# @package _global_\nseed: 7\n",
    }.items():
        path = tmp_path / "my_conf" / f"{option}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (tmp_path / "people.csv").write_text(people())
    arguments = shlex.split(words)
    short = "trainer.epochs=2"  # the suite has to be fast; the presets are trained in full elsewhere
    if "RUN/.hydra" in arguments or "RUN" in arguments:
        assert run(tmp_path, "run", "hydra.run.dir=RUN", short).returncode == 0
    elif "SWEEP" in words:
        assert run(tmp_path, "run", "-m", "seed=0,1", short, "hydra.sweep.dir=SWEEP").returncode == 0
    if command == "run" and "--help" not in arguments and "RUN/.hydra" not in arguments:
        arguments.append(short)
    before = set(tmp_path.glob("**/result.json"))
    done = run(tmp_path, command, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    trained = set(tmp_path.glob("**/result.json")) - before
    assert len(trained) == (0 if command == "report" or "SWEEP" in words else jobs_of(arguments))
