"""`data.max_rows`: any data, but fewer rows of it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command, Result, said
from support.compositions import Compose
from support.project import QUICK_TABLE, option_with_values, options
from support.specs import build
from support.tables import TABLE_ROWS, write_table

from mlp_exp.config.validation import find_problems
from mlp_exp.display.tables import print_columns

CallMain = Callable[..., Result]
SHORT = ("trainer.plots=never", "trainer.device=cpu", "trainer.epochs=2", "data.max_rows=60")
OWN = """
from mlp_exp.components import Dataset


def {name}({parameters}):
    return Dataset.from_arrays([[row] for row in range({rows})], [row % 3 for row in range({rows})])
"""


def result(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return loaded


def rows_of(folder: Path) -> int:
    """How many rows a run says that it has."""
    found = re.search(r"(\d+) rows, ", (folder / "run.log").read_text(encoding="utf-8"))
    return int(found[1]) if found else 0


@pytest.mark.parametrize("option", [option for group, option in options() if group == "data"])
def test_every_source_takes_it(compose: Compose, tmp_path: Path, option: str) -> None:
    words = option_with_values("data", option, tmp_path)
    whole = build(compose(words)).dataset
    words.append("data.max_rows=30")
    cfg = compose(words)
    assert find_problems(cfg, words) == []
    part = build(cfg).dataset
    assert (len(part.target), part.feature_names) == (30, whole.feature_names)
    assert part.fingerprint == whole.at_most(30).fingerprint


def test_a_source_of_ones_own_takes_it_and_never_sees_it(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "own_max_rows.py").write_text(
        OWN.format(name="plain", parameters="", rows=90)
        + OWN.format(name="any_of_them", parameters="**rest", rows="90 + ('max_rows' in rest)")
    )
    monkeypatch.syspath_prepend(tmp_path)
    caplog.set_level("INFO")
    for name in ("plain", "any_of_them"):
        words = [f"data._target_=own_max_rows.{name}", "~data.n_samples", "~data.seed", "data.max_rows=12"]
        cfg = compose(words)
        assert find_problems(cfg, words) == []
        part = build(cfg).dataset
        assert (len(part.target), part.kept is not None and len(part.kept)) == (12, 90)
    assert caplog.messages == []  # nothing is said to be left out


def test_an_option_of_ones_own_need_not_name_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "my_conf/data").mkdir(parents=True)
    (tmp_path / "my_conf/data/mine.yaml").write_text("_target_: mlp_exp.components.moons\n")
    (tmp_path / "my_conf/data/few.yaml").write_text("_target_: mlp_exp.components.moons\nmax_rows: 50\n")
    args = ("--config-dir", "my_conf", *SHORT[:3])
    for name, words in (
        ("typed", ["data=mine", "data.max_rows=40"]),
        ("said", ["data=few"]),
        ("preset", ["data=mine", "experiment=debug"]),
    ):
        assert command("run", *args, *words, f"hydra.run.dir={name}").returncode == 0
    rows = [rows_of(tmp_path / name) for name in ("typed", "said", "preset")]
    assert rows == [40, 50, 100]


@pytest.mark.slow
def test_what_comes_after_takes_the_same_rows(command: Command, tmp_path: Path) -> None:
    """Going on, training again, predicting, and drawing figures anew."""
    data = (*QUICK_TABLE, f"data.path={write_table(tmp_path)}", "data.target=answer", "baselines=none")
    for name, epochs in (("run", 2), ("straight", 3)):
        words = (*SHORT, *data, f"trainer.epochs={epochs}", f"hydra.run.dir={name}")
        assert command("run", *words).returncode == 0
    refused = command("run", "resume=run", "trainer.epochs=3", "data.max_rows=50")
    assert refused.returncode == 1
    assert "data.max_rows: the run has 60, and now it is 50; " in refused.stderr
    assert command("run", "resume=run", "trainer.epochs=3").returncode == 0
    run, straight = (result(tmp_path / name) for name in ("run", "straight"))
    assert run["metrics"] == straight["metrics"]
    assert run["provenance"]["data_fingerprint"] == straight["provenance"]["data_fingerprint"]
    again = command("run", "rerun=run", "hydra.run.dir=again")
    assert (again.returncode, again.stdout.count("identical to")) == (0, 1)
    said(command("predict", "run", "table.csv", "-o", "out.csv"))
    said(command("report", "run"))
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 1 + TABLE_ROWS
    assert (tmp_path / "run/plots/loss.png").stat().st_size > 1000


def test_a_sweep_over_it_trains_on_each_number_of_rows(command: Command, tmp_path: Path) -> None:
    done = command("run", "-m", *SHORT[:3], "data.max_rows=20,40,null", "hydra.sweep.dir=sweep")
    assert (done.returncode, done.stderr) == (0, "")
    results = [result(tmp_path / "sweep" / str(job)) for job in range(3)]
    assert [rows_of(tmp_path / "sweep" / str(job)) for job in range(3)] == [20, 40, 1000]
    assert len({each["provenance"]["data_fingerprint"] for each in results}) == 3


def test_rows_that_are_not_taken_do_not_count_as_missing(
    compose: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["size,answer", *(f"{row}.5,{'' if row < 3 else 'ab'[row % 2]}" for row in range(40))]
    (tmp_path / "gaps.csv").write_text("\n".join(lines), encoding="utf-8")
    words = [
        "data=table",
        "experiment=table_quick",
        f"data.path={tmp_path}/gaps.csv",
        "data.target=answer",
        "data.max_rows=20",
    ]
    dataset = build(compose(words)).dataset
    assert (len(dataset.target), dataset.source_rows.min() >= 3, dataset.unlabelled) == (20, True, 3)
    print_columns(dataset)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "target: binary" in line]
    assert re.search(r"2 classes: a, b \(positive\) +│ +3 │$", line)
