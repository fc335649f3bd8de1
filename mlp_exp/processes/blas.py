"""The BLAS that NumPy calls, in this process."""

from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def blas() -> ThreadpoolController:
    """Its libraries, which take milliseconds to find."""
    return ThreadpoolController().select(user_api="blas")
