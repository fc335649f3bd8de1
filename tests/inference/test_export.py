"""`python -m mlp_exp.export`: a run as one file, from raw numbers and categories to its predictions."""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from scipy.special import ndtri
from support.commands import Command, refusal, said
from support.compositions import compose_run
from support.folders import names, result_of
from support.mixed import NAN, SCALINGS, TRAIN, category, mixed, table, with_other_rows_changed
from support.predictions import loaded
from support.specs import train_in
from support.tables import write_table
from support.tasks import task_for

from mlp_exp.data.dataset import Category, Dataset
from mlp_exp.data.preprocessing import Preprocess, Preprocessing, Scaling
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export import deployed, export
from mlp_exp.inference.export.check import BATCHES
from mlp_exp.inference.export.deployed import Deployed, Inputs, Prediction
from mlp_exp.inference.export.normal_quantile import normal_quantile
from mlp_exp.inference.export.random_rows import as_table, random_rows
from mlp_exp.inference.export.raw_columns import RawColumns
from mlp_exp.inference.loading import load
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.losses import SquaredError

pytestmark = pytest.mark.usefixtures("operators_read_once")

Patch = pytest.MonkeyPatch
Rows = dict[str, np.ndarray]
QUIET = ("trainer.epochs=2", "trainer.device=cpu", "trainer.plots=never")


def trained(folder: Path, words: Sequence[str]) -> Path:
    """The folder of a run."""
    folder.mkdir(exist_ok=True)
    train_in(folder, compose_run([*QUIET, *words]))
    return folder


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("circle"), [])


def from_onnx(path: Path, rows: Rows) -> np.ndarray:
    found: np.ndarray
    (found,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, rows)
    return found


def from_pt2(path: Path, rows: Rows) -> np.ndarray:
    module = torch.export.load(path).module()
    found: np.ndarray = module(**{name: torch.from_numpy(array) for name, array in rows.items()}).numpy()
    return found


READ = {".onnx": from_onnx, ".pt2": from_pt2}


# ---- preprocessing as a module


def codes(preprocessing: Preprocessing, categories: Sequence[Category]) -> torch.Tensor:
    """The codes of each category in its vocabulary."""
    pairs = zip(preprocessing.vocabularies, categories, strict=True)
    return torch.tensor(np.array([vocabulary.codes(one) for vocabulary, one in pairs])).T


def same_inputs(preprocessing: Preprocessing, rows: Dataset) -> None:
    with np.errstate(over="ignore"):
        expected = preprocessing.inputs(rows.features, rows.categories)
    numbers = torch.from_numpy(rows.features) if rows.features.shape[1] else None
    categories = codes(preprocessing, rows.categories) if rows.categories else None
    found = Inputs(preprocessing)(numbers, categories)
    assert found.dtype == torch.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=2.5e-7, atol=2e-7)


@pytest.mark.parametrize("one_hot_max", [0, 12, 99])
@pytest.mark.parametrize("ranks", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("seed", range(3))
def test_the_inputs_are_those_of_the_preprocessing(seed: int, scaling: Scaling, ranks: bool, one_hot_max: int) -> None:
    """For gaps, constants, few values, unseen and missing categories, and values far outside."""
    dataset = mixed(seed)
    fitted = Preprocess(scaling, ranks=ranks, one_hot_max=one_hot_max).fit(dataset, TRAIN)
    for rows in (dataset, with_other_rows_changed(dataset, seed), mixed(seed + 10)):
        same_inputs(fitted, rows)


@pytest.mark.parametrize("ranks", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("rows", [1, 2, 31, 5000])
def test_numbers_of_every_size(rows: int, scaling: Scaling, ranks: bool) -> None:
    """Ties at the ends and between, huge and tiny numbers, and neighbours of each quantile."""
    rng = np.random.default_rng(rows)
    columns: list[np.ndarray] = [rng.normal(size=rows), 1e10 * rng.normal(size=rows), 1e-9 * rng.normal(size=rows)]
    columns += [rng.integers(0, 2, rows), rng.integers(0, 12, rows), np.clip(rng.normal(size=rows), -1, 1)]
    columns += [np.round(1e10 + rng.normal(size=rows)), rng.standard_cauchy(rows) ** 3]
    values = np.array(columns, dtype=np.float64).T
    fitted = Preprocess(scaling, ranks=ranks).fit(table(values.T), np.arange(rows))
    around = [np.nextafter(values, side * np.inf) for side in (-1, 1)] + [values + step for step in (-1e-7, 1e-7)]
    middle = (values + rng.permuted(values, axis=0)) / 2
    far = rng.choice([NAN, -1e300, 1e300, 1e39, -1e20, 1e-300, 0.0], values.shape)
    if scaling == "robust":
        far = far.clip(-1e100, 1e100)  # whose square is a number
    for some in (values, middle, far, *around):
        same_inputs(fitted, table(some[:1000].T))


@pytest.mark.parametrize("scaling", SCALINGS)
def test_inputs_of_numbers_or_categories_alone(scaling: Scaling) -> None:
    for dataset in (table([[1, 2, NAN, 4]]), table([], [category("c", ["b", "a", None, "b"])])):
        same_inputs(Preprocess(scaling).fit(dataset, np.arange(3)), dataset)


def test_the_normal_quantile() -> None:
    small = 10.0 ** -np.linspace(0.01, 300, 5000)
    shares = np.concatenate([np.linspace(0, 1, 5001)[1:-1], small, 1 - small[small > 1e-16], [0.075, 0.5, 0.925]])
    found = normal_quantile(torch.from_numpy(shares[:, None])).numpy()[:, 0]
    np.testing.assert_allclose(found, ndtri(shares), rtol=4e-15, atol=1e-15)


@pytest.mark.parametrize("log_target", [False, True])
def test_values_in_the_unit_of_the_target(log_target: bool) -> None:
    dataset = mixed(regression=True)
    fitted = Preprocess(log_target=log_target, one_hot_max=99).fit(dataset, TRAIN)
    network = torch.nn.Linear(fitted.inputs_width, 1)
    inputs = torch.from_numpy(fitted.inputs(dataset.features, dataset.categories))
    expected = fitted.target.unit(network(inputs).squeeze(1).detach().double().numpy())
    head = Head(SquaredError("regression"), task_for("regression"), fitted.target)
    run: Any = SimpleNamespace(module=network, head=head)
    found = Prediction(run)(inputs)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.detach()[:, 0], expected, rtol=1e-14)


# ---- files

NETWORK = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x):
        return self.linear(torch.where(x > 0, x, 0.1 * x.sin()))
"""
CASES = {
    "binary, piecewise linear, batch norm": [
        "model.norm=batch", "model.number_embedding=piecewise_linear", "init=data_driven",
    ],
    "multiclass, quantiles, layer norm, residual": [
        "data=iris", "preprocess=quantile", "model.norm=layer", "model.residual=true", "model.hidden_sizes=[9,9]",
    ],
    "regression, periodic, scaled inputs": [
        "data=diabetes", "preprocess=none", "model.activation=gelu", "model.number_embedding=periodic",
        "model.scale_inputs=true",
    ],
}  # fmt: skip


def rows_and_predictions_of(ensemble: Ensemble, count: int) -> tuple[Rows, np.ndarray]:
    raw = RawColumns.of(ensemble)
    rows = random_rows(raw, ensemble, count, np.random.default_rng(count))
    answers = ensemble.outputs(as_table(raw, rows), Misfits("the table"))
    return rows, answers[:, 0] if answers.shape[1] == 1 else answers


def rows_and_predictions(folder: Path, count: int) -> tuple[Rows, np.ndarray]:
    """Random rows and what the run predicts for them."""
    return rows_and_predictions_of(Ensemble([load(folder)]), count)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_files_predict_what_the_run_does(name: str, command: Command, tmp_path: Path) -> None:
    """For batches of other sizes than were checked; what a network does is written as ONNX in another way for each."""
    folder = trained(tmp_path / "run", CASES[name])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    endings = [".onnx", ".pt2"] if name.startswith("regression") else [".onnx"]
    for ending in endings:
        file = tmp_path / f"model{ending}"
        done = command("export", folder, "-o", file)
        assert (done.returncode, done.stderr) == (0, "")
        printed = done.stdout
        assert printed.startswith(f"{file}\n  input   numbers: float64 [batch, ")
        assert float(printed.split()[-1]) < 5e-5
        for count in (3, 33, 1234):
            assert count not in BATCHES
            rows, expected = rows_and_predictions(folder, count)
            size = np.abs(loaded(folder).preprocessing.inputs(rows["numbers"])).max(axis=1)
            found = READ[ending](file, rows)
            np.testing.assert_allclose(found[size < 10], expected[size < 10], rtol=1e-4, atol=1e-5)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert names(tmp_path) == ["model.md", *(f"model{ending}" for ending in endings), "run", "use_model.py"]


@pytest.mark.slow
def test_a_table(command: Command, tmp_path: Path) -> None:
    """Gaps, one-hot columns, embeddings and a logarithm; the metadata is all it takes to predict from the CSV file."""
    words = [
        "data=table",
        "experiment=table_quick",
        f"data.path={write_table(tmp_path)}",
        "data.target=time",
        "split=column",
    ]
    words += ["split.column=split", "preprocess.scaling=robust", "preprocess.ranks=true"]
    words += ["preprocess.log_target=true", "preprocess.one_hot_max=10", "optimizer.lr=0.01"]
    folder = trained(tmp_path / "run", words)
    made = [command("export", folder, "-o", tmp_path / f"model{ending}") for ending in READ]
    assert [(done.returncode, done.stderr) for done in made] == [(0, "")] * len(READ)
    printed = "".join(done.stdout for done in made)
    assert re.sub(r"\d.\d+e-\d+|\n\n", "…", printed).splitlines() == [
        line
        for ending, kind, script in ((".onnx", "string", ", use_model.py"), (".pt2", "int64", ""))
        for line in (
            f"{tmp_path}/model{ending}",
            "  input   numbers: float64 [batch, 2]",
            f"  input   categories: {kind} [batch, 4]",
            "  output  values: float64 [batch]",
            f"beside it: model.md{script}",
            "largest difference from the run's own predictions: …",
        )
    ]
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = [(one.name, one.type, one.shape) for one in session.get_inputs()]
    assert inputs == [("numbers", "tensor(double)", ["batch", 2]), ("categories", "tensor(string)", ["batch", 4])]
    assert [(one.name, one.shape) for one in session.get_outputs()] == [("values", ["batch"])]
    texts = session.get_modelmeta().custom_metadata_map
    extra = {"metadata.json": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    metadata = json.loads(extra["metadata.json"])
    of_onnx = {name: text if name in UNCODED else json.loads(text) for name, text in texts.items()}
    assert of_onnx == {**metadata, "missing": "NaN in numbers, an empty text in categories"}
    assert metadata == {
        "task": "regression",
        "target_name": "time",
        "answers": ["time"],
        "thresholds": [],
        "class_names": [],
        "numbers": {"x": "number", "age": "number"},
        "categories": {
            "colour": ["green", "red"],
            "city": sorted(f"city {number}" for number in range(20)),
            "patient": [f"p{number:02}" for number in range(40)],
            "answer": ["no", "yes"],
        },
        "missing": "NaN in numbers, -1 in categories; -2: a text that training never saw; any other category is the "
        "place of its text, from 0",
    }

    with (tmp_path / "table.csv").open(newline="") as file:
        table_rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    numbers = np.array([[float(row[name] or "nan") for name in metadata["numbers"]] for row in table_rows])
    given = np.array([[row[name] for name in metadata["categories"]] for row in table_rows], dtype=object)
    known = metadata["categories"].values()
    places = [[-1 if not text else of.index(text) for text, of in zip(row, known, strict=True)] for row in given]
    categories = {".onnx": given, ".pt2": np.array(places)}
    target = np.array([float(row["time"]) for row in table_rows])
    rmse = result_of(folder)["metrics"]["test"]["rmse"]
    for ending, read in READ.items():
        found = read(tmp_path / f"model{ending}", {"numbers": numbers, "categories": categories[ending]})
        assert math.sqrt(((found - target) ** 2).mean()) == pytest.approx(rmse, rel=1e-6)


UNCODED = ("task", "target_name", "missing")


@pytest.mark.slow
def test_a_network_of_the_users_own(command: Command, monkeypatch: Patch, tmp_path: Path) -> None:
    (tmp_path / "net_of_export.py").write_text(NETWORK, encoding="utf-8")
    words = ("model=linear", "model._target_=net_of_export.Net")
    assert command("run", *QUIET, *words, "hydra.run.dir=r").returncode == 0
    assert "--allow net_of_export" in refusal(command("export", "r", "-o", "m.pt2"))
    said(command("export", "r", "-o", "m.onnx", "--allow", "net_of_export"))
    rows, expected = rows_and_predictions_of(Ensemble([load(tmp_path / "r", ("net_of_export",))]), 5)
    np.testing.assert_allclose(from_onnx(Path("m.onnx"), rows), expected, atol=1e-6)


NOT_EXPORTABLE = {
    "numpy": ("torch.from_numpy(x.detach().numpy())", ".numpy() is not supported for tensor subclasses."),
    "branch": ("x if x.sum() > 0 else -x", "Could not guard on data-dependent expression Eq(u0, 1)"),
    "one_size": ("torch.stack([row for row in x])", "Constraints violated (batch)!"),
}


@pytest.mark.parametrize("name", NOT_EXPORTABLE)
def test_a_network_that_cannot_be_exported(name: str, command: Command, monkeypatch: Patch, tmp_path: Path) -> None:
    code, reason = NOT_EXPORTABLE[name]
    module = f"net_of_export_{name}"
    text = NETWORK.replace("torch.where(x > 0, x, 0.1 * x.sin())", code)
    (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
    assert command("run", *QUIET, "model=linear", f"model._target_={module}.Net", "hydra.run.dir=r").returncode == 0
    done = command("export", "r", "-o", "m.pt2", "--allow", module)
    message = refusal(done)
    assert message.startswith(
        "model: Net cannot be exported. It has to be operations on tensors for any number of rows, without numpy and "
        f"without branches on what the tensors hold; torch.export says: {reason}"
    )
    assert "\n" not in message
    assert done.stdout.replace(f"model: {module}.Net takes no hidden_sizes; left out\n", "") == ""
    assert not list(tmp_path.glob("*m.pt2*"))


# ---- what is refused


def test_another_ending(command: Command, tmp_path: Path) -> None:
    """Before anything is done: there is no run."""
    for name in ("model.pt", "model", "model.onnx.gz"):
        message = refusal(command("export", tmp_path / "nowhere", "-o", tmp_path / name))
        assert message == f"{tmp_path}/{name}: expected a name that ends in .onnx or .pt2"


def test_a_folder_that_is_not_there(command: Command, tmp_path: Path) -> None:
    message = refusal(command("export", tmp_path / "nowhere", "-o", tmp_path / "models/m.pt2"))
    assert (
        message
        == f"{tmp_path}/models/m.pt2: there is no folder '{tmp_path}/models'; make it: mkdir -p {tmp_path}/models"
    )


def test_a_run_that_is_not_there(command: Command, tmp_path: Path) -> None:
    assert refusal(command("export", tmp_path / "nowhere", "-o", tmp_path / "m.pt2")).startswith(f"{tmp_path}/nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_package_that_is_not_installed(command: Command, package: str, monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    message = refusal(command("export", tmp_path / "nowhere", "-o", tmp_path / "m.onnx"))
    assert message == f"ONNX needs the package {package}, which is not installed: pip install 'mlp_exp[export]'"


def test_a_file_and_a_run_are_needed(command: Command) -> None:
    done = command("export", "run")
    assert done.returncode == 2
    assert done.stderr.endswith("mlp-export: error: the following arguments are required: -o/--output\n")


# ---- the check


@pytest.fixture
def wrong(
    command: Command, circle: Path, monkeypatch: Patch, tmp_path: Path
) -> Callable[[Callable[[np.ndarray], Any]], str]:
    """What is said of a file whose predictions are the run's after some change; the file stays as it was before."""
    ensemble = Ensemble([load(circle)])
    whole = Deployed(RawColumns.of(ensemble), ensemble)
    monkeypatch.setattr(export, "_program", lambda *_: None)
    monkeypatch.setattr(export, "_pt2", lambda *_: b"new")

    def said(change: Callable[[np.ndarray], Any]) -> str:
        def predict(rows: Rows) -> Any:
            return change(whole(torch.from_numpy(rows["numbers"])).detach().numpy())

        monkeypatch.setattr(export, "_load_pt2", lambda *_: predict)
        file = tmp_path / "m.pt2"
        file.write_bytes(b"old")
        message = refusal(command("export", circle, "-o", file))
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("m.pt2", b"old")]
        return message.removeprefix(f"{file}: not written, since the exported file ")

    return said


def raises(values: np.ndarray) -> np.ndarray:
    if len(values) > 2:
        raise RuntimeError("batch of 4 expected\n\nSee the manual.")
    return values


def test_a_file_that_predicts_something_else(wrong: Callable[..., str]) -> None:
    differs = "predicts differently from the run: in a batch of {} there is a difference of {}; up to 0.0001 would be"
    assert wrong(lambda values: values + 0.25) == differs.format("1 row", "0.25") + " rounding"
    assert wrong(lambda values: values * NAN) == differs.format("1 row", "inf") + " rounding"
    last = [[1]] * 999 + [[1.5]]
    assert "in a batch of 1000 rows" in wrong(lambda values: values * (last if len(values) == 1000 else 1))


def test_a_file_that_answers_in_another_shape(wrong: Callable[..., str]) -> None:
    assert wrong(lambda values: values[:, 1]) == "predicts 1 row with the shape [1]; expected [1, 2]"


def test_a_file_that_fails(wrong: Callable[..., str]) -> None:
    assert wrong(raises) == "fails on 7 rows: batch of 4 expected"


def test_a_file_that_cannot_be_loaded(command: Command, circle: Path, monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(export, "_program", lambda *_: None)
    for ending, runtime in ((".onnx", "onnxruntime"), (".pt2", "torch")):
        monkeypatch.setattr(export, f"_{ending[1:]}", lambda *_: b"new")
        message = refusal(command("export", circle, "-o", tmp_path / f"m{ending}"))
        assert message.startswith(f"model: MLP gives a file that cannot be used; {runtime} says: ")
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_in_the_preprocessing_is_found(command: Command, monkeypatch: Patch, tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", ["preprocess=robust"])
    monkeypatch.setattr(deployed, "SMOOTH_CLIP", 3.1)
    assert "predicts differently from the run" in refusal(command("export", folder, "-o", tmp_path / "m.pt2"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
