"""Runs, sweeps and searches from Python; each leaves what the command line would, with the same numbers."""

import importlib
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from mlp_exp.api.calling import DATED, Call, Folder, continuation
from mlp_exp.api.overrides import Overrides, argument, arguments_of
from mlp_exp.api.results import Results
from mlp_exp.cli.in_python import Called
from mlp_exp.config.dotted import key_in
from mlp_exp.config.trust import foreign_packages
from mlp_exp.errors import ConfigError, TrainingError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.loading import load_runs
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.storage.run_folder import MODEL, RunFolder, runs_in

SHOWN_FAILURES = 5
"""Of a sweep in which all runs have failed."""
OPTIONS = ("sampler", "pruner")
"""Settings of a search that are options of groups."""


def train(
    overrides: Overrides = (),
    *,
    data: Any = None,
    target: str | Sequence[str] | Any = None,
    folder: Folder | None = DATED,
    save_data: bool = True,
    resume: Folder | None = None,
    quiet: bool = False,
) -> TrainedRun | Ensemble:
    """Trains one run, as `python -m mlp_exp.run` does.

    Ctrl-C ends the training early and returns the run with its best weights so far, once it has some.

    Args:
        overrides: a dict of values by key, or texts as on the command line.
        data: a CSV or Parquet file; a data frame of pandas or polars, a dict of columns, or an array `[N, F]` of
            numbers. None for what the overrides say (`{"data": "digits"}`).
        target: the name of the column to predict, or of several; or, beside a table in memory, the values `[N]`.
        folder: where the run is saved, a new one; None to keep it as long as what is returned, and no longer.
        save_data: whether a table in memory is saved with the run, as Parquet, so that it can be resumed and trained
            again.
        resume: the folder of a run to continue; of the overrides `trainer.epochs` may change.
        quiet: whether nothing is printed.

    Returns:
        As `mlp_exp.load` a `TrainedRun` of one network, an `Ensemble` of several.

    Raises:
        ConfigError: with a line for each mistake in the overrides.
        DataError: the data cannot be used as asked.
        RunFolderError: the folder holds another run, or none that can be resumed.
        DivergedError: a loss was not finite; what was trained is saved.

    Example:
        >>> short = {"trainer.epochs": 3, "trainer.plots": "never", "baselines": "none"}
        >>> data = {"x": [1.0, 2, 3, 4] * 9, "y": [2.0, 4, 6, 8] * 9}
        >>> run = train(short, data=data, target="y", folder=None, quiet=True)
        >>> run.predict({"x": [2.5]}).shape
        (1,)
    """
    words = arguments_of(overrides, sweeps=False)
    called, keep = Call(words, False, data, target, folder, save_data, resume, quiet).carry_out()
    run = RunFolder(called.folder)
    if called.interrupted:
        if not (run.path / MODEL).exists():
            raise KeyboardInterrupt
        if (run.result() or {}).get("status") == "interrupted":
            _say_interrupted("train", called, quiet)
    return load_runs([run.path], foreign_packages(run.config()), keep=keep)


def sweep(
    overrides: Overrides = (),
    *,
    data: Any = None,
    target: str | Sequence[str] | Any = None,
    folder: Folder | None = DATED,
    save_data: bool = True,
    resume: Folder | None = None,
    quiet: bool = False,
) -> Results:
    """Trains a run for each combination of values, as `python -m mlp_exp.run -m` does.

    Ctrl-C ends the training early and returns the runs so far. One that fails is a row of the results, with its reason.

    Args:
        overrides: as of `train`; a list, tuple, range or array in a dict means each of its values, so that several
            `model.hidden_sizes` are a list of lists.
        data, target, folder, save_data, quiet: as of `train`.
        resume: the folder of a sweep to continue.

    Returns:
        The runs, best first.

    Raises:
        TrainingError: all runs have failed.
        MlpExpError: as of `train`.

    Example:
        >>> seeds = {"seed": range(2), "trainer.epochs": 3, "baselines": "none"}
        >>> data = {"x": [1.0, 2, 3, 4] * 9, "y": [2.0, 4, 6, 8] * 9}
        >>> found = sweep(seeds, data=data, target="y", folder=None, quiet=True)
        >>> len(found)
        2
    """
    words = arguments_of(overrides, sweeps=True)
    _require_values(words)
    return _swept("sweep", Call(words, True, data, target, folder, save_data, resume, quiet))


def search(
    overrides: Overrides = (),
    *,
    trials: int | None = None,
    settings: Mapping[str, Any] | None = None,
    data: Any = None,
    target: str | Sequence[str] | Any = None,
    folder: Folder | None = DATED,
    save_data: bool = True,
    resume: Folder | None = None,
    quiet: bool = False,
) -> Results:
    """Looks for the best values, as `python -m mlp_exp.run -m hydra/sweeper=optuna` does (docs/how-to/search.md).

    Args:
        overrides: as of `sweep`, where `interval(low, high)` is a range; `{"search": "small"}` is a ready space.
        trials: how many configurations are tried; None for 64, or of a search that is resumed for those it began with.
        settings: others of docs/how-to/search.md by name, as `{"sampler": "cmaes", "repeat": {"seed": [0, 1]}}`.
        data, target, folder, save_data, resume, quiet: as of `sweep`.

    Returns:
        The runs, best first; those that were pruned are rows, too.

    Raises:
        MlpExpError: as of `sweep`; a space or setting that is wrong is a ConfigError.

    Example:
        >>> space = {"optimizer.lr": interval(1e-3, 1e-1, log=True), "trainer.epochs": 3, "baselines": "none"}
        >>> data = {"x": [1.0, 2, 3, 4] * 9, "y": [2.0, 4, 6, 8] * 9}
        >>> found = search(space, trials=4, data=data, target="y", folder=None, quiet=True)
        >>> len(found)
        4
    """
    _import_bar_quietly()
    words = arguments_of(overrides, sweeps=True)
    own = {"n_trials": trials, **(settings or {})}
    keys = {f"hydra/sweeper/{name}" if name in OPTIONS else f"hydra.sweeper.{name}": own[name] for name in own}
    chosen = [argument(key, value, sweeps=False) for key, value in keys.items() if value is not None]
    if resume is None and "hydra/sweeper" not in map(key_in, words):
        chosen.insert(0, "hydra/sweeper=optuna")
    return _swept("search", Call([*chosen, *words], True, data, target, folder, save_data, resume, quiet))


def _import_bar_quietly() -> None:
    """Optuna imports a progress bar that is never shown; in a notebook without widgets it would warn of that."""
    with warnings.catch_warnings(), suppress(ImportError):
        warnings.filterwarnings("ignore", "IProgress not found")
        importlib.import_module("tqdm.auto")


def _swept(function: str, call: Call) -> Results:
    called, keep = call.carry_out()
    runs = runs_in(called.folder)
    if called.interrupted:
        if not runs:
            raise KeyboardInterrupt
        _say_interrupted(function, called, call.quiet)
    elif called.failed and not any((run.path / MODEL).exists() for run in runs):
        more = len(called.failed) - SHOWN_FAILURES
        lines = [*called.failed[:SHOWN_FAILURES], *([f"… and {more} more"] if more > 0 else [])]
        raise TrainingError("\n".join([f"{called.folder}: all runs have failed:", *lines, *_hints(call.words, lines)]))
    return Results([called.folder], keep, own=True)


def _require_values(words: Sequence[str]) -> None:
    """Raises ConfigError for a range of a search where nothing chooses one."""
    if any(word.startswith("-") or key_in(word) == "hydra/sweeper" for word in words):
        return
    ranges = [key_in(word) for word in words if word.partition("=")[2].startswith(("interval(", "tag("))]
    if ranges:
        raise ConfigError([f"{key}: an interval is for search(); a sweep takes values: [A, B]" for key in ranges])


def _hints(words: Sequence[str], failures: Sequence[str]) -> list[str]:
    """A line for each list that a sweep has taken apart, and that was meant as one value."""
    swept = [(key_in(word), word.partition("=")[2]) for word in words if "," in word]
    return [
        f"{key}: in a sweep a list means each of its values; as one value it is [[{values}]]"
        for key, values in swept
        if any(f"  {key}: expected a list" in failure for failure in failures)
    ]


def _say_interrupted(function: str, called: Called, quiet: bool) -> None:
    if not quiet:
        print(f"Interrupted. Continue with: {continuation(function, called.folder)}")
