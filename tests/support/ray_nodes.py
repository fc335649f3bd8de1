"""A Ray cluster on loopback alone, in a process of its own: one that has spoken to Ray cannot be forked."""

import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection

from ray._private import ray_constants
from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False, "include_log_monitor": False}


class Nodes:
    """A head and the nodes that are added to it, of a core each.

    Attributes:
        address: of the head.
    """

    def __init__(self) -> None:
        self._there, here = multiprocessing.Pipe()
        self._pid = os.fork()
        if not self._pid:
            try:
                self._there.close()
                _serve(here)
            finally:
                os._exit(0)
        here.close()
        self.address = str(self._there.recv())
        self._count = 1

    def require(self, count: int) -> None:
        """Adds nodes until there are so many."""
        for _ in range(count - self._count):
            self._ask("add")

    def lose(self) -> None:
        """The node that was added last dies."""
        self._ask("lose")

    def end(self) -> None:
        self._ask("end")
        self._there.close()
        os.waitpid(self._pid, 0)

    def _ask(self, what: str) -> None:
        self._there.send(what)
        self._count += self._there.recv()


def _serve(requests: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # workers that nobody has asked for take a second each
    os.environ["RAY_prestart_worker_first_driver"] = "0"  # noqa: SIM112
    ray_constants.ENABLE_RAY_CLUSTER = False
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "no_monitor": True})
    requests.send(cluster.address)
    added = []
    with suppress(EOFError):  # the tests were killed
        while (what := requests.recv()) != "end":
            if what == "add":
                added.append(cluster.add_node(**NODE))
            else:
                cluster.remove_node(added.pop(), allow_graceful=False)
            requests.send(1 if what == "add" else -1)
    cluster.shutdown()
    with suppress(OSError):
        requests.send(0)
