"""`inference.clip`: answers of a regression stay within the range of the training part's targets."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from support.commands import Command
from support.drawn_sets import write_csv
from support.exports import Answers, of_archive, of_module
from support.folders import history_of, result_of
from support.predictions import loaded, spoil, train

from mlp_exp import load
from mlp_exp.errors import ConfigError, RunFolderError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export import export

ROWS = 80
FAR = {"x": [-90.0, -2.0, 0.1, 2.0, 90.0], "z": [3.0, 1.0, -0.5, 0.0, -7.0]}
KINDS = {
    "value": ("y", ()),
    "values": ("[y,more]", ()),
    "logarithms": ("[more,most]", ("preprocess.log_target=true",)),
    "quantiles": ("y", ("loss=quantile", "loss.quantiles=[0.1,0.9]")),
    "amounts": ("more", ("loss=gamma",)),
    "distribution": ("y", ("loss=gaussian",)),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, ROWS))
    path = tmp_path_factory.mktemp("clip") / "t.csv"
    split = np.where(np.arange(ROWS) % 4 == 0, "val", "train")
    write_csv(path, {"x": x, "z": z, "y": 3 * x - z, "more": np.exp(x), "most": 5 + np.exp(x + z), "split": split})
    return path


def words(table: Path, kind: str) -> tuple[str, ...]:
    target, settings = KINDS[kind]
    data = (
        "data=table",
        "experiment=table_quick",
        f"data.path={table}",
        f"data.target={target}",
        "data.columns=[x,z]",
        "baselines=none",
    )
    return (*data, "split=column", "split.column=split", "metrics.intervals=0", "preprocess.ranks=false", *settings)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_within_the_range_of_the_training_targets(kind: str, table: Path, tmp_path: Path) -> None:
    """As loaded, and as exported; the weights are those of a run without bounds."""
    made = train(tmp_path / "clipped", *words(table, kind), "inference.clip=true")
    train(tmp_path / "free", *words(table, kind))
    clipped, free = loaded(tmp_path / "clipped"), loaded(tmp_path / "free")
    for name, weights in free.module.state_dict().items():
        assert torch.equal(weights, clipped.module.state_dict()[name])
    target = made.dataset.target[made.split.parts(made.dataset, np.random.default_rng(0)).train]
    inputs = np.random.default_rng(0).normal(0, 300, (40, 2)).astype(np.float32)
    answers, expected = clipped.outputs_of_inputs(inputs), free.outputs_of_inputs(inputs)
    bounded = slice(0, 1 if kind == "distribution" else None)  # its mean
    expected[:, bounded] = expected[:, bounded].clip(target.min(axis=0), target.max(axis=0))
    assert (expected != free.outputs_of_inputs(inputs)).any(axis=0)[bounded].all()
    np.testing.assert_array_equal(answers, expected)

    ensemble = Ensemble([clipped])
    same_columns(ensemble, of_module(ensemble, FAR))


def same_columns(ensemble: Ensemble, answers: Answers) -> None:
    """Those that the runs themselves predict of `FAR`."""
    predicted = np.stack(list(ensemble.predict_columns(FAR).values()), axis=1)
    found = ensemble.task.columns(answers)
    np.testing.assert_allclose(np.stack(list(found.values()), axis=1), predicted, rtol=1e-6)


@pytest.mark.usefixtures("operators_read_once")
def test_exported_files_have_the_bounds_of_each_target(table: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", *words(table, "values"), "inference.clip=true")
    ensemble = Ensemble([loaded(tmp_path / "run")])
    export.export(ensemble, tmp_path / "model.pt2")
    same_columns(ensemble, of_archive(tmp_path / "model.pt2", ensemble, FAR))
    export.export(ensemble, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert "`y`, `more`. Within the range of the targets of training.\n" in (tmp_path / "model.md").read_text("utf-8")
    (found,) = session.run(None, {"numbers": np.array([FAR["x"], FAR["z"]]).T})
    np.testing.assert_allclose(found.T, list(ensemble.predict_columns(FAR).values()), rtol=1e-6)


def test_the_history_is_of_the_answers_within_the_range_also_in_a_stack(
    command: Command, table: Path, tmp_path: Path
) -> None:
    settings = ("trainer.epochs=3", "trainer.device=cpu", "trainer.plots=never", *words(table, "values"))
    sweep = command("run", "-m", *settings, "inference.clip=true,false", "optimizer.lr=1", "hydra.sweep.dir=s")
    assert sweep.returncode == 0, sweep.stderr
    alone = command("run", *settings, "inference.clip=true", "optimizer.lr=1", "hydra.run.dir=alone")
    assert alone.returncode == 0, alone.stderr
    with_bounds, without = history_of(tmp_path / "s/0"), history_of(tmp_path / "s/1")
    assert history_of(tmp_path / "alone") == with_bounds
    place = with_bounds[0].index("val_r2")
    for row, bare in zip(with_bounds[1:], without[1:], strict=True):
        assert float(row[place]) > float(bare[place])
        assert row[:place] == bare[:place]
    best = result_of(tmp_path / "alone")
    r2 = float(with_bounds[best["best_epoch"]][place])
    assert best["metrics"]["val"]["r2"] == pytest.approx(r2, rel=1e-5)


def test_it_is_for_a_regression(table: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"inference.clip: is for a regression, and the task is binary; use false"):
        train(tmp_path / "run", "data=moons", "inference.clip=true")


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (0.0, [2.0], "expected the scaling of 1 target"),
        ([1.0], [2.0], "expected the scaling of 1 target"),
        (float("nan"), 1.0, "scaling.low"),
        (0.0, float("inf"), "scaling.high"),
    ],
)
def test_bounds_that_are_none_are_refused(low: Any, high: Any, message: str, small: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small / "age", tmp_path / "run"))

    def change(model: dict[str, Any]) -> None:
        assert "low" not in model["scaling"], "a run without bounds is saved as before"
        model["scaling"] |= {"low": low, "high": high}

    spoil(run, change)
    with pytest.raises(RunFolderError, match=message):
        load(run)
