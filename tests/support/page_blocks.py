"""The fenced blocks of a page, and a run of all of them in order, as its reader does.

- ```` ```console ````: each line `$ …` is a command; lines below it are what it prints, which is compared with
  `:class: exact` alone. With `:class: elsewhere` the block needs another machine, and its configurations are composed.
- ```` ```{code-block} LANGUAGE ```` with `:caption: NAME`: the file NAME, which is written.
- ```` ```python ````: is run; the blocks of a page share one namespace. ```` ```yaml ````: can be read.
"""

import logging
import os
import re
import runpy
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlp_exp.api import calling
from support.commands import Fork, Result, ended, start_command
from support.project import ROOT
from support.shortened import shortened

_FENCE = re.compile(r"^( *)(```+)(\{[\w-]+\})? *([^`\n]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_OPTION = re.compile(r":(\w+): *(.*)\n")
_MODULES = {"mlp-exp": "run", "mlp-predict": "predict", "mlp-report": "report", "mlp-export": "export"}
_SHELL = ("cat", "cp", "head", "ls", "mkdir", "mv", "rm")
_TRAINS_NOTHING = ("-h", "--help", "-V", "--version", "--cfg", "--info", "--dry-run", "new")
_TRIALS, _EPOCHS, _MOST = "hydra.sweeper.n_trials=", "trainer.epochs=", 3
_RATES = "hydra.sweeper.rates=4"


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: of its fence, from 1.
        file: its caption, the name of the file that it is; "" where it has none.
        kind: its class, "" where it has none.
    """

    line: int
    language: str
    file: str
    kind: str
    text: str


def blocks_of(page: str) -> list[Block]:
    r"""The blocks of a page that are code or commands; not those that are other directives.

    >>> [(block.language, block.file) for block in blocks_of("```{code-block} yaml\n:caption: a.yaml\na: 1\n```")]
    [('yaml', 'a.yaml')]
    """
    found = []
    for fence in _FENCE.finditer(page):
        _, _, directive, language, body = fence.groups()
        if directive not in (None, "{code-block}"):
            continue
        text, options = textwrap.dedent(body), dict[str, str]()
        while directive and (option := _OPTION.match(text)):
            options[option[1]] = option[2]
            text = text[option.end() :]
        line = page.count("\n", 0, fence.start()) + 1
        found.append(Block(line, language, options.get("caption", ""), options.get("class", ""), text.lstrip("\n")))
    return found


def commands_of(block: Block) -> Iterator[tuple[list[str], list[str]]]:
    """The words of each command of a console block, and the lines that are shown below it."""
    text = block.text.replace("\\\n", " ")
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *output = part.splitlines()
        yield shlex.split(command, comments=True), [line for line in output if line.strip()]


def short(words: Sequence[str]) -> list[str]:
    """The overrides of a run or sweep, with few epochs, trials and runs, and without figures and baselines.

    >>> short(["-m", "seed=range(20)", "trainer.epochs=9", "trainer.plots=never", "baselines=none"])
    ['-m', 'seed=range(3)', 'trainer.epochs=3', 'trainer.plots=never', 'baselines=none']
    """
    if {*_TRAINS_NOTHING} & {*words} or any(re.match("resume=(?!true)|rerun=", word) for word in words):
        more = tuple(f"{start}{_MOST + 1}" for start in (_TRIALS, _EPOCHS))  # than it has been shortened to before
        return [next((new for new in more if word.startswith(new[:-1])), word) for word in words]
    words = [re.sub(r"\brange\((\d+)\)", lambda n: f"range({min(int(n[1]), _MOST)})", word) for word in words]
    for start in (_TRIALS, _EPOCHS):
        words = [f"{start}{_MOST}" if re.fullmatch(rf"{re.escape(start)}\d+", word) else word for word in words]
    fixed = "hydra/sweeper=lr_range" in words
    saved = "--config-name" in words  # in which baselines are no group to choose from
    added = ["trainer.plots=never", *([] if saved else ["baselines=none"]), _RATES if fixed else f"{_EPOCHS}2"]
    return [*words, *(word for word in added if not any(own.startswith(word.split("=")[0]) for own in words))]


class Reader:
    """Who reads a page and types what it says, in the working directory of this process, which is a clean fork."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def read(self) -> None:
        """Raises AssertionError with the place where something is not as the page has it."""
        vars(calling)["command"] = shortened
        sys.path.insert(0, os.getcwd())
        for block in blocks_of(self._page):
            try:
                self._do(block)
            except Exception as error:
                raise AssertionError(f"in the block of line {block.line}") from error

    def _do(self, block: Block) -> None:
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            logging.basicConfig(stream=sys.stdout)  # what is said of rows is no mistake
            exec(compile(block.text, "page", "exec"), self._names)
        elif block.language == "yaml":
            yaml.safe_load(block.text)
        elif block.language == "console":
            for words, output in commands_of(block):
                _compose(words) if block.kind == "elsewhere" else _type(words, output if block.kind == "exact" else [])


def _type(words: list[str], expected: Sequence[str]) -> None:
    """Runs a command, which has to print nothing to stderr, and these lines."""
    if words[0] == "cd":
        os.chdir(words[1])
        return
    done = _ended(words)
    if done is not None:
        assert (done.returncode, done.stderr) == (0, ""), f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
        printed = [line.rstrip() for line in done.stdout.splitlines()]
        missing = [line for line in expected if line.rstrip() not in printed]
        assert missing == [], f"{shlex.join(words)} printed\n{done.stdout}"


def _ended(words: list[str]) -> Result | None:
    """What a command did; None for one that installs, of which the names are checked."""
    here = Path.cwd()
    ours = _ours(words)
    if ours:
        name, arguments = ours
        ray = "hydra/launcher=ray" in arguments  # its threads do not outlive a fork
        return ended(start_command(name, *arguments, cwd=here, process=ray))
    if words[0] == "python" and words[1].endswith(".py"):
        return ended(Fork(lambda: _run_script(words[1:]), here))
    if words[0] in _SHELL:
        return subprocess.run(words, capture_output=True, text=True, check=False)
    _check_installed(words)
    return None


def _run_script(words: list[str]) -> None:
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")


def _ours(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """The module of this package that a command runs, with its arguments."""
    if words[0] in _MODULES:
        name, arguments = _MODULES[words[0]], list(words[1:])
    elif words[:2] == ["python", "-m"] and words[2].partition(".")[0] == "mlp_exp":
        name, arguments = words[2].partition(".")[2] or "__main__", list(words[3:])
    else:
        return None
    return name, short(arguments) if name == "run" else arguments


def _check_installed(words: Sequence[str]) -> None:
    """That the extras and targets are there which a command names that is about an installation."""
    text = shlex.join(words)
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert len(words) == 1 or words[1] in targets, text
    elif "pip" in words:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        named = {extra for names in re.findall(r"mlp_exp\[(.*?)\]", text) for extra in names.split(",")}
        assert named <= {*project["optional-dependencies"]}, text
    else:
        assert words[0] == "git" or words[:3] == ["python", "-m", "venv"] or text.startswith("source "), (
            f"{text}: mark its block with ':class: elsewhere', or teach the reader of pages this command"
        )


def _compose(words: Sequence[str]) -> None:
    """Composes what a command for another machine would train, but for settings of its launcher, and on a CPU.

    A dry run trains some steps of a network, which is made a small one.
    """
    words = [re.sub(r"\d+", "8", word) if "hidden_sizes=" in word else word for word in words]
    while re.match(r"\w+=", words[0]):
        words = words[1:]
    ours = _ours([word.replace("=cuda", "=cpu") for word in words if not word.startswith("hydra.launcher.")])
    if ours and ours[0] == "run" and not any(word.startswith("resume=") for word in words):
        sweeps = "-m" in ours[1]
        composed = [*ours[1], "--dry-run"] if sweeps else ["--cfg", "job", *ours[1]]
        done = ended(start_command("run", *composed, cwd=Path.cwd()))
        assert (done.returncode, done.stderr) == (0, ""), f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
