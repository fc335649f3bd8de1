"""The README is true: each of its commands is run."""

import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    python -m mlp_exp\.run(.*?)(?:#.*)?$", README, re.MULTILINE)
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


def run(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlp_exp.run", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_commands_are_found():
    assert len(COMMANDS) == 17
    assert "make run" in README
    assert "make test" in README


@pytest.mark.parametrize("command", COMMANDS, ids=str.strip)
def test_the_command_runs(command, tmp_path):
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
    arguments = shlex.split(command)
    if "RUN/.hydra" in arguments:
        assert run(tmp_path, "hydra.run.dir=RUN", "trainer.epochs=2").returncode == 0
    elif "--help" not in arguments:
        arguments.append("trainer.epochs=2")  # the suite has to be fast; the presets are trained in full elsewhere
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    results = list(tmp_path.glob("outputs/**/result.json"))
    jobs = 3 if "split=folds" in arguments else 4
    assert len(results) == (0 if "--help" in arguments else jobs if "-m" in arguments else 1)
