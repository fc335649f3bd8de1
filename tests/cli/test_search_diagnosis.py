"""What a command says that speaks of a search and makes none, or makes one with a typo."""

import pytest
from hydra.errors import HydraException
from support.commands import Command, mistakes, refusal

from mlp_exp.cli.search_diagnosis import PLUGINS, search_problems
from mlp_exp.config.search_settings import SearchSettings


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


KEY = "hydra.sweeper"
WRONG_SETTINGS = [
    (
        f"{KEY}.sampler.n_startup_trial=5",
        "sampler.n_startup_trial: there is no such setting. Did you mean 'n_startup_trials'?",
    ),
    (
        f"{KEY}.sampler.popsize=5",
        "sampler.popsize: is a setting of hydra/sweeper/sampler=cmaes. Settings of hydra/sweeper/sampler=tpe: "
        "constant_liar, group, multivariate, n_ei_candidates, n_startup_trials.",
    ),
    (
        f"{KEY}.sampler.prior_weight=2",
        f"sampler.prior_weight: is not in the configuration yet. Add it with +{KEY}.sampler.prior_weight=2",
    ),
    (f"{KEY}.pruner.fist=5", "pruner.fist: there is no such setting. Did you mean 'first'?"),
    (
        f"{KEY}.params.optimizer.lr=interval(1,2)",
        f"params.optimizer.lr: expected interval(1,2) in quotes of its own: "
        f"'{KEY}.params.optimizer.lr=\"interval(1,2)\"'",
    ),
    (f"{KEY}.n_trials=4,8", "n_trials: takes one value, got 4,8"),
    (f"{KEY}.pruner.eta=4,8", "pruner.eta: takes one value, got 4,8"),
    (f"{KEY}.objectives=a,b", f"objectives: takes one value, got a,b; for a list: '{KEY}.objectives=[a,b]'"),
    (
        f"{KEY}.params={{optimizer.lr: intervall(0,1)}}",
        "params: there is no function intervall(). Did you mean 'interval'?",
    ),
]


@pytest.mark.parametrize(("word", "said"), WRONG_SETTINGS)
def test_a_wrong_setting_of_a_search(command: Command, word: str, said: str) -> None:
    text = refusal(command("run", "-m", "hydra/sweeper=optuna", RANGE, word))
    assert text == mistakes(f"{KEY}.{said}")


OF_KINDS = {
    "params": "[1]",
    "conditions": "[1]",
    "repeat": "[1]",
    "enqueue": "{optimizer.lr: 0.01}",
    "warm_start": "{a: 1}",
}


@pytest.mark.parametrize("name", OF_KINDS)
def test_a_list_and_a_mapping_of_a_search_are_not_the_other(command: Command, name: str) -> None:
    text = refusal(command("run", "-m", "hydra/sweeper=optuna", RANGE, f"{KEY}.{name}={OF_KINDS[name]}"))
    expected = SearchSettings.model_fields[name].description
    assert text == mistakes(f"{KEY}.{name}: expected {expected}, got {OF_KINDS[name]}")


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
