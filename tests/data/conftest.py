"""A fixture of the many cases that only have to be refused."""

import pytest
from hydra._internal.hydra import Hydra
from hydra.types import RunMode


@pytest.fixture
def one_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra composes the configuration once more just to learn that this is no sweep; the many cases here spare it."""
    monkeypatch.setattr(Hydra, "get_mode", lambda *_, **__: RunMode.RUN)
