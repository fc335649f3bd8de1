"""Checkpoints: when they are written, and those that no run can go on from."""

import copy
import itertools
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.clock import Clock
from support.commands import Command
from support.compositions import Compose
from support.resuming import (
    CHECKPOINT,
    FOREIGN,
    OTHER,
    TABLE,
    ZIP,
    Make,
    content,
    hydra_file,
    kill,
    leaves,
    timeless,
    words,
)

from mlp_exp import regularly
from mlp_exp.config.components import ADDED
from mlp_exp.errors import ConfigError, RunFolderError
from mlp_exp.experiment.checkpoint import Checkpoint, Saved
from mlp_exp.experiment.configs import plain_config
from mlp_exp.storage.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("parts")

# ---- a checkpoint that cannot be gone on from


Change = Callable[[dict[str, Any]], object]


def spoil(change: Change) -> Callable[[Path], None]:
    """Changes what the checkpoint holds."""

    def write(path: Path) -> None:
        saved = torch.load(path, weights_only=True)
        change(saved)
        torch.save(saved, path)

    return write


def without(key: str) -> Change:
    return lambda saved: saved.pop(key)


def in_state(*place: str, value: Any) -> Callable[[Path], None]:
    """Puts a value into the state."""

    def change(saved: dict[str, Any]) -> None:
        node = saved["networks"][0]["state"]
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = value

    return spoil(change)


def flip_in_tensor(path: Path) -> None:
    data = bytearray(path.read_bytes())
    tensor = torch.load(path, weights_only=True)["networks"][0]["state"]["network"]["parameters"].numpy().tobytes()
    data[data.index(tensor) + len(tensor) // 3] ^= 1
    path.write_bytes(data)


EARLY: dict[str, tuple[Callable[[Path], object], str]] = {
    "half": (lambda path: os.truncate(path, path.stat().st_size // 2), ZIP),
    "empty": (lambda path: path.write_bytes(b""), ZIP),
    "a text": (lambda path: path.write_text("weights", encoding="utf-8"), ZIP),
    "a byte of a tensor": (flip_in_tensor, FOREIGN + "the checksum of archive/data/1 is wrong"),
    "a list": (lambda path: torch.save([1], path), f"{CHECKPOINT}, found a list"),
    "a model": (
        lambda path: shutil.copy(path.with_name("model.pt"), path),
        f"{CHECKPOINT}; data: Field required",
    ),
    "format 1": (
        spoil(lambda saved: saved.update(format=1, versions={"mlp_exp": "0.1.0"})),
        "expected a checkpoint of format 3, got 1: mlp_exp 0.1.0 has written it, and can resume it. Go on with that "
        "version, or train another run",
    ),
    "format 4, of nobody": (
        spoil(lambda saved: saved.update(format=4, versions=None)),
        "expected a checkpoint of format 3, got 4: another version of mlp_exp has written it, and can resume it. Go on "
        "with that version, or train another run",
    ),
    "no format": (spoil(lambda saved: saved.pop("format")), f"{CHECKPOINT}: it has no format and config"),
    "another project's": (
        lambda path: torch.save({"model_state": {"w": torch.zeros(2)}, "epoch": 3}, path),
        f"{CHECKPOINT}: it has no format and config",
    ),
    **{
        f"no {key}": (spoil(without(key)), f"{CHECKPOINT}; {key}: Field required")
        for key in ("networks", "data", "versions")
    },
    **{
        f"no {key}": (
            spoil(lambda saved, key=key: saved["networks"][0].pop(key)),  # type: ignore[misc]
            f"{CHECKPOINT}; networks.0.{key}: Field required",
        )
        for key in ("history", "state")
    },
    "no network": (
        spoil(lambda saved: saved["networks"].clear()),
        f"{CHECKPOINT}; networks: List should have at least 1 item after validation, not 0",
    ),
    "no moments": (
        spoil(lambda saved: saved["networks"][0]["state"].pop("optimizer")),
        f"{CHECKPOINT}; networks.0.state.optimizer: Field required",
    ),
    "another part": (
        spoil(lambda saved: saved["networks"][0]["state"].update(scaler=1)),
        f"{CHECKPOINT}; networks.0.state.scaler: Extra inputs are not permitted",
    ),
    "a history less": (
        spoil(lambda saved: saved["networks"][0].update(history=saved["networks"][0]["history"][1:])),
        f"{CHECKPOINT}; networks.0: its history is not that of 2 epochs",
    ),
    "another epoch": (
        spoil(lambda saved: saved["networks"][0]["history"][1:, 0].fill_(77)),
        f"{CHECKPOINT}; networks.0: its history is not that of 2 epochs",
    ),
    "a network of numbers": (
        in_state("network", value=3),
        f"{CHECKPOINT}; networks.0.state.network: Input should be a valid dictionary",
    ),
    "seconds of text": (
        in_state("seconds", value="x"),
        f"{CHECKPOINT}; networks.0.state.seconds: Input should be a valid number",
    ),
    "a history of texts": (
        spoil(lambda saved: saved["networks"][0].update(history=[["x"] * 6] * 2)),
        f"{CHECKPOINT}; networks.0.history: Input should be an instance of Tensor",
    ),
}  # fmt: skip
LATE: dict[str, tuple[Callable[[Path], object], str]] = {
    "columns": (
        spoil(lambda saved: saved["networks"][0].update(history=saved["networks"][0]["history"][:, :5].clone())),
        "expected rows of epoch, lr, train_loss, val_loss, val_accuracy, seconds in its history",
    ),
    "parameters": (
        in_state("network", "parameters", value=torch.zeros(32)),
        OTHER + "a saved state does not fit: expected 2336 numbers, got [32] of torch.float32",
    ),
    "double parameters": (
        in_state("network", "best_parameters", value=torch.zeros(2336, dtype=torch.float64)),
        OTHER + "a saved state does not fit: expected 2336 numbers, got [2336] of torch.float64",
    ),
    "no buffers": (
        in_state("network", "buffers", value=None),
        OTHER + "a saved state does not fit: expected 0 numbers, got NoneType",
    ),
    "moments": (
        in_state("optimizer", "exp_avg", value=torch.zeros(3)),
        OTHER + "a saved state does not fit: expected 2336 numbers, got [3] of torch.float32",
    ),
    "no moments at all": (
        in_state("optimizer", value={}),
        OTHER + "a saved state does not fit the optimizer: expected step, exp_avg, exp_avg_sq",
    ),
    "a count of text": (
        in_state("optimizer", "step", value="x"),
        OTHER + "a saved state does not fit the optimizer: 'step' is 'x'",
    ),
    "a moment more": (
        in_state("optimizer", "max_exp_avg_sq", value=torch.zeros(2336)),
        OTHER + "a saved state does not fit the optimizer: expected step, exp_avg, exp_avg_sq",
    ),
    "no generator": (
        in_state("shuffle", value={}),
        OTHER + "a saved state does not fit the generators of random numbers: "
        "ValueError('state must be for a PCG64 RNG')",
    ),
    "another generator": (
        in_state("dropout", "bit_generator", value="MT19937"),
        OTHER + "a saved state does not fit the generators of random numbers: "
        "ValueError('state must be for a PCG64 RNG')",
    ),
    "a negative generator": (
        in_state("dropout", "state", "state", value=-1),
        OTHER + "a saved state does not fit the generators of random numbers: ",
    ),
}


@pytest.mark.parametrize("name", EARLY)
def test_a_checkpoint_that_is_none(make: Make, name: str) -> None:
    folder = RunFolder(make(stopped=2))
    damage, message = EARLY[name]
    damage(folder.checkpoint)
    with pytest.raises(RunFolderError) as caught:
        Checkpoint.read(folder)
    assert str(caught.value) == f"{folder.checkpoint}: {message}"


@pytest.mark.parametrize("name", ["half", "a byte of a tensor", "format 1"])
def test_a_damaged_checkpoint_is_said_to_be_one_and_nothing_changes(make: Make, command: Command, name: str) -> None:
    run = make(stopped=2)
    damage, message = EARLY[name]
    damage(run / "checkpoint.pt")
    before = content(run)
    done = command("run", "resume=run")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{run}/checkpoint.pt: {message}\n")
    assert content(run) == before


@pytest.mark.parametrize("name", LATE)
def test_a_checkpoint_of_something_else_is_never_half_loaded(make: Make, command: Command, name: str) -> None:
    run = make(stopped=2)
    damage, message = LATE[name]
    damage(run / "checkpoint.pt")
    before = content(run)
    done = command("run", "resume=run")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"{run}/checkpoint.pt: {message}")
    assert content(run) == before


def test_no_damage_to_a_byte_goes_unseen(make: Make) -> None:
    """It is refused, or was to a byte without meaning."""
    folder = RunFolder(make("model.hidden_sizes=[3]", stopped=2))
    whole, expected = folder.checkpoint.read_bytes(), leaves(folder.read_checkpoint())
    refused = 0
    draw = random.Random(0)
    for place in draw.sample(range(len(whole)), 150):
        folder.checkpoint.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
        )
        try:
            found = leaves(folder.read_checkpoint())
        except RunFolderError:
            refused += 1
        else:
            assert found == expected
    assert refused > 50
    for length in range(0, len(whole), 199):
        folder.checkpoint.write_bytes(whole[:length])
        with pytest.raises(RunFolderError):
            folder.read_checkpoint()


@pytest.mark.slow
def test_data_that_has_changed(make: Make, command: Command, tmp_path: Path) -> None:
    run = make(*TABLE, stopped=2)
    table = tmp_path / "table.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("green", "blue", 1), encoding="utf-8")
    before = content(run)
    done = command("run", "resume=run")
    assert (done.returncode, content(run)) == (1, before)
    assert done.stderr == (
        f"{run}/checkpoint.pt: the data has changed since the run began; train another run with it\n"
    )
    table.unlink()
    done = command("run", "resume=run")
    assert (done.returncode, content(run)) == (1, before)
    assert "data.path: there is no file" in done.stderr
    table.write_text(text, encoding="utf-8")
    assert command("run", "resume=run").returncode == 0
    assert timeless(run) == timeless(make(*TABLE, name="whole"))


def test_other_versions_are_named(make: Make, command: Command) -> None:
    run = make(stopped=2)
    spoil(lambda saved: saved["versions"].update(torch="1.0"))(run / "checkpoint.pt")
    done = command("run", "resume=run")
    assert done.returncode == 0
    assert (
        "it began with other versions of packages; the last bits may differ" in (done.stdout + done.stderr).splitlines()
    )
    assert timeless(run) == timeless(make(name="whole"))


# ---- when checkpoints are written


@pytest.mark.parametrize(
    ("seconds", "cost", "step"),
    [(30, 0.01, 0.1), (30, 2.0, 0.5), (30, 100.0, 7.0), (0, 0.5, 0.01), (0, 0.001, 1.0), (5, 0.0, 0.3)],
)
def test_work_that_is_done_regularly_takes_no_more_than_its_share(
    monkeypatch: pytest.MonkeyPatch, seconds: float, cost: float, step: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(regularly, "time", clock)
    starts: list[float] = []

    def work(what: str) -> None:
        assert what == "the state"
        starts.append(clock.now)
        clock.now += cost

    regular = regularly.Regularly(seconds, work)
    begin = clock.now
    while len(starts) < 20:
        clock.now += step
        regular("the state")
    rest = max(seconds, 49 * cost)
    assert begin + seconds <= starts[0] < begin + seconds + 2 * step
    gaps = [later - earlier - cost for earlier, later in itertools.pairwise(starts)]
    assert all(rest - 1e-9 <= gap < rest + 2 * step for gap in gaps)
    assert cost * (len(starts) - 1) <= 0.02 * (starts[-1] - starts[0]) + 1e-9


def test_a_short_run_has_a_checkpoint_at_its_beginning_and_at_its_end(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[int] = []
    write = Checkpoint.write

    def note_and_write(checkpoint: Checkpoint, folder: RunFolder) -> None:
        written.append(checkpoint.epoch)
        write(checkpoint, folder)

    monkeypatch.setattr(Checkpoint, "write", note_and_write)
    args = [word for word in words() if not word.startswith("trainer.checkpoint_every")]
    command("run", *args, "hydra.run.dir=run")
    assert written == [0, 4]
    assert hydra_file(tmp_path / "run", "config.yaml")["trainer"]["checkpoint_every"] == 30
    monkeypatch.setattr(regularly, "REST", 0)
    command("run", *args, "trainer.checkpoint_every=0", "hydra.run.dir=often")
    assert written[2:] == [0, 1, 2, 3, 4]
    epoch_0 = replace(Checkpoint.read(RunFolder(tmp_path / "often")), networks=[Saved([], None)])
    epoch_0.write(RunFolder(tmp_path / "often"))
    kill(tmp_path / "often")
    assert command("run", "resume=often").returncode == 0
    assert timeless(tmp_path / "often")[0] == timeless(tmp_path / "run")[0]


# ---- what a review found


def test_a_run_that_is_training_is_not_trained_twice(make: Make, command: Command) -> None:
    run = make(stopped=2)
    before = content(run)
    with RunFolder(run).locked():
        done = command("run", "resume=run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{run}: another process is training this run; wait for it, or end it\n"
    assert content(run) == before
    assert command("run", "resume=run").returncode == 0


@pytest.mark.parametrize("key", [*ADDED, "plots", "callbacks"])
def test_a_key_of_a_later_version_changes_nothing(compose: Compose, key: str) -> None:
    """A run that was begun without it goes on; with another value than its first it does not."""
    config = plain_config(compose())
    place, _, name = key.rpartition(".")
    earlier = copy.deepcopy(config)
    node = earlier.get(place, earlier)
    node.pop(name, None)
    Checkpoint(earlier, "", {}, [], Path("checkpoint.pt")).require_same(config)
    if place and name in config.get(place, {}):
        other = {**config, place: {**config[place], name: "another"}}
        with pytest.raises(ConfigError, match=rf"{re.escape(key)}: the run has .*, and now it is another"):
            Checkpoint(earlier, "", {}, [], Path("checkpoint.pt")).require_same(other)
