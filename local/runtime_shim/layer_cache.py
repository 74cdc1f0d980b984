"""What the emulator opens archives with: a layer is unpacked by the first worker, and the others' folders lead there.

A worker writes nothing into a layer, which is read-only on AWS and compiled when it is built. Reading its 34 MB and
their 3,700 names again for each worker would take 60 ms of the emulator's time, and so of every cold start.
"""

import hashlib
import struct
import tempfile
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import BadZipFile
from zipfile import LargeZipFile as LargeFileError
from zipfile import ZipFile as Archive

__all__ = ["BadZipFile", "LargeFileError", "ZipFile"]
unpack_lock = Lock()
# An archive's last 22 bytes say how long its directory is and where it begins (PKWARE's APPNOTE, 4.3.16).
END_RECORD = struct.Struct("<12xLL2x")


class LayerArchive:
    """A layer's archive, opened where it has to be unpacked."""

    def __init__(self, packed: Path) -> None:
        self.packed = packed
        self.unpacked = Path(tempfile.gettempdir()) / f"layer-{hash_directory(packed)}"

    def __enter__(self) -> "LayerArchive":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def namelist(self) -> list[str]:
        """The names that the emulator looks at for those that lead elsewhere; once is enough."""
        if self.unpacked.is_dir():
            return []
        with Archive(self.packed) as archive:
            return archive.namelist()

    def extractall(self, path: str) -> None:
        """The folder becomes a link to where the layer is unpacked."""
        with unpack_lock:
            if not self.unpacked.is_dir():
                draft = self.unpacked.with_suffix(".draft")
                with Archive(self.packed) as archive:
                    archive.extractall(draft)
                draft.rename(self.unpacked)
        Path(path).rmdir()
        Path(path).symlink_to(self.unpacked, target_is_directory=True)


def hash_directory(packed: Path) -> str:
    """What tells an archive from others: its directory, which has each file's name and checksum."""
    with packed.open("rb") as data:
        data.seek(-END_RECORD.size, 2)
        size, begins = END_RECORD.unpack(data.read(END_RECORD.size))
        data.seek(begins)
        return hashlib.sha256(data.read(size)).hexdigest()


def ZipFile(file: str) -> Any:  # noqa: N802 - the emulator asks for it by this name
    """An archive in a file; that of a layer is called `layer_` and its number, as is the folder it goes into."""
    return LayerArchive(Path(file)) if Path(file).name.startswith("layer_") else Archive(file)
