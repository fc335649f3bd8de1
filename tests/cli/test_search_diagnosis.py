"""What a command says that speaks of a search and makes none, or makes one with a typo."""

import pytest
from hydra.errors import HydraException
from support.commands import Command, mistakes, refusal

from mlp_exp.cli.search_diagnosis import PLUGINS, search_problems


def for_a_search(*more: str, flags: str = "") -> str:
    line = " ".join([f"python -m mlp_exp.run -m hydra/sweeper=optuna {flags}'optimizer.lr=interval(1e-4,1e-1)'", *more])
    return (
        f"optimizer.lr: interval(1e-4,1e-1) is for a search: {line}; a sweep takes single values, as optimizer.lr=A,B"
    )


RANGE = "optimizer.lr=interval(1e-4,1e-1)"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([RANGE], [for_a_search()]),
        (["hydra/sweeper=optuna", RANGE], [for_a_search()]),
        (["--dry-run", RANGE], [for_a_search(flags="--dry-run ")]),
        (["-m", RANGE, "--dry-run", "hydra.sweep.dir=s"], [for_a_search("--dry-run", "hydra.sweep.dir=s")]),
        (["-m", RANGE, "seed=1,2"], [for_a_search("seed=1,2")]),
        (["-m", RANGE, "model.dropot=0.1"], ["model.dropot: MLP takes no 'dropot'. Did you mean 'dropout'?"]),
        (
            ["-m", RANGE, "model.dropot=0.1,0.2"],
            [for_a_search("model.dropot=0.1,0.2"), "model.dropot: MLP takes no 'dropot'. Did you mean 'dropout'?"],
        ),
        (
            ["-m", "hydra/sweeper=optuna", RANGE, "trainer.batch_size=interval(16,65)", "model.dropot=0.1"],
            ["model.dropot: MLP takes no 'dropot'. Did you mean 'dropout'?"],
        ),
        (
            ["-m", "hydra/sweeper=optuna", "seed=interval(0.5,2)", "model.dropot=0.1"],
            [
                "seed: expected whole numbers, since the key takes no others, got interval(0.5,2)",
                "model.dropot: MLP takes no 'dropot'. Did you mean 'dropout'?",
            ],
        ),
        (
            ["-m", "hydra/sweeper=optuna", "optimizer.lr=intervl(1,2)", "model.dropout=interval(a,b)"],
            [
                "optimizer.lr: there is no function intervl(). Did you mean 'interval'?",
                "model.dropout: interval() takes two numbers, as interval(0,0.5), got interval(a,b)",
            ],
        ),
        (
            ["-m", "seed=1,2", "hydra.sweeper.n_trials=8"],
            [
                "hydra.sweeper.n_trials: is a setting of hydra/sweeper=optuna. Settings of hydra/sweeper=basic: "
                "max_batch_size, params."
            ],
        ),
        (
            ["-m", "search=small", "hydra.sweeper.n_trails=8"],
            ["hydra.sweeper.n_trails: there is no such setting. Did you mean 'n_trials'?"],
        ),
        (
            ["--multirun", RANGE, "hydra/launcher=rq"],
            [
                "hydra/launcher: rq is of the package hydra-rq-launcher, which is not installed: it breaks this "
                "version of Hydra; take ray or slurm. Options: basic, joblib, ray, slurm, stacked."
            ],
        ),
        (
            ["-m", "hydra/sweeper=nevergrad", "seed=1,2"],
            [
                "hydra/sweeper: nevergrad is of the package hydra-nevergrad-sweeper, which is not installed: pip "
                "install hydra-nevergrad-sweeper; or take optuna. Options: basic, lr_range, optuna."
            ],
        ),
        (["-m", "search=smal"], ["search: there is no option 'smal'. Did you mean 'small'?"]),
    ],
)
def test_a_search_that_is_none(command: Command, args: list[str], said: list[str]) -> None:
    done = command("run", *args)
    assert done.stdout == ""
    assert refusal(done) == mistakes(*said)


@pytest.mark.parametrize("option", [name for name in PLUGINS if not name.endswith("joblib")])
def test_an_option_of_a_plugin_that_is_not_there(command: Command, option: str) -> None:
    group, _, name = option.partition("=")
    text = refusal(command("run", "-m", option, "seed=0,1"))
    assert text.startswith(f"The configuration has 1 mistake:\n  {group}: {name} is of the package hydra-")
    assert ", which is not installed: " in text


def test_the_plugin_of_joblib_is_named() -> None:
    """It is installed here."""
    error = HydraException("Could not find 'hydra/launcher/joblib'\n\nAvailable options in 'hydra/launcher':\n\tray")
    assert search_problems([], error, []) == [
        "hydra/launcher: joblib is of the package hydra-joblib-launcher, which is not installed: pip install "
        "hydra-joblib-launcher; stacked is quicker. Options: ray."
    ]
