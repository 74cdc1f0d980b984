"""Checks of multipart forms that do not depend on the provider: text, choices, numbers, images."""

import io
import re

from anyio import to_thread
from PIL import Image

from backdrop_local.standin.multipart import FormPart

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
WHOLE_NUMBER = re.compile(r"[0-9]{1,12}")


class InvalidInputError(Exception):
    """The form breaks a rule; the message names it (for the journal, not for the client)."""


class MultipartForm:
    """The parts of one request by name; every check raises InvalidInputError."""

    def __init__(self, parts: list[FormPart], *, max_file_bytes: int) -> None:
        self._parts = parts
        self._max_file_bytes = max_file_bytes

    def find_parts(self, name: str) -> list[FormPart]:
        """All parts of this name in their order."""
        return [part for part in self._parts if part.name == name]

    def reject_unknown(self, known: frozenset[str]) -> None:
        """Allow no part but the known ones."""
        for part in self._parts:
            if part.name not in known:
                raise InvalidInputError(f"unknown part {part.name!r}")

    def find_single(self, name: str) -> FormPart | None:
        """The part of this name, which may come once."""
        found = self.find_parts(name)
        if len(found) > 1:
            raise InvalidInputError(f"{name} was sent {len(found)} times")
        return found[0] if found else None

    def read_text(self, name: str) -> str | None:
        """The text of the part of this name."""
        part = self.find_single(name)
        return None if part is None else decode_text(part)

    def read_texts(self, name: str) -> list[str]:
        """The texts of a part that may be repeated."""
        return [decode_text(part) for part in self.find_parts(name)]

    def read_choice(self, name: str, choices: frozenset[str] | tuple[str, ...]) -> str | None:
        """A text that is one of the choices, letter by letter."""
        value = self.read_text(name)
        if value is not None and value not in choices:
            raise InvalidInputError(f"{name} cannot be {value!r}")
        return value

    def read_number(self, name: str, low: int, high: int) -> int | None:
        """A whole number within its range."""
        value = self.read_text(name)
        if value is None:
            return None
        if WHOLE_NUMBER.fullmatch(value) is None or not low <= int(value) <= high:
            raise InvalidInputError(f"{name} must be a whole number {low} to {high}, not {value!r}")
        return int(value)

    async def read_image(self, name: str) -> bytes:
        """A required image file."""
        part = self.find_single(name)
        if part is None:
            raise InvalidInputError(f"{name} is missing")
        await self._check_image(part)
        return part.data

    async def read_images(self, name: str) -> list[bytes]:
        """Repeated image files, which together may be as large as one."""
        found = self.find_parts(name)
        if sum(len(part.data) for part in found) > self._max_file_bytes:
            raise InvalidInputError(f"the {name} are too large together")
        for part in found:
            await self._check_image(part)
        return [part.data for part in found]

    async def _check_image(self, part: FormPart) -> None:
        if not part.filename:
            raise InvalidInputError(f"{part.name} must be a file with a name")
        if read_media_type(part) not in IMAGE_TYPES:
            raise InvalidInputError(f"{part.name} cannot be of type {part.content_type!r}")
        if len(part.data) > self._max_file_bytes:
            raise InvalidInputError(f"{part.name} is larger than {self._max_file_bytes} bytes")
        await check_decodes(part.data)


def read_media_type(part: FormPart) -> str:
    """The part's content type without parameters, in lower case; empty if it has none."""
    return (part.content_type or "").split(";")[0].strip().lower()


def decode_text(part: FormPart) -> str:
    """The text of a part that is no file; raises InvalidInputError."""
    if part.filename is not None:
        raise InvalidInputError(f"{part.name} must be text, not a file")
    try:
        return part.text
    except UnicodeDecodeError:
        raise InvalidInputError(f"{part.name} is not UTF-8") from None


async def check_decodes(content: bytes) -> None:
    """Raises InvalidInputError unless it is a JPEG, PNG or WebP that can be decoded whole."""
    await to_thread.run_sync(_decode, content)


def _decode(content: bytes) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            # A draft reads the whole file but makes far fewer pixels of a JPEG.
            image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as broken:
        raise InvalidInputError(f"a file cannot be decoded: {broken}") from None
