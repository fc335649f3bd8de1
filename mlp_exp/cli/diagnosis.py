"""All mistakes of a command line in one message, where Hydra would report its first alone."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.cli.as_typed import of_each_run
from mlp_exp.cli.composing import quick_composition
from mlp_exp.cli.hydra_diagnosis import choices, unknown_setting
from mlp_exp.cli.option_diagnosis import is_of_table, no_option, of_another_option, unknown_key
from mlp_exp.cli.unread import unread_problems
from mlp_exp.config.conf_folder import CONF
from mlp_exp.config.words import quoted
from mlp_exp.errors import ArgumentError, ConfigError, MlpExpError

ONE_VALUE = ("Ambiguous value", "requires --multirun")
"""What Hydra says of several values without a sweep."""


def explained(error: Exception, arguments: Sequence[str], typed: Sequence[str], config_name: str) -> Exception:
    """An error that says in words what is wrong: this one, or one in its place where it is Hydra's.

    Args:
        arguments: as Hydra reads them.
        typed: those of the command line.
        config_name: of the primary configuration where they name none.
    """
    if isinstance(error, MlpExpError) or not isinstance(error, HydraException | OmegaConfBaseException | ValueError):
        return error
    args = get_args_parser().parse_known_intermixed_args(list(arguments))[0]
    if args.shell_completion:
        return ArgumentError(str(error))
    if args.config_dir and not Path(args.config_dir).is_dir():
        return ArgumentError(f"--config-dir {args.config_dir}: there is no such folder")
    unread = unread_problems(
        args.overrides, are_one=any(text in str(error) for text in ONE_VALUE), sweeps=args.multirun
    )
    readable = [word for word in args.overrides if word not in unread]
    try:
        composed = _diagnose(readable, args.config_dir, args.config_name or config_name)
    except (HydraException, OmegaConfBaseException, ValueError):
        composed = []
    from mlp_exp.cli.search_diagnosis import search_problems  # reads the schema, as all that follows a mistake

    problems: list[str] = []
    for found in (search_problems(args.overrides, error, typed), list(dict.fromkeys(unread.values())), composed):
        said = {line.partition(":")[0] for line in problems}
        problems += [line for line in found if line.partition(":")[0] not in said]
    if not problems and isinstance(error, OmegaConfBaseException) and error.full_key:
        from mlp_exp.config.validation import unresolved

        problems = [unresolved(error)]
    if problems:
        return ConfigError(problems)
    cause = f"\n{error.__cause__}" if isinstance(error.__cause__, OmegaConfBaseException) else ""
    return ArgumentError(f"{error}{cause}")


def _diagnose(overrides: Sequence[str], config_dir: str | None, config_name: str) -> list[str]:
    """Composes again with every key allowed and checks what comes out, so that all mistakes are found at once."""
    from mlp_exp.config.validation import find_problems

    extra = [f"hydra.searchpath=[file://{Path(config_dir).resolve()}]"] if config_dir else []
    problems: list[str] = []
    allowed, valid = list(extra), []
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    GlobalHydra.instance().clear()
    with quick_composition(), hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        composed = loader.load_configuration(config_name, extra, RunMode.RUN)  # learns of what --config-dir adds
        with suppress(HydraException):  # there is no such option
            composed = loader.load_configuration(config_name, [*extra, *choices(parsed)], RunMode.RUN)
        groups = set(loader.list_groups("")) - {"hydra"}
        for override in parsed:
            group = override.key_or_group
            unknown = unknown_setting(override, composed.hydra)
            if unknown:
                problems.append(unknown)
            elif group in groups:
                options = loader.get_group_options(group, config_name=config_name, overrides=extra)
                mistakes, choice = _check_choice(override, options, has_own=config_dir is not None)
                problems += mistakes
                allowed += choice
                valid += choice[:1]
            elif override.is_interval_sweep():
                mistakes, choice = _check_interval(override)
                problems += mistakes
                allowed += choice
            else:
                allowed.append(_forced(override))
        cfg = hydra.compose(config_name, overrides=allowed)
        problems += [
            of_another_option(line) for line in find_problems(cfg, [of_each_run(word)[0] for word in overrides])
        ]
        if not problems:
            chosen = hydra.compose(config_name, overrides=[*extra, *valid])
            problems = [line for override in parsed if (line := unknown_key(override, chosen))]
    return problems


def _check_interval(override: Override) -> tuple[list[str], list[str]]:
    """Mistakes in a range of a search, and an override with its start."""
    from mlp_exp.hpo.reading import read_dimension

    try:
        dimension = read_dimension(override)
    except ConfigError as error:
        return error.problems, []
    return [], [f"++{dimension.override(dimension.low).lstrip('+')}"]


def _values(override: Override) -> list[str]:
    """The values that an override stands for, as text; more than one in a sweep."""
    if override.is_discrete_sweep():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]


def _check_choice(override: Override, options: Sequence[str], *, has_own: bool) -> tuple[list[str], list[str]]:
    """Mistakes in the choice of a group's option, and an override that chooses a valid one."""
    from mlp_exp.config.targets import did_you_mean

    group = override.key_or_group
    values = _values(override)
    mistakes = [
        no_option(group, option, did_you_mean(option, options, "Options"), has_own=has_own)
        for value in values
        for option in _chosen(value)
        if option not in options
    ]
    valid = [[option for option in _chosen(value) if option in options] for value in values]
    if mistakes and is_of_table(group, values[0]):
        return mistakes, [f"{group}=table", f"++data.path={quoted(values[0])}"]
    return mistakes, [
        f"{group}=[{','.join(chosen)}]" if len(chosen) > 1 else f"{group}={chosen[0]}" for chosen in valid if chosen
    ][:1]


def _chosen(value: str) -> list[str]:
    """The options in a value: of some groups several can be chosen, as `[mine,debug]`."""
    return value[1:-1].split(",") if value.startswith("[") else [value]


def _forced(override: Override) -> str:
    """The override so that it may add a key; of a sweep, its first value."""
    if override.is_delete() or override.is_hydra_override():
        return override.input_line or ""
    return f"++{override.key_or_group}={_values(override)[0]}"
