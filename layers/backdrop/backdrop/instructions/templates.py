"""Templates: text with placeholders such as `{sku}`. Values are never templates, so a text is filled exactly once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.instructions.suggest import find_nearest
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError

MAX_PLACEHOLDERS = 100
"""In one text. It is filled for each of up to 20 variants and 10 outputs."""
MAX_LISTED_NAMES = 30
MAX_COMPARED_NAMES = 50
MAX_SHOWN_CHARACTERS = 80
_NO_REASONS: Mapping[str, str] = {}
_SPECIAL = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Placeholder:
    name: str


type TemplatePart = str | Placeholder


def has_braces(text: str) -> bool:
    """Whether filling may change the text. Text without braces is its own result."""
    return "{" in text or "}" in text


def parse_template(text: str) -> list[TemplatePart]:
    """Splits a text into literal text and placeholders. `{{` and `}}` are literal braces.

    Raises ValueError if a brace has no counterpart, if a placeholder has no name, or if there are too many.
    """
    parts: list[TemplatePart] = []
    end = placeholder_count = 0
    for found in _SPECIAL.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found["name"] is not None:
            placeholder_count += 1
            parts.append(_parse_placeholder(found["name"]))
        elif len(found[0]) == 1:
            counterpart = {"{": "}", "}": "{"}[found[0]]
            raise ValueError(
                f"the {found[0]!r} at character {found.start() + 1:,} has no {counterpart!r}; "
                f"write a literal brace as {found[0] * 2!r}"
            )
        else:
            parts.append(found[0][0])
    if placeholder_count > MAX_PLACEHOLDERS:
        raise ValueError(f"it has {placeholder_count:,} placeholders; it can have at most {MAX_PLACEHOLDERS}")
    return [part for part in (*parts, text[end:]) if part]


def _parse_placeholder(text: str) -> Placeholder:
    if not text.strip():
        raise ValueError("it contains braces without a name between them; write literal braces as '{{' and '}}'")
    return Placeholder(text.strip())


def measure_literal_text(text: str) -> int:
    """Returns how many characters the text has without its placeholders. Raises ValueError as `parse_template` does."""
    return sum(len(part) for part in parse_template(text) if isinstance(part, str))


def list_placeholders(text: str) -> list[str]:
    """Returns the names of the placeholders, each once. Raises ValueError as `parse_template` does."""
    return list(dict.fromkeys(part.name for part in parse_template(text) if isinstance(part, Placeholder)))


def measure_filled_text(text: str, values: Mapping[str, str]) -> int:
    """Returns how many characters `fill_template` would return: a short template may stand for gigabytes."""
    return sum(len(part if isinstance(part, str) else values[part.name]) for part in parse_template(text))


def fill_template(text: str, values: Mapping[str, str]) -> str:
    """Replaces each placeholder by its value. Raises KeyError if one has no value, and ValueError as above.

    The caller has measured the result before.
    """
    return "".join(part if isinstance(part, str) else values[part.name] for part in parse_template(text))


def build_placeholder_error(
    place: str,
    missing: Sequence[str],
    values: Mapping[str, str],
    reasons_without_value: Mapping[str, str] = _NO_REASONS,
) -> InstructionError:
    """Returns the error of placeholders without a value: which they are, the nearest known name, and all names.

    `place`: the source and the path of the template. `reasons_without_value`: known names that may have no value here,
    and why.
    """
    braced = " and ".join(f"{{{one[:MAX_SHOWN_CHARACTERS]}}}" for one in missing[:MAX_LISTED_NAMES])
    nearest = find_nearest(missing[0], [*reasons_without_value, *values][:MAX_COMPARED_NAMES])
    hint = f" Did you mean {{{nearest}}}?" if nearest else ""
    if nearest and nearest not in values:
        hint += f" It has no value, because {reasons_without_value[nearest]}."
    names = sorted(values)
    listed = ", ".join(one[:MAX_SHOWN_CHARACTERS] for one in names[:MAX_LISTED_NAMES])
    more = f", and {len(names) - MAX_LISTED_NAMES:,} more" if len(names) > MAX_LISTED_NAMES else ""
    return InstructionError(
        Code.UNKNOWN_PLACEHOLDER,
        f"{place} contains {braced}, but the photo has no such value.{hint} "
        f"The names that have a value are {listed}{more}.",
    )
