"""Where a bench's cloud lives: in a folder that goes with it."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from backdrop_local.home import Home
from backdrop_local.leash import leashed


@contextmanager
def passing_home(below: Path | None = None) -> Generator[Home]:
    """A home in which a cloud may run within this block; `below`: None for the system's folder."""
    home = Home(Path(tempfile.mkdtemp(prefix="backdrop-bench-", dir=below)))
    try:
        with leashed(home):
            yield home
    finally:
        home.forget()
