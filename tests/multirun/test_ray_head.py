"""The head of a Ray cluster that no longer answers."""

import socket
from types import SimpleNamespace

import pytest

from mlp_exp.errors import LauncherError
from mlp_exp.multirun.executors import ray_head

LOOPBACK = "127.0.0.1"


def test_a_head_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is lost after half a minute; then there is time to save runs before it is said again."""
    now = [1000.0]
    monkeypatch.setattr(ray_head, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with socket.create_server((LOOPBACK, 0)) as server:
        address = f"{LOOPBACK}:{server.getsockname()[1]}"
        head = ray_head.Head(address)
        now[0] += 100
        head.require()
    raised = []
    for _ in range(50):
        now[0] += 1
        try:
            head.require()
        except LauncherError as error:
            raised.append((now[0], str(error)))
    said = (
        f"hydra/launcher=ray: the head of the cluster, {address}, has not answered for 30 seconds "
        "(Connection refused); resume=true goes on from here"
    )
    assert raised == [(1132.0, said), (1142.0, said)]
