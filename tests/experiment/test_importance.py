"""Which columns a run depends on: the numbers are those of `explain` for the rows of the test part."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.commands import Command
from support.mixed import mixed

from mlp_exp import load
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.experiment import importance
from mlp_exp.experiment.importance import importance_of, input_columns
from mlp_exp.experiment.reopened import reopened
from mlp_exp.experiment.session import Session

ROWS, TEST = 240, 80


def people() -> pd.DataFrame:
    """Numbers with gaps, a date, categories with few and many values, and a text; the target is of some of them."""
    rng = np.random.default_rng(0)
    noise, size = rng.normal(size=(2, ROWS))
    kind, street = rng.choice(["a", "b", "c"], ROWS), rng.integers(0, 30, ROWS)
    words = rng.choice(["red", "green", "blue", "old", "new", "dear", "cheap"], (ROWS, 6))
    frame = pd.DataFrame(
        {
            "noise": noise,
            "size": np.where(rng.random(ROWS) < 0.1, np.nan, size),
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 800, ROWS), "D"),
            "kind": kind,
            "street": [f"street {number}" for number in street],
            "note": [" ".join(each) for each in words],
            "part": ["test"] * TEST + ["val"] * 40 + ["train"] * (ROWS - TEST - 40),
        }
    )
    frame["price"] = 3 * size + 2 * (kind == "a") + rng.normal(size=ROWS) / 5
    return frame


@pytest.mark.slow
def test_it_is_that_of_explain_and_its_cost_is_bounded(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people().to_csv(tmp_path / "people.csv", index=False)
    words = (
        *("data=table", "experiment=table_quick", "data.path=people.csv", "data.target=price", "data.text=[note]"),
        *("split=column", "split.column=part", "preprocess.one_hot_max=9", "preprocess.ranks=true"),
        *("trainer.epochs=8", "baselines=none", "trainer.plots=never", "hydra.run.dir=run"),
    )
    done = command("run", *words)
    assert (done.returncode, done.stderr) == (0, "")
    run = reopened(tmp_path / "run", [], Session())
    found = importance_of(run)
    assert found is not None
    names, mean, std, change, rows = found
    assert names == ["noise", "size", "sold", "kind", "street", "note"]
    assert (change, rows) == ("increase of rmse when the column is shuffled", TEST)
    theirs = load(tmp_path / "run").explain(people()[:TEST], repeats=importance.REPEATS, seed=importance.SEED)
    theirs = theirs.set_index("column").loc[names]
    np.testing.assert_allclose(mean, theirs["mean"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(std, theirs["std"], rtol=1e-4, atol=1e-6)
    assert names[int(mean.argmax())] == "size"

    whole = importance.REPEATS * len(names) * sum(each.numel() for each in run.trainee.module.parameters())
    monkeypatch.setattr(importance, "BUDGET", whole * 50)
    found = importance_of(run)
    assert found is not None
    assert found[-1] == 50
    monkeypatch.setattr(importance, "BUDGET", whole * (importance.FEWEST_ROWS - 1))
    assert importance_of(run) is None, "so few rows say nothing"
    monkeypatch.setattr(importance, "BUDGET", whole * 50)
    monkeypatch.setattr(importance, "MOST_COLUMNS", len(names) - 1)
    assert importance_of(run) is None


@pytest.mark.parametrize("one_hot_max", [1, 64])
@pytest.mark.parametrize("ranks", [False, True])
def test_each_input_is_made_from_one_column(ranks: bool, one_hot_max: int) -> None:
    """Another value of a column changes inputs of its own alone."""
    dataset = mixed()
    fitted = Preprocess(ranks=ranks, one_hot_max=one_hot_max).fit(dataset, np.arange(len(dataset.target)))
    columns = input_columns(dataset, fitted)
    assert sorted(place for places in columns.values() for place in places) == list(range(fitted.inputs_width))
    inputs = fitted.inputs(dataset.features, dataset.categories)
    for number, name in enumerate(dataset.feature_names):
        features = dataset.features.copy()
        features[:, number] = features[::-1, number]
        changed = np.flatnonzero((fitted.inputs(features, dataset.categories) != inputs).any(axis=0))
        assert set(changed) <= set(columns[name])
        assert bool(len(changed)) != np.array_equal(features, dataset.features, equal_nan=True)
    for number, category in enumerate(dataset.categories):
        categories = list(dataset.categories)
        categories[number] = replace(category, codes=category.codes[::-1])
        changed = np.flatnonzero((fitted.inputs(dataset.features, categories) != inputs).any(axis=0))
        assert set(changed) == set(columns[category.name])
