"""What needs no torch: help, the configuration, completion."""

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support.commands import Command
from support.compositions import Compose

# ---- what needs no torch


TORCH = re.compile(r"\| +torch(\.\S+)?$", re.MULTILINE)


@pytest.mark.slow
def test_help_says_what_there_is_without_torch(command: Command, tmp_path: Path) -> None:
    done = command("run", "--help", python=("-X", "importtime"), process=True)
    assert done.returncode == 0
    assert done.stdout.startswith("mlp_exp: experiments with multilayer perceptrons.")
    assert "optimizer: adagrad, adam, adamw, adamw_few_steps, nadam, radam, rmsprop, sgd\n" in done.stdout
    assert "model.hidden_sizes=[128,64]" in done.stdout
    assert 'eval "$(mlp-exp -sc install=bash)"' in done.stdout
    assert "| mlp_exp.cli.application" in re.sub(" +", " ", done.stderr)
    assert TORCH.findall(done.stderr) == []
    assert list(tmp_path.iterdir()) == []


def test_cfg_shows_the_configuration_without_torch(command: Command, compose: Compose, tmp_path: Path) -> None:
    done = command("run", "--cfg", "job", "experiment=iris", "seed=4", python=("-X", "importtime"), process=True)
    assert done.returncode == 0
    assert OmegaConf.create(done.stdout) == compose(["experiment=iris", "seed=4"])
    assert TORCH.findall(done.stderr) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("optimizer=", "adagrad adam adamw adamw_few_steps nadam radam rmsprop sgd"),
        ("optimizer=ada", "adagrad adam adamw adamw_few_steps"),
        ("experiment=", "breast_cancer debug default diabetes digits iris table table_best table_quick wine"),
        ("data=circle model=", "linear mlp"),
    ],
)
def test_shell_completion(command: Command, monkeypatch: pytest.MonkeyPatch, line: str, words: str) -> None:
    typed = f"mlp-exp {line}"
    monkeypatch.setenv("COMP_LINE", typed)
    monkeypatch.setenv("COMP_POINT", str(len(typed)))
    done = command("run", "-sc", "query=bash")
    group = line.rsplit(maxsplit=1)[-1].partition("=")[0]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [f"{group}={word}" for word in words.split()]


def test_shell_completion_on_the_real_command_line(command: Command) -> None:
    done = command(
        "run", "-sc", "query=bash", env={"COMP_LINE": "mlp-exp optimizer=", "COMP_POINT": "18"}, process=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "optimizer=adagrad optimizer=adam optimizer=adamw optimizer=adamw_few_steps optimizer=nadam optimizer=radam "
        "optimizer=rmsprop "
        "optimizer=sgd\n"
    )


def test_a_broken_completion_names_its_own_cause(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """`query=bash` is no override, so nothing may be said of a key `query`."""
    typed = "mlp-exp model.dropout optimizer="
    monkeypatch.setenv("COMP_LINE", typed)
    monkeypatch.setenv("COMP_POINT", str(len(typed)))
    done = command("run", "-sc", "query=bash")
    assert "query: there is no such key" not in done.stderr
