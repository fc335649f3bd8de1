"""When Python collects garbage: not while packages are imported, where it takes an eighth of a short run."""

import atexit
import gc


def postpone_collection() -> None:
    """Collects nothing until `collect_from_now`; looks for nothing at the end of the process either."""
    gc.disable()
    atexit.register(gc.freeze)


def collect_from_now() -> None:
    """To be called when all is imported: leaves that alone, and collects what is made from now on, if rarely."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()
