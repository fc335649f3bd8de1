"""Every error that a user can cause.

Each message says where, what was expected, what was found and what to do. The command line prints it without a
traceback and exits with status 1.
"""

import errno
from collections.abc import Sequence

FULL = (errno.ENOSPC, errno.EDQUOT)
TOO_LONG = "; 255 bytes are the most. Shorten hydra.run.dir, hydra.sweep.dir or hydra.sweep.subdir"
"""What to do where the name of a folder is too long: it may be made of overrides."""


class MlpExpError(Exception):
    """Base of all errors that are reported as one message."""


class ConfigError(MlpExpError, ValueError):
    """Mistakes in the keys, values, types and `_target_` of a configuration, reported together.

    `problems` has a line for each, as `key: expected …, got …`. It is a ValueError, as Python has for wrong arguments.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(list(problems))  # as they are: an error is made again in another process
        self.problems = list(problems)

    def __str__(self) -> str:
        count = counted(len(self.problems), "mistake")
        return "\n".join([f"The configuration has {count}:", *(f"  {p}" for p in self.problems)])


class ArgumentError(MlpExpError):
    """The arguments of a command cannot be read."""


class SweeperError(MlpExpError):
    """The sweeper and the runs do not fit together; it ends the whole sweep, not one run."""


class LauncherError(MlpExpError):
    """Where a sweep is to train cannot be reached, or does not have what was asked for."""


class DiskFullError(MlpExpError):
    """The disk of a worker is full; what it trained can go on elsewhere."""


class DataError(MlpExpError):
    """The data cannot be used as asked."""


class InputError(DataError, ValueError):
    """What an estimator was given cannot be used; scikit-learn expects a ValueError."""


class TrainingError(MlpExpError):
    """Network, loss, optimizer and scheduler do not fit together."""


class DivergedError(TrainingError):
    """A loss was not finite."""

    def __init__(self, epoch: int) -> None:
        super().__init__(epoch)
        self.epoch = epoch

    def __str__(self) -> str:
        return (
            f"The run diverged in epoch {self.epoch}: its loss was not a finite number. The usual causes are a "
            "learning rate that is too high (try a tenth of optimizer.lr), gradients without a bound (try "
            "trainer.clip_grad_norm=1) and features that are not scaled (preprocess=standard)."
        )


class CallbackError(TrainingError):
    """A callback of a run has failed; the cause is what it raised, and the run's log has the traceback."""


class NotReproducedError(TrainingError):
    """A run that was trained again came out differently."""


class ExportError(MlpExpError):
    """A run cannot be exported, or what was exported predicts something else."""


class RunFolderError(MlpExpError):
    """The run folder cannot be used."""


class CheckpointVersionError(RunFolderError):
    """Only another version of mlp_exp can continue the run."""


class UntrustedError(RunFolderError):
    """What a saved run holds or names is not loaded: its folder may come from a stranger."""


def counted(count: int, noun: str) -> str:
    """A number of things, for a message.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def traceback_of(error: BaseException) -> BaseException | None:
    """The error, where its traceback helps; None where a user has caused it and the message says it all."""
    expected = isinstance(error, MlpExpError | OSError) and not isinstance(error, CallbackError)
    return None if expected else error


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error, or what has caused it, is that a disk is full or a quota used up."""
    while error is not None:
        if isinstance(error, DiskFullError) or (isinstance(error, OSError) and error.errno in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def describe(error: BaseException) -> str:
    """An error in words, without a traceback; one that is not expected of a user's input begins with its type."""
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        cure = TOO_LONG if error.errno == errno.ENAMETOOLONG else ""
        return f"{place}{error.strerror or error}{cure}"
    if isinstance(error, MlpExpError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
