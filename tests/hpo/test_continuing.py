"""A study that is opened again asks what it would have asked: kills and the order of hashes make no difference."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.commands import clean_environment
from support.studies import NUMBERS, RUNG, SPACE, open_study, outcome, sampler, train, value

from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.space import Space
from mlp_exp.hpo.study import Direction, Earlier, Recorded, Study

QUICK = ("tpe", "random")
BATCHES = (5, 6, 4, 7, 6)
SAMPLERS = {
    "tpe": (sampler("TPESampler", n_startup_trials=4, multivariate=True, group=True, constant_liar=True), SPACE),
    "tpe of each key": (sampler("TPESampler", n_startup_trials=4, multivariate=False), SPACE),
    "cmaes": (sampler("CmaEsSampler", popsize=3, consider_pruned_trials=True), SPACE),
    "cmaes with margin": (sampler("CmaEsSampler", popsize=3, with_margin=True), Space(SPACE.dimensions)),
    "cmaes, separable": (sampler("CmaEsSampler", popsize=3, use_separable_cma=True), NUMBERS),
    "nsgaii": (sampler("NSGAIISampler", population_size=3), SPACE),
    "nsgaiii": (sampler("NSGAIIISampler", population_size=3), SPACE),
    "random": (sampler("RandomSampler"), SPACE),
}


def _steps(study: Study, count: int, enqueued: list[Params]) -> Iterator[None]:
    """A batch, from where it stands; stops after each append."""
    batch = [each for each in study.trials if each.state == "running"]
    if not batch:
        batch = study.ask(count, enqueued)
        yield
    if not batch[0].rungs:
        study.report(RUNG, {each.number: value(each.params) for each in batch})
        yield
    study.tell({each.number: outcome(each.number, each.params) for each in batch})
    yield


def _search(folder: Path, name: str, kill_after: int | None = None) -> list[Recorded]:
    """A whole search; it is killed and opened again each time that `kill_after` steps are done."""
    node, space = SAMPLERS[name]
    study, done = open_study(folder, node, space), 0
    study.add_earlier(
        [Earlier({"rate": 0.5, "decay": 0.5}, (3.0,)), Earlier({"rate": 0.3, "decay": 0.5}, (4.0,), RUNG)]
    )
    while len(study.trials) < sum(BATCHES) or any(each.state == "running" for each in study.trials):
        told = sum(each.state != "running" for each in study.trials)
        batch = next(place for place in range(len(BATCHES)) if sum(BATCHES[: place + 1]) > told)
        for _ in _steps(study, BATCHES[batch], [{"rate": 0.01}] if batch == 0 else []):
            done += 1
            if kill_after and done % kill_after == 0:
                study = open_study(folder, node, space)
                break
    return study.trials


@pytest.mark.parametrize("name", [pytest.param(x, marks=() if x in QUICK else pytest.mark.slow) for x in SAMPLERS])
def test_opened_again_after_any_step(name: str, tmp_path: Path) -> None:
    expected = _search(tmp_path, name)
    assert [each.number for each in expected] == list(range(sum(BATCHES)))
    assert expected[0].params["rate"] == 0.01
    assert {each.state for each in expected} == {"complete", "pruned", "failed"}
    assert len({str(each.params) for each in expected}) >= sum(BATCHES) - 2
    for steps in (1, 2):
        (folder := tmp_path / str(steps)).mkdir()
        assert _search(folder, name, steps) == expected


@pytest.mark.slow
def test_gaussian_process(tmp_path: Path) -> None:
    node, asked = sampler("GPSampler", n_startup_trials=2), []
    for reopen in (False, True):
        (folder := tmp_path / str(reopen)).mkdir()
        study = open_study(folder, node, NUMBERS)
        train(study, 5)
        study = open_study(folder, node, NUMBERS) if reopen else study
        asked.append([train(study, 1), train(study, 1)])
    assert asked[0] == asked[1]


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsgaii", "random"])
def test_seeds_and_earlier_batches_matter(name: str, tmp_path: Path) -> None:
    node, space = SAMPLERS[name]
    asked = {}
    for place, (seed, sizes) in enumerate([(0, (6, 6)), (0, (6, 6)), (1, (6, 6)), (0, (4, 8))]):
        (folder := tmp_path / str(place)).mkdir()
        study = open_study(folder, node, space, seed=seed)
        asked[place] = [str(params) for count in sizes for params in train(study, count)]
    assert asked[0] == asked[1]
    assert not set(asked[0]) & set(asked[2])
    assert asked[0][:4] == asked[3][:4]
    assert not set(asked[0][6:]) & set(asked[3][6:])


def test_numbers_go_on(tmp_path: Path) -> None:
    first = open_study(tmp_path).ask(3)
    later = open_study(tmp_path).ask(2)
    assert [each.number for each in [*first, *later]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["nsgaii", "nsgaiii", "tpe"])
def test_several_objectives(name: str, tmp_path: Path) -> None:
    node, space = SAMPLERS[name]
    both: tuple[Direction, ...] = ("minimize", "maximize")
    asked: dict[bool, list[Params]] = {}
    for reopen in (False, True):
        (folder := tmp_path / str(reopen)).mkdir()
        study, asked[reopen] = open_study(folder, node, space, both), []
        for count in BATCHES:
            study = open_study(folder, node, space, both) if reopen else study
            asked[reopen] += train(study, count, objectives=2)
        assert len(study.trials[0].values or ()) == 2
    assert asked[True] == asked[False]


SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from support.studies import open_study, sampler, train
study = open_study(Path("."), {node!r})
print([sorted(params.items()) for params in train(study, 6)])
"""


def _in_a_process(folder: Path, node: Mapping[str, Any], hashes: str) -> str:
    code = SCRIPT.format(tests=str(Path(__file__).parents[1]), node=dict(node))
    env = {**clean_environment(), "PYTHONHASHSEED": hashes, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, check=True, text=True, capture_output=True
    ).stdout


@pytest.mark.slow
def test_the_order_of_hashes_does_not_matter(tmp_path: Path) -> None:
    """Optuna keeps names of keys in sets."""
    node = SAMPLERS["tpe"][0]
    asked = []
    for hashes in ("1", "2"):
        (folder := tmp_path / hashes).mkdir()
        train(open_study(folder, node), 12)
        asked.append(_in_a_process(folder, node, hashes))
    assert asked[0] == asked[1] != ""
