"""Pictures on their way to the disk: never half a file, nothing twice, and a full disk said in words."""

import errno
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from backdrop_cli.download.names import flat_names
from backdrop_cli.drop.uploads import etag_of
from backdrop_cli.errors import RefusedError
from backdrop_cli.screen import Screen, bar, several
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack
from backdrop_cli.words import size

NO_LIMIT = 1 << 40
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass
class Fetched:
    """What a download did. `there`: the same bytes lay there already; `gone`: no more in the bucket."""

    folder: Path
    names: dict[str, str] = field(default_factory=dict[str, str])
    new: list[str] = field(default_factory=list[str])
    there: list[str] = field(default_factory=list[str])
    gone: list[str] = field(default_factory=list[str])
    bytes: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        return len(self.new) + len(self.there) + len(self.gone)

    def picture(self) -> Group:
        """A bar."""
        words = f"  downloading   {self.done:,} of {len(self.names):,} files   {size(self.bytes)}"
        return bar(self.done, len(self.names), Text(words))

    def document(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "folder": str(self.folder),
            "downloaded": len(self.new),
            "there_already": len(self.there),
            "gone": self.gone,
            "files": {key: str(self.folder / name) for key, name in self.names.items() if key not in self.gone},
        }


def fetch(stack: Stack, screen: Screen, keys: Sequence[str], folder: Path) -> Fetched:
    """Put pictures into a folder, which is made where there is none.

    Raises RefusedError where the disk does not take them; what is there by then is whole.
    """
    done = Fetched(folder, flat_names(keys))

    def work(key: str) -> tuple[str, int | None]:
        return key, _one(stack, key, folder / done.names[key])

    make(folder)
    try:
        with screen.live(done.picture):
            for key, written in side_by_side(work, list(done.names), stack.at_once):
                _count(done, key, written)
    except OSError as error:
        raise RefusedError(_of_disk(error, done)) from error
    return done


def make(folder: Path) -> None:
    """A folder for pictures; RefusedError where there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"there can be no folder {folder}: {error.strerror or error}") from error


def _count(done: Fetched, key: str, written: int | None) -> None:
    (done.gone if written is None else done.new if written else done.there).append(key)
    done.bytes += written or 0


def _one(stack: Stack, key: str, file: Path) -> int | None:
    """The bytes that were written: 0 where the file is there already, None where there is no such picture."""
    known = etag_of(file.read_bytes()) if file.is_file() else None
    stored = stack.photos.read(stack.output_bucket, key, limit=NO_LIMIT, known_etag=known)
    if stored is None:
        return None
    if stored.data is None:
        return 0
    draft = file.with_name(f".backdrop-{os.getpid()}-{etag_of(key.encode()).strip('"')[:16]}.part")
    try:
        draft.unlink(missing_ok=True)
        with draft.open("xb") as written:
            written.write(stored.data)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return len(stored.data)


def _of_disk(error: OSError, done: Fetched) -> str:
    there = sum((done.folder / name).is_file() for name in done.names.values())
    are = "is" if there == 1 else "are"
    whole = f"{several(there, 'file')} of {len(done.names):,} {are} there, each of them whole"
    if error.errno in FULL:
        return f"the disk of {done.folder} is full; {whole}. Make room and run the command again: it goes on"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; {whole}"


def tell(screen: Screen, done: Fetched) -> None:
    """What came of it."""
    words = [f"{several(len(done.new), 'file')} ({size(done.bytes)}) in {done.folder}"] if done.new else []
    words += [f"{several(len(done.there), 'file')} there already"] if done.there else []
    screen.say(f"✓ {', '.join(words)}." if words else "There is no picture to download.", "green" if words else "")
    for key in done.gone:
        screen.line(f"! no more in the bucket: {key}", "yellow")
