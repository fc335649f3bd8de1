"""A run as plain data: it survives JSON and a fresh process, where it trains to the bits of the command line."""

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command, clean_environment
from support.compositions import Compose
from support.sweeps import QUIET, trained

from mlp_exp.experiment import job_context
from mlp_exp.experiment.configs import plain_config, resolved
from mlp_exp.experiment.spec import ITEMS, RunSpec

Seen = list[RunSpec]

TRAIN_ALONE = """
from mlp_exp.experiment.alone import train_alone
train_alone(specs.pop(0))
"""
FORGET = """
assert sys.path == paths
for name in ("own_asking", "lazily_imported"):
    del sys.modules[name]
"""
TRAIN_TOGETHER = """
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.work import work
assert work(StackTask(0, tuple(specs), (None,) * len(specs)), Session(), events.append).reason is None
assert [type(event).__name__ for event in events][-len(specs):] == ["Ended"] * len(specs)
"""
FRESH = """
import json, sys
from mlp_exp.experiment.spec import RunSpec
events, paths = [], list(sys.path)
specs = [RunSpec.from_json(text) for text in json.load(sys.stdin)]
{how}
from hydra.core.global_hydra import GlobalHydra
assert not GlobalHydra.instance().is_initialized()
assert [name for name in sys.modules if name.startswith("mlp_exp.cli")] == []
"""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The specs of the runs that a command has checked."""
    specs: Seen = []
    check = job_context.check

    def noted(spec: RunSpec, **_: object) -> None:
        specs.append(spec)
        check(spec)

    monkeypatch.setattr(job_context, "check", noted)
    monkeypatch.setattr("mlp_exp.multirun.sweep.check", noted)
    return specs


def train_fresh(specs: Seen, how: str) -> None:
    """Trains specs from their texts in another process, elsewhere."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", FRESH.format(how=how)],
        input=json.dumps([spec.to_json() for spec in specs]),
        env=clean_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_fresh_process_trains_a_run_and_a_stack_to_the_bits_of_the_command_line(
    command: Command, tmp_path: Path, seen: Seen
) -> None:
    words = [*QUIET, "trainer.epochs=3", "data.n_samples=100"]
    assert command("run", *words, "scheduler=cosine", f"hydra.run.dir={tmp_path}/a").returncode == 0
    assert command("run", "-m", *words, "seed=0,1,2", f"hydra.sweep.dir={tmp_path}/s").returncode == 0
    alone, *stacked = seen
    assert alone.config["scheduler"]["T_max"] == "${trainer.epochs}"  # the reference stays text
    assert alone.values["scheduler"]["T_max"] == 3
    elsewhere = [
        replace(spec, folder=str(tmp_path / "t" / Path(spec.folder).name), log=_moved(spec.log, "/s/", "/t/"))
        for spec in stacked
    ]
    train_fresh([replace(alone, folder=str(tmp_path / "b")), *elsewhere], TRAIN_ALONE + TRAIN_TOGETHER)
    assert trained(tmp_path / "b") == trained(tmp_path / "a")
    assert (tmp_path / "b" / "result.json").exists()
    for number in range(3):
        assert trained(tmp_path / f"t/{number}") == trained(tmp_path / f"s/{number}")
        log = (tmp_path / f"t/{number}/run.log").read_text(encoding="utf-8")
        assert f"finished after 3 epochs, best epoch 3: {tmp_path}/t/{number}" in log


OWN = """
import os

from hydra.core.hydra_config import HydraConfig
from torch import nn

from mlp_exp.components import Dataset, EarlyStopping


def note(what):
    with open(os.environ["MLP_EXP_NOTES"], "a") as file:
        print(what, os.getcwd(), os.path.basename(HydraConfig.get().runtime.output_dir), file=file)


def my_data():
    note("data")
    return Dataset.from_arrays([[float(i)] for i in range(40)], [i % 3 == 0 for i in range(40)])


class Net(nn.Linear):
    def forward(self, x):
        import lazily_imported

        note("forward")
        return super().forward(x)


class Stopping(EarlyStopping):
    @property
    def stops(self):
        note("stops")
        return False
"""


@pytest.mark.slow
def test_what_a_users_code_may_ask_while_it_trains_elsewhere(command: Command, tmp_path: Path, seen: Seen) -> None:
    """Its modules are those where the command was called, also in a process that was started somewhere else."""
    (tmp_path / "own_asking.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "lazily_imported.py").touch()
    own = ["data._target_=own_asking.my_data", "model._target_=own_asking.Net"]
    own += ["early_stopping._target_=own_asking.Stopping", "trainer.device=cpu", "trainer.plots=always"]
    notes = f"+hydra.job.env_set.MLP_EXP_NOTES={tmp_path}/notes"
    done = command("run", *own, "trainer.epochs=2", "hydra.run.dir=a", "hydra.job.chdir=true", notes)
    for name in ("own_asking", "lazily_imported"):
        sys.modules.pop(name, None)
    assert (done.returncode, done.stderr) == (0, "")
    there = (tmp_path / "notes").read_text(encoding="utf-8").splitlines()
    assert set(there) == {f"{what} {tmp_path}/a a" for what in ("data", "forward", "stops")}
    (tmp_path / "notes").unlink()
    folders = [tmp_path / "new/b", tmp_path / "new/c"]
    moved = [replace(seen[0], folder=str(folder), directory=str(folder), log={}, number=0) for folder in folders]
    train_fresh(moved, TRAIN_ALONE + FORGET + TRAIN_TOGETHER)
    for folder in folders:
        assert trained(folder) == trained(tmp_path / "a")
        assert (folder / "plots/loss.png").exists()
    found = (tmp_path / "notes").read_text(encoding="utf-8").splitlines()
    replaced = [(f"{tmp_path}/a a", f"{folder} {folder.name}") for folder in folders]
    assert found == [line.replace(*names) for names in replaced for line in there]


def _moved(log: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(log).replace(old, new))
    return found


def test_what_a_spec_says_of_a_job(command: Command, tmp_path: Path, seen: Seen) -> None:
    words = [*QUIET, "trainer.epochs=1", "data.n_samples=100", "seed=3,4", "hydra.sweep.dir=s", "model=linear"]
    more = ["hydra.job.chdir=true", "+hydra.job.env_set.MLP_EXP_NAME=x-${hydra:job.num}"]
    assert command("run", "-m", *words, *more).returncode == 0
    spec = seen[1]
    assert spec.number == 1
    assert spec.overrides == ("trainer.device=cpu", "trainer.plots=never", *words[2:4], "seed=4", "model=linear")
    assert spec.folder == spec.directory == f"{tmp_path}/s/1"
    assert spec.sweep == f"{tmp_path}/s"
    assert spec.environment == {"MLP_EXP_NAME": "x-1"}
    assert spec.job["hydra.runtime.choices"]["model"] == "linear"
    assert spec.direction is None


CONFIGS: list[dict[str, Any]] = [
    {},
    {"a": {"b": [1, 2.5, "x", None, True, {"c": []}]}},
    {"a": {1: "x", "2": "y", False: 0}},
    {"a": [{0: {"b": 1}}]},
    {"a": float("inf"), "b": "ü 🙂 \n", "c": {"d": {}}},
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_spec_survives_json(config: dict[str, Any]) -> None:
    typed = ("a=1", "b=[1,2]"), {"b=[1,2]": "b=[1, 2]"}
    spec = RunSpec(config, "/folder", 3, *typed, "/sweep", "/here", {"A": "b"}, {"hydra.job.name": "run"})
    text = spec.to_json()
    assert RunSpec.from_json(text) == spec
    assert RunSpec.from_json(json.dumps(json.loads(text))) == spec
    assert (ITEMS in text) == any(not isinstance(key, str) for key in _keys(config))


def _drawn(draw: random.Random, depth: int = 0) -> Any:
    """A value as configurations may have: nested, with any of JSON's kinds, keys and floats that are odd."""
    words = ["", "a", "1", "null", "${a.b}", "ü🙂\n\0", "\ud800", ITEMS]
    numbers = [0, -1, 2**70, 0.1, -0.0, 1e-320, 1e300, math.inf, -math.inf, math.nan]
    kind = draw.randrange(4 if depth < 4 else 2)
    if kind == 0:
        return draw.choice([*numbers, True, False, None])
    if kind == 1:
        return draw.choice(words)
    inside = [_drawn(draw, depth + 1) for _ in range(draw.randrange(4))]
    if kind == 2:
        return inside
    keys = [*words, *([0, 1.5, -0.0, math.inf, True, None] if draw.random() < 0.5 else [])]
    return {draw.choice(keys): value for value in inside}


@pytest.mark.parametrize("seed", range(20))
def test_any_configuration_survives_json(seed: int) -> None:
    """To the kind of each number, NaN and the order of the keys; compared as text, in which NaN equals NaN."""
    draw = random.Random(seed)
    for _ in range(50):
        config = {name: _drawn(draw) for name in draw.sample(["a", "b", ITEMS], draw.randrange(4))}
        spec = RunSpec(config, "/folder")
        assert repr(RunSpec.from_json(spec.to_json())) == repr(spec)


def _keys(value: Any) -> list[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [*(value if isinstance(value, dict) else []), *(key for each in inside for key in _keys(each))]


def test_references_have_the_values_of_hydra(compose: Compose) -> None:
    """Of every option that refers to another key."""
    for words in (["scheduler=cosine"], ["scheduler=one_cycle"], ["scheduler=warmup_cosine", "trainer.epochs=7"]):
        cfg = compose(words)
        config = plain_config(cfg)
        assert "${" in json.dumps(config)
        assert resolved(config)["scheduler"] == {key: cfg.scheduler[key] for key in cfg.scheduler}


def test_what_a_users_code_asks_hydra_is_in_the_spec(tmp_path: Path) -> None:
    """Also where no Hydra runs; afterwards all is as it was."""
    from hydra.core.hydra_config import HydraConfig

    spec = RunSpec(
        {}, str(tmp_path / "r"), 7, ("seed=3",), environment={"MLP_EXP_NAME": "x"}, directory=str(tmp_path / "r"),
        job={"hydra.job.name": "mine", "hydra.runtime.choices": {"model": "linear"}},
    )  # fmt: skip
    before, here = HydraConfig.instance().cfg, Path.cwd()
    with job_context.active(spec):
        hydra = HydraConfig.get()
        assert (hydra.job.num, hydra.job.name, hydra.runtime.output_dir) == (7, "mine", str(tmp_path / "r"))
        assert list(hydra.overrides.task) == ["seed=3"]
        assert hydra.runtime.choices == {"model": "linear"}
        assert Path.cwd() == tmp_path / "r"
        assert os.environ["MLP_EXP_NAME"] == "x"
    assert HydraConfig.instance().cfg is before
    assert Path.cwd() == here
    assert "MLP_EXP_NAME" not in os.environ


def test_the_settings_of_one_job_are_not_those_of_the_next(tmp_path: Path) -> None:
    from hydra.core.hydra_config import HydraConfig

    read: Callable[[], list[str]] = lambda: list(HydraConfig.get().overrides.task)  # noqa: E731
    for number, words in ((0, ("a=1", "b=2")), (1, ()), (2, ("c=3",))):
        with job_context.active(RunSpec({}, str(tmp_path / str(number)), number, words)):
            assert (HydraConfig.get().job.num, read()) == (number, list(words))
