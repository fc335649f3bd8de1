"""The lease of a sweep: while a command has it, no other works there, on any host that sees the folder.

A file says who holds it; it needs no locks, which some network drives do not have. Its holder renews it, and removes it
at the end. The lease of a process of this host that has ended is taken over at once, that of another host after
`TAKE_AFTER` seconds without renewal, by the file server's clock. A command that was suspended meanwhile ends itself.

To replace a lease, a process needs the right to do so, which is a lease of its own: `.lease.TOKEN` beside it.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.lease_file import Found, Holder, create, is_of, read, replace, server_time

LEASE = ".lease"
RENEW_SECONDS = 10.0
TAKE_AFTER = 120.0
"""Seconds without renewal after which a lease of another host is taken over,"""
WATCH_SECONDS = 25.0
"""and for how long it is watched before, in case that clocks are wrong."""
STOPPED = 1
"""Exit status of a command that has lost its lease."""


def still_held(folder: Path, token: str) -> bool:
    """Whether the command with this token still works on a sweep; also True while the drive does not answer.

    For its workers, on any machine: one that gets False ends, and writes nothing more. Reads one small file.
    """
    try:
        return is_of(folder / LEASE, token)
    except OSError:
        return True


def works_on(folder: Path) -> bool:
    """Whether a command may be working on a sweep; to look at it needs no lease. Raises OSError."""
    found = read(folder / LEASE)
    if found is None:
        return False
    return not found.holder.has_ended if found.holder.is_here else time.time() - found.renewed < TAKE_AFTER


class Lease:
    """The lease of a sweep's folder, from when it is made to `release`.

    Attributes:
        folder: the sweep's, which is made.
        token: of this lease, for `still_held`.

    Raises:
        RunFolderError: another command has it.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._holder = Holder.here()
        self.token = self._holder.token
        self._path = folder / LEASE
        self._made: list[Path] = []
        self._ended = threading.Event()
        self._take()
        self._seen = _clock()
        self._thread = threading.Thread(target=self._renew_until_ended, name="lease", daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            while True:
                self._make_folder()
                with suppress(FileNotFoundError):  # another command has just removed its empty folder
                    return _take(self._path, self._holder)
        except BaseException:
            self._remove()
            raise

    def _make_folder(self) -> None:
        missing = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._made += [path for path in missing if path not in self._made]

    def check(self) -> None:
        """Ends this process if another command has taken the lease; costs a look at the clock.

        To be called before something is written, also in forks.
        """
        if _clock() - self._seen > 2 * RENEW_SECONDS:
            self._require()

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            self._require()
            with suppress(OSError):  # the drive is away; as are others then
                os.utime(self._path)

    def _require(self) -> None:
        if not still_held(self.folder, self.token):
            self._stop()
        self._seen = _clock()

    def _stop(self) -> NoReturn:
        """Ends this process and its forks as they are, so that nothing more is written."""
        if os.getpid() == self._holder.process:
            with suppress(Exception):
                if sys.stdout.isatty():
                    print("\033[?25h", flush=True)  # the cursor, which a bar has hidden
                print(f"{self.folder}: {_why_lost(self._path)}; this command ends", file=sys.stderr, flush=True)
            with suppress(Exception):
                for child in multiprocessing.active_children():
                    child.kill()
        os._exit(STOPPED)

    def release(self) -> None:
        """Removes the lease, and folders made for it that are empty; without effect in a fork."""
        if os.getpid() != self._holder.process:
            return
        self._ended.set()
        self._thread.join()
        self._remove()

    def _remove(self) -> None:
        with suppress(OSError, RunFolderError):
            if is_of(self._path, self.token):
                with _right(self._path, self._holder, self.token):  # nobody replaces it now
                    _remove_own(self._path, self.token)
        for path in self._made:
            with suppress(OSError):
                path.rmdir()


def _take(path: Path, own: Holder) -> None:
    """Takes a lease; raises RunFolderError if another process has it."""
    while not create(path, own):
        found = read(path)
        if found is None or not _is_over(path, found, own):
            continue
        with _right(path, own, found.holder.token):
            if is_of(path, found.holder.token) and replace(path, own):
                return


@contextmanager
def _right(path: Path, own: Holder, token: str) -> Iterator[None]:
    """The right to replace or remove the lease with this token; raises RunFolderError if another process has it."""
    right = path.with_name(f"{LEASE}.{token}")
    _take(right, own)
    try:
        yield
    finally:
        with suppress(OSError):
            _remove_own(right, own.token)


def _remove_own(path: Path, token: str) -> None:
    if is_of(path, token):
        path.unlink(missing_ok=True)


def _is_over(path: Path, found: Found, own: Holder) -> bool:
    """Whether a lease may be taken over; False if it has changed meanwhile.

    Raises:
        RunFolderError: its holder works, or may do so.
    """
    if found.holder.is_here:
        if found.holder.has_ended:
            return True
        raise RunFolderError(_refusal(path, found.holder, ""))
    age = server_time(path, own) - found.renewed
    if age < TAKE_AFTER:
        last = f" Its lease was renewed {max(age, 0):.0f} s ago; if it has died, try again in {TAKE_AFTER - age:.0f} s."
        raise RunFolderError(_refusal(path, found.holder, last))
    who = f"process {found.holder.process} on {found.holder.host}"
    print(
        f"{path.parent}: {who} has not renewed its lease for {age:.0f} s; taking it over if it does not within "
        f"{WATCH_SECONDS:.0f} s",
        file=sys.stderr,
    )
    end = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < end:
        time.sleep(WATCH_SECONDS / 25)
        if read(path) != found:
            return False
    return True


def _refusal(path: Path, holder: Holder, last: str) -> str:
    return (
        f"{path.parent}: another command works on this sweep: process {holder.process} on {holder.host}, since "
        f"{holder.since}.{last} Wait for it, or end it; or choose another hydra.sweep.dir"
    )


def _why_lost(path: Path) -> str:
    found = read(path)
    if found is None:
        return f"its lease was removed ({path.name})"
    holder = found.holder
    return f"while this command was suspended, process {holder.process} on {holder.host} has taken over the sweep"


def _clock() -> float:
    """Seconds, also those in which the machine sleeps."""
    return time.clock_gettime(_BOOTTIME) if _BOOTTIME is not None else time.monotonic()


_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


# ---- that of this command


_HELD: list[Lease] = []


def hold(folder: Path) -> None:
    """Takes the lease of the sweep that this command works on; errors of `Lease`."""
    _HELD.append(Lease(folder))


def held() -> Lease | None:
    """That of this command; None if it works on no sweep."""
    return _HELD[-1] if _HELD else None


def check_held() -> None:
    """Ends this process if another command has taken over its sweep; to be called before something is written."""
    for lease in _HELD:
        lease.check()


def release_held() -> None:
    """Releases what this command holds; without effect in a fork."""
    while _HELD:
        _HELD.pop().release()
