"""Runs on the small table of all tests."""

import shutil
from pathlib import Path

import pytest
from support.predictions import as_job, train
from support.tables import write_table


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `table.csv`, runs of its classes in the sweep `s` and of its values in `age`, and `moons`."""
    folder = tmp_path_factory.mktemp("small")
    table = ("data=table", f"data.path={write_table(folder)}", "preprocess.one_hot_max=9")
    for seed in (0, 1, 2):
        train(folder / f"s/{seed}", *table, "data.target=answer", f"seed={seed}", "data.drop=[split]")
        as_job(folder / f"s/{seed}", seed, f"seed={seed}")
    train(folder / "age", *table, "data.target=age", "preprocess.log_target=true")
    train(folder / "moons", "data=moons", "data.n_samples=200")
    return folder


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    """A copy of a run, to be spoilt."""
    return Path(shutil.copytree(small / "s/0", tmp_path / "run"))
