"""A user's own networks train as one as they train alone."""

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from support.members import CPU, Embeddings, histories, make_member, same_weights, timeless
from support.networks import DROPPED, FEATURES, PLAIN, Make, member_of
from torch import Tensor, nn

from mlp_exp.engine.arrays import NUMPY
from mlp_exp.engine.batches import Batch, Mask
from mlp_exp.engine.dropout import ALPHA, with_masks
from mlp_exp.engine.functional import TOLERANCE, FunctionalNetwork
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.errors import TrainingError
from mlp_exp.training.curves import FlatCosine
from mlp_exp.training.loop import Trainee, train
from mlp_exp.training.records import EpochRecord

pytestmark = pytest.mark.usefixtures("one_thread")
EPOCHS = 20
ALL = PLAIN | DROPPED


def assert_close(found: Sequence[EpochRecord], expected: Sequence[EpochRecord], tolerance: float = TOLERANCE) -> None:
    """The losses of two trainings, relative to the largest."""
    assert [record.epoch for record in found] == [record.epoch for record in expected]
    for name in ("train_loss", "val_loss"):
        one, other = (np.array([getattr(record, name) for record in records]) for records in (found, expected))
        assert np.abs(one - other).max() <= tolerance * np.abs(other).max()
        assert len(set(other)) == len(other)  # it has trained


OPTIMIZERS = itertools.cycle([torch.optim.Adam, torch.optim.SGD])
TRAININGS = [
    (*case, optimizer)
    for case, optimizer in zip(
        itertools.product(PLAIN, ("binary", "multiclass", "regression")), OPTIMIZERS, strict=False
    )
]


@pytest.mark.parametrize(("name", "task", "optimizer"), TRAININGS)
def test_alone_it_trains_as_by_autograd(name: str, task: Any, optimizer: Any) -> None:
    how: dict[str, Any] = {"optimizer": optimizer, "epochs": EPOCHS, "options": {"weight_decay": 1e-2}}
    ours, plain = (member_of(PLAIN[name], task, 3, functional=way, **how) for way in (True, False))
    (found,), (expected,) = histories([ours], 16), histories([plain], 16)
    assert_close(found, expected, 1e-4)
    for key, tensor in plain.module.state_dict().items():
        torch.testing.assert_close(ours.module.state_dict()[key], tensor, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_a_member_does_not_depend_on_its_company(name: str) -> None:
    how: dict[str, Any] = {"epochs": EPOCHS, "clip_grad_norm": 1.0}
    (alone,) = histories([member_of(ALL[name], seed=2, **how)], 16)
    company = [
        member_of(ALL[name], seed=seed, lr=lr, **{**how, "epochs": epochs})
        for seed, lr, epochs in ((1, 1e-3, 5), (2, 1e-2, EPOCHS), (3, 0.1, 12), (4, 1e-2, 1), (5, 1e-4, EPOCHS))
    ]
    together = histories(company, 16)
    assert [len(records) for records in together] == [5, EPOCHS, 12, 1, EPOCHS]
    assert_close(together[1], alone, 1e-4)


@pytest.mark.parametrize("name", DROPPED)
def test_masks_come_from_the_members_own_stream(name: str) -> None:
    def losses(noise: int) -> list[str]:
        torch.manual_seed(noise)
        return timeless(histories([member_of(DROPPED[name], seed=2)])[0])

    assert losses(0) == losses(1)
    other = member_of(DROPPED[name], seed=2)
    other.streams.dropout = np.random.default_rng(9)
    assert timeless(histories([other])[0]) != losses(0)


@pytest.mark.parametrize("make", [PLAIN["residual"], DROPPED["batch-norm-dropout"]], ids=["residual", "batch-norm"])
def test_embeddings_in_front(make: Make) -> None:
    how: dict[str, Any] = {"embeddings": Embeddings(), "epochs": EPOCHS}
    company = histories([member_of(make, seed=seed, **how) for seed in range(3)], 16)
    (alone,) = histories([member_of(make, seed=1, **how)], 16)
    assert_close(company[1], alone, 1e-4)
    if make is PLAIN["residual"]:
        assert_close(alone, histories([member_of(make, seed=1, functional=False, **how)], 16)[0], 1e-4)


@pytest.mark.parametrize("name", ["batch-norm", "batch-norm-dropout", "frozen", "tied", "often"])
def test_from_a_checkpoint_it_goes_on_to_the_last_bit(name: str) -> None:
    whole, first, second = (member_of(ALL[name], seed=4, epochs=6) for _ in range(3))
    (expected,) = histories([whole], 16)
    epochs = train([first], 16, CPU, end_epoch=2)
    next(epochs)
    second.state = next(epochs)[0].state()
    epochs.close()
    (rest,) = histories([second], 16)
    assert timeless(rest) == timeless(expected[2:])
    assert same_weights(second.module, whole.module)


def test_buffers_are_kept_and_frozen_parameters_stay() -> None:
    steps, epochs = 3, 5
    members = [member_of(DROPPED["batch-norm-dropout"], seed=seed, epochs=epochs) for seed in range(2)]
    histories(members, 16)
    for member in members:
        norm = member.module.get_submodule("1")
        assert norm.get_buffer("num_batches_tracked").item() == steps * epochs
        assert not torch.equal(norm.get_buffer("running_mean"), torch.zeros(8))
    frozen = [member_of(PLAIN["frozen"], seed=seed) for seed in range(2)]
    before = [copy.deepcopy(member.module.get_submodule("0")) for member in frozen]
    histories(frozen, 16)
    assert not same_weights(*before)
    for member, layer in zip(frozen, before, strict=True):
        assert same_weights(member.module.get_submodule("0"), layer)


def test_tied_weights_stay_tied() -> None:
    members = [member_of(PLAIN["tied"], seed=seed) for seed in range(2)]
    before = [member.module.get_parameter("one.weight").detach().clone() for member in members]
    histories(members, 16)
    for member, first in zip(members, before, strict=True):
        one, other = member.module.get_parameter("one.weight"), member.module.get_submodule("other").weight
        assert one is other
        assert not torch.equal(one, first)


class Reassigned(nn.Linear):
    """Puts another tensor in the place of its buffer, where torch's layers write into theirs."""

    seen: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer("seen", torch.zeros(in_features))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen = self.seen + x.sum(0)
        return super().forward(x)


def test_a_buffer_may_be_replaced() -> None:
    members = [member_of(Reassigned, seed=seed, epochs=1) for seed in range(2)]
    histories(members, 16)
    for member in members:
        expected = member.data.inputs[member.data.train].sum(0)
        torch.testing.assert_close(member.module.get_buffer("seen"), expected, rtol=1e-4, atol=1e-4)


def test_padding_is_not_seen() -> None:
    """47 rows at once are padded to 64, and batch statistics are those of 47."""
    how: dict[str, Any] = {"epochs": 3}
    ours, plain = (member_of(PLAIN["batch-norm"], functional=way, **how) for way in (True, False))
    (found,), (expected,) = histories([ours], None), histories([plain], None)
    assert_close(found, expected, 1e-6)


# ---- dropout layers


@pytest.mark.parametrize(
    ("layer", "shape", "width"),
    [
        (nn.Dropout(0.25), (6, 4), 4),
        (nn.Dropout(0.25), (6, 4, 3), 12),
        (nn.Dropout1d(0.25), (6, 4, 3), 4),
        (nn.Dropout2d(0.25), (6, 4, 3, 2), 4),
        (nn.Dropout3d(0.25), (6, 4, 3, 2, 2), 4),
        (nn.AlphaDropout(0.25), (6, 4), 4),
        (nn.FeatureAlphaDropout(0.25), (6, 4, 3), 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_masks_do_what_the_layers_do(layer: nn.Module, shape: tuple[int, ...], width: int) -> None:
    masked, masks = with_masks(nn.Sequential(layer))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 3.0
    masks.record()
    assert torch.equal(masked(x), x)
    ((name, mask_shape),) = masks.calls
    assert (name, masks.calls[0].width) == ("0", width)
    kept = torch.arange(6 * width).reshape(mask_shape) % 3 > 0
    masks.give([(kept / 0.75, torch.tensor(1 / 0.75))])
    found = masked(x)
    whole = kept.expand(shape)
    if "Alpha" in type(layer).__name__:
        a = ((1 - 0.25) * (1 + 0.25 * ALPHA**2)) ** -0.5
        expected = a * torch.where(whole, x, torch.tensor(ALPHA)) - a * ALPHA * 0.25
    else:
        expected = torch.where(whole, x / 0.75, torch.tensor(0.0))
    torch.testing.assert_close(found, expected)
    assert torch.equal(masked.eval()(x), x)


def test_torchs_own_alpha_dropout_has_these_values() -> None:
    torch.manual_seed(0)
    x = torch.full((1000,), 2.0)
    drawn = nn.AlphaDropout(0.25)(x)
    masked, masks = with_masks(nn.AlphaDropout(0.25))
    masks.give([((drawn > 1).float() / 0.75, torch.tensor(1 / 0.75))])
    torch.testing.assert_close(masked(x), drawn)


def test_rates_of_members_may_differ() -> None:
    def make(rate: float) -> Make:
        return lambda i, o: nn.Sequential(nn.Linear(i, 8), nn.ReLU(), nn.Dropout(rate), nn.Linear(8, o))

    alone = [histories([member_of(make(rate), seed=1)])[0] for rate in (0.0, 0.5)]
    together = histories([member_of(make(rate), seed=1) for rate in (0.0, 0.5)])
    for found, expected in zip(together, alone, strict=True):
        assert_close(found, expected, 1e-6)
    assert timeless(alone[0]) != timeless(alone[1])


def test_dropout_follows_its_schedule() -> None:
    """As that of our own network, with the same noise."""
    how: dict[str, Any] = {"dropout": 0.6, "epochs": EPOCHS, "seed": 5}
    scheduled, steady = ([make_member(**how, dropout_curve=curve) for _ in range(2)] for curve in (FlatCosine(), None))
    found = []
    for ours, own in (scheduled, steady):
        own.module, own.functional = nn.Sequential(own.module), True
        (expected,), (records,) = histories([ours]), histories([own])
        assert_close(records, expected, 1e-4)
        found.append([record.train_loss for record in records])
    assert found[0][: EPOCHS // 2] == found[1][: EPOCHS // 2]
    assert found[0][EPOCHS // 2] != found[1][EPOCHS // 2]


def test_the_masks_of_two_calls_of_one_layer_are_two() -> None:
    module = DROPPED["often"](FEATURES, 1)
    network = FunctionalNetwork([module], CPU, torch.randn(4, FEATURES))
    assert network.dropout_widths == (FEATURES, 8)
    assert network.dropout_rates([module]).tolist() == [[0.4], [0.4]]
    ones = np.ones((1, 1, 3), np.float32)
    scale = np.full((1, 1, 1), 1 / 0.6, np.float32)
    everything, nothing = (np.full((1, FEATURES, 3), value) for value in (True, False))
    batch = Batch(
        NUMPY.view(torch.randn(1, 3, FEATURES)),
        ones,
        ones,
        ones,
        [Mask(everything, scale), Mask(nothing[:, :1].repeat(8, 1), scale)],
    )
    bias = module.get_parameter("head.bias").item()
    assert network.forward(batch).flatten().tolist() == pytest.approx([bias] * 3)


# ---- what does not fit together


def refused(members: Sequence[Trainee]) -> str:
    with pytest.raises(TrainingError) as caught:
        StackEngine(members, 16, CPU)
    return str(caught.value)


def test_members_must_be_alike() -> None:
    make = PLAIN["linear-relu"]
    head = "members of one stack must be alike, and one has another "
    assert refused([member_of(make), member_of(make, train_rows=46)]) == f"{head}number of training rows"
    wide: Make = lambda i, o: nn.Sequential(nn.Linear(i, 9), nn.ReLU(), nn.Linear(9, o))  # noqa: E731
    assert refused([member_of(make), member_of(wide)]) == f"{head}network"
    rprop = [member_of(make, optimizer=torch.optim.Rprop) for _ in range(2)]
    assert refused(rprop) == "optimizer: Rprop trains alone, and 2 were given together"


def test_our_own_network_trains_as_ever() -> None:
    plain, asked = make_member(), make_member()
    asked.functional = True
    assert timeless(histories([plain])[0]) == timeless(histories([asked])[0])


def test_a_state_that_does_not_fit_is_refused() -> None:
    engine = StackEngine([member_of(PLAIN["batch-norm"])], 16, CPU)
    engine.train_epoch([1e-3])
    state = engine.state(0)
    del state.network["constants"]["1.num_batches_tracked"]
    with pytest.raises(TrainingError, match=r"^a saved state does not fit Sequential: KeyError\('1.num_batches"):
        engine.restore([state])
