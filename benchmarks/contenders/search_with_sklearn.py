"""Optuna with scikit-learn's MLP, without pruning: `python -m contenders.search_with_sklearn FOLDER SEED`.

It has neither dropout nor AdamW nor SiLU: it searches what is left of the space, and its L2 penalty `alpha`. One epoch
is one call of `partial_fit`, so that the best epoch counts as it does for the others.
"""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from contenders.search_space import Config, Search

ALPHA = {"alpha": {"low": 1e-6, "high": 1e-1, "log": True}}
SHARED = ("optimizer.lr", "model.hidden_sizes")


def loss_of(search: Search, model: Any) -> float:
    target = search.data["val_y"]
    if not search.classes:
        return float(np.mean((model.predict(search.data["val_x"]) - target) ** 2))
    chances = model.predict_proba(search.data["val_x"])[np.arange(len(target)), target]
    return float(-np.log(np.maximum(chances, np.finfo(np.float32).eps)).mean())


def train(search: Search, config: Config) -> float:
    """The best loss of the validation part over the epochs."""
    kind = MLPClassifier if search.classes else MLPRegressor
    model = kind(
        hidden_layer_sizes=tuple(config["model.hidden_sizes"]),
        alpha=config["alpha"],
        learning_rate_init=config["optimizer.lr"],
        batch_size=config["trainer.batch_size"],
        random_state=search.seed,
    )
    best, classes = float("inf"), {"classes": np.arange(search.classes)} if search.classes else {}
    for _ in range(config["trainer.epochs"]):
        model.partial_fit(search.data["train_x"], search.data["train_y"], **classes)
        best = min(best, loss_of(search, model))
    return best


def main() -> None:
    warnings.simplefilter("ignore")
    whole = Search.of_command()
    space = {key: each for key, each in whole.space.items() if key in SHARED} | ALPHA
    search = replace(whole, space=space)

    def objective(trial: Any, config: Config) -> float:
        try:
            return train(search, config)
        except ValueError as error:
            if "non-finite" not in str(error):
                raise
            raise FloatingPointError from error  # it has diverged

    search.run_with_optuna(objective)


if __name__ == "__main__":
    main()
