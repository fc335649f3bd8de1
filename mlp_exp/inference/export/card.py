"""What a person has to know of an exported file: its columns, what it predicts, how well, and how to call it."""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.schema import arrow_type
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.raw_columns import MISSING_PLACE, UNSEEN_PLACE, RawColumns
from mlp_exp.inference.export.script import quoted, script_path
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.classification import Classification
from mlp_exp.tasks.several import Multilabel
from mlp_exp.tasks.task import Task

SHOWN_TEXTS = 10
"""Most texts of a category, or classes, that are written out."""
IN_PYTHON = """
    import numpy as np, onnxruntime
    session = onnxruntime.InferenceSession({name})
    (predicted,) = session.run(None, {{{inputs}}})
"""
IN_TORCH = """
    import torch
    predicted = torch.export.load({name}).module()({inputs})
"""


def card_path(path: Path) -> Path:
    """Where the text goes: `model.md` beside `model.onnx`."""
    return path.with_suffix(".md")


def meaning(column: Column) -> str:
    """What a column of numbers holds, and in what unit it is given."""
    kind = arrow_type(column.type)
    if column.kind == "boolean":
        return "1 for true, 0 for false"
    if column.kind == "date":
        zone = " UTC" if pa.types.is_timestamp(kind) and kind.tz else ""
        return f"date: days since 1970-01-01 00:00{zone}, with the time as a fraction"
    if pa.types.is_time(kind):
        return "time of day: seconds since midnight"
    return "duration: seconds" if pa.types.is_duration(kind) else "number"


def card(ensemble: Ensemble, raw: RawColumns, path: Path) -> str:
    """A page in Markdown on the file at `path`."""
    parts = [_opening(ensemble, raw, path), _numbers(raw), _categories(raw, path), _gaps(raw, path)]
    parts += [_predictions(ensemble), _metrics(ensemble), _use(raw, path), _origin(ensemble)]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _opening(ensemble: Ensemble, raw: RawColumns, path: Path) -> str:
    count, classes = len(ensemble.runs), ensemble.class_names
    what = f"{len(classes)} classes: {_few(classes)}" if classes else ensemble.task.answers_name
    by = "one network" if count == 1 else f"the average of {count} networks"
    columns = len(raw.numbers) + len(raw.categories)
    return (
        f"# {path.name}\n\nPredicts **{_cell(ensemble.target_name)}** ({what}) from {columns} "
        f"column{'s' * (columns != 1)} of a table, by {by}. The columns are given as they stand in the table: gaps, "
        "scaling, what is made of dates, and the codes of texts are dealt with inside."
    )


def _numbers(raw: RawColumns) -> str:
    if not raw.numbers:
        return ""
    rows = [[_cell(c.name), meaning(c), _cell(c.note), str(c.missing or "")] for c in raw.numbers]
    return f"## Input `numbers`: float64 `[batch, {len(rows)}]`\n\n" + _table(
        ["column", "given as", "in the table of training", "missing there"], rows
    )


def _categories(raw: RawColumns, path: Path) -> str:
    if not raw.categories:
        return ""
    pairs = list(zip(raw.categories, raw.texts, strict=True))
    rows = [[_cell(column.name), _few(texts), str(column.missing or "")] for column, texts in pairs]
    kind = "string" if path.suffix == ".onnx" else "int64"
    known = "texts of training" if kind == "string" else "texts of training, from 0"
    table = _table(["column", known, "missing there"], rows)
    all_texts = "All texts stand in the file's metadata, under `categories`."
    return f"## Input `categories`: {kind} `[batch, {len(rows)}]`\n\n{table}\n\n{all_texts}"


def _gaps(raw: RawColumns, path: Path) -> str:
    lines = ["## Gaps and unseen texts", ""]
    if raw.numbers:
        words = ", ".join(f"{number:g}" for number in raw.format.missing_numbers)
        other = f", or {words} in a column of plain numbers" if words else ""
        lines.append(f"- A missing number is NaN{other}.")
    if raw.categories and path.suffix == ".onnx":
        words = " ".join(f"`{_line(word)}`" for word in raw.format.all_missing if word)
        lines.append(f"- A missing text is empty; these are missing, too: {words}.")
        lines.append("- Texts are given without spaces around them. One that training never saw is allowed.")
    elif raw.categories:
        places = f"{MISSING_PLACE} if it is missing, and {UNSEEN_PLACE} if training never saw it"
        lines.append(f"- A text is given as its place in the column's list, {places}.")
    return "\n".join(lines)


def _predictions(ensemble: Ensemble) -> str:
    task = ensemble.task
    kind = "float32" if task.has_classes else "float64"
    width = "" if task.answers_width == 1 else f", {task.answers_width}"
    head = f"## Output `{task.answers_name}`: {kind} `[batch{width}]`\n\n"
    unit = f"In the unit of {_cell(ensemble.target_name)}"
    if isinstance(task, Classification):
        return head + f"Of the classes in this order: {_few(task.class_names)}.{_thresholds(task)}"
    if isinstance(task, Multilabel):
        seconds = [f"{target.name} = {target.class_names[1]}" for target in task.targets]
        return head + f"Of these: {_few(seconds)}.{_thresholds(task)}"
    bounded = all(run.head.scaling.low is not None for run in ensemble.runs)
    bounds = " Within the range of the targets of training." * bounded
    if task.answers_width == 1:
        return head + unit + "." + bounds
    one = "" if len(task.targets) > 1 else f" {unit}."
    return head + f"In this order: {_few(task.answer_names)}." + one + bounds


def _thresholds(task: Task) -> str:
    if set(task.thresholds) <= {0.5}:
        return ""
    return f" The second class is predicted from {', '.join(f'{at:.4g}' for at in task.thresholds)} on."


def _metrics(ensemble: Ensemble) -> str:
    rows: list[list[str]] = []
    names: list[str] = []
    folders = list(dict.fromkeys(run.folder for run in ensemble.runs))
    for folder in folders:
        result = RunFolder(folder).result()
        test = (result or {"metrics": {}})["metrics"].get("test", {})
        names = names or list(test)
        if test:
            rows.append([_place(folder), *(_figure(test.get(name)) for name in names)])
    if not rows:
        return ""
    of = "" if len(folders) == 1 else " Of each run alone; their average was not measured."
    return f"## Quality\n\nMetrics of the test part.{of}\n\n" + _table(["run", *names], rows)


def _use(raw: RawColumns, path: Path) -> str:
    if path.suffix == ".onnx":
        inputs = ['"numbers": numbers'] * bool(raw.numbers) + ['"categories": texts'] * bool(raw.categories)
        code = IN_PYTHON.format(name=quoted(path.name), inputs=", ".join(inputs))
        called = f"python {shlex.quote(script_path(path).name)} TABLE.csv > predictions.csv"
        text = f"    {called}\n\nFor a table in another form:\n"
    else:
        inputs = ["numbers=numbers"] * bool(raw.numbers) + ["categories=places"] * bool(raw.categories)
        code, text = IN_TORCH.format(name=quoted(path.name), inputs=", ".join(inputs)), ""
    return f"## Use\n\n{text}{code}"


def _origin(ensemble: Ensemble) -> str:
    rows = []
    for run in ensemble.runs:
        provenance = (RunFolder(run.folder).result() or {}).get("provenance", {})
        data = run.config["data"]
        source = Path(data["path"]).name if isinstance(data.get("path"), str) else data["_target_"].rpartition(".")[2]
        version = provenance.get("versions", {}).get("mlp_exp", "")
        network = run.config["model"]["_target_"].rpartition(".")[2]
        rows.append([_place(run.folder), network, _cell(source), provenance.get("data_fingerprint", "")[:12], version])
    heads = ["run", "network", "data", "fingerprint of the data", "mlp_exp"]
    return "## Origin\n\n" + _table(heads, [*dict.fromkeys(map(tuple, rows))])


def _place(folder: Path) -> str:
    """The folder of a run as seen from here, or its name: a path of this machine means nothing elsewhere."""
    with suppress(ValueError):
        return folder.absolute().relative_to(Path.cwd()).as_posix()
    return folder.absolute().name


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _few(texts: Sequence[str]) -> str:
    more = f", … ({len(texts)} in all)" if len(texts) > SHOWN_TEXTS else ""
    return ", ".join(f"`{_line(text)}`" for text in texts[:SHOWN_TEXTS]) + more


def _line(text: str) -> str:
    """A text on one line that stays in its code span and its cell."""
    return shorten(text).replace("`", "'").replace("|", "\\|")


def _cell(text: str) -> str:
    """A text on one line that means itself in Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in shorten(text))


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
