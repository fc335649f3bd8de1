"""Whether a run that was trained again came out the same."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mlp_exp.config.counted import counted
from mlp_exp.errors import NotReproducedError, RunFolderError
from mlp_exp.experiment.configs import differences
from mlp_exp.storage.run_folder import PRUNED, RunFolder


def compare(earlier: RunFolder, again: RunFolder) -> None:
    """Prints `identical`, or within what tolerance a run is the same that records one, and in what the environments
    differ all the same.

    Raises:
        NotReproducedError: says where the first difference is, and in what the environments differ.
    """
    before, now = (folder.result() or {"status": "interrupted"} for folder in (earlier, again))
    whole = before["status"] not in ("interrupted", PRUNED)
    difference = next(_differences(earlier, again, before, now, whole=whole), None)
    environment = _environment(before, now)
    tolerance = min(_tolerance(before), _tolerance(now))
    if difference and tolerance and _within(earlier, again, before, now, tolerance):
        same = f"the same as {earlier.path} within {tolerance:g} of the losses, since its network trains by torch.func"
        print("\n".join([same, f"not to the last bit: {difference}", *environment]))
        return
    if difference:
        raise NotReproducedError("\n".join([f"not identical: {difference}", *environment]))
    epochs = counted(len(earlier.read_history(earlier.history_columns)), "epochs")
    what = "history, weights and metrics" if whole else f"the {epochs} before it was {before['status']}"
    print("\n".join([f"identical to {earlier.path} to the last bit: {what}", *environment]))


def require_history(earlier: RunFolder) -> None:
    """Raises RunFolderError unless the run has left something to compare."""
    columns = earlier.history_columns
    if not columns or not earlier.read_history(columns):
        raise RunFolderError(
            f"{earlier.path}: expected the folder of a run that has trained; there is nothing to compare"
        )


def _differences(
    earlier: RunFolder, again: RunFolder, before: dict[str, Any], now: dict[str, Any], *, whole: bool
) -> Iterator[str]:
    """From the first on, in the order in which a run comes to them."""
    yield from _in_history(earlier, again, whole=whole)
    if not whole:
        return
    scalars = ("status", "epochs", "best_epoch", "best_value")
    yield from _lines({key: (before.get(key), now.get(key)) for key in scalars if before.get(key) != now.get(key)})
    if before.get("best_epoch"):
        yield from _in_weights(earlier, again)
    yield from _lines(differences(before["metrics"], now["metrics"], "metrics"))


def _in_history(earlier: RunFolder, again: RunFolder, *, whole: bool) -> Iterator[str]:
    columns = earlier.history_columns
    if columns != again.history_columns:
        yield f"history.csv has columns {', '.join(columns)} before, {', '.join(again.history_columns)} now"
        return
    before, now = earlier.read_history(columns), again.read_history(columns)
    for old, new in zip(before, now, strict=False):
        for column, was, value in zip(columns, old, new, strict=True):
            if column != "seconds" and was != value and not was != was != value != value:  # noqa: PLR0124 (NaN)
                yield f"epoch {old[0]:.0f}, {column}: {was!r} before, {value!r} now"
    if len(now) < len(before) or (whole and len(now) > len(before)):
        yield f"{counted(len(before), 'epochs')} before, {len(now)} now"


def _in_weights(earlier: RunFolder, again: RunFolder) -> Iterator[str]:
    before, now = (folder.read_model()["state_dict"] for folder in (earlier, again))
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if old is None or new is None or old.shape != new.shape:
            yield f"weights {name}: {_shape(old)} before, {_shape(new)} now"
        elif not torch.equal(old, new):
            most = (old.double() - new.double()).abs().max().item()
            yield f"weights {name}: {int((old != new).sum())} of {old.numel()} differ, by {most:.3g} at most"


def _tolerance(result: dict[str, Any]) -> float:
    """Within which the losses of a run are the same alone and in a stack; 0 for the last bit."""
    stacked_by = result.get("provenance", {}).get("stacked_by")
    value = stacked_by.get("tolerance") if isinstance(stacked_by, dict) else None
    return float(value) if isinstance(value, float | int) else 0.0


def _within(
    earlier: RunFolder, again: RunFolder, before: dict[str, Any], now: dict[str, Any], tolerance: float
) -> bool:
    """Whether both ended alike after as many epochs, with the same rates, and with losses that differ by no more than
    the tolerance, relative to the largest. Weights and metrics follow: some have no influence, or count rows.
    """
    columns = earlier.history_columns
    if columns != again.history_columns or before["status"] != now["status"]:
        return False
    old, new = (np.array(folder.read_history(columns)) for folder in (earlier, again))
    if old.shape != new.shape:
        return False
    of_losses = [place for place, column in enumerate(columns) if column in ("train_loss", "val_loss")]
    exact = [place for place, column in enumerate(columns) if column in ("epoch", "lr")]
    allowed = tolerance * np.abs(old[:, of_losses]).max(axis=0)
    close = np.abs(old[:, of_losses] - new[:, of_losses]) <= allowed
    return bool(close.all()) and np.array_equal(old[:, exact], new[:, exact])


def _shape(tensor: torch.Tensor | None) -> str:
    return "none" if tensor is None else str(list(tensor.shape))


def _lines(changes: dict[str, tuple[Any, Any]]) -> Iterator[str]:
    for key, (was, value) in changes.items():
        yield f"{key}: {was} before, {value} now"


def _environment(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """In what versions, data, device, threads, commit, machine and processor differ."""
    was, value = before.get("provenance", {}), now.get("provenance", {})
    unknown = {name for name in ("processor", "gpu") if name not in was}  # an earlier version did not say it
    changes = differences(was, {name: of for name, of in value.items() if name not in unknown})
    if not changes:
        return ["the environment is the same"]
    other = any(key.startswith(("processor", "gpu")) for key in changes)
    note = ["another kind of processor may compute other last bits"] if other else []
    return ["the environment differs:", *(f"  {line}" for line in _lines(changes)), *note]
