"""The file of a lease: who holds it, created by one process alone, also on network drives whose locks do not work."""

import errno
import hashlib
import json
import os
import re
import socket
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

MOST_BYTES = 4096
TOKEN = re.compile("[0-9a-f]{32}")
"""It becomes part of a file's name."""
NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}
"""What a drive without hard links answers."""
NAMESPACES = ("pid", "time")
"""Of a container; what a process is called, and when it began, means something within these alone."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Attributes:
        token: of this lease alone, 32 hexadecimal digits.
        host: its name, for people.
        machine: where the process can be looked for; another one also after the host has been started again.
        process: its id.
        start: when that process began, in the system's words; empty where that is not known.
        since: when it took the lease, by its host's clock.
    """

    token: str
    host: str
    machine: str
    process: int
    start: str
    since: str

    @classmethod
    def here(cls) -> "Holder":
        """The holder that the current process is, with a new token."""
        process = os.getpid()
        since = time.strftime("%Y-%m-%d %H:%M:%S %z")
        return cls(os.urandom(16).hex(), socket.gethostname(), machine(), process, _state_and_start(process)[1], since)

    @classmethod
    def read(cls, text: bytes) -> "Holder":
        """From a file; of a damaged one only that it is this one."""
        try:
            plain = json.loads(text)
            texts = [plain[name] for name in ("token", "host", "machine", "start", "since")]
            whole = all(isinstance(value, str) for value in texts) and type(plain["process"]) is int
            if whole and TOKEN.fullmatch(plain["token"]):
                return cls(**{name: plain[name] for name in cls.__dataclass_fields__})
        except (ValueError, KeyError, TypeError):
            pass
        return cls(hashlib.sha256(text).hexdigest()[:32], "an unknown host", "", 0, "", "an unknown time")

    def to_text(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @property
    def is_here(self) -> bool:
        """Whether its process can be looked for from this one."""
        return bool(self.machine) and self.machine == machine() and os.name == "posix"

    @property
    def has_ended(self) -> bool:
        """Whether its process has ended, for one that can be looked for."""
        try:
            os.kill(self.process, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except OSError:  # another user's
            pass
        state, start = _state_and_start(self.process)
        return state in ("Z", "X") or (bool(start and self.start) and start != self.start)


@dataclass(frozen=True)
class Found:
    """A lease that was read; `renewed` is when its file was changed last, in seconds by the file server's clock."""

    holder: Holder
    renewed: float


def read(path: Path) -> Found | None:
    """Reads a lease as the file server has it now; None if there is none.

    Raises:
        OSError: it cannot be read, as when the network drive is away.
    """
    try:
        # opening a file has a network drive ask its server; what is not a file must not block
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    try:
        return Found(Holder.read(os.read(opened, MOST_BYTES)), os.fstat(opened).st_mtime)
    finally:
        os.close(opened)


def create(path: Path, holder: Holder) -> bool:
    """Creates a lease as a whole; False if there is one already. Raises OSError."""
    temporary = _write(path, holder)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _create_unlinked(path, holder)
    finally:
        temporary.unlink(missing_ok=True)
    return is_of(path, holder.token)  # an answer that was lost on its way is asked for twice, and then says "exists"


def replace(path: Path, holder: Holder) -> bool:
    """Puts a lease in the place of the one that is there; whether this one is there now. Raises OSError."""
    temporary = _write(path, holder)
    try:
        os.replace(temporary, path)
    except FileNotFoundError:  # or it is done, and the answer was lost
        pass
    finally:
        temporary.unlink(missing_ok=True)
    return is_of(path, holder.token)


def is_of(path: Path, token: str) -> bool:
    """Whether there is a lease with this token."""
    found = read(path)
    return found is not None and found.holder.token == token


def server_time(path: Path, holder: Holder) -> float:
    """Seconds by the clock of the file server, as `Found.renewed`."""
    temporary = _write(path, holder)
    try:
        return temporary.stat().st_mtime
    finally:
        temporary.unlink(missing_ok=True)


def _write(path: Path, holder: Holder) -> Path:
    temporary = path.with_name(f".lease.{holder.token}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(holder.to_text())
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _create_unlinked(path: Path, holder: Holder) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(holder.to_text())
    except FileExistsError:
        pass


@cache
def machine() -> str:
    """A name of this host until it is started again, and of this container in it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import uuid

        return f"{socket.gethostname()} {uuid.getnode():x}"
    spaces = []
    for name in NAMESPACES:
        try:
            spaces.append(os.readlink(f"/proc/self/ns/{name}"))
        except OSError:
            spaces.append("")
    return " ".join([boot, *spaces])


def _state_and_start(process: int) -> tuple[str, str]:
    """A process's state, one letter, and when it began, in ticks since the host did; empty where it cannot be seen."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the name before may have spaces
    return fields[0], fields[19]
