"""What the commands have in common."""

import argparse
import os
import platform
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO, cast

from mlp_exp import signals
from mlp_exp._version import __version__
from mlp_exp.display.commands import ALLOW
from mlp_exp.errors import MlpExpError, describe
from mlp_exp.processes.garbage import postpone_collection


class UnbrokenStream:
    """Passes on what is printed until nobody reads it any more, as behind `| head`, and drops the rest: a command goes
    on to save all that it makes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._unbroken():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._unbroken():
            self._stream.flush()

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # also what is still to be flushed
            os.close(nowhere)


def begin() -> None:
    """Prepares the process of a command.

    The user's own modules can then be imported from the working directory, as `python -m` lets them and a script does
    not; garbage is collected once everything is imported.
    """
    postpone_collection()
    if sys.stdout is not None:
        sys.stdout = cast(TextIO, UnbrokenStream(sys.stdout))
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())


def versions() -> str:
    """Of this project, and of what its numbers depend on; imports none of them."""
    from importlib.metadata import version  # takes longer than all else that is imported here

    return (
        f"mlp_exp {__version__}, torch {version('torch')}, Hydra {version('hydra-core')}, "
        f"Python {platform.python_version()}"
    )


class _Versions(argparse.Action):
    """As argparse's own, which would look for the versions before anybody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(versions())
        parser.exit()


def new_parser(program: str, usage: str, description: str, examples: str) -> argparse.ArgumentParser:
    """What reads the arguments of a command, whose help is one screen.

    Args:
        usage: what follows the program's name.
        description: also says what the arguments without a flag are, which have no help of their own.
        examples: command lines, one a line, that end its help.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} {usage}",
        description=description,
        epilog=f"examples:\n{textwrap.indent(examples.strip(), '  ')}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action=_Versions, nargs=0, help="versions, also of torch")
    return parser


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names packages which a saved run may use."""
    parser.add_argument(
        ALLOW,
        metavar="PACKAGE",
        action="append",
        default=[],
        help="a package of your own that runs may use; repeatable",
    )


@contextmanager
def readable_errors() -> Iterator[None]:
    """Ends the process with one message and status 1 after a mistake, 130 after Ctrl-C, 143 after SIGTERM."""
    signals.listen()
    try:
        yield
    except (MlpExpError, OSError) as error:
        sys.exit(describe(error))
    except KeyboardInterrupt as stop:
        print("Interrupted.", file=sys.stderr)
        sys.exit(143 if isinstance(stop, signals.Terminated) else 130)
