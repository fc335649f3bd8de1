"""Stacks of networks that embed numbers and scale their inputs: against autograd, and alone as in company."""

import itertools
from collections.abc import Sequence

import pytest
import torch
from support.members import CPU, Embeddings, histories, make_member, same_weights, timeless
from support.stacked import (
    BATCH,
    FEATURES,
    OUTPUTS,
    Network,
    batch,
    check_member,
    close,
    forward,
    predict,
    random_masks,
    units_first,
)
from torch import Tensor

from mlp_exp.engine.arrays import TORCH
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.engine.stacked import StackedMLP, stacks
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.model.number_embedding import PiecewiseLinearEmbedding
from mlp_exp.training.loop import Trainee

KINDS = ("none", "periodic", "piecewise_linear")
SHAPES: list[tuple[tuple[int, ...], int, int]] = [
    ((), 1, FEATURES),
    ((), 3, 1),
    ((6,), 3, 1),
    ((6, 6), 1, 1),
    ((6, 6), 3, FEATURES),
]
"""Hidden layers, members and numbers among the inputs."""
CODES = Embeddings(columns=2, rows=7, width=3, never_trained=(2,))


def make(
    seed: int, kind: str, hidden: tuple[int, ...], norm: str | None, *, scale: bool, codes: bool, numbers: int
) -> Network:
    """A network of random weights and factors, the last of whose inputs are codes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = MLP(
            FEATURES + codes * CODES.columns * CODES.width,
            OUTPUTS,
            hidden,
            0.3,
            "silu",
            norm,
            residual=len(hidden) > 1,
            numbers=numbers,
            number_embedding=kind,
            embedding_hidden=5,
            embedding_width=2,
            frequency_scale=0.5,
            scale_inputs=scale,
        )
        if module.scale is not None:
            torch.nn.init.uniform_(module.scale, -1.0, 1.0)
        if isinstance(module.number_embedding, PiecewiseLinearEmbedding):
            module.number_embedding.fit(torch.randn(50, FEATURES))
        return EmbeddedNetwork(module, **CODES._asdict()) if codes else module


def rows(k: int, *, codes: bool) -> tuple[Tensor, Tensor, Tensor]:
    inputs, gradient, valid = batch(k)
    if codes:
        drawn = torch.randint(CODES.rows, (k, BATCH, CODES.columns), generator=torch.Generator().manual_seed(2))
        inputs = torch.cat([inputs, drawn], dim=2)
    return inputs, gradient, valid


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("codes", [False, True], ids=["", "codes"])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("scale", [False, True], ids=["", "scale"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_is_that_of_autograd(kind: str, scale: bool, norm: str | None, codes: bool) -> None:
    for hidden, k, numbers in SHAPES:
        modules = [make(s, kind, hidden, norm, scale=scale, codes=codes, numbers=numbers) for s in range(k)]
        stack = StackedMLP(modules, CPU)
        inputs, gradient, valid = rows(k, codes=codes)
        masks = random_masks(k, hidden)
        for _ in range(1 if norm == "batch" else 2):  # gradients do not add up
            logits = forward(stack, inputs, masks, valid)
            stack.backward(units_first(gradient))
        evaluated = predict(stack, inputs)
        for member, plain in enumerate(modules):
            module = check_member(stack, member, plain, (inputs, gradient, masks), logits)
            close(evaluated[member], module.eval()(inputs[member]).detach())


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("kind", KINDS)
def test_padding_rows_count_nowhere(kind: str) -> None:
    outcomes = []
    for padding in (0.0, 1e2):
        stack = StackedMLP([make(s, kind, (6,), None, scale=True, codes=False, numbers=3) for s in range(3)], CPU)
        inputs, gradient, valid = rows(3, codes=False)
        inputs = torch.where(valid > 0, inputs, torch.tensor(padding))
        logits = forward(stack, inputs, [], valid)
        stack.backward(units_first(gradient))
        outcomes.append((logits * valid, stack.gradients.clone()))
    assert all(map(torch.equal, *outcomes))


PARTS = [
    pytest.param(kind, codes, id=f"{kind}{'-codes' * codes}") for kind, codes in itertools.product(KINDS, (False, True))
]


def member(seed: int, kind: str, *, codes: bool) -> Trainee:
    """A member with all parts, and bins of its own."""
    parts = {"numbers": 3, "number_embedding": kind, "embedding_hidden": 7, "scale_inputs": True}
    made = make_member(
        seed=seed, model={**parts, "activation": "silu"}, dropout=0.2, embeddings=CODES if codes else None
    )
    assert stacks(made.module)
    for layer in made.module.modules():
        if isinstance(layer, PiecewiseLinearEmbedding):
            layer.fit(made.data.inputs[made.data.train])
    return made


def engine(members: Sequence[Trainee], epochs: int) -> StackEngine:
    made = StackEngine(members, 10, CPU)
    for _ in range(epochs):
        made.train_epoch([0.01] * len(members))
        made.evaluate()
    return made


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("kind", "codes"), PARTS)
def test_a_member_has_the_same_bits_alone_in_a_stack_and_admitted_later(kind: str, codes: bool) -> None:
    members, lone = ([member(seed, kind, codes=codes) for seed in range(3)] for _ in "ab")
    together, alone = histories(members), [histories([each])[0] for each in lone]
    assert [timeless(each) for each in together] == [timeless(each) for each in alone]
    assert all(same_weights(a.module, b.module) for a, b in zip(members, lone, strict=True))

    host, guest = (engine([member(seed, kind, codes=codes)], 2) for seed in (0, 1))
    host.admit([member(1, kind, codes=codes)], [guest.state(0)])
    host.select([1])
    guest.train_epoch([0.01])
    assert host.train_epoch([0.01]) == engine([member(1, kind, codes=codes)], 2).train_epoch([0.01])
    for name, matrix in guest.state(0).network.items():
        assert torch.equal(host.state(0).network[name], matrix)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("kind", "codes"), PARTS)
def test_the_same_lines_on_torch_train_as_on_numpy(kind: str, codes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on a GPU, within rounding."""
    expected = histories([member(seed, kind, codes=codes) for seed in range(2)])
    monkeypatch.setattr("mlp_exp.engine.arrays.NUMPY", TORCH)
    for now, then in zip(histories([member(s, kind, codes=codes) for s in range(2)]), expected, strict=True):
        assert [record.train_loss for record in now] == pytest.approx([r.train_loss for r in then], rel=1e-4)
        assert [record.val_loss for record in now] == pytest.approx([r.val_loss for r in then], rel=1e-4)


def test_members_of_other_parts_train_in_other_stacks() -> None:
    with pytest.raises(Exception, match=r"must be alike, and one has another network$"):
        StackEngine([member(0, kind, codes=False) for kind in KINDS[1:]], 10, CPU)
