"""The core promises: closed-form gradients, independence of members, readable mistakes, a complete run folder."""

import csv
import json
from functools import partial

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from support.project import CONF
from torch.optim.lr_scheduler import ConstantLR

from mlp_exp.config.validation import find_problems
from mlp_exp.data.sources import circle
from mlp_exp.engine.batches import MemberData
from mlp_exp.engine.stacked_mlp import StackedMLP
from mlp_exp.engine.streams import Streams
from mlp_exp.model.activations import ACTIVATIONS
from mlp_exp.model.mlp import MLP
from mlp_exp.tasks.losses import BinaryCrossEntropy
from mlp_exp.tasks.task import task_named
from mlp_exp.training.early_stopping import NoEarlyStopping, Patience
from mlp_exp.training.loop import Member, train
from mlp_exp.training.schedulers import LearningRate

CPU = torch.device("cpu")


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [[], [7, 7], [5, 1]])
def test_gradients_are_those_of_autograd(activation, norm, sizes):
    torch.manual_seed(0)
    modules = [MLP(3, 2, sizes, 0.0, activation, norm, residual=True) for _ in range(3)]
    stack = StackedMLP(modules, CPU)
    x, g = torch.randn(3, 32, 3), torch.randn(3, 32, 2)
    with torch.no_grad():
        logits = stack.forward(x, [], torch.ones(3, 32, 1))
        stack.backward(g)
    for k, module in enumerate(modules):
        expected = module(x[k])
        torch.testing.assert_close(logits[k], expected)
        expected.backward(g[k])
        flat = torch.cat([p.grad.flatten() for p in module.parameters()])
        torch.testing.assert_close(stack.gradients[k, : len(flat)], flat, rtol=1e-4, atol=1e-4)


def _member(seed, *, epochs=4, lr=1e-2, dropout=0.2, norm=None, patience=None):
    data, streams = circle(60), Streams(seed)
    rows = streams.split.permutation(60)
    loss = BinaryCrossEntropy("binary")
    torch.manual_seed(streams.weights)
    return Member(
        data=MemberData(
            torch.from_numpy(data.features.astype(np.float32)),
            torch.from_numpy(loss.encode(data.target)),
            torch.ones(60),
            rows[:37],
            rows[37:50],
        ),
        module=MLP(2, 1, [7, 3], dropout, "gelu", norm),
        task=task_named("binary"),
        loss=loss,
        optimizer=torch.optim.Adam,
        optimizer_options={"lr": lr, "weight_decay": 0.01 * seed},
        learning_rate=LearningRate(lr, partial(ConstantLR, factor=1.0)),
        early_stopping=Patience(patience) if patience else NoEarlyStopping(),
        streams=streams,
        epochs=epochs,
    )


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_a_member_alone_is_the_member_in_a_stack(norm):
    settings = [
        {"epochs": 2},
        {"lr": 0.1, "patience": 1, "epochs": 9},
        {"dropout": 0.0},
        {"epochs": 6},
        {"lr": 1e38},
    ]

    def members():
        return [_member(seed, norm=norm, **options) for seed, options in enumerate(settings)]

    together = members()
    stacked = [record for records in train(together, 10, CPU) for record in records]
    for index, alone in enumerate(members()):
        records = [record for (record,) in train([alone], 10, CPU)]
        theirs = [record for record in stacked if record.member == index]
        for mine, other in zip(records, theirs, strict=True):
            assert repr((mine.epoch, mine.train_loss, mine.val_loss, mine.val_metric, mine.status)) == repr(
                (other.epoch, other.train_loss, other.val_loss, other.val_metric, other.status)
            )
        for mine, other in zip(alone.module.parameters(), together[index].module.parameters(), strict=True):
            assert torch.equal(mine, other)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("optimizer.lr=-1", "optimizer.lr: expected a number above 0, got -1"),
        ("early_stopping.monitor=val_los", "early_stopping.monitor: expected one of val_loss, train_loss"),
        ("trainer.epochs=0", "trainer.epochs: expected a whole number, 1 or more, or auto, got 0"),
        ("split.train=0.9", "split: expected train + val + test to be 1"),
        ("+typo=1", "typo: there is no such key."),
        ("+model.hidden_size=[1]", "model.hidden_size: MLP takes no 'hidden_size'. Did you mean 'hidden_sizes'?"),
    ],
)
def test_a_mistake_is_named(override, line):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        (problem,) = find_problems(compose("run", overrides=[override]), [override])
    assert problem.startswith(line)


def test_a_run_leaves_its_folder_and_runs_again(fork_cli, tmp_path):
    first = fork_cli("trainer.epochs=3", "hydra.run.dir=first")
    assert (first.returncode, first.stderr) == (0, "")
    folder = tmp_path / "first"
    plots = {"loss", "decision_boundary", "confusion_matrix", "roc", "calibration"}
    assert {path.name for path in folder.iterdir()} == {
        ".hydra", "history.csv", "result.json", "model.pt", "checkpoint.pt", "plots", "run.log"
    }  # fmt: skip
    assert {path.stem for path in (folder / "plots").iterdir()} == plots
    assert json.loads((folder / "result.json").read_text())["status"] == "finished"
    assert torch.load(folder / "model.pt", weights_only=True)["task"] == "binary"
    again = fork_cli("--config-dir", "first/.hydra", "--config-name", "config", "hydra.run.dir=second")
    assert again.returncode == 0
    rows = [
        list(csv.reader((tmp_path / name / "history.csv").read_text().splitlines())) for name in ("first", "second")
    ]
    assert [row[:-1] for row in rows[0]] == [row[:-1] for row in rows[1]]
    assert len(rows[0]) == 4


def test_mistakes_give_one_message_and_status_1(fork_cli):
    done = fork_cli("optimizer=adm", "model.widht=3", "seed=x")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0] == "The configuration has 3 mistakes:"
