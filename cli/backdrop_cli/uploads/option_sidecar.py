"""Builds a sidecar from the options of the command line."""

import json
from collections.abc import Sequence
from pathlib import Path

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import parse_file
from backdrop_cli.errors import UsageError


def build_sidecar(
    prompt: str | None, style: str | None, providers: Sequence[str] | None, sidecar: Path | None
) -> bytes | None:
    """Returns the sidecar's bytes, or None without options. Raises UsageError with all errors in it."""
    provider = providers[0] if providers and len(providers) == 1 else providers
    options = {"prompt": prompt, "style": style, "provider": provider}
    given_options = {name: value for name, value in options.items() if value is not None}
    if sidecar and given_options:
        raise UsageError(f"--sidecar and --{next(iter(given_options))} both give instructions; use one of them")
    if sidecar:
        return validate_sidecar(str(sidecar), _read_sidecar(sidecar))
    if not given_options:
        return None
    return validate_sidecar("", json.dumps(given_options, ensure_ascii=False, indent=2).encode() + b"\n")


def _read_sidecar(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_SIDECAR_BYTES:
        raise UsageError(f"{file} has {len(data):,} bytes; a sidecar can have at most {MAX_SIDECAR_BYTES:,} bytes")
    return data


def validate_sidecar(name: str, data: bytes) -> bytes:
    """Returns the sidecar's bytes. Raises UsageError with all errors in them."""
    errors = parse_file(name, data).errors
    if errors:
        messages = (one.message if name else one.detail for one in errors)
        raise UsageError("; ".join(str(one.clause) for one in messages))
    return data
