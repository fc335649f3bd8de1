"""Configurations as plain values are what OmegaConf makes of them."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.experiment.configs import plain_values, resolved_values


@dataclass
class Inner:
    name: str = "a"
    size: int | str = 3
    missing: int = MISSING


@dataclass
class Outer:
    inner: Inner = field(default_factory=Inner)
    none: Inner | None = None
    same: Inner = "${inner}"  # type: ignore[assignment]
    sizes: list[int] = field(default_factory=lambda: [1, 2])


TEXTS = [
    "${text}",
    "in ${text} out",
    "${text}${text}",
    "${number}",
    "a ${number}",
    "${flag} or ${none}",
    "${list}",
    "${node.deep}",
    "${refers}",
    "${.x}",
    "${oc.env:HOME}",
    "${${text}}",
    r"\${text}",
    r"\\${text}",
    "${nowhere}",
    "${absent}",
    "x ${absent}",
    "$text",
    "plain",
]
VALUES = {
    "text": "number",
    "number": 3,
    "flag": True,
    "none": None,
    "list": [1, "${text}"],
    "node": {"deep": "down", "x": 1},
    "refers": "to ${text}",
    "absent": "???",
}


def outcome(of: Any) -> Any:
    """What a function gives, or its error."""
    try:
        return of()
    except OmegaConfBaseException as error:
        return type(error), str(error)


def test_values_of_typed_nodes() -> None:
    config = OmegaConf.structured(Outer)
    assert plain_values(config) == OmegaConf.to_container(config, resolve=False)
    assert plain_values(config)["inner"] == {"name": "a", "size": 3, "missing": "???"}


@pytest.mark.parametrize("text", TEXTS)
def test_values_with_a_reference(text: str) -> None:
    config = OmegaConf.create({**VALUES, "part": {"x": "here", "found": text, "in": [text, {"key": text}]}})
    part = config.part
    assert plain_values(config) == OmegaConf.to_container(config, resolve=False)
    assert outcome(lambda: resolved_values(part)) == outcome(lambda: OmegaConf.to_container(part, resolve=True))


def test_values_with_several_references() -> None:
    draw = random.Random(0)
    for _ in range(200):
        texts = {f"key{number}": "".join(draw.sample(TEXTS, draw.randint(1, 3))) for number in range(3)}
        part = outcome(lambda texts=texts: OmegaConf.create({**VALUES, "part": texts}).part)
        if isinstance(part, tuple):  # no configuration at all
            continue
        expected = outcome(lambda part=part: OmegaConf.to_container(part, resolve=True))
        assert outcome(lambda part=part: resolved_values(part)) == expected
