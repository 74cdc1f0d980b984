"""Fills the templates of resolved instructions with the photo's metadata and the names in its key."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from backdrop.instructions.error_messages import JsonPath, build_instruction_error, format_path
from backdrop.instructions.merge import ResolvedInstructions
from backdrop.instructions.name_templates import NAME_FIELD, check_name, fill_name_template
from backdrop.instructions.templates import (
    build_placeholder_error,
    fill_template,
    has_braces,
    list_placeholders,
    measure_filled_text,
)
from backdrop.model.codes import Code
from backdrop.model.composition import TEXT_FIELDS
from backdrop.model.errors import InstructionError
from backdrop.model.frame import parse_output_frame
from backdrop.model.ids import to_canonical_json
from backdrop.model.object_keys import folder_of, stem_of
from backdrop.model.output_spec import list_output_objects, parse_output, split_by_marketplace
from backdrop.model.unicode_text import has_excessive_marks, to_nfc

TEMPLATE_FIELDS = ("prompt", "negative_prompt", *TEXT_FIELDS)
"""The fields whose text may contain placeholders, at the top level and in an output."""


def list_template_values(metadata: Mapping[str, Any], photo_key: str) -> dict[str, str]:
    """Returns the value of each placeholder: the metadata, and `stem` and `folder`, which take precedence.

    Numbers and booleans are written as in JSON. Metadata that is null, a list, or an object has no value. At the
    bucket's root, there is no `folder`. Texts are in their normal form, unless they have none (`to_nfc`).
    """
    values = {
        name: value if isinstance(value, str) else to_canonical_json(value)
        for name, value in metadata.items()
        if isinstance(value, str | int | float)
    }
    folder = folder_of(photo_key).rstrip("/").rpartition("/")[2]
    values |= {"stem": stem_of(photo_key)} | ({"folder": folder} if folder else {})
    return {name: value if has_excessive_marks(value) else to_nfc(value) for name, value in values.items()}


def fill_templates(
    instructions: ResolvedInstructions, variant: str, bucket: str, photo_key: str
) -> tuple[ResolvedInstructions, list[InstructionError]]:
    """Returns the instructions with filled texts and names, and an error for each that cannot be filled.

    A text that cannot be filled stays as it is; an output whose name cannot be filled has none. A named output for
    several marketplaces becomes one output for each of them, because the names differ.
    """
    values = list_template_values(instructions.fields.get("metadata", {}), photo_key)
    filler = _TemplateFiller(instructions, variant, bucket, photo_key, values)
    fields = filler.fill_texts(instructions.fields, ())
    if "output" in fields:
        is_list = isinstance(fields["output"], list)
        outputs = [
            named
            for n, output in enumerate(list_output_objects(fields))
            for named in filler.fill_output(output, ("output", n) if is_list else ("output",))
        ]
        fields["output"] = outputs if is_list or len(outputs) > 1 else outputs[0]
    return replace(instructions, fields=fields, filled_texts=filler.filled_texts), filler.errors


@dataclass
class _TemplateFiller:
    """Fills the templates of one variant, and collects the filled texts by path, and the errors."""

    instructions: ResolvedInstructions
    variant: str
    bucket: str
    photo_key: str
    values: Mapping[str, str]
    filled_texts: dict[str, str] = field(default_factory=dict[str, str])
    errors: list[InstructionError] = field(default_factory=list[InstructionError])

    def fill_texts(self, given: Mapping[str, Any], path: JsonPath) -> dict[str, Any]:
        """Returns the object at a path of the instructions with filled texts."""
        templates = {name: given[name] for name in TEMPLATE_FIELDS if name in given and has_braces(given[name])}
        filled: dict[str, str] = {}
        for name, text in templates.items():
            text_path = (*path, name)
            try:
                filled[name] = _fill_text(self._find_source(text_path), text_path, text, self.values)
            except InstructionError as error:
                self.errors.append(error)
            else:
                self.filled_texts[format_path(text_path)] = filled[name]
        return {**given, **filled}

    def fill_output(self, output: Mapping[str, Any], path: JsonPath) -> list[Mapping[str, Any]]:
        """Returns the output at a path with filled texts and, for each marketplace, the name of its pictures."""
        output = self.fill_texts(output, path)
        if NAME_FIELD not in output:
            return [output]
        place = f"{self._find_source(path)}: {format_path((*path, NAME_FIELD))}"
        try:
            return [{**one, NAME_FIELD: self._fill_name(place, one)} for one in split_by_marketplace(output)]
        except InstructionError as error:
            self.errors.append(error)
            return [{name: value for name, value in output.items() if name != NAME_FIELD}]

    def _fill_name(self, place: str, output: Mapping[str, Any]) -> str:
        image_count = int(self.instructions.fields.get("num_images", 1))
        spec = replace(parse_output(output), frame=parse_output_frame(self.instructions.fields))
        name = fill_name_template(place, output[NAME_FIELD], spec, self.variant, image_count, self.values)
        check_name(place, name, spec.format, self.bucket, self.photo_key)
        return name

    def _find_source(self, path: JsonPath) -> str:
        return self.instructions.provenance[str(path[0])]


def _fill_text(source_name: str, path: JsonPath, text: str, values: Mapping[str, str]) -> str:
    """Returns the filled text in its normal form. Raises InstructionError."""
    missing = [one for one in list_placeholders(text) if one not in values]
    if missing:
        raise build_placeholder_error(f"{source_name}: {format_path(path)}", missing, values)
    # Loaded here because most instructions have no templates, and pydantic's types add to a cold start.
    from pydantic import ValidationError

    from backdrop.instructions.values import FILLED_TEXTS, MAX_TEXT_LENGTHS

    length, max_length = measure_filled_text(text, values), MAX_TEXT_LENGTHS[str(path[-1])]
    if length > max_length:
        raise InstructionError(
            Code.INVALID_VALUE,
            f"{source_name}: {format_path(path)} has {length:,} characters; it can have at most {max_length:,} "
            "characters, after its placeholders are filled.",
        )
    try:
        return FILLED_TEXTS[str(path[-1])].validate_python(fill_template(text, values))
    except ValidationError as error:
        detail = {**error.errors(include_url=False)[0], "loc": path}
        cause = build_instruction_error(source_name, lambda _: (), detail)
        raise InstructionError(cause.code, f"{cause.message.clause}, after its placeholders are filled.") from error
