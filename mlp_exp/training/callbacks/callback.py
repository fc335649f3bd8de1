"""The base class of callbacks, and what they see of their run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.task import Task
from mlp_exp.training.records import EpochRecord

if TYPE_CHECKING:
    from torch import Tensor, nn

Truth = NDArray[Any]


@dataclass(frozen=True)
class Snapshot:
    """A run at the end of an epoch: what the methods of `RunView` give, until the next epoch begins."""

    weights: Callable[[], dict[str, "Tensor"]]
    gradients: Callable[[], dict[str, "Tensor"]]
    answers: Callable[[], Floats | None]


@dataclass
class RunView:
    """What a callback sees of its run.

    Attributes:
        folder: of the run, for files of one's own.
        config: the resolved configuration.
        task: what is predicted.
        target: the truth of the validation part `[n]`, or `[n, T]`; None without one.
        epochs: how many the run is to train.
        module: the network. In `on_begin` it has its initial weights, in `on_end` the best ones, those of earlier
            epochs included; in between it is not up to date.
        try_rates: what copies of the run would reach from these weights with some learning rates, in so many epochs:
            the loss of each for the validation part, or else for the training part. For `on_begin`.
        history: the columns of each epoch so far, by name; of a run that is resumed, also of the earlier ones.
        record: of the latest epoch, with its metrics; None before the first that this command trains.
        status: in `on_end` how the run ended: finished, stopped_early, diverged, failed or interrupted.
        stopped: whether a callback has ended the run.
    """

    folder: Path
    config: Mapping[str, Any]
    task: Task
    target: Truth | None
    epochs: int
    module: "nn.Module"
    try_rates: Callable[[Sequence[float], int], list[float]]
    history: list[dict[str, float]] = field(default_factory=list)
    record: EpochRecord | None = None
    status: str | None = None
    stopped: bool = False
    snapshot: Snapshot | None = None

    def stop(self) -> None:
        """Ends the run after this epoch, or from `on_begin` after the first, as early stopping does."""
        self.stopped = True

    def weights(self) -> dict[str, "Tensor"]:
        """Copies of the trained parameters after this epoch, as they are evaluated, on the CPU, by their names in
        `module`; with `trainer.average` they are the averaged ones.

        Raises:
            RuntimeError: outside `on_epoch`.
        """
        return self._now().weights()

    def gradients(self) -> dict[str, "Tensor"]:
        """Likewise the gradients of this epoch's last step, after clipping, before weight decay."""
        return self._now().gradients()

    def answers(self) -> Floats | None:
        """What the network predicts for the validation part after this epoch `[n, A]`; None without one.

        `task.columns` names and labels them: probabilities of classes, or values in the target's own unit.

        Raises:
            RuntimeError: outside `on_epoch`.
        """
        return self._now().answers()

    def _now(self) -> Snapshot:
        if self.snapshot is None:
            raise RuntimeError("weights, gradients and answers are there in on_epoch; elsewhere use run.module")
        return self.snapshot


class Callback:
    """Called when a run begins, after each epoch, and when it ends. Base of one's own; no method has to be there.

    Each run of a stack has a callback of its own. An exception ends that run alone, and its traceback is in the run's
    log. The constructor is for settings: it is called more than once, also by `--dry-run`. Files belong to `on_begin`.

    Attributes:
        columns: names of what `on_epoch` adds to the history, where early stopping can watch it: letters, digits,
            `_` and `.`.

    Example:
        class LargestWeight(Callback):
            columns = ("largest_weight",)

            def on_epoch(self, run):
                largest = max(float(weight.abs().max()) for weight in run.weights().values())
                if largest > 100:
                    run.stop()
                return {"largest_weight": largest}
    """

    columns: tuple[str, ...] = ()

    def on_begin(self, run: RunView) -> None:
        """Before the first epoch; again when the run is resumed, or in a sweep goes on in another stack."""

    def on_epoch(self, run: RunView) -> Mapping[str, float] | None:
        """After each epoch with a finite loss, before anything is decided on it.

        Returns a number for each of `columns`; a tensor or array with a single one will do.
        """

    def on_end(self, run: RunView) -> None:
        """After the last epoch, however the run ended (`run.status`); `run.module` holds its best weights."""

    def state(self) -> dict[str, Any]:
        """What `restore` needs: numbers, texts, lists, mappings and tensors. Asked for after each epoch."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state` gave; called before `on_begin` of a run that goes on."""
