"""Configurations that are composed quickly are those that Hydra composes."""

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from support.project import CONF

from mlp_exp.cli import composing
from mlp_exp.cli.composing import SAVED, CachedLoader, copier, quick_composition
from mlp_exp.cli.layers import LayeredLoader, parse


def loader_of(folder: Path, *, quick: bool) -> ConfigLoader:
    """That of commands, or without `quick` the same that keeps nothing."""
    GlobalHydra.instance().clear()
    if quick:
        with quick_composition(), hydra.initialize_config_dir(str(folder), version_base="1.3"):
            return GlobalHydra.instance().config_loader()
    return LayeredLoader(hydras_own(folder).get_search_path())


def hydras_own(folder: Path) -> ConfigLoader:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(folder), version_base="1.3"):
        return GlobalHydra.instance().config_loader()


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of the configuration folder, to be changed."""
    return Path(shutil.copytree(CONF, tmp_path / "conf"))


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here; what other tests have composed is kept for them."""
    monkeypatch.setattr(composing, "BASES", {})


WORDS = [
    "seed=3",
    "seed=1,2",
    "seed=range(4)",
    "optimizer.lr=1e-3",
    "optimizer.lr=1e-3,1e-2",
    "optimizer=sgd",
    "optimizer=sgd,adam",
    "optimizer={lr:1}",
    "+optimizer.momentum=0.5",
    "++optimizer.lr=3",
    "~optimizer.lr",
    "~data",
    "~data.max_rows",
    "data=wine",
    "data=table",
    "data.path=rows.csv",
    "experiment=iris",
    "model.hidden_sizes=[3,${seed}]",
    "scheduler=cosine",
    "scheduler.T_max=${trainer.epochs}",
    "+new.key=a",
    "+new={a:{b:1}}",
    "hydra.mode=RUN",
    "hydra.mode=MULTIRUN",
    "hydra.job.name=other",
    "hydra.job.env_copy=[HOME]",
    "hydra.job.env_set.A=b",
    "hydra.job.env_copy=[]",
    "+hydra.job.env_set.SEED=${seed}",
    "hydra/launcher=basic",
    "hydra/job_logging=disabled",
    "hydra.job.config.override_dirname.exclude_keys=[seed]",
    "hydra.sweep.subdir=${hydra.job.override_dirname}",
    "nowhere=1",
    "optimizer=nothing",
    "optimizer.nothing=1",
    "data@other=wine",
    "hydra.nothing=1",
    "tracker=[none]",
    "seed=[1",
]


def outcome(loader: ConfigLoader, words: list[str], mode: RunMode, *, checks: bool) -> Any:
    """All that a composition says, or its error."""
    try:
        config = loader.load_configuration("run", words, mode, validate_sweep_overrides=checks)
    except (HydraException, OmegaConfBaseException, ValueError, KeyError) as error:
        return type(error), str(error), str(error.__cause__)
    return repr(OmegaConf.to_container(config, resolve=False)), _flags(config)


def _flags(config: Any) -> Any:
    """Of all nodes: what may be added to, what may be changed."""
    flags = {name: config._get_flag(name) for name in ("struct", "readonly")}
    children = config._content if isinstance(config, DictConfig) and isinstance(config._content, dict) else {}
    return flags, {key: _flags(node) for key, node in children.items() if OmegaConf.is_dict(node)}


PRESETS = ("experiment=iris",)
"""Beside a typed option they differ from Hydra's, as does `data=table` by itself: `test_typed_options`."""


def test_layers_are_those_of_hydra() -> None:
    """But with the rules of `LayeredLoader`, of which these words ask for none."""
    draw = random.Random(0)
    layered, plain = loader_of(CONF, quick=False), hydras_own(CONF)
    assert type(plain) is ConfigLoaderImpl
    for _ in range(6):
        words = draw.sample([word for word in WORDS if word not in (*PRESETS, "data=table")], draw.randint(0, 4))
        words += [draw.choice(PRESETS)] * (not any("=" in word and "." not in word for word in words))
        mode, checks = draw.choice([RunMode.RUN, RunMode.MULTIRUN]), draw.random() < 0.5
        assert outcome(layered, words, mode, checks=checks) == outcome(plain, words, mode, checks=checks), words


def test_it_composes_what_hydra_does() -> None:
    """Also the second time, after the copies of the first have been changed, and from what was kept of others."""
    draw = random.Random(0)
    quick, plain = loader_of(CONF, quick=True), loader_of(CONF, quick=False)
    assert type(quick) is CachedLoader
    for _ in range(24):
        words = draw.sample(WORDS, draw.randint(0, 4))
        mode, checks = draw.choice([RunMode.RUN, RunMode.MULTIRUN]), draw.random() < 0.5
        expected = outcome(plain, words, mode, checks=checks)
        for _ in range(2):
            assert outcome(quick, words, mode, checks=checks) == expected, words


def test_each_word_alone() -> None:
    """Those that the mode of a command counts for in both; each other one in one of them."""
    quick, plain = loader_of(CONF, quick=True), loader_of(CONF, quick=False)
    modes = [RunMode.MULTIRUN, RunMode.RUN]
    for number, word in enumerate(WORDS):
        counts = word.startswith("hydra.mode") or "," in word or "range(" in word
        for mode in modes if counts else [modes[number % 2]]:
            expected = outcome(plain, [word], mode, checks=True)
            assert outcome(quick, [word], mode, checks=True) == expected, (word, mode)


def test_the_same_choices_are_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[list[str]] = []
    compose = ConfigLoaderImpl._load_configuration_impl

    def noted(self: ConfigLoaderImpl, name: str, overrides: list[str], *rest: Any) -> DictConfig:
        composed.append(overrides)
        return compose(self, name, overrides, *rest)

    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", noted)
    for words in (["seed=1"], ["seed=2"], ["optimizer=sgd"], ["seed=3", "optimizer=sgd"], [], ["hydra.mode=RUN"]):
        loader_of(CONF, quick=True).load_configuration("run", words, RunMode.RUN)
    assert composed == [[], ["optimizer=sgd"]]


def test_a_changed_new_or_removed_file_is_seen(conf: Path) -> None:
    def lr() -> Any:
        return loader_of(conf, quick=True).load_configuration("run", [], RunMode.RUN).optimizer.lr

    assert lr() == 0.001
    option, local = conf / "optimizer" / "adam.yaml", conf / "local" / "default.yaml"
    text, count = re.subn("(?m)^lr: 1e-3", "lr: 0.125", option.read_text(encoding="utf-8"))
    assert count == 1
    option.write_text(text, encoding="utf-8")
    assert lr() == 0.125
    local.parent.mkdir(exist_ok=True)
    local.write_text("# @package _global_\noptimizer:\n  lr: 0.25\n", encoding="utf-8")
    assert lr() == 0.25
    local.unlink()
    assert lr() == 0.125


def test_links_to_nowhere_and_into_themselves_do_no_harm(conf: Path) -> None:
    (conf / "optimizer" / ".#adam.yaml").symlink_to("me@here.1234:5678")
    for name in ("up", "again"):
        (conf / name).mkdir()
        (conf / name / "link").symlink_to(conf, target_is_directory=True)
    assert loader_of(conf, quick=True).load_configuration("run", [], RunMode.RUN).seed == 0


def test_the_environment_and_the_place_are_those_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = loader_of(CONF, quick=True)
    for value in ("a", "b"):
        monkeypatch.setenv("MINE", value)
        (tmp_path / value).mkdir()
        monkeypatch.chdir(tmp_path / value)
        config = loader.load_configuration("run", ["hydra.job.env_copy=[MINE]", "+new=${oc.env:MINE}"], RunMode.RUN)
        assert config.new == config.hydra.job.env_set.MINE == value
        assert config.hydra.runtime.cwd == str(tmp_path / value)


def test_variables_that_a_file_asks_for_can_be_refused(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (conf / "run.yaml").read_text(encoding="utf-8")
    asking = text.replace("    name: run ", "    env_copy: [MINE]\n    name: run ")
    assert asking != text
    (conf / "run.yaml").write_text(asking, encoding="utf-8")
    quick, plain = loader_of(conf, quick=True), loader_of(conf, quick=False)
    for value in (None, "1", "2"):
        if value:
            monkeypatch.setenv("MINE", value)
        for words in ([], ["hydra.job.env_copy=[]"], ["seed=1"], ["hydra.job.env_set={}"]):
            expected = outcome(plain, words, RunMode.RUN, checks=True)
            assert outcome(quick, words, RunMode.RUN, checks=True) == expected


def test_a_folder_without_files_is_a_source_all_the_same(tmp_path: Path) -> None:
    words = [f"hydra.searchpath=[file://{tmp_path}]"]
    for given in ([], words, []):
        config = loader_of(CONF, quick=True).load_configuration("run", given, RunMode.RUN)
        assert (str(tmp_path) in {source.path for source in config.hydra.runtime.config_sources}) == bool(given)


def test_not_everything_is_kept_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "MOST_KEPT", 2)
    for option in ("sgd", "adam", "adamw", "nadam"):
        loader_of(CONF, quick=True).load_configuration("run", [f"optimizer={option}"], RunMode.RUN)
        assert 1 <= len(composing.BASES) <= 3


def test_a_saved_configuration_is_not_kept() -> None:
    """It is another one with each command, under the same name."""
    for seed in (1, 2):
        ConfigStore.instance().store(name=SAVED, node={"seed": seed})
        assert loader_of(CONF, quick=True).load_configuration(SAVED, [], RunMode.RUN).seed == seed


def test_a_search_path_of_the_users_is_followed(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "optimizer").mkdir(parents=True)
    mine = tmp_path / "mine" / "optimizer" / "mine.yaml"
    mine.write_text("_target_: torch.optim.SGD\nlr: 1\n", encoding="utf-8")
    words = [f"hydra.searchpath=[file://{tmp_path / 'mine'}]", "optimizer=mine"]
    assert loader_of(CONF, quick=True).load_configuration("run", words, RunMode.RUN).optimizer.lr == 1
    with (conf / "run.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  searchpath:\n    - file://{tmp_path / 'mine'}\n")
    for lr in (1, 2):
        mine.write_text(f"_target_: torch.optim.SGD\nlr: {lr}\n", encoding="utf-8")
        assert loader_of(conf, quick=True).load_configuration("run", ["optimizer=mine"], RunMode.RUN).optimizer.lr == lr


def test_a_group_that_is_left_open_is_an_error_of_a_run_alone(conf: Path) -> None:
    run = conf / "run.yaml"
    text = run.read_text(encoding="utf-8")
    assert "- optimizer: adam " in text
    run.write_text(text.replace("- optimizer: adam ", "- optimizer: ??? "), encoding="utf-8")
    quick, plain = loader_of(conf, quick=True), loader_of(conf, quick=False)
    for mode in (RunMode.MULTIRUN, RunMode.RUN):
        for words in ([], ["seed=1"], ["optimizer=sgd"]):
            assert outcome(quick, words, mode, checks=True) == outcome(plain, words, mode, checks=True)
    assert outcome(quick, [], RunMode.RUN, checks=True)[0].__name__ == "ConfigCompositionException"


def test_a_large_folder_is_read_each_time(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "MOST_FILES", 5)
    assert loader_of(conf, quick=True).load_configuration("run", [], RunMode.RUN).seed == 0
    assert composing.BASES == {}


NUMBERS = ["0", "-0", "1", "-17", "0.5", "-0.25", "1e-05", "1.5e+20", "1e300", "-1e-300", "9" * 30, "0.1", "123.456"]
OTHERS = ["01", "1.", ".5", "+1", "1_000", "1E5", "inf", "nan", "0x1", "1 ", "true", "-", "1e", "--1"]


def test_a_number_is_parsed_as_hydra_does() -> None:
    """Those that Python writes are read without Hydra's parser."""

    def read(by: Callable[[str], Override], text: str) -> Any:
        try:
            found = by(text)
        except HydraException as error:
            return str(error)
        return {**vars(found), "_value": repr(found.value())}

    hydras = OverridesParser.create()
    for key in ("seed", "optimizer.lr", "model.hidden_sizes", "a_b.c_d.e"):
        for text in (f"{key}={number}" for number in [*NUMBERS, *OTHERS]):
            assert read(parse, text) == read(lambda text: hydras.parse_overrides([text])[0], text), text


def test_drawn_numbers_are_parsed_as_hydra_does() -> None:
    rng = random.Random(0)
    drawn = [rng.choice([-1, 1]) * 10 ** rng.uniform(-30, 30) for _ in range(200)] + [rng.randrange(10**9)]
    parsed = OverridesParser.create().parse_overrides([f"optimizer.lr={number!r}" for number in drawn])
    assert [parse(f"optimizer.lr={number!r}").value() for number in drawn] == [each.value() for each in parsed] == drawn


@pytest.mark.parametrize("keeps", [3, object()], ids=["values", "an object that cannot be stored"])
def test_each_job_has_a_configuration_of_its_own(keeps: object) -> None:
    class Own:
        """Of a function, so that pickle does not find it."""

        value = keeps

    own = keeps if isinstance(keeps, int) else Own()
    config = OmegaConf.create({"own": own, "node": {"list": [1]}}, flags={"allow_objects": True})
    OmegaConf.set_struct(config, True)
    copied = copier(config)
    first, second = copied(), copied()
    first.node.list.append(2)
    assert second.node.list == config.node.list == [1]
    assert type(second.own) is type(own)
    assert _flags(second) == _flags(config)
