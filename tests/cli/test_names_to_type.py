"""Names that a shell or Hydra takes apart: messages show how they are typed, and what is pasted means the name."""

import csv
import random
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from omegaconf import OmegaConf
from support.command_line import QUIET
from support.commands import Command, mistakes, refusal
from support.project import QUICK_TABLE

from mlp_exp.config.words import as_texts, override

NAMES = [
    "price[usd]", "a=b", "1e3", "x y", "p,q", "it's", 'say "hi"', "größe", "$cost", " lead", "trail ", "{k}", "a\\b",
    "end\\", "true", "Null", "2020", "a:b", "100%", "(z)", "#n", "~t", "*", "-5", "${seed}", "\\${x}", "a\\'b", 'a\\"',
    "!h", "`ls`", "q?", "a;b", "a&b", "inf", "[1,2]", "choice(1,2)", "日本", "'", '"', "a/b.csv", "plain",
]  # fmt: skip
SIGNS = "aB1 \\'\"$={}[](),:#~!&;|<>*?`%@^+-./é"


def read(word: str) -> Any:
    """The value that a key has after a word was pasted into a shell: through the shell, Hydra and OmegaConf."""
    [typed] = shlex.split(word)
    assert "\n" not in word
    value = OverridesParser.create().parse_override(typed)._value
    plain = [each.text if isinstance(each, QuotedString) else each for each in value] if isinstance(value, list) else (
        value.text if isinstance(value, QuotedString) else value
    )  # fmt: skip
    return OmegaConf.to_container(OmegaConf.create({"key": plain}), resolve=True)["key"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_pasted_means_the_name(name: str) -> None:
    assert read(override("data.target", name)) == name
    assert read(override("data.drop", [name, "plain", name])) == [name, "plain", name]


def test_whatever_the_signs() -> None:
    chosen = random.Random(1)
    for _ in range(300):
        name = "".join(chosen.choices(SIGNS, k=chosen.randint(1, 8)))
        assert read(override("data.target", name)) == name
        assert read(override("data.drop", [name])) == [name]


UNREAD = ["price[usd]", "a=b", "it's", 'say "hi"', "größe", "{k}", "(z)", "#n", "~t", "[3"]
"""What Hydra cannot read as a value."""


@pytest.mark.parametrize("name", UNREAD)
def test_a_name_that_hydra_takes_apart_is_shown_as_it_is_typed(command: Command, name: str) -> None:
    typed = as_texts("data.target", name)
    assert read(typed) == name
    done = command("run", "data=table", "data.path=no.csv", f"data.target={name}", "optimizer.lr=-1")
    assert refusal(done) == mistakes(
        f"data.target: {name} cannot be read; as text: {typed}", "optimizer.lr: expected a number above 0, got -1"
    )


READ_OTHERWISE = [
    ("data.target=1e3", "data.target: expected the name of a column, or a list of names, got 1000.0; as text: "
     "'data.target=\"1e3\"'"),
    ("data.target=true", "data.target: expected the name of a column, or a list of names, got true; as text: "
     "'data.target=\"true\"'"),
    ("data.drop=[1e3,2020]", "data.drop: expected a list of column names, such as [age,income], got [1000.0, 2020]; "
     "as text: 'data.drop=[\"1e3\",\"2020\"]'"),
    ("data.drop=[a,price[usd]]", "data.drop: [a,price[usd]] cannot be read; as text: 'data.drop=[a,\"price[usd]\"]'"),
    ("data.target=p,q", "data.target: p,q are several values: for a sweep, add -m; for a list: 'data.target=[p,q]'; "
     "for one text: 'data.target=\"p,q\"'"),
    ("model.hidden_sizes=32,16", "model.hidden_sizes: 32,16 are several values: for a sweep, add -m; for a list: "
     "'model.hidden_sizes=[32,16]'; for one text: 'model.hidden_sizes=\"32,16\"'"),
    ("optimizer=adam,sgd", "optimizer: adam,sgd are several values: for a sweep, add -m"),
    (
        "model.dropout",
        "model.dropout: expected key=value, as seed=1; if it belongs to the word before it: "
        "'data.target=\"y model.dropout\"'",
    ),
    ("größe=3", "größe=3: expected the name of a key before the =, as in optimizer.lr=0.01"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "line"), READ_OTHERWISE, ids=[typed for typed, _ in READ_OTHERWISE])
def test_a_value_that_reads_as_something_else(command: Command, typed: str, line: str) -> None:
    given = ["data=table", "data.path=no.csv", "data.target=y"]
    assert refusal(command("run", *given, typed)) == mistakes(line)


DROP = "data.drop: expected a list of column names, such as [age,income], got [1000.0]; as text: "
TARGET = "data.target: expected the name of a column, or a list of names, got 1000.0; as text: 'data.target=\"1e3\"'"
IN_SWEEPS = [
    (["-m", "data.drop=[1e3]", "seed=0,1"], f"{DROP}'data.drop=[\"1e3\"]'"),
    (["-m", "data.drop=[1e3],[a]"], f"{DROP}'data.drop=[\"1e3\"]'"),
    (["-m", "data.drop=[1e3]", "seed=0,1", "hydra/launcher=basic"], f"{DROP}'data.drop=[\"1e3\"]'"),
    (["--dry-run", "data.drop=[1e3]"], f"{DROP}'data.drop=[\"1e3\"]'"),
    (["-m", 'data.target=1e3,"tar get"'], TARGET),
    (["-m", 'data.target=choice(1e3,"tar get")', "--dry-run"], TARGET),
]


@pytest.mark.parametrize(("typed", "line"), IN_SWEEPS, ids=[" ".join(typed) for typed, _ in IN_SWEEPS])
def test_a_sweep_says_what_was_typed(command: Command, typed: list[str], line: str) -> None:
    done = command("run", "data=table", "data.path=no.csv", "data.target=y", *typed)
    assert done.returncode == 1
    assert line in done.stderr


UNREAD_IN_SWEEPS = [
    ('data.target="price[usd]",größe', '\'data.target="price[usd]","größe"\''),
    ("data.drop=[1e3],[a=b]", '\'data.drop=["1e3"],["a=b"]\''),
    ('data.target="p,q",price[a,b]', '\'data.target="p,q","price[a,b]"\''),
    ("data.target=a[,it's", '\'data.target="a[","it\'"\'"\'s"\''),
]


@pytest.mark.parametrize(("typed", "cure"), UNREAD_IN_SWEEPS)
def test_the_cure_of_a_sweep_is_one(command: Command, typed: str, cure: str) -> None:
    key, _, value = typed.partition("=")
    done = command("run", "-m", "data=table", "data.path=no.csv", "data.target=y", typed)
    assert refusal(done) == mistakes(f"{key}: {value} cannot be read; as text: {cure}")


def test_other_mistakes_of_a_sweep_are_about_one_of_its_values(command: Command) -> None:
    done = command("run", "-m", "data=table", "data.path=no.csv", "data.target=1e3,y", "model.dropout=a=b")
    assert refusal(done) == mistakes("model.dropout: a=b cannot be read; as text: 'model.dropout=\"a=b\"'", TARGET)


ODD = ["price[usd]", "a=b", "x y", "p,q", "größe"]
TABLE = "\n".join([",".join(f'"{name}"' for name in (*ODD, "y")), *(f"{i},{i},{i},{i},{i},{i % 2}" for i in range(40))])
HAS_NO = "'odd.csv': the table has no column"
MISSPELT = [
    ("data.target=price", f"data.target: {HAS_NO} 'price'. Did you mean 'price[usd]'? As typed: "
     "'data.target=\"price[usd]\"'"),
    ("split.column=xy", f"split.column: {HAS_NO} 'xy'. Did you mean 'x y' or 'y'? As typed: 'split.column=\"x y\"'"),
    ('data.drop=["grösse"]', f"data.drop: {HAS_NO} 'grösse'. Did you mean 'größe'? As typed: 'data.drop=[\"größe\"]'"),
    ("data.weight=w", f"data.weight: {HAS_NO} 'w'. It has price[usd], a=b, x y, p,q, größe, y."),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "message"), MISSPELT, ids=[typed for typed, _ in MISSPELT])
def test_a_similar_column_is_shown_as_it_is_typed(command: Command, tmp_path: Path, typed: str, message: str) -> None:
    (tmp_path / "odd.csv").write_text(TABLE, encoding="utf-8")
    given = ["data=table", "data.path=odd.csv", "data.target=y", "trainer.epochs=1", "split=group", "split.column=y"]
    assert refusal(command("run", *given, typed)).splitlines()[0] == message


def write_odd_table(path: Path, header: Sequence[str], row: Callable[[int], Sequence[str]]) -> None:
    """60 rows below the names of columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *(row(number) for number in range(60))])


GIVEN = ("run", *QUICK_TABLE, *QUIET, "data.path=odd.csv", "data.target=the class")


def test_advice_about_columns_of_such_names_works(command: Command, tmp_path: Path) -> None:
    names = [name.strip() for name in NAMES if name != "${seed}"]  # a text of a key that is there means its value

    def row(number: int) -> list[str]:
        return [f"{number % 7}", *(f"{number}.5" if number % 5 else f"about {number}" for _ in names), "ab"[number % 2]]

    write_odd_table(tmp_path / "odd.csv", ["x", *names, "the class"], row)
    said = refusal(command(*GIVEN))
    advice = shlex.split(said.partition("\nMend the file, or add: ")[2])
    assert [word.partition("=")[0] for word in advice] == ["data.drop"], said
    done = command(*GIVEN, *advice)
    assert (done.returncode, done.stderr) == (0, "")


ODD_CLASSES = ["very low", "a=b", "p,q", "it's", "[x]", "${y}"]


def test_advice_about_classes_of_such_names_works(command: Command, tmp_path: Path) -> None:
    write_odd_table(tmp_path / "odd.csv", ["x", "the class"], lambda row: [f"{row % 7}", ODD_CLASSES[row % 6]])
    first = refusal(command(*GIVEN, "data.task=ordinal"))
    advice = shlex.split(first.partition("From A to Z: ")[2])
    assert read(shlex.join(advice)) == sorted(ODD_CLASSES)
    done = command(*GIVEN, "data.task=ordinal", *advice)
    assert (done.returncode, done.stderr) == (0, "")
    second = refusal(command(*GIVEN, "loss.class_weight={low: 2}"))
    [typed] = shlex.split(second.partition("; as typed: ")[2])
    done = command(*GIVEN, typed, "hydra.run.dir=weighted")
    assert (done.returncode, done.stderr) == (0, "")
