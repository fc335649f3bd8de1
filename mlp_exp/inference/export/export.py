"""Writes a trained run as one file for other runtimes, and keeps it only if it predicts what the run predicts."""

import copy
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

from mlp_exp.errors import ExportError
from mlp_exp.inference.export.check import Arrays, Predict, first_paragraph, largest_difference, random_rows
from mlp_exp.inference.export.deployed import MISSING_INDEX, UNSEEN_INDEX, Deployed
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.storage.atomic import atomic
from mlp_exp.tasks.task import task_named

if TYPE_CHECKING:
    from torch.export import ExportedProgram

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
EXAMPLE_ROWS = 4


@dataclass(frozen=True)
class Exported:
    """A file that was written: type and shape of each input by name, and name, type and shape of its output.

    `difference` is the largest from the run's own predictions, in the unit of `TOLERANCE`.
    """

    path: Path
    inputs: dict[str, str]
    output: str
    difference: float


def require(path: Path) -> None:
    """Raises ExportError unless a file of this name can be written, with the packages that are installed."""
    if path.suffix not in (".onnx", ".pt2"):
        raise ExportError(f"{path}: expected a name that ends in .onnx or .pt2")
    if not path.parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}")
    for package in PACKAGES if path.suffix == ".onnx" else ():
        try:
            importlib.import_module(package)
        except ImportError as error:
            message = f"ONNX needs the package {package}, which is not installed: pip install 'mlp_exp[export]'"
            raise ExportError(message) from error


def export(run: TrainedRun, path: Path) -> Exported:
    """Writes a run to `path`, by its ending for ONNX (`.onnx`) or torch.export (`.pt2`), for batches of any size.

    Raises ExportError, and writes nothing, if the path has another ending, packages are missing, the network cannot be
    exported, or the file predicts differently from the run.
    """
    require(path)
    _require_no_texts(run)
    example = random_rows(run.preprocessing, EXAMPLE_ROWS, np.random.default_rng(0))
    name, shape = "probabilities", f"float32 [batch, {len(run.class_names)}]"
    if not run.class_names:
        name, shape = "values", "float64 [batch]"
    is_onnx = path.suffix == ".onnx"
    with _quiet():
        program = _program(run, example)
        content = _onnx(program, run, name) if is_onnx else _pt2(program, run)
        with atomic(path) as temporary:
            temporary.write_bytes(content)
            with _explained(run, f"gives a file that cannot be used; {'onnxruntime' if is_onnx else 'torch'} says"):
                predict = _load_onnx(temporary) if is_onnx else _load_pt2(temporary)
            difference = largest_difference(run, predict, path)
    inputs = {key: f"{array.dtype} [batch, {array.shape[1]}]" for key, array in example.items()}
    return Exported(path, inputs, f"{name}: {shape}", difference)


def _require_no_texts(run: TrainedRun) -> None:
    """Raises ExportError for a run with a column of texts."""
    if texts := run.preprocessing.texts:
        raise ExportError(
            f"{run.folder}: column '{texts[0].name}' holds texts, whose words and parts of words are hashed; neither "
            "ONNX nor torch.export has an operation for that. Predict with mlp_exp.predict or mlp_exp.load, or train "
            f"without it: data.drop=['{texts[0].name}']"
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
def _explained(run: TrainedRun, what: str) -> Iterator[None]:
    """Turns any error into one that names the network: a user's own code may lead an exporter to anything."""
    network = run.module.network if isinstance(run.module, EmbeddedNetwork) else run.module
    try:
        yield
    except Exception as error:
        raise ExportError(f"model: {type(network).__name__} {what}: {first_paragraph(error)}") from error


def _program(run: TrainedRun, example: Arrays) -> "ExportedProgram":
    """The run as operations on tensors, for any number of rows."""
    from torch.export import Dim, export
    from torch.fx import GraphModule

    tensors = {name: torch.from_numpy(array) for name, array in example.items()}
    batch = Dim("batch")
    with _explained(
        run,
        "cannot be exported. It has to be operations on tensors for any number of rows, without numpy and without "
        "branches on what the tensors hold; torch.export says",
    ):
        # a copy, so that the file's tensors ask for no gradients while the run's own stay as they are
        module, task = copy.deepcopy(run.module), task_named(run.task)
        deployed = Deployed(run.preprocessing, module, run.loss, task).requires_grad_(False)
        program = export(deployed, (), tensors, dynamic_shapes={name: {0: batch} for name in tensors})
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            node.meta.pop("stack_trace", None)  # source lines, with paths of this machine
    return program


def _metadata(run: TrainedRun) -> dict[str, Any]:
    return {
        "task": run.task,
        "target_name": run.target_name,
        "class_names": list(run.class_names),
        "feature_names": list(run.feature_names),
        "categories": {v.name: list(v.texts) for v in run.preprocessing.vocabularies},
        "missing": f"NaN in numbers, {MISSING_INDEX} in categories; {UNSEEN_INDEX}: a text that training never saw",
    }


def _onnx(program: "ExportedProgram", run: TrainedRun, output: str) -> bytes:
    """The ONNX model, with the metadata in its `metadata_props`: texts, or JSON for other values."""
    import torch.onnx

    with _explained(run, "cannot be written as ONNX, though perhaps as .pt2; torch.onnx says"):
        # dynamo takes the exported program; the older way, TorchScript, is deprecated
        made = torch.onnx.export(program, dynamo=True, verbose=False, output_names=[output])
        assert made is not None
        made.rename_axes({cast(Any, made.model.graph.inputs[0].shape)[0]: "batch"})
        for name, value in _metadata(run).items():
            made.model.metadata_props[name] = value if isinstance(value, str) else json.dumps(value)
        content: bytes = made.model_proto.SerializeToString()
    return content


def _load_onnx(path: Path) -> Predict:
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(None, rows)[0]


def _pt2(program: "ExportedProgram", run: TrainedRun) -> bytes:
    """torch's archive, with the metadata as an extra file."""
    file = io.BytesIO()
    with _explained(run, "cannot be written as .pt2; torch.export says"):
        torch.export.save(program, file, extra_files={"metadata.json": json.dumps(_metadata(run))})
    return file.getvalue()


def _load_pt2(path: Path) -> Predict:
    module = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return lambda rows: module(**{name: torch.from_numpy(array) for name, array in rows.items()}).numpy()
