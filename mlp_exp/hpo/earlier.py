"""Results of earlier sweeps and searches, for a sampler to learn from."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_exp.config.by_data import Facts, for_data
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.objectives import values_of
from mlp_exp.hpo.space import Space
from mlp_exp.hpo.study import Earlier
from mlp_exp.leaderboard.entry import Entry, read_entries
from mlp_exp.storage.run_folder import PRUNED, RunFolder
from mlp_exp.storage.study_file import Objective

log = logging.getLogger(__name__)


def results_of(folders: Sequence[str], space: Space, objectives: Sequence[Objective], data: str) -> list[Earlier]:
    """What the runs in these folders say of this search: those on the same data that have ended well, or were pruned
    while one objective was watched, with a value of each key that is searched.

    Of runs that differ in nothing else the means; pruned ones count where none has ended well.

    Args:
        data: fingerprint of the data of this search.

    Raises:
        ConfigError: there is no such folder, or no run in it.
        RunFolderError: a file of a run is damaged.
    """
    found: dict[tuple[Any, ...], tuple[Params, list[Mapping[str, Any]]]] = {}
    for folder in folders:
        entries = list(read_entries(Path(folder), configs=True)) if Path(folder).is_dir() else []
        if not entries:
            raise ConfigError([f"hydra.sweeper.warm_start: expected folders of sweeps, got {folder}, without a run"])
        fitting = [(entry, _params_of(entry, space, objectives, data)) for entry in entries]
        for entry, params in fitting:
            if params is not None:
                found.setdefault(tuple(params.items()), (params, []))[1].append(entry.result)
        count = sum(params is not None for _, params in fitting)
        log.info("%s: %d of %d runs fit this search", folder, count, len(entries))
    means = [_mean(params, results, objectives) for params, results in found.values()]
    return [each for each in means if each is not None]


def _mean(params: Params, results: Sequence[Mapping[str, Any]], objectives: Sequence[Objective]) -> Earlier | None:
    """Of runs with the same values; None where an objective has no value."""
    whole = [result for result in results if "rung" not in result]
    furthest = max((result["rung"] for result in results if "rung" in result), default=None)
    counted = whole or [result for result in results if result["rung"] == furthest]
    values = values_of(counted, objectives)
    return None if values is None else Earlier(params, values, None if whole else furthest)


def _params_of(entry: Entry, space: Space, objectives: Sequence[Objective], data: str) -> Params | None:
    """The values of what is searched in a run; None where its result does not count here."""
    result = entry.result
    same_data = result.get("provenance", {}).get("data_fingerprint") == data
    watched = len(objectives) > 1 or result.get("monitor") == objectives[0].name
    ended = entry.ended_well or (result["status"] == PRUNED and len(objectives) == 1)
    if not (ended and same_data and watched):
        return None
    config = for_data(entry.config, Facts.of(result["task"], result.get("rows", 0)))
    params = space.of_values(config, RunFolder(entry.folder).choices())
    wanted = [each.key for each in space.dimensions if space.is_active(each.key, params)]
    return params if params and all(key in params for key in wanted) else None
