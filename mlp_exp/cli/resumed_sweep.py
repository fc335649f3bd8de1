"""`resume=SWEEP`: a sweep goes on with the overrides that its folder holds, trusted no further than a saved run."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig, OmegaConf

from mlp_exp.cli.options import SWEEP_DIR, Options, quoted
from mlp_exp.cli.saved_overrides import MOST_JOBS, is_harmless, jobs_of, refusal
from mlp_exp.display.commands import ALLOW, RESUME, program
from mlp_exp.errors import ConfigError, SweeperError, UntrustedError
from mlp_exp.storage.multirun_file import read_sweep
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN

OF_EACH_COMMAND = (SWEEP_DIR, "hydra.mode=", "hydra.run.dir=")
"""Settings that the sweep's command may have had, and that the one which goes on has its own of, or does not need."""
GO_ON = "If you know the sweep and trust it"


def arguments_of(folder: Path, typed: Sequence[str]) -> list[str]:
    """The command line, as Hydra is to read it, that goes on with the sweep in a folder.

    Args:
        folder: may come from a stranger; checked here.
        typed: the rest of the command line; its settings of Hydra replace those of the sweep.

    Raises:
        ConfigError: with a line for each typed word that does not fit.
        RunFolderError: the sweep's settings are damaged.
        UntrustedError: they are not those of a sweep alone, or links lead out of the folder.
    """
    args = get_args_parser().parse_known_intermixed_args(list(typed))[0]
    flags = [word for word in typed if word not in args.overrides]
    _require_fitting(folder, args.overrides)
    RunFolder(folder).require_own_files()
    saved = read_sweep(folder)
    _require_task(folder, saved.overrides.task)
    kept = _kept(saved.typed, args.overrides)
    given = {"--config-dir": args.config_dir, "--config-name": args.config_name}
    missing = [word for flag, value in saved.flags if given[flag] is None for word in (flag, value)]
    _require_typed(folder, kept, missing, typed)
    sweep = f"{SWEEP_DIR}{quoted(str(folder))}"
    return ["--multirun", *flags, *saved.overrides.task, *kept, *args.overrides, sweep]


def require_trusted(config: DictConfig, overrides: Sequence[str], options: Options) -> None:
    """Checks a configuration of a sweep that goes on by its folder alone, before any value of it is resolved.

    Args:
        config: composed, that of a job or of the whole; a node of Hydra's own is left out.
        overrides: those of the job, which the sweeper may have taken from elsewhere than the command line.

    Raises:
        SweeperError: it may do more than that of a saved run; the whole sweep ends.
    """
    if options.sweep is None:
        return
    from mlp_exp.config.components import current_names
    from mlp_exp.config.trust import check_config

    plain: Any = OmegaConf.to_container(config, resolve=False)
    plain.pop("hydra", None)
    try:
        _require_task(options.sweep, overrides)
        check_config(current_names(plain), options.allow, options.sweep / MULTIRUN)
    except UntrustedError as error:
        more = "" if ALLOW in str(error) or GO_ON in str(error) else f". {_own_command(options.sweep)}"
        raise SweeperError(f"{error}{more}") from error


def require_inside(folder: str, options: Options) -> None:
    """Raises SweeperError if a run of such a sweep would leave its files elsewhere: names of folders may have `..`."""
    if options.sweep is not None and not Path(folder).resolve().is_relative_to(options.sweep.resolve()):
        raise SweeperError(f"{options.sweep / MULTIRUN}: {folder} is not in the sweep's folder. Start another sweep")


def _own_command(folder: Path) -> str:
    return f"{GO_ON}, type its own command, with {SWEEP_DIR}{quoted(str(folder))} {RESUME}=true"


def _require_fitting(folder: Path, typed: Sequence[str]) -> None:
    problems = []
    for word in typed:
        if word.startswith(SWEEP_DIR):
            problems.append(f"{word}: {RESUME}={folder} says where the sweep is; leave it out")
        elif not _key(word).startswith(("hydra.", "hydra/")):
            problems.append(
                f"{word}: {RESUME}={folder} goes on with the overrides that the sweep began with; leave it out. To "
                f"extend a run of it: {RESUME}={folder}/0 trainer.epochs=…"
            )
    if problems:
        raise ConfigError(problems)


def _require_task(folder: Path, overrides: Sequence[str]) -> None:
    """Raises UntrustedError if an override is none of a run's configuration, or there are too many jobs."""
    for word in overrides:
        reason = refusal(word)
        if reason:
            raise UntrustedError(
                f"{folder / MULTIRUN}: {_shown(word)} {reason}, and a saved sweep may not. {_own_command(folder)}"
            )
    if math.prod(map(jobs_of, overrides)) > MOST_JOBS:
        raise UntrustedError(f"{folder / MULTIRUN}: asks for more than {MOST_JOBS} jobs. {_own_command(folder)}")


def _kept(saved: Sequence[str], typed: Sequence[str]) -> list[str]:
    """The saved settings that typed ones do not replace: a chosen option replaces also what was set of another one."""
    keys = [_key(word) for word in typed]
    others = [_key(word) for word in typed if "/" in _key(word) and word not in saved]
    replaced = tuple(f"{key.replace('/', '.')}." for key in others)
    return [
        word
        for word in saved
        if _key(word) not in keys and not word.startswith(OF_EACH_COMMAND) and not _key(word).startswith(replaced)
    ]


def _require_typed(folder: Path, kept: Sequence[str], flags: Sequence[str], typed: Sequence[str]) -> None:
    """Raises UntrustedError with the command that says so for what the folder alone may not say."""
    unsafe = [*flags, *(word for word in kept if not is_harmless(word))]
    if unsafe:
        words = [f"{RESUME}={folder}", *typed, *(word if word.isprintable() else repr(word) for word in unsafe)]
        raise UntrustedError(
            f"{folder / MULTIRUN}: a saved sweep is trusted no further than a saved run, and with "
            f"{shlex.join(map(_shown, unsafe))} it could run other code or write to another place. {GO_ON}, type that "
            f"yourself:\n  {program()} {shlex.join(words)}"
        )


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0].partition("@")[0]


def _shown(word: str) -> str:
    """An override in a message, where no stranger's text may be long or move the cursor."""
    text = word if word.isprintable() else repr(word)
    return text if len(text) <= 200 else f"{text[:200]}…"
