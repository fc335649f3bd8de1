"""Where a run comes from: fingerprints of its data, the state of git, versions."""

import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlp_exp import __version__
from mlp_exp.data.dataset import Category, Dataset, TargetColumn
from mlp_exp.data.splits.base import Parts
from mlp_exp.storage import provenance

# provenance


DATA = Dataset.from_arrays([[1, 2], [3, 4], [5, 6]], [0, 1, 0], feature_names=("a", "b"), class_names=("n", "y"))
PARTS = Parts(np.array([0, 2]), np.array([1]), np.array([], dtype=np.int64))


def changed_features(row: int, column: int) -> np.ndarray:
    features = DATA.features.copy()
    features[row, column] = np.nextafter(features[row, column], 9)
    return features


def with_category(name: str = "city", codes: tuple[int, ...] = (0, 1, -1), texts: tuple[str, ...] = ("a", "b")) -> Any:
    return replace(DATA, categories=(Category(name, np.array(codes, dtype=np.int32), texts),))


VARIANTS: dict[str, Any] = {
    **{f"feature {r},{c}": replace(DATA, features=changed_features(r, c)) for r in range(3) for c in range(2)},
    "target": replace(DATA, target=np.array([0, 1, 1])),
    "target type": replace(DATA, target=DATA.target.astype(np.float64)),
    "order of rows": replace(DATA, features=DATA.features[::-1], target=DATA.target[::-1]),
    "shape": replace(DATA, features=DATA.features.reshape(2, 3)),
    "feature name": replace(DATA, feature_names=("a", "c")),
    "joined feature names": replace(DATA, feature_names=("a, b",)),
    "class name": replace(DATA, targets=(TargetColumn("target", ("n", "Y")),)),
    "order of class names": replace(DATA, targets=(TargetColumn("target", ("y", "n")),)),
    "target name": replace(DATA, targets=(TargetColumn("class", ("n", "y")),)),
    "order of the classes": replace(DATA, ordered=True),
    "weights": replace(DATA, weights=np.ones(3)),
    "other weights": replace(DATA, weights=np.array([1.0, 1.0, 2.0])),
    "two targets": replace(DATA, targets=DATA.targets * 2, target=np.array([[0, 1], [1, 1], [0, 0]])),
    "values of two targets": replace(DATA, targets=DATA.targets * 2, target=np.array([[0, 1], [1, 1], [1, 0]])),
    "name of a second target": replace(
        DATA, targets=(*DATA.targets, TargetColumn("b", ("n", "y"))), target=np.array([[0, 1], [1, 1], [0, 0]])
    ),
    "category": with_category(),
    "name of a category": with_category("town"),
    "code of a category": with_category(codes=(0, 0, -1)),
    "missing category": with_category(codes=(0, 1, 0)),
    "text of a category": with_category(texts=("a", "c")),
}


@pytest.mark.parametrize("what", VARIANTS)
def test_the_fingerprint_changes_with(what: str) -> None:
    assert VARIANTS[what].fingerprint != DATA.fingerprint


def test_all_fingerprints_differ() -> None:
    assert len({variant.fingerprint for variant in VARIANTS.values()}) == len(VARIANTS)


def test_the_fingerprint_is_stable() -> None:
    expected = "34499260f58071adbbb6894eac5b296bbfe13d9fa8f84727f44ba4b0fe1faef8"
    copy = replace(DATA, features=np.asfortranarray(DATA.features), target=DATA.target.copy())
    assert DATA.fingerprint == expected
    assert copy.fingerprint == expected


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Runs git in an empty folder, which becomes the working directory."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    provenance.git_state.cache_clear()

    def run(*arguments: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
        done = subprocess.run(["git", *who, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path)
        return done.stdout.strip()

    yield run
    provenance.git_state.cache_clear()


def state() -> dict[str, Any] | None:
    provenance.git_state.cache_clear()
    return provenance.git_state()


def test_git_state_of_a_repository(git: Callable[..., str], tmp_path: Path) -> None:
    git("init", "-q")
    (tmp_path / "file.txt").write_text("one")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert len(commit) == 40
    assert state() == {"commit": commit, "dirty": False}
    (tmp_path / "untracked.txt").write_text("such as outputs/")
    assert state() == {"commit": commit, "dirty": False}
    (tmp_path / "file.txt").write_text("two")
    assert state() == {"commit": commit, "dirty": True}
    git("add", "file.txt")
    assert state() == {"commit": commit, "dirty": True}
    git("commit", "-q", "-m", "second")
    assert state() == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    assert git("rev-parse", "HEAD") != commit


def test_git_state_of_a_folder_inside_a_repository(
    git: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q")
    (tmp_path / "file.txt").write_text("one")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    (tmp_path / "file.txt").unlink()
    assert state() == {"commit": git("rev-parse", "HEAD"), "dirty": True}


@pytest.mark.usefixtures("git")
def test_git_state_outside_a_repository() -> None:
    assert state() is None


def test_git_state_before_the_first_commit(git: Callable[..., str]) -> None:
    git("init", "-q")
    assert state() is None


def test_git_state_without_git(git: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert state() is None


@pytest.mark.usefixtures("git")
def test_provenance() -> None:
    packages = ("torch", "numpy", "scikit-learn", "pyarrow", "hydra-core", "omegaconf")
    assert provenance.provenance(DATA, PARTS, "cuda", 3) == {
        "versions": {
            "mlp_exp": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        "git": None,
        "data_fingerprint": DATA.fingerprint,
        "split_fingerprint": PARTS.fingerprint,
        "device": "cuda",
        "threads": 3,
        "machine": platform.platform(),
    }
