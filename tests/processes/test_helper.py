"""The process that works for a command, and forks for pieces of work."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mlp_exp.errors import ConfigError, DivergedError
from mlp_exp.processes.forks import in_forks, start_process
from mlp_exp.processes.helper import Helper

UNUSED = "nowhere.at_all"
"""Never imported, so that a helper that prepares it has a process."""


@pytest.fixture
def helper() -> Iterator[Helper]:
    with Helper() as helper:
        helper.prepare(UNUSED)
        yield helper


def process_of(*_: object) -> int:
    return os.getpid()


def loaded(module: str) -> bool:
    return module in sys.modules


def failing(error: BaseException) -> None:
    raise error


class Unsendable(Exception):  # noqa: N818
    """Cannot be made again from its arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def fail_strangely() -> None:
    raise Unsendable("one", "two")


def end_itself(folder: Path) -> int:
    """Ends its process the first time."""
    here = os.getpid()
    (folder / str(here)).touch()
    if here != int((folder / "parent").read_text()):
        os.kill(here, signal.SIGKILL)
    return here


def test_it_has_a_process_of_its_own_with_the_modules(helper: Helper) -> None:
    assert helper.ask(process_of)() != os.getpid()
    with Helper() as other:
        other.prepare(UNUSED, "tabnanny")
        assert not loaded("tabnanny")
        assert other.ask(loaded, "tabnanny")()
        assert not loaded("tabnanny")


def test_answers_come_to_who_asked_in_any_order(helper: Helper) -> None:
    asked = [helper.ask(divmod, number, 7) for number in range(40)]
    for number in (39, 0, *range(1, 39)):
        assert asked[number]() == divmod(number, 7)


@pytest.mark.parametrize("error", [ValueError("no"), ConfigError(["a: no", "b: no"]), DivergedError(3)], ids=repr)
def test_an_error_is_raised_here_and_ends_nothing(error: Exception, helper: Helper) -> None:
    answer = helper.ask(failing, error)
    with pytest.raises(type(error)) as raised:
        answer()
    assert str(raised.value) == str(error)
    assert helper.ask(divmod, 7, 2)() == (3, 1)


def test_an_error_that_cannot_be_sent_comes_with_its_traceback(helper: Helper) -> None:
    with pytest.raises(RuntimeError, match=r"raise Unsendable(?s:.*)Unsendable: one and two"):
        helper.ask(fail_strangely)()


def only_here(made: Any) -> int:
    return os.getpid()


class Stubborn:
    """Can be sent, but not made again where it arrives."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_by, (os.getpid(),)


def _made_by(process: int) -> Stubborn:
    if os.getpid() != process:
        raise RuntimeError("not here")
    return Stubborn()


@pytest.mark.parametrize("argument", [lambda: 1, Stubborn()], ids=["a lambda", "made here alone"])
def test_what_cannot_be_sent_is_done_here(argument: Any, helper: Helper) -> None:
    before, done, after = helper.ask(process_of), helper.ask(only_here, argument), helper.ask(process_of)
    assert done() == os.getpid() != before() == after()


class Cycle:
    """Leaves a file when it is collected."""

    def __init__(self, file: Path) -> None:
        self.me, self.file = self, file

    def __del__(self) -> None:
        self.file.touch()


def drop_a_cycle(file: Path) -> None:
    Cycle(file)


def test_what_a_call_leaves_is_collected(helper: Helper, tmp_path: Path) -> None:
    helper.ask(drop_a_cycle, tmp_path / "collected")()
    helper.ask(process_of)()
    assert (tmp_path / "collected").exists()


def wait_in_forks(folder: Path) -> None:
    def wait(name: str) -> None:
        note(folder, name)
        time.sleep(60)

    in_forks([partial(wait, name) for name in "ab"])


def alive(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_interrupt_ends_the_forks_of_the_helper_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_exp.processes.forks.cores", lambda: 2)
    with contextlib.suppress(KeyboardInterrupt), Helper() as helper:
        helper.prepare(UNUSED)
        helper.ask(wait_in_forks, tmp_path)
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt
    deadline = time.monotonic() + 10
    processes = [int(file.name.split()[1]) for file in tmp_path.iterdir()]
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(alive, processes))


def test_an_interrupt_here_ends_forks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_exp.processes.forks.cores", lambda: 2)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait_in_forks(tmp_path)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert time.monotonic() - before < 30


def test_what_a_killed_process_did_not_do_is_done_here(helper: Helper, tmp_path: Path) -> None:
    (tmp_path / "parent").write_text(str(os.getpid()))
    before, during, after = helper.ask(process_of), helper.ask(end_itself, tmp_path), helper.ask(process_of)
    assert before() != os.getpid()
    assert during() == after() == os.getpid()
    assert helper.ask(process_of)() == os.getpid()
    assert len(list(tmp_path.iterdir())) == 3


def test_it_has_no_process_where_the_modules_are_there_or_nothing_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    with Helper() as helper:
        assert helper.ask(process_of)() == os.getpid()
        helper.prepare("os", "signal")
        assert helper.ask(process_of)() == os.getpid()
        monkeypatch.setattr("mlp_exp.processes.helper.can_fork", lambda: False)
        helper.prepare(UNUSED)
        assert helper.ask(process_of)() == os.getpid()


def children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("error", [None, ValueError("no"), KeyboardInterrupt()], ids=repr)
def test_it_ends_with_the_command(error: BaseException | None) -> None:
    before, began = children(), time.monotonic()
    with contextlib.suppress(ValueError, KeyboardInterrupt), Helper() as helper:
        helper.prepare(UNUSED)
        assert len(children() - before) == 1
        if error:
            helper.ask(time.sleep, 60)
            raise error
    assert children() == before
    assert time.monotonic() - began < 30


# ---- forks


def note(folder: Path, name: str, fails_in: int | None = None) -> None:
    (folder / f"{name} {os.getpid()}").touch()
    if fails_in is not None and os.getpid() != fails_in:
        raise ValueError(name)


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_all_pieces_are_done_once_by_as_many_processes_as_cores(
    cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_exp.processes.forks.cores", lambda: cores)
    in_forks([partial(note, tmp_path, f"piece{number}") for number in range(5)])
    done = [file.name.split() for file in tmp_path.iterdir()]
    assert sorted(name for name, _ in done) == [f"piece{number}" for number in range(5)]
    assert len({process for _, process in done}) == min(cores, 5)
    assert (str(os.getpid()) in {process for _, process in done}) == (cores == 1)
    in_forks([])


def in_a_daemon(folder: Path) -> None:
    in_forks([partial(note, folder, name) for name in "ab"])


def test_a_daemon_does_all_itself(tmp_path: Path) -> None:
    """It may have no processes of its own."""
    daemon = multiprocessing.get_context("fork").Process(target=in_a_daemon, args=(tmp_path,), daemon=True)
    start_process(daemon)
    daemon.join()
    assert {file.name for file in tmp_path.iterdir()} == {f"a {daemon.pid}", f"b {daemon.pid}"}


def test_the_error_of_a_fork_is_raised_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mlp_exp.processes.forks.cores", lambda: 2)
    works: list[Callable[[], None]] = [partial(note, tmp_path, name) for name in "abc"]
    works[1] = partial(note, tmp_path, "b", os.getpid())  # fails in a fork alone
    in_forks(works)
    assert {file.name.split()[0] for file in tmp_path.iterdir()} == {"a", "b", "c"}
    works[1] = partial(note, tmp_path, "b", -1)
    with pytest.raises(ValueError, match=r"^b$"):
        in_forks(works)
    assert capfd.readouterr() == ("", "")
