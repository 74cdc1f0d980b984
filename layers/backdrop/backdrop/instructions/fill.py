"""Fills the templates of resolved instructions with the photo's metadata and the names in its key."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backdrop.instructions.merge import ResolvedInstructions
from backdrop.instructions.name_templates import NAME_FIELD, check_name, fill_name_template
from backdrop.instructions.templates import build_placeholder_error, fill_template, has_braces, list_placeholders
from backdrop.model.errors import InstructionError
from backdrop.model.ids import to_canonical_json
from backdrop.model.object_keys import folder_of, stem_of
from backdrop.model.output_spec import parse_output

TEMPLATE_FIELDS = ("prompt", "negative_prompt")
"""The fields whose text may contain placeholders."""


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
    instructions: ResolvedInstructions, variant: str, bucket: str, photo_key: str
) -> tuple[ResolvedInstructions, list[InstructionError]]:
    """Returns the instructions with filled texts and names, and why one cannot be filled.

    Such a text stays as it is, and such an output has no name of its own.
    """
    templates = {name: instructions.fields[name] for name in TEMPLATE_FIELDS if name in instructions.fields}
    templates = {name: text for name, text in templates.items() if has_braces(text)}
    outputs = instructions.fields.get("output", {})
    if not templates and not any(NAME_FIELD in one for one in list_outputs(outputs)):
        return instructions, []
    values = list_template_values(instructions.fields.get("metadata", {}), photo_key)
    filled: dict[str, Any] = {}
    errors: list[InstructionError] = []
    for name, text in templates.items():
        try:
            filled[name] = _fill_field(instructions.provenance[name], name, text, values)
        except InstructionError as error:
            errors.append(error)
    filled_fields = tuple(filled)
    named_outputs: list[Mapping[str, Any]] = []
    for output in list_outputs(outputs):
        try:
            named_outputs.append(_fill_name(instructions, output, variant, bucket, photo_key, values))
        except InstructionError as error:
            errors.append(error)
            named_outputs.append({name: value for name, value in output.items() if name != NAME_FIELD})
    if outputs:
        filled["output"] = named_outputs if isinstance(outputs, list) else named_outputs[0]
    return replace(instructions, fields={**instructions.fields, **filled}, filled_fields=filled_fields), errors


def list_outputs(outputs: Mapping[str, Any] | list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns the outputs of the field `output`, which takes one or a list."""
    return outputs if isinstance(outputs, list) else [outputs]


def _fill_name(
    instructions: ResolvedInstructions,
    output: Mapping[str, Any],
    variant: str,
    bucket: str,
    photo_key: str,
    values: Mapping[str, str],
) -> Mapping[str, Any]:
    """Returns the output with the name of its pictures. Raises InstructionError."""
    if NAME_FIELD not in output:
        return output
    source_name = instructions.provenance["output"]
    image_count = int(instructions.fields.get("num_images", 1))
    name = fill_name_template(source_name, output, variant, image_count, values)
    check_name(source_name, name, parse_output(output).format, bucket, photo_key)
    return {**output, NAME_FIELD: name}


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
