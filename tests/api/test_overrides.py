"""Overrides from Python: each value is what Hydra reads, whatever it has in it."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from support.commands import mistakes

from mlp_exp.api.overrides import arguments_of, interval
from mlp_exp.errors import ConfigError

PARSER = OverridesParser.create()
ODD = [
    *(
        "",
        " ",
        "null",
        "NaN",
        "true",
        "1e3",
        "0x1",
        "a, b",
        "it's",
        '"a"',
        "a=b",
        "${seed}",
        "\\${seed}",
        "\\\\${seed}",
    ),
    *(
        "$",
        "${",
        "{a: 1}",
        "[1,2]",
        "range(3)",
        "#a",
        "a:b",
        "~",
        "back\\",
        "\\'",
        "\\\n",
        "two\nlines",
        "tab\t",
        "Größe",
        "年",
    ),
]


def _read(override: str) -> list[Any]:
    """What a run gets from an override, or each run of a sweep, as composing and resolving it gives."""
    parsed = PARSER.parse_override(override)
    words = list(parsed.sweep_string_iterator()) if parsed.is_sweep_override() else [override.partition("=")[2]]
    values = [PARSER.parse_override(f"key={word}").value() for word in words]
    plain: Any = OmegaConf.to_container(OmegaConf.create({"values": values}), resolve=True)
    return list(plain["values"])


def _one(value: Any) -> Any:
    (argument,) = arguments_of({"key": value}, sweeps=False)
    (found,) = _read(argument)
    return found


def _each(values: Any) -> list[Any]:
    (argument,) = arguments_of({"key": values}, sweeps=True)
    return _read(argument)


def _texts(count: int) -> Iterator[str]:
    draw = random.Random(0)
    alphabet = "ab,'\"\\=${}[]() \n\t:~#é1.null-true0e3"
    for _ in range(count):
        yield "".join(draw.choices(alphabet, k=draw.randint(0, 8)))


@pytest.mark.parametrize("text", ODD)
def test_a_text_is_a_value(text: str) -> None:
    assert _one(text) == text
    assert _one([text, {"a": text}]) == [text, {"a": text}]
    assert _each((text, 1, "a")) == [text, 1, "a"]


def test_any_text_is_a_value() -> None:
    texts = list(_texts(300))
    assert [_one(text) for text in texts] == texts
    assert _each(texts) == texts
    assert _one(texts) == texts


@pytest.mark.parametrize(
    "value",
    [
        *(0, -3, 1e-05, 0.1, float("inf"), True, False, None, [], {}, [[64, 32], []], [None, True, "true"]),
        {"a": {"b": [1, "x y"]}, "2 c": 1.5, "d.e": None, "f(=g": {"h": ""}},
    ],
)
def test_values(value: Any) -> None:
    found = _one(value)
    assert found == value
    assert type(found) is type(value)


def test_values_of_numpy_and_paths() -> None:
    assert _one(np.float32(0.5)) == 0.5
    assert _one(np.arange(3)) == [0, 1, 2]
    assert _one((1, 2)) == [1, 2]
    assert _one(range(2)) == [0, 1]
    assert _one(Path("a b/c")) == "a b/c"
    assert _one({0: 1.5, True: 2}) == {0: 1.5, True: 2}


def test_plain_texts_stay_as_they_are_typed() -> None:
    assert arguments_of({"optimizer": "adam", "data.path": "a/people.csv"}, sweeps=False) == [
        "optimizer=adam",
        "data.path=a/people.csv",
    ]


@pytest.mark.parametrize("values", [[1, 2, 3], (1, 2, 3), range(1, 4), np.arange(1, 4)])
def test_a_sweep_takes_each_of_several(values: Any) -> None:
    assert arguments_of({"seed": values}, sweeps=True) == ["seed=1,2,3"]


def test_a_sweep_of_lists_is_a_list_of_lists() -> None:
    assert _each([[64, 32], [16], ()]) == [[64, 32], [16], []]
    assert _each(np.array([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    assert _each([[64, 32]]) == [[64, 32]]
    assert _each({"a": [1, 2]}) == [{"a": [1, 2]}]


def test_ranges_of_a_search() -> None:
    space = {"optimizer.lr": interval(1e-5, np.float64(0.1), log=True), "model.width": interval(8, 65)}
    assert arguments_of(space, sweeps=True) == [
        "optimizer.lr=tag(log,interval(1e-05,0.1))",
        "model.width=interval(8,65)",
    ]
    assert arguments_of({"hydra.sweeper.params": {"a.b": interval(0, 1)}}, sweeps=True) == [
        "hydra.sweeper.params={a.b:'interval(0,1)'}"
    ]


@pytest.mark.parametrize(
    ("low", "high", "log", "said"),
    [
        (1, 1, False, "two finite numbers, the lower one first, got 1 and 1"),
        (0, 1, True, "two finite numbers above 0, the lower one first, got 0 and 1"),
        (0, float("inf"), False, "two finite numbers, the lower one first, got 0 and inf"),
        ("0", 1, False, "two finite numbers, the lower one first, got '0' and 1"),
        (False, True, False, "two finite numbers, the lower one first, got False and True"),
    ],
)
def test_ranges_that_are_none(low: Any, high: Any, log: bool, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        interval(low, high, log=log)
    assert str(caught.value) == mistakes(f"interval: expected {said}")


def test_texts_are_taken_as_typed() -> None:
    typed = ["optimizer.lr=1e-3,1e-2", "+a=1", "--config-dir", "mine", "--config-name=own"]
    assert arguments_of(typed[:2], sweeps=True) == typed[:2]
    assert arguments_of([*typed[:2], typed[4]], sweeps=False) == [*typed[:2], typed[4]]
    assert arguments_of(tuple(typed), sweeps=True) == typed


WANTED = "expected a dict of values by key, or a list of texts such as ['seed=1']"
VALUE = "expected a number, text, list or dict"


@pytest.mark.parametrize(
    ("overrides", "sweeps", "lines"),
    [
        ("seed=1", False, [f"overrides: {WANTED}, got one text; put it into a list: ['seed=1']"]),
        (("seed=1" for _ in "a"), False, [f"overrides: {WANTED}, got a generator; make it a list"]),
        ({"seed=1"}, True, [f"overrides: {WANTED}, got a set; make it a list"]),
        (3, True, [f"overrides: {WANTED}, got an int; make it a list"]),
        (["seed=1", 2], True, [f"overrides: {WANTED}, got an int in it: 2"]),
        (["-m", "--help"], True, [f"{flag}: is for the command line alone; leave it out" for flag in ("-m", "--help")]),
        ({"seed": {1}, "a": object}, True, [f"seed: {VALUE}, got a set",
                                            f"a: {VALUE}, got a type"]),
        ({"seed": (n for n in "a")}, True, [f"seed: {VALUE}, got a generator"]),
        ({"seed": []}, True, ["seed: expected one value or more, got none"]),
        ({"optimizer.lr": interval(0, 1)}, False, ["optimizer.lr: an interval is for search(); expected one value"]),
        ({"--info": "config"}, False, ["--info: expected the name of a key, such as 'optimizer.lr'"]),
        ({1: 2}, False, ["1: expected the name of a key, such as 'optimizer.lr'"]),
        ({"seed=1": 2}, False, ["seed=1: expected the name of a key, such as 'optimizer.lr'"]),
        ({"loss.class_weight": {"ä": 1}}, False,
         ["loss.class_weight: 'ä' cannot be a key in an override; name it in a YAML file, and give its --config-dir"]),
    ],
)  # fmt: skip
def test_what_is_no_override(overrides: Any, sweeps: bool, lines: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        arguments_of(overrides, sweeps=sweeps)
    assert str(caught.value) == mistakes(*lines)
