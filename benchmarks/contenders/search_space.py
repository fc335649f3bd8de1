"""What a search with another library begins with: data, space and defaults of a folder that `search_tasks.py` writes.

Needs NumPy alone, and Optuna in `study`, so that each contender imports what it uses and no more.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Config = Mapping[str, Any]
"""Of a trial: all keys, fixed or searched."""


@dataclass(frozen=True)
class Search:
    """A search as all contenders get it.

    Attributes:
        data: `train_x`, `train_y`, `val_x`, `val_y`.
        space: of each key `choices`, or `low`, `high` and `log`.
        defaults: the configuration to try first, as far as it lies in the space.
        outputs: of the network: 1 for two classes or values.
        classes: 0 for values.
    """

    data: Mapping[str, NDArray[Any]]
    space: dict[str, dict[str, Any]]
    defaults: dict[str, Any]
    fixed: Config
    outputs: int
    classes: int
    seed: int

    @classmethod
    def of_command(cls) -> "Search":
        """From the folder and the seed that the command names."""
        folder, seed = Path(sys.argv[1]), int(sys.argv[2])
        found = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        data = dict(np.load(folder / "data.npz"))
        data |= {
            key: value.astype(np.int64 if found["classes"] else np.float32)
            for key, value in data.items()
            if key.endswith("_y")
        }
        return cls(data=data, seed=seed, **found)

    def suggest(self, trial: Any) -> Config:
        """With an Optuna trial."""
        params: dict[str, Any] = {}
        for key, each in self.space.items():
            if "choices" in each:
                params[key] = trial.suggest_categorical(key, each["choices"])
            else:
                params[key] = trial.suggest_float(key, each["low"], each["high"], log=each["log"])
        return self.config(params)

    def config(self, params: Mapping[str, Any]) -> Config:
        """All keys of a trial; a list among its values is a text."""
        own = {
            key: json.loads(value) if isinstance(value, str) and value.startswith("[") else value
            for key, value in params.items()
        }
        if own.get("optimizer", self.fixed["optimizer"]) != self.fixed["optimizer"]:
            own.setdefault("optimizer.weight_decay", None)  # that of the other optimizer
        return {**self.fixed, **own}

    def run_with_optuna(self, objective: Callable[[Any, Config], float], **options: Any) -> None:
        """Optuna's own defaults, until the process is ended; tells the best so far after each trial."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=self.seed), **options)
        study.enqueue_trial({key: value for key, value in self.defaults.items() if key in self.space})
        best = Best()
        study.optimize(
            lambda trial: objective(trial, self.suggest(trial)),
            n_trials=int(os.environ.get("TRIALS", "100000")),
            callbacks=[lambda study, trial: best.tell(min(trial.intermediate_values.values(), default=trial.value))],
            catch=(FloatingPointError,),
        )


class Best:
    """Says in lines of JSON how many trials there were and what the best value is."""

    def __init__(self) -> None:
        self.trials, self.value = 0, float("inf")

    def tell(self, value: float | None) -> None:
        self.trials += 1
        if value is not None and value < self.value:
            self.value = value
        print(json.dumps({"trials": self.trials, "best": self.value}), flush=True)
