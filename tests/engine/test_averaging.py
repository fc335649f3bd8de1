"""The running mean of the weights."""

from dataclasses import replace

import pytest
import torch
from support.members import histories, make_member, same_weights, timeless
from torch import nn

from mlp_exp.engine.averaging import WeightAverage
from mlp_exp.engine.stacked import StackedMLP
from mlp_exp.model.mlp import MLP
from mlp_exp.training.loop import Trainee

CPU = torch.device("cpu")


def network(members: int) -> StackedMLP:
    return StackedMLP([MLP(3, 2, [5], norm="batch") for _ in range(members)], CPU)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_the_mean_is_that_of_the_formula(share: float) -> None:
    stack = network(2)
    average = WeightAverage(stack, [share, 0.5])
    generator = torch.Generator().manual_seed(0)
    mean = torch.zeros_like(stack.parameters[0])
    for epoch in range(1, 8):
        own = torch.randn(stack.parameters.shape, generator=generator)
        stack.parameters.copy_(own)
        step = max(1 - share, 1 / epoch)
        mean = mean + step * (own[0] - mean)
        average.update(epoch)
        with average.applied():
            torch.testing.assert_close(stack.parameters[0], mean)
            assert torch.equal(stack.parameters[1], own[1]) == (epoch == 1)
        assert torch.equal(stack.parameters, own)


def test_it_holds_running_statistics_too() -> None:
    stack = network(1)
    average = WeightAverage(stack, [0.9])
    for epoch, value in enumerate((1.0, 3.0), 1):
        stack.buffers.fill_(value)
        average.update(epoch)
        with average.applied():
            inside = stack.buffers.clone()
    assert (inside == 2.0).all()  # at first the plain mean of all epochs
    assert (stack.buffers == 3.0).all()


def test_without_a_share_nothing_is_touched() -> None:
    stack = network(2)
    before = stack.parameters.clone()
    average = WeightAverage(stack, [0.0, 0.0])
    average.update(1)
    with average.applied():
        assert torch.equal(stack.parameters, before)


def test_who_is_not_averaged_keeps_all_bits_beside_one_who_is() -> None:
    """A zero keeps its sign, and what is infinite stays so."""
    stack = network(2)
    average = WeightAverage(stack, [0.0, 0.9])
    stack.parameters[:, :3] = torch.tensor([-0.0, torch.inf, -torch.inf])
    average.update(1)
    with average.applied():
        assert stack.parameters[0, :3].tolist() == [0.0, torch.inf, -torch.inf]
        assert bool(torch.signbit(stack.parameters[0, 0]))


def test_it_follows_a_stack_that_shrinks() -> None:
    stack, rows = network(3), torch.tensor([0, 2])
    average = WeightAverage(stack, [0.0, 0.5, 0.9])
    average.update(1)
    stack.select(rows)
    average.select(rows)
    first = stack.parameters.clone()
    stack.parameters.add_(1.0)
    average.update(2)
    with average.applied():
        torch.testing.assert_close(stack.parameters[0], first[0] + 1.0)
        torch.testing.assert_close(stack.parameters[1], first[1] + 0.5)


def test_training_goes_on_as_without_it() -> None:
    """The mean is looked at and kept; the weights that train, and so the training loss, never see it."""
    plain, averaged = make_member(epochs=6), replace(make_member(epochs=6), average=0.7)
    (before,), (after,) = histories([plain]), histories([averaged])
    assert [record.train_loss for record in before] == [record.train_loss for record in after]
    assert before[0].val_loss == after[0].val_loss
    assert before[-1].val_loss != after[-1].val_loss
    assert not same_weights(plain.module, averaged.module)


def test_company_changes_no_bit() -> None:
    shares = [0.0, 0.5, 0.9, 0.8]

    def members() -> list[Trainee]:
        return [replace(make_member(seed=s, epochs=3 + s), average=share) for s, share in enumerate(shares)]

    together, alone = members(), members()
    stacked = histories(together)
    for index, member in enumerate(alone):
        (records,) = histories([member])
        assert timeless(records) == timeless(stacked[index])
        assert same_weights(member.module, together[index].module)


def test_a_users_own_module_has_it_too() -> None:
    class Net(nn.Sequential):
        pass

    modules = [Net(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)) for _ in range(2)]
    modules[1].load_state_dict(modules[0].state_dict())
    plain, averaged = (make_member(module=module, epochs=5) for module in modules)
    (before,), (after,) = histories([plain]), histories([replace(averaged, average=0.7)])
    assert [record.train_loss for record in before] == [record.train_loss for record in after]
    assert before[-1].val_loss != after[-1].val_loss
