"""Replaces `zipfile` in the emulator: the first worker unpacks a layer, and the folders of the others link to it.

A worker does not write to a layer, which is read-only on AWS and compiled when it is built. Reading a layer's 34 MB
and its 3,700 names again for each worker would add 60 ms of the emulator's time to every cold start.
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
# An archive's last 22 bytes contain the size and the offset of its directory (PKWARE's APPNOTE, 4.3.16).
END_RECORD = struct.Struct("<12xLL2x")


class LayerArchive:
    """A layer's archive, opened only if it has to be unpacked."""

    def __init__(self, packed: Path) -> None:
        self.packed = packed
        self.unpacked = Path(tempfile.gettempdir()) / f"layer-{hash_directory(packed)}"

    def __enter__(self) -> "LayerArchive":
        return self

    def __exit__(self, *_: object) -> None:
        """Does nothing, because no file is open."""

    def namelist(self) -> list[str]:
        """Returns the names, which the emulator checks for unsafe paths. Returns none once the layer is unpacked."""
        if self.unpacked.is_dir():
            return []
        with Archive(self.packed) as archive:
            return archive.namelist()

    def extractall(self, path: str) -> None:
        """Replaces the folder with a link to the unpacked layer."""
        with unpack_lock:
            if not self.unpacked.is_dir():
                draft = self.unpacked.with_suffix(".draft")
                with Archive(self.packed) as archive:
                    archive.extractall(draft)
                draft.rename(self.unpacked)
        Path(path).rmdir()
        Path(path).symlink_to(self.unpacked, target_is_directory=True)


def hash_directory(packed: Path) -> str:
    """Returns a hash of the archive's directory, which contains each file's name and checksum."""
    with packed.open("rb") as data:
        data.seek(-END_RECORD.size, 2)
        size, begins = END_RECORD.unpack(data.read(END_RECORD.size))
        data.seek(begins)
        return hashlib.sha256(data.read(size)).hexdigest()


def ZipFile(file: str) -> Any:  # noqa: N802 - the emulator uses this name
    """Opens an archive. A layer's archive is named `layer_` and a number, like the folder it is unpacked into."""
    return LayerArchive(Path(file)) if Path(file).name.startswith("layer_") else Archive(file)
