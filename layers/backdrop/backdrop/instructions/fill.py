"""Fills the templates of resolved instructions with the photo's metadata and the names in its key."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backdrop.instructions.merge import ResolvedInstructions
from backdrop.instructions.suggest import find_nearest
from backdrop.instructions.templates import fill_template, has_braces, list_placeholders
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.ids import to_canonical_json
from backdrop.model.object_keys import folder_of, stem_of

TEMPLATE_FIELDS = ("prompt", "negative_prompt")
"""The fields whose text may contain placeholders."""
MAX_LISTED_NAMES = 30
MAX_SHOWN_CHARACTERS = 80


def list_template_values(metadata: Mapping[str, Any], photo_key: str) -> dict[str, str]:
    """Returns the value of each placeholder: the metadata, and `stem` and `folder`, which take precedence.

    Numbers and booleans are written as in JSON. Metadata that is null, a list, or an object has no value. At the
    bucket's root, there is no `folder`.
    """
    values = {
        name: value if isinstance(value, str) else to_canonical_json(value)
        for name, value in metadata.items()
        if isinstance(value, str | int | float)
    }
    folder = folder_of(photo_key).rstrip("/").rpartition("/")[2]
    return values | {"stem": stem_of(photo_key)} | ({"folder": folder} if folder else {})


def fill_templates(
    instructions: ResolvedInstructions, photo_key: str
) -> tuple[ResolvedInstructions, list[InstructionError]]:
    """Returns the instructions with filled texts, and why a text cannot be filled. Such a text stays as it is."""
    templates = {name: instructions.fields[name] for name in TEMPLATE_FIELDS if name in instructions.fields}
    templates = {name: text for name, text in templates.items() if has_braces(text)}
    if not templates:
        return instructions, []
    values = list_template_values(instructions.fields.get("metadata", {}), photo_key)
    filled: dict[str, str] = {}
    errors: list[InstructionError] = []
    for name, text in templates.items():
        try:
            filled[name] = _fill_field(instructions.provenance[name], name, text, values)
        except InstructionError as error:
            errors.append(error)
    return replace(instructions, fields={**instructions.fields, **filled}, filled_fields=tuple(filled)), errors


def _fill_field(source_name: str, name: str, text: str, values: Mapping[str, str]) -> str:
    """Returns the filled text in the form that is hashed and sent. Raises InstructionError."""
    missing = [one for one in list_placeholders(text) if one not in values]
    if missing:
        raise build_placeholder_error(source_name, name, missing, values)
    # Loaded here because most instructions have no templates, and pydantic's types add to a cold start.
    from pydantic import ValidationError

    from backdrop.instructions.error_messages import build_instruction_error
    from backdrop.instructions.values import FILLED_TEXT

    try:
        return FILLED_TEXT.validate_python(fill_template(text, values))
    except ValidationError as error:
        detail = {**error.errors(include_url=False)[0], "loc": (name,)}
        cause = build_instruction_error(source_name, lambda _: (), detail)
        raise InstructionError(cause.code, f"{cause.message.clause}, after its placeholders are filled.") from error


def build_placeholder_error(
    source_name: str, name: str, missing: list[str], values: Mapping[str, str]
) -> InstructionError:
    """Returns the error of placeholders without a value: which they are, the nearest known name, and all names."""
    braced = " and ".join(f"{{{one[:MAX_SHOWN_CHARACTERS]}}}" for one in missing)
    nearest = find_nearest(missing[0], values)
    hint = f" Did you mean {{{nearest}}}?" if nearest else ""
    names = sorted(values)
    listed = ", ".join(one[:MAX_SHOWN_CHARACTERS] for one in names[:MAX_LISTED_NAMES])
    more = f", and {len(names) - MAX_LISTED_NAMES:,} more" if len(names) > MAX_LISTED_NAMES else ""
    return InstructionError(
        Code.UNKNOWN_PLACEHOLDER,
        f"{source_name}: {name} contains {braced}, but the photo has no such value.{hint} "
        f"The names that have a value are {listed}{more}.",
    )
