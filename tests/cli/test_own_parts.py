"""The user's own parts, options and presets."""

import itertools
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from support.command_line import QUIET
from support.commands import Command, mistakes, refusal
from support.folders import result_of, the_run_folder, weights_of

from mlp_exp.experiment.building import METHODS

# ---- the user's own parts


MY_NET = """
from torch import nn


class MyNet(nn.Module):
    def __init__(self, in_features, out_features, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, width), nn.Tanh(), nn.Linear(width, out_features))

    def forward(self, x):
        return self.layers(x)
"""
MY_DATA = """
import numpy as np

from mlp_exp.data.dataset import Dataset


def stripes(n, classes=3):
    x = np.random.default_rng(0).uniform(size=(n, 4))
    return Dataset.from_arrays(x, (x[:, 0] * classes).astype(int), class_names=("left", "middle", "right"))
"""


class OfNoKind:
    """Of anything else than what is asked for; it takes any arguments."""

    def __init__(self, **anything: object) -> None:
        pass


LAUNCHERS: dict[str, list[str]] = {"alone": [], "stacked": ["-m"], "basic": ["-m", "hydra/launcher=basic"]}


@pytest.mark.parametrize(("group", "launcher"), [*zip(METHODS, itertools.cycle(LAUNCHERS), strict=False)])
def test_a_component_of_another_kind_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, group: str, launcher: str
) -> None:
    monkeypatch.setitem(sys.modules, "of_no_kind", ModuleType("of_no_kind"))
    monkeypatch.setattr("of_no_kind.OfNoKind", OfNoKind, raising=False)
    words = [*LAUNCHERS[launcher], *QUIET, f"{group}._target_=of_no_kind.OfNoKind"]
    line = f"  {group}._target_: expected an object with a method {METHODS[group]}, got OfNoKind"
    done = command("run", *words)
    assert done.returncode == 1
    assert line in (done.stdout + done.stderr).splitlines()
    assert "Traceback" not in done.stdout + done.stderr


def test_a_users_own_network_and_data(command: Command, tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(MY_NET, encoding="utf-8")
    (tmp_path / "my_data.py").write_text(MY_DATA, encoding="utf-8")
    done = command(
        "run",
        *QUIET,
        "model._target_=my_net.MyNet",
        "+model.width=5",
        "data._target_=my_data.stripes",
        "+data.n=200",
        fork=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "200 rows, 4 features, 3 classes; train 140, val 20, test 40; MyNet with 43 parameters on cpu; seed 0"
    ) in done.stdout.splitlines()
    folder = the_run_folder(tmp_path)
    assert result_of(folder)["task"] == "multiclass"
    model = torch.load(folder / "model.pt", weights_only=True)
    assert model["targets"][0]["class_names"] == ["left", "middle", "right"]
    assert {name: tuple(tensor.shape) for name, tensor in model["state_dict"].items()} == {
        "layers.0.weight": (5, 4),
        "layers.0.bias": (5,),
        "layers.2.weight": (3, 5),
        "layers.2.bias": (3,),
    }


@pytest.fixture
def my_conf(tmp_path: Path) -> str:
    """A folder of the user's own, with an option and a preset."""
    folder = tmp_path / "my_conf"
    (folder / "model").mkdir(parents=True)
    (folder / "experiment").mkdir()
    (folder / "model" / "deep.yaml").write_text(
        "_target_: mlp_exp.components.MLP\nhidden_sizes: [8, 8, 8]\ndropout: 0.0\n", encoding="utf-8"
    )
    (folder / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: deep\nseed: 3\ntrainer:\n  epochs: 4\n",
        encoding="utf-8",
    )
    return str(folder)


def test_a_users_own_option_and_preset(command: Command, tmp_path: Path, my_conf: str) -> None:
    done = command(
        "run", "--config-dir", my_conf, "experiment=mine", "trainer.plots=never", "trainer.device=cpu", fork=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    folder = the_run_folder(tmp_path)
    result = result_of(folder)
    assert (result["seed"], result["epochs"]) == (3, 4)
    shapes = [tuple(tensor.shape) for name, tensor in weights_of(folder).items() if name.endswith("weight")]
    assert shapes == [(8, 2), (8, 8), (8, 8), (1, 8)]


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (["model=dep"], ["model: there is no option 'dep'. Did you mean 'deep'?"]),
        (["model=xyz"], ["model: there is no option 'xyz'. Options: deep, linear, mlp."]),
        (["experiment=mien"], ["experiment: there is no option 'mien'. Did you mean 'mine'?"]),
        (["model=deep", "optimizer=adm"], ["optimizer: there is no option 'adm'. Did you mean 'adam'?"]),
        (["experiment=mine", "optimizer=adm"], ["optimizer: there is no option 'adm'. Did you mean 'adam'?"]),
    ],
)
def test_messages_know_the_users_own_options(
    command: Command, my_conf: str, overrides: list[str], lines: list[str]
) -> None:
    assert refusal(command("run", "--config-dir", my_conf, *overrides)) == mistakes(*lines)
