"""What the client uploads for a photo, and the key that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.imaging.sniff import sniff_file
from backdrop.instructions.sources import parse_file
from backdrop.model.ids import sha256_hex, to_canonical_json
from backdrop_client.errors import InstructionsError

type Photo = bytes | str | Path
"""A photo's bytes, or the path of a file on this machine."""

KEY_FORMAT = "backdrop-client-1"
"""Part of the hash in a key. It must never change: another key would buy every picture a second time."""
CORRECT_HINT = "Correct the instructions, and call again."
_EXTENSIONS = {"jpeg": "jpg"}
# Intake determines what a file is from its bytes, so the extension of an unknown type does not matter.
_UNKNOWN_EXTENSION = "bin"


@dataclass(frozen=True)
class Upload:
    """A photo and its sidecar, which is the canonical JSON of the instructions."""

    key: str
    data: bytes
    sidecar: bytes

    @property
    def sidecar_key(self) -> str:
        return f"{self.key}.json"


def build_upload(photo: Photo, prefix: str, fields: Mapping[str, Any]) -> Upload:
    """Fields that are None are left out.

    Raises InstructionsError if the instructions are invalid or the photo is neither bytes nor a path, and OSError if
    the file cannot be read.
    """
    data = photo if isinstance(photo, bytes) else _read_photo(photo)
    instructions = {name: value for name, value in fields.items() if value is not None}
    sidecar = _encode(instructions)
    if errors := parse_file("The sidecar", sidecar).errors:
        message = " ".join(str(one.detail.closed) for one in errors)
        raise InstructionsError(errors[0].code.value, message, CORRECT_HINT)
    return Upload(derive_key(data, instructions, prefix), data, sidecar)


def _encode(instructions: object) -> bytes:
    """Returns canonical JSON. Raises InstructionsError for what is not JSON, or is nested too deeply."""
    try:
        return to_canonical_json(instructions).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InstructionsError("invalid_value", f"The instructions are not JSON: {error}.", CORRECT_HINT) from error


def _read_photo(path: object) -> bytes:
    if not isinstance(path, str | Path):
        message = f"A photo is its bytes or the path of its file, and not a value of the type {type(path).__name__}."
        raise InstructionsError("invalid_value", message, "Pass the photo's bytes or its path.")
    try:
        return Path(path).read_bytes()
    except ValueError as error:
        message = f"{str(path)!r} is not a path: {error}."
        raise InstructionsError("invalid_value", message, "Pass the photo's bytes or its path.") from error


def derive_key(data: bytes, instructions: Mapping[str, Any], prefix: str) -> str:
    """Returns `<prefix><32 hex digits>.<extension>`: the same for the same bytes with the same instructions.

    The digits are the first of the SHA-256 of the canonical JSON (UTF-8, sorted keys, no spaces) of a list: the name of
    this format, the SHA-256 of the photo's bytes in hex, and the instructions. The extension follows from the bytes.
    """
    digest = sha256_hex(to_canonical_json([KEY_FORMAT, sha256_hex(data), dict(instructions)]).encode())[:32]
    kind = sniff_file(data)
    name = kind.format or kind.convertible_format or _UNKNOWN_EXTENSION
    return f"{prefix}{digest}.{_EXTENSIONS.get(name, name)}"


def derive_redo_revision(key: str, fields: Mapping[str, Any]) -> str:
    """Returns the revision of a redo: the same for the same job and the same new fields.

    Raises InstructionsError if the fields are not JSON.
    """
    return sha256_hex(_encode([KEY_FORMAT, key, dict(fields)]))[:32]
