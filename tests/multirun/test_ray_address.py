"""Which Ray cluster is joined, with the user's token or without; Ray is a stand-in here."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray._private.authentication import authentication_token_setup

from mlp_exp.errors import LauncherError
from mlp_exp.multirun.executors import ray as ray_module
from mlp_exp.multirun.executors import ray_address
from mlp_exp.multirun.executors.ray import RayBackend
from mlp_exp.multirun.executors.ray_address import address_of

HEAD = "10.0.0.1:6379"
FAILED = f"Failed to connect to Ray cluster at {HEAD}"


class Clusters:
    """What a command sees of Ray.

    Attributes:
        token: whether the user has one.
        sends: whether Ray sends it.
        needed: whether the cluster takes no one without it.
        asked: where a cluster was looked for.
        tries: for each whether it sent the token.
    """

    def __init__(self) -> None:
        self.token = True
        self.sends = False
        self.needed = True
        self.asked: list[str] = []
        self.tries: list[bool] = []

    def enable(self, *, warn_if_disabled: bool) -> bool:
        assert not warn_if_disabled
        self.sends = self.token
        return self.token

    def canonicalize_bootstrap_address(self, address: str) -> str:
        self.asked.append(address)
        logging.getLogger("ray._private.services").warning("Found multiple active Ray instances")
        return HEAD

    def init(self, **settings: Any) -> None:
        self.tries.append(self.sends)
        if self.needed and not self.sends:
            raise ConnectionError(FAILED)


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> Clusters:
    made = Clusters()
    for name in ("RAY_AUTH_MODE", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(authentication_token_setup, "maybe_enable_token_auth_if_token_available", made.enable)
    monkeypatch.setattr(ray_address, "services", made)
    monkeypatch.setattr(ray_address, "reach", lambda address: None)
    context = SimpleNamespace(gcs_address=HEAD)
    monkeypatch.setattr(ray_module, "ray", SimpleNamespace(init=made.init, get_runtime_context=lambda: context))
    crew = SimpleNamespace(require=lambda: None, most=lambda: 0)
    monkeypatch.setattr(ray_module, "Crew", lambda settings: crew)
    return made


@pytest.mark.parametrize(
    ("address", "needed", "tries"),
    [("auto", True, [True]), (HEAD, True, [False, True]), (HEAD, False, [False])],
)
def test_the_token_is_sent_where_one_is_needed(
    clusters: Clusters, tmp_path: Path, caplog: pytest.LogCaptureFixture, address: str, needed: bool, tries: list[bool]
) -> None:
    """A cluster without tokens would not understand it; one that Ray finds here has the user's own."""
    clusters.needed = needed
    RayBackend.read({"address": address}).begin(tmp_path)
    assert clusters.tries == tries
    assert caplog.messages == []


@pytest.mark.parametrize("mode", [None, "disabled"])
def test_a_token_that_is_missing(
    clusters: Clusters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str | None
) -> None:
    """There is none, or the user has forbidden to send it."""
    clusters.token = mode is not None
    if mode:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    with pytest.raises(LauncherError) as caught:
        RayBackend.read({"address": HEAD}).begin(tmp_path)
    assert str(caught.value) == (
        f"hydra/launcher=ray: the cluster {HEAD} cannot be used: {FAILED}. If it asks for a token, set "
        "RAY_AUTH_MODE=token, with its head's token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
    )
    assert clusters.tries == [False]


@pytest.mark.parametrize(("variable", "asked", "sends"), [("", "auto", True), ("far:1", "far:1", False)])
def test_an_empty_variable_says_nothing(
    clusters: Clusters, monkeypatch: pytest.MonkeyPatch, variable: str, asked: str, sends: bool
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    assert address_of("auto") == HEAD
    assert (set(clusters.asked), clusters.sends) == ({asked}, sends)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"pip": 3}, "runtime_env['pip'] must be of type str or List[str], got <class 'int'>"),
        (
            {"env_vars": {"OMP_NUM_THREADS": 1}},
            "runtime_env['env_vars'] must be of type Dict[str, str], but the value 1 is of type <class 'int'>",
        ),
    ],
)
def test_an_environment_that_ray_does_not_take(
    clusters: Clusters, tmp_path: Path, environment: dict[str, Any], said: str
) -> None:
    """It is refused before a cluster is started or joined."""
    with pytest.raises(LauncherError) as caught:
        RayBackend.read({"runtime_env": environment}).begin(tmp_path)
    assert str(caught.value) == f"hydra.launcher.runtime_env: {said}"
    assert clusters.tries == []
