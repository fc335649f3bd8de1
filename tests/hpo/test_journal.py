"""Journals that a kill has cut, and files that are none."""

import json
from pathlib import Path

import pytest
from support.studies import open_study, train

from mlp_exp.errors import RunFolderError
from mlp_exp.hpo.journal import StepJournal


def test_cut_at_any_byte(tmp_path: Path) -> None:
    """What is left is the journal as it was after a step, and nothing else."""
    path = tmp_path / "study.journal"
    train(open_study(tmp_path), 2)
    content = path.read_bytes()
    ends, size = [0], 0
    for line in content.splitlines(keepends=True):
        size += len(line)
        if not json.loads(line)["following"]:
            ends.append(size)
    assert len(ends) == 5
    for cut in range(0, len(content) + 1, 37):
        path.write_bytes(content[:cut])
        kept = max(end for end in ends if end <= cut)
        lines = StepJournal(path).read_logs(0)
        assert path.read_bytes() == content[:kept]
        assert lines == [json.loads(line) for line in content[:kept].splitlines()]


def test_the_trials_of_a_step_that_was_cut_are_asked_again(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    train(study, 3)
    asked = study.ask(5)
    path = tmp_path / "study.journal"
    path.write_bytes(path.read_bytes()[:-40])
    again = open_study(tmp_path)
    assert [each.number for each in again.trials] == [0, 1, 2]
    assert again.ask(5) == asked


def test_lines_of_others_are_kept(tmp_path: Path) -> None:
    """The dashboard adds notes; its lines do not say what follows."""
    train(open_study(tmp_path), 2)
    path = tmp_path / "study.journal"
    note = {"op_code": 3, "worker_id": "other", "study_id": 0, "system_attr": {"dashboard:note": "good"}}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(note) + "\n")
    content = path.read_bytes()
    assert StepJournal(path).read_logs(0)[-1] == note
    assert path.read_bytes() == content
    assert len(train(open_study(tmp_path), 1)) == 1


@pytest.mark.parametrize(
    ("damage", "found"), [(b"{\n", "{\\n"), (b"[]\n", "[]\\n"), (b"\xff\n", "\\xff\\n"), (b'{"a": 1}\n', '{"a": 1}\\n')]
)
def test_damage_in_the_middle_is_told(damage: bytes, found: str, tmp_path: Path) -> None:
    open_study(tmp_path)
    path = tmp_path / "study.journal"
    content = path.read_bytes() + damage + path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(RunFolderError) as caught:
        open_study(tmp_path)
    assert str(caught.value) == (
        f"{path}, line 2: expected a record of Optuna's journal, found b'{found}'. The file is damaged: restore it, or "
        "start the search in a new folder"
    )
    assert path.read_bytes() == content
