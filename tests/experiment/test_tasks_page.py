"""docs/how-to/tasks.md is true: its commands run, and leave the columns, metrics and figures that it names."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from support.commands import Command
from support.drawn_sets import read_csv, write_csv
from support.folders import names, result_of
from support.project import ROOT

PAGE = (ROOT / "docs" / "how-to" / "tasks.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:] if "$ mlp-exp " in part}
SHORT = ("trainer.epochs=2", "baselines=none", "metrics.intervals=0", "hydra.run.dir=run")


def listed(section: str, what: str) -> list[str]:
    (line,) = re.findall(rf"^- {what}: (.*)$", section, re.MULTILINE)
    return re.findall("`(.*?)`", line)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    age, rooms = rng.integers(18, 90, 150), rng.integers(1, 6, 150)
    rent = 200 * rooms + 3 * age + rng.gamma(2, 100, 150)
    columns = {
        "age": age,
        "rooms": rooms,
        "income": np.where(rent > np.median(rent), "high", "low"),
        "health": np.array(["poor", "fair", "good"])[rng.integers(0, 3, 150)],
        "car": np.where(age + rng.normal(0, 20, 150) > 50, "yes", "no"),
        "bike": np.where(rng.random(150) > 0.5, "yes", "no"),
        "rent": rent.round(2),
        "heating": (rent / 7 + rng.normal(0, 9, 150)).round(2),
        "children": rng.poisson(1.5, 150),
        "weight": rng.integers(1, 4, 150),
    }
    write_csv(tmp_path / "people.csv", columns)
    return tmp_path


@pytest.mark.usefixtures("figures_unrendered")
@pytest.mark.parametrize("name", SECTIONS)
def test_the_section_is_true(name: str, people: Path, command: Command) -> None:
    section = SECTIONS[name]
    (words,) = re.findall(r"^\$ mlp-exp (.*)$", section, re.MULTILINE)
    done = command("run", *shlex.split(words), *SHORT)
    assert (done.returncode, done.stderr) == (0, "")
    result = result_of(people / "run")
    assert list(result["metrics"]["test"]) == listed(section, "Metrics")
    assert {path.removesuffix(".png") for path in names(people / "run" / "plots")} == {
        "loss",
        *listed(section, "Figures"),
    }
    assert command("predict", "run", "people.csv", "-o", "out.csv").returncode == 0
    assert list(read_csv(people / "out.csv")) == listed(section, "Predicts")


def test_every_task_has_a_section() -> None:
    assert len(SECTIONS) == 10
