"""The line of `resume=SWEEP`: what the folder of a sweep says of its command, trusted no further than a saved run."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig, OmegaConf

from mlp_exp.cli.hydra_words import SWEEP_DIR
from mlp_exp.cli.saved_overrides import GO_ON, is_harmless, require_overrides, shown
from mlp_exp.config.dotted import dotted, key_in
from mlp_exp.config.trust import foreign_packages
from mlp_exp.config.words import of_folder, quoted
from mlp_exp.display.commands import RESUME, program
from mlp_exp.errors import ArgumentError, ConfigError, MlpExpError, UntrustedError
from mlp_exp.storage.multirun_file import read_sweep
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN, place_of

OF_EACH_COMMAND = (SWEEP_DIR, "hydra.mode=", "hydra.run.dir=")
"""Settings that the sweep's command may have had, and that the one which goes on has its own of, or does not need."""


def arguments_of(folder: Path, typed: Sequence[str]) -> list[str]:
    """The command line, as Hydra is to read it, that goes on with the sweep in a folder.

    Args:
        folder: may come from a stranger; checked here.
        typed: the rest of the command line; its settings of Hydra replace those of the sweep.

    Raises:
        ArgumentError: they ask to show a configuration.
        ConfigError: with a line for each typed word that does not fit.
        RunFolderError: the sweep's settings are damaged.
        UntrustedError: they are not those of a sweep alone, or links lead out of the folder.
    """
    args = get_args_parser().parse_known_intermixed_args(list(typed))[0]
    _require_no_look(folder, args)
    flags = [word for word in typed if word not in args.overrides]
    _require_fitting(folder, args.overrides)
    RunFolder(folder).require_own_files()
    saved = read_sweep(folder)
    require_overrides(folder, saved.overrides.task)
    kept = _kept(saved.typed, args.overrides)
    given = {"--config-dir": args.config_dir, "--config-name": args.config_name}
    missing = [word for flag, value in saved.flags if given[flag] is None for word in (flag, value)]
    _require_typed(folder, kept, missing, typed)
    sweep = f"{SWEEP_DIR}{quoted(str(folder))}"
    return ["--multirun", *flags, *saved.overrides.task, *kept, *args.overrides, sweep]


def says_all(folder: Path, config: DictConfig) -> bool:
    """Whether `resume=SWEEP` alone goes on with a sweep: its folder may say all of its command, and it has no launcher.

    Args:
        config: that of its command.
    """
    plain: Any = OmegaConf.to_container(config, resolve=False)
    plain.pop("hydra", None)
    if foreign_packages(plain, by_name=True):
        return False
    try:
        words = arguments_of(folder, [])
    except MlpExpError:
        return False
    return not any(_key(word).startswith(("hydra/launcher", "hydra.launcher.")) for word in words)


def _require_no_look(folder: Path, args: Namespace) -> None:
    """Raises ArgumentError for a flag that shows a configuration: a sweep has several."""
    flag = f"--cfg {args.cfg}" if args.cfg else "--info" if args.info else ""
    if flag:
        raise ArgumentError(
            f"{flag}: shows one configuration, and {of_folder(RESUME, folder)} is a sweep. That of a run of it: "
            f"{program()} {of_folder(RESUME, folder / place_of(folder, 0))} {flag}"
        )


def _require_fitting(folder: Path, typed: Sequence[str]) -> None:
    wrong = [word for word in typed if word.startswith(SWEEP_DIR) or not _key(word).startswith(("hydra.", "hydra/"))]
    if not wrong:
        return
    problems, resume = [], of_folder(RESUME, folder)
    run = RunFolder(folder / place_of(folder, 0))
    extend = f"To extend a run of it: {of_folder(RESUME, run.path)} trainer.epochs=…"
    if _goes_by_epochs(run):
        extend = "Its schedule depends on the number of epochs: for another one begin a new sweep"
    for word in wrong:
        if word.startswith(SWEEP_DIR):
            problems.append(f"{shlex.quote(word)}: {resume} says where the sweep is; leave it out")
        else:
            problems.append(
                f"{word}: {resume} goes on with the overrides that the sweep began with; leave it out. {extend}"
            )
    raise ConfigError(problems)


def _goes_by_epochs(run: RunFolder) -> bool:
    """Whether with more epochs a run's earlier rates would have been others, as far as its configuration says so."""
    try:
        config = run.config()
    except MlpExpError:
        return False
    values = list(dotted(config))
    scheduler = [str(value) for key, value in values if key.startswith("scheduler.")]
    curved = [value for key, value in values if "_schedule" in key]
    return "flat_cosine" in curved or any("${trainer.epochs}" in word or "LogCosine" in word for word in scheduler)


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
            f"{shlex.join(map(shown, unsafe))} it could run other code or write to another place. {GO_ON}, type that "
            f"yourself:\n  {program()} {shlex.join(words)}"
        )


def _key(word: str) -> str:
    return key_in(word).partition("@")[0]
