"""Each page of the site is true: its blocks are run in order, in one folder, as a reader types them."""

import shutil
from pathlib import Path

import pytest
from support.clean_forks import CleanForks
from support.commands import Fork, ended, start_command
from support.page_blocks import Reader, blocks_of, commands_of, short
from support.project import ROOT

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
TEXTS = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if "_build" not in path.parts
}
BLOCKS = {name: blocks_of(text) for name, text in TEXTS.items()}
PAGES = [name for name, blocks in BLOCKS.items() if blocks and name != "how-to/tasks.md"]
"""All but that one, of which tests/experiment/test_tasks_page.py runs each command and looks at what it leaves."""
ELSEWHERE = {"how-to/machines.md": 4, "how-to/track.md": 1, "tutorials/cluster.md": 2}
"""How many blocks of a page need another machine: a cluster, a web service."""


def write_tables(folder: Path) -> None:
    """The tables of all pages: people.csv, and new people to predict."""
    for path in (DOCS / "data").glob("*.csv"):
        shutil.copy(path, folder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `RUN` and `SWEEP` on that table, for pages that take up where there are some."""
    folder = tmp_path_factory.mktemp("pages")
    write_tables(folder)
    table = ("data=table", "data.path=people.csv", "data.target=income")
    for words in (["hydra.run.dir=RUN"], ["-m", "seed=range(3)", "hydra.sweep.dir=SWEEP"]):
        done = ended(start_command("run", *short([*words, *table]), cwd=folder))
        assert (done.returncode, done.stderr) == (0, "")
    return folder


def takes(page: str, name: str) -> bool:
    """Whether a page names a folder, RUN or SWEEP, that no command of it makes."""
    words = [word for block in BLOCKS[page] for command, _ in commands_of(block) for word in command]
    return any(name in word for word in words) and not any(word.endswith(f".dir={name}") for word in words)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_true(page: str, tmp_path: Path, request: pytest.FixtureRequest, clean_forks: CleanForks) -> None:
    write_tables(tmp_path)
    for name in ("RUN", "SWEEP"):
        if takes(page, name):
            shutil.copytree(request.getfixturevalue("trained") / name, tmp_path / name)
    done = clean_forks.run(Reader(TEXTS[page]).read, tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_what_needs_another_machine() -> None:
    found = {page: sum(block.kind == "elsewhere" for block in blocks) for page, blocks in BLOCKS.items()}
    assert {page: count for page, count in found.items() if count} == ELSEWHERE


def test_the_reader_finds_what_is_not_true(tmp_path: Path) -> None:
    """A wrong command, an output that is not printed, a Python error: each with its line."""
    for text, line, said in (
        ("```console\n$ mlp-exp seed=x\n```", 1, "seed: expected a whole number, 0 or more, got 'x'"),
        ("\n```{code-block} console\n:class: exact\n$ ls\nthere.txt\n```", 2, "AssertionError: ls printed"),
        ("```python\n1 / 0\n```", 1, "ZeroDivisionError"),
        ("```yaml\n[\n```", 1, "yaml.parser.ParserError"),
        ("```console\n$ kubectl apply\n```", 1, "mark its block with ':class: elsewhere'"),
        (
            "```{code-block} console\n:class: elsewhere\n$ mlp-exp -m hydra/launcher=slurm optimizr.lr=1,2\n```",
            1,
            "optimizr",
        ),
    ):
        done = ended(Fork(Reader(text).read, tmp_path))
        assert done.returncode == 1
        assert said in done.stderr
        assert done.stderr.splitlines()[-1] == f"AssertionError: in the block of line {line}"


def test_other_directives_are_no_blocks() -> None:
    page = "```{image} a.png\n:alt: A\n```\n```{toctree}\na\n```\n```yaml\na: 1\n```\n"
    assert [(block.line, block.language, block.text) for block in blocks_of(page)] == [(7, "yaml", "a: 1\n")]


def test_the_reader_does_what_a_page_says(tmp_path: Path) -> None:
    page = (
        "```{code-block} python\n:caption: my_package.py\nWIDTH = 7\n```\n"
        "```python\nfrom my_package import WIDTH\nwidth = WIDTH + 1\n```\n"
        "```python\nopen('width.txt', 'w').write(f'{width}')\n```\n"
        "```{code-block} console\n:class: exact\n$ cat width.txt  # what Python wrote\n8\n```\n"
    )
    done = ended(Fork(Reader(page).read, tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "width.txt").read_text() == "8"
