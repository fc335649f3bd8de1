"""What needs no torch: help, versions, the configuration."""

import os
import re
import shlex
import sys
from functools import reduce
from importlib.metadata import version
from pathlib import Path

import pytest
from hydra.conf import HydraConf
from omegaconf import OmegaConf
from support.commands import Command, refusal, said
from support.compositions import Compose

from mlp_exp._version import __version__
from mlp_exp.cli.flags import FLAGS
from mlp_exp.cli.help_text import KEYS, help_on
from mlp_exp.cli.help_topics import about, every_key
from mlp_exp.config.conf_folder import CONF
from mlp_exp.config.described import OF_HYDRA, groups
from mlp_exp.config.validation import find_problems

TORCH, HYDRA = (re.compile(rf"\| +{name}(\.\S+)?$", re.MULTILINE) for name in ("torch", "hydra"))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((80, 24)))


def test_help_is_one_screen_that_needs_neither_torch_nor_hydra(command: Command, tmp_path: Path) -> None:
    done = command("run", "--help", python=("-X", "importtime"), process=True, env={"COLUMNS": "80"})
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) <= 23  # and the prompt
    assert max(map(len, lines)) <= 80
    assert lines[:2] == [
        "Trains multilayer perceptrons: one run, a sweep or a search.",
        "Usage: python -m mlp_exp.run [WORD …]",
    ]
    assert set(groups()) <= {*done.stdout.split()}
    assert "| mlp_exp.cli.front" in re.sub(" +", " ", done.stderr)
    assert TORCH.findall(done.stderr) == HYDRA.findall(done.stderr) == []
    assert list(tmp_path.iterdir()) == []


def test_versions_are_those_of_what_decides_the_numbers(command: Command) -> None:
    python = ".".join(map(str, sys.version_info[:3]))
    line = f"mlp_exp {__version__}, torch {version('torch')}, Hydra {version('hydra-core')}, Python {python}"
    for name in ("run", "predict", "report", "export"):
        for flag in ("--version", "-V"):
            assert said(command(name, flag)) == [line]
    done = command("run", "seed=1", "--version", python=("-X", "importtime"), process=True)
    assert done.stdout == f"{line}\n"
    assert TORCH.findall(done.stderr) == []


def test_cfg_shows_the_configuration_without_torch(command: Command, compose: Compose, tmp_path: Path) -> None:
    done = command("run", "--cfg", "job", "experiment=iris", "seed=4", python=("-X", "importtime"), process=True)
    assert done.returncode == 0
    assert OmegaConf.create(done.stdout) == compose(["experiment=iris", "seed=4"])
    assert TORCH.findall(done.stderr) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [["--help", "optimizer.lr"], ["optimizer.lr=3", "-m", "-h"], ["+optimizer.lr", "--help"]]
)
@pytest.mark.usefixtures("narrow")
def test_a_key_has_its_type_and_the_values_of_options(command: Command, words: list[str]) -> None:
    lines = said(command("run", *words))
    assert lines[:4] == [
        "optimizer.lr takes a number above 0",
        "",
        "  optimizer.lr=1e-3                     learning rate (optimizer=adam, adamw,",
        "                                        radam, rmsprop)",
    ]
    assert "  optimizer.lr={classes: 0.02, values: 0.1}" in lines


@pytest.mark.usefixtures("narrow")
def test_an_option_has_all_keys_in_80_columns(command: Command) -> None:
    lines = said(command("run", "--help", "data=table"))
    assert lines[0] == "data=table"
    assert {
        "  data.path=???                         the file; several as a list, or a folder",
        "                                        of them, are one table; takes the path",
        "                                        of a file, or a list",
    } <= {*lines}
    assert max(map(len, lines)) <= 80
    keys = [line.split()[0].partition("=")[0] for line in lines if line.startswith("  data.")]
    assert (keys[:3], len(keys)) == (["data._target_", "data.path", "data.target"], 22)
    both = said(command("run", "--help", "callbacks=[lr_finder,none]", "hydra/launcher=ray"))
    assert {"callbacks=lr_finder", "callbacks=none", "hydra/launcher=ray"} <= {*both}


@pytest.mark.usefixtures("narrow")
def test_a_group_has_its_options_and_their_keys(command: Command) -> None:
    lines = said(command("run", "optimizer", "--help"))
    assert lines[0] == "optimizer: how the weights are updated"
    assert "  adam (default)   Adam (Kingma & Ba, 2015)." in lines
    assert "  optimizer.amsgrad=false               uses the maximum of past second moments" in lines
    assert "  optimizer.nesterov=false              sgd: Nesterov momentum; takes true or" in lines
    assert lines[-1] == "One of them: --help optimizer=adagrad"
    assert "  basic (default)  All combinations of the values on the command line. Hydra's" in said(
        command("run", "--help", "hydra.sweeper")
    )
    pruners = said(command("run", "--help", "hydra/sweeper/pruner"))
    assert pruners[2].startswith("  halving (default)  ")
    assert not any("_target_" in line or "_partial_" in line for line in pruners)


@pytest.mark.parametrize(
    ("word", "lines"),
    [
        (
            "data.cat",
            [
                "  data.categorical=[]  categorical columns, with texts as they stand: 00123 is",
                "                       not 123; takes a list of column names, such as",
                "                       [age,income]",
            ],
        ),
        (
            "hydra.sweeper.n_trials",
            [
                "hydra.sweeper.n_trials takes a whole number, 1 or more",
                "",
                "  hydra.sweeper.n_trials=64  trials of the whole search; a larger number",
                "                             continues it (hydra/sweeper=optuna)",
            ],
        ),
        (
            "seed",
            [
                "seed takes a whole number, 0 or more",
                "",
                "  seed=0  initial weights, batch order, dropout (and the split, with",
                "          split.seed=null)",
            ],
        ),
        (
            "optimizer.rates",  # a group of keys
            [
                "optimizer.rates takes factors by kind of parameter, such as {bias: 0.1}",
                "",
                "  optimizer.rates  factors of lr by kind of parameter (optimizer=adagrad, adam,",
                "                   adamw, adamw_few_steps, nadam, radam, rmsprop, sgd)",
                "  optimizer.rates  after RealMLP (experiment=table, table_best)",
                "  optimizer.rates.embedding=1.0  embeddings of categories and of numbers; takes",
                "                                 a number, 0 or more",
                "  optimizer.rates.scale=1.0      factors of the inputs (model.scale_inputs);",
                "                                 takes a number, 0 or more",
                "  optimizer.rates.bias=1.0       biases; takes a number, 0 or more",
                "  optimizer.rates.weight=1.0     all others; takes a number, 0 or more",
            ],
        ),
        (
            "bias",  # the last word of a key
            [
                "  optimizer.rates.bias=1.0   biases; takes a number, 0 or more",
                "  optimizer.decays.bias=1.0  biases; takes a number, 0 or more",
                "  init.bias=0.0              constant for all biases; takes a number",
            ],
        ),
    ],
)
@pytest.mark.usefixtures("narrow")
def test_keys_that_begin_or_end_alike(command: Command, word: str, lines: list[str]) -> None:
    assert said(command("run", "--help", word)) == lines


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--help", "optimiser"], "--help optimiser: there is no such group or key. Did you mean 'optimizer'?"),
        (
            ["model.dropuot=0", "-h"],
            "--help model.dropuot=0: there is no such group or key. Did you mean 'model.dropout'?",
        ),
        (["--help", "optimizer=addam"], "--help optimizer=addam: mlp_exp has no option 'addam'. Did you mean 'adam'?"),
        (
            ["hydra/launcher=joblib", "--help"],
            "--help hydra/launcher=joblib: mlp_exp has no option 'joblib'. Options: basic, ray, slurm, stacked. "
            "Of a plugin of others: --cfg hydra hydra/launcher=joblib",
        ),
        (["--help", "--config-dir", "none"], "--config-dir none: there is no such folder"),
        (["--help", "zzzz"], f"--help zzzz: there is no such group or key. Groups: {', '.join(sorted(groups()))}."),
    ],
)
def test_a_wrong_word_gets_the_nearest(command: Command, words: list[str], message: str) -> None:
    assert refusal(command("run", *words)) == message


def test_whatever_is_asked_has_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    found = every_key([CONF])
    monkeypatch.setattr("mlp_exp.cli.help_topics.every_key", lambda folders: found)  # reads all files at each word
    options = [f"{group}={name}" for group, names in groups().items() for name in names]
    words = ["hydra", *groups(), *options, *found]
    assert {len(line) > 80 for word in words for line in about(word, [CONF], 80).splitlines()} == {False}


def test_the_first_screen_fits_a_narrow_terminal() -> None:
    narrow, wide = (help_on([], [CONF], width) for width in (60, 80))
    assert max(map(len, narrow.splitlines())) <= 60
    assert narrow.split() == wide.split()


def test_hydras_own_settings_are_known() -> None:
    defaults = OmegaConf.structured(HydraConf)
    for key in OF_HYDRA:
        value = reduce(getattr, key.name.split(".")[1:], defaults)  # raises for one that is not there
        assert (OmegaConf.create(f"key: {key.default or 'null'}").key or None) == (value or None)


def test_the_keys_that_people_type_most_are_right(command: Command, compose: Compose) -> None:
    words = ["early_stopping=patience", "hydra/sweeper=optuna", *KEYS]
    assert find_problems(compose(words), words) == []
    shown = said(command("run", "--help", "keys"))
    assert [line.split()[0] for line in shown if line[2] != " "] == KEYS


def test_all_flags_are_listed(command: Command) -> None:
    from hydra._internal.utils import get_args_parser

    shown = " ".join(" ".join(said(command("run", "--help", "flags"))).split())
    assert 'eval "$(mlp-exp -sc install=bash)"' in shown
    ours = {name for flag in FLAGS for name in flag.names}
    hydras = {name for action in get_args_parser()._actions for name in action.option_strings}
    assert hydras - ours == {"--run", "-r", "--experimental-rerun"}
    assert ours - hydras == {"-V", "--dry-run", "--allow"}


def test_options_of_ones_own_are_shown(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/zoo").mkdir()
    (tmp_path / "mine/zoo/lion.yaml").write_text("paws: 4\n")
    (tmp_path / "mine/model/deep.yaml").write_text(
        "# Four layers.\ndefaults: [mlp]\nhidden_sizes: [8, 8, 8, 8]  # all\n"
    )
    lines = said(command("run", "--config-dir", "mine", "--help", "model=deep"))
    assert lines[:2] == ["model=deep", "Four layers."]
    assert any(line.startswith("  model.hidden_sizes=[8, 8, 8, 8]  ") for line in lines)
    assert any(
        line.split() == ["deep", "Four", "layers."] for line in said(command("run", "--help", "model", "-cd=mine"))
    )
    zoo = said(command("run", "--config-dir", "mine", "--help", "zoo"))
    assert zoo == ["zoo", "", "  lion", "", "Keys:", "  zoo.paws=4  lion", "", "One of them: --help zoo=lion"]
    assert "zoo" in " ".join(said(command("run", "--help", "--config-dir=mine"))).split()


@pytest.mark.parametrize("name", ["predict", "report", "export"])
def test_the_help_of_other_commands_is_one_screen(command: Command, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((80, 24)))
    done = command(name, "--help")
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines) <= 23, max(map(len, lines)) <= 80) == (0, True, True)
    assert "examples:" in lines
    examples = [shlex.split(line) for line in lines if line.startswith(f"  mlp-{name} ")]
    assert len(examples) == 3
    for _, *words in examples:  # as far as the first folder, which is not there
        assert refusal(command(name, *words)).startswith(f"{words[0]}: expected the folder of a run")
