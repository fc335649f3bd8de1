"""Optuna's samplers from a configuration; this file can be imported without Optuna."""

import inspect
import itertools
import math
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mlp_exp.config.hydra_keys import TAKES
from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError, SweeperError
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.space import Space

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

WHERE = "hydra.sweeper.sampler"
PREFIX = "optuna.samplers."
GRID, CMA_ES = f"{PREFIX}GridSampler", f"{PREFIX}CmaEsSampler"
SAMPLERS = (
    *(f"{PREFIX}{name}" for name in ("TPESampler", "NSGAIISampler", "NSGAIIISampler", "RandomSampler", "GPSampler")),
    *(CMA_ES, GRID),
)
"""Those with which a continued study asks what an uninterrupted one asks. QMC is not one of them."""
MAJOR = "5"
EXTRA = "pip install 'mlp_exp[search]'"
SIMPLE: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "str": str}
PARTS = ("BaseSampler", "BaseMutation", "BaseCrossover")
"""Types of options that are nodes of their own."""
EXPECTED = {
    **TAKES,
    f"{WHERE}.prior_weight": "a number, 0 or more, or null",
    f"{WHERE}.sigma0": "a number above 0, or null",
    f"{WHERE}.dividing_parameter": "a whole number, 1 or more",
}
"""What options take, in words, also those that the files of samplers do not have."""
ABOVE_ZERO = math.ulp(0.0)
RANGES: dict[str, tuple[float, float]] = {
    "n_startup_trials": (0, math.inf),
    "n_ei_candidates": (1, math.inf),
    "prior_weight": (0, math.inf),
    "popsize": (2, math.inf),
    "sigma0": (ABOVE_ZERO, math.inf),
    "population_size": (2, math.inf),
    "dividing_parameter": (1, math.inf),
    **dict.fromkeys(("mutation_prob", "crossover_prob", "swapping_prob"), (0, 1)),
}
"""From where to where numbers go: Optuna would find some of them wrong when earlier batches have trained."""


def require_optuna() -> None:
    """Raises SweeperError unless Optuna is installed in a version that is known to work; does not import it."""
    try:
        found = version("optuna")
    except PackageNotFoundError as error:
        raise SweeperError(f"A search needs the package optuna, which is not installed: {EXTRA}") from error
    if found.partition(".")[0] != MAJOR:
        raise SweeperError(f"A search needs Optuna {MAJOR}, but Optuna {found} is installed: {EXTRA}")


def require_sampler(node: Mapping[str, Any], objectives: int = 1) -> None:
    """Raises ConfigError if the node names no sampler of Optuna's, or has options that it does not take, alone or
    together.

    Raises SweeperError if a package that the sampler needs is not installed.
    """
    problems = _problems(node, WHERE, SAMPLERS)
    if not problems and node["_target_"] == CMA_ES and objectives > 1:
        problems = [
            f"{WHERE}: CMA-ES looks for the best value of one objective, but there are {objectives}. "
            "Choose hydra/sweeper/sampler=nsgaii or tpe"
        ]
    if problems:
        raise ConfigError(problems)
    if node["_target_"] == CMA_ES and find_spec("cmaes") is None:
        raise SweeperError(f"CMA-ES needs the package cmaes, which is not installed: {EXTRA}")
    make_sampler(node, seed=0)


def make_sampler(node: Mapping[str, Any], seed: int) -> "BaseSampler":
    """The sampler of a node; for a grid one whose points are given, see `grid`.

    Raises:
        ConfigError: its options do not fit together; `require_sampler` says what else is wrong.
    """
    from optuna.samplers import RandomSampler

    try:
        with quiet():
            return RandomSampler(seed) if is_grid(node) else _make(node, seed)
    except (TypeError, ValueError) as error:
        raise ConfigError([f"{WHERE}: {error}"]) from error


def is_grid(node: Mapping[str, Any]) -> bool:
    return bool(node["_target_"] == GRID)


def grid(space: Space, seed: int) -> list[Params]:
    """All points of a finite space, shuffled, each of them once: keys that a condition switches off make no new one.

    Optuna's own grid would count them, would also count results of earlier searches, and starts over at its end.
    """
    from optuna.trial import FixedTrial

    values = space.finite()
    points: dict[tuple[tuple[str, object], ...], Params] = {}
    for each in itertools.product(*values.values()):
        params = space.suggest(FixedTrial(dict(zip(values, each, strict=True))))  # type: ignore[arg-type]
        points[tuple(params.items())] = params
    shuffled = list(points.values())
    random.Random(seed).shuffle(shuffled)
    return shuffled


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna's messages are left out inside it; the rest of the process still gets them."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)


def _problems(node: Mapping[str, Any], where: str, known: tuple[str, ...]) -> list[str]:
    target = node.get("_target_")
    if target not in known:
        hint = did_you_mean(str(target), known)
        return [f"{where}._target_: expected a sampler of Optuna's, got {target!r}.{hint}"]
    parameters = {} if target == GRID else _options(str(target))
    problems = []
    for key, value in node.items():
        if key == "_target_":
            continue
        place = f"{where}.{key}"
        if key == "seed":
            problems.append(f"{place}: it follows from hydra.sweeper.seed; set that one")
        elif key not in parameters:
            hint = did_you_mean(key, settable(str(target)))
            problems.append(f"{place}: {str(target).rpartition('.')[2]} takes no '{key}'.{hint}")
        elif isinstance(value, Mapping):
            problems += _problems(value, place, (*SAMPLERS, *_parts_of_genetic_samplers()))
        else:
            problems += _misfit(place, value, str(parameters[key].annotation))
    return problems


def _misfit(place: str, value: object, annotation: str) -> list[str]:
    """What is wrong with the value of an option, by its type where that is a simple one, and its range."""
    types = [each.strip() for each in annotation.split("|")]
    if value is None and "None" in types:
        return []
    simple = [each for each in types if each in SIMPLE]
    if not simple and not {*types}.isdisjoint(PARTS):
        return [f"{place}: expected a class of Optuna's with its options, as {{_target_: …}}, got {value!r}"]
    if not simple:
        return [f"{place}: a value of this type cannot be written in a configuration; leave it out"]
    fits = isinstance(value, SIMPLE[simple[0]]) and (isinstance(value, bool) == (simple[0] == "bool"))
    name = place.rpartition(".")[2]
    if fits and isinstance(value, int | float):
        low, high = RANGES.get(name, (-math.inf, math.inf))
        fits = math.isfinite(value) and low <= value <= high
    return [] if fits else [f"{place}: expected {EXPECTED.get(f'{WHERE}.{name}', simple[0])}, got {value!r}"]


def settable(target: str) -> list[str]:
    """The options of a sampler, by its import path, that can be written in a configuration."""
    return [] if target == GRID else [name for name, each in _options(target).items() if _is_settable(each)]


def _is_settable(parameter: inspect.Parameter) -> bool:
    types = {each.strip() for each in str(parameter.annotation).split("|")}
    return not types.isdisjoint((*SIMPLE, *PARTS))


def _options(target: str) -> dict[str, inspect.Parameter]:
    taken = dict(inspect.signature(_class(target)).parameters)
    taken.pop("seed", None)
    return taken


def _parts_of_genetic_samplers() -> tuple[str, ...]:
    """Crossovers and mutations."""
    from optuna.samplers import nsgaii

    return tuple(f"{PREFIX}nsgaii.{name}" for name in nsgaii.__all__ if not name.startswith("Base"))


def _class(target: str) -> Any:
    from optuna import samplers

    found: Any = samplers
    for name in target.removeprefix(PREFIX).split("."):
        found = getattr(found, name)
    return found


def _make(node: Mapping[str, Any], seed: int) -> Any:
    made = _class(node["_target_"])
    options = {key: _make(value, seed) if isinstance(value, Mapping) else value for key, value in node.items()}
    del options["_target_"]
    if "seed" in inspect.signature(made).parameters:
        options["seed"] = seed
    return made(**options)
