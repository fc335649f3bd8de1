"""What callbacks see of a run, what becomes of what they return, and our own ones."""

import copy
import csv
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.members import CPU, histories, make_member, predict, same_weights, timeless
from support.networks import PLAIN, member_of
from torch import Tensor

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import CallbackError, ConfigError
from mlp_exp.training.callbacks.callback import Callback, RunView
from mlp_exp.training.callbacks.epoch_predictions import EpochPredictions
from mlp_exp.training.callbacks.gradient_norms import GradientNorms
from mlp_exp.training.callbacks.learning_rate_finder import LearningRateFinder
from mlp_exp.training.callbacks.run_callbacks import RunCallbacks, columns_of, require_free
from mlp_exp.training.learning_rates import losses_by_rate
from mlp_exp.training.loop import Trainee, train
from mlp_exp.training.records import EpochRecord

RATES = [1e-4, 1e-2, 0.3]


def view_of(member: Trainee, folder: Path = Path()) -> RunView:
    assert member.validation

    def try_rates(rates: Sequence[float], epochs: int) -> list[float]:
        return losses_by_rate(member, 0, rates, epochs, 10, CPU)

    validation = member.validation
    return RunView(folder, {}, validation.head.task, validation.target, member.epochs, member.module, try_rates)


def watched(member: Trainee, *callbacks: Callback, folder: Path = Path()) -> Trainee:
    """The same, with callbacks that have begun."""
    member.callbacks = RunCallbacks({f"c{number}": callback for number, callback in enumerate(callbacks)})
    member.keeps_gradients = True
    member.callbacks.begin(view_of(member, folder))
    return member


class Recorder(Callback):
    """Keeps all that it sees."""

    def __init__(self) -> None:
        self.weights: list[dict[str, Tensor]] = []
        self.gradients: list[dict[str, Tensor]] = []
        self.answers: list[Any] = []
        self.end: list[Any] = []

    def on_epoch(self, run: RunView) -> None:
        self.weights.append(run.weights())
        self.gradients.append(run.gradients())
        self.answers.append(run.answers())

    def on_end(self, run: RunView) -> None:
        self.end = [run.status, run.record and run.record.epoch, len(run.history)]


SGD = torch.optim.SGD
KINDS: dict[str, Callable[[int], Trainee]] = {
    "adam": lambda seed: make_member(seed=seed),
    "weight decay": lambda seed: make_member(seed=seed, options={"weight_decay": 0.1}),
    "nesterov": lambda seed: make_member(seed=seed, optimizer=SGD, options={"momentum": 0.9, "nesterov": True}),
    "maximize": lambda seed: make_member(seed=seed, options={"maximize": True}),
    "adadelta": lambda seed: make_member(seed=seed, optimizer=torch.optim.Adadelta),
    "clipped": lambda seed: make_member("multiclass", seed=seed, clip_grad_norm=0.02),
    "averaged": lambda seed: averaged(make_member("multiclass", seed=seed)),
    "values": lambda seed: make_member("regression", seed=seed, target=TargetScaling(20.0, 5.0)),
    "functional": lambda seed: member_of(PLAIN["residual"], "regression", seed),
    "frozen": lambda seed: member_of(PLAIN["frozen"], seed=seed),
}
ALONE: dict[str, Callable[[int], Trainee]] = {
    "autograd": lambda seed: member_of(PLAIN["layer-norm-gelu"], seed=seed, functional=False),
    "rprop": lambda seed: make_member(seed=seed, optimizer=torch.optim.Rprop, clip_grad_norm=0.02),
}


def averaged(member: Trainee) -> Trainee:
    member.average = 0.8
    return member


def gradient_at(member: Trainee, module: torch.nn.Module) -> dict[str, Tensor]:
    """That of the mean loss over the training rows, by autograd, clipped."""
    rows = torch.from_numpy(member.data.train)
    module.train()
    logits = module(member.data.inputs[rows])
    loss = member.loss.value(logits, member.data.targets[rows]).mean()
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    found = dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))
    norm = math.hypot(*(float(gradient.norm()) for gradient in found.values()))
    scale = min(1.0, (member.clip_grad_norm or math.inf) / norm)
    return {name: gradient * scale for name, gradient in found.items()}


@pytest.mark.parametrize("kind", [*KINDS, *ALONE])
def test_a_callback_sees_the_weights_gradients_and_answers_of_its_epoch(kind: str) -> None:
    make = {**KINDS, **ALONE}[kind]
    members = [make(seed) for seed in range(3 if kind in KINDS else 1)]
    members[0].epochs = 2 if kind in KINDS else 3  # it leaves the stack before the others
    for member in members[1:]:
        member.epochs = 3
    initial = [copy.deepcopy(member.module) for member in members]
    recorders = [Recorder() for _ in members]
    for member, recorder in zip(members, recorders, strict=True):
        watched(member, recorder)
    found = histories(members, None)  # one step an epoch
    for member, module, recorder, records in zip(members, initial, recorders, found, strict=True):
        assert len(recorder.weights) == len(records) == member.epochs
        for epoch, record in enumerate(records):
            if epoch == 0 or not member.average:
                expected = gradient_at(member, module)
                assert recorder.gradients[epoch].keys() == expected.keys() == recorder.weights[epoch].keys()
                for name, gradient in expected.items():
                    torch.testing.assert_close(recorder.gradients[epoch][name], gradient, rtol=2e-4, atol=2e-7)
            module.load_state_dict({**module.state_dict(), **recorder.weights[epoch]})
            seen = copy.copy(member)
            seen.module = copy.deepcopy(module)
            answers = recorder.answers[epoch]
            assert member.validation
            unit = member.validation.head.task.in_unit(
                predict(seen, member.data.val).double().numpy(), member.validation.head.scaling
            )
            np.testing.assert_allclose(answers, unit, rtol=1e-5)
            targets = member.data.targets[torch.from_numpy(member.data.val)]
            logits = seen.module.eval()(member.data.inputs[torch.from_numpy(member.data.val)])
            assert float(member.loss.value(logits, targets).mean().detach()) == pytest.approx(record.val_loss, rel=1e-5)


@pytest.mark.parametrize("kind", [*KINDS, *ALONE])
def test_a_run_with_callbacks_trains_as_one_without_and_alone_as_in_a_stack(kind: str) -> None:
    make = {**KINDS, **ALONE}[kind]
    (plain,) = histories([make(1)])
    (alone,) = histories([watched(make(1), GradientNorms())])
    norms = [record.metrics["gradient_norm"] for record in alone]
    assert all(0 < norm < math.inf for norm in norms)
    without = [{name: value for name, value in r.metrics.items() if name != "gradient_norm"} for r in alone]
    assert without == [dict(record.metrics) for record in plain]
    assert [(r.train_loss, r.val_loss) for r in alone] == [(r.train_loss, r.val_loss) for r in plain]
    if kind not in KINDS:
        return
    stacked = histories([watched(make(seed), GradientNorms()) for seed in range(3)])[1]
    if kind in ("functional", "frozen"):  # within a tolerance, as their losses are
        assert [record.metrics["gradient_norm"] for record in stacked] == pytest.approx(norms, rel=1e-3)
    else:
        assert timeless(stacked) == timeless(alone)


def test_norms_of_layers_are_parts_of_the_whole() -> None:
    layers = ["blocks.0", "blocks.1.linear.weight", "blocks.1.linear.bias", "head"]
    callback, recorder = GradientNorms(layers), Recorder()
    assert callback.columns == ("gradient_norm", *(f"gradient_norm_{layer}" for layer in layers))
    (records,) = histories([watched(make_member(), callback, recorder)])
    for record, gradients in zip(records, recorder.gradients, strict=True):
        own = [record.metrics[f"gradient_norm_{layer}"] for layer in layers]
        assert math.hypot(*own) == pytest.approx(record.metrics["gradient_norm"])
        assert own[-1] == pytest.approx(float(torch.cat([gradients["head.weight"][0], gradients["head.bias"]]).norm()))
    with pytest.raises(ConfigError, match=r"callbacks: layers: the network has no 'hea' that is trained; expected bl"):
        watched(make_member(), GradientNorms(["head", "hea"]))


def test_all_that_is_of_an_epoch_is_refused_outside_of_it() -> None:
    view = view_of(make_member())
    for method in (view.weights, view.gradients, view.answers):
        with pytest.raises(RuntimeError, match=r"are there in on_epoch; elsewhere use run\.module"):
            method()


class Stops(Callback):
    columns = ("third",)

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def on_begin(self, run: RunView) -> None:
        if not self._epoch:
            run.stop()

    def on_epoch(self, run: RunView) -> Mapping[str, float]:
        assert run.record
        if run.record.epoch == self._epoch:
            run.stop()
        return {"third": run.record.epoch / 3}


@pytest.mark.parametrize(
    ("epoch", "trained", "status"), [(0, 1, "stopped_early"), (2, 2, "stopped_early"), (4, 4, "finished")]
)
def test_a_callback_ends_its_run_alone(epoch: int, trained: int, status: str) -> None:
    one, other, recorder = make_member(seed=1), make_member(seed=2), Recorder()
    records, others = histories([watched(one, Stops(epoch), recorder), other])
    assert [record.status for record in records] == [None] * (trained - 1) + [status]
    assert [record.metrics["third"] for record in records] == [(n + 1) / 3 for n in range(trained)]
    (expected,) = histories([make_member(seed=2)])
    assert timeless(others) == timeless(expected)
    state = records[-1].state()
    assert state.stopped
    one.callbacks.end(status, records[-1], trained)
    assert recorder.end == [status, trained, trained]
    assert one.early_stopping.best_epoch == trained
    assert all(torch.equal(value, one.module.state_dict()[name]) for name, value in recorder.weights[-1].items())


class Returns(Callback):
    columns = ("a", "b")

    def __init__(self, returned: Any) -> None:
        self._returned = returned

    def on_epoch(self, run: RunView) -> Any:
        return self._returned


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ({"a": 1, "b": True}, [1.0, 1.0]),
        ({"b": np.float32(0.5), "a": torch.tensor([2.5])}, [2.5, 0.5]),
        ({"a": math.nan, "b": -math.inf}, [math.nan, -math.inf]),
        ({"a": 1}, "expected a number for each of its columns (a, b), got a"),
        ({"a": 1, "b": 2, "c": 3}, "expected a number for each of its columns (a, b), got a, b, c"),
        (None, "expected a number for each of its columns (a, b), got none"),
        ([1, 2], "expected a number for each of its columns (a, b), got [1, 2]"),
        ({"a": "text", "b": 2}, "expected a number for the column 'a', got 'text'"),
        ({"a": 1, "b": np.zeros(2)}, "expected a number for the column 'b', got array([0., 0.])"),
        ({"a": 1, "b": None}, "expected a number for the column 'b', got None"),
    ],
)
def test_what_a_callback_returns_is_a_number_for_each_column(returned: Any, found: list[float] | str) -> None:
    member = watched(make_member(epochs=1), Returns(returned))
    (record,) = histories([member])[0]
    if isinstance(found, str):
        assert (record.status, type(record.error)) == ("failed", CallbackError)
        assert str(record.error) == f"callbacks.c0.on_epoch: ValueError: {found}. The run's log has the traceback"
    else:
        assert record.status == "finished"
        assert [record.metrics["a"], record.metrics["b"]] == pytest.approx(found, nan_ok=True)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("largest", "callbacks.c: expected columns to be a tuple of names of letters, digits, _ and ., got 'largest'"),
        (("a,b",), "callbacks.c: expected columns to be a tuple of names of letters, digits, _ and ., got ('a,b',)"),
        ((1,), "callbacks.c: expected columns to be a tuple of names of letters, digits, _ and ., got (1,)"),
        *(
            ((name,), f"callbacks.c: the history has a column '{name}' already; rename it")
            for name in ("epoch", "seconds", "val_loss", "val_metric", "val_f1")
        ),
        (("a", "a"), "callbacks.c: the history has a column 'a' already; rename it"),
    ],
)
def test_columns_are_names_that_are_free(columns: Any, message: str) -> None:
    callback = Callback()
    callback.columns = columns
    check = partial(require_free, taken=["epoch", "seconds", "val_f1"]) if message.endswith("it") else columns_of
    with pytest.raises(ConfigError) as refused:
        check({"c": callback})
    assert refused.value.problems == [message]


class Fails(Callback):
    def __init__(self, name: str, told: list[str]) -> None:
        self._name, self._told = name, told

    def on_end(self, run: RunView) -> None:
        self._told.append(self._name)
        raise OSError(28, "No space left on device")

    def restore(self, state: Mapping[str, Any]) -> None:
        raise KeyError("n")

    def on_begin(self, run: RunView) -> None:
        if self._name == "begin":
            raise RuntimeError


def test_every_error_names_the_callback_and_the_end_is_told_to_all(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    callbacks = RunCallbacks({name: Fails(name, told) for name in ("one", "two", "three")})
    callbacks.begin(view_of(make_member()))
    with pytest.raises(CallbackError, match=r"^callbacks\.one\.on_end: No space left on device\. The run's log"):
        callbacks.end("finished", None, 0)
    assert told == ["one", "two", "three"]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "callbacks.two.on_end",
        "callbacks.three.on_end",
    ]
    callbacks.end("finished", None, 0)  # once alone
    assert len(told) == 3
    with pytest.raises(CallbackError, match=r"^callbacks\.one\.restore: KeyError: 'n'\. The run's"):
        callbacks.restore({"one": {}}, stopped=False)
    with pytest.raises(CallbackError, match=r"^callbacks\.begin\.on_begin: RuntimeError\. The run's"):
        RunCallbacks({"begin": Fails("begin", told)}).begin(view_of(make_member()))


class Interrupts(Recorder):
    def on_epoch(self, run: RunView) -> None:
        assert run.record
        if run.record.epoch == 3:
            raise KeyboardInterrupt
        super().on_epoch(run)


def test_an_interrupt_undoes_the_epoch_for_all() -> None:
    seen, interrupting = Recorder(), Interrupts()
    one, other = watched(make_member(seed=1), seen), watched(make_member(seed=2), interrupting)
    with pytest.raises(KeyboardInterrupt):
        histories([one, other])
    for member, recorder in ((one, seen), (other, interrupting)):
        assert (member.early_stopping.best_epoch, member.latest and member.latest.epoch) == (2, 2)
        member.callbacks.end("interrupted", member.latest, 2)
        assert recorder.end == ["interrupted", 2, 2]
    assert len(seen.weights) == 3


class Counts(Callback):
    columns = ("count",)

    def __init__(self) -> None:
        self.count = 0
        self.begun: list[int] = []

    def on_begin(self, run: RunView) -> None:
        self.begun.append(self.count)

    def on_epoch(self, run: RunView) -> Mapping[str, float]:
        self.count += 1
        return {"count": self.count}

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]


def test_a_callback_goes_on_with_its_state() -> None:
    (whole,) = histories([watched(make_member(), Counts(), GradientNorms())])
    first = watched(make_member(), Counts(), GradientNorms())
    records: list[EpochRecord] = []
    for (record,) in train([first], 10, CPU, end_epoch=2):
        records.append(record)
        state = record.state()
    assert state.callbacks == {"c0": {"count": 2}}
    assert not state.stopped

    second, counts = make_member(), Counts()
    second.state = state
    second.callbacks = RunCallbacks({"c0": counts, "c1": GradientNorms()})
    second.keeps_gradients = True
    second.callbacks.restore(state.callbacks, stopped=state.stopped)
    for record in records:
        second.judge(record)
    second.callbacks.begin(view_of(second))
    assert counts.begun == [2]
    assert timeless([*records, *histories([second])[0]]) == timeless(whole)


@pytest.mark.parametrize("kind", ["adam", "averaged", "functional", "autograd", "rprop"])
def test_the_finder_trains_copies_as_the_run_would_train(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    make = {**KINDS, **ALONE}[kind]
    member = make(0)
    before = copy.deepcopy(member.module)
    finder = LearningRateFinder(RATES[0], RATES[2], rates=3, epochs=2)
    watched(member, finder, folder=tmp_path)
    assert same_weights(before, member.module)
    with (tmp_path / "learning_rates.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == ["lr", "loss"]
    for rate, loss in rows:
        trained = make(0)
        trained.learning_rate = make_member(lr=float(rate)).learning_rate
        expected = histories([trained])[0][1].val_loss
        assert float(loss) == (pytest.approx(expected, rel=1e-4) if kind == "functional" else expected)
    best, best_rate = min((float(loss), float(rate)) for rate, loss in rows)
    assert caplog.messages == [
        f"learning rates: the lowest loss after 2 epochs, {best:.4f}, is that of optimizer.lr={best_rate:.2g}"
    ]
    untouched = make(0)
    assert timeless(histories([member])[0]) == timeless(histories([untouched])[0])


def test_the_finder_says_if_all_rates_diverge(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    member = make_member("regression", optimizer=torch.optim.SGD)
    watched(member, LearningRateFinder(1e30, 1e31, rates=2), folder=tmp_path)
    assert caplog.messages == ["learning rates: the loss is finite with none of 1e+30 … 1e+31"]
    with pytest.raises(ValueError, match="expected 0 < low < high, 2 rates and 1 epoch or more, got 1, 1, 2, 1"):
        LearningRateFinder(1, 1, rates=2)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", ["prediction", "probability_no", "probability_yes"]),
        ("regression", ["prediction"]),
    ],
)
def test_predictions_stand_beside_the_truth(task: TaskName, names: list[str], tmp_path: Path) -> None:
    recorder = Recorder()
    member = watched(make_member(task, epochs=4), EpochPredictions(every=2), recorder, folder=tmp_path)
    histories([member])
    assert sorted(path.name for path in (tmp_path / "predictions").iterdir()) == ["2.csv", "4.csv"]
    assert member.validation
    with (tmp_path / "predictions" / "4.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == ["true_y1", *names]
    truth, *columns = map(list, zip(*rows, strict=True))
    target = member.validation.target.tolist()
    assert truth == [str(value) if task == "regression" else ["no", "yes"][value] for value in target]
    own = member.validation.head.task.columns(recorder.answers[-1])
    assert columns == [[str(value) for value in own[name]] for name in names]
