"""The overrides of a sweep's jobs as they were typed: Hydra writes numbers anew, `1e3` as `1000.0`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mlp_exp.cli.layers import parse_if_readable
from mlp_exp.config.words import elements

if TYPE_CHECKING:
    from mlp_exp.experiment.spec import RunSpec


def rewritten(words: Iterable[str]) -> dict[str, str]:
    """Overrides as jobs have them, each with the one that was typed, where these differ.

    Args:
        words: the overrides of the command line, sweeps among them.

    >>> rewritten(["data.target=1e3,y", "seed=0,1", "data.drop=[1e5]"])
    {'data.target=1000.0': 'data.target=1e3', 'data.drop=[100000.0]': 'data.drop=[1e5]'}
    """
    found: dict[str, str] = {}
    for word in words:
        for typed in of_each_run(word):
            override = parse_if_readable(typed)
            if override and not override.is_sweep_override() and not override.is_delete():
                written = f"{override.get_key_element()}={override.get_value_element_as_str()}"
                if written != typed:
                    found.setdefault(written, typed)
    return found


def of_each_run(word: str) -> list[str]:
    """An override as typed for each of its values, if it is a list of them; else itself.

    >>> of_each_run("data.drop=[1e3],[a,b]")
    ['data.drop=[1e3]', 'data.drop=[a,b]']
    """
    override = parse_if_readable(word)
    if override is None or not override.is_choice_sweep():
        return [word]
    key, _, values = word.partition("=")
    values = values.strip()
    if values.startswith("choice(") and values.endswith(")"):
        values = values.removeprefix("choice(").removesuffix(")")
    return [f"{key}={value}" for value in elements(values)]


def with_typed(spec: "RunSpec", typed: Mapping[str, str]) -> "RunSpec":
    """A run with its overrides as typed, for messages; `typed` as `rewritten` gives them."""
    own = {word: typed[word] for word in spec.overrides if word in typed}
    return replace(spec, typed=own) if own else spec
