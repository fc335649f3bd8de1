"""Hydra's command line around one task. This room alone touches Hydra's inner machinery."""

import logging
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra._internal.utils import get_args_parser
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
from mlp_exp.cli.diagnosis import explain
from mlp_exp.cli.hydra_words import SWEEP_DIR, quoted
from mlp_exp.cli.options import OPTIONS, Options, take_options
from mlp_exp.config.conf_folder import CONF, CONFIG_NAME, hydra_settings
from mlp_exp.config.dotted import key_in
from mlp_exp.display.commands import DRY_RUN, RERUN, RESUME, program
from mlp_exp.errors import ConfigError, MlpExpError, SweeperError, describe, traceback_of
from mlp_exp.storage.lease import release_held
from mlp_exp.storage.sweep_folder import MULTIRUN, failures_in, job_name

if TYPE_CHECKING:
    from mlp_exp.experiment.spec import RunSpec
    from mlp_exp.hpo.asked import Asked
    from mlp_exp.multirun.job import Job

FULL_ERROR = "HYDRA_FULL_ERROR"

Run = Callable[["RunSpec", Options], float]
RunSweep = Callable[[Sequence["Job"], Path, Mapping[str, Any], Options], None]
RunSearch = Callable[["Asked", Options], "Sequence[Job]"]
EndSweep = Callable[[Path], None]
ReadConfig = Callable[[Options], dict[str, Any]]


def main(run: Run, run_sweep: RunSweep, run_search: RunSearch, end_sweep: EndSweep, read_config: ReadConfig) -> None:
    """Runs the configurations that the command line composes; never returns normally after an error.

    Exit status: 0; 1 after an error that a user can cause, with one message and no traceback; 130 after Ctrl-C; 143
    after SIGTERM. With HYDRA_FULL_ERROR=1 such errors keep their traceback.

    Args:
        run: trains one run.
        run_sweep: trains the jobs of a batch together, or only describes what it would do. It is told the sweep's
            folder, and the settings of its launcher.
        run_search: trains the trials of a search, and returns their jobs.
        end_sweep: called with the sweep's folder after all batches, whichever launcher it had.
        read_config: gives the configuration of the run that `Options.saved` names.
    """
    wants_traceback = os.environ.get(FULL_ERROR, "0") not in ("", "0")
    begin()
    signals.listen()
    logging.raiseExceptions = False  # a log that cannot be written must not bury the error that is
    typed = list(sys.argv[1:])
    command = Command(run, run_sweep, run_search, wants_traceback)
    name = CONFIG_NAME
    # what Hydra writes for a sweep that is only described
    scratch = tempfile.TemporaryDirectory() if DRY_RUN in sys.argv else nullcontext("")
    try:
        # Hydra then lets exceptions through, and they are reported here
        with scratch as folder, quick_composition(), env_override({FULL_ERROR: "1"}):
            arguments = sys.argv[1:]
            command.options = take_options(arguments, folder, multirun=_is_multirun(arguments))
            name = _store_saved(arguments, command.options, read_config) if command.options.saved else CONFIG_NAME
            sys.argv[1:] = arguments + own_hydra_settings(arguments, name)
            OPTIONS.set(command.options)
            HydraConfig.instance().cfg = None
            hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(command.run)()
        if command.sweep_folder and not command.options.dry_run:
            end_sweep(command.sweep_folder)
    except KeyboardInterrupt as stop:
        print("Interrupted.", file=sys.stderr)
        for note in getattr(stop, "__notes__", ()):
            print(note, file=sys.stderr)
        if command.sweep_folder and (command.sweep_folder / MULTIRUN).exists():
            short = command.options.sweep is not None
            print(f"Go on with: {_continuation(typed, command.sweep_folder, short=short)}", file=sys.stderr)
        sys.exit(143 if isinstance(stop, signals.Terminated) else 130)
    except (HydraException, OmegaConfBaseException, MlpExpError, OSError, ValueError) as error:
        if wants_traceback or (command.job_began and _is_bug(error)):
            raise
        print(explain(error, name), file=sys.stderr)
        sys.exit(1)
    finally:
        release_held()
    command.report()


def _is_bug(error: Exception) -> bool:
    """Hydra raises plain ValueErrors while it composes; one of a job is a bug and keeps its traceback."""
    return isinstance(error, ValueError) and not isinstance(error, OmegaConfBaseException)


def _is_multirun(arguments: Sequence[str]) -> bool:
    return bool(get_args_parser().parse_known_args(list(arguments))[0].multirun)


def _store_saved(arguments: Sequence[str], options: Options, read_config: ReadConfig) -> str:
    """Makes an earlier run's configuration the one that is composed, and returns its name.

    Raises:
        ConfigError: an option of a group is chosen, of which a saved configuration has none.
    """
    groups = {path.name for path in CONF.iterdir() if path.is_dir()}
    chosen = [argument for argument in arguments if key_in(argument).partition("@")[0] in groups]
    if chosen:
        name = f"{RESUME if options.resumes else RERUN}={options.saved}"
        raise ConfigError([f"{argument}: {name} takes the configuration as it was saved" for argument in chosen])
    ConfigStore.instance().store(name=SAVED, node=read_config(options))
    return SAVED


def _continuation(typed: Sequence[str], folder: Path, *, short: bool) -> str:
    """The command that continues a sweep, also one that YAML has turned on; `short` as this command did."""
    kept = [argument for argument in typed if not argument.startswith((SWEEP_DIR, f"{RESUME}="))]
    if short:
        return f"{program()} {shlex.join([f'{RESUME}={folder}', *kept])}"
    multirun = [] if _is_multirun(typed) else ["-m"]
    return f"{program()} {shlex.join([*multirun, *kept, f'{SWEEP_DIR}{quoted(str(folder))}', f'{RESUME}=true'])}"


def own_hydra_settings(arguments: Sequence[str], name: str) -> list[str]:
    """Hydra's settings of `conf/run.yaml` as overrides, for another primary configuration, but for those given."""
    given = {argument.partition("=")[0] for argument in arguments}
    settings = hydra_settings(get_args_parser().parse_known_args(list(arguments))[0].config_name or name)
    return [f"{key}={value}" for key, value in settings.items() if key not in given]


class Command:
    """What Hydra calls for each job, or for a whole batch of them; one that fails never stops the others of a sweep.

    Attributes:
        options: what the command line says beside the configuration.
        job_began: whether a job has begun in this process.
    """

    def __init__(self, run: Run, run_sweep: RunSweep, run_search: RunSearch, wants_traceback: bool) -> None:
        self._run = run
        self._run_sweep = run_sweep
        self._run_search = run_search
        self._wants_traceback = wants_traceback
        self._failed: list[str] = []
        self.options = Options()
        self.job_began = False

    @property
    def sweep_folder(self) -> Path | None:
        """Where the sweep is, once it has begun; None for a single run."""
        cfg: Any = HydraConfig.instance().cfg
        if cfg is None or cfg.hydra.mode != RunMode.MULTIRUN:
            return None
        return Path(cfg.hydra.runtime.cwd, cfg.hydra.sweep.dir)

    def run(self, cfg: DictConfig) -> float | None:
        """One job; an error that a user can cause, and any in a sweep, is logged at once and counted."""
        from mlp_exp.cli.resumed_sweep import require_inside, require_trusted
        from mlp_exp.cli.specs import spec_of, typed_overrides

        self.job_began = True
        hydra_node = HydraConfig.get()
        in_sweep = hydra_node.mode == RunMode.MULTIRUN
        try:
            require_trusted(cfg, typed_overrides(hydra_node), self.options)
            require_inside(hydra_node.runtime.output_dir, self.options)
            number = hydra_node.job.num if in_sweep else None
            return self._run(spec_of(cfg, hydra_node, hydra_node.runtime.output_dir, number), self.options)
        except SweeperError as error:
            sys.exit(str(error))  # Hydra would take any other exception for that of one job
        except Exception as error:
            is_users = isinstance(error, MlpExpError | OSError)
            if self._wants_traceback or not (is_users or in_sweep):
                raise
            name = f"{job_name(hydra_node.job.num, typed_overrides(hydra_node))}: " if in_sweep else ""
            self._failed.append(f"{name}{describe(error)}")
            logging.getLogger("mlp_exp").error("%s", self._failed[-1], exc_info=traceback_of(error))
            return None

    def run_jobs(self, jobs: Sequence["Job"], sweep_folder: Path, launcher: Mapping[str, Any]) -> None:
        """All jobs of a batch."""
        self.job_began = True
        self._run_sweep(jobs, sweep_folder.absolute(), launcher, self.options)
        self._failed += [f"{job.name}: {job.failure}" for job in jobs if job.failure is not None]

    def search(self, asked: "Asked") -> "Sequence[Job]":
        """All trials of a search, of which some may fail, but not all."""
        self.job_began = True
        jobs = self._run_search(asked, self.options)
        if all(job.failure is not None for job in jobs):
            self._failed += [f"{job.name}: {job.failure}" for job in jobs]
        return jobs

    def report(self) -> None:
        """Names a sweep's failed jobs once more and exits with status 1, if there are any."""
        if self.sweep_folder and not self.job_began:  # a launcher has run the jobs in other processes
            self._failed = failures_in(self.sweep_folder)
        if len(self._failed) > 1 or (self._failed and (self.options.dry_run or not self.job_began)):
            count = f"{len(self._failed)} job{'s' * (len(self._failed) != 1)} failed:"
            print("\n".join([count, *self._failed]), file=sys.stderr)
        if self._failed:
            sys.exit(1)
