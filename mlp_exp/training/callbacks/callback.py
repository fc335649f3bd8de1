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
    """A run at the end of an epoch; each function gives what it says until the next epoch begins.

    Attributes:
        weights, gradients: by the names of the module's parameters; gradients are those of the epoch's last step.
        answers: `[n, A]` for the validation part; None without one.
    """

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
        module: the network; it holds the best weights when the run has ended, and is not up to date before.
        try_rates: what copies of the run would reach from its initial weights with these learning rates, in so many
            epochs: the loss of each for the validation part, or else for the training part.
        history: the columns of each epoch so far, by name.
        record: of the latest epoch; None before the first.
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
    stopped: bool = False
    snapshot: Snapshot | None = None

    def stop(self) -> None:
        """Ends the run after this epoch, as early stopping does."""
        self.stopped = True

    def weights(self) -> dict[str, "Tensor"]:
        """Copies of the parameters after the latest epoch, on the CPU, by their names in the module."""
        assert self.snapshot, "there is no epoch yet"
        return self.snapshot.weights()

    def gradients(self) -> dict[str, "Tensor"]:
        """Copies of the gradients of the latest epoch's last step, after clipping, by the names of the parameters."""
        assert self.snapshot, "there is no epoch yet"
        return self.snapshot.gradients()

    def answers(self) -> Floats | None:
        """What the network predicts for the validation part after the latest epoch `[n, A]`; None without one."""
        return self.snapshot.answers() if self.snapshot else None


class Callback:
    """Called when a run begins, after each epoch, and when it ends. Base of one's own; no method has to be there.

    Each run of a stack has a callback of its own. An exception ends that run alone, and its traceback is in the run's
    log.

    Attributes:
        columns: names of what `on_epoch` adds to the history, where early stopping can watch it.

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
        """Before the first epoch, and when the run is resumed."""

    def on_epoch(self, run: RunView) -> Mapping[str, float] | None:
        """After an epoch, before anything is decided on it; returns a number for each of `columns`."""

    def on_end(self, run: RunView) -> None:
        """After the last epoch, however the run ended; `run.module` holds its best weights."""

    def state(self) -> dict[str, Any]:
        """What a resumed run needs: numbers, texts, lists and tensors."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state` gave."""
