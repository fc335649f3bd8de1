"""Where a Ray cluster is, and what it takes to join it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ray._private import ray_constants, services

from mlp_exp.config.ray_settings import NODE
from mlp_exp.errors import LauncherError
from mlp_exp.multirun.executors.ray_head import reach

LOOPBACK = "127.0.0.1"
TOKEN = "If it asks for a token, set RAY_AUTH_MODE=token, with its head's token in ~/.ray/auth_token or RAY_AUTH_TOKEN"


def address_of(asked: str | None) -> str | None:
    """The head of the cluster to join, which answers; None to start one. To one that Ray finds goes the user's token.

    Raises:
        LauncherError: there is none.
    """
    if asked is None:
        return None
    address = asked if asked != "auto" else os.environ.get("RAY_ADDRESS") or "auto"
    if address == "auto":
        use_token()  # as ray.init does
    found = []
    for loopback in (False, True):  # Ray takes the address of this machine for 127.0.0.1, unless a cluster is there
        with suppress(ConnectionError, ValueError), loopback_alone(loopback):
            found.append(str(services.canonicalize_bootstrap_address(address)))
    if not found:
        raise LauncherError(
            f"{NODE}.address: expected a Ray cluster, which `ray start --head` starts here, got {asked}, and found none"
        )
    why = ""
    for each in dict.fromkeys(found):
        try:
            reach(each)
        except (OSError, OverflowError) as error:
            why = why or (error.strerror if isinstance(error, OSError) else None) or str(error)
        else:
            return each
    raise LauncherError(f"{NODE}.address: expected the head of a Ray cluster, got {asked}, where none answers ({why})")


def use_token() -> bool:
    """Has Ray send the user's token from now on; whether there is one, and it was not sent before."""
    if "RAY_AUTH_MODE" in os.environ:
        return False
    try:
        from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available
    except ImportError:  # this Ray sends none unless RAY_AUTH_MODE says so
        return False
    return bool(maybe_enable_token_auth_if_token_available(warn_if_disabled=False))


@contextmanager
def loopback_alone(wanted: bool) -> Iterator[None]:
    """Inside, Ray takes 127.0.0.1 for this machine's address, and what it starts listens there alone."""
    before = ray_constants.ENABLE_RAY_CLUSTER
    if wanted:
        ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
