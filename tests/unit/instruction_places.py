"""Instruction sources for the tests, and helpers that read their errors."""

import json

from backdrop.instructions.sources import InstructionSource, parse_file
from backdrop.model.codes import Code

NAME = "shoes/red.jpg.json"
BEACH = '{"prompt": "a beach"}'


def parse_sidecar(content: object) -> InstructionSource:
    """Returns the source that results from a sidecar with this JSON value."""
    return parse_file(NAME, json.dumps(content).encode())


def list_error_codes(source: InstructionSource) -> list[Code]:
    return [error.code for error in source.errors]


def join_error_messages(source: InstructionSource) -> str:
    """Returns all error messages of a source as one text."""
    return "\n".join(str(error.message) for error in source.errors)


def is_encodable(source: InstructionSource) -> bool:
    """Whether receipts, reports, and the ledger can store the source: its texts can be encoded, its JSON is valid."""
    texts = [
        *source.warnings,
        *(str(error.message) for error in source.errors),
        *(str(error.hint) for error in source.errors),
    ]
    values = [
        dict(source.fields),
        {name: dict(one) for name, one in (source.variants or {}).items()},
    ]
    held = json.dumps(values, ensure_ascii=False, allow_nan=False)
    return all(text.encode() for text in [*texts, held])
