"""What the emulator opens archives with: a layer is unpacked by the first worker, and the others' folders lead there.

A worker writes nothing into a layer, which is read-only on AWS and compiled when it is built.
"""

import hashlib
import tempfile
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import BadZipFile
from zipfile import LargeZipFile as LargeFileError
from zipfile import ZipFile as Archive

__all__ = ["BadZipFile", "LargeFileError", "ZipFile"]
one_at_a_time = Lock()


class ZipFile(Archive):
    """An archive in a file; that of a layer is called `layer_` and its number, as is the folder it goes into."""

    @property
    def unpacked(self) -> Path:
        """Where the first worker that had such a layer left it."""
        with Path(str(self.filename)).open("rb") as data:
            return Path(tempfile.gettempdir()) / f"layer-{hashlib.file_digest(data, 'sha256').hexdigest()}"

    def namelist(self) -> list[str]:
        """The names that the emulator looks at for those that lead elsewhere; once is enough."""
        return [] if self._is_layer() and self.unpacked.is_dir() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Unpack into a folder; of a layer, the folder becomes a link to where it is unpacked."""
        if not self._is_layer():
            super().extractall(path, members, pwd)
            return
        folder, there = Path(path), self.unpacked
        with one_at_a_time:
            if not there.is_dir():
                draft = there.with_suffix(".draft")
                super().extractall(draft, Archive.namelist(self), pwd)
                draft.rename(there)
        folder.rmdir()
        folder.symlink_to(there, target_is_directory=True)

    def _is_layer(self) -> bool:
        return Path(str(self.filename)).name.startswith("layer_")
