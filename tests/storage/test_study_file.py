"""`study.yaml`: what is written is read again, and anything else is one message."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlp_exp.errors import RunFolderError, UntrustedError
from mlp_exp.storage.result import read_result
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.study_file import Objective, StudyFile

SETTINGS: dict[str, Any] = {
    "space": {
        "optimizer.lr": "tag(log,interval(1e-4,1e-1))",
        "optimizer": "adam,sgd",
        "data.name": "'ä, \"b\": #1','no'",
    },
    "batch": 64,
    "seed": 0,
    "n_trials": 256,
    "objectives": [{"name": "val_loss", "direction": "minimize"}],
    "monitor": "val_loss",
    "repeats": 1,
    **{key: [] for key in ("fixed", "enqueue", "warm_start")},
    **{key: {} for key in ("conditions", "repeat", "sampler", "pruner")},
}
MORE: dict[str, Any] = {
    "fixed": ["trainer.epochs=100", "+model.note=yes"],
    "conditions": {"optimizer.momentum": {"optimizer": ["sgd", "rmsprop"]}},
    "repeat": {"split.fold": [0, 1, 2], "seed": "range(5)"},
    "sampler": {"_target_": "optuna.samplers.TPESampler", "multivariate": True, "gamma": None, "weight": 1e-05},
    "pruner": {"name": "halving", "eta": 3},
    "enqueue": [{}, {"optimizer.lr": 1e-05, "model.hidden_sizes": [64, 32]}],
    "warm_start": ["multirun/earlier"],
    "repeats": 15,
}  # fmt: skip


@pytest.mark.parametrize("more", [{}, MORE], ids=["least", "all"])
def test_what_is_written_is_read(tmp_path: Path, more: dict[str, Any]) -> None:
    assert StudyFile.read(tmp_path) is None
    written = StudyFile.model_validate(SETTINGS | more)
    written.write(tmp_path)
    assert StudyFile.read(tmp_path) == written
    plain = yaml.safe_load((tmp_path / "study.yaml").read_text(encoding="utf-8"))
    assert list(plain) == list(StudyFile.model_fields)
    assert {key: plain[key] for key in (SETTINGS | more)} == SETTINGS | more
    assert written.objectives == [Objective(name="val_loss", direction="minimize")]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"batch": 0}, "batch: Input should be greater than or equal to 1"),
        ({"n_trials": "64"}, "n_trials: Input should be a valid integer"),
        ({"objectives": []}, "objectives: List should have at least 1 item after validation, not 0"),
        ({"objectives": [{"name": "val_loss", "direction": "up"}]}, "objectives.0.direction: Input should be "),
        ({"space": {"seed": 1}}, "space.seed: Input should be a valid string"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_other_content_is_one_message(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(SETTINGS | changed), encoding="utf-8")
    expected = f"{tmp_path}/study.yaml: expected the settings of a search; {problem}"
    with pytest.raises(RunFolderError, match=f"^{re.escape(expected)}"):
        StudyFile.read(tmp_path)


@pytest.mark.parametrize("text", ["", "3", "[a", "space: !!python/name:os.system {}"])
def test_a_file_of_another_kind(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RunFolderError, match=f"^{re.escape(str(tmp_path / 'study.yaml'))}: expected "):
        StudyFile.read(tmp_path)


def test_a_file_that_grows_is_refused(tmp_path: Path) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9 if n else ['x'] * 9)}]" for n in range(9)]
    (tmp_path / "study.yaml").write_text("\n".join(levels), encoding="utf-8")
    with pytest.raises(UntrustedError, match="holds more than 100000 values"):
        StudyFile.read(tmp_path)


def test_the_result_of_a_pruned_run(tmp_path: Path) -> None:
    result = {"status": "pruned", "rung": 11, "epochs": 11, "best_value": 0.25, "parameters": 4_417, "metrics": {}}
    RunFolder(tmp_path).write_result(result)
    assert read_result(tmp_path / "result.json") == result
    RunFolder(tmp_path).write_result(result | {"rung": 0})
    with pytest.raises(RunFolderError, match=r"expected the result of a run; rung: Input should be greater than"):
        read_result(tmp_path / "result.json")
