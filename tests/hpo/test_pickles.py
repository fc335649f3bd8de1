"""The state of CMA-ES in a journal is a pickle; one that a stranger has written is never loaded."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from support.studies import NUMBERS, open_study, sampler, train

from mlp_exp.errors import UntrustedError

NODES = [sampler("CmaEsSampler", popsize=3, **{option: True}) for option in ("use_separable_cma", "with_margin")]
NODES += [sampler("CmaEsSampler", popsize=3), sampler("TPESampler")]


class Harmful:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Any:
        return self.reduced


def _add(path: Path, attributes: dict[str, str]) -> None:
    """A complete trial with these attributes, in the words of Optuna's journal."""
    trial = {"op_code": 4, "worker_id": "stranger", "study_id": 0, "datetime_start": None, "state": 1, "value": 0.0}
    trial |= {"values": None, "distributions": {}, "params": {}, "user_attrs": {}, "intermediate_values": {}}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**trial, "system_attrs": attributes}) + "\n")


@pytest.mark.parametrize("node", NODES, ids=lambda node: "-".join(map(str, node)))
def test_states_of_optuna_are_loaded(node: dict[str, Any], tmp_path: Path) -> None:
    study = open_study(tmp_path, node, NUMBERS)
    for _ in range(4):
        train(study, 5)
    kept = ":optimizer:0" in (tmp_path / "study.journal").read_text("utf-8")
    assert kept == ("popsize" in node)
    assert open_study(tmp_path, node, NUMBERS).trials == study.trials


@pytest.mark.parametrize(
    ("harmful", "named"),
    [
        (Harmful(os.system, "touch canary"), "posix.system"),
        (Harmful(eval, "open('canary', 'w')"), "builtins.eval"),
        (Harmful(open, "canary", "w"), "io.open"),
        (Harmful(getattr, os, "system"), "builtins.getattr"),
    ],
)
@pytest.mark.parametrize("prefix", ["cma", "sepcma", "cmawm"])
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("node", [NODES[2], NODES[3]], ids=["cmaes", "tpe"])
def test_what_runs_code_is_refused(
    harmful: Harmful,
    named: str,
    prefix: str,
    parts: int,
    node: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    train(open_study(tmp_path, node, NUMBERS), 2)
    monkeypatch.setattr(Harmful, "__reduce__", lambda self: self.reduced)
    text = b"".join(_pickled(harmful)).hex()
    size = -(-len(text) // parts)
    path = tmp_path / "study.journal"
    _add(path, {f"{prefix}:optimizer:{part}": text[part * size : (part + 1) * size] for part in range(parts)})
    content = path.read_bytes()
    with pytest.raises(UntrustedError) as caught:
        open_study(tmp_path, node, NUMBERS)
    assert str(caught.value) == (
        f"{path}: the sampler's state in trial 2 is not loaded: expected one of CMA-ES, but it names {named}. If this "
        "journal is not your own, do not use it; else start the search in a new folder"
    )
    assert path.read_bytes() == content
    assert not (tmp_path / "canary").exists()


def _pickled(harmful: Harmful) -> list[bytes]:
    function, arguments = harmful.reduced
    if function is getattr:  # a module cannot be pickled; the name of the function is what counts
        arguments = ("a text", "upper")
    return [pickle.dumps(Harmful(function, *arguments))]


@pytest.mark.parametrize(
    "attributes",
    [
        {"cma:optimizer:0": "zz"},
        {"cma:optimizer:0": "80"},
        {"cma:optimizer:0": "", "cma:optimizer:2": ""},
        {"cma:optimizer:00": pickle.dumps(1).hex()},
        {"cma:optimizer": pickle.dumps(1).hex()},
        {"cma:optimizers:0": pickle.dumps(1).hex()},
    ],
)
def test_what_is_no_state_is_refused(attributes: dict[str, str], tmp_path: Path) -> None:
    open_study(tmp_path)
    _add(tmp_path / "study.journal", attributes)
    with pytest.raises(UntrustedError, match="the sampler's state in trial 0 is not loaded"):
        open_study(tmp_path)
