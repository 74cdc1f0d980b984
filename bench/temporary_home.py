"""Where a bench's cloud lives: in a folder that goes with it."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.home import Home


@contextmanager
def temporary_home(parent: Path | None = None) -> Generator[Home]:
    """A home in which a cloud may run within this block; `below`: None for the system's folder."""
    home = Home(Path(tempfile.mkdtemp(prefix="backdrop-bench-", dir=parent)))
    try:
        with clean_up_on_exit(home):
            yield home
    finally:
        home.remove_files()
