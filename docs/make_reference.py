"""Writes docs/reference.md from the code: `make docs` (a test checks that it is current)."""

from pathlib import Path
from typing import Any

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.output_schema import MAX_OUTPUTS
from backdrop.instructions.schema import MAX_VARIANTS
from backdrop.instructions.values import COLORS
from backdrop.model.capabilities import (
    CAPABILITIES,
    MAX_FILE_BYTES,
    MUTUALLY_EXCLUSIVE,
    PHOTO_LIMITS,
    PROVIDER_FIELDS,
    ProviderField,
)
from backdrop.model.marketplaces import list_marketplaces
from backdrop.model.object_keys import MAX_PHOTO_KEY_BYTES
from backdrop.model.pricing import (
    CREDIT_PROVIDER,
    PRICE_LIST_DATE,
    PRICE_SOURCES,
    REMOVE_PER_INPUT,
    REPLACE_PER_IMAGE,
    format_usd,
)
from backdrop.model.styles import STYLE_PRESETS
from docs.make_schemas import build_schema
from docs.tables import format_table

PAGE = Path(__file__).parent / "reference.md"
# What a schema's patterns accept, in words.
ACCEPTED_VALUES = {
    "style": "a preset's name or a code",
    "style_preset": "a preset's name",
    "style_codes": "a list of codes",
    "provider": "`ideogram` `segmind` `1min` `runware` or a list of these",
    "variants": f"an object of at most {MAX_VARIANTS} objects",
    "output": f"an object or a list of 1 to {MAX_OUTPUTS}, see below",
    "color_palette": "a palette's name, a list of 1 to 8 colors, or an object, see below",
    "members": "a list of 1 to 8 objects",
    "color_hex": "`#b470b3` or `#b7b`",
    "background": f"`#ffffff`, `#fff`, or a name: {', '.join(COLORS)}; or an object, see below",
    "gradient": "a list of 2 to 5 colors",
    "image": "a key",
    "logo": "a key, `none`, or an object, see below",
    "shadow": "`contact` `drop` `reflection` `none`, or an object, see below",
    "for": f"a marketplace, or a list of them: {', '.join(f'`{name}`' for name in list_marketplaces())}",
    "margin": "`7.5%`, `40px`, or a number of pixels",
}


def format_fields(schema: dict[str, Any]) -> str:
    """Returns the table of an object's fields."""
    properties: dict[str, dict[str, Any]] = schema["properties"]
    return format_table(
        ("field", "takes", "meaning"),
        [
            (f"`{name}`", describe_values(name, one), one["description"])
            for name, one in properties.items()
            if name != "$schema"
        ],
    )


def describe_values(name: str, schema: dict[str, Any]) -> str:
    """Returns what a field's schema accepts, in a few words."""
    if name in ACCEPTED_VALUES:
        return ACCEPTED_VALUES[name]
    alternatives = [_describe_kind(one) for one in schema.get("anyOf", [schema])]
    return " or ".join(dict.fromkeys(alternatives))


def _describe_kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return "an object, see below"
    if "enum" in schema:
        return " ".join(f"`{word}`" for word in schema["enum"])
    if schema["type"] == "array":
        return f"a list of {'strings' if schema['items'].get('type') == 'string' else 'these'}"
    if "maximum" in schema:
        number = "a whole number" if schema["type"] == "integer" else "a number"
        return f"{number}, {schema['minimum']:,} to {schema['maximum']:,}"
    kinds = {"string": "text", "number": "a number", "object": "an object", "boolean": "`true` `false`"}
    return kinds[schema["type"]]


def format_providers() -> str:
    columns = list(CAPABILITIES)
    rows = [
        (f"`{name}`", *(format_provider_field(CAPABILITIES[column].get(name)) for column in columns))
        for name in PROVIDER_FIELDS
    ]
    return format_table(("field", *(f"{provider} {operation}" for provider, operation in columns)), rows)


def format_provider_field(field: ProviderField | None) -> str:
    """Returns a cell: the provider's own name, without the objects that contain it, and the range."""
    if field is None:
        return "–"
    return f"`{field.name.rpartition('.')[2]}`: {field.accepted}" if field.name else f"{field.accepted}"


def list_exclusive_fields() -> str:
    """Returns the fields that a single provider does not accept together."""
    rules = [(provider, rule) for (provider, _), rules in MUTUALLY_EXCLUSIVE.items() for rule in rules]
    lines = [
        line for provider, rule in rules for line in rule.find_conflicts(provider, dict.fromkeys(PROVIDER_FIELDS, ""))
    ]
    return "\n".join(f"- {line}." for line in lines)


def format_prices() -> str:
    rows = [
        (provider, "replace", speed, f"{format_usd(price)} per picture", PRICE_SOURCES[provider])
        for provider, speeds in REPLACE_PER_IMAGE.items()
        for speed, price in speeds.items()
    ]
    rows += [
        (provider, "remove", model, f"{format_usd(price)} per photo", PRICE_SOURCES[provider])
        for provider, models in REMOVE_PER_INPUT.items()
        for model, price in models.items()
    ]
    rows.append((CREDIT_PROVIDER, "replace", "–", "as `OneMinUsdPerImage` says", "the stack's operator"))
    return format_table(("provider", "operation", "rendering_speed or model", "price", "source"), rows)


def format_instructions() -> str:
    schema = build_schema("sidecar")
    definitions = schema["$defs"]
    output, palette, member = (definitions[name] for name in ("OutputModel", "PaletteModel", "PaletteMemberModel"))
    return f"""{format_fields(schema)}

Fields of an `output`. They are processed in the order trim, frame, fit, margin, background, shadow, logo, format.
`shadow`, `logo`, `alt`, `title`, and `copyright` next to `output` apply to all outputs that have none of their own.

{format_fields(output)}

Fields of a `shadow`:

{format_fields(definitions["ShadowModel"])}

Fields of a `logo`:

{format_fields(definitions["LogoModel"])}

Fields of a `background` that is not a color: `gradient` or `image`.

{format_fields(definitions["BackgroundModel"])}

Fields of a `subject`:

{format_fields(definitions["SubjectModel"])}

Fields of a `color_palette`, which has one of the two:

{format_fields(palette)}

Fields of one of its `members`:

{format_fields(member)}

Fields of a variant: each field above except `variants`."""


def format_limits() -> str:
    return f"""## What each provider takes

All accept JPEG, PNG, or WebP of at most {PHOTO_LIMITS.max_bytes:,} bytes. Other photos, and larger ones of up to
{MAX_FILE_BYTES:,} bytes, are first converted and encoded again. The limit for a photo's key is
{MAX_PHOTO_KEY_BYTES} bytes.

Each cell has the provider's own name of the field and the values that it accepts. –: the provider does not support the
field. A job that uses it is refused there, or moves along its list of providers.

{format_providers()}

In addition to the combinations that no provider accepts:

{list_exclusive_fields()}"""


def build_page() -> str:
    presets = ", ".join(f"`{preset.lower()}`" for preset in STYLE_PRESETS)
    return f"""# Fields, providers, prices, styles

`make docs` writes this page from the code; do not edit it. How to use the fields: [specify
instructions](instructions.md).

## Fields of a sidecar

A sidecar is a JSON object in UTF-8 of at most {MAX_SIDECAR_BYTES:,} bytes next to its photo: `red.jpg.json`, or else
`red.json`. A folder's `_backdrop.json` and a direct request have the same fields. So do object tags, except
`metadata`, `variants`, and values that are objects. JSON Schemas for editors: [schemas](../schemas).

{format_instructions()}

{format_limits()}

## Prices

List prices of {PRICE_LIST_DATE}. For each job, the receipt has the charge and its source: the provider (`reported`:
Segmind and Runware return it with the result), this list, or the stack's operator (`configured`).

{format_prices()}

## Style presets

{presets}

Any spelling with the same letters and digits is accepted: `Golden Hour`, `golden-hour`, `GOLDEN_HOUR`. A style
code is eight hexadecimal digits, such as `AAFF5733`.
"""


if __name__ == "__main__":
    PAGE.write_text(build_page())
