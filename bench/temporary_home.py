"""The temporary folder of a bench's local cloud."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.home import Home


@contextmanager
def temporary_home(parent: Path | None = None) -> Generator[Home]:
    """Yields a home in which a cloud may run within this block. `parent`: None for the system's temporary folder."""
    home = Home(Path(tempfile.mkdtemp(prefix="backdrop-bench-", dir=parent)))
    try:
        with clean_up_on_exit(home):
            yield home
    finally:
        home.remove_files()
