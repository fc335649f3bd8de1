"""A command called from Python: it changes nothing of the process that the caller would notice afterwards."""

import gc
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.cli.application import USERS_ERRORS, Actions, Command, is_multirun
from mlp_exp.cli.diagnosis import explained
from mlp_exp.errors import ArgumentError, MlpExpError, traceback_of
from mlp_exp.processes.blas import blas
from mlp_exp.storage.lease import release_held
from mlp_exp.storage.sweep_folder import in_lines


@dataclass(frozen=True)
class Called:
    """What a command has done.

    Attributes:
        folder: of the run or of the sweep.
        failed: a line for each reason for which jobs of a sweep have failed.
        interrupted: whether Ctrl-C has ended it early.
    """

    folder: Path
    failed: tuple[str, ...] = ()
    interrupted: bool = False


def call(actions: Actions, arguments: Sequence[str]) -> Called:
    """Does what the arguments of a command line ask for, in this process, of which it takes all: one call at a time.

    Raises:
        MlpExpError: as the command line reports it.
        KeyboardInterrupt: before there was a folder.
    """
    with _undisturbed():
        command = Command(actions, raises=not is_multirun(arguments))
        interrupted = False
        try:
            command.execute(arguments)
        except KeyboardInterrupt:
            interrupted = True
        except USERS_ERRORS as error:
            said = (
                error if command.job_began else explained(error, command.arguments, command.typed, command.config_name)
            )
            if said is error and not _says_it_all(error):
                raise
            raise said.with_traceback(None) from None
        except SystemExit as end:
            if isinstance(end.__cause__, USERS_ERRORS):
                raise end.__cause__.with_traceback(None) from None
            raise
        finally:
            release_held()
        folder = command.sweep_folder or command.run_folder
        if folder is None or not folder.exists():
            if not interrupted:
                raise ArgumentError(f"{' '.join(arguments)}: trains nothing")
            raise KeyboardInterrupt
        return Called(folder.absolute(), tuple(in_lines(command.failed)), interrupted)


def _says_it_all(error: Exception) -> bool:
    """Whether the way to an error, through Hydra, tells nothing: it is no bug, nor caused by one in a user's code."""
    causes = (type(None), MlpExpError, HydraException, OmegaConfBaseException)
    return isinstance(error, MlpExpError) and traceback_of(error) is None and isinstance(error.__cause__, causes)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Afterwards Hydra, logs, the import path, garbage collection and the threads of torch and NumPy are as before."""
    root, hydra = logging.getLogger(), GlobalHydra.instance()
    handlers, level, held = list(root.handlers), root.level, list(logging._handlerList)  # type: ignore[attr-defined]
    before, job, path = hydra.hydra, HydraConfig.instance().cfg, list(sys.path)
    base, name = VersionBase.instance().getbase(), JobRuntime.instance().conf
    threads, of_blas = torch.get_num_threads(), blas().info()
    collects, thresholds, frozen = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()
    hydra.clear()
    JobRuntime.instance().conf = name.copy()
    logging._handlerList.clear()  # type: ignore[attr-defined]  # configuring logs closes all handlers that are known
    try:
        yield
    finally:
        hydra.hydra, HydraConfig.instance().cfg = before, job
        VersionBase.instance().version_base, JobRuntime.instance().conf = base, name
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
        logging._handlerList[:] = held  # type: ignore[attr-defined]
        sys.path[:] = path
        torch.set_num_threads(threads)
        if not collects:
            gc.disable()
            gc.set_threshold(*thresholds)
        if not frozen:
            gc.unfreeze()
        blas().limit(limits={each["prefix"]: each["num_threads"] for each in of_blas})
