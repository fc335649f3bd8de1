"""`mlp_exp.components`, the public names, beside those that a configuration may name (tests/experiment)."""

import pytest

import mlp_exp.components as public
from mlp_exp.config.components import BASES, COMPONENTS


def test_the_module_lists_its_names() -> None:
    names = sorted([*COMPONENTS, *BASES])
    assert len(set(names)) == len(names) == 53
    assert public.__all__ == dir(public) == names


@pytest.mark.parametrize("name", sorted(BASES))
def test_a_base_is_what_its_name_says(name: str) -> None:
    found = getattr(public, name)
    assert (found.__name__, found.__module__) == (name, BASES[name])


@pytest.mark.parametrize("name", ["Mlp", "_VERSION_0_1"])
def test_any_other_name_is_none_of_its_attributes(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(public, name)
    assert str(caught.value) == f"module 'mlp_exp.components' has no attribute '{name}'"
    assert (caught.value.name, caught.value.obj) == (name, public)
