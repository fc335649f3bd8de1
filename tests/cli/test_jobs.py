"""The jobs of a sweep are Hydra's: what they are composed to, their files, callbacks, folders and environment."""

import os
import random
import runpy
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import yaml
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.extra.pytest_plugin import hydra_restore_singletons, hydra_sweep_runner  # noqa: F401 (fixtures of the suites)
from hydra.test_utils.launcher_common_tests import IntegrationTestSuite, LauncherTestSuite
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError
from omegaconf.nodes import ValueNode
from support.commands import Command, Fork, ended
from support.folders import files_in, result_of
from support.project import CONF, QUICK_TABLE
from support.tables import write_table
from torch import Tensor, nn

from mlp_exp.cli.composing import QuickLoader
from mlp_exp.cli.layers import LayeredLoader
from mlp_exp.cli.yaml_text import to_yaml
from mlp_exp.data.dataset import Dataset
from mlp_exp.data.sources import circle
from mlp_exp.training.early_stopping import EarlyStopping

QUIET = ("trainer.epochs=2", "trainer.device=cpu", "trainer.plots=never")


# ---- the configuration of a job


@pytest.fixture(scope="module")
def loader() -> ConfigLoader:
    """Hydra's own, with the rules of `LayeredLoader`."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return LayeredLoader(GlobalHydra.instance().config_loader().get_search_path())


@pytest.fixture(scope="module")
def sweep(loader: ConfigLoader) -> DictConfig:
    """The configuration of a sweep without overrides."""
    return master(loader)


@pytest.fixture(scope="module")
def quick(loader: ConfigLoader) -> QuickLoader:
    """One for all jobs of `sweep`, as in a sweep: what one leaves behind spoils the next."""
    return QuickLoader(loader)


def master(loader: ConfigLoader, overrides: Sequence[str] = ()) -> DictConfig:
    """The configuration of a sweep."""
    return loader.load_configuration("run", list(overrides), RunMode.MULTIRUN)


def raw(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=False, enum_to_str=True)


def own(config: DictConfig) -> dict[str, Any]:
    """The run's own part, resolved."""
    values = {str(key): config[key] for key in config if key != "hydra"}
    return {
        key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for key, value in values.items()
    }


def assert_same(quick: DictConfig, hydras: DictConfig) -> None:
    assert raw(quick) == raw(hydras)
    assert own(quick) == own(hydras)
    for config in (quick, hydras):
        for node in (config, config.trainer, config.hydra, config.hydra.sweep):
            with pytest.raises(ConfigAttributeError):
                node.nope = 1


JOBS = {
    "nothing": [],
    "values": ["optimizer.lr=1e-3", "model.dropout=0.5", "seed=7"],
    "the same key twice": ["seed=3", "seed=4", "++model.dropout=0.7", "optimizer.betas.0=0.5"],
    "null": ["trainer.clip_grad_norm=null", "seed=null", "split.seed="],
    "choices": ["optimizer=sgd", "scheduler=cosine", "early_stopping=patience", "trainer.epochs=7"],
    "a choice, then its value": ["optimizer=sgd", "optimizer.momentum=0.5"],
    "a value, then the choice": ["optimizer.lr=1", "optimizer=sgd"],
    "a choice between values": ["data.n_samples=3", "data=moons", "data.noise=0.5"],
    "a linear model with a value": ["seed=1", "model=linear", "model.hidden_sizes=[2]"],
    "a list of options": ["model=[mlp]"],
    "an added key twice": ["+model.width=5", "model.width=6"],
    "an added dictionary": ["+model.deep={a: 1, b: [1, {c: x}]}", "+model.deep.d=2"],
    "new keys and nodes at the top": ["+single=1", "single=2", "+extra.a=1", "++extra.b=2"],
    "a forced key": ["++model.width=5", "++extra=1"],
    "deleted values, one as it is": ["~model.dropout=0.2", "~trainer.log_every"],
    "a value deleted and added": ["~model.dropout", "+model.dropout=0.3"],
    "a value set and deleted": ["seed=3", "~seed=3"],
    "a deleted group": ["~model"],
    "a deleted choice": ["~model=mlp"],
    "a deleted group and a new one": ["~model", "+model.x=1"],
    "a chosen and deleted group": ["model=linear", "~model"],
    "quoted words": [
        "+data.a='a b'",
        '+data.b="1"',
        "+data.c='null'",
        "+data.d='x=1,2'",
        '+data.e="Straße 🙂"',
        "+data.hydra='hydra.x=1'",
    ],
    "lists": ["model.hidden_sizes=[3,4]", "optimizer.betas=[]"],
    "a dictionary, then a value": ["trainer={epochs: 3, threads: 2}", "trainer.epochs=4"],
    "a value, then a dictionary": ["trainer.epochs=4", "trainer={epochs: 3, threads: 2}"],
    "a key, then a dictionary": ["+trainer.extra=4", "trainer={extra: 3}"],
    "a dictionary for a value": ["seed={a: 1}", "seed.a=2"],
    "a preset without": ["~experiment"],
    "a preset and values": ["seed=3", "experiment=iris", "optimizer.lr=5e-1"],
    "a preset and a choice": ["experiment=diabetes", "optimizer=sgd"],
    "a table with values": [
        "data=table",
        "experiment=table_quick",
        "data.path=x.csv",
        "data.target=y",
        "trainer.epochs=3",
    ],
    "a table and a choice": ["optimizer=sgd", *QUICK_TABLE, "scheduler=step"],
    "an option elsewhere": ["+model@extra=linear"],
    "an interpolation": ["+model.width=${seed}", "seed=${trainer.epochs}"],
    "hydra's values": [
        "hydra.job.num=3",
        "hydra.sweep.subdir=abc",
        "seed=3",
        "hydra.job.chdir=true",
        "+hydra.job.env_set.NAME=x",
        "+hydra.extra=3",
    ],
    "hydra's choice": ["hydra/launcher=basic", "seed=3"],
}
"""Overrides of a job."""

MASTERS = {
    "values": ["seed=5", "+model.width=3", "trainer.epochs=5"],
    "choices": ["model=linear", "optimizer=sgd", "experiment=wine"],
    "new keys": ["+extra=1", "+other={a: 1}"],
    "hydra's": [
        "hydra.sweep.subdir=${seed}-x",
        "hydra.job.config.override_dirname.exclude_keys=[seed]",
        "hydra.job.config.override_dirname.kv_sep=_",
        "hydra.job.config.override_dirname.item_sep=+",
    ],
}
"""Overrides of a sweep, which the sweeper hands to each job too, but for Hydra's."""


@pytest.mark.parametrize("overrides", JOBS.values(), ids=JOBS)
def test_a_job_is_composed_as_hydra_does(
    loader: ConfigLoader, sweep: DictConfig, quick: QuickLoader, overrides: list[str]
) -> None:
    found = quick.load_sweep_config(sweep, list(overrides))
    expected = loader.load_sweep_config(sweep, list(overrides))
    assert_same(found, expected)
    assert repr(own(found)) == repr(own(expected))  # the keys have one order too


@pytest.mark.parametrize("typed", MASTERS.values(), ids=MASTERS)
def test_a_job_of_a_sweep_with_overrides(loader: ConfigLoader, typed: list[str]) -> None:
    sweep = master(loader, typed)
    quick = QuickLoader(loader)
    handed_on = [override for override in typed if not override.startswith("hydra")]
    for more in (["seed=8"], ["optimizer=adamw", "optimizer.lr=2"], ["experiment=iris", "+data.x=1"]):
        overrides = [*(o for o in handed_on if o.partition("=")[0] not in {m.partition("=")[0] for m in more}), *more]
        found, expected = quick.load_sweep_config(sweep, overrides), loader.load_sweep_config(sweep, overrides)
        assert_same(found, expected)
        if "hydra.sweep.subdir=${seed}-x" in typed:
            assert found.hydra.sweep.subdir == expected.hydra.sweep.subdir == f"{found.seed}-x"
            assert found.hydra.job.override_dirname == expected.hydra.job.override_dirname
            assert found.hydra.job.override_dirname == "+".join(
                sorted(o.replace("=", "_") for o in overrides if not o.startswith("seed="))
            )


def test_a_sweep_over_a_value_of_hydra(loader: ConfigLoader) -> None:
    """Which has none before there is a job."""
    sweep = master(loader, ["seed=${hydra:job.num}"])
    overrides = ["seed=${hydra:job.num}", "optimizer.lr=2"]
    found = QuickLoader(loader).load_sweep_config(sweep, list(overrides))
    assert raw(found) == raw(loader.load_sweep_config(sweep, list(overrides)))
    seed = found._get_node("seed")
    assert isinstance(seed, ValueNode)
    assert seed._value() == "${hydra:job.num}"


@pytest.mark.slow
def test_jobs_in_any_order_leave_nothing_behind(loader: ConfigLoader, sweep: DictConfig, quick: QuickLoader) -> None:
    """Each is composed twice, as the sweeper does to check it."""
    draw = random.Random(0)
    options = ["optimizer=sgd", "model=linear", "experiment=iris", "data=moons"]
    values = ["seed=1", "seed=2", "+model.width=5", "~trainer.log_every", "model.hidden_sizes=[3]", "++extra.a=1"]
    values += ["optimizer.lr=1", "+optimizer.more={a: [1]}", "+optimizer.more.b=2", "trainer.epochs=${seed}"]
    jobs = [draw.sample(options, draw.randint(0, 2)) + draw.sample(values, draw.randint(0, 3)) for _ in range(5)]
    for job in jobs:
        draw.shuffle(job)
        if "+optimizer.more.b=2" in job and "+optimizer.more={a: [1]}" in job:
            job.sort()  # a dictionary over a key that is there would be refused
    expected = [own(loader.load_sweep_config(sweep, list(job))) for job in jobs]
    for index in draw.choices(range(len(jobs)), k=30):
        config, hydra_node = quick.compose_job(sweep, list(jobs[index]))
        assert own(config) == expected[index]
        assert raw(hydra_node.overrides.task) == jobs[index]
        with_hydra = quick.load_sweep_config(sweep, list(jobs[index]))
        assert own(with_hydra) == expected[index]
        with_hydra = quick.load_sweep_config(sweep, list(jobs[index]))
        assert own(with_hydra) == expected[index]


WRONG = [
    ["modle=3"],
    ["model.dropot=3"],
    ["model.dropout.x=3"],
    ["seed.x=3"],
    ["+seed=3"],
    ["+model.dropout=3"],
    ["~nope"],
    ["~model.nope"],
    ["~seed=7"],
    ["optimizer=adm"],
    ["seed=3", "optimizer=adm", "modle=3"],
    ["experiment=irs"],
    ["model=3"],
    ["model=null"],
    ["model={nope: 1}"],
    ["+model=mlp"],
    ["++model=mlp"],
    ["model@extra=mlp"],
    ["nope@extra=3"],
    ["seed@extra=3"],
    ["model.dropout@extra=3"],
    ["~model", "model.dropout=1"],
    ["scheduler.T_max=3"],
    ["+optimizer.betas.5=1"],
    ["seed=1,2"],
    ["seed=range(3)"],
    ["optimizer=sgd,adam"],
    ["model.dropout=0,1"],
    ["seed=[1"],
    ["optimizer.lr"],
    ["seed=ß"],
    ["hydra.nope=3"],
    ["hydra.verbose=true,false"],
    ["hydra/launcher=nope"],
]


@pytest.mark.parametrize("overrides", WRONG, ids=" ".join)
def test_wrong_overrides_get_hydras_own_message(
    loader: ConfigLoader, sweep: DictConfig, quick: QuickLoader, overrides: list[str]
) -> None:
    def refusal(one: ConfigLoader) -> tuple[type[BaseException], str, str]:
        with pytest.raises(Exception) as caught:  # noqa: PT011 (whichever Hydra raises)
            one.load_sweep_config(sweep, list(overrides))
        return caught.type, str(caught.value), str(caught.value.__cause__)

    assert refusal(quick) == refusal(loader)


def test_a_wrong_job_leaves_the_next_as_it_is(loader: ConfigLoader, sweep: DictConfig, quick: QuickLoader) -> None:
    with pytest.raises(Exception, match=r"Could not override 'model\.dropot'"):
        quick.load_sweep_config(sweep, ["seed=3", "model.dropout=0.9", "model.dropot=3"])
    assert_same(quick.load_sweep_config(sweep, ["seed=1"]), loader.load_sweep_config(sweep, ["seed=1"]))


def test_times_are_those_of_the_sweep(sweep: DictConfig, quick: QuickLoader) -> None:
    folder = sweep.hydra.sweep.dir  # which the sweeper has made by then
    folders = {quick.load_sweep_config(sweep, [f"seed={seed}"]).hydra.sweep.dir for seed in range(3)}
    assert folders == {folder}


# ---- YAML

NUMBERS = [
    "1",
    "-1",
    "1.0",
    "1e3",
    "1e-3",
    ".5",
    "0x1F",
    "017",
    "0o7",
    "1_000",
    "12:30:00",
    ".nan",
    "nan",
    "-.inf",
    "inf",
]
WORDS = [
    "true",
    "True",
    "yes",
    "No",
    "on",
    "OFF",
    "null",
    "Null",
    "None",
    "2020-01-01",
    "é",
    "Straße",
    "日本",
    "🙂",
    "???",
]
SIGNS = [
    "~",
    "=",
    "<<",
    "?",
    "-",
    ":",
    "a:",
    ":a",
    "#a",
    "a#",
    "%a",
    "@a",
    "`a`",
    "!a",
    "&a",
    "*a",
    "[1]",
    "{a}",
    "'",
    '"',
]
SIGNS += ["\\n", "C:\\x", "${seed}", "a: b", "a #b", "- a", 'it\'s "so"', "\u00a0", "\u2028", "\ufeff", "\x07"]
SPACES = [
    "",
    " ",
    " a",
    "a ",
    "\t",
    "a\tb",
    "a\nb",
    "a\n",
    "\n",
    "\na\n\nb",
    "# a\nb: c\n",
    "a\r\nb",
    "word " * 40,
    "x" * 200,
]


@pytest.mark.parametrize("texts", [NUMBERS, WORDS, SIGNS, [*SPACES, "é " * 60]], ids=lambda texts: repr(texts[0]))
def test_yaml_reads_back_as_omegaconfs(texts: list[str]) -> None:
    for text in texts:
        node = {f"k{text}": 1, "seed": 3}
        config = OmegaConf.create({"value": text, "list": [text, [text]], "node": node, "seed": 1})
        found = to_yaml(config)
        assert yaml.safe_load(found) == yaml.safe_load(OmegaConf.to_yaml(config)) == raw(config), repr(text)
        again = OmegaConf.create(found)
        assert isinstance(again, DictConfig)
        assert raw(again) == raw(config), repr(text)


def test_yaml_of_other_values_is_omegaconfs() -> None:
    values: list[Any] = [0, -1, 10**30, 1e-3, 1e-10, 1e16, 1e22, 0.1, -0.0, float("inf"), True, False, None]
    for value in [*values, [], {}, [[], {}], {1: 2}]:
        config = OmegaConf.create({"value": value, "list": [value], "node": {"value": value}})
        assert to_yaml(config) == OmegaConf.to_yaml(config), value


def test_yaml_of_a_run_is_omegaconfs(loader: ConfigLoader, sweep: DictConfig) -> None:
    for overrides in (
        ["experiment=iris", "init=kaiming_normal"],
        [*QUICK_TABLE, "data.path='/tmp/a b.csv'"],
    ):
        config = loader.load_sweep_config(sweep, overrides)
        node = {key: value for key, value in raw(config).items() if key != "hydra"}
        assert to_yaml(node) == OmegaConf.to_yaml(node)
        assert yaml.safe_load(to_yaml(config)) == yaml.safe_load(OmegaConf.to_yaml(config))


# ---- jobs on their way

LAUNCHERS = ["stacked", "basic"]


class Recorder(Callback):
    """A user's callback."""

    seen: ClassVar[list[tuple[Any, ...]]] = []

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        assert set(kwargs) == {"task_function"}
        self._note("start", config)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        self._note("end", config, job_return.return_value, job_return.status.name)
        assert job_return.overrides == config.hydra.overrides.task

    def _note(self, what: str, config: DictConfig, *more: object) -> None:
        assert HydraConfig.get().job.num == config.hydra.job.num
        folder = Path(config.hydra.runtime.output_dir)
        self.seen.append((config.hydra.job.num, what, config.seed, config.optimizer.lr, folder.name, *more))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What callbacks of `RECORDER` have seen."""
    monkeypatch.setattr(Recorder, "seen", [])
    return Recorder.seen


RECORDER = f"+hydra.callbacks.mine._target_={__name__}.Recorder"


@pytest.mark.parametrize(
    ("launcher", "batches"), [("stacked", []), ("stacked", ["hydra.sweeper.max_batch_size=2"]), ("basic", [])]
)
def test_callbacks_see_each_job_once(
    command: Command, recorded: list[tuple[Any, ...]], tmp_path: Path, launcher: str, batches: list[str]
) -> None:
    sweep = ("-m", *QUIET, "seed=3,4", "optimizer.lr=0.01,-1", f"hydra.sweep.dir={tmp_path}/s")
    assert command("run", *sweep, f"hydra/launcher={launcher}", RECORDER, *batches).returncode == 1
    jobs = [(3, 0.01), (3, -1), (4, 0.01), (4, -1)]
    best = {number: result_of(tmp_path / "s" / str(number)).get("best_value") for number in range(4)}
    assert [value is None for value in best.values()] == [False, True, False, True]
    assert sorted(recorded, key=lambda event: event[0]) == [
        (number, what, seed, lr, str(number), *([best[number], "COMPLETED"] if what == "end" else []))
        for number, (seed, lr) in enumerate(jobs)
        for what in ("start", "end")
    ]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_callbacks_see_no_end_without_a_start(
    command: Command, recorded: list[tuple[Any, ...]], tmp_path: Path, launcher: str
) -> None:
    """Not of jobs that an earlier command has finished, either."""
    sweep = ("-m", *QUIET, "seed=3,4", f"hydra.sweep.dir={tmp_path}/s", f"hydra/launcher={launcher}", RECORDER)
    assert command("run", *sweep).returncode == 0
    (tmp_path / "s/1/result.json").unlink()
    recorded.clear()
    assert command("run", *sweep, "resume=true").returncode == 0
    assert {event[:2] for event in recorded if event[1] == "end"} == {
        (number, "end") for number, what, *_ in recorded if what == "start"
    }
    assert (1, "end") in {event[:2] for event in recorded}


def test_callbacks_see_no_job_of_a_sweep_that_is_only_described(
    command: Command, recorded: list[tuple[Any, ...]]
) -> None:
    assert command("run", "--dry-run", *QUIET, "seed=3,4", RECORDER).returncode == 0
    assert recorded == []


NOTES = "notes"
"""A file that processes of a sweep append to; its folder is in the variable `MLP_EXP_NOTES`."""


def note(what: str) -> None:
    with (Path(os.environ["MLP_EXP_NOTES"]) / NOTES).open("a", encoding="utf-8") as file:
        print(what, os.getcwd(), os.environ.get("MLP_EXP_NAME"), HydraConfig.get().job.num, file=file)


def noted_circle(n_samples: int, seed: int) -> Dataset:
    """A user's own data."""
    note("data")
    return circle(n_samples, seed)


class NotedNetwork(nn.Module):
    """A user's own network."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        note("network")
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        note("forward")
        logits: Tensor = self.linear(x)
        return logits


class NotedStopping(EarlyStopping):
    """A user's own early stopping."""

    @property
    def stops(self) -> bool:
        note("stops")
        return False


DATA = [f"data._target_={__name__}.noted_circle"]
NETWORK = [f"model._target_={__name__}.NotedNetwork", f"early_stopping._target_={__name__}.NotedStopping"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "parts", "targets"),
    [
        *((launcher, ["data"], DATA) for launcher in LAUNCHERS),
        *(
            (launcher, ["network", "forward", "stops"], [*NETWORK, f"trainer.plots={plots}"])
            for launcher, plots in (("stacked", "auto"), ("basic", "auto"), ("basic", "always"))
        ),
    ],
)
def test_the_users_parts_are_made_and_used_inside_the_job(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    launcher: str,
    parts: list[str],
    targets: list[str],
) -> None:
    """In its folder where Hydra is to change into it, with its variables, and with Hydra's settings at hand."""
    monkeypatch.setenv("MLP_EXP_NOTES", str(tmp_path))
    more = ["hydra.job.chdir=true", "+hydra.job.env_set.MLP_EXP_NAME=job-${hydra:job.num}", *targets, "data.seed=1,2"]
    done = command("run", "-m", *QUIET, *more, "hydra.sweep.dir=s", f"hydra/launcher={launcher}")
    assert (done.returncode, done.stderr) == (0, "")
    notes = set((tmp_path / NOTES).read_text(encoding="utf-8").splitlines())
    assert notes == {f"{part} {tmp_path}/s/{job} job-{job} {job}" for job in (0, 1) for part in parts}
    figures = "trainer.plots=always" in targets or ("stops" in parts and launcher == "stacked")
    assert [(tmp_path / f"s/{job}/plots/loss.png").exists() for job in (0, 1)] == [figures] * 2
    assert os.getcwd() == str(tmp_path)
    assert "MLP_EXP_NAME" not in os.environ


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_whose_jobs_change_the_folder_has_its_leaderboard(
    command: Command, tmp_path: Path, launcher: str
) -> None:
    words = ["seed=1,2", "hydra.job.chdir=true", "hydra.sweep.dir=s", f"hydra/launcher={launcher}"]
    done = command("run", "-m", *QUIET, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2:] == [f"{tmp_path}/s/leaderboard.csv", f"{tmp_path}/s/report.html"]
    assert {name for name in files_in(tmp_path) if name.endswith(("model.pt", ".csv"))} == {
        *(f"s/{job}/{name}" for job in (0, 1) for name in ("model.pt", "history.csv")),
        "s/leaderboard.csv",
    }


@pytest.mark.parametrize(
    ("launcher", "overrides"),
    [
        ("stacked", ["seed=${hydra:job.num}", "split.seed=${seed}"]),
        ("stacked", ["scheduler=cosine", "scheduler.eta_min=${hydra:job.num}", "trainer.epochs=auto"]),
        (
            "basic",
            [
                *("seed=${hydra:job.num}", "split.seed=${seed}"),
                *("scheduler=cosine", "scheduler.eta_min=${hydra:job.num}", "trainer.epochs=auto"),
            ],
        ),
    ],
)
def test_the_number_of_a_job_in_a_value(command: Command, tmp_path: Path, launcher: str, overrides: list[str]) -> None:
    sweep = ("-m", *QUIET, "trainer.steps=1", "data.seed=1,2", "hydra.sweep.dir=s", f"hydra/launcher={launcher}")
    done = command("run", *sweep, *overrides)
    assert (done.returncode, done.stderr) == (0, "")
    for number in (0, 1):
        folder = tmp_path / "s" / str(number)
        config = torch.load(folder / "model.pt", weights_only=True)["config"]
        for override in overrides:
            key, _, value = override.partition("=")
            if value in ("${hydra:job.num}", "${seed}"):
                assert OmegaConf.select(OmegaConf.create(config), key) == number
        saved = OmegaConf.load(folder / ".hydra/config.yaml")
        assert "${hydra:job.num}" in OmegaConf.to_yaml(saved)


def test_a_sweep_over_dictionaries(command: Command, tmp_path: Path) -> None:
    """The last word counts, as on Hydra's own command line."""
    words = ["model.dropout=0.5", "model={dropout:0.1},{dropout:0.2}", "trainer={log_every:3}", "trainer.log_every=4"]
    assert command("run", "-m", *QUIET, *words, "hydra.sweep.dir=s").returncode == 0
    saved = [OmegaConf.load(tmp_path / "s" / number / ".hydra/config.yaml") for number in "01"]
    assert [(config.model.dropout, config.trainer.log_every) for config in saved] == [(0.1, 4), (0.2, 4)]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [LAUNCHERS, LAUNCHERS[::-1]])
def test_a_sweep_goes_on_with_another_launcher(command: Command, tmp_path: Path, first: str, second: str) -> None:
    """Whatever letters are in its words."""
    table = write_table(tmp_path).rename(tmp_path / "Tabelle ü 🙂.csv")
    data = (*QUICK_TABLE, f"data.path='{table.name}'", "data.target=answer")
    sweep = ("-m", *QUIET, *data, "seed=1,2", "hydra.sweep.dir=s")
    assert command("run", *sweep, f"hydra/launcher={first}").returncode == 0
    before = {name: (tmp_path / "s" / name / "model.pt").stat().st_mtime_ns for name in "01"}
    done = command("run", *sweep, f"hydra/launcher={second}", "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert {name: (tmp_path / "s" / name / "model.pt").stat().st_mtime_ns for name in "01"} == before


# ---- Hydra's own tests of a launcher


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", ["hydra.job.chdir=true"])], ids=["stacked"])
class TestStackedLauncher(LauncherTestSuite):
    """Programs other than this project's get what Hydra's basic launcher gives them."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=stacked"])], ids=["stacked"]
)
@pytest.mark.slow
class TestStackedLauncherIntegration(IntegrationTestSuite):
    """The same from programs of their own."""

    @pytest.fixture(autouse=True)
    def _in_forks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Which spare the import of torch."""
        monkeypatch.setattr("hydra.test_utils.test_utils.run_process", _run_program)


def _run_program(words: list[str], *_: object) -> tuple[str, str]:
    """What `python -Werror FILE WORDS…` prints."""
    python, *flags, file = words[: words.index("-Werror") + 2]
    assert (python, flags) == (sys.executable, ["-Werror"])

    def work() -> None:
        GlobalHydra.instance().clear()
        sys.argv = words[words.index(file) :]
        sys.path.insert(0, os.getcwd())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            runpy.run_path(file, run_name="__main__")

    done = ended(Fork(work, Path.cwd()))
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr
