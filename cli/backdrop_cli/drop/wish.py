"""What the command line itself asks for: the sidecar of every photo that has none."""

import json
from pathlib import Path

from backdrop.core.json_text import MAX_SIDECAR_BYTES
from backdrop.core.places import read_file
from backdrop_cli.errors import MisusedError


def wish_of(prompt: str | None, style: str | None, provider: str | None, sidecar: Path | None) -> bytes | None:
    """The sidecar's bytes, None where nothing is asked; MisusedError with every mistake in it."""
    said = {"prompt": prompt, "style": style, "provider": provider}
    given = {name: text for name, text in said.items() if text is not None}
    if sidecar and given:
        raise MisusedError(f"--sidecar and --{next(iter(given))} both say what is wanted; use one of them")
    if sidecar:
        return checked(str(sidecar), _read(sidecar))
    if not given:
        return None
    return checked("", json.dumps(given, ensure_ascii=False, indent=2).encode() + b"\n")


def _read(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise MisusedError(f"{file} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_SIDECAR_BYTES:
        raise MisusedError(f"{file} has {len(data):,} bytes; a sidecar has at most {MAX_SIDECAR_BYTES:,}")
    return data


def checked(name: str, data: bytes) -> bytes:
    """A sidecar's bytes; MisusedError with every mistake in them."""
    errors = read_file(name, data).errors
    if errors:
        raise MisusedError("; ".join(one.message.removeprefix(": ").rstrip(".") for one in errors))
    return data
