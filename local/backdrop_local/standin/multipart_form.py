"""Checks of multipart forms that do not depend on the provider: text, choices, numbers, and images."""

import io
import re

from anyio import to_thread
from PIL import Image

from backdrop_local.standin.multipart import FormPart

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
WHOLE_NUMBER = re.compile(r"[0-9]{1,12}")


class InvalidInputError(Exception):
    """The form violates a rule. The message names the rule (for the journal, not for the client)."""


class MultipartForm:
    """The parts of one request by name. Every check raises InvalidInputError."""

    def __init__(self, parts: list[FormPart], *, max_file_bytes: int) -> None:
        self._parts = parts
        self._max_file_bytes = max_file_bytes

    def find_parts(self, name: str) -> list[FormPart]:
        """Returns all parts with this name, in order."""
        return [part for part in self._parts if part.name == name]

    def reject_unknown(self, known: frozenset[str]) -> None:
        """Rejects every part that is not known."""
        for part in self._parts:
            if part.name not in known:
                raise InvalidInputError(f"unknown part {part.name!r}")

    def find_single(self, name: str) -> FormPart | None:
        """Returns the part with this name, which must not be repeated."""
        found = self.find_parts(name)
        if len(found) > 1:
            raise InvalidInputError(f"{name} was sent {len(found)} times")
        return found[0] if found else None

    def read_text(self, name: str) -> str | None:
        """Returns the text of the part with this name."""
        part = self.find_single(name)
        return None if part is None else decode_text(part)

    def read_texts(self, name: str) -> list[str]:
        """Returns the texts of a part that may be repeated."""
        return [decode_text(part) for part in self.find_parts(name)]

    def read_choice(self, name: str, choices: frozenset[str] | tuple[str, ...]) -> str | None:
        """Returns a text, which must be exactly one of the choices."""
        value = self.read_text(name)
        if value is not None and value not in choices:
            raise InvalidInputError(f"{name} cannot be {value!r}")
        return value

    def read_number(self, name: str, low: int, high: int) -> int | None:
        """Returns a whole number, which must be within the range."""
        value = self.read_text(name)
        if value is None:
            return None
        if WHOLE_NUMBER.fullmatch(value) is None or not low <= int(value) <= high:
            raise InvalidInputError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        return int(value)

    async def read_image(self, name: str) -> bytes:
        """Returns a required image file."""
        part = self.find_single(name)
        if part is None:
            raise InvalidInputError(f"{name} is missing")
        await self._check_image(part)
        return part.data

    async def read_images(self, name: str) -> list[bytes]:
        """Returns repeated image files. Their total size has the same limit as a single file."""
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
    """Returns the part's content type without parameters, in lower case. Empty if it has none."""
    return (part.content_type or "").split(";")[0].strip().lower()


def decode_text(part: FormPart) -> str:
    """Returns the text of a part that is not a file. Raises InvalidInputError."""
    if part.filename is not None:
        raise InvalidInputError(f"{part.name} must be text, not a file")
    try:
        return part.text
    except UnicodeDecodeError:
        raise InvalidInputError(f"{part.name} is not UTF-8") from None


async def check_decodes(content: bytes) -> None:
    """Raises InvalidInputError unless the content is a JPEG, PNG, or WebP that can be decoded completely."""
    await to_thread.run_sync(_decode, content)


def _decode(content: bytes) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            # A draft reads the whole file, but decodes a JPEG to far fewer pixels.
            image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as broken:
        raise InvalidInputError(f"a file cannot be decoded: {broken}") from None
