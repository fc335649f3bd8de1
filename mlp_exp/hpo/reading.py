"""From Hydra's parsed overrides to dimensions, and what can be wrong with a range."""

import math
import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Sweep
from hydra.errors import HydraException

from mlp_exp.config.key_types import number_types
from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.dimensions import Dimension, Value, decimal, same, value_of, written

TAGS = ("log", "int", "float")
_FUNCTION = re.compile(r"\b(interval|range|choice|tag|sort|shuffle|glob|int|float|str|bool)?\w*\(")
_ENDS = re.compile(r"\binterval\(\s*(?:start=)?\s*[+-]?\d[\d_]*\s*,\s*(?:end=)?\s*[+-]?\d[\d_]*\s*\)")
_USAGE = {
    "interval": "two numbers, as interval(0,0.5)",
    "range": "one to three numbers, as range(1,10,2)",
    "choice": "one value or more, as choice(32,64)",
    "tag": "a word of log, int, float and a range, as tag(log,interval(1e-4,1e-1))",
}


def parse(key: str, value: Any, loader: Any = None) -> Override:
    """What a setting of `hydra.sweeper` says of a key; a list is one of choices, a text as on the command line.

    Raises:
        ConfigError: it cannot be read.
    """
    if isinstance(value, list):
        if not value:
            raise ConfigError([f"{key}: expected one choice or more, got an empty list"])
        text = ",".join(map(written, value))
    else:
        text = value if isinstance(value, str) else written(value)
    return parse_text(f"{key}={text}", loader)


def parse_text(override: str, loader: Any = None) -> Override:
    """An override as Hydra parses it.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return OverridesParser.create(config_loader=loader).parse_overrides([override])[0]
    except HydraException as error:
        raise ConfigError([unreadable(override, error)]) from error


def key_of(override: Override) -> str:
    """The key without what says that it is added or deleted."""
    return override.get_key_element().lstrip("+~")


def unreadable(override: str, error: Exception) -> str:
    """Why Hydra cannot parse an override, in one line."""
    key, _, text = override.partition("=")
    for name, usage in _USAGE.items():
        if f"while evaluating '{name}(" in str(error):
            return f"{key}: {name}() takes {usage}, got {text}"
    unknown = re.search(r"Unknown function '(\w+)'", str(error))
    if unknown:
        hint = did_you_mean(unknown[1], ("interval", "range", "choice", "tag", "sort", "shuffle", "glob"))
        return f"{key}: there is no function {unknown[1]}().{hint}"
    if text.count("(") != text.count(")"):
        return f"{key}: expected as many ) as (, got {text}"
    cause = str(error).strip().splitlines()[0]
    return f"{key}: cannot read '{text}': {cause}"


def calls_a_function(override: str) -> bool:
    """Whether its value is written as a range or the like, also with a typo in it."""
    return bool(_FUNCTION.match(override.partition("=")[2].lstrip()))


def read_dimension(override: Override) -> Dimension:
    """The dimension that a sweep on the command line stands for.

    Raises:
        ConfigError: its range has no values, or other ones than the key takes.
    """
    key, text = key_of(override), override.get_value_string()
    prefix = override.get_key_element().removesuffix(key)
    sweep = override.value()
    tags = sweep.tags if isinstance(sweep, Sweep) else set()
    try:
        if isinstance(sweep, IntervalSweep | RangeSweep):
            _check_tags(tags, TAGS)
            _check_numbers(sweep)
            whole = _is_integer(key, text, sweep)
            low, high, step = _interval(sweep, whole) if isinstance(sweep, IntervalSweep) else _range(sweep, whole)
            return Dimension(key, text, (), low, high, step, "log" in tags, whole, prefix)
        _check_tags(tags, ())
        return Dimension(key, text, _choices(override), prefix=prefix)
    except ValueError as error:
        raise ConfigError([f"{key}: {error}, got {text}"]) from error


def _choices(override: Override) -> tuple[Value, ...]:
    """Without those that occur twice."""
    try:
        values = [value_of(each) for each in override.sweep_iterator()]
    except HydraException as error:
        raise ValueError("glob() is for options of groups on the command line; expected their names") from error
    if not values:
        raise ValueError("expected a pattern that some option has")
    return tuple(value for index, value in enumerate(values) if not any(same(value, one) for one in values[:index]))


def _check_tags(tags: set[str], known: Sequence[str]) -> None:
    for tag in sorted(tags - set(known)):
        if tag in TAGS:
            raise ValueError(f"expected '{tag}' with interval() or range(), not with choices")
        raise ValueError(f"there is no tag '{tag}'.{did_you_mean(tag, TAGS)} Expected one of log, int, float")


def _check_numbers(sweep: IntervalSweep | RangeSweep) -> None:
    numbers = [sweep.start, sweep.end] if isinstance(sweep, IntervalSweep) else [sweep.start, sweep.stop, sweep.step]
    if not all(number is not None and math.isfinite(number) for number in numbers):
        raise ValueError("expected finite numbers")


def _is_integer(key: str, text: str, sweep: IntervalSweep | RangeSweep) -> bool:
    """By its tag, else by the schema, else by how the numbers are written."""
    if tagged := sweep.tags & {"int", "float"}:
        return tagged == {"int"}
    types = number_types(key)
    if len(types) == 1:
        return int in types
    if isinstance(sweep, RangeSweep):
        return all(isinstance(number, int) for number in (sweep.start, sweep.stop, sweep.step))
    return isinstance(sweep.start, int) or (bool(_ENDS.search(text)) and "float(" not in text)


def _whole(number: float) -> int:
    if number != int(number):
        raise ValueError("expected whole numbers, since the key takes no others")
    return int(number)


def _interval(sweep: IntervalSweep, is_integer: bool) -> tuple[float, float, float | None]:
    """From its start up to, not including, its end."""
    assert sweep.start is not None
    assert sweep.end is not None
    low, end = (_whole(each) if is_integer else float(each) for each in (sweep.start, sweep.end))
    if low > end:
        raise ValueError("expected the lower end first")
    if low == end:
        raise ValueError("expected a higher end than the start, which it does not include")
    _check_log(low, sweep.tags)
    if is_integer:
        return low, end - 1, 1
    return low, math.nextafter(end, low), None


def _range(sweep: RangeSweep, is_integer: bool) -> tuple[float, float, float | None]:
    """From its start up to, or down to, not including, its stop."""
    numbers = [sweep.start, sweep.stop, sweep.step]
    start, stop, step = (decimal(_whole(each) if is_integer else each) for each in numbers if each is not None)
    if step == 0:
        raise ValueError("expected another step than 0")
    count = math.ceil((stop - start) / step)
    if count < 1:
        raise ValueError("expected a range with values in it")
    low, high = sorted((start, start + (count - 1) * step))
    _check_log(float(low), sweep.tags)
    if "log" in sweep.tags and not (is_integer and abs(step) == 1):
        raise ValueError("expected no step with log; interval() has none")
    kind = int if is_integer else float
    return kind(low), kind(high), kind(abs(step))


def _check_log(low: float, tags: set[str]) -> None:
    if "log" in tags and low <= 0:
        raise ValueError("expected a start above 0 with log")
