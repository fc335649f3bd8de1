import copy
import itertools

import pytest
import torch
from support.stacked import (
    BATCH,
    CPU,
    FEATURES,
    OUTPUTS,
    ROWS,
    batch,
    check_member,
    close,
    forward,
    predict,
    random_masks,
    rows_of,
    units_first,
)
from torch import Tensor, nn

from mlp_exp.engine.stacked import StackedMLP, stacks
from mlp_exp.model.activations import ACTIVATIONS
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP, Block

pytestmark = pytest.mark.usefixtures("double_precision")

SHAPES: dict[str, tuple[tuple[int, ...], bool]] = {
    "linear": ((), False),
    "one": ((6,), False),
    "width-one": ((1, 5, 1), False),
    "residual": ((6, 6, 1, 1), True),
    "residual-as-wide-as-inputs": ((FEATURES, FEATURES), True),
}
COMPANIES = [(k, dropped) for k in (1, 2, 3) for dropped in (False, True)]
PASSES = [
    pytest.param(activation, norm, *SHAPES[shape], *company, id=f"{activation}-{norm}-{shape}-{company}")
    for (norm, activation, shape), company in zip(
        itertools.product((None, "batch", "layer"), ACTIVATIONS, SHAPES), itertools.cycle(COMPANIES), strict=False
    )
]
"""Each activation with each norm in each shape, and each of these with some number of members and masks or none."""


def build(
    k: int,
    hidden: tuple[int, ...] = (6, 6),
    *,
    out: int = OUTPUTS,
    activation: str = "relu",
    norm: str | None = None,
    residual: bool = False,
    dropout: float = 0.0,
) -> tuple[list[MLP], StackedMLP]:
    """K modules with random weights, norms' gains and running statistics among them, and their stack."""
    modules = []
    for seed in range(k):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = MLP(FEATURES, out, hidden, dropout, activation, norm, residual)
            with torch.no_grad():
                for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
                    if "norm" in name and tensor.is_floating_point():
                        tensor.copy_(torch.rand_like(tensor) + 0.5)
        modules.append(module)
    return modules, StackedMLP(modules, CPU)


@pytest.mark.parametrize(("activation", "norm", "hidden", "residual", "k", "dropped"), PASSES)
def test_a_pass_is_that_of_autograd(
    activation: str, norm: str | None, hidden: tuple[int, ...], residual: bool, k: int, dropped: bool
) -> None:
    modules, stack = build(k, hidden, activation=activation, norm=norm, residual=residual)
    inputs, gradient, valid = batch(k)
    masks = random_masks(k, hidden) if dropped else []
    logits = forward(stack, inputs, masks, valid)
    stack.backward(units_first(gradient))
    evaluated = predict(stack, inputs)
    assert logits.shape == evaluated.shape == (k, BATCH, OUTPUTS)
    for member, plain in enumerate(modules):
        module = check_member(stack, member, plain, (inputs, gradient, masks), logits)
        # running statistics have moved, as in nn.BatchNorm1d, and predict goes by them
        buffers = stack.buffer_rows.views(stack.buffers)
        for name, buffer in module.named_buffers():
            if buffer.is_floating_point():
                close(buffers[name][member], buffer)
        close(evaluated[member], module.eval()(inputs[member]).detach())


def embedded(
    k: int, numbers: int, hidden: tuple[int, ...], norm: str | None, residual: bool = False
) -> tuple[list[EmbeddedNetwork], StackedMLP, tuple[Tensor, Tensor, Tensor]]:
    """K networks behind embeddings of two columns, their stack, and inputs of `numbers` numbers and the codes."""
    modules = []
    for seed in range(k):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = MLP(numbers + 2 * 3, OUTPUTS, hidden, 0.3, "tanh", norm, residual)
            modules.append(EmbeddedNetwork(network, columns=2, rows=7, width=3, never_trained=[2]))
    inputs, gradient, valid = batch(k)
    codes = torch.randint(7, (k, BATCH, 2), generator=torch.Generator().manual_seed(2))
    codes[valid[..., 0] == 0] = 6  # of padding
    return modules, StackedMLP(modules, CPU), (torch.cat([inputs[..., :numbers], codes], dim=-1), gradient, valid)


@pytest.mark.parametrize("numbers", [0, FEATURES])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("hidden", "residual"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_a_pass_through_embeddings_is_that_of_autograd(
    norm: str | None, hidden: tuple[int, ...], residual: bool, k: int, numbers: int
) -> None:
    modules, stack, (inputs, gradient, valid) = embedded(k, numbers, hidden, norm, residual)
    masks = random_masks(k, hidden)
    assert stack.dropout_widths == hidden
    for _ in range(2):  # gradients do not add up
        logits = forward(stack, inputs, masks, valid)
        stack.backward(units_first(gradient))
    evaluated = None if norm == "batch" else predict(stack, inputs)
    for member, plain in enumerate(modules):
        module = check_member(stack, member, plain, (inputs, gradient, masks), logits)
        if evaluated is not None:
            close(evaluated[member], module.eval()(inputs[member]).detach())


def test_a_stack_with_embeddings_that_shrank_is_the_stack_of_those_who_stayed() -> None:
    modules, stack, batches = embedded(3, FEATURES, (6,), None)
    best = [copy.deepcopy(module.state_dict()) for module in modules]
    fresh = StackedMLP([modules[2], modules[0]], CPU)
    stack.select(torch.tensor([2, 0]))
    inputs, gradient, valid = (tensor[[2, 0]] for tensor in batches)
    logits = [forward(network, inputs, random_masks(2, (6,)), valid) for network in (stack, fresh)]
    for network in (stack, fresh):
        network.backward(units_first(gradient))
    assert torch.equal(*logits)
    assert torch.equal(stack.gradients, fresh.gradients)
    stack.parameters.zero_()
    stack.write_best(0, modules[0])
    assert all(torch.equal(tensor, best[2][name]) for name, tensor in modules[0].state_dict().items())


def test_an_embedded_network_looks_its_rows_up() -> None:
    module = EmbeddedNetwork(nn.Identity(), columns=2, rows=4, width=3, never_trained=[0, 3])
    table = module.embedding.weight.detach()
    inputs = torch.tensor([[0.5, -2.0, 1, 3], [1.5, 8.0, 2, 1]])
    expected = torch.stack(
        [torch.cat([inputs[0, :2], table[1], table[3]]), torch.cat([inputs[1, :2], table[2], table[1]])]
    )
    assert torch.equal(module(inputs).detach(), expected)
    assert not table[[0, 3]].any()
    assert table[[1, 2]].all()


class Narrow(MLP):
    """A user's own, which may compute anything."""


def frozen(module: nn.Module) -> nn.Module:
    next(module.parameters()).requires_grad_(False)
    return module


@pytest.mark.parametrize(
    ("module", "stackable"),
    [
        (MLP(3, 1), True),
        (EmbeddedNetwork(MLP(3, 1), 1, 4, 2), True),
        (EmbeddedNetwork(nn.Linear(3, 1), 1, 4, 2), False),
        (EmbeddedNetwork(Narrow(3, 1), 1, 4, 2), False),
        (EmbeddedNetwork(EmbeddedNetwork(MLP(3, 1), 1, 4, 2), 1, 4, 2), False),
        (frozen(EmbeddedNetwork(MLP(3, 1), 1, 4, 2)), False),
        (frozen(MLP(3, 1)), False),
        (Narrow(3, 1), False),
        (nn.Linear(3, 1), False),
    ],
)
def test_what_stacks(module: nn.Module, stackable: bool) -> None:
    assert stacks(module) is stackable


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_padding_rows_count_nowhere(norm: str | None) -> None:
    outcomes = []
    for padding in (0.0, 1e4):
        _, stack = build(3, norm=norm)
        inputs, gradient, valid = batch(3)
        inputs = torch.where(valid > 0, inputs, torch.tensor(padding))
        logits = forward(stack, inputs, [], valid)
        stack.backward(units_first(gradient))
        outcomes.append((logits * valid, stack.gradients.clone(), stack.buffers.clone()))
    for first, second in zip(*outcomes, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(("hidden", "norm"), [((), None), ((5,), None), ((5, 5), "layer"), ((5, 5), "batch")])
def test_the_padding_of_the_matrices_stays_zero(hidden: tuple[int, ...], norm: str | None) -> None:
    modules, stack = build(2, hidden, norm=norm)
    inputs, gradient, valid = batch(2)
    forward(stack, inputs, [], valid)
    stack.backward(units_first(gradient))
    size = sum(parameter.numel() for parameter in modules[0].parameters())
    assert stack.parameters.shape == stack.gradients.shape == (2, -(-size // 32) * 32)
    assert not stack.gradients[:, size:].any()
    assert not stack.parameters[:, size:].any()
    assert stack.gradients[:, :size].any(dim=1).all()


def test_running_statistics_over_many_batches_are_those_of_torch() -> None:
    (plain,), stack = build(1, (6,), norm="batch")
    module = copy.deepcopy(plain).train()
    for step in range(20):
        inputs, _, valid = batch(1, seed=step)
        forward(stack, inputs, [], valid)
        module(inputs[0, : ROWS[0]])
    norm = module.blocks[0].norm
    assert isinstance(norm, nn.BatchNorm1d)
    buffers = stack.buffer_rows.views(stack.buffers)
    close(buffers["blocks.0.norm.running_mean"][0], norm.running_mean)
    close(buffers["blocks.0.norm.running_var"][0], norm.running_var)


def test_batch_norm_of_a_single_row_is_its_shift_and_has_no_slope() -> None:
    """nn.BatchNorm1d refuses such a batch, the last of an epoch may well be one."""
    (plain,), stack = build(1, (6,), norm="batch", activation="tanh")
    inputs, gradient, valid = batch(1)
    valid[:, 1:] = 0
    before = {name: view.clone() for name, view in stack.buffer_rows.views(stack.buffers).items()}
    logits = forward(stack, inputs, [], valid)
    stack.backward(units_first(gradient * valid))
    block = plain.blocks[0]
    assert isinstance(block, Block)
    close(logits[0, 0], plain.head(torch.tanh(plain.get_parameter("blocks.0.norm.bias"))).detach())
    gradients = rows_of(stack, stack.gradients, 0)
    assert not gradients["blocks.0.linear.weight"].any()
    assert gradients["blocks.0.norm.bias"].all()
    buffers = stack.buffer_rows.views(stack.buffers)
    mean = block.linear(inputs[0, 0]).detach()
    close(buffers["blocks.0.norm.running_mean"], before["blocks.0.norm.running_mean"].lerp(mean, 0.1))
    close(buffers["blocks.0.norm.running_var"], before["blocks.0.norm.running_var"] * 0.9)


@pytest.mark.parametrize(
    ("rates", "widths"),
    [((0.0, 0.0), ()), ((0.0, 0.2), (6, 5)), ((0.3, 0.2), (6, 5))],
    ids=["none", "one-drops", "both-drop"],
)
def test_masks_are_asked_for_where_any_member_drops_units(rates: tuple[float, ...], widths: tuple[int, ...]) -> None:
    modules = [MLP(FEATURES, OUTPUTS, (6, 5), [rate, rate / 2]) for rate in rates]
    stack = StackedMLP(modules, CPU)
    assert stack.dropout_widths == widths
    expected = torch.tensor([[rate, rate / 2] for rate in rates], dtype=torch.float64).T
    assert torch.equal(stack.dropout_rates(modules), expected[: len(widths)])


def test_the_stack_leaves_the_modules_alone() -> None:
    modules, stack = build(2, norm="batch")
    before = [copy.deepcopy(module.state_dict()) for module in modules]
    inputs, gradient, valid = batch(2)
    forward(stack, inputs, [], valid)
    stack.backward(units_first(gradient))
    stack.parameters.add_(1.0)
    for module, state in zip(modules, before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())


def test_the_best_weights_are_those_that_were_remembered() -> None:
    """Of three members, the first and the last improve once and the second never."""
    modules, stack = build(3, norm="batch")
    first = [copy.deepcopy(module) for module in modules]
    stack.parameters.add_(1.0)
    stack.buffers.add_(2.0)
    stack.remember(torch.tensor([0, 2]))
    stack.parameters.add_(10.0)
    stack.buffers.add_(10.0)
    for member, module in enumerate(modules):
        stack.write_best(member, module)
        changed = member != 1
        for name, tensor in first[member].named_parameters():
            assert torch.equal(module.get_parameter(name), tensor + 1.0 * changed)
        for name, buffer in first[member].named_buffers():
            moved = 2.0 * changed if buffer.is_floating_point() else 0
            assert torch.equal(module.get_buffer(name), buffer + moved)
    # what was written is a copy
    stack.remember(torch.arange(3))
    assert torch.equal(modules[1].head.weight, first[1].head.weight)


@pytest.mark.parametrize("rows", [[2], [0, 2], [2, 0], [0, 1, 2]], ids=str)
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_a_stack_that_shrank_is_the_stack_of_those_who_stayed(norm: str | None, rows: list[int]) -> None:
    modules, stack = build(3, norm=norm)
    best = [copy.deepcopy(module.state_dict()) for module in modules]
    fresh = StackedMLP([modules[row] for row in rows], CPU)
    stack.select(torch.tensor(rows))
    inputs, gradient, valid = (tensor[rows] for tensor in batch(3))
    logits = [forward(network, inputs, [], valid) for network in (stack, fresh)]
    for network in (stack, fresh):
        network.backward(units_first(gradient))
    assert torch.equal(*logits)
    assert torch.equal(stack.gradients, fresh.gradients)
    assert torch.equal(stack.buffers, fresh.buffers)
    assert torch.equal(predict(stack, inputs), predict(fresh, inputs))
    # the best weights moved along
    stack.parameters.zero_()
    for place, row in enumerate(rows):
        stack.write_best(place, modules[row])
        assert all(torch.equal(tensor, best[row][name]) for name, tensor in modules[row].state_dict().items())


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [[], [7, 7], [5, 1]])
def test_gradients_are_those_of_autograd(activation: str, norm: str | None, sizes: list[int]) -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    modules = [MLP(3, 2, sizes, 0.0, activation, norm, residual=True) for _ in range(3)]
    stack = StackedMLP(modules, CPU)
    x, g = torch.randn(3, 32, 3), torch.randn(3, 32, 2)
    with torch.no_grad():
        logits = forward(stack, x, [], torch.ones(3, 32, 1))
        stack.backward(units_first(g))
    for k, module in enumerate(modules):
        expected = module(x[k])
        torch.testing.assert_close(logits[k], expected)
        expected.backward(g[k])
        for name, gradient in rows_of(stack, stack.gradients, k).items():
            torch.testing.assert_close(gradient, module.get_parameter(name).grad, rtol=1e-4, atol=1e-4)
