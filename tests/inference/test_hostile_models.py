"""Model files of strangers."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.commands import Command, refusal, said
from support.folders import files_in
from support.predictions import put, spoil, train, write_rows

from mlp_exp.errors import RunFolderError, UntrustedError
from mlp_exp.inference.loading import load

# ---- folders of strangers


OURS = "expected a model of this project: "
HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format 1": (
        put("format", value=1),
        "is a model of format 1, and this version of mlp_exp reads format 4. Train the run",
    ),
    "no format": (lambda model: model.pop("format"), "is a model of format None, and this version"),
    "wide": (
        put("config", "model", "hidden_sizes", value=[10**9]),
        f"{OURS}model.hidden_sizes is 1000000000, and the file",
    ),
    "wider than the file": (
        put("config", "model", "hidden_sizes", value=[9]),
        f"{OURS}its network has network.blocks.0.linear.bias of shape [9]",
    ),
    "deep": (
        put("config", "model", "hidden_sizes", value=[8] * 200),
        f"{OURS}its network has network.blocks.1.linear.bias of shape [8] (torch.float32), and the file None",
    ),
    "huge": (put("config", "model", "hidden_sizes", value=[10**40]), f"{OURS}model.hidden_sizes is 1000000000000000"),
    "negative": (put("config", "model", "hidden_sizes", value=[-5]), OURS),
    "a text as width": (put("config", "model", "hidden_sizes", value=["a"]), OURS),
    "wide embeddings": (
        put("preprocess", "embedding_width", value=10**9),
        f"{OURS}its network has embedding.weight of shape [",
    ),
    "many outputs": (
        put("out_features", value=10**9),
        f"{OURS}its loss does not put out 1000000000 numbers for a binary task",
    ),
    "no weights": (put("state_dict", value={}), OURS),
    "other weights": (
        lambda model: model["state_dict"].update(x=torch.zeros(1)),
        f"{OURS}its network has x of shape None",
    ),
    "complex weights": (
        lambda model: model["state_dict"].update({k: v.to(torch.complex64) for k, v in model["state_dict"].items()}),
        f"{OURS}its network has embedding.weight of shape",
    ),
    "numbers as weights": (
        put("state_dict", value={"a": 1}),
        f"{OURS}state_dict.a: Input should be an instance of Tensor",
    ),
    "short figures": (
        lambda model: model["preprocess"]["numbers"]["shift"].pop(),
        f"{OURS}preprocess: expected 3 of each figure",
    ),
    "no figures": (
        lambda model: model["preprocess"]["numbers"].pop("fill"),
        f"{OURS}preprocess.numbers.fill: Field required",
    ),
    "short quantiles": (
        put("preprocess", "numbers", "quantiles", value=[[1.0]]),
        f"{OURS}preprocess: expected 3 of each figure",
    ),
    "ranks without quantiles": (
        lambda model: (model["preprocess"].update(ranks=True), model["preprocess"]["numbers"].pop("quantiles", None)),
        f"{OURS}preprocess: expected quantiles where there are ranks",
    ),
    "a scale of zero": (
        put("preprocess", "numbers", "scale", 0, value=0.0),
        f"{OURS}preprocess.numbers.scale.0: Input should be greater than 0",
    ),
    "a text as figure": (
        put("preprocess", "numbers", "fill", 0, value="1"),
        f"{OURS}preprocess.numbers.fill.0: Input should be a valid number",
    ),
    "no number": (
        put("preprocess", "numbers", "fill", 0, value=float("nan")),
        f"{OURS}preprocess.numbers.fill.0: Input should be a finite number",
    ),
    "a foreign figure": (
        put("preprocess", "numbers", "_rank", value=1.0),
        f"{OURS}preprocess.numbers._rank: Extra inputs are not permitted",
    ),
    "indicator outside": (
        put("preprocess", "indicators", value=[7]),
        f"{OURS}preprocess: expected indicators of 3 numbers",
    ),
    "a category less": (
        lambda model: model["preprocess"]["categories"].pop(),
        f"{OURS}expected columns that give the categories",
    ),
    "a feature less": (lambda model: model["feature_names"].pop(), f"{OURS}expected figures of 2 numbers"),
    "other features": (put("feature_names", 0, value="z"), f"{OURS}expected columns that give the features"),
    "a foreign kind": (put("columns", 0, "kind", value="secret"), f"{OURS}columns.0.kind: Input should be 'number'"),
    "a foreign type": (put("columns", 0, "type", value="list<item: int64>"), OURS),
    "columns as text": (put("columns", value="x"), f"{OURS}columns: Input should be a valid list"),
    "decimal training rows": (
        put("training_rows", value=torch.zeros(3)),
        f"{OURS}training_rows: expected at most 16384 whole numbers, got shape [3] (torch.float32)",
    ),
    "many training rows": (
        put("training_rows", value=torch.zeros(16_385, dtype=torch.int64)),
        f"{OURS}training_rows: expected at most 16384 whole numbers, got shape [16385] (torch.int64)",
    ),
    "a text as training rows": (
        put("training_rows", value="x"),
        f"{OURS}training_rows: Input should be an instance of Tensor",
    ),
    "three classes": (
        put("targets", 0, "class_names", value=["a", "b", "c"]),
        f"{OURS}expected the class names of a binary task, got 3",
    ),
    "no such task": (
        put("task", value="ranking"),
        f"{OURS}task: Input should be 'binary', 'multiclass', 'ordinal', 'multilabel' or 'regression'",
    ),
    "no network": (lambda model: model["config"].pop("model"), f"{OURS}config: expected model with a _target_"),
    "network of lists": (put("config", "model", value=[1]), f"{OURS}config: expected model with a _target_"),
    "decimal": (put("config", "data", "decimal", value="x"), f"{OURS}reading.decimal: Input should be '.' or ','"),
    "table as network": (
        put("config", "model", "_target_", value="mlp_exp.components.table"),
        "model._target_ is 'mlp_exp.components.table', which is no model",
    ),
    "network as loss": (
        put("config", "loss", "_target_", value="torch.nn.Linear"),
        "loss._target_ is 'torch.nn.Linear', which is no loss",
    ),
    "base class as loss": (
        put("config", "loss", "_target_", value="mlp_exp.components.Loss"),
        "loss._target_ is 'mlp_exp.components.Loss', which is no component of this version of mlp_exp",
    ),
    "data inside the network": (
        put("config", "model", "activation", value={"_target_": "sklearn.datasets.make_moons", "n_samples": 10}),
        "model: expected numbers, texts and lists as settings",
    ),
    "data inside the loss": (
        put("config", "loss", "class_weight", value={"_target_": "sklearn.datasets.make_moons", "n_samples": 10}),
        "loss: expected numbers, texts and lists as settings",
    ),
    "weights of other classes": (
        put("config", "loss", "class_weight", value={"a": 10}),
        f"{OURS}The configuration has 1 mistake:\n  loss.class_weight: expected weights above 0 for classes among",
    ),
    "a call": (
        put("config", "model", "_target_", value="os.system"),
        "model._target_ is 'os.system'; a saved run may only build components",
    ),
    "transformer": (
        put("config", "model", value={"_target_": "torch.nn.Transformer", "num_encoder_layers": 10**9}),
        f"{OURS}model.num_encoder_layers is 1000000000",
    ),
    "flatten": (put("config", "model", value={"_target_": "torch.nn.Flatten"}), OURS),
    "a reference": (put("config", "model", "dropout", value="${oc.env:HOME}"), "model.dropout is '${oc.env:HOME}'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model(run: Path, name: str) -> None:
    change, message = HOSTILE[name]
    spoil(run, change)
    with pytest.raises(RunFolderError) as caught:
        load(run)
    assert str(caught.value).startswith(f"{run}/model.pt: {message}")


def test_a_hostile_model_on_the_command_line(command: Command, run: Path, small: Path, tmp_path: Path) -> None:
    spoil(run, put("config", "model", "_target_", value="os.system"))
    assert refusal(command("predict", run, small / "table.csv", "-o", tmp_path / "o.csv")) == (
        f"{run}/model.pt: model._target_ is 'os.system'; a saved run may only build components of mlp_exp, torch's "
        "networks, optimizers and schedulers, and scikit-learn's data sets. If you know and trust that package: "
        "--allow os"
    )
    assert files_in(tmp_path) == {f"run/{file}" for file in files_in(run)}


def test_folders_without_a_model(tmp_path: Path, run: Path) -> None:
    with pytest.raises(
        RunFolderError, match=r"nowhere: expected the folder of a run, with model\.pt, or of a sweep of such runs"
    ):
        load(tmp_path / "nowhere")
    (run / "model.pt").write_bytes(b"hello")
    with pytest.raises(RunFolderError, match=r"run/model\.pt: expected a model of this project, found a damaged"):
        load(run)


OWN = """
from torch import nn


class Net(nn.Linear):
    pass
"""


def test_a_users_own_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    (tmp_path / "net_of_predict.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    train(tmp_path / "r", "data=moons", "data.n_samples=100", "model=linear", "model._target_=net_of_predict.Net")
    monkeypatch.delitem(sys.modules, "net_of_predict")
    write_rows(tmp_path / "t.csv", [["x1", "x2"], ["1", "2"]])
    with pytest.raises(UntrustedError):
        load("r")
    assert "net_of_predict" not in sys.modules
    assert "If you know and trust that package: --allow net_of_predict" in refusal(
        command("predict", "r", "t.csv", "-o", "o.csv")
    )
    assert said(command("predict", "r", "t.csv", "-o", "o.csv", "--allow", "net_of_predict")) == ["1 prediction: o.csv"]
    assert type(load("r", allow=["net_of_predict"]).module).__name__ == "Net"
    (tmp_path / "net_of_predict.py").unlink()
    monkeypatch.delitem(sys.modules, "net_of_predict")
    assert refusal(command("predict", "r", "t.csv", "-o", "o.csv", "--allow", "net_of_predict")) == (
        "r/model.pt: model._target_: cannot import 'net_of_predict.Net': No module named 'net_of_predict'. Go to the "
        "folder that holds net_of_predict, or name it: PYTHONPATH=FOLDER"
    )
