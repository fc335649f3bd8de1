"""Hydra's command line around one task: the only file that touches Hydra's inner machinery."""

import logging
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mlp_exp import signals
from mlp_exp.cli.commands import begin
from mlp_exp.cli.options import SWEEP_DIR, Options, take_options
from mlp_exp.config.conf_folder import CONF, CONFIG_NAME, hydra_settings
from mlp_exp.display.commands import DRY_RUN, RERUN, RESUME, program
from mlp_exp.errors import ConfigError, MlpExpError, describe

if TYPE_CHECKING:
    from mlp_exp.cli.jobs import Job

FULL_ERROR = "HYDRA_FULL_ERROR"

SAVED = "saved_run"
"""Name of the configuration that is that of an earlier run."""


_options = Options()


def options() -> Options:
    """What the command line says beside the configuration."""
    return _options


Run = Callable[[DictConfig], float]
RunSweep = Callable[[Sequence["Job"], Path, int | None, bool], None]
EndSweep = Callable[[Path], None]
ReadConfig = Callable[[Options], dict[str, Any]]


def main(run: Run, run_sweep: RunSweep, end_sweep: EndSweep, read_config: ReadConfig) -> None:
    """Runs the configurations that the command line composes; never returns normally after an error.

    Exit status: 0; 1 after an error that the user can mend, with one message and no traceback; 130 after Ctrl-C; 143
    after SIGTERM. With HYDRA_FULL_ERROR=1 such errors keep their traceback.

    Args:
        run: trains one run; its job is the one at hand.
        run_sweep: trains the jobs of a batch together. It is told the sweep's folder, how many may form a stack (None:
            as it sees fit), and whether to describe only what it would do.
        end_sweep: called with the sweep's folder after all batches.
        read_config: gives the configuration of the run that `Options.saved` names.
    """
    global _options  # noqa: PLW0603
    wants_traceback = os.environ.get(FULL_ERROR, "0") not in ("", "0")
    os.environ[FULL_ERROR] = "1"  # Hydra then lets exceptions through, and they are reported here
    begin()
    signals.listen()
    logging.raiseExceptions = False  # a log that cannot be written must not bury the error that is
    typed = list(sys.argv[1:])
    command = Command(run, run_sweep, wants_traceback)
    # what Hydra writes for a sweep that is only described
    scratch = tempfile.TemporaryDirectory() if DRY_RUN in sys.argv else nullcontext("")
    try:
        with scratch as folder:
            arguments = sys.argv[1:]
            _options = take_options(arguments, folder, multirun=_is_multirun(arguments))
            name = _store_saved(arguments, read_config) if _options.saved else CONFIG_NAME
            sys.argv[1:] = arguments + own_hydra_settings(arguments, name)
            hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(command.run)()
        if command.sweep_folder and not _options.dry_run:
            end_sweep(command.sweep_folder)
    except KeyboardInterrupt as stop:
        print("Interrupted.", file=sys.stderr)
        for note in getattr(stop, "__notes__", ()):
            print(note, file=sys.stderr)
        if command.sweep_folder:
            print(f"Go on with: {_continuation(typed, command.sweep_folder)}", file=sys.stderr)
        sys.exit(143 if isinstance(stop, signals.Terminated) else 130)
    except (HydraException, OmegaConfBaseException, MlpExpError, OSError, ValueError) as error:
        # Hydra raises plain ValueErrors while it composes; one of a job is a bug and keeps its traceback
        if wants_traceback or (isinstance(error, ValueError) and command.job_began):
            raise
        print(_explain(error), file=sys.stderr)
        sys.exit(1)
    command.report()


def _is_multirun(arguments: Sequence[str]) -> bool:
    return bool(get_args_parser().parse_known_args(list(arguments))[0].multirun)


def _store_saved(arguments: Sequence[str], read_config: ReadConfig) -> str:
    """Makes an earlier run's configuration the one that is composed, and returns its name.

    Raises:
        ConfigError: an option of a group is chosen; there are values to change, but no groups any more.
    """
    groups = {path.name for path in CONF.iterdir() if path.is_dir()}
    chosen = [argument for argument in arguments if argument.lstrip("+~").partition("=")[0].partition("@")[0] in groups]
    if chosen:
        name = f"{RESUME if _options.resumes else RERUN}={_options.saved}"
        raise ConfigError([f"{argument}: {name} takes the configuration as it was saved" for argument in chosen])
    ConfigStore.instance().store(name=SAVED, node=read_config(_options))
    return SAVED


def _continuation(typed: Sequence[str], folder: Path) -> str:
    """The command that goes on with a sweep."""
    kept = [argument for argument in typed if not argument.startswith((SWEEP_DIR, f"{RESUME}="))]
    return f"{program()} {shlex.join([*kept, f'{SWEEP_DIR}{folder}', f'{RESUME}=true'])}"


def own_hydra_settings(arguments: Sequence[str], name: str) -> list[str]:
    """Hydra's settings of `conf/run.yaml` as overrides, for another primary configuration, but for those given."""
    given = {argument.partition("=")[0] for argument in arguments}
    settings = hydra_settings(get_args_parser().parse_known_args(list(arguments))[0].config_name or name)
    return [f"{key}={value}" for key, value in settings.items() if key not in given]


class Command:
    """What Hydra calls for each job, or for a whole batch of them; one that fails never stops the others of a sweep.

    Attributes:
        sweep_folder: where the sweep is, once one of its jobs has begun.
    """

    def __init__(self, run: Run, run_sweep: RunSweep, wants_traceback: bool) -> None:
        self._run = run
        self._run_sweep = run_sweep
        self._wants_traceback = wants_traceback
        self._failed: list[str] = []
        self.job_began = False
        self.sweep_folder: Path | None = None

    def run(self, cfg: DictConfig) -> float | None:
        """One job; an error that the user can mend, and any in a sweep, is logged at once and counted."""
        self.job_began = True
        job = HydraConfig.get().job
        self.sweep_folder = sweep_folder()
        try:
            return self._run(cfg)
        except Exception as error:
            mendable = isinstance(error, MlpExpError | OSError)
            if self._wants_traceback or not (mendable or in_sweep()):
                raise
            name = f"job {job.num} ({job.override_dirname}): " if in_sweep() else ""
            self._failed.append(f"{name}{describe(error)}")
            logging.getLogger("mlp_exp").error("%s", self._failed[-1], exc_info=None if mendable else error)
            return None

    def run_jobs(self, jobs: Sequence["Job"], sweep_folder: Path, max_stack: int | None) -> None:
        """All jobs of a batch."""
        self.job_began = True
        self.sweep_folder = sweep_folder.absolute()
        self._run_sweep(jobs, self.sweep_folder, max_stack, _options.dry_run)
        self._failed += [f"{job.name}: {job.failure}" for job in jobs if job.failure is not None]

    def report(self) -> None:
        """Names a sweep's failed jobs once more and exits with status 1, if there are any."""
        if len(self._failed) > 1 or (self._failed and _options.dry_run):
            count = f"{len(self._failed)} job{'s' * (len(self._failed) != 1)} failed:"
            print("\n".join([count, *self._failed]), file=sys.stderr)
        if self._failed:
            sys.exit(1)


def in_sweep() -> bool:
    """Whether the job at hand is one of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def sweep_folder() -> Path | None:
    """The folder of the sweep that the job at hand is of."""
    return Path(HydraConfig.get().runtime.cwd, HydraConfig.get().sweep.dir) if in_sweep() else None


def output_dir() -> Path:
    """The folder of the job at hand."""
    return Path(HydraConfig.get().runtime.output_dir)


def task_overrides() -> list[str]:
    """The overrides of the job at hand, without those of Hydra itself."""
    return list(HydraConfig.get().overrides.task)


def _explain(error: Exception) -> str:
    """All mistakes of the command line where Hydra would report its first alone."""
    if not isinstance(error, HydraException | OmegaConfBaseException | ValueError):
        return describe(error)
    args = get_args_parser().parse_args()
    if args.shell_completion:
        return str(error)
    foreign = next((override for override in args.overrides if not override.isascii()), None)
    if foreign and "Lexer" in str(error):
        key, _, value = foreign.partition("=")
        return f"{foreign}: letters other than a to z need quotes within quotes: '{key}=\"{value.strip('[]')}\"'"
    if args.config_dir and not Path(args.config_dir).is_dir():
        return f"--config-dir {args.config_dir}: there is no such folder"
    try:
        problems = _diagnose(
            args.overrides, args.config_dir, args.config_name or (SAVED if _options.saved else CONFIG_NAME)
        )
    except (HydraException, OmegaConfBaseException, ValueError):
        problems = []
    if problems:
        return str(ConfigError(problems))
    cause = f"\n{error.__cause__}" if isinstance(error.__cause__, OmegaConfBaseException) else ""
    return f"{error}{cause}"


def _diagnose(overrides: Sequence[str], config_dir: str | None, config_name: str) -> list[str]:
    """Composes again with every key allowed and checks what comes out, so that all mistakes are found at once."""
    from mlp_exp.config.validation import find_problems

    extra = [f"hydra.searchpath=[file://{Path(config_dir).resolve()}]"] if config_dir else []
    problems: list[str] = []
    allowed = list(extra)
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        loader.load_configuration(config_name, extra, RunMode.RUN)  # learns of the groups that --config-dir adds
        groups = set(loader.list_groups("")) - {"hydra"}
        for override in OverridesParser.create().parse_overrides(list(overrides)):
            group = override.key_or_group
            if group in groups:
                options = loader.get_group_options(group, config_name=config_name, overrides=extra)
                mistakes, choice = _check_choice(override, options)
                problems += mistakes
                allowed += choice
            else:
                allowed.append(_forced(override))
        cfg = hydra.compose(config_name, overrides=allowed)
    return problems + find_problems(cfg, overrides)


def _values(override: Override) -> list[str]:
    """The values that an override stands for, as text; more than one in a sweep."""
    if override.is_discrete_sweep():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]


def _check_choice(override: Override, options: Sequence[str]) -> tuple[list[str], list[str]]:
    """Mistakes in the choice of a group's option, and an override that chooses a valid one."""
    from mlp_exp.config.targets import did_you_mean

    group = override.key_or_group
    values = _values(override)
    valid = [value for value in values if value in options]
    mistakes = [
        f"{group}: there is no option '{value}'.{did_you_mean(value, options, 'Options')}"
        for value in values
        if value not in options
    ]
    return mistakes, [f"{group}={valid[0]}"] if valid else []


def _forced(override: Override) -> str:
    """The override so that it may add a key; of a sweep, its first value."""
    if override.is_delete() or override.is_hydra_override():
        return override.input_line or ""
    return f"++{override.key_or_group}={_values(override)[0]}"
