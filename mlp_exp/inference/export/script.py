"""A short Python script that reads a CSV table and predicts it with an exported file and onnxruntime alone."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.raw_columns import RawColumns, conversion
from mlp_exp.inference.tables import output_names

HEAD = '''\
"""Predicts a CSV table with the model beside this script; needs Python 3.11, numpy and onnxruntime:

    python THIS_SCRIPT.py TABLE.csv > predictions.csv
"""

'''
FUNCTIONS = {
    "number_with_comma": '''\
def number_with_comma(text):
    """1,5 is one and a half; a point is a mistake."""
    return float(text.translate(str.maketrans(",.", ".,")))
''',
    "boolean": """\
def boolean(text):
    return {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}[text.lower()]
""",
    "days": '''\
def days(text):
    """A date as days since 1970, with a time as a fraction: 2020-01-31, 2020/1/31, 31.1.2020, 2020-01-31T12:30:00Z."""
    text = re.sub(r"^(\\d\\d?)\\.(\\d\\d?)\\.(\\d{4})", r"\\3-\\2-\\1", text)
    ((year, month, day, rest),) = re.findall(r"^(\\d{4})[-/](\\d\\d?)[-/](\\d\\d?)[ T]?(.*)", text)
    when = datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T{rest or '00'}")
    when = when.astimezone(timezone.utc) if when.tzinfo else when.replace(tzinfo=timezone.utc)
    since = when - datetime(1970, 1, 1, tzinfo=timezone.utc)
    # not nearer to midnight than a float64 of the year 9999 can tell, which would round it to the next day
    return min(since / timedelta(days=1), since.days + 1 - 2**-30)
''',
    "seconds": '''\
def seconds(text):
    """A time of day as seconds since midnight."""
    when = time.fromisoformat(text)
    return (when.hour * 60 + when.minute) * 60 + when.second + when.microsecond / 1e6
''',
}
"""What makes a value of a text in the table, by the names that `conversion` gives."""
PYTHONS_OWN = {"number": "float", "text": "str"}
IMPORTS = {"datetime": ["days"], "time": ["seconds"], "timedelta": ["days"], "timezone": ["days"]}
"""What the functions take from `datetime`."""
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
names = [name.strip() or f"column {{place}}" for place, name in enumerate(header)]
rows = [dict(zip(names, map(str.strip, line), strict=True)) for line in lines]
inputs = {{}}
"""
DETECTED = """\
    separator = max(",;\\t|", key=file.readline().count)
    file.seek(0)"""
NUMBERS = """\
numbers = [[np.nan if row[name] in MISSING else f(row[name]) for name, f in NUMBERS.items()] for row in rows]
inputs["numbers"] = np.array(numbers, dtype=np.float64).reshape(-1, len(NUMBERS))
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
    numbers = {column.name: conversion(column, raw.form) for column in raw.numbers}
    categories = {column.name: conversion(column, raw.form) for column in raw.categories}
    used = {*numbers.values(), *categories.values()}
    is_spelled = bool(categories) and set(categories.values()) != {"text"}
    head = (
        HEAD
        + _imports(used, is_spelled)
        + f"\nMODEL = {_quoted(path.name)}\nMISSING = {_items(raw.form.all_missing)}\n"
    )
    functions = [code for name, code in FUNCTIONS.items() if name in used] + [SPELLED] * is_spelled
    body = f"NUMBERS = {_items(_named(numbers))}\n" if numbers else ""
    if categories:
        body += f"CATEGORIES = {_items(_named(categories) if is_spelled else list(categories))}\n"
    body += "\n" + _read(ensemble)
    body += NUMBERS if numbers else ""
    if categories:
        body += SPELLED_CATEGORIES if is_spelled else CATEGORIES
    return "\n\n".join([head, *functions, body + _written(ensemble.class_names)])


def _named(conversions: Mapping[str, str]) -> dict[str, str]:
    return {name: PYTHONS_OWN.get(made, made) for name, made in conversions.items()}


def _imports(used: Iterable[str], is_spelled: bool) -> str:
    from_datetime = [name for name, functions in IMPORTS.items() if set(functions).intersection(used)]
    lines = ["import csv", *["import json"] * is_spelled, *["import re"] * ("days" in used), "import sys"]
    lines += [f"from datetime import {', '.join(from_datetime)}"] * bool(from_datetime)
    return "\n".join([*lines, "from pathlib import Path", "", "import numpy as np", "import onnxruntime", ""])


def _items(values: Iterable[str] | Mapping[str, str]) -> str:
    """A list of texts, or a dictionary from texts to names, as code; on several lines where there are many."""
    pairs = values.items() if isinstance(values, Mapping) else ((value, "") for value in values)
    items = [_quoted(text) + (f": {name}" if name else "") for text, name in pairs]
    opening, closing = "{}" if isinstance(values, Mapping) else "[]"
    if len(line := ", ".join(items)) <= LINE:
        return f"{opening}{line}{closing}"
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) > LINE:
            lines.append("")
        lines[-1] += f" {item},"
    return "\n".join([opening, *(f"   {line}" for line in lines), closing])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # as Python spells it, too


def _read(ensemble: Ensemble) -> str:
    reading = ensemble.first.reading
    encoding = "utf-8-sig" if reading.encoding.lower() in ("utf-8", "utf8") else reading.encoding
    separator = DETECTED if reading.separator is None else f"    separator = {_quoted(reading.separator)}"
    return READ.format(encoding=_quoted(encoding), separator=separator)


def _written(class_names: Iterable[str]) -> str:
    """Prints the predictions as `predict` writes them."""
    names = list(class_names)
    rows = "[CLASSES[row.argmax()], *row.tolist()] for row in found" if names else "[value] for value in found.tolist()"
    return (
        (f"CLASSES = {_items(names)}\n" if names else "")
        + "(found,) = session.run(None, inputs)\n"
        + 'table = csv.writer(sys.stdout, lineterminator="\\n")\n'
        + f"table.writerow({_items(output_names(names))})\n"
        + f"table.writerows({rows})\n"
    )
