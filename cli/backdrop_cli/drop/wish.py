"""What the command line itself asks for, as the sidecar that it stands for."""

import json
from collections.abc import Sequence
from pathlib import Path

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import read_file
from backdrop_cli.errors import MisusedError


def wish_of(
    prompt: str | None, style: str | None, providers: Sequence[str] | None, sidecar: Path | None
) -> bytes | None:
    """The sidecar's bytes, None where nothing is asked; MisusedError with every mistake in it."""
    provider = providers[0] if providers and len(providers) == 1 else providers
    said = {"prompt": prompt, "style": style, "provider": provider}
    given = {name: value for name, value in said.items() if value is not None}
    if sidecar and given:
        raise MisusedError(f"--sidecar and --{next(iter(given))} both give instructions; use one of them")
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
        said = (one.message if name else one.words for one in errors)
        raise MisusedError("; ".join(str(one.clause) for one in said))
    return data
