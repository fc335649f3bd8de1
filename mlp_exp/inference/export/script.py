"""A short Python script that reads a CSV table and predicts it with an exported file and onnxruntime alone."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlp_exp.data.dataset import TargetColumn
from mlp_exp.data.table.dates import MONTHS, PIVOT
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.raw_columns import RawColumns, conversion
from mlp_exp.tasks.classification import Classification
from mlp_exp.tasks.metrics import around_median
from mlp_exp.tasks.regression import QuantileRegression
from mlp_exp.tasks.several import Multilabel
from mlp_exp.tasks.task import Task

HEAD = '''\
"""Predicts a CSV table with the model beside this script; needs Python 3.11, numpy and onnxruntime:

    python THIS_SCRIPT.py TABLE.csv > predictions.csv
"""

'''
FUNCTIONS = {
    "number": '''\
def number(pattern, decimal, grouping, *affixes):
    """Numbers that this regular expression matches, with a decimal sign, signs between thousands, and a unit."""

    def convert(text):
        text = text.translate({0x2212: 0x2D, 0x2019: 0x27})
        if not re.fullmatch(pattern, text):
            raise ValueError
        for affix in affixes:
            text = text.replace(affix, "", 1)
        text = re.sub("[.,]--?", "", text).replace(" ", "").replace(grouping, "").replace(decimal, ".")
        found = float(text.strip("()-+"))
        return -found if text.startswith(("(", "-")) or text.endswith("-") else found

    return convert
''',
    "boolean": """\
def boolean(text):
    return {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}[text.lower()]
""",
    "since": '''\
def since(when):
    """Days since 1970."""
    passed = when - datetime(1970, 1, 1, tzinfo=timezone.utc)
    # not nearer to midnight than a float64 of the year 9999 can tell, which would round it to the next day
    return min(passed / timedelta(days=1), passed.days + 1 - 2**-30)
''',
    "dated": f'''\
MONTHS = {MONTHS}


def dated(pattern, zoned):
    """Dates that this regular expression matches, with a time zone or without one, as days since 1970."""

    def days(text):
        part = re.fullmatch(pattern, text).groupdict("")
        year, month, hour = int(part["y"]), int(part.get("m") or 1), int(part.get("H") or 0)
        year += (2000 if year < {PIVOT} else 1900) if len(part["y"]) == 2 else 0
        month = MONTHS[part["b"].lower()] if "b" in part else 3 * int(part["q"]) - 2 if "q" in part else month
        hour = hour % 12 + 12 * (part["p"][0] in "Pp") if part.get("p") else hour
        minute, second = int(part.get("M") or 0), int(part.get("S") or 0)
        micros = int(part.get("f", "").ljust(6, "0")[:6] or 0)
        when = datetime(year, month, int(part.get("d") or 1), hour, minute, second, micros, timezone.utc)
        if bool(part.get("z")) != zoned:
            raise ValueError
        zone = re.search(r"([+-])(\\d\\d?):?(\\d\\d)?$", part.get("z", ""))
        ahead = int(zone[2]) * 60 + int(zone[3] or 0) if zone else 0
        return since(when - timedelta(minutes=-ahead if zone and zone[1] == "-" else ahead))

    return days
''',
    "seconds": '''\
def seconds(text):
    """A time of day as seconds since midnight."""
    when = time.fromisoformat(text)
    return (when.hour * 60 + when.minute) * 60 + when.second + when.microsecond / 1e6
''',
}
"""What makes a value of a text in the table, by the names that `conversion` gives."""
PYTHONS_OWN = {"text": "str"}
IMPORTS = {"datetime": ["since"], "time": ["seconds"], "timedelta": ["since"], "timezone": ["since"]}
"""What the functions take from `datetime`."""
CLEAN = """\
def clean(text):
    return " ".join(unicodedata.normalize("NFC", text).split())
"""
VALUE = '''\
misfits = []


def value(text, convert):
    """A number; NaN where it is missing, or written in another way than in training, which is counted."""
    try:
        found = np.nan if text in MISSING else convert(text)
    except (AttributeError, KeyError, ValueError):
        found = np.inf
    if np.isinf(found):
        misfits.append(text)
    return np.nan if np.isinf(found) else found
'''
SPELLED = '''\
def spelled(text, convert, known):
    """The text of training that means the same: 7.0 is the category 7."""
    try:
        return known.get(text) or known.get(convert(text), text)
    except (KeyError, ValueError):
        return text
'''
LINE = 105
"""Longest line of names."""
READ = """\
session = onnxruntime.InferenceSession(str(Path(__file__).with_name(MODEL)), providers=["CPUExecutionProvider"])
with open(sys.argv[1], encoding={encoding}, newline="") as file:
{separator}
    header, *lines = filter(None, csv.reader(file, delimiter=separator))
    if header[0].lower().startswith("sep="):
        header, *lines = lines
names = [clean(name) or f"column {{place}}" for place, name in enumerate(header)]
rows = [dict(zip(names, map(clean, line), strict=True)) for line in lines]
inputs = {{}}
"""
DETECTED = """\
    separator = max(",;\\t|", key=file.readline().count)
    file.seek(0)"""
NUMBERS = """\
numbers = [[value(row[name], convert) for name, convert in NUMBERS.items()] for row in rows]
inputs["numbers"] = np.array(numbers, dtype=np.float64).reshape(-1, len(NUMBERS))
if misfits:
    print(f"{len(misfits)} cells are not as in training and are taken for missing, as '{misfits[0]}'", file=sys.stderr)
"""
CATEGORIES = """\
texts = [[row[name] for name in CATEGORIES] for row in rows]
inputs["categories"] = np.array(texts, dtype=object).reshape(-1, len(CATEGORIES))
"""
SPELLED_CATEGORIES = """\
known = json.loads(session.get_modelmeta().custom_metadata_map["categories"])
known = {
    name: {convert(text): text for text in known[name]} | dict(zip(known[name], known[name]))
    for name, convert in CATEGORIES.items()
}
texts = [[spelled(row[name], convert, known[name]) for name, convert in CATEGORIES.items()] for row in rows]
inputs["categories"] = np.array(texts, dtype=object).reshape(-1, len(CATEGORIES))
"""


def script_path(path: Path) -> Path:
    """Where the script goes: `use_model.py` beside `model.onnx`."""
    return path.with_name(f"use_{path.stem}.py")


def script(ensemble: Ensemble, raw: RawColumns, path: Path) -> str:
    """The script for the model at `path`: it reads tables as the runs do, and prints what `predict` writes."""
    numbers = {column.name: conversion(column, raw.format) for column in raw.numbers}
    categories = {column.name: conversion(column, raw.format) for column in raw.categories}
    used = {made.partition("(")[0] for made in (*numbers.values(), *categories.values())}
    used |= {"since"} if "dated" in used else set()
    is_spelled = bool(categories) and set(categories.values()) != {"text"}
    head = (
        HEAD
        + _imports(used, is_spelled)
        + f"\nMODEL = {quoted(path.name)}\nMISSING = {_items(raw.format.all_missing)}\n"
    )
    functions = [CLEAN, *[VALUE] * bool(numbers)]
    functions += [code for name, code in FUNCTIONS.items() if name in used] + [SPELLED] * is_spelled
    body = f"NUMBERS = {_items(_named(numbers))}\n" if numbers else ""
    if categories:
        body += f"CATEGORIES = {_items(_named(categories) if is_spelled else list(categories))}\n"
    body += "\n" + _read(ensemble)
    body += NUMBERS if numbers else ""
    if categories:
        body += SPELLED_CATEGORIES if is_spelled else CATEGORIES
    return "\n\n".join([head, *functions, body + _written(ensemble.task)])


def _named(conversions: Mapping[str, str]) -> dict[str, str]:
    return {name: PYTHONS_OWN.get(made, made) for name, made in conversions.items()}


def _imports(used: Iterable[str], is_spelled: bool) -> str:
    from_datetime = [name for name, functions in IMPORTS.items() if set(functions).intersection(used)]
    lines = [
        "import csv",
        *["import json"] * is_spelled,
        *["import re"] * bool(set(used) & {"dated", "number"}),
        "import sys",
        "import unicodedata",
    ]
    lines += [f"from datetime import {', '.join(from_datetime)}"] * bool(from_datetime)
    return "\n".join([*lines, "from pathlib import Path", "", "import numpy as np", "import onnxruntime", ""])


def _items(values: Iterable[str] | Mapping[str, str]) -> str:
    """A list of texts, or a dictionary from texts to names, as code; on several lines where there are many."""
    pairs = values.items() if isinstance(values, Mapping) else ((value, "") for value in values)
    items = [quoted(text) + (f": {name}" if name else "") for text, name in pairs]
    opening, closing = "{}" if isinstance(values, Mapping) else "[]"
    if len(line := ", ".join(items)) <= LINE:
        return f"{opening}{line}{closing}"
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) > LINE:
            lines.append("")
        lines[-1] += f" {item},"
    return "\n".join([opening, *(f"   {line}" for line in lines), closing])


def quoted(text: str) -> str:
    """A text as Python code."""
    return json.dumps(text, ensure_ascii=False)  # as Python spells it, too


def _read(ensemble: Ensemble) -> str:
    reading = ensemble.first.reading
    encoding = "utf-8-sig" if reading.encoding.lower() in ("utf-8", "utf8") else reading.encoding
    separator = DETECTED if reading.separator is None else f"    separator = {quoted(reading.separator)}"
    return READ.format(encoding=quoted(encoding), separator=separator)


def _written(task: Task) -> str:
    """Prints the predictions as `predict` writes them."""
    constants, row = _row(task)
    return (
        f"{constants}(found,) = session.run(None, inputs)\n"
        + 'table = csv.writer(sys.stdout, lineterminator="\\n")\n'
        + f"table.writerow({_items(task.column_names)})\n"
        + f"table.writerows({row} for row in found.tolist())\n"
    )


def _row(task: Task) -> tuple[str, str]:
    """Constants, and the columns of a `row` of the output, as code."""
    if isinstance(task, Multilabel):
        labels = ", ".join(f"({_items(target.class_names)}, {_lowest(at)})" for target, at in _decided(task))
        return f"LABELS = [{labels}]\n", "[each for (names, at), p in zip(LABELS, row) for each in (names[p >= at], p)]"
    if isinstance(task, QuantileRegression):
        below, above, share = around_median(task.levels)
        return "", f"[row[{below}] + {share} * (row[{above}] - row[{below}]), *row]"
    if not isinstance(task, Classification):
        return "", "[row]" if task.answers_width == 1 else "row"
    decided = "row.index(max(row))"
    if task.thresholds and task.thresholds[0] != 0.5:
        decided = f"row[1] >= {task.thresholds[0]}"
    return f"CLASSES = {_items(task.class_names)}\n", f"[CLASSES[{decided}], *row]"


def _lowest(threshold: float) -> float:
    """The lowest probability of the second class that decides for it: as of `decide`, more than a half."""
    return math.nextafter(0.5, 1) if threshold == 0.5 else threshold


def _decided(task: Multilabel) -> Iterable[tuple[TargetColumn, float]]:
    return zip(task.targets, task.thresholds, strict=True)
