"""The training loop: K runs of one shape as one stack. A single run is a stack of one.

The loop does no input or output. It yields the records of each epoch; its caller logs, draws and saves.
"""

import copy
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mlp_exp.data.statistics import Floats
from mlp_exp.engine.autograd import seed_torch
from mlp_exp.engine.batches import EVALUATION_ROWS
from mlp_exp.engine.engine import Engine, Evaluation, Member
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.engine.state import MemberState
from mlp_exp.errors import TrainingError
from mlp_exp.training.callbacks.callback import Snapshot
from mlp_exp.training.callbacks.run_callbacks import RunCallbacks
from mlp_exp.training.curves import Curve
from mlp_exp.training.early_stopping import EarlyStopping
from mlp_exp.training.records import Decider, EpochRecord
from mlp_exp.training.schedulers import CurveRate, LearningRate
from mlp_exp.training.validation import Validation, history_metrics


@dataclass
class Trainee(Member):
    """A member of a stack with all that decides over its training.

    Attributes:
        learning_rate: of each epoch.
        decay_curve, dropout_curve: factors of weight decay and dropout rates over the training; None for 1.
        validation: what the history says of the validation part; None without one.
        ensemble: equal for the networks of one run that are kept of one epoch; None for one that goes by itself.
        callbacks: that see each epoch before anything is decided on it.
        deciders: beside early stopping; any of them may end the run.
        state: where an earlier training ended; learning rate, deciders and callbacks then know it already.
        latest: the record of the latest epoch that was judged; an interrupt may keep it from the caller.
    """

    learning_rate: LearningRate | CurveRate
    early_stopping: EarlyStopping
    epochs: int
    decay_curve: Curve | None = field(default=None, kw_only=True)
    dropout_curve: Curve | None = field(default=None, kw_only=True)
    validation: Validation | None = field(default=None, kw_only=True)
    ensemble: object = field(default=None, kw_only=True)
    callbacks: RunCallbacks = field(default_factory=lambda: RunCallbacks({}), kw_only=True)
    deciders: Sequence[Decider] = field(default=(), kw_only=True)
    state: MemberState | None = field(default=None, kw_only=True)
    latest: EpochRecord | None = field(default=None, kw_only=True)

    @property
    def all_deciders(self) -> list[Decider]:
        return [self.early_stopping, *self.deciders]

    def judge(self, record: EpochRecord, snapshot: Snapshot | None = None) -> EpochRecord:
        """Shows the next epoch to all that decides on records; returns it with how the run has ended, if it has.

        Args:
            snapshot: for the callbacks; None for an epoch that they have seen.
        """
        self.early_stopping.improved = False
        if record.diverged:
            return replace(record, status="diverged")
        try:
            if snapshot:
                record = self.callbacks.observe(record, snapshot)
            ends = [decider.status for decider in self.all_deciders if decider.judge(record)]
            self.learning_rate.advance(record.watched_loss, last=record.epoch == self.epochs)
        except Exception as error:  # the user's own code may raise anything; the others go on
            return replace(record, status="failed", error=error)
        if self.callbacks.stopped:
            ends.append("stopped_early")
        if record.epoch == self.epochs:
            ends.insert(0, "finished")
        if ends and not self.early_stopping.best_epoch:
            column = self.early_stopping.monitor
            nothing = TrainingError(f"early_stopping.monitor: '{column}' had no value in any epoch: none is the best")
            return replace(record, status="failed", error=nothing)
        return replace(record, status=ends[0] if ends else None)


def train(
    trainees: Sequence[Trainee], batch_size: int | None, device: torch.device, end_epoch: int | None = None
) -> Generator[list[EpochRecord]]:
    """Trains all of them together until each has ended; yields a record of each active one an epoch.

    They must fit into one stack (`StackEngine`); those that continue an earlier training, from the same epoch. However
    the loop ends, by exhaustion, an exception or `close`, the modules then hold the best weights so far.

    Args:
        batch_size: rows a step; None for all training rows.
        end_epoch: after which the loop ends, with members still active; None for no such bound.

    Raises:
        TrainingError: the optimizer refuses its options, or a saved state is not that of such a member.
    """
    loop = _Loop(trainees, StackEngine(trainees, batch_size, device))
    try:
        while loop.active and loop.epoch != end_epoch:
            yield loop.run_epoch()
    finally:
        loop.write_best()


def restore_best(trainee: Trainee, batch_size: int, device: torch.device) -> None:
    """Loads the best weights of an earlier training into the module of a trainee.

    Raises:
        TrainingError: its state is not one that such a member can continue from.
    """
    _Loop([trainee], StackEngine([trainee], batch_size, device)).write_best()


@contextmanager
def evaluating(member: Member) -> Iterator[nn.Module]:
    """A trained member's module in evaluation mode; what it still draws comes from the run's own stream."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        seed_torch(member.streams.module)
        yield member.module.eval()


def logits_of(member: Member, rows: NDArray[np.int64]) -> Tensor:
    """The logits `[n, O]` of a trained member for rows."""
    with evaluating(member) as module:
        chunks = torch.split(torch.from_numpy(rows), EVALUATION_ROWS)
        return torch.cat([module(member.data.inputs[chunk]) for chunk in chunks])


class _Loop:
    """A stack while it trains.

    Attributes:
        active: indices of the trainees that have not ended, in the order of the engine's rows.
    """

    def __init__(self, trainees: Sequence[Trainee], engine: Engine) -> None:
        self._trainees = trainees
        self._engine = engine
        self.active = list(range(len(trainees)))
        self.epoch = 0
        self._evaluated: Evaluation | None = None
        self._start = time.perf_counter()
        states = [trainee.state for trainee in trainees if trainee.state]
        self._earlier_seconds = [trainee.state.seconds if trainee.state else 0.0 for trainee in trainees]
        if states:
            engine.restore(states)
            self.epoch = states[0].epoch

    def run_epoch(self) -> list[EpochRecord]:
        """Trains an epoch, evaluates it, and removes those that have ended from the stack."""
        self.epoch += 1
        trainees = [self._trainees[index] for index in self.active]
        rates = [trainee.learning_rate.rates for trainee in trainees]
        lr = [own[0] for own in rates]
        decay = self._factors([trainee.decay_curve for trainee in trainees])
        dropout = self._factors([trainee.dropout_curve for trainee in trainees])
        losses = self._engine.train_epoch(_by_step(rates), decay, dropout)
        val_losses, metrics = self._evaluate()
        elapsed = time.perf_counter() - self._start
        records = [
            EpochRecord(
                index,
                self.epoch,
                lr[row],
                losses[row],
                val_losses[row],
                elapsed + self._earlier_seconds[index],
                metrics[row],
                state=partial(self._state, index),
            )
            for row, index in enumerate(self.active)
        ]
        records = self._judge(self._with_means(records))
        records = [replace(r, state=_kept(r.state())) if r.status else r for r in records]  # they leave the stack
        self._remove([row for row, record in enumerate(records) if record.status])
        return records

    def _factors(self, curves: Sequence[Curve | None]) -> ArrayLike:
        """The factors of this epoch by the curves of the active trainees: `[steps, K]`, or 1 where none has a curve."""
        if not any(curves):
            return 1.0
        steps = self._engine.steps
        own = [
            curve.of_epoch(self.epoch, self._trainees[index].epochs, steps) if curve else np.ones(steps)
            for index, curve in zip(self.active, curves, strict=True)
        ]
        return np.stack(own, axis=1)

    def _with_means(self, records: Sequence[EpochRecord]) -> list[EpochRecord]:
        """The records with the means over their ensembles, where these decide on the best epoch."""
        found, groups = list(records), dict[int, list[int]]()
        for place, record in enumerate(records):
            if (ensemble := self._trainees[record.member].ensemble) is not None:
                groups.setdefault(id(ensemble), []).append(place)
        for places in groups.values():
            stopping = self._trainees[records[places[0]].member].early_stopping
            mean = fmean(records[place].value(stopping.monitor) for place in places)
            for place in places:
                metrics = {**records[place].metrics, stopping.column: mean}
                found[place] = replace(records[place], metrics=metrics)
        return found

    def _evaluate(self) -> tuple[Sequence[float | None], Sequence[dict[str, float]]]:
        """The validation loss and the metrics of each active trainee."""
        found = self._evaluated = self._engine.evaluate()
        if found is None:
            return [None] * len(self.active), [{} for _ in self.active]
        trainees = [self._trainees[index] for index in self.active]
        validations = [trainee.validation for trainee in trainees if trainee.validation]
        if len(validations) < len(trainees):
            return found.losses, [{} for _ in self.active]
        return found.losses, history_metrics(validations, found)

    def _state(self, index: int) -> MemberState:
        seconds = time.perf_counter() - self._start + self._earlier_seconds[index]
        callbacks = self._trainees[index].callbacks
        state = self._engine.state(self.active.index(index))
        return replace(state, seconds=seconds, callbacks=callbacks.state(), stopped=callbacks.stopped)

    def _judge(self, records: Sequence[EpochRecord]) -> list[EpochRecord]:
        """Has each epoch judged, and the weights of those that improved kept; an interrupt undoes it."""
        trainees = [self._trainees[index] for index in self.active]
        deciders = [decider for trainee in trainees for decider in trainee.all_deciders]
        before = [_copied(vars(decider)) for decider in deciders]
        latest = [trainee.latest for trainee in trainees]
        try:
            judged = [
                trainee.judge(record, self._snapshot(row) if trainee.callbacks else None)
                for row, (trainee, record) in enumerate(zip(trainees, records, strict=True))
            ]
            self._engine.remember([row for row, trainee in enumerate(trainees) if trainee.early_stopping.improved])
            for trainee, record in zip(trainees, judged, strict=True):
                trainee.latest = record
        except BaseException:
            self._engine.forget()
            for decider, values in zip(deciders, before, strict=True):
                decider.__dict__ = values
            for trainee, record_before in zip(trainees, latest, strict=True):
                trainee.latest = record_before
            raise
        return judged

    def _snapshot(self, row: int) -> Snapshot:
        validation, found = self._trainees[self.active[row]].validation, self._evaluated

        def answers() -> Floats | None:
            if validation is None or found is None:
                return None
            return validation.head.answers(torch.from_numpy(found.logits[row][found.counted[row]]))

        return Snapshot(partial(self._engine.weights, row), partial(self._engine.gradients, row), answers)

    def write_best(self) -> None:
        """Loads the best weights of the active trainees into their modules."""
        for row in range(len(self.active)):
            self._engine.write_best(row)

    def _remove(self, rows: Sequence[int]) -> None:
        """Takes the trainees of these rows out of the stack."""
        if not rows:
            return
        for row in rows:
            self._engine.write_best(row)
        stay = [row for row in range(len(self.active)) if row not in set(rows)]
        self.active = [self.active[row] for row in stay]
        self._engine.select(stay)


def _by_step(rates: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Learning rates of K members as `[steps, K]`, or `[1, K]`; those with a single one have it in all steps."""
    steps = max(map(len, rates))
    return np.stack([np.broadcast_to(own, steps) for own in rates], axis=1)


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    """Deep copies, where there is anything to copy: of a thousand members it would take longer than their steps."""
    memo: dict[int, Any] = {}
    return {
        name: value if type(value) in (float, int, bool, str) else copy.deepcopy(value, memo)
        for name, value in values.items()
    }


def _kept(state: MemberState) -> Callable[[], MemberState]:
    return lambda: state
