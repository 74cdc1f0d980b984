"""Writes schemas/ from the models of the instructions: `make docs` (a test checks that they are current)."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from backdrop.instructions.composition_schema import BackgroundModel, LogoModel, ShadowModel
from backdrop.instructions.conflicts import STYLE_FIELDS
from backdrop.instructions.output_schema import OutputModel
from backdrop.instructions.schema import MAX_VARIANTS, InstructionsModel, VariantModel
from backdrop.instructions.subject_schema import SubjectModel
from backdrop.instructions.values import COLORS
from backdrop.model.capabilities import CAPABILITIES, PROVIDER_FIELDS, REMOVE_FIELDS, REPLACE_FIELDS
from backdrop.model.composition import CUT_OUT_FIELDS, NONE
from backdrop.model.fidelity import OTHERWISE_FIELD, RETRIES_FIELD, RETRY
from backdrop.model.marketplaces import list_marketplaces, load_marketplace
from backdrop.model.output_spec import CONTENT_TYPES
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
_CAPTION = rf"^[^{_CONTROL}\ufffe\uffff]*[^{_CONTROL}\ufffe\uffff\s][^{_CONTROL}\ufffe\uffff]*$"
_CAPTION_RULE = {"pattern": _CAPTION, "patternErrorMessage": "It must contain words, and no control characters."}
_BRAND_KEY = r"^(?![\s\S]*://)(?:[\s\S]*/)?_backdrop/[\s\S]*$"
_BRAND_KEY_RULE = {
    "type": "string",
    "maxLength": 1024,
    "pattern": _BRAND_KEY,
    "patternErrorMessage": "It must be the key of an image in a folder _backdrop, such as '_backdrop/brand/logo.png'.",
}
_WORDS = rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"
_COLOR = {"anyOf": [{"enum": list(COLORS)}, {"type": "string", "pattern": "^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"}]}
_CODE = {"type": "string", "title": "Style code", "pattern": "^[0-9a-fA-F]{8}$"}
_PERCENT = r"(?:[0-9]|[1-3][0-9]|4[0-4])(?:\.[0-9]{1,4})?|45(?:\.0{1,4})?"
_PIXELS = "(?:[0-9]{1,3}|[1-4][0-9]{3})"
_LOGO_WIDTH: Schema = {
    "anyOf": [
        {"type": "string", "pattern": r"^(?:(?:[1-9][0-9]?(?:\.[0-9]{1,4})?|100)%|(?:[1-9][0-9]{0,3}|10000)(?:px)?)$"},
        {"type": "integer", "minimum": 1, "maximum": 10_000},
    ]
}
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


def _list_names(model: str, field: str) -> list[str]:
    """Returns the values that a field of a model accepts."""
    schema: Schema = InstructionsModel.model_json_schema()["$defs"][model]["properties"][field]
    return schema.get("anyOf", [schema])[0]["enum"]


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
    "background": {"anyOf": [*_COLOR["anyOf"], {"$ref": "#/$defs/BackgroundModel"}]},
    "gradient": {"items": _COLOR},
    "image": _BRAND_KEY_RULE,
    "alt": _CAPTION_RULE,
    "title": _CAPTION_RULE,
    "copyright": _CAPTION_RULE,
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
# What a field accepts in place of an object.
SHORTHANDS: dict[str, list[Schema]] = {
    "color_palette": [{"enum": _list_names("PaletteModel", "name")}],
    "shadow": [{"enum": _list_names("ShadowModel", "type")}],
    "logo": [{"const": NONE}, _BRAND_KEY_RULE],
}
# Replaces the models' docstrings, which are for readers of the code.
MEANINGS = {
    VariantModel.__name__: "One of the photo's pictures: the fields in which it differs from those next to `variants`.",
    ShadowModel.__name__: "The shadow of a cut-out.",
    LogoModel.__name__: "A logo that is drawn over the picture.",
    BackgroundModel.__name__: "A gradient, or a picture.",
    SubjectModel.__name__: "How much the product in a new picture must resemble the photo's.",
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
    only_retry = {"required": [OTHERWISE_FIELD], "properties": {OTHERWISE_FIELD: {"const": RETRY}}}
    definitions[SubjectModel.__name__]["allOf"] = [_build_condition({RETRIES_FIELD: True}, only_retry)]
    definitions[LogoModel.__name__]["properties"]["width"] |= _LOGO_WIDTH
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
        schema["anyOf"][1] |= {"items": _COLOR}
    if name in SHORTHANDS:
        alternatives = schema["anyOf"] if "anyOf" in schema else [{"$ref": schema.pop("$ref")}]
        schema["anyOf"] = [*alternatives, *SHORTHANDS[name]]
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


def _add_exclusion_rules(schema: Schema) -> None:
    """Adds which fields exclude one another: only one style, and with `remove` no field of a new background."""
    schema["dependentSchemas"] = {
        name: {"properties": {other: False for other in STYLE_FIELDS if other != name}} for name in STYLE_FIELDS
    }
    meaningless_for_remove = [name for name in ("style", *REPLACE_FIELDS) if name not in NOT_OFFERED]
    meaningless_for_replace = (*CUT_OUT_FIELDS, *REMOVE_FIELDS)
    schema["allOf"] = [
        _build_condition({"operation": {"const": "remove"}}, _exclude(meaningless_for_remove)),
        _build_condition({"operation": {"const": "replace"}}, _exclude(meaningless_for_replace)),
        _build_condition({"prompt": True}, _exclude(meaningless_for_replace)),
    ]


def _add_output_rules(schema: Schema) -> None:
    """Adds which fields of an output require or exclude one another, as far as a schema can express it."""
    schema["allOf"] = [
        _build_condition({"fit": {"const": "cover"}}, {"properties": {"margin": False}}),
        _build_condition({"for": {"type": "array", "minItems": 2}}, {"properties": {"name": False}}),
        {"if": {"not": {"required": ["for"]}}, "then": {"allOf": _build_own_field_rules()}},
        *map(_build_marketplace_rules, list_marketplaces()),
    ]


def _build_own_field_rules() -> list[Schema]:
    """Returns what an output requires that no marketplace completes."""
    return [
        _build_condition({"fit": {"enum": ["pad", "cover"]}}, {"required": ["width", "height"]}),
        _build_condition(
            {"quality": True}, {"required": ["format"], "properties": {"format": {"enum": ["webp", "jpg"]}}}
        ),
        _build_condition(
            {"max_bytes": True}, {"required": ["format"], "properties": {"format": {"enum": ["webp", "jpg"]}}}
        ),
        _build_condition({"format": {"const": "jpg"}, "fit": {"const": "pad"}}, {"required": ["background"]}),
        _build_condition({"format": {"const": "jpg"}, "margin": True}, {"required": ["background"]}),
    ]


def _exclude(names: Iterable[str]) -> Schema:
    return {"properties": {name: False for name in names}}


def _build_marketplace_rules(name: str) -> Schema:
    """Returns the values that a marketplace's rules leave to the fields of an output. Intake also checks its size."""
    fields: Schema = {}
    for rule in load_marketplace(name).rules:
        match rule.rule:
            case "format":
                fields["format"] = {"enum": [one for one in CONTENT_TYPES if one in rule.one_of]}
            case "background":
                names = [name for name, color in COLORS.items() if color in rule.one_of]
                short_codes = [color[::2] for color in rule.one_of if color[1::2] == color[2::2]]
                codes = (*rule.one_of, *short_codes)
                fields["background"] = {"enum": [*names, *codes, *(code.upper() for code in codes)]}
            case "whole_product":
                fields["fit"] = {"enum": ["contain", "pad"]}
            case _:
                pass
    is_named = {"anyOf": [{"const": name}, {"type": "array", "contains": {"const": name}}]}
    return _build_condition({"for": is_named}, {"properties": fields})


def _build_condition(properties: Schema, then: Schema) -> Schema:
    return {"if": {"required": list(properties), "properties": properties}, "then": then}


def build_files() -> dict[Path, str]:
    """Returns every schema by its path."""
    return {FOLDER / f"{kind}.schema.json": json.dumps(build_schema(kind), indent=2) + "\n" for kind in DESCRIPTIONS}


if __name__ == "__main__":
    for path, text in build_files().items():
        path.write_text(text)
