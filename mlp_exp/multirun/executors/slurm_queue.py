"""Jobs that a command has sent away: which of them are left, and how they end. Needs Slurm's own commands alone."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from mlp_exp.errors import LauncherError

HIDDEN = ".slurm"
"""In a sweep's folder: what was sent, what came back, and the logs of workers."""
JOBS = "jobs"
"""There: the number of each Slurm job, one a line."""
SAVE_SECONDS = 120
"""For how long a cancelled job may save its runs; Slurm itself kills it much earlier (`KillWait`)."""
KILL_SECONDS = 10
"""After which a process of this machine is killed that was asked to end."""


def write_down(folder: Path, numbers: Iterable[str]) -> None:
    """Keeps the numbers of jobs, for a command that resumes the sweep."""
    with (folder / JOBS).open("a", encoding="utf-8") as file:
        file.writelines(f"{number}\n" for number in dict.fromkeys(number.partition("_")[0] for number in numbers))


def queued() -> set[str] | None:
    """The numbers of this user's jobs that wait or run; None where Slurm does not answer."""
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--user={os.getuid()}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return set(done.stdout.split())


def cancel(numbers: Collection[str]) -> None:
    """Has jobs save their runs and end; those that wait never begin."""
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["scancel", *numbers], capture_output=True, check=False, timeout=60)


def processes_of(folder: Path) -> list[int]:
    """Processes of this machine that serve jobs in this folder, as submitit's local executor starts them."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (path / "cmdline").read_bytes().split(b"\0")
            if str(folder).encode() in words and any(word.startswith(b"submitit.") for word in words):
                found.append(int(path.name))
    return found


def end_left(sweep: Path) -> None:
    """Ends what an earlier command on a sweep, which was killed, has left running; its runs are saved.

    Raises:
        LauncherError: that cannot be done from here, or they do not end.
    """
    folder = sweep / HIDDEN
    if not folder.is_dir():
        return
    with suppress(FileNotFoundError):
        _cancel_left(folder, (folder / JOBS).read_text(encoding="utf-8").split())
    for number, seconds in ((signal.SIGTERM, KILL_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        for pid in processes_of(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        wait_until(lambda: not processes_of(folder), seconds)
    shutil.rmtree(folder, ignore_errors=True)


def _cancel_left(folder: Path, numbers: list[str]) -> None:
    def left() -> list[str]:
        found = queued()
        return numbers if found is None else [n for n in numbers if any(job.partition("_")[0] == n for job in found)]

    own = f"{folder}: jobs of an earlier command may still train this sweep"
    if not shutil.which("scancel"):
        raise LauncherError(f"{own}, and this machine has no scancel: resume where Slurm is, or remove this folder")
    if left():
        cancel(left())
        if not wait_until(lambda: not left(), SAVE_SECONDS):
            raise LauncherError(f"{own}, and do not end: scancel {' '.join(left())}")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it has become true within this time."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True
