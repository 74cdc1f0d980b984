"""Files that change only once their new content is complete."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

PARTIAL_SUFFIX = ".part"


@contextmanager
def replace_file(path: Path) -> Generator[BinaryIO]:
    """Opens a file that replaces the one at `path` when the block ends. If the block raises, `path` stays as it was.

    Several threads and processes may replace the same file, because each of them writes its own.

    Raises:
        OSError: the file cannot be written.
    """
    partial_path = path.with_name(f".backdrop-{os.getpid()}-{get_ident()}{PARTIAL_SUFFIX}")
    try:
        partial_path.unlink(missing_ok=True)
        with partial_path.open("xb") as file:
            yield file
        partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)
