"""The names of pictures: fills `name_template` of each output, except `{n}`, and checks the result."""

import unicodedata
from collections.abc import Iterator, Mapping

from backdrop.instructions.templates import (
    build_placeholder_error,
    fill_template,
    list_placeholders,
    measure_filled_text,
    parse_template,
)
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.object_keys import MAX_S3_KEY_BYTES, RESERVED_PREFIX, folder_of, photo_name_of
from backdrop.model.output_spec import IMAGE_NUMBER, JPG, OutputSpec
from backdrop.model.picture_names import find_default_owner, has_suffix
from backdrop.model.unicode_text import to_nfc

NAME_FIELD = "name_template"
NAME_CHARACTERS_TEXT = "letters, digits, spaces, and . _ -"
REASONS_WITHOUT_VALUE = {
    "variant": "the instructions have no variants",
    "output": "the output has no name",
    "width": "neither the output nor its frame has a width in pixels",
}
"""Placeholders that only a name has, and when they have no value."""
SUFFIXES = {JPG: (".jpg", ".jpeg")}
MAX_SHOWN_CHARACTERS = 80


def validate_name_template(text: str) -> str:
    """Returns a template in NFC. Raises ValueError if its braces or its own characters make every name invalid."""
    text = to_nfc(text).strip()
    literal_text = "".join(part for part in parse_template(text) if isinstance(part, str))
    if len(literal_text) > MAX_S3_KEY_BYTES:
        raise ValueError(f"it is too long: a key has at most {MAX_S3_KEY_BYTES:,} bytes")
    if forbidden := _find_forbidden_characters(literal_text.replace("/", "")):
        raise ValueError(f"it contains {forbidden}; outside placeholders, it may contain {NAME_CHARACTERS_TEXT}, and /")
    return text


def fill_name_template(
    place: str,
    template: str,
    output: OutputSpec,
    variant: str,
    image_count: int,
    values: Mapping[str, str],
) -> str:
    """Returns the name of an output's pictures, in which only `{n}` is left. Raises InstructionError.

    `place`: the source and the path of the template, for messages.
    """
    own_values = {
        "variant": variant,
        "output": output.name or "",
        "width": str(output.requested_width or ""),
        "ext": output.format,
    }
    values = {**values, **{name: value for name, value in own_values.items() if value}, "n": IMAGE_NUMBER}
    for name in list_placeholders(template):
        if name in REASONS_WITHOUT_VALUE and not own_values[name]:
            raise _invalid_name(
                place, f"it contains {{{name}}}, but {REASONS_WITHOUT_VALUE[name]}", Code.UNKNOWN_PLACEHOLDER
            )
        if name not in values:
            raise build_placeholder_error(place, [name], values, REASONS_WITHOUT_VALUE)
    length = measure_filled_text(template, values)
    if length > MAX_S3_KEY_BYTES:
        limit = f"a key has at most {MAX_S3_KEY_BYTES:,} bytes"
        raise _invalid_name(place, f"the name, which has {length:,} characters, is too long: {limit}")
    for name in list_placeholders(template):
        if name != "n" and (forbidden := _find_forbidden_characters(values[name])):
            shown = values[name][:MAX_SHOWN_CHARACTERS]
            raise _invalid_name(
                place,
                f"the value of {{{name}}}, {shown!r}, contains {forbidden}; it may contain {NAME_CHARACTERS_TEXT}",
            )
    if image_count > 1 and "n" not in list_placeholders(template):
        raise _invalid_name(place, f"it needs {{n}}, because num_images is {image_count}")
    try:
        filled = to_nfc(fill_template(template, values))
    except ValueError as error:
        raise _invalid_name(place, str(error)) from error
    empty = [f"{{{name}}}" for name in list_placeholders(template) if not values[name].strip()]
    if empty and _has_empty_part(filled, output.format):
        verb = "is" if len(empty) == 1 else "are"
        reason = f"{' and '.join(empty)} {verb} empty, so the name would be {filled[:MAX_SHOWN_CHARACTERS]!r}"
        raise _invalid_name(place, reason)
    return filled


def check_name(place: str, name: str, extension: str, bucket: str, photo_key: str) -> None:
    """Raises InstructionError if a filled name cannot be a key below the photo's folder, or a file's name."""
    longest_folder = folder_of(photo_name_of(bucket, photo_key, stack_bucket=""))
    example = name.replace(IMAGE_NUMBER, "20")
    for reason in _list_name_errors(example, extension, photo_key, len(longest_folder.encode())):
        raise _invalid_name(place, f"the name {name[:MAX_SHOWN_CHARACTERS]!r} {reason}")


def _list_name_errors(name: str, extension: str, photo_key: str, folder_bytes: int) -> Iterator[str]:
    suffixes, parts = _list_suffixes(extension), name.split("/")
    if _has_empty_part(name, extension):
        yield "has an empty part"
    if ".." in name:
        yield "contains '..'"
    if any(part != part.strip(" .") for part in parts):
        yield "has a part that begins or ends with a space or a period"
    if any(part.startswith(RESERVED_PREFIX) for part in parts):
        yield f"has a part that begins with {RESERVED_PREFIX}, which is reserved"
    if not parts[-1].lower().endswith(suffixes):
        yield f"does not end with {suffixes[0]}, the output's format; end the template with .{{ext}}"
    if folder_bytes + len(name.encode()) > MAX_S3_KEY_BYTES:
        yield f"is too long: with the photo's folder, a key has at most {MAX_S3_KEY_BYTES:,} bytes"
    owner = find_default_owner(f"{folder_of(photo_key)}{name}")
    if owner and owner != photo_key and has_suffix(owner):
        yield f"is reserved for the pictures of a photo {owner}; choose another folder"


def _has_empty_part(name: str, extension: str) -> bool:
    """Whether a folder in the name is empty, or the file has only its suffix."""
    parts = name.split("/")
    return not all(parts) or not all(parts[-1].lower().removesuffix(one) for one in _list_suffixes(extension))


def _list_suffixes(extension: str) -> tuple[str, ...]:
    return SUFFIXES.get(extension, (f".{extension}",))


def _find_forbidden_characters(text: str) -> str:
    """Returns the characters that no name may contain, for a message; "" if there are none."""
    forbidden = sorted({sign for sign in text if not _is_allowed(sign)})
    return ", ".join(map(repr, forbidden[:5])) or ("'..'" if ".." in text else "")


def _is_allowed(sign: str) -> bool:
    """Letters with their combining marks, and decimal digits, in any script."""
    return sign in " ._-" or unicodedata.category(sign)[0] in "LM" or sign.isdecimal()


def _invalid_name(place: str, reason: str, code: Code = Code.INVALID_VALUE) -> InstructionError:
    return InstructionError(code, f"{place}: {reason}.")
