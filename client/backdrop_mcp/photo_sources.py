"""The photos that an agent may send: files below one folder, bytes in the call, or objects in its own folder."""

import os
import stat
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from backdrop.imaging.sniff import sniff_file
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop_client import Backdrop, GoneError, Job

MAX_INLINE_BYTES = 10_000_000
"""A message of the protocol is held in memory several times, and most agents have the file on disk anyway."""
_IMAGE_FAMILIES = frozenset({"photo", "convertible"})


class PhotoSourceError(ValueError):
    """The photo cannot be used. Nothing was uploaded.

    `to_do`: how to correct the call. `quoted`: the name that the message is about, as the caller gave it.
    """

    def __init__(self, message: str, to_do: str, quoted: str | None = None) -> None:
        super().__init__(f"{message} {to_do}")
        self.message, self.to_do, self.quoted = message, to_do, quoted


@dataclass(frozen=True)
class PhotoSources:
    """`root`: the folder from which files may be read; None if no file may be."""

    client: Backdrop
    root: Path | None

    def read(self, path: str | None, data: str | None, key: str | None) -> bytes:
        """Returns a photo's bytes; exactly one argument names it. Raises PhotoSourceError, and the client's errors."""
        if (count := sum(one is not None for one in (path, data, key))) != 1:
            message = "The call names a photo in several ways." if count else "The call names no photo."
            raise PhotoSourceError(message, "Name the photo in one way: with path, data, or key.")
        if key is not None:
            photo = self._read_object(key)
        else:
            photo = self._read_file(path) if path is not None else _decode(data or "")
        kind = sniff_file(photo)
        if kind.family not in _IMAGE_FAMILIES:
            name = path if key is None else key
            subject = "The data" if name is None else "The quoted file"
            raise PhotoSourceError(f"{subject} is {kind.description}, not an image.", "Send a photo.", name)
        return photo

    def _read_object(self, key: str) -> bytes:
        try:
            return open_job(self.client, key, "Use the key of a photo in that folder.").read_photo()
        except GoneError as error:
            message = "The quoted key is not in the input bucket."
            raise PhotoSourceError(message, "Check the key, or send the photo itself.", key) from error

    def _read_file(self, path: str) -> bytes:
        if self.root is None:
            message = "The server may not read files: its owner started it without --root."
            raise PhotoSourceError(message, "Send the photo as data.")
        try:
            inner_path = (self.root / path).resolve(strict=True).relative_to(self.root.resolve(strict=True))
            with open(_open_below(self.root, inner_path), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                photo = file.read(MAX_FILE_BYTES) if size <= MAX_FILE_BYTES else None
        except (OSError, ValueError) as error:
            message = "The quoted path is not that of a file below the server's --root."
            raise PhotoSourceError(message, "Check the path, or copy the photo into that folder.", path) from error
        if photo is None:
            message = f"The quoted file has {size:,} bytes; at most {MAX_FILE_BYTES:,} are possible."
            raise PhotoSourceError(message, "Send a smaller file of the photo.", path)
        return photo


def can_confine_files() -> bool:
    """Whether this system can open a file without following links out of the root. Windows cannot."""
    return hasattr(os, "O_DIRECTORY") and os.open in os.supports_dir_fd


def open_job(client: Backdrop, key: str, to_do: str = "Use a job from `create`.") -> Job:
    """Returns the job of a photo in the client's own folder. Raises PhotoSourceError for any other key."""
    if not key.startswith(client.prefix):
        raise PhotoSourceError("The quoted key is not in the mandate's folder, which `mandate` names.", to_do, key)
    try:
        return client.job(key)
    except ValueError as error:
        raise PhotoSourceError("The quoted key is not that of a photo.", to_do, key) from error


def _open_below(root: Path, inner_path: Path) -> int:
    """Opens a file without following links, because its path may have changed since it was resolved."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in inner_path.parts[:-1]:
            parent, folder = folder, os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(parent)
        # Without O_NONBLOCK, opening a named pipe would wait for its writer.
        file = os.open(inner_path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ValueError("not a regular file")
    return file


def _decode(data: str) -> bytes:
    # Many encoders break lines.
    encoded = "".join((data.partition("base64,")[2] or data).split())
    if len(encoded) > MAX_INLINE_BYTES * 4 // 3 + 4:
        message = f"data is limited to {MAX_INLINE_BYTES:,} bytes."
        raise PhotoSourceError(message, "Send a larger photo by its path.")
    try:
        return b64decode(encoded, validate=True)
    except ValueError as error:
        raise PhotoSourceError("data is not base64.", "Encode the photo's bytes as base64.") from error
