"""Runs whose networks embed numbers: their bins are those of the training rows, and they load and predict."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.predictions import column, loaded, train
from support.tables import write_table

from mlp_exp.experiment.planning import plan
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.model.number_embedding import PiecewiseLinearEmbedding

FEATURES = ("x", "age", "colour", "city", "patient", "answer")
WORDS = ("data.target=time", "split=column", "split.column=split", "preprocess.one_hot_max=9", "init=data_driven")


@pytest.mark.parametrize("kind", ["periodic", "piecewise_linear"])
def test_a_loaded_run_predicts_as_the_run_did(kind: str, tmp_path: Path) -> None:
    words = (f"model.number_embedding={kind}", "model.scale_inputs=true")
    components = train(tmp_path / "run", "data=table", f"data.path={write_table(tmp_path)}", *WORDS, *words)
    run = loaded(tmp_path / "run")
    tested = np.array(column(tmp_path, "split")) == "test"
    rows: dict[str, Any] = {name: np.array(column(tmp_path, name))[tested].tolist() for name in FEATURES}
    truth = np.array(column(tmp_path, "time"))[tested].astype(float)
    rmse = math.sqrt(((run.predict(rows) - truth) ** 2).mean())
    result = json.loads((tmp_path / "run/result.json").read_text(encoding="utf-8"))
    assert rmse == pytest.approx(result["metrics"]["test"]["rmse"], rel=1e-5)

    assert isinstance(run.module, EmbeddedNetwork)
    network = run.module.network
    assert isinstance(network, MLP)
    found = network.number_embedding
    if isinstance(found, PiecewiseLinearEmbedding):
        expected = PiecewiseLinearEmbedding(2, 16, 3)
        made = plan(components)
        expected.fit(made.data().inputs[made.parts.train])
        assert torch.equal(found.slope, expected.slope)
        assert torch.equal(found.offset, expected.offset)


def test_a_network_of_fewer_weights_than_numbers_may_be_embedded_loads(tmp_path: Path) -> None:
    train(tmp_path / "run", "data=circle", "data.n_samples=50", "model.hidden_sizes=[]")
    assert loaded(tmp_path / "run").config["model"]["most_embedded"] > 3
