"""Where a run comes from: fingerprints of its data, the state of git, versions."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlp_exp import __version__
from mlp_exp.data.dataset import Category, Dataset, TargetColumn
from mlp_exp.data.splits.base import Parts
from mlp_exp.storage import processor, provenance

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
        "processor": processor.processor(),
    }


# the processor


def test_the_processor() -> None:
    found = processor.processor()
    assert list(found) == ["model", "architecture", "capability", "simd", "kernel"]
    assert found["architecture"] == platform.machine()
    assert found["capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["simd"] in [*np.show_config(mode="dicts")["SIMD Extensions"]["found"], "X86_V2", "SSE42", "NEON"]
    assert processor.processor() is found
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC: 7B13\nflags\t: avx2\n", "AMD EPYC: 7B13"),
        ("processor\t: 0\nBogoMIPS\t: 243\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4\n", "Raspberry Pi 4"),
        ("processor\t: 0\nBogoMIPS\t: 243.75\n", platform.processor() or platform.machine()),
        ("", platform.processor() or platform.machine()),
    ],
)
def test_the_name_of_a_processor(tmp_path: Path, text: str, model: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert processor._model(tmp_path / "cpuinfo") == model
    assert processor._model(tmp_path / "none") == (platform.processor() or platform.machine())


@pytest.mark.slow
def test_the_kernels_of_another_processor_are_named() -> None:
    """OpenBLAS takes those of a processor that its variable names."""
    code = "from mlp_exp.storage.processor import processor; print(processor()['kernel'])"
    if platform.machine() != "x86_64" or processor.processor()["kernel"] is None:
        pytest.skip("its BLAS has no such kernels")
    named = subprocess.check_output(
        [sys.executable, "-c", code], env={**os.environ, "OPENBLAS_CORETYPE": "Nehalem"}, text=True
    )
    assert named == "Nehalem\n"


def test_the_name_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    processor.gpu.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    assert [processor.gpu(device) for device in ("cpu", "cuda:1", "cuda")] == [None, "card 1", "card None"]
    assert provenance.provenance(DATA, PARTS, "cuda:1", 3)["gpu"] == "card 1"
    processor.gpu.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert processor.gpu("cuda") is None
    processor.gpu.cache_clear()
