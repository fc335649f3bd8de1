"""Hydra's application around what trains. This room alone touches Hydra's inner machinery."""

import logging
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mlp_exp import signals
from mlp_exp.cli import resolvers  # noqa: F401  # so that it is known
from mlp_exp.cli.commands import begin
from mlp_exp.cli.composing import SAVED, quick_composition
from mlp_exp.cli.diagnosis import explained
from mlp_exp.cli.hydra_words import SWEEP_DIR
from mlp_exp.cli.options import OPTIONS, Options, take_options
from mlp_exp.cli.unread import unknown_flag
from mlp_exp.config.conf_folder import CONF, CONFIG_NAME, hydra_settings
from mlp_exp.config.dotted import key_in
from mlp_exp.config.words import of_folder, quoted
from mlp_exp.display.commands import DRY_RUN, RERUN, RESUME, program
from mlp_exp.errors import ArgumentError, ConfigError, MlpExpError, SweeperError, counted, describe, traceback_of
from mlp_exp.storage.lease import release_held
from mlp_exp.storage.sweep_folder import MULTIRUN, RESULTS, failures_in, in_lines, job_name

if TYPE_CHECKING:
    from mlp_exp.experiment.spec import RunSpec
    from mlp_exp.hpo.asked import Asked
    from mlp_exp.multirun.job import Job

FULL_ERROR = "HYDRA_FULL_ERROR"

USERS_ERRORS = (HydraException, OmegaConfBaseException, MlpExpError, OSError, ValueError)
"""Those that a user can cause; Hydra raises plain ValueErrors while it composes."""


@dataclass(frozen=True)
class Actions:
    """What an application does with what it has composed.

    Attributes:
        run: trains one run.
        sweep: trains the jobs of a batch together, or only describes what it would do. It is told the sweep's folder,
            and the settings of its launcher.
        search: trains the trials of a search, and returns their jobs.
        end_sweep: called with the sweep's folder after all batches, whichever launcher it had.
        read_config: gives the configuration of the run that `Options.saved` names.
    """

    run: Callable[["RunSpec", Options], float]
    sweep: Callable[[Sequence["Job"], Path, Mapping[str, Any], Options], None]
    search: Callable[["Asked", Options], "Sequence[Job]"]
    end_sweep: Callable[[Path], None]
    read_config: Callable[[Options], dict[str, Any]]


def main(actions: Actions) -> None:
    """Runs the configurations that the command line composes; never returns normally after an error.

    Exit status: 0; 1 after an error that a user can cause, with one message and no traceback; 130 after Ctrl-C; 143
    after SIGTERM. With HYDRA_FULL_ERROR=1 such errors keep their traceback.
    """
    wants_traceback = os.environ.get(FULL_ERROR, "0") not in ("", "0")
    begin()
    signals.listen()
    logging.raiseExceptions = False  # a log that cannot be written must not bury the error that is
    typed = list(sys.argv[1:])
    command = Command(actions, wants_traceback)
    try:
        command.execute(typed)
    except KeyboardInterrupt as stop:
        print("Interrupted.", file=sys.stderr)
        for note in getattr(stop, "__notes__", ()):
            print(note, file=sys.stderr)
        if command.sweep_folder and (command.sweep_folder / MULTIRUN).exists():
            from mlp_exp.cli.sweep_line import says_all  # which imports what no other command needs

            began = command.options.sweep is None
            cfg: Any = HydraConfig.instance().cfg
            alone = began and says_all(command.sweep_folder, cfg)
            line = _continuation([] if alone else typed, command.sweep_folder, short=alone or not began)
            print(f"Go on with: {line}", file=sys.stderr)
        sys.exit(143 if isinstance(stop, signals.Terminated) else 130)
    except USERS_ERRORS as error:
        if wants_traceback or (command.job_began and _is_bug(error)):
            raise
        print(describe(explained(error, command.arguments, command.typed, command.config_name)), file=sys.stderr)
        sys.exit(1)
    finally:
        release_held()
    command.report()


def _is_bug(error: Exception) -> bool:
    """A ValueError of a job keeps its traceback, but for one that a user can cause."""
    return isinstance(error, ValueError) and not isinstance(error, MlpExpError | OmegaConfBaseException)


def is_multirun(arguments: Sequence[str]) -> bool:
    return bool(get_args_parser().parse_known_args(list(arguments))[0].multirun)


def _store_saved(arguments: Sequence[str], options: Options, read_config: Callable[[Options], dict[str, Any]]) -> str:
    """Makes an earlier run's configuration the one that is composed, and returns its name.

    Raises:
        ConfigError: an option of a group is chosen, of which a saved configuration has none.
    """
    groups = {path.name for path in CONF.iterdir() if path.is_dir()}
    chosen = [argument for argument in arguments if key_in(argument).partition("@")[0] in groups]
    if chosen:
        name = of_folder(RESUME if options.resumes else RERUN, options.saved or "")
        raise ConfigError([f"{argument}: {name} takes the configuration as it was saved" for argument in chosen])
    ConfigStore.instance().store(name=SAVED, node=read_config(options))
    return SAVED


def _continuation(typed: Sequence[str], folder: Path, *, short: bool) -> str:
    """The command that continues a sweep, also one that YAML has turned on; `short` where its folder says the rest."""
    kept = [argument for argument in typed if not argument.startswith((SWEEP_DIR, f"{RESUME}="))]
    if short:
        return f"{program()} {shlex.join([f'{RESUME}={folder}', *kept])}"
    multirun = [] if is_multirun(typed) else ["-m"]
    return f"{program()} {shlex.join([*multirun, *kept, f'{SWEEP_DIR}{quoted(str(folder))}', f'{RESUME}=true'])}"


def own_hydra_settings(arguments: Sequence[str], name: str) -> list[str]:
    """Hydra's settings of `conf/run.yaml` as overrides, for another primary configuration, but for those given."""
    given = {argument.partition("=")[0] for argument in arguments}
    settings = hydra_settings(get_args_parser().parse_known_args(list(arguments))[0].config_name or name)
    return [f"{key}={value}" for key, value in settings.items() if key not in given]


class Command:
    """What Hydra calls for each job, or for a whole batch of them; one that fails never stops the others of a sweep.

    Args:
        raises: whether the error of a run by itself is raised, and not only logged and counted.

    Attributes:
        typed: the arguments of the command line.
        arguments: as Hydra reads them.
        config_name: of the primary configuration where they name none.
        options: what the command line says beside the configuration.
        job_began: whether a job has begun in this process.
        failed: the jobs that have failed, by name, with the reason of each; a run by itself has no name.
        found_nothing: whether a search, with all earlier commands, has no complete trial.
        run_folder: of the run by itself, once it has begun.
    """

    def __init__(self, actions: Actions, raises: bool) -> None:
        self._actions = actions
        self._raises = raises
        self.typed: Sequence[str] = ()
        self.arguments: list[str] = []
        self.config_name = CONFIG_NAME
        self.options = Options()
        self.job_began = False
        self.failed: list[tuple[str, str]] = []
        self.found_nothing = False
        self.run_folder: Path | None = None
        self._error: Exception | None = None

    def execute(self, typed: Sequence[str]) -> None:
        """Composes what the arguments of a command line ask for, and does it."""
        self.typed = typed
        self.arguments = list(typed)
        # what Hydra writes for a sweep that is only described
        scratch = tempfile.TemporaryDirectory() if DRY_RUN in typed else nullcontext("")
        # Hydra then lets exceptions through
        with scratch as folder, quick_composition(), env_override({FULL_ERROR: "1"}):
            self.options = take_options(self.arguments, folder, multirun=is_multirun(self.arguments))
            if self.options.saved:
                self.config_name = _store_saved(self.arguments, self.options, self._actions.read_config)
            self.arguments += own_hydra_settings(self.arguments, self.config_name)
            OPTIONS.set(self.options)
            HydraConfig.instance().cfg = None
            version.setbase("1.3")
            parser = get_args_parser()
            given, unknown = parser.parse_known_intermixed_args(self.arguments)
            if unknown:
                following = [*self.arguments, ""][self.arguments.index(unknown[0]) + 1]
                raise ArgumentError(unknown_flag(unknown[0], following))
            if given.experimental_rerun is not None:
                said = Path(given.experimental_rerun)
                saved = said.parent.parent if said.match(".hydra/config.pickle") else "RUN"
                line = f"{program()} {of_folder(RERUN, saved)}"
                raise ArgumentError(f"--experimental-rerun: is Hydra's; train a saved run again with: {line}")
            _run_hydra(given, parser, self.run, str(CONF), self.config_name)
        if self._error is not None:
            raise self._error
        if self.sweep_folder and not self.options.dry_run:
            self._actions.end_sweep(self.sweep_folder)

    @property
    def sweep_folder(self) -> Path | None:
        """Where the sweep is, once it has begun; None for a single run."""
        cfg: Any = HydraConfig.instance().cfg
        if cfg is None or cfg.hydra.mode != RunMode.MULTIRUN:
            return None
        return Path(cfg.hydra.runtime.cwd, cfg.hydra.sweep.dir)

    def run(self, cfg: DictConfig) -> float | None:
        """One job; an error that a user can cause, and any in a sweep, is logged at once and counted."""
        from mlp_exp.cli.as_typed import rewritten, with_typed
        from mlp_exp.cli.resumed_sweep import require_inside, require_trusted
        from mlp_exp.cli.specs import spec_of, typed_overrides

        self.job_began = True
        hydra_node = HydraConfig.get()
        in_sweep = hydra_node.mode == RunMode.MULTIRUN
        self.run_folder = None if in_sweep else Path(hydra_node.runtime.output_dir)
        try:
            require_trusted(cfg, typed_overrides(hydra_node), self.options)
            require_inside(hydra_node.runtime.output_dir, self.options)
            number = hydra_node.job.num if in_sweep else None
            spec = spec_of(cfg, hydra_node, hydra_node.runtime.output_dir, number)
            typed = rewritten(self.arguments) if in_sweep else {}
            return self._actions.run(with_typed(spec, typed), self.options)
        except SweeperError as error:
            raise SystemExit(str(error)) from error  # Hydra would take any other exception for that of one job
        except Exception as error:
            is_users = isinstance(error, MlpExpError | OSError)
            if self._raises and not in_sweep:
                self._error = error  # Hydra would first print a line of its own
                return None
            if self._raises or not (is_users or in_sweep):
                raise
            name = job_name(hydra_node.job.num, typed_overrides(hydra_node)) if in_sweep else ""
            self.failed.append((name, describe(error)))
            said = ": ".join(filter(None, self.failed[-1]))
            logging.getLogger("mlp_exp").error("%s", said, exc_info=traceback_of(error))
            return None

    def run_jobs(self, jobs: Sequence["Job"], sweep_folder: Path, launcher: Mapping[str, Any]) -> None:
        """All jobs of a batch."""
        self.job_began = True
        self._actions.sweep(jobs, sweep_folder.absolute(), launcher, self.options)
        self.failed += [(job.name, job.failure) for job in jobs if job.failure is not None]

    def search(self, asked: "Asked") -> "Sequence[Job]":
        """All trials of a search, of which some may fail; whether all did is said at its end."""
        self.job_began = True
        jobs = self._actions.search(asked, self.options)
        failed = [(job.name, job.failure) for job in jobs if job.failure is not None]
        if self.options.dry_run:
            self.failed += failed if len(failed) == len(jobs) else []
        elif not (asked.folder / RESULTS).exists():
            self.found_nothing = True
            self.failed = list(dict([*failures_in(asked.folder), *failed]).items())
        return jobs

    def report(self) -> None:
        """Names a sweep's failed jobs once more and exits with status 1, if there are any; of a search that has no
        complete trial all those that failed, and of another one none.
        """
        if self.found_nothing:
            why = f"; {counted(len(self.failed), 'job')} failed:" if self.failed else ": none has a finite value."
            sys.exit("\n".join([f"No trial of the search is complete{why}", *in_lines(self.failed)]))
        if self.sweep_folder and not self.job_began:  # a launcher has run the jobs in other processes
            self.failed = failures_in(self.sweep_folder)
        if len(self.failed) > 1 or (self.failed and (self.options.dry_run or not self.job_began)):
            print("\n".join([f"{counted(len(self.failed), 'job')} failed:", *in_lines(self.failed)]), file=sys.stderr)
        if self.failed:
            sys.exit(1)
