"""Writes schemas/ from the models of the instructions: `make docs` (a test checks that they are current)."""

import json
from pathlib import Path
from typing import Any, cast

from backdrop.instructions.conflicts import STYLE_FIELDS
from backdrop.instructions.output_schema import COLORS, OutputModel
from backdrop.instructions.schema import MAX_VARIANTS, InstructionsModel, VariantModel
from backdrop.model.capabilities import CAPABILITIES, PROVIDER_FIELDS
from backdrop.model.styles import STYLE_PRESETS

type Schema = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DESCRIPTIONS = {
    "sidecar": "Instructions for one photo: `red.jpg.json` next to `red.jpg`, or else `red.json`.",
    "folder-defaults": "Instructions for every photo in this folder and below, if nothing more specific applies: "
    "`_backdrop.json`.",
}
EXAMPLES: dict[str, list[Schema]] = {
    "sidecar": [
        {"prompt": "on a marble table in morning light", "style": "golden hour"},
        {"operation": "remove", "output": {"format": "webp"}},
    ],
    "folder-defaults": [{"rendering_speed": "TURBO", "max_cost_usd": 0.2}],
}
_CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
_TEXT = f"^[^{_CONTROL}]*$"
_WORDS = rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"
_CODE = {"type": "string", "title": "Style code", "pattern": "^[0-9a-fA-F]{8}$"}
_PERCENT = r"(?:[0-9]|[1-3][0-9]|4[0-4])(?:\.[0-9]{1,4})?|45(?:\.0{1,4})?"
_PIXELS = "(?:[0-9]{1,3}|[1-4][0-9]{3})"
_FRAME_SIDE = "(?:1[6-9]|[2-9][0-9]|[1-9][0-9]{2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-6])"
_RATIO_SIDE = r"[1-9][0-9]{0,3}(?:\.[0-9]{1,3})?"
_SHARE_PERCENT = r"(?:[1-9][0-9](?:\.[0-9]{1,4})?|100)%"
_BOUNDS = {"ge": "minimum", "le": "maximum"}


def build_spelling_pattern(preset: str) -> str:
    """Returns a pattern of every spelling: upper or lower case, with or without separators between the words."""
    letters = "".join(f"[{one}{one.lower()}]" if one.isalpha() else one for one in preset.replace("_", " "))
    return letters.replace(" ", "[ _-]*")


_ANY_SPELLING = {
    "type": "string",
    "title": "A preset in any spelling",
    "pattern": f"^(?:{'|'.join(map(build_spelling_pattern, STYLE_PRESETS))})$",
}


def _build_choice(names: list[str], error_message: str, *others: Schema) -> Schema:
    """Accepts a preset's name in any spelling, or one of the others; an editor shows the names for anything else."""
    accepted: Schema = (
        {"anyOf": [{"$ref": "#/$defs/AnySpelling"}, *others]} if others else {"$ref": "#/$defs/AnySpelling"}
    )
    return {"type": "string", "if": accepted, "else": {"enum": names, "errorMessage": error_message}}


def find_fields_not_offered() -> frozenset[str]:
    """Returns the fields that no provider supports. Backdrop recognizes them only to refuse them with a reason."""
    return frozenset(PROVIDER_FIELDS) - {field for fields in CAPABILITIES.values() for field in fields}


# Editors must not offer these.
NOT_OFFERED = find_fields_not_offered()
# Rules that the models check in code and that their own schema lacks, by field.
ADDITIONAL_RULES: dict[str, Schema] = {
    "prompt": {"pattern": _WORDS, "patternErrorMessage": "It must contain words, and no control characters."},
    "negative_prompt": {"pattern": _WORDS, "patternErrorMessage": "It must contain words, and no control characters."},
    "style": _build_choice(
        [preset.lower().replace("_", " ") for preset in STYLE_PRESETS],
        "A style is one of the 62 presets, such as 'golden hour', or a code of 8 hexadecimal digits.",
        _CODE,
    ),
    "style_preset": _build_choice(list(STYLE_PRESETS), "It can be one of the 62 presets, such as 'GOLDEN_HOUR'."),
    "style_codes": {"items": _CODE},
    "style_reference_images": {
        "items": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": r"^(?:(?!://)[\s\S])*$"}
    },
    "revision": {"pattern": _TEXT},
    "background": {
        "anyOf": [{"enum": list(COLORS)}, {"type": "string", "pattern": "^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"}]
    },
    "margin": {
        "anyOf": [
            {"type": "string", "pattern": f"^(?:(?:{_PERCENT})%|{_PIXELS}(?:px)?)$"},
            {"type": "integer", "minimum": 0, "maximum": 4999},
        ]
    },
    "frame": {
        "pattern": f"^(?:{_RATIO_SIDE}:{_RATIO_SIDE}|{_FRAME_SIDE}x{_FRAME_SIDE})$",
        "patternErrorMessage": "It must be a ratio such as '4:5', or a size in pixels such as '1200x628'.",
    },
    "subject_size": {
        "anyOf": [
            {"type": "number", "minimum": 0.1, "maximum": 1},
            {"type": "string", "pattern": f"^{_SHARE_PERCENT}$"},
        ]
    },
    "variants": {
        "type": "object",
        "maxProperties": MAX_VARIANTS,
        "propertyNames": {"pattern": "^[a-z0-9-]{1,40}$"},
        "additionalProperties": {"$ref": "#/$defs/VariantModel"},
    },
}
# Replaces the models' docstrings, which are for readers of the code.
MEANINGS = {
    VariantModel.__name__: "One of the photo's pictures: the fields in which it differs from those next to `variants`.",
    OutputModel.__name__: "One form in which each picture is delivered.",
}


def build_schema(kind: str) -> Schema:
    """Returns the schema of a `sidecar` or of `folder-defaults`."""
    model = simplify_schema(InstructionsModel.model_json_schema())
    definitions: dict[str, Schema] = {**model.pop("$defs"), "AnySpelling": _ANY_SPELLING}
    for name, meaning in MEANINGS.items():
        definitions[name]["description"] = meaning
    for schema in (model, definitions[VariantModel.__name__]):
        schema["properties"] = {name: one for name, one in schema["properties"].items() if name not in NOT_OFFERED}
        _add_exclusion_rules(schema)
    _add_output_rules(definitions[OutputModel.__name__])
    note = {"title": "Schema", "description": "Where an editor finds this schema; Backdrop does not read it."}
    return {
        "$schema": DIALECT,
        "$id": f"urn:backdrop:{kind}",
        **model,
        "title": f"{model['title']}: {kind.replace('-', ' ')}",
        "description": DESCRIPTIONS[kind],
        "examples": EXAMPLES[kind],
        "properties": {"$schema": {**note, "type": "string"}, **model["properties"]},
        "$defs": definitions,
    }


def simplify_schema(schema: Any) -> Any:
    """Returns a model's schema as editors need it: no field may be null, and every field has a title and its bounds."""
    if isinstance(schema, list):
        return [simplify_schema(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    original = cast("Schema", schema)
    simplified: Schema = {
        _BOUNDS.get(name, name): simplify_schema(value) for name, value in original.items() if name != "default"
    }
    alternatives = [one for one in simplified.pop("anyOf", []) if one != {"type": "null"}]
    simplified |= alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives} if alternatives else {}
    if "oneOf" in simplified and all("required" not in one for one in simplified["oneOf"]):
        simplified["anyOf"] = simplified.pop("oneOf")
    simplified["properties"] = {name: _build_field(name, one) for name, one in simplified.get("properties", {}).items()}
    return {name: value for name, value in simplified.items() if name != "properties" or value}


def _build_field(name: str, schema: Schema) -> Schema:
    """Returns a field with its additional rules; editors show code in a markdownDescription as code."""
    additional_rules = ADDITIONAL_RULES.get(name, {})
    if {"anyOf", "propertyNames", "if"} & additional_rules.keys():
        schema = {key: value for key, value in schema.items() if key in ("description", "examples")}
    if name == "color_palette":
        schema["anyOf"] = [{"$ref": schema.pop("$ref")}, {"enum": _list_palettes()}]
    if name == "provider":
        schema["anyOf"][1] |= {"uniqueItems": True}
    title = name.replace("_", " ").capitalize().replace("usd", "USD")
    return {
        **schema,
        **additional_rules,
        "title": title,
        "markdownDescription": schema["description"] + describe_providers(name),
    }


def describe_providers(name: str) -> str:
    """Returns which providers accept a field, and which values; an empty string for fields that none receives."""
    if name not in PROVIDER_FIELDS:
        return ""
    accepted = [(provider, fields[name]) for (provider, _), fields in CAPABILITIES.items() if name in fields]
    return "\n\nAccepted by " + "; ".join(f"{provider} ({field.accepted})" for provider, field in accepted) + "."


def _list_palettes() -> list[str]:
    palette: Schema = InstructionsModel.model_json_schema()["$defs"]["PaletteModel"]["properties"]["name"]
    return palette["anyOf"][0]["enum"]


def _add_exclusion_rules(schema: Schema) -> None:
    """Adds which fields exclude one another: only one style, and with `remove` no field of a new background."""
    schema["dependentSchemas"] = {
        name: {"properties": {other: False for other in STYLE_FIELDS if other != name}} for name in STYLE_FIELDS
    }
    schema["if"] = {"required": ["operation"], "properties": {"operation": {"const": "remove"}}}
    schema["then"] = {"properties": {name: False for name in ("style", *PROVIDER_FIELDS) if name not in NOT_OFFERED}}


def _add_output_rules(schema: Schema) -> None:
    """Adds which fields of an output require or exclude one another, as far as a schema can express it."""
    schema["allOf"] = [
        _build_condition({"fit": {"enum": ["pad", "cover"]}}, {"required": ["width", "height"]}),
        _build_condition({"fit": {"const": "cover"}}, {"properties": {"margin": False}}),
        _build_condition(
            {"quality": True}, {"required": ["format"], "properties": {"format": {"enum": ["webp", "jpg"]}}}
        ),
        _build_condition({"format": {"const": "jpg"}, "fit": {"const": "pad"}}, {"required": ["background"]}),
        _build_condition({"format": {"const": "jpg"}, "margin": True}, {"required": ["background"]}),
    ]


def _build_condition(properties: Schema, then: Schema) -> Schema:
    return {"if": {"required": list(properties), "properties": properties}, "then": then}


def build_files() -> dict[Path, str]:
    """Returns every schema by its path."""
    return {FOLDER / f"{kind}.schema.json": json.dumps(build_schema(kind), indent=2) + "\n" for kind in DESCRIPTIONS}


if __name__ == "__main__":
    for path, text in build_files().items():
        path.write_text(text)
