"""Exported files of each task give what `predict` writes, and say what it is."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from support.commands import Command, said
from support.drawn_sets import numbers, read_csv
from support.exports import Answers, of_archive, of_module
from support.folders import names
from support.predictions import spoil
from support.task_runs import TASKS, TaskRuns

from mlp_exp import load
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export import export

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("operators_read_once")]

OUTPUTS = {
    "binary": "## Output `probabilities`: float32 `[batch, 2]`\n\nOf the classes in this order: `no`, `yes`. The "
    "second class is predicted from {0:.4g} on.\n",
    "multiclass": "## Output `probabilities`: float32 `[batch, 3]`\n\nOf the classes in this order: `a`, `b`, `c`.\n",
    "ordinal": "## Output `probabilities`: float32 `[batch, 4]`\n\nOf the classes in this order: `0`, `1`, `2`, `3`.\n",
    "labels": "## Output `probabilities`: float32 `[batch, 2]`\n\nOf these: `two = yes`, `label = 1`. The second class "
    "is predicted from {0:.4g}, {1:.4g} on.\n",
    "value": "## Output `values`: float64 `[batch]`\n\nIn the unit of value.\n",
    "values": "## Output `values`: float64 `[batch, 2]`\n\nIn this order: `value`, `other`.\n",
    "logarithms": "## Output `values`: float64 `[batch, 2]`\n\nIn this order: `amount`, `larger`.\n",
    "quantiles": "## Output `quantiles`: float64 `[batch, 3]`\n\nIn this order: `quantile_0.1`, `quantile_0.4`, "
    "`quantile_0.8`. In the unit of value.\n",
    "distribution": "## Output `distribution`: float64 `[batch, 2]`\n\nIn this order: `mean`, `standard_deviation`. In "
    "the unit of value.\n",
    "counts": "## Output `values`: float64 `[batch]`\n\nIn the unit of count.\n",
    "amounts": "## Output `values`: float64 `[batch, 2]`\n\nIn this order: `amount`, `larger`.\n",
}


def close(found: Mapping[str, Sequence[str]], expected: Mapping[str, Sequence[str]]) -> None:
    """The same columns and texts, and numbers within 1e-5, in probability or relative to the value."""
    assert list(found) == list(expected)
    for name in expected:
        try:
            right = numbers(list(expected[name]))
        except ValueError:
            assert found[name] == expected[name]
            continue
        np.testing.assert_allclose(numbers(list(found[name])), right, rtol=1e-5, atol=1e-5, err_msg=name)


def parsed(text: str) -> dict[str, list[str]]:
    header, *rows = csv.reader(io.StringIO(text))
    return {name: list(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)}


RUNS_IN_ONNX = {"binary": 2, "ordinal": 1, "labels": 2, "amounts": 1, "quantiles": 2, "distribution": 2}
RUNS_IN_ARCHIVE = {"multiclass": 1, "value": 2, "logarithms": 2, "counts": 1, "values": 2, "labels": 1}
"""What is exported of each task, in one of the formats: a file is written and read in a second or two."""


def said_in(card: Path, task: str, ensemble: Ensemble) -> None:
    assert OUTPUTS[task].format(*ensemble.task.thresholds) in card.read_text(encoding="utf-8")


@pytest.mark.parametrize("task", RUNS_IN_ONNX)
def test_the_script_prints_what_predict_writes(
    task: str,
    tasks: TaskRuns,
    command: Command,
    bare: Callable[[Path, Path], str],
    tmp_path: Path,
) -> None:
    count = RUNS_IN_ONNX[task]
    given = [tasks(task) / "0"] if count == 1 else [tasks(task), "--top", "2"]
    said(command("export", *given, "-o", "model.onnx"))
    assert names(tmp_path) == ["model.md", "model.onnx", "use_model.py"]
    said(command("predict", *given, tasks.table, "-o", "expected.csv"))
    close(parsed(bare(tmp_path / "use_model.py", tasks.table)), read_csv(tmp_path / "expected.csv"))
    ensemble = Ensemble([load(tasks(task) / str(seed)) for seed in range(count)])
    said_in(tmp_path / "model.md", task, ensemble)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    texts = session.get_modelmeta().custom_metadata_map
    assert json.loads(texts["answers"]) == ensemble.task.answer_names
    assert json.loads(texts["thresholds"]) == list(ensemble.task.thresholds)


@pytest.mark.parametrize("task", RUNS_IN_ARCHIVE)
def test_an_archive_of_torch_gives_what_the_runs_answer(task: str, tasks: TaskRuns, tmp_path: Path) -> None:
    ensemble = Ensemble([load(tasks(task) / str(seed)) for seed in range(RUNS_IN_ARCHIVE[task])])
    export.export(ensemble, tmp_path / "model.pt2")
    assert names(tmp_path) == ["model.md", "model.pt2"]
    columns = read_csv(tasks.table)
    same_answers(of_archive(tmp_path / "model.pt2", ensemble, columns), ensemble, columns)
    said_in(tmp_path / "model.md", task, ensemble)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("task", TASKS)
def test_what_is_exported_gives_what_the_runs_answer(task: str, count: int, tasks: TaskRuns) -> None:
    ensemble = Ensemble([load(tasks(task) / str(seed)) for seed in range(count)])
    columns = read_csv(tasks.table)
    same_answers(of_module(ensemble, columns), ensemble, columns)


def same_answers(found: Answers, ensemble: Ensemble, columns: Mapping[str, Sequence[str]]) -> None:
    made = ensemble.task.columns(found)
    expected = ensemble.predict_columns({name: columns[name] for name in ensemble.names})
    assert list(made) == list(expected)
    for name, column in expected.items():
        if column.dtype.kind == "U":
            assert made[name].tolist() == column.tolist()
        else:
            np.testing.assert_allclose(made[name], column, rtol=1e-5, atol=1e-6)


def test_every_task_is_exported() -> None:
    assert {*RUNS_IN_ONNX, *RUNS_IN_ARCHIVE} == set(TASKS)


def test_a_tie_is_decided_as_predict_decides_it(
    tasks: TaskRuns, command: Command, bare: Callable[[Path, Path], str], tmp_path: Path
) -> None:
    """Of probabilities of one half the first class."""

    def untrained(model: dict[str, Any]) -> None:
        for weights in model["state_dict"].values():
            weights.zero_()
        model["thresholds"] = [0.5, 0.5]

    run = Path(shutil.copytree(tasks("labels") / "0", tmp_path / "run"))
    spoil(run, untrained)
    said(command("export", run, "-o", "model.onnx"))
    said(command("predict", run, tasks.table, "-o", "expected.csv"))
    expected = (tmp_path / "expected.csv").read_text()
    assert {*expected.splitlines()[1:]} == {"no,0.5,0,0.5"}
    assert bare(tmp_path / "use_model.py", tasks.table) == expected
