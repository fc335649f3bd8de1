"""The lease of a sweep: one process at a time has it, on this host and on others, also after kills and suspensions."""

import errno
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mlp_exp.errors import RunFolderError
from mlp_exp.storage import atomic, lease, lease_file
from mlp_exp.storage.lease import LEASE, Lease, still_held
from mlp_exp.storage.lease_file import Holder

TOKEN = "0123456789abcdef" * 2
ELSEWHERE = Holder(TOKEN, "node7", "another boot", 4321, "17", "2026-01-31 12:00:00 +0000")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.02)
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.1)


class Process:
    """Some work in a fork; `wait` returns its exit status, or minus the signal that ended it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        status = 9
        try:
            work()
            status = 0
        except RunFolderError:
            status = 3
        finally:
            os._exit(status)

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> "Process":
        os.kill(self.pid, signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL
        return self


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def hold_for_ever(folder: Path) -> NoReturn:
    Lease(folder)
    while True:
        time.sleep(1)


def holding(folder: Path) -> Process:
    """A process that has the lease."""
    process = Process(lambda: hold_for_ever(folder))
    until((folder / LEASE).exists)
    return process


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Process]:
    process = holding(tmp_path)
    yield process
    process.kill()


def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / LEASE).read_text())
    return found


def write(folder: Path, holder: Holder, age: float) -> None:
    """A lease that was renewed so many seconds ago."""
    new, now = folder / "new", time.time()
    new.write_text(holder.to_text())
    os.utime(new, (now - age, now - age))
    new.replace(folder / LEASE)


def refused(folder: Path) -> str:
    with pytest.raises(RunFolderError) as caught:
        Lease(folder)
    return str(caught.value)


# ---- one process


def test_a_lease_says_who_holds_it_and_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    mine = Lease(folder)
    assert [path.name for path in folder.iterdir()] == [LEASE]
    found = content(folder)
    assert (found["token"], found["process"], found["machine"]) == (mine.token, os.getpid(), lease_file.machine())
    assert still_held(folder, mine.token)
    assert not still_held(folder, TOKEN)
    mine.release()
    assert not still_held(folder, mine.token)
    assert list(tmp_path.iterdir()) == []  # folders that it has made, too


def test_files_keep_the_folder(tmp_path: Path) -> None:
    mine = Lease(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "multirun.yaml").touch()
    mine.release()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["multirun.yaml"]


def test_a_process_has_no_two_leases_of_a_folder(tmp_path: Path) -> None:
    mine = Lease(tmp_path)
    assert f"process {os.getpid()} on " in refused(tmp_path)
    assert content(tmp_path)["token"] == mine.token
    mine.release()
    Lease(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_it_is_renewed(tmp_path: Path) -> None:
    mine = Lease(tmp_path)
    os.utime(tmp_path / LEASE, (0, 0))
    until(lambda: (tmp_path / LEASE).stat().st_mtime > 0)
    mine.release()


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    mine = Lease(tmp_path)
    assert content(tmp_path)["token"] == mine.token
    assert "another command works on this sweep" in refused(tmp_path)
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lost_answer_of_the_file_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has created the file; the client asks again, and gets that the file is there."""
    real = os.link

    def link(source: Path, path: Path) -> None:
        real(source, path)
        raise FileExistsError(errno.EEXIST, "File exists", str(path))

    monkeypatch.setattr(os, "link", link)
    mine = Lease(tmp_path)
    assert still_held(tmp_path, mine.token)
    mine.release()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        Lease(tmp_path / "a")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and path.name == LEASE] == []


def test_a_drive_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Path) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(lease, "is_of", lambda path, token: read(path))
    assert still_held(tmp_path, TOKEN)


# ---- another one of this host


def test_a_second_process_is_refused(tmp_path: Path, holder: Process) -> None:
    found = content(tmp_path)
    assert refused(tmp_path) == (
        f"{tmp_path}: another command works on this sweep: process {holder.pid} on {found['host']}, since "
        f"{found['since']}. Wait for it, or end it; or choose another hydra.sweep.dir"
    )
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]


def test_a_suspended_one_keeps_it(tmp_path: Path, holder: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "TAKE_AFTER", 0.0)
    os.kill(holder.pid, signal.SIGSTOP)
    os.utime(tmp_path / LEASE, (0, 0))
    assert f"process {holder.pid} on " in refused(tmp_path)


def test_a_killed_one_loses_it_at_once(tmp_path: Path) -> None:
    process = holding(tmp_path)
    process.kill()
    mine = Lease(tmp_path)
    assert still_held(tmp_path, mine.token)
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]
    mine.release()


def test_a_killed_one_that_nobody_has_waited_for(tmp_path: Path) -> None:
    process = holding(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: lease_file._state_and_start(process.pid)[0] == "Z")
    Lease(tmp_path).release()
    process.wait()


def test_another_process_with_the_same_number(tmp_path: Path) -> None:
    write(tmp_path, replace(Holder.here(), token=TOKEN, start="1"), age=0)
    Lease(tmp_path).release()


def test_a_fork_does_not_remove_it(tmp_path: Path) -> None:
    mine = Lease(tmp_path)
    assert Process(mine.release).wait() == 0
    assert Process(mine.check).wait() == 0
    assert still_held(tmp_path, mine.token)
    mine.release()


# ---- another host


def test_one_of_another_host_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ELSEWHERE, age=30)
    text = refused(tmp_path)
    assert text.startswith(
        f"{tmp_path}: another command works on this sweep: process 4321 on node7, since 2026-01-31 12:00:00 +0000. Its "
        "lease was renewed 30 s ago; if it has died, try again in 90 s. Wait for it"
    )
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]


def test_one_of_another_host_that_is_not_renewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, ELSEWHERE, age=300)
    mine = Lease(tmp_path)
    assert still_held(tmp_path, mine.token)
    assert not still_held(tmp_path, TOKEN)
    assert capsys.readouterr().err == (
        f"{tmp_path}: process 4321 on node7 has not renewed its lease for 300 s; taking it over if it does not within "
        "0 s\n"
    )
    mine.release()


def test_one_whose_clock_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It renews its lease, with a time that is long ago."""
    write(tmp_path, ELSEWHERE, age=300)
    real = time.sleep

    def renew(seconds: float) -> None:
        real(seconds)
        write(tmp_path, ELSEWHERE, age=20)

    monkeypatch.setattr(time, "sleep", renew)
    assert "process 4321 on node7" in refused(tmp_path)
    assert content(tmp_path) == asdict(ELSEWHERE)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"token": "../../x"}', ELSEWHERE.to_text().replace(TOKEN, "../" * 10 + "ab"), "\0" * 9999],
)
def test_a_damaged_one(tmp_path: Path, text: str) -> None:
    (tmp_path / LEASE).write_text(text)
    assert "process 0 on an unknown host, since an unknown time" in refused(tmp_path)
    os.utime(tmp_path / LEASE, (0, 0))
    Lease(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_one_that_died_while_it_replaced_another(tmp_path: Path) -> None:
    write(tmp_path, replace(Holder.here(), token=TOKEN, start="1"), age=0)
    dead = replace(Holder.here(), start="2")
    (tmp_path / f"{LEASE}.{TOKEN}").write_text(dead.to_text())
    mine = Lease(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]
    mine.release()


# ---- a command that has lost it


def lose(folder: Path, work: Callable[[Lease], object]) -> tuple[int, list[str]]:
    """The exit status of a process whose lease is taken, and the files that it leaves."""

    def begin() -> None:
        mine = Lease(folder)
        (folder / "began").touch()
        work(mine)
        until(lambda: False)

    process = Process(begin)
    until((folder / "began").exists)
    write(folder, ELSEWHERE, age=0)
    return process.wait(), sorted(path.name for path in folder.iterdir())


def test_it_ends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert lose(tmp_path, lambda mine: None) == (1, [LEASE, "began"])
    assert content(tmp_path) == asdict(ELSEWHERE)
    assert capfd.readouterr().err == (
        f"{tmp_path}: while this command was suspended, process 4321 on node7 has taken over the sweep; this command "
        "ends\n"
    )


def test_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a machine has slept, when its thread has not looked yet."""
    monkeypatch.setattr(lease, "RENEW_SECONDS", 30)
    now = lease._clock()

    def work(mine: Lease) -> None:
        lease._HELD.append(mine)
        until(lambda: content(tmp_path)["token"] == TOKEN)
        atomic.write_text(tmp_path / "soon.txt", "it has looked less than a minute ago")
        monkeypatch.setattr(lease, "_clock", lambda: now + 100)
        atomic.write_text(tmp_path / "late.txt", "it has slept")

    assert lose(tmp_path, work)[0] == 1
    assert not (tmp_path / "late.txt").exists()
    assert (tmp_path / "soon.txt").exists()


def test_it_does_not_remove_that_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 30)
    mine = Lease(tmp_path)
    write(tmp_path, ELSEWHERE, age=0)
    mine.release()
    assert content(tmp_path) == asdict(ELSEWHERE)


# ---- a race


TRIES = 8


def race(folders: Sequence[Path]) -> tuple[list[int], list[int]]:
    """Eight processes try at once for one folder after another, and keep what they get.

    Returns their exit statuses, and the place of a folder each time that one has got it.
    """
    together = multiprocessing.get_context("fork").Barrier(TRIES)
    read_end, won = os.pipe()

    def work() -> None:
        for place, folder in enumerate(folders):
            together.wait(60)
            try:
                Lease(folder)
                os.write(won, bytes([place]))
            except RunFolderError:
                pass
            together.wait(60)

    processes = [Process(work) for _ in range(TRIES)]
    os.close(won)
    statuses = [process.wait() for process in processes]
    with os.fdopen(read_end, "rb") as winners:
        return statuses, list(winners.read())


@pytest.mark.slow
def test_one_of_eight_wins(tmp_path: Path) -> None:
    """A new folder, one whose holder is dead, and one that was left on another host."""
    dead = replace(Holder.here(), token=TOKEN, start="1")
    folders = [tmp_path / str(number) for number in range(3 * TRIES)]
    for number, folder in enumerate(folders):
        if left := (None, dead, ELSEWHERE)[number % 3]:
            folder.mkdir()
            write(folder, left, age=300)
    statuses, winners = race(folders)
    assert (statuses, sorted(winners)) == ([0] * TRIES, list(range(len(folders))))
    assert [[path.name for path in folder.iterdir()] for folder in folders] == [[LEASE]] * len(folders)
