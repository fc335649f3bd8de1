"""YAML that is put together from parts is that of the whole."""

import random
from enum import Enum
from typing import Any

import pytest
from omegaconf import OmegaConf

from mlp_exp.cli.yaml_text import YamlParts, to_yaml

LEAVES = [0, 1, 1.0, True, False, None, "", "1", "true", "a: b", "é " * 60, "word " * 40, "a\n\nb", "\u2028", "${seed}"]


KEYS = ["lr", "on", "a: b", "? b", "- c", "#", "", "word " * 40, "a\nb", "${key}", "é"]


class Colour(Enum):
    RED = 1


def mapping(draw: random.Random, depth: int) -> dict[str, Any]:
    """Nested values of all kinds."""
    return {draw.choice([*KEYS, f"key{number}"]): value(draw, depth) for number in range(draw.randint(0, 4))}


def value(draw: random.Random, depth: int) -> Any:
    kind = draw.randint(0, 3) if depth else 0
    if kind == 1:
        return mapping(draw, depth - 1)
    if kind == 2:
        return [value(draw, depth - 1) for _ in range(draw.randint(0, 3))]
    return draw.choice(LEAVES)


@pytest.mark.parametrize("inside", [(), ("hydra",), ("hydra", "job")], ids=str)
def test_parts_are_those_of_the_whole(inside: tuple[str, ...]) -> None:
    """Also when most were written before, and one differs in its type alone."""
    draw, parts = random.Random(0), YamlParts()
    for _ in range(300):
        values: Any = {"first": draw.choice(LEAVES), **mapping(draw, 3)}
        whole = values
        for key in reversed(inside):
            whole = {key: whole}
        head = "".join(f"{'  ' * depth}{key}:\n" for depth, key in enumerate(inside))
        assert head + parts.join(values, *inside) == to_yaml(whole)


def test_an_enum_is_written_by_its_name() -> None:
    config = OmegaConf.create({"colour": Colour.RED})
    assert to_yaml(config) == OmegaConf.to_yaml(config) == "colour: RED\n"
