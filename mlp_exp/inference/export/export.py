"""Writes a trained run as one file for other runtimes, and keeps it only if it predicts what the run predicts."""

import importlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from mlp_exp.config.words import override
from mlp_exp.errors import ExportError
from mlp_exp.inference.command import lacks_folder
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.card import card, card_path, meaning
from mlp_exp.inference.export.check import Predict, first_paragraph, largest_difference
from mlp_exp.inference.export.deployed import Deployed
from mlp_exp.inference.export.random_rows import random_rows, with_places
from mlp_exp.inference.export.raw_columns import MISSING_PLACE, UNSEEN_PLACE, RawColumns
from mlp_exp.inference.export.script import script, script_path
from mlp_exp.inference.export.texts import PLACES, take_texts
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.storage.atomic import atomic, write_text
from mlp_exp.tasks.task import Task

if TYPE_CHECKING:
    from torch.export import ExportedProgram

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
EXAMPLE_ROWS = 4


@dataclass(frozen=True)
class Exported:
    """Files that were written: the model with the inputs that it takes and what it gives, then those beside it.

    Attributes:
        inputs: type and shape of each input by name.
        output: name, type and shape.
        difference: the largest from the runs' own predictions, in the unit of `TOLERANCE`.
    """

    files: tuple[Path, ...]
    inputs: dict[str, str]
    output: str
    difference: float


def require(path: Path) -> None:
    """Raises ExportError unless a file of this name can be written, with the packages that are installed."""
    if path.suffix not in (".onnx", ".pt2"):
        raise ExportError(f"{path}: expected a name that ends in .onnx or .pt2")
    if not path.parent.is_dir():
        raise ExportError(f"{path}: {lacks_folder(path)}")
    for package in PACKAGES if path.suffix == ".onnx" else ():
        try:
            importlib.import_module(package)
        except ImportError as error:
            message = f"ONNX needs the package {package}, which is not installed: pip install 'mlp_exp[export]'"
            raise ExportError(message) from error


def export(ensemble: Ensemble, path: Path) -> Exported:
    """Writes runs to `path`, by its ending for ONNX (`.onnx`) or torch.export (`.pt2`), for batches of any size.

    Beside it is written what it takes and gives (`card_path`) and, for ONNX, a script that uses it (`script_path`).
    Raises ExportError, and writes nothing, if the path has another ending, packages are missing, a network cannot be
    exported, the runs do not fit together, or the file predicts differently from them.
    """
    require(path)
    _require_no_texts(ensemble)
    raw = RawColumns.of(ensemble)
    name, shape = ensemble.task.answers_name, output_shape(ensemble.task)
    is_onnx = path.suffix == ".onnx"
    beside = {card_path(path): card(ensemble, raw, path)}
    if is_onnx:
        beside[script_path(path)] = script(ensemble, raw, path)
    with _quiet():
        program = _program(ensemble, raw)
        content = _onnx(program, ensemble, raw, name) if is_onnx else _pt2(program, ensemble, raw)
        with atomic(path) as temporary:
            temporary.write_bytes(content)
            runtime = "onnxruntime" if is_onnx else "torch"
            with _explained(ensemble, f"gives a file that cannot be used; {runtime} says"):
                predict = _load_onnx(temporary) if is_onnx else _load_pt2(temporary, raw)
            difference = largest_difference(ensemble, raw, predict, path)
    for file, text in beside.items():
        write_text(file, text)
    inputs = {}
    if raw.numbers:
        inputs["numbers"] = f"float64 [batch, {len(raw.numbers)}]"
    if raw.categories:
        inputs["categories"] = f"{'string' if is_onnx else 'int64'} [batch, {len(raw.categories)}]"
    return Exported((path, *beside), inputs, f"{name}: {shape}", difference)


def output_shape(task: Task) -> str:
    """Type and shape of an exported file's output."""
    if task.has_classes:
        return f"float32 [batch, {task.answers_width}]"
    return "float64 [batch]" if task.answers_width == 1 else f"float64 [batch, {task.answers_width}]"


def _require_no_texts(ensemble: Ensemble) -> None:
    """Raises ExportError for a run with a column of texts."""
    for run in ensemble.runs:
        if texts := run.preprocessing.texts:
            raise ExportError(
                f"{run.folder}: column '{texts[0].name}' holds texts, whose words and parts of words are hashed; "
                "neither ONNX nor torch.export has an operation for that. Predict with mlp_exp.predict or "
                f"mlp_exp.load, or train without it: {override('data.drop', [texts[0].name])}"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences what exporters print beside errors: that torchvision is missing, that they use deprecated functions."""
    torch_log = logging.getLogger("torch")
    level = torch_log.level
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        torch_log.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            torch_log.setLevel(level)


@contextmanager
def _explained(ensemble: Ensemble, what: str) -> Iterator[None]:
    """Turns any error into one that names the networks: a user's own code may lead an exporter to anything."""
    modules = [run.module.network if isinstance(run.module, EmbeddedNetwork) else run.module for run in ensemble.runs]
    names = ", ".join(dict.fromkeys(type(module).__name__ for module in modules))
    try:
        yield
    except Exception as error:
        raise ExportError(f"model: {names} {what}: {first_paragraph(error)}") from error


def _program(ensemble: Ensemble, raw: RawColumns) -> "ExportedProgram":
    """The runs as operations on tensors, for any number of rows; categories are places in their texts."""
    from torch.export import Dim, export
    from torch.fx import GraphModule

    example = random_rows(raw, ensemble, EXAMPLE_ROWS, np.random.default_rng(0))
    tensors = {name: torch.from_numpy(array) for name, array in with_places(raw, example).items()}
    batch = Dim("batch")
    with _explained(
        ensemble,
        "cannot be exported. It has to be operations on tensors for any number of rows, without numpy and without "
        "branches on what the tensors hold; torch.export says",
    ):
        deployed = Deployed(raw, ensemble)
        program = export(deployed, (), tensors, dynamic_shapes={name: {0: batch} for name in tensors})
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            node.meta.pop("stack_trace", None)  # source lines, with paths of this machine
    return program


def _metadata(ensemble: Ensemble, raw: RawColumns, missing: str) -> dict[str, Any]:
    return {
        "task": ensemble.task.name,
        "target_name": ensemble.target_name,
        "class_names": list(ensemble.class_names),
        "answers": ensemble.task.answer_names,
        "thresholds": list(ensemble.task.thresholds),
        "numbers": {column.name: meaning(column) for column in raw.numbers},
        "categories": {c.name: list(texts) for c, texts in zip(raw.categories, raw.texts, strict=True)},
        "missing": missing,
    }


def _onnx(program: "ExportedProgram", ensemble: Ensemble, raw: RawColumns, output: str) -> bytes:
    """The ONNX model, with the metadata in its `metadata_props`: texts, or JSON for other values."""
    import torch.onnx

    with _explained(ensemble, "cannot be written as ONNX, though perhaps as .pt2; torch.onnx says"):
        # dynamo takes the exported program; the older way, TorchScript, is deprecated
        made = torch.onnx.export(program, dynamo=True, verbose=False, output_names=[output])
        assert made is not None
        made.rename_axes({cast(Any, made.model.graph.inputs[0].shape)[0]: "batch"})
        for name, value in _metadata(ensemble, raw, "NaN in numbers, an empty text in categories").items():
            made.model.metadata_props[name] = value if isinstance(value, str) else json.dumps(value)
        if raw.categories:
            made.model.graph.inputs[-1].name = PLACES
        model = made.model_proto
        if raw.categories:
            take_texts(model, raw)
        content: bytes = model.SerializeToString()
    return content


def _load_onnx(path: Path) -> Predict:
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(None, rows)[0]


def _pt2(program: "ExportedProgram", ensemble: Ensemble, raw: RawColumns) -> bytes:
    """torch's archive, with the metadata as an extra file."""
    file = io.BytesIO()
    missing = (
        f"NaN in numbers, {MISSING_PLACE} in categories; {UNSEEN_PLACE}: a text that training never saw; any other "
        "category is the place of its text, from 0"
    )
    with _explained(ensemble, "cannot be written as .pt2; torch.export says"):
        extra = {"metadata.json": json.dumps(_metadata(ensemble, raw, missing))}
        torch.export.save(program, file, extra_files=extra)
    return file.getvalue()


def _load_pt2(path: Path, raw: RawColumns) -> Predict:
    module = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return lambda rows: module(
        **{name: torch.from_numpy(array) for name, array in with_places(raw, rows).items()}
    ).numpy()
