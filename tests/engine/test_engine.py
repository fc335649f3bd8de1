"""The engine as the loop sees it: members are admitted and selected, and what lies outside stays as it is."""

import copy
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from support.commands import clean_environment
from support.members import CPU, Embeddings, histories, make_member, predict, same_weights, timeless
from torch import nn

from mlp_exp.engine import epochs
from mlp_exp.engine.arrays import TORCH
from mlp_exp.engine.engine import Factors
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.engine.state import MemberState
from mlp_exp.errors import TrainingError
from mlp_exp.tasks.losses import BinaryCrossEntropy
from mlp_exp.training.loop import Trainee, train
from mlp_exp.training.records import Decider, EpochRecord, Status

pytestmark = pytest.mark.usefixtures("one_thread")


def trained_engine(members: Sequence[Trainee], epochs: int) -> StackEngine:
    engine = StackEngine(members, 10, CPU)
    for _ in range(epochs):
        engine.train_epoch([0.01] * len(members))
        engine.evaluate()
        engine.remember(range(len(members)))
    return engine


def losses_of(engine: StackEngine) -> int:
    """Of how many members there are validation losses."""
    found = engine.evaluate()
    return len(found.losses) if found else 0


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD, torch.optim.NAdam])
def test_admitted_members_continue_with_the_bits_of_training_alone(optimizer: Any) -> None:
    """Two join one, in their second epoch; whoever came first is moved by nobody."""

    def member(seed: int) -> Trainee:
        return make_member(seed=seed, optimizer=optimizer, dropout=0.2)

    alone = [trained_engine([member(seed)], 4) for seed in range(3)]
    host, guests = trained_engine([member(0)], 2), [member(1), member(2)]
    states = [trained_engine([member(seed)], 2).state(0) for seed in (1, 2)]
    host.admit(guests, states)
    host.select([2, 0, 1])
    for _ in range(2):
        losses = host.train_epoch([0.01] * 3)
        evaluations = host.evaluate()
        host.remember(range(3))
    assert evaluations
    assert len(losses) == len(evaluations.losses) == 3
    for row, seed in enumerate((2, 0, 1)):
        for name, matrix in alone[seed].state(0).network.items():
            assert torch.equal(host.state(row).network[name], matrix), (seed, name)


def test_members_of_another_epoch_are_not_admitted() -> None:
    engine = trained_engine([make_member(seed=0)], 2)
    late = trained_engine([make_member(seed=1)], 1).state(0)
    with pytest.raises(TrainingError, match=r"^members of one stack continue from the same epoch$"):
        engine.admit([make_member(seed=1)], [late])


class Doubled(BinaryCrossEntropy):
    """A user's own."""


def _refused_in_its_state() -> tuple[list[Trainee], list[MemberState]]:
    state = trained_engine([make_member(seed=1)], 2).state(0)
    return [make_member(seed=1)], [replace(state, network={**state.network, "best_buffers": torch.zeros(1)})]


REFUSED: dict[str, Callable[[], tuple[list[Trainee], list[MemberState]]]] = {
    "of another epoch": lambda: ([make_member(seed=1)], [trained_engine([make_member(seed=1)], 1).state(0)]),
    "a network that trains alone": lambda: (
        [make_member(module=own_module())],
        [trained_engine([make_member(module=own_module())], 2).state(0)],
    ),
    "a damaged state": _refused_in_its_state,
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_admission_leaves_the_engine_as_it_was(case: str) -> None:
    """It then trains on as if nobody had asked."""
    engine, alone = (trained_engine([make_member(seed=0, dropout=0.2)], 2) for _ in "ab")
    before = engine.state(0)
    with pytest.raises(TrainingError):
        engine.admit(*REFUSED[case]())
    assert repr(engine.state(0)) == repr(before)
    for each in (engine, alone):
        each.train_epoch([0.01])
        each.evaluate()
        each.remember([0])
    assert repr(engine.state(0)) == repr(alone.state(0))


class Scaled(BinaryCrossEntropy):
    """A user's own, with a setting."""

    def __init__(self, name: str, scale: float) -> None:
        super().__init__(name)  # type: ignore[arg-type]
        self.scale = scale


UNLIKE: dict[str, dict[str, Any]] = {
    "network": {"model": {"activation": "tanh"}},
    "loss": {"loss": Doubled("binary")},
    "factors of parameters, or none": {"factors": {"head.bias": Factors(rate=0.5)}},
    "optimizer": {"options": {"betas": [0.5, 0.9]}},
    "number of rows a step": {"train_rows": 47},
    "number of validation rows": {"val_rows": 40},
    "number of columns": {"features": 6, "model": {}},
}


@pytest.mark.parametrize("what", UNLIKE)
def test_members_that_differ_in_more_than_a_stack_may_are_refused(what: str) -> None:
    engine = trained_engine([make_member(seed=0)], 1)
    other = make_member(seed=1, **UNLIKE[what])
    state = trained_engine([make_member(seed=1, **UNLIKE[what])], 1).state(0)
    with pytest.raises(TrainingError, match=f"^members of one stack must be alike, and one has another .*{what}"):
        engine.admit([other], [state])


def test_own_losses_of_other_settings_are_refused_together() -> None:
    losses = [Scaled("binary", scale) for scale in (1.0, 100.0, 1.0)]
    members = [make_member(seed=seed, loss=loss) for seed, loss in enumerate(losses)]
    StackEngine([members[0], members[2]], 10, CPU)
    with pytest.raises(TrainingError, match="another loss"):
        StackEngine(members, 10, CPU)


def test_full_batches_that_are_padded_to_other_lengths_are_refused_together() -> None:
    """62 rows fill 64, and 65 fill 96: a product of another number of rows has other bits."""
    members = [make_member(seed=0, train_rows=62), make_member(seed=1, train_rows=65)]
    for batch_size in (None, 70):
        with pytest.raises(TrainingError, match="another number of rows a step"):
            StackEngine(members, batch_size, CPU)


def test_members_that_differ_as_they_may_are_admitted() -> None:
    how: dict[str, Any] = {"lr": 0.5, "options": {"weight_decay": 0.1}, "dropout": 0.3, "train_rows": 38}
    engine = trained_engine([make_member(seed=0)], 1)
    engine.admit([make_member(seed=1, **how)], [trained_engine([make_member(seed=1, **how)], 1).state(0)])
    assert losses_of(engine) == 2


def test_a_guest_with_more_rows_in_one_batch_is_as_alone() -> None:
    """Batches of all rows are padded to one length, whoever came first."""
    (host, guest), alone = (
        (make_member(seed=0, train_rows=37), make_member(seed=1, train_rows=40)),
        make_member(seed=1, train_rows=40),
    )
    engines = [StackEngine([member], None, CPU) for member in (host, guest, alone)]
    for engine in engines:
        engine.train_epoch([0.01])
    engines[0].admit([guest], [engines[1].state(0)])
    losses = engines[0].train_epoch([0.01, 0.01])
    assert losses[1] == engines[2].train_epoch([0.01])[0]


def test_a_rate_for_each_step_is_taken_by_each_step() -> None:
    """Four steps an epoch; a rate of zero moves nothing, and the same rate in all steps is the epoch's."""
    engines = [trained_engine([make_member(seed=seed) for seed in (0, 1)], 1) for _ in "abc"]
    assert engines[0].steps == 4
    engines[0].train_epoch([0.01, 0.02])
    engines[1].train_epoch([[0.01, 0.02]] * 4)
    assert repr(engines[0].state(1)) == repr(engines[1].state(1))
    before = engines[2].state(1).network["parameters"]
    engines[2].train_epoch([[0.01, 0.0]] * 4)
    assert torch.equal(engines[2].state(1).network["parameters"], before)
    assert repr(engines[2].state(0)) == repr(engines[0].state(0))


def test_weight_decay_follows_its_factors() -> None:
    """Twice the decay is that of twice the option."""
    twice, once = (make_member(options={"weight_decay": decay}) for decay in (0.2, 0.1))
    engines = [StackEngine([member], 10, CPU) for member in (twice, once)]
    assert engines[0].train_epoch([0.01]) == engines[1].train_epoch([0.01], decay=2.0)
    assert engines[0].train_epoch([0.01]) != engines[1].train_epoch([0.01])


@pytest.mark.parametrize("lr", [[[0.1, 0.1, 0.1]] * 3, [0.1] * 4], ids=["steps", "members"])
def test_rates_of_other_steps_or_members_are_refused(lr: Any) -> None:
    engine = StackEngine([make_member(seed=seed) for seed in (0, 1, 2)], 10, CPU)
    with pytest.raises(ValueError, match="could not be broadcast"):
        engine.train_epoch(lr)


@pytest.mark.parametrize("states", [0, 2])
def test_members_and_states_are_as_many(states: int) -> None:
    engine = trained_engine([make_member(seed=0)], 1)
    state = trained_engine([make_member(seed=1)], 1).state(0)
    with pytest.raises(ValueError, match=rf"^expected a state for each of 2 members, got {1 + states}$"):
        engine.admit([make_member(seed=1)], [state] * states)
    assert losses_of(engine) == 1


OUTSIDE = """
import sys, torch
names = ("add_param_group", "state_dict", "load_state_dict")
before = {name: torch.optim.Optimizer.__dict__[name] for name in names}, torch.optim.Rprop.step
from support.members import histories, make_member
histories([make_member()])
for optimizer in (torch.optim.LBFGS, torch.optim.Rprop, torch.optim.ASGD):
    histories([make_member(optimizer=optimizer)])
assert ({name: torch.optim.Optimizer.__dict__[name] for name in names}, torch.optim.Rprop.step) == before
assert [name for name in sys.modules if name.startswith("torch._dynamo")] == []
"""


@pytest.mark.slow
def test_torchs_optimizers_stay_as_they_are_and_its_compiler_is_not_imported() -> None:
    tests = next(path for path in sys.path if path.endswith("tests"))
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE], env=clean_environment({"PYTHONPATH": tests}), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def own_module() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 1))


class DrawsAlways(nn.Module):
    """Draws in evaluation too, as Monte-Carlo dropout does (Gal & Ghahramani, 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.linear(nn.functional.dropout(x, 0.5, training=True)))


def test_what_a_network_draws_for_its_predictions_is_the_runs_own_too() -> None:
    found = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = DrawsAlways()
            torch.manual_seed(seed)
            before = torch.get_rng_state()
            member = make_member(module=module)
            histories([member])
            found.append(predict(member, member.data.val))
            assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*found)


def test_torchs_global_stream_is_neither_drawn_from_nor_seeded() -> None:
    """A user's own module draws from a stream of its run's own, whatever was drawn before."""
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        member = make_member(module=own_module())
        records = histories([member])
        assert torch.equal(torch.get_rng_state(), before)
        found.append((member, timeless(records[0])))
    (first, records_of_first), (second, records_of_second) = found
    assert records_of_first == records_of_second
    assert same_weights(first.module, second.module)


class After(Decider):
    """Ends its run after some epochs."""

    status: Status = "stopped_early"

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.seen: list[int] = []

    def judge(self, record: EpochRecord) -> bool:
        self.seen.append(record.epoch)
        return record.epoch == self.epochs


class Raises(After):
    def judge(self, record: EpochRecord) -> bool:
        if record.epoch == self.epochs:
            raise RuntimeError("boom")
        return False


def test_a_decider_ends_its_run_alone() -> None:
    deciders = [After(2), After(99), Raises(3)]
    members = [replace(make_member(seed=seed, epochs=4), deciders=[decider]) for seed, decider in enumerate(deciders)]
    records = histories(members)
    assert [(len(one), one[-1].status) for one in records] == [(2, "stopped_early"), (4, "finished"), (3, "failed")]
    assert str(records[2][-1].error) == "boom"
    assert deciders[1].seen == [1, 2, 3, 4]
    for seed in range(2):  # and moves no numbers
        (alone,) = histories([make_member(seed=seed, epochs=4)])
        assert [one.train_loss for one in records[seed]] == [one.train_loss for one in alone[: len(records[seed])]]


def test_an_interrupt_while_an_epoch_is_judged_undoes_it() -> None:
    """Also what a decider has added to a list, or has not had before."""

    class Interrupts(After):
        def judge(self, record: EpochRecord) -> bool:
            if super().judge(record):
                self.new = True
                raise KeyboardInterrupt
            return False

    watching = replace(make_member(seed=0, epochs=4), deciders=[After(99)])
    other = replace(make_member(seed=1, epochs=4), deciders=[Interrupts(2)])
    deciders = [*watching.all_deciders, *other.all_deciders]
    training = train([watching, other], 10, CPU)
    next(training)
    before = copy.deepcopy([vars(decider) for decider in deciders])
    with pytest.raises(KeyboardInterrupt):
        next(training)
    assert [vars(decider) for decider in deciders] == before
    assert watching.latest is not None
    assert watching.latest.epoch == 1


@pytest.mark.parametrize("average", [0.0, 0.5])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_an_interrupt_while_the_best_weights_are_kept_undoes_it(
    monkeypatch: pytest.MonkeyPatch, done: bool, average: float
) -> None:
    """Before they are written or just after: the module has the best weights of the epochs that were recorded."""
    members = [replace(make_member(seed=seed, epochs=9), average=average) for seed in range(3)]
    recorded = [replace(make_member(seed=seed, epochs=2), average=average) for seed in range(3)]
    histories(recorded)
    training = train(members, 10, CPU)
    for _ in range(2):
        next(training)
    remember = StackEngine.remember

    def interrupted(engine: StackEngine, rows: Sequence[int]) -> None:
        if done:
            remember(engine, rows or [0])
        raise KeyboardInterrupt

    monkeypatch.setattr(StackEngine, "remember", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(training)
    for member, expected in zip(members, recorded, strict=True):
        assert same_weights(member.module, expected.module)


@pytest.mark.parametrize(
    "how",
    [
        {"dropout": 0.2},
        # Adam would make steps of the rounding errors that are the gradient of a bias before batch norm
        {"task": "multiclass", "model": {"activation": "gelu", "norm": "batch"}, "optimizer": torch.optim.SGD},
        {"task": "regression", "embeddings": Embeddings(), "model": {"norm": "layer", "activation": "mish"}},
        {"optimizer": torch.optim.LBFGS},
    ],
    ids=["dropout", "batch-norm", "embeddings", "autograd"],
)
def test_the_same_lines_on_torch_train_as_on_numpy(how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on a GPU, within rounding."""
    stack = range(1 if how.get("optimizer") is torch.optim.LBFGS else 3)
    expected = histories([make_member(seed=seed, **how) for seed in stack])
    monkeypatch.setattr("mlp_exp.engine.arrays.NUMPY", TORCH)
    found = histories([make_member(seed=seed, **how) for seed in stack])
    for now, then in zip(found, expected, strict=True):
        assert [record.train_loss for record in now] == pytest.approx([r.train_loss for r in then], rel=1e-4)
        assert [record.val_loss for record in now] == pytest.approx([r.val_loss for r in then], rel=1e-4)


@pytest.mark.parametrize(("stacked", "threads"), [(True, 1), (False, 2)])
def test_two_pools_of_threads_never_wait_at_once(stacked: bool, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside NumPy's products torch steps on one thread; a user's own module has all of them."""
    seen = []
    weighted = epochs.weighted_losses

    def watched(*arguments: Any) -> Any:
        seen.append(torch.get_num_threads())
        return weighted(*arguments)

    monkeypatch.setattr(epochs, "weighted_losses", watched)
    torch.set_num_threads(2)
    try:
        engine = StackEngine([make_member() if stacked else make_member(module=own_module())], 10, CPU)
        engine.train_epoch([0.01])
        assert (seen, torch.get_num_threads()) == ([threads], 2)
    finally:
        torch.set_num_threads(1)
