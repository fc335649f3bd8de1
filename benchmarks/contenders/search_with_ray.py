"""Ray Tune with ASHA and Optuna's TPE, on one processor: `python -m contenders.search_with_ray FOLDER SEED`.

The loop is that of `search_with_torch.py`. A worker process trains one trial after another (`reuse_actors`), so that it
imports PyTorch once.
"""

import logging
import os
from typing import Any

os.environ |= {"RAY_AIR_NEW_OUTPUT": "0", "RAY_DEDUP_LOGS": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_SYNCER": "1"}

import optuna
import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from contenders.search_space import Best, Config, Search
from contenders.search_with_torch import train


def trainable(params: Config, search: Search) -> None:
    torch.set_num_threads(1)
    best = float("inf")

    def report(epoch: int, value: float) -> None:
        nonlocal best
        best = min(best, value)
        tune.report({"val_loss": value, "best": best})

    train(search, search.config(params), report)


class Telling(tune.Callback):
    """Says after each trial, stopped or complete, what the best is."""

    def __init__(self) -> None:
        self.best = Best()

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.best.tell(trial.last_result.get("best"))


def space_of(search: Search) -> dict[str, Any]:
    made = {}
    for key, each in search.space.items():
        if "choices" in each:
            made[key] = optuna.distributions.CategoricalDistribution(each["choices"])
        else:
            made[key] = optuna.distributions.FloatDistribution(each["low"], each["high"], log=each["log"])
    return made


def main() -> None:
    search = Search.of_command()
    epochs = search.fixed["trainer.epochs"]
    ray.init(num_cpus=1, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    complete = {key: value for key, value in search.defaults.items() if key in search.space}
    tuner = tune.Tuner(
        tune.with_parameters(trainable, search=search),
        tune_config=tune.TuneConfig(
            metric="val_loss",
            mode="min",
            search_alg=OptunaSearch(
                space_of(search),
                sampler=optuna.samplers.TPESampler(seed=search.seed),
                metric="val_loss",
                mode="min",
                points_to_evaluate=[complete],
            ),
            scheduler=ASHAScheduler(max_t=epochs, grace_period=max(1, round(epochs / 9)), reduction_factor=3),
            num_samples=int(os.environ.get("TRIALS", "-1")),
            max_concurrent_trials=1,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=f"{os.getcwd()}/ray",
            verbose=0,
            callbacks=[Telling()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    tuner.fit()


if __name__ == "__main__":
    main()
