"""The run folder: its files, and who may write them."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.folders import names

from mlp_exp.errors import DataError, RunFolderError
from mlp_exp.signals import Terminated
from mlp_exp.storage.atomic import atomic
from mlp_exp.storage.run_folder import RunFolder

# the run folder


def test_atomic_shows_a_file_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    with atomic(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent == tmp_path
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert names(tmp_path) == ["file.txt"]
    with atomic(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "whole"
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("old", [None, "old"])
def test_atomic_leaves_the_old_file_after_an_error(tmp_path: Path, error: type[BaseException], old: str | None) -> None:
    target = tmp_path / "file.txt"
    if old:
        target.write_text(old)

    def write_half() -> None:
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert names(tmp_path) == (["file.txt"] if old else [])
    if old:
        assert target.read_text() == old


def test_claim_begins_the_history(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.require_unused()
    folder.claim(["epoch", "lr", "train_loss"])
    assert (tmp_path / "history.csv").read_bytes() == b"epoch,lr,train_loss\n"
    assert names(tmp_path) == ["history.csv"]


def test_a_second_claim_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path).claim(["epoch"])
    with pytest.raises(RunFolderError) as error:
        RunFolder(tmp_path).claim(["other"])
    assert str(error.value) == (
        f"{tmp_path}: holds history.csv of another run. Give this run a folder of its own: hydra.run.dir={tmp_path}-2"
    )
    assert (tmp_path / "history.csv").read_text() == "epoch\n"


@pytest.mark.parametrize("name", ["result.json", "history.csv"])
def test_a_folder_with_another_runs_files_is_used(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(RunFolderError, match=rf": holds {name} of another run\. Give this run a folder of its own"):
        RunFolder(tmp_path).require_unused()


def test_what_to_type_about_a_run_that_has_not_ended_well(tmp_path: Path) -> None:
    path = tmp_path / "my run"
    path.mkdir()
    (tmp_path / "my run-2").mkdir()
    folder = RunFolder(path)
    folder.write_failure(KeyboardInterrupt())
    own = f"""give this run a folder of its own: 'hydra.run.dir="{path}-3"'"""
    replace = f"eplace it: rm -r '{path}'; or {own}"
    with pytest.raises(RunFolderError) as error:
        folder.require_unused()
    assert str(error.value) == f"{path}: holds result.json of a run with status interrupted. R{replace}"
    folder.checkpoint.touch()
    with pytest.raises(RunFolderError) as error:
        folder.require_unused()
    assert str(error.value) == (
        f"{path}: holds result.json of a run with status interrupted. Go on with it: 'resume={path}'; or r{replace}"
    )


@pytest.mark.parametrize("trained", ["history.csv", "model.pt", "checkpoint.pt", None])
def test_a_run_that_failed_before_it_trained_leaves_its_folder_unused(tmp_path: Path, trained: str | None) -> None:
    folder = RunFolder(tmp_path)
    folder.write_failure(DataError("no such column"))
    if trained:
        (tmp_path / trained).touch()
        with pytest.raises(RunFolderError, match=r"holds result\.json of a run with status failed"):
            folder.prepare(resumes=False)
    else:
        assert folder.prepare(resumes=False) is None
    assert (tmp_path / "result.json").exists() == bool(trained)


def test_other_files_do_not_make_a_folder_used(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text("a line")
    (tmp_path / ".hydra").mkdir()
    RunFolder(tmp_path).require_unused()


HARD_FLOATS = [
    0.1,
    1 / 3,
    5e-324,
    sys.float_info.min,
    sys.float_info.max,
    sys.float_info.epsilon,
    -1e-300,
    123456789.123456789,
    math.pi * 1e200,
    -0.0,
    math.nextafter(1.0, 2.0),
]


def test_history_reads_back_exactly(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    bits = generator.integers(0, 2**64, 200, dtype=np.uint64).view(np.float64)
    numbers = HARD_FLOATS + bits[np.isfinite(bits)].tolist()
    rows = [[epoch, number, -number] for epoch, number in enumerate(numbers, 1)]
    folder = RunFolder(tmp_path)
    folder.write_history(["epoch", "a", "b"], rows)
    head, *lines = (tmp_path / "history.csv").read_text().splitlines()
    assert head == "epoch,a,b"
    read = [line.split(",") for line in lines]
    assert [[int(e), float(a).hex(), float(b).hex()] for e, a, b in read] == [
        [e, float(a).hex(), float(b).hex()] for e, a, b in rows
    ]
    assert [line.split(",")[0] for line in lines[:3]] == ["1", "2", "3"]
    assert names(tmp_path) == ["history.csv"]


def test_history_keeps_what_is_not_finite(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_history(["epoch", "loss"], [[1, math.nan], [2, math.inf]])
    assert (tmp_path / "history.csv").read_text() == "epoch,loss\n1,nan\n2,inf\n"


def test_a_later_history_replaces_the_earlier(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.claim(["epoch", "loss"])
    folder.write_history(["epoch", "loss"], [[1, 0.5]])
    folder.write_history(["epoch", "loss"], [[1, 0.5], [2, 0.25]])
    assert (tmp_path / "history.csv").read_bytes() == b"epoch,loss\n1,0.5\n2,0.25\n"
    folder.write_history(["epoch", "loss"], [])
    assert (tmp_path / "history.csv").read_bytes() == b"epoch,loss\n"


def test_result_is_json(tmp_path: Path) -> None:
    result = {"status": "finished", "metrics": {"test": {"accuracy": 0.1 + 0.2, "roc_auc": None}}, "words": "ä ≥"}
    RunFolder(tmp_path).write_result(result)
    text = (tmp_path / "result.json").read_text(encoding="utf-8")
    assert json.loads(text) == result
    assert text.startswith('{\n  "status": "finished",\n')
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_result_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.write_result({"metrics": {"test": {"accuracy": value}}})
    assert names(tmp_path) == []
    folder.write_result({"status": "finished"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.write_result({"seconds": value})
    assert json.loads((tmp_path / "result.json").read_text()) == {"status": "finished"}
    assert names(tmp_path) == ["result.json"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ValueError("the rate is 3"), {"status": "failed", "reason": "ValueError: the rate is 3"}),
        (DataError("the rate is 3"), {"status": "failed", "reason": "the rate is 3"}),
        (FileNotFoundError(2, "No such file", "here"), {"status": "failed", "reason": "here: No such file"}),
        (RuntimeError(), {"status": "failed", "reason": "RuntimeError"}),
        (SystemExit("stop"), {"status": "failed", "reason": "SystemExit: stop"}),
        (KeyboardInterrupt(), {"status": "interrupted"}),
        (Terminated(), {"status": "interrupted"}),
    ],
)
def test_failure(tmp_path: Path, error: BaseException, why: dict[str, str]) -> None:
    RunFolder(tmp_path).write_failure(error)
    assert json.loads((tmp_path / "result.json").read_text()) == {**why, "metrics": {}}


def test_a_failure_does_not_overwrite_a_result(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_result({"status": "diverged"})
    folder.write_failure(ValueError("later"))
    assert json.loads((tmp_path / "result.json").read_text()) == {"status": "diverged"}


def test_model_loads_with_weights_only(tmp_path: Path) -> None:
    model = {"format": 1, "names": ["a", "b"], "scale": [1.5], "state_dict": {"w": torch.tensor([[1.0, 1e-30]])}}
    RunFolder(tmp_path).write_model(model)
    read = torch.load(tmp_path / "model.pt", weights_only=True)
    assert torch.equal(read["state_dict"].pop("w"), torch.tensor([[1.0, 1e-30]]))
    assert read == {"format": 1, "names": ["a", "b"], "scale": [1.5], "state_dict": {}}
    assert names(tmp_path) == ["model.pt"]


@pytest.mark.parametrize(
    "text",
    [
        "hydra:\n  job:\n    num: 3\n",
        "hydra:\n  help:\n    template: 'a\n\n      job:\n\n      num: 4\n\n      '\n  job:\n    num: 3\n",
        "hydra:\n  job:\n    config:\n      num: 5\n    num: 3\n    id: 7\n  last: {}\n",
        "hydra:\n  other:\n    num: 6\n  job:\n    name: run\n    num: 3\n",
        "# by hand\nhydra: {job: {num: 3}}\n",
    ],
)
def test_the_number_of_a_job(tmp_path: Path, text: str) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "hydra.yaml").write_text(text, encoding="utf-8")
    assert RunFolder(tmp_path).job_number() == 3


@pytest.mark.parametrize("text", ["hydra:\n  job:\n    num: ???\n", "hydra:\n  job:\n    num: null\n"])
def test_a_single_run_has_no_number(tmp_path: Path, text: str) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "hydra.yaml").write_text(text + "  other:\n    num: 6\n", encoding="utf-8")
    assert RunFolder(tmp_path).job_number() is None
