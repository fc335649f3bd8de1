"""What is searched: a network, its data, and a space, for this project and written down for the contenders."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from harness import HERE
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from tables import ROOT

from mlp_exp.cli.composing import quick_composition
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.configs import plain_config
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.session import Session
from mlp_exp.hpo.space import Space

TABLES = Path(os.environ.get("TABLES", ROOT.parent / "shared" / "data")).resolve()
OWN_DATA = f"hydra.searchpath=[file://{HERE / 'conf'}]"
FIXED = ("model.hidden_sizes", "model.activation", "model.dropout", "optimizer.lr", "optimizer.weight_decay")
TRAINER = ("trainer.epochs", "trainer.batch_size")
USUAL = {
    "optimizer.lr": "tag(log,interval(1e-4,1e-1))",
    "model.dropout": "interval(0,0.5)",
    "optimizer": "adam,adamw",
}
SMALL = "search=small"


@dataclass(frozen=True)
class Task:
    """A search.

    Attributes:
        words: overrides of what is fixed.
        typed: what is searched, as on the command line; a preset of `conf/search` has it otherwise.
        trials: of this project's search, whose processor time is what all get.
    """

    words: tuple[str, ...]
    typed: Mapping[str, str]
    trials: int

    @property
    def command(self) -> list[str]:
        """The words of this project's command."""
        return [*self.words, *(f"{key}={text}" for key, text in self.typed.items())]

    def space(self) -> Space:
        overrides = OverridesParser.create().parse_overrides([f"{key}={text}" for key, text in self.typed.items()])
        preset = yaml.safe_load((ROOT / "conf" / "search" / "small.yaml").read_text(encoding="utf-8"))
        return Space.read(overrides, preset["hydra"]["sweeper"]["params"] if SMALL in self.words else {})

    def planned(self) -> tuple[Plan, dict[str, str]]:
        """A run with the defaults, and the option of each group."""
        overrides = ["trainer.device=cpu", *(word for word in self.words if word != SMALL)]
        with quick_composition(), initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            config = plain_config(compose("run", overrides=overrides))
            chosen = compose("run", overrides=overrides, return_hydra_config=True).hydra.runtime.choices
        return plan(Components(config, Session())), {str(group): str(option) for group, option in chosen.items()}

    def write(self, folder: Path) -> None:
        """Data and space for the contenders: `data.npz` with the inputs as this project scales them, `task.json`."""
        run, choices = self.planned()
        dataset, parts, values = run.components.dataset, run.parts, run.components.config
        inputs = run.preprocessing.inputs(dataset.features, dataset.categories)
        target = dataset.target if run.task.has_classes else run.preprocessing.target.scaled(dataset.target)
        rows = {"train": parts.train, "val": parts.val}
        arrays = {f"{part}_x": inputs[own].astype(np.float32) for part, own in rows.items()}
        arrays |= {f"{part}_y": np.asarray(target[own]) for part, own in rows.items()}
        np.savez(folder / "data.npz", **arrays)
        space = self.space()
        fixed: dict[str, Any] = {"optimizer": choices["optimizer"], "scheduler": choices["scheduler"]}
        for key in FIXED + TRAINER:
            group, name = key.split(".")
            fixed[key] = values[group][name]
        found = {
            "space": {each.key: range_of(each) for each in space.dimensions},
            "defaults": space.of_values(values, choices),
            "fixed": fixed,
            "outputs": len(dataset.class_names) if len(dataset.class_names) > 2 else 1,
            "classes": len(dataset.class_names),
        }
        (folder / "task.json").write_text(json.dumps(found), encoding="utf-8")


def range_of(dimension: Any) -> dict[str, Any]:
    if dimension.choices:
        return {"choices": list(dimension.choices)}
    return {"low": dimension.low, "high": dimension.high, "log": dimension.log}


def _table(name: str, *words: str) -> Task:
    data = (OWN_DATA, "data=plain_table", f"data.path={TABLES / name}.csv.gz")
    return Task((*data, "optimizer=adamw", *words, SMALL), {}, 64)


TASKS = {
    "circle": Task((), USUAL, 256),
    "digits": Task(("experiment=digits",), USUAL, 64),
    "uci_wine_red": _table("uci_wine_red"),
    "uci_kin8nm": _table("uci_kin8nm", "trainer.epochs=30", "trainer.batch_size=128"),
}
"""The default experiment, its variant for digits, and two tables with the preset `search=small`."""
