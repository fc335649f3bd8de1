"""Completion in a shell."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import Command, refusal, said

from mlp_exp.cli.completion import completions


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("optimizer=", "adagrad adam adamw adamw_few_steps nadam radam rmsprop sgd"),
        ("optimizer=ada", "adagrad adam adamw adamw_few_steps"),
        ("-m optimizer=sgd,ada", "sgd,adagrad sgd,adam sgd,adamw sgd,adamw_few_steps"),
        ("experiment=", "breast_cancer debug default diabetes digits iris table table_best table_quick wine"),
        ("data=circle model=", "linear mlp"),
        ("hydra/launcher=", "basic ray slurm stacked"),
        ("model.activation=s", "selu sigmoid silu softplus"),
        ("model.norm=", "batch layer null"),
        ("model.residual=", "false true"),
        ("trainer.batch_size=", "32 auto full"),
        ("hydra.launcher.executor=", "debug local slurm"),
        ("scheduler.cycle_momentum=", "false"),
        ("optimizer=adam optimizer.lr=", "1e-3"),
        ("optimizer.lr=", "1e-2 1e-3 2e-3 7e-3"),
        ("data.target=", ""),
        ("seed=", "0"),
    ],
)
def test_options_and_words_of_keys(line: str, words: str) -> None:
    key = line.rsplit(maxsplit=1)[-1].partition("=")[0]
    assert completions(f"mlp-exp {line}") == [f"{key}={word}" for word in words.split()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("opt", "optimizer. optimizer="),
        ("data=table data.cat", "data.categorical="),
        ("data.cat", "data.categorical="),
        ("optimizer=sgd optimizer.m", "optimizer.momentum="),
        ("optimizer=sgd optimizer.b", ""),
        ("optimizer.b", "optimizer.betas="),
        ("++optimizer.rates.s", "++optimizer.rates.scale="),
        ("hydra.sweeper.n_t", "hydra.sweeper.n_trials="),
        ("hydra.job.c", "hydra.job.chdir="),
        ("hydra.v", "hydra.verbose="),
        ("hydra/sw", "hydra/sweeper/pruner= hydra/sweeper/sampler= hydra/sweeper="),
        ("see", "seed="),
        ("re", "rerun= resume="),
        ("n", "new"),
        ("-m n", "new"),
        ("seed=1 n", ""),
        ("--al", "--allow"),
        ("--help optimizer", "optimizer optimizer."),
        ("--help k", "keys"),
        ("--help n", "new"),
        ("--config-dir mod", ""),  # the shell offers files
        ("new mod", ""),
        ("--no-such-flag", ""),
    ],
)
def test_groups_keys_and_flags(line: str, words: str) -> None:
    assert completions(f"mlp-exp {line}") == words.split()


def test_an_empty_word_offers_all_groups_and_the_keys_of_the_top_level() -> None:
    found = completions("mlp-exp seed=1 ")
    assert {"optimizer=", "optimizer.", "hydra/launcher=", "resume=", "hydra.sweep.dir="} <= {*found}
    assert not {"new", "experiment.", "tracker.dir="} & {*found}
    assert completions("") == completions("mlp-exp ") == sorted([*found, "new"])


def test_files_and_options_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/deep.yaml").write_text("layers: 3\n")
    (tmp_path / "people.csv").write_text("")
    (tmp_path / ".hidden").mkdir()
    monkeypatch.chdir(tmp_path)
    assert completions("mlp-exp data.path=") == ["data.path=mine/", "data.path=people.csv"]
    assert completions("mlp-exp resume=mine/m") == ["resume=mine/model/"]
    assert completions("mlp-exp hydra.run.dir=./p") == ["hydra.run.dir=./people.csv"]
    assert completions("mlp-exp --config-dir mine model=d") == ["model=deep"]
    assert completions("mlp-exp --config-dir mine model=deep model.l") == ["model.layers="]
    assert completions("mlp-exp --config-dir none model=d") == []


def test_shells_get_one_line_or_one_word_a_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", "mlp-exp model=")
    assert command("run", "-sc", "query=bash").stdout == "model=linear model=mlp\n"
    assert said(command("run", "--shell-completion", "query=fish")) == ["model=linear", "model=mlp"]
    assert "hydra_bash_completion" in command("run", "-sc", "install=bash").stdout
    assert refusal(command("run", "-sc", "install=tcsh")).startswith("No completion plugin for 'tcsh' found")


@pytest.mark.slow
def test_bash_completes_on_a_real_command_line(command: Command, tmp_path: Path) -> None:
    """What `eval "$(mlp-exp -sc install=bash)"` defines, called as bash calls it."""
    script = """eval "$(mlp-exp -sc install=bash)"
COMP_LINE="mlp-exp data=table data.cat" COMP_POINT=27 COMP_WORDS=(mlp-exp data=table data.cat) COMP_CWORD=2
hydra_bash_completion
echo "${COMPREPLY[@]}"
"""
    where = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, env={"PATH": f"{where}:/usr/bin:/bin"}
    )
    assert (done.stdout, done.stderr) == ("data.categorical=\n", "")
