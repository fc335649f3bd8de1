"""`resume=SWEEP`: a sweep goes on by its folder alone, and a stranger's folder can do no more than that of a run."""

import contextlib
import itertools
import os
import random
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from support.commands import Command, refusal
from support.project import CONF
from support.resuming import content
from support.saved_sweeps import write_sweep
from support.strangers import SMALL, is_refused
from support.sweeps import CIRCLE, assert_same_jobs, scores_in

from mlp_exp.cli.composing import quick_composition
from mlp_exp.cli.options import take_options
from mlp_exp.cli.resumed_sweep import require_inside, require_trusted
from mlp_exp.cli.saved_overrides import is_harmless
from mlp_exp.cli.saved_overrides import refusal as refused
from mlp_exp.errors import ArgumentError, ConfigError, SweeperError, UntrustedError


def line_of(folder: Path, *typed: str) -> list[str]:
    """The command line that Hydra is to read."""
    arguments = [f"resume={folder}", *typed]
    take_options(arguments, "", multirun="-m" in typed)
    return arguments


# ---- the line


LAUNCHER = ["hydra/launcher=stacked", "hydra.launcher.max_stack=4"]
WIDE = [
    "seed=range(1000000)",
    "optimizer.lr=tag(log,interval(1e-4,1))",
    "model.hidden_sizes=[4],[8,4]",
    "model=glob(*)",
]
"""What a search may ask for beside values."""
SEARCH = ["hydra.sweeper.n_trials=64", "+hydra.sweeper.params.optimizer.lr='1e-3,1e-2'"]
LINES: list[tuple[list[str], list[str], list[str]]] = [
    ([], [], []),
    (LAUNCHER, [], LAUNCHER),
    (LAUNCHER, ["-m"], LAUNCHER),
    (LAUNCHER, ["hydra.launcher.max_stack=2"], [LAUNCHER[0], "hydra.launcher.max_stack=2"]),
    (LAUNCHER, ["hydra/launcher=basic"], ["hydra/launcher=basic"]),
    (LAUNCHER, ["hydra/launcher=stacked"], ["hydra.launcher.max_stack=4", "hydra/launcher=stacked"]),
    (SEARCH, ["hydra.sweeper.n_trials=128"], [SEARCH[1], "hydra.sweeper.n_trials=128"]),
    (["hydra.run.dir=x"], [], []),
    (["hydra.verbose=true"], ["hydra.verbose=false"], ["hydra.verbose=false"]),
]


@pytest.mark.parametrize(("saved", "typed", "settings"), LINES)
def test_what_is_typed_wins(tmp_path: Path, saved: list[str], typed: list[str], settings: list[str]) -> None:
    folder = write_sweep(tmp_path / "s", *WIDE, hydra=saved)
    flags = [word for word in typed if word.startswith("-")]
    expected = ["--multirun", *flags, *SMALL, *WIDE, *settings, f"hydra.sweep.dir={folder}"]
    assert line_of(folder, *typed) == expected


def test_flags_stand_before_the_overrides(tmp_path: Path) -> None:
    """Hydra's parser takes those of one place alone."""
    folder = write_sweep(tmp_path / "it's", config_dir="/their/conf", name="mine")
    typed = ("hydra.verbose=true", "--config-dir", "my conf", "--config-name=mine", "hydra/launcher=basic")
    line = ["--multirun", *typed[1:4], *SMALL, typed[0], typed[4], f"hydra.sweep.dir='{tmp_path}/it\\'s'"]
    assert line_of(folder, *typed) == line


def test_the_options(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s")
    options = take_options([f"resume={folder}", "--allow", "mine"], "", multirun=False)
    assert (options.resumes, options.saved, options.sweep, options.allow) == (True, None, folder, ("mine",))


def test_typed_words_that_do_not_fit(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s")
    with pytest.raises(ConfigError) as caught:
        line_of(folder, "seed=3", "+experiment=wine", "hydra.sweep.dir=t", "hydra.verbose=true")
    began = f"resume={folder} goes on with the overrides that the sweep began with; leave it out. To extend a run of it"
    assert caught.value.problems == [
        f"seed=3: {began}: resume={folder}/0 trainer.epochs=…",
        f"+experiment=wine: {began}: resume={folder}/0 trainer.epochs=…",
        f"hydra.sweep.dir=t: resume={folder} says where the sweep is; leave it out",
    ]


def test_a_schedule_that_goes_by_the_epochs(tmp_path: Path) -> None:
    """A run of it cannot be extended."""
    folder = write_sweep(tmp_path / "s")
    saved = folder / "0" / ".hydra" / "config.yaml"
    saved.parent.mkdir(parents=True, exist_ok=True)
    for text, depends in (
        ("optimizer: {decay_schedule: flat_cosine}", True),
        ("scheduler: {_target_: mlp_exp.components.LogCosine}", True),
        ("scheduler: {T_max: '${trainer.epochs}'}", True),
        ("scheduler: {gamma: 0.1}\noptimizer: {decay_schedule: constant}", False),
    ):
        saved.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            line_of(folder, "trainer.epochs=9")
        new = "Its schedule depends on the number of epochs: for another one begin a new sweep"
        assert caught.value.problems[0].endswith(new if depends else f"resume={folder}/0 trainer.epochs=…")


def test_a_sweep_has_no_one_configuration(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s")
    with pytest.raises(ArgumentError, match=f"That of a run of it: .* resume={folder}/0 --cfg job$"):
        line_of(folder, "--cfg", "job")


# ---- settings that may do harm


def refused_setting(folder: Path, shown: str, command: str) -> str:
    return (
        f"{folder}/multirun.yaml: a saved sweep is trusted no further than a saved run, and with {shown} it could run "
        "other code or write to another place. If you know the sweep and trust it, type that yourself:\n"
        f"  python -m mlp_exp.run {command}"
    )


def refused_override(folder: Path, shown: str) -> str:
    return (
        f"{folder}/multirun.yaml: {shown}. If you know the sweep and trust it, type its own command, with "
        f"hydra.sweep.dir={folder} resume=true"
    )


HARMFUL = [
    "hydra.callbacks.x._target_=os.system",
    "+hydra.callbacks.x={_target_: os.system}",
    "hydra.searchpath=[file:///tmp/evil]",
    "hydra/job_logging=evil",
    "hydra.job_logging.handlers.x={'()': os.system}",
    "hydra.hydra_logging.handlers.console.class=os.system",
    "+hydra.job.env_set.PYTHONPATH=/tmp/evil",
    "hydra.job.chdir=true",
    "hydra.sweep.subdir=../x",
    "hydra.output_subdir=..",
    "hydra/launcher=joblib",
    "++hydra/launcher=stacked",
    "hydra/launcher@x=stacked",
    "hydra.launcher._target_=os.system",
    "hydra.launcher.max_stack={_target_: os.system}",
    "hydra.launcher.max_stack=${oc.env:HOME}",
    "hydra.launcher.address=far:6379",
    "hydra.launcher.address=autos",
    "hydra.launcher.executor=os.system",
    "hydra.launcher.partition='cpu --wrap=x'",
    "hydra.launcher.partition=--wrap",
    "hydra.launcher.constraint=a&b",
    "hydra.launcher.account=${oc.env:HOME}",
    "hydra.launcher.setup=auto",
    "hydra.launcher.setup=['rm x']",
    "hydra.launcher.additional_parameters={wrap: x}",
    "hydra.launcher.runtime_env={working_dir: .}",
    "+hydra.launcher.partition=cpu",
    "hydra/sweeper=nevergrad",
    "hydra/sweeper=../evil",
    "hydra/sweeper/sampler=evil",
    "hydra/sweeper/sampler@hydra.callbacks=tpe",
    "hydra.sweeper._target_=os.system",
    "hydra.sweeper.sampler._target_=os.system",
    "+hydra.sweeper.x={a: [{_target_: os.system}]}",
    "+hydra.sweeper.x=${oc.env:HOME}",
    "+hydra.sweeper.enqueue=[{hydra.callbacks.x: 1}]",
    "+hydra.sweeper.enqueue=[{model: ../../evil}]",
    "+hydra.sweeper.params={model: '../../evil'}",
    "+hydra.sweeper.params={hydra/job_logging: evil}",
    "+hydra.sweeper.params={'model@hydra.callbacks': mlp}",
    "+hydra.sweeper.params.hydra.job.name=x",
    "+hydra.sweeper.repeat={seed: '${oc.env:HOME}'}",
    "+hydra.sweeper.params=a",
    "hydra={callbacks: {x: {_target_: os.system}}}",
    "seed=1",
    "no override",
]


@pytest.mark.parametrize("word", HARMFUL)
def test_a_setting_that_the_user_has_to_type(tmp_path: Path, word: str) -> None:
    folder = write_sweep(tmp_path / "s", hydra=[*LAUNCHER, word])
    with pytest.raises(UntrustedError) as caught:
        line_of(folder)
    command = shlex.join([f"resume={folder}", word])
    assert str(caught.value) == refused_setting(folder, shlex.quote(word), command)
    if word.startswith(("hydra.", "hydra/")):
        assert word in line_of(folder, word)


RAY = [
    *("hydra/launcher=ray", "hydra.launcher.address=auto", "hydra.launcher.cpus=8", "hydra.launcher.gpus=0.5"),
    *("hydra.launcher.transfer=true", "hydra.launcher.workers=null"),
]
SLURM = [
    *(
        "hydra/launcher=slurm",
        "hydra.launcher.executor=local",
        "hydra.launcher.partition=cpu",
        "hydra.launcher.account=my-2",
    ),
    *("hydra.launcher.qos='long_1'", "hydra.launcher.constraint=amd", "hydra.launcher.cpus_per_task=8"),
]


@pytest.mark.parametrize("saved", [RAY, SLURM])
def test_settings_of_a_launcher_that_go_on(tmp_path: Path, saved: list[str]) -> None:
    folder = write_sweep(tmp_path / "s", hydra=saved)
    assert line_of(folder) == ["--multirun", *SMALL, *saved, f"hydra.sweep.dir={folder}"]


def test_folders_of_configurations_are_named_again(tmp_path: Path) -> None:
    """What lies in them can set all of Hydra."""
    folder = write_sweep(tmp_path / "s", hydra=["hydra.verbose=true"], config_dir="/my conf", name="mine")
    flags = "--config-dir '/my conf' --config-name mine"
    for typed, missing in (([], flags), (["--config-dir", "x"], "--config-name mine")):
        with pytest.raises(UntrustedError) as caught:
            line_of(folder, *typed)
        command = f"{shlex.join([f'resume={folder}', *typed])} {missing} hydra.verbose=true"
        assert str(caught.value) == refused_setting(folder, f"{missing} hydra.verbose=true", command)


MORE = "sets more than a key of a run's configuration, and a saved sweep may not"
REFERS = "refers to more than a single key of the configuration, as ${trainer.epochs}, and a saved sweep may not"
CHOOSES = "chooses an option by more than its name, and a saved sweep may not"
OVERRIDES = {
    "hydra.callbacks.x._target_=os.system": MORE,
    "hydra/job_logging=evil": MORE,
    "+hydra={callbacks: {x: {_target_: os.system}}}": MORE,
    "hydra@x=y": MORE,
    "+callbacks@hydra.callbacks=debug": MORE,
    "={hydra: {job: {name: x}}}": MORE,
    "data.path=${oc.env:HOME}": REFERS,
    "+data.x=[{a: 'b${seed}'}]": REFERS,
    "+data.x={a: [{b: '${now:%Y}'}]}": REFERS,
    "+data.x={$a: 1, '${now:%Y}': 1}": "is no override, and a saved sweep may not",
    "seed=0,${oc.env:HOME}": REFERS,
    "model=../../evil": CHOOSES,
    "model=mlp,'../../evil'": CHOOSES,
    "+experiment=[wine,x/../../evil]": CHOOSES,
    "+local=/etc/evil": CHOOSES,
    "no override": "is no override, and a saved sweep may not",
    "--config-dir=/tmp/evil": "is no override, and a saved sweep may not",
    "--multirun": "is no override, and a saved sweep may not",
    "model=[[": "is no override, and a saved sweep may not",
}


@pytest.mark.parametrize("word", OVERRIDES)
def test_an_override_that_does_more(tmp_path: Path, word: str) -> None:
    folder = write_sweep(tmp_path / "s", word)
    with pytest.raises(UntrustedError) as caught:
        line_of(folder)
    assert str(caught.value) == refused_override(folder, f"{word} {OVERRIDES[word]}")


def test_a_message_moves_no_cursor_and_is_not_long(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", f"data.path='\x1b[2J{'x' * 1000}'")
    with pytest.raises(UntrustedError, match="xx… has characters that cannot be printed, and a saved sweep") as caught:
        line_of(folder)
    assert str(caught.value).startswith(f"{folder}/multirun.yaml: \"data.path='\\x1b[2Jxxx")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500 + 2 * len(str(folder))


def test_a_link_that_leads_out(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s")
    (folder / "0").symlink_to(tmp_path)
    with pytest.raises(UntrustedError, match="0: is a link that leads out of the run's folder; remove it"):
        line_of(folder)


# ---- what is generated


PREFIXES = ("", "+", "++", "~")
KEYS = [
    *("hydra", "hydra.callbacks.x", "hydra.job.name", "hydra/job_logging", "hydra/callbacks", "hydra.searchpath"),
    *("hydra@x", "model@hydra", "model@hydra.callbacks", "experiment@hydra.job", "@hydra", "model@_global_.hydra"),
    *("", "_global_", "_global_.hydra.job.name", "$hydra.x", "HYDRA.job", "hydra-x.y", "defaults", "model.hydra.x"),
    *("model", "experiment", "local", "data", "callbacks", "seed", "model.dropout", "x/y", "experiment/x"),
]
VALUES = [
    "{evil}",
    "'{evil}'",
    "[default,{evil}]",
    "choice(mlp,'{evil}')",
    "tag(t,choice({evil},mlp))",
    "mlp,{evil}",
    "x/{evil}",
    "{{_target_: os.system}}",
    "{{hydra: {{callbacks: {{x: {{_target_: os.system}}}}}}}}",
    "[{{hydra/callbacks: {evil}}}]",
    "${{hydra.job.num}}",
    "'${{seed}}${{seed}}'",
    "${{oc.env:HOME}}",
    "os.system",
    "",
    "0.5",
]
CALL = "{_target_: os.system, command: touch canary}"
PLACES = ("hydra", "hydra.launcher", "hydra.sweeper", "hydra.callbacks")
PATHS = ("", ".params", ".repeat", ".enqueue", ".sampler", ".x", ".params.model", ".params.x.y", "._x", ".max_stack")
WRAPPED = ("{}", "[{}]", "{{a: {}}}", "{{a: [{{b: [[{}]]}}]}}", "[0,{{a.b: {}}}]", "{},1", "choice({})", "{{'_x': {}}}")


def test_no_call_is_harmless_wherever_it_stands() -> None:
    """Hydra calls what a `_target_` names at any depth of the sweeper's and the launcher's settings."""
    for place, path, wrapped in itertools.product(PLACES, PATHS, WRAPPED):
        key = f"+{place}{path}"
        assert not is_harmless(f"{key}={wrapped.format(CALL)}")
        assert not is_harmless(f"{key}._target_=os.system")
        assert place != "hydra" or refused(f"{key}={wrapped.format(CALL)}")
    assert is_harmless("hydra.sweeper.params={optimizer.lr: '1e-3,1e-2'}")


SENSITIVE = ("callbacks", "job_logging", "hydra_logging", "launcher", "sweeper", "sweep", "searchpath", "job.env_set")


def own_settings(words: Sequence[str], config_dir: Path) -> Any:
    """What composing with these overrides makes of Hydra's own settings."""
    GlobalHydra.instance().clear()
    with quick_composition(), hydra.initialize_config_dir(str(config_dir), version_base="1.3"):
        config = hydra.compose("run", overrides=list(words), return_hydra_config=True)
    plain = OmegaConf.masked_copy(config, ["hydra"])
    return [OmegaConf.to_container(OmegaConf.select(plain, f"hydra.{key}"), resolve=False) for key in SENSITIVE]


@pytest.mark.slow
def test_no_override_that_is_accepted_reaches_settings_of_hydra(tmp_path: Path) -> None:
    """All keys with all values; the file outside that some choose would do so if it were read."""
    (tmp_path / "evil.yaml").write_text(
        "# @package _global_\nhydra: {callbacks: {x: {_target_: os.system}}}\n", encoding="utf-8"
    )
    evil = os.path.relpath(tmp_path / "evil", CONF / "model")
    harmless = own_settings([], CONF)
    assert own_settings([f"model={evil}"], CONF) != harmless
    parts = itertools.product(PREFIXES, KEYS, VALUES)
    words = [f"{prefix}{key}={value.format(evil=evil)}" for prefix, key, value in parts]
    assert not [word for word in words if is_harmless(word)]
    accepted = [word for word in words if refused(word) is None]
    composed = 0
    for word in random.Random(0).sample(accepted, 15):
        with contextlib.suppress(HydraException, OmegaConfBaseException, ValueError):
            assert own_settings([word], CONF) == harmless, word
            composed += 1
    assert composed > 3


# ---- configurations of jobs


CONFIGS: dict[str, dict[str, Any]] = {
    "a call": {"data._target_": "os.system"},
    "settings elsewhere": {"mine": 1},
    "a value from outside": {"data.path": "${oc.env:HOME}"},
    "a part": {"data.path": "a${seed}"},
    "a mapping that could grow": {"data.path": ["${model}"] * 2},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_is_checked_before_it_is_resolved(compose: Any, tmp_path: Path, name: str) -> None:
    """Whatever has set it: the sweeper, a preset of a folder that was typed."""
    folder = write_sweep(tmp_path / "s")
    options = take_options([f"resume={folder}"], "", multirun=False)
    config = compose([*SMALL, "scheduler=one_cycle", "tracker=mlflow", "ensemble=folds", "callbacks=predictions"])
    require_trusted(config, SMALL, options)
    OmegaConf.set_struct(config, False)
    for key, value in CONFIGS[name].items():
        OmegaConf.update(config, key, value)
    with pytest.raises(SweeperError, match=f"{folder}/multirun.yaml: "):
        require_trusted(config, SMALL, options)
    require_trusted(config, SMALL, take_options([], "", multirun=False))


def test_overrides_of_jobs_are_checked_too(compose: Any, tmp_path: Path) -> None:
    """A search takes them from a file of its own."""
    folder = write_sweep(tmp_path / "s")
    options = take_options([f"resume={folder}"], "", multirun=False)
    with pytest.raises(SweeperError) as caught:
        require_trusted(compose(), ["model=../../evil"], options)
    assert str(caught.value) == refused_override(folder, f"model=../../evil {CHOOSES}")
    require_inside(f"{folder}/x/../0", options)
    with pytest.raises(SweeperError, match=f"{folder}/../x is not in the sweep's folder. Start another sweep"):
        require_inside(f"{folder}/../x", options)


# ---- whole commands


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
@pytest.mark.parametrize("swept", [False, True])
def test_a_call_is_refused_with_its_name(command: Command, tmp_path: Path, launcher: str, swept: bool) -> None:
    words = ["data._target_=os.system,os.popen", "+data.command='touch canary'"] if swept else [f"++data={CALL}"]
    folder = write_sweep(tmp_path / "s", *words, hydra=[f"hydra/launcher={launcher}"])
    before = content(tmp_path)
    done = command("run", "resume=s")
    assert refusal(done) == f"{folder}/multirun.yaml: {is_refused('data._target_', 'os.system')}"
    assert not (tmp_path / "canary").exists()
    assert swept or content(tmp_path) == before


def interrupt(*args: Any, **kwargs: Any) -> NoReturn:
    raise KeyboardInterrupt


def test_the_line_that_goes_on_is_as_short(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_sweep(tmp_path / "my s")
    monkeypatch.setattr("mlp_exp.multirun.sweep.train_sweep", interrupt)
    done = command("run", "-m", "resume=my s", "hydra.launcher.max_stack=1")
    line = f"'resume={folder}' -m hydra.launcher.max_stack=1"
    assert (done.returncode, done.stderr) == (130, f"Interrupted.\nGo on with: python -m mlp_exp.run {line}\n")


SAYS_ALL = [
    (["seed=0,1"], True),
    (["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "optimizer.lr=interval(0.01,0.1)"], True),
    (["seed=0,1", "hydra/launcher=basic"], False),
    (["seed=0,1", "hydra.job.chdir=true"], False),
    (["seed=0,1", "loss._target_=own_parts.SlowLoss"], False),
]


@pytest.mark.parametrize(("words", "all_of_it"), SAYS_ALL)
def test_the_folder_is_enough_where_it_may_say_the_rest(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], all_of_it: bool
) -> None:
    monkeypatch.setattr("mlp_exp.multirun.sweep.Sweep.begin", interrupt)
    monkeypatch.setattr("mlp_exp.cli.application.Command.run", interrupt)
    done = command("run", "-m", *words, "hydra.sweep.dir=s")
    rest = shlex.join(["-m", *words, f"hydra.sweep.dir={tmp_path}/s", "resume=true"])
    line = f"resume={tmp_path}/s" if all_of_it else rest
    assert (done.returncode, done.stderr) == (130, f"Interrupted.\nGo on with: python -m mlp_exp.run {line}\n")


@pytest.mark.slow
def test_a_sweep_with_options_and_a_package_of_ones_own(command: Command, tmp_path: Path) -> None:
    """What the folder may not say is asked for, one thing after the other; then it ends as if it had not stopped."""
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/mine.yaml").write_text("_target_: mine.Net\n", encoding="utf-8")
    code = "import torch\n\n\nclass Net(torch.nn.Linear):\n    pass\n"
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    words = ["--config-dir", "conf", *CIRCLE, "model=mine,linear"]
    assert command("run", "-m", *words, "hydra.sweep.dir=whole").returncode == 0
    folder = shutil.copytree(tmp_path / "whole", tmp_path / "s")
    shutil.rmtree(folder / "1")
    (folder / "0/result.json").unlink()
    before = content(folder)

    flags = f"--config-dir {tmp_path}/conf"
    assert refusal(command("run", "resume=s")) == refused_setting(folder, flags, f"resume={folder} {flags}")
    typed = shlex.split(flags)
    message = f"{folder}/multirun.yaml: {is_refused('model._target_', 'mine.Net')}"
    assert refusal(command("run", "resume=s", *typed)) == message
    changed = ("multirun.yaml", "leaderboard.csv")
    assert {name: text for name, text in content(folder).items() if name not in changed} == {
        name: text for name, text in before.items() if name not in changed
    }
    done = command("run", "resume=s", *typed, "--allow=mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(folder, tmp_path / "whole")
    assert scores_in(folder) == scores_in(tmp_path / "whole")
