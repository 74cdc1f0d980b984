"""Where functions run that take strangers' bytes and return bytes and facts: here, or isolated (`isolated.py`)."""

from collections.abc import Callable
from typing import Protocol


class Isolation(Protocol):
    def run[**P, T](self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Returns what the function returns, or raises what it raises."""
        ...


class SameProcess:
    """For commands on the operator's machine, and for simulated worlds."""

    def run[**P, T](self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)


SAME_PROCESS = SameProcess()
