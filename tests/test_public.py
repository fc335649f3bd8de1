"""What `import mlp_exp` offers: every name is there, documented, and its examples are true."""

import ast
import contextlib
import doctest
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.tables import write_people

import mlp_exp

NAMES = [name for name in mlp_exp.__all__ if name != "__version__"]
PUBLIC = {name: getattr(mlp_exp, name) for name in NAMES}
ERRORS = [name for name in NAMES if name.endswith("Error")]
TABLE = ("data=table", "data.path=people.csv", "data.target=income")
QUICK = ("trainer.epochs=12", "optimizer.lr=0.05", "trainer.plots=never", "baselines=none", "model.hidden_sizes=[8]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the examples speak of: `people.csv`, the runs `RUN` and `QUANTILES`, and `SWEEP`, in the working folder."""
    from mlp_exp.api.command import command

    folder = tmp_path_factory.mktemp("examples")
    with contextlib.chdir(folder):
        write_people(folder / "people.csv")
        for words in (
            [*TABLE, "hydra.run.dir=RUN"],
            ["data=table", "data.path=people.csv", "data.target=age", "loss=quantile", "hydra.run.dir=QUANTILES"],
            ["-m", *TABLE, "seed=0,1", "hydra.sweep.dir=SWEEP"],
        ):
            command([*words, *QUICK], quiet=True)
        yield folder


def examples_of(name: str) -> list[doctest.DocTest]:
    """Those of a public name, and of the methods and properties that are its own or of a base class of ours."""
    found = PUBLIC[name]
    parts: dict[str, Any] = {name: found}
    if inspect.isclass(found):
        for base in reversed(found.__mro__):
            if base.__module__.startswith("mlp_exp."):
                parts |= {f"{name}.{part}": value for part, value in vars(base).items() if part[:1] != "_"}
    parser = doctest.DocTestParser()
    tests = []
    for full, part in parts.items():
        text = inspect.getdoc(part) if isinstance(part, property) or callable(part) else None
        if text and ">>>" in text:
            tests.append(parser.get_doctest(text, dict(PUBLIC), full, None, None))
    return tests


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_true(name: str, folder: Path) -> None:
    tests = examples_of(name)
    if name not in ERRORS:
        assert any(test.name == name for test in tests), f"{name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    said: list[str] = []
    for test in tests:
        runner.run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_says_what_it_is(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name])
    assert text is not None
    assert len(text.splitlines()[0]) > 10
    assert PUBLIC[name].__name__ == name


def test_the_table_of_names_is_that_of_types() -> None:
    """What a type checker sees is what there is."""
    tree = ast.parse(Path(mlp_exp.__file__).read_text(encoding="utf-8"))
    (seen,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.name: str(node.module) for node in seen.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == {name: PUBLIC[name].__module__ for name in NAMES}
    assert mlp_exp.__all__ == sorted(mlp_exp.__all__)
    assert set(mlp_exp.__all__) <= set(dir(mlp_exp))
    assert (Path(mlp_exp.__file__).parent / "py.typed").is_file()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mlp_exp' has no attribute 'trian'"):
        mlp_exp.trian  # noqa: B018


def test_the_import_loads_nothing_slow() -> None:
    words = "import sys; before = {*sys.modules}; import mlp_exp; print(*sorted({*sys.modules} - before))"
    loaded = subprocess.check_output(
        [sys.executable, "-S", "-c", words], text=True, cwd=Path(mlp_exp.__file__).parents[1]
    )
    assert {"mlp_exp", "mlp_exp._version"} <= {*loaded.split()}
    assert len(loaded.split()) < 40
    assert {name.partition(".")[0] for name in loaded.split()} & {"torch", "numpy", "hydra", "pyarrow", "rich"} == set()
