"""Files that change only once their new content is complete."""

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

PARTIAL_SUFFIX = ".part"


@contextmanager
def replace_file(path: Path) -> Generator[BinaryIO]:
    """Opens a file that replaces the one at `path` when the block ends. If the block raises, `path` stays as it was.

    The new file has the permissions of the one that it replaces, or those that the user's umask gives to new files.
    Several threads and processes may replace the same file, because each of them writes its own.

    Raises:
        OSError: the file cannot be written.
    """
    partial_path = path.with_name(f".backdrop-{os.getpid()}-{get_ident()}{PARTIAL_SUFFIX}")
    try:
        partial_path.unlink(missing_ok=True)
        with partial_path.open("xb") as file:
            if path.is_file() and not path.is_symlink():
                partial_path.chmod(stat.S_IMODE(path.stat().st_mode))
            yield file
        partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)
