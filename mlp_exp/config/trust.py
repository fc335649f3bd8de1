"""What the configuration of a saved run may name and contain: its folder may come from a stranger.

Instantiating a configuration imports and calls what it names. So a saved one is checked as text first: it may name
listed components alone, and packages that the user allows on the command line.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mlp_exp._version import __version__
from mlp_exp.config.by_data import ALL_FACTS, taken
from mlp_exp.config.components import is_component, public_name
from mlp_exp.config.schema import Experiment
from mlp_exp.config.targets import locate
from mlp_exp.errors import UntrustedError

TORCH_CLASSES = {
    "torch.nn": "torch.nn.Module",
    "torch.optim": "torch.optim.Optimizer",
    "torch.optim.lr_scheduler": "torch.optim.lr_scheduler.LRScheduler",
}
"""Modules of torch, and the base class of the components in them."""
TORCH_INIT = re.compile(r"torch\.nn\.init\.[a-z]\w*_")
TORCH_LOSSES = frozenset(
    f"torch.nn.functional.{name}"
    for name in (
        *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cross_entropy", "multi_margin_loss"),
        *("binary_cross_entropy_with_logits", "multilabel_soft_margin_loss"),
    )
)
SKLEARN_DATA = re.compile(r"sklearn\.datasets\.(make_\w+|load_(breast_cancer|diabetes|digits|iris|linnerud|wine))")
REFERENCE = re.compile(r"\$\{(\w+(?:\.\w+)*)\}")
"""The only kind of interpolation that a saved configuration may have: the value of another key."""
IN_OUTPUTS = r"outputs(/\w[\w.-]*)*"
STAYS_HERE = {
    public_name("MLflow"): ("mlflow", {"tracking_uri": re.compile(f"sqlite:///{IN_OUTPUTS}")}),
    public_name("WandB"): ("wandb", {"mode": re.compile("offline"), "dir": re.compile(IN_OUTPUTS)}),
}
"""Trackers that can send data away: their packages, and the settings that keep it in `outputs/`."""
MOST_VALUES = 1_000_000
DEEPEST = 20


UNBUILT = ("metrics", "callbacks")
"""Groups that only training builds; elsewhere they may name anything."""


def check_config(config: Any, allow: Sequence[str], where: object, *, trains: bool = True) -> None:
    """Checks a saved configuration, as loaded from the file `where`, before it is built or resolved.

    Without `trains`, the groups UNBUILT may name anything: the caller builds none of them.

    Raises UntrustedError if it names anything but listed components and what is in the packages `allow`, is not a
    mapping of plain values, is too large, or has an interpolation other than of a single value of its own.
    """
    if not isinstance(config, Mapping):
        raise UntrustedError(f"{where}: expected a configuration with keys, got {type(config).__name__}")
    check_plain(config, where)
    foreign = [key for key in config if key not in Experiment.model_fields]
    if foreign:  # Hydra would apply settings of its own before any check of ours
        raise UntrustedError(f"{where}: expected the configuration of a run; it has no key {foreign[0]!r}")
    for key, value in _leaves(config):
        built = trains or key.partition(".")[0] not in UNBUILT
        if built and key.rpartition(".")[2] == "_target_" and not is_trusted(value, allow):
            if str(value).startswith("mlp_exp."):  # --allow would be no help
                raise UntrustedError(
                    f"{where}: {key} is {value!r}, which is no component of this version of mlp_exp ({__version__}). "
                    "If another version has written this file, use that one"
                )
            raise UntrustedError(
                f"{where}: {key} is {value!r}; a saved run may only build components of mlp_exp, torch's networks, "
                "optimizers and schedulers, and scikit-learn's data sets. If you know and trust that package: "
                f"--allow {str(value).partition('.')[0]}"
            )
        if isinstance(value, str) and "${" in value and not is_reference(value, config):
            raise UntrustedError(
                f"{where}: {key} is {value!r}; a saved configuration may refer to a single value of its own, "
                "as ${trainer.epochs}, and to nothing outside it"
            )
    for package, key, value in _leads_elsewhere(config):
        if package not in allow:
            raise UntrustedError(
                f"{where}: {key} is {value!r}; a saved run may be tracked inside outputs/ alone, offline. If you know "
                f"that place and trust it: --allow {package}"
            )


def _leads_elsewhere(config: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """The package of a tracker, with each of its settings by which data could leave `outputs/`."""
    tracker = config.get("tracker")
    tracker = tracker if isinstance(tracker, Mapping) else {}
    package, settings = STAYS_HERE.get(str(tracker.get("_target_")), ("", {}))
    for key, stays in settings.items():
        if not stays.fullmatch(str(tracker.get(key))):
            yield package, f"tracker.{key}", tracker.get(key)


def check_plain(
    values: Any, where: object, most: int = MOST_VALUES, also: Callable[[Any], bool] = lambda value: False
) -> None:
    """Raises UntrustedError for all but numbers, texts, lists and mappings, and for too many or too deep ones.

    `most` is the limit on the number of values when they are written out: a file may refer to one list many times, in a
    few bytes each, so that the whole would not fit into memory. `also` tells which values of other types are accepted.
    """
    todo: list[tuple[Any, int]] = [(values, 0)]
    seen = 0
    while todo:
        value, depth = todo.pop()
        if type(value) in (str, int, float, bool, type(None)):  # numpy's are floats, too
            continue
        if isinstance(value, Mapping | list | tuple):
            inside = list(value.values()) if isinstance(value, Mapping) else list(value)
            if isinstance(value, Mapping) and not all(isinstance(key, str | int | float) for key in value):
                raise UntrustedError(f"{where}: expected texts and numbers as keys, got other ones")
            seen += len(inside)
            if seen > most or depth > DEEPEST:
                raise UntrustedError(
                    f"{where}: holds more than {most} values or more than {DEEPEST} levels when it is written out"
                )
            todo += [(each, depth + 1) for each in inside]
        elif not also(value):
            raise UntrustedError(f"{where}: expected numbers and texts, found a {type(value).__name__}")


def is_allowed(path: str, allow: Sequence[str]) -> bool:
    return any(path.startswith(f"{package}.") for package in allow)


def foreign_packages(config: Mapping[str, Any], *, by_name: bool = False) -> list[str]:
    """The packages that have to be allowed before a saved configuration can be built; `by_name` as in `is_trusted`."""
    named = [value for key, value in _leaves(config) if key.endswith("_target_")]
    targets = [value for value in named if not is_trusted(value, by_name=by_name)]
    packages = {package for package, _, _ in _leads_elsewhere(config)}
    return sorted({str(target).partition(".")[0] for target in targets} | packages)


def is_trusted(path: Any, allow: Sequence[str] = (), *, by_name: bool = False) -> bool:
    """Whether a `_target_` is on the list; `by_name` accepts any name in torch's modules, and imports nothing."""
    if not isinstance(path, str):
        return False
    if is_allowed(path, allow) or is_component(path) or path in TORCH_LOSSES:
        return True
    if TORCH_INIT.fullmatch(path) or SKLEARN_DATA.fullmatch(path):
        return True
    return path.rpartition(".")[0] in TORCH_CLASSES and (by_name or _is_torch_class(path))


def _is_torch_class(path: str) -> bool:
    """Whether one of torch's modules has such a component; imports nothing but torch."""
    module, _, name = path.rpartition(".")
    if name.startswith("_"):
        return False
    try:
        found = locate(path)
    except ValueError:
        return False
    return isinstance(found, type) and issubclass(found, locate(TORCH_CLASSES[module]))  # type: ignore[arg-type]


def _leaves(node: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is not a container, with its path; a `_target_` whatever it is."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in items:
        place = f"{where}.{key}".lstrip(".")
        if isinstance(value, Mapping | list | tuple) and key != "_target_":
            yield from _leaves(value, place)
        else:
            yield place, value


def is_reference(text: str, config: Mapping[Any, Any]) -> bool:
    """Whether it refers to one key with plain values: references to others could grow on."""
    found = REFERENCE.fullmatch(text)
    value: Any = config
    for key in found[1].split(".") if found else ():
        value = value.get(key) if isinstance(value, Mapping) else None
    each = [taken(value, facts) for facts in ALL_FACTS]
    return all(isinstance(one, int | float) or (isinstance(one, str) and "${" not in one) for one in each)
