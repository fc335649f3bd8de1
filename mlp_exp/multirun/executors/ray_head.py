"""The head of a Ray cluster: whether it answers."""

import socket
import time

from mlp_exp.errors import LauncherError

REACH_SECONDS = 5.0
"""How long the head of a cluster may take to answer; Ray itself would try for minutes."""
ASK_SECONDS = 2.0
"""Between two questions."""
LOST_SECONDS = 30.0
"""After which a head that does not answer is lost. Ray ends the process after a minute, with nothing saved."""
SAVE_SECONDS = 10.0
"""For how long runs may then be saved."""
RESUME = "resume=true goes on from here"


def reach(address: str) -> None:
    """Connects to `HOST:PORT`; raises OSError or OverflowError where nothing answers."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()


class Head:
    """The head of the cluster that a command uses."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._answered = self._asked = time.monotonic()
        self._patience = LOST_SECONDS

    def require(self) -> None:
        """Asks now and then whether it answers; to be called often.

        Raises:
            LauncherError: it is lost; raised again when there has been time to save runs.
        """
        if time.monotonic() - self._asked < ASK_SECONDS:
            return
        try:
            reach(self._address)
            self._answered = time.monotonic()
        except OSError as error:
            if time.monotonic() - self._answered > self._patience:
                self._patience += SAVE_SECONDS
                raise LauncherError(
                    f"hydra/launcher=ray: the head of the cluster, {self._address}, has not answered for "
                    f"{LOST_SECONDS:g} seconds ({error.strerror or error}); {RESUME}"
                ) from error
        finally:
            self._asked = time.monotonic()
