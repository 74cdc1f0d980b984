"""What places say, in the words that their tests look for."""

import json

from backdrop.instructions.sources import InstructionSource, parse_file
from backdrop.model.codes import Code

NAME = "shoes/red.jpg.json"
BEACH = '{"prompt": "a beach"}'


def sidecar(content: object) -> InstructionSource:
    """The place that a JSON value in a sidecar makes."""
    return parse_file(NAME, json.dumps(content).encode())


def codes(place: InstructionSource) -> list[Code]:
    """The codes of a place's mistakes."""
    return [error.code for error in place.errors]


def words(place: InstructionSource) -> str:
    """All that a place's mistakes say."""
    return "\n".join(str(error.message) for error in place.errors)


def encodable(place: InstructionSource) -> bool:
    """A place that receipts, reports and the ledger can hold: text that is text, JSON that is JSON."""
    texts = [
        *place.warnings,
        *(str(error.message) for error in place.errors),
        *(str(error.hint) for error in place.errors),
    ]
    said = [dict(place.fields), {name: dict(one) for name, one in (place.variants or {}).items()}]
    held = json.dumps(said, ensure_ascii=False, allow_nan=False)
    return all(text.encode() for text in [*texts, held])
