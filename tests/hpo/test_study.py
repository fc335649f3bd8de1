"""What a study records, and what it gives back."""

import json
import logging
import math
import os
import warnings
from pathlib import Path

import optuna
import pytest
from support.studies import GRID, RUNG, SPACE, open_study, sampler, train, value

from mlp_exp.errors import ConfigError, SweeperError
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.study import Earlier, Outcome, Recorded


def test_trials_and_what_became_of_them(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    batch = study.ask(4)
    assert [(each.number, each.state, each.values, each.rungs) for each in batch] == [
        (number, "running", None, {}) for number in range(4)
    ]
    study.report(11, {0: 0.5, 1: 0.4, 2: 0.3, 3: math.nan})
    study.report(33, {1: 0.35, 3: math.inf})
    study.tell({1: Outcome("pruned"), 0: Outcome("complete", (0.25,)), 3: Outcome("failed")})
    study.tell({2: Outcome("complete", (math.nan,))})
    params = [each.params for each in batch]
    expected = [
        Recorded(0, params[0], "complete", (0.25,), {11: 0.5}),
        Recorded(1, params[1], "pruned", (0.35,), {11: 0.4, 33: 0.35}),
        Recorded(2, params[2], "failed", None, {11: 0.3}),
        Recorded(3, params[3], "failed", None, {}),
    ]
    assert study.trials == expected
    assert open_study(tmp_path).trials == expected
    for each in params:
        assert ("width" in each) == (each["shape"] == "square")
        assert SPACE.contains(each)


def test_enqueued_trials_come_first_and_are_filled_in(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    asked = [each.params for each in study.ask(3, [{"rate": 0.125, "shape": "square"}, {"decay": 0.5}])]
    assert (asked[0]["rate"], asked[0]["shape"], asked[1]["decay"]) == (0.125, "square", 0.5)
    assert list(asked[0]) == ["rate", "decay", "shape", "width"]
    assert [each.number for each in study.ask(1, [{"rate": 0.5}, {"rate": 0.25}])] == [3]
    assert [each.params["rate"] for each in study.trials[3:]] == [0.5]
    with pytest.raises(ConfigError, match=r"hydra.sweeper.enqueue: \{'rate': 7\} is not in what is searched"):
        study.ask(1, [{"rate": 7}])
    assert len(open_study(tmp_path).trials) == 4


def test_earlier_results_are_learned_from_and_not_counted(tmp_path: Path) -> None:
    node = sampler("TPESampler", n_startup_trials=20)
    good = [Earlier({"rate": 10 ** -(1 + n / 30), "decay": n / 30}, (abs(n - 9) / 9,)) for n in range(30)]
    asked = {}
    bad: Params = {"rate": 0.1}
    for name, earlier in (("with", [*good, Earlier(bad, (math.nan,))]), ("without", [])):
        (folder := tmp_path / name).mkdir()
        study = open_study(folder, node)
        study.add_earlier(earlier)
        study.add_earlier(good)  # a search that goes on adds none
        asked[name] = [each.params for each in study.ask(12)]
        assert [each.number for each in open_study(folder, node).trials] == list(range(12))
        stored = optuna.load_study(study_name="mlp_exp", storage=_storage(folder))
        assert len(stored.trials) == 12 + (30 if earlier else 0)
    near = {name: sum(0.1 < float(params["decay"]) < 0.5 for params in batch) for name, batch in asked.items()}
    assert near["with"] > near["without"]


def _storage(folder: Path) -> optuna.storages.JournalStorage:
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "study.journal"))
    return optuna.storages.JournalStorage(backend)


def test_optuna_reads_the_journal(tmp_path: Path) -> None:
    study = open_study(tmp_path, directions=("maximize",))
    train(study, 12)
    optunas = optuna.load_study(study_name="mlp_exp", storage=_storage(tmp_path))
    assert optunas.direction.name == "MAXIMIZE"
    states = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    assert [(each.params, each.state.name, each.intermediate_values) for each in optunas.trials] == [
        (each.params, states[each.state], each.rungs) for each in study.trials
    ]
    best = max((each for each in study.trials if each.state == "complete"), key=lambda each: each.values or ())
    assert (optunas.best_trial.number, optunas.best_value) == (best.number, value(best.params))


def test_each_step_is_one_append(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, synced = open_study(tmp_path), []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(len((tmp_path / "study.journal").read_bytes())))
    train(study, 64)
    assert len(synced) == 3
    lines = [json.loads(line) for line in (tmp_path / "study.journal").read_text("utf-8").splitlines()]
    ends = [number for number, line in enumerate(lines) if not line["following"]]
    assert len(ends) == 4
    assert synced[-1] == (tmp_path / "study.journal").stat().st_size


@pytest.mark.parametrize("count", [1, 4, 100])
def test_a_grid_tries_each_point_once(count: int, tmp_path: Path) -> None:
    node, asked = sampler("GridSampler"), []
    study = open_study(tmp_path, node, GRID)
    study.add_earlier([Earlier({"shape": "round", "even": True}, (1.0,))])
    while batch := open_study(tmp_path, node, GRID).ask(count, [{"shape": "round"}]):
        asked += [each.params for each in batch]
    points: list[Params] = [{"shape": "round", "even": even} for even in (True, False)]
    points += [{"shape": "square", "side": side, "even": even} for side in (1, 2, 3) for even in (True, False)]
    assert sorted(map(str, asked)) == sorted(map(str, points))
    other = open_study(tmp_path / "..", node, GRID, seed=1) if count == 100 else None
    assert other is None or [each.params for each in other.ask(8)] != asked


def test_a_grid_needs_an_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="decay: a grid needs choices or steps"):
        open_study(tmp_path, sampler("GridSampler")).ask(1)


def test_other_directions_are_refused(tmp_path: Path) -> None:
    open_study(tmp_path)
    with pytest.raises(SweeperError) as caught:
        open_study(tmp_path, directions=("maximize", "minimize"))
    path = tmp_path / "study.journal"
    assert str(caught.value) == (
        f"{path}: expected a study with the directions maximize, minimize, found minimize. "
        "Start the search in a new folder"
    )


@pytest.mark.parametrize("name", ["TPESampler", "CmaEsSampler", "NSGAIISampler"])
def test_nothing_is_logged_and_nothing_changed_for_the_process(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {"group": True, "multivariate": True, "n_startup_trials": 2} if name == "TPESampler" else {}
    optuna.logging.set_verbosity(logging.INFO)
    before, filters = logging.INFO, list(warnings.filters)
    study = open_study(tmp_path, sampler(name, **options))
    train(study, 12)
    train(study, 2, [{"rate": 0.5}])
    assert capfd.readouterr() == ("", "")
    assert (optuna.logging.get_verbosity(), list(warnings.filters)) == (before, filters)


def test_a_step_with_an_error_is_not_recorded(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    study.ask(2)
    content = (tmp_path / "study.journal").read_bytes()
    with pytest.raises(KeyError):
        study.report(RUNG, {0: 0.5, 99: 0.5})
    assert (tmp_path / "study.journal").read_bytes() == content
