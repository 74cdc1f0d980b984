"""The schemas for editors are generated from the models, help the author, and accept nothing that intake refuses."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from backdrop.instructions.schema import InstructionsModel
from backdrop.instructions.sources import parse_file
from backdrop.model.capabilities import CAPABILITIES, SUPPORTED_PROVIDERS, find_not_expressible
from backdrop.model.styles import STYLE_PRESETS
from docs import make_schemas

KINDS = ("sidecar", "folder-defaults")
SCHEMA = make_schemas.build_schema("sidecar")
VALIDATOR = Draft202012Validator(SCHEMA)
FILES = 600
ANYTHING: list[Any] = [True, 2, -1, "x", "", [], {}, ["x"], 0.5]
STYLES = ["golden hour", "Golden-Hour", "90s nostalgia", "AAFF5733", "golden_hours"]
COMPOSITION: dict[str, list[Any]] = {
    "shadow": [
        "contact", "drop", {"type": "reflection", "strength": 0, "softness": 1}, {"type": "drop", "softness": 1.1},
        {"strength": 0.5}, "glow",
    ],
    "logo": [
        "none", "_backdrop/brand/logo.png", "shop/_backdrop/logo.png", "brand/logo.png", "https://x/_backdrop/l.png",
        {"image": "_backdrop/l.png", "position": "top-left", "width": "12%", "margin": "4%", "opacity": 0.9},
        {"image": "_backdrop/l.png", "width": 240}, {"image": "_backdrop/l.png", "width": "0.5%"}, {"width": "12%"},
    ],
    "alt": ["A red cup", "x" * 1000, "x" * 1001, " ", "\x7f", "\uffff"],
    "title": ["Cup", "x" * 200, "x" * 201],
    "copyright": ["© Example", "x" * 500, "x" * 501],
}  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "operation": ["replace", "remove"],
    "prompt": ["a beach", "x" * 10_000, "x" * 10_001, "two\nlines", " ", "\x7f", "\u2028", "\xa0"],
    "style": STYLES,
    "style_preset": STYLES,
    "style_codes": [["AAFF5733"], ["00ff00aa", "00FF00AA"], ["12345"]],
    "style_type": ["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION", "ANIME", "RENDER_3D", "REAL"],
    "style_reference_images": [
        ["a/b.jpg"],
        ["a.jpg", "b:/c.png"],
        ["s3://b/k.jpg"],
        ["a", "b", "c", "d", "e"],
        [*"abcdef"],
    ],
    "color_palette": [
        *("PASTEL", {"name": "EMBER"}, {"members": [{"color_hex": "#fff", "color_weight": 0.5}]}, {}),
        *(["#ff0000", "#0F0"], ["red"], ["#ff00"], [], ["#fff"] * 9),
    ],
    "negative_prompt": ["people", "\t"],
    "magic_prompt": ["AUTO", "ON", "OFF"],
    "rendering_speed": ["FLASH", "TURBO", "DEFAULT", "QUALITY", "FAST"],
    "num_images": [1, 20, 21],
    "seed": [0, 2_147_483_647, 2_147_483_648],
    "model": ["birefnet-matting", "ideogram", "birefnet"],
    "provider": ["ideogram", "runware", ["1min", "segmind"], ["1min", "1min"], "other"],
    "frame": ["4:5", "1.91:1", "1200x628", "4096x4096", "4/5", "square"],
    "subject_size": [0.1, 0.85, 1, "85%", "100%", 1.1, "0.5%"],
    "position": ["center", "bottom-left", "middle"],
    "subject": [
        *({"min": 0.9, "pixels": "own"}, {"min": 2}, {"otherwise": "retry", "retries": 3}, {"otherwise": "retry"}),
        *({"otherwise": "deliver", "retries": 1}, {"retries": 1}, {"otherwise": "retry", "retries": 4}),
    ],
    "max_cost_usd": [0, 0.06, 12, -0.01],
    "revision": ["", "2", "x" * 201],
    "metadata": [{}, {"sku": 1, "more": [{"x": None}]}],
    **COMPOSITION,
}
OUTPUT: dict[str, list[Any]] = {
    "name": ["thumb", "a" * 40, "a" * 41, "Big"],
    "format": ["png", "webp", "jpg", "jpg", "gif"],
    "quality": [1, 100, 101],
    "max_bytes": [5_000, 500_000, 4_999],
    "width": [500, 10_000, 10_001],
    "height": [500, 10_000],
    "fit": ["contain", "cover", "pad"],
    "background": [
        "white", "#fff", "#FFFFFF", "#ffff", "snow",
        {"gradient": ["#fff", "silver"], "direction": "radial"}, {"gradient": ["#fff"]}, {"gradient": ["#fff", "snow"]},
        {"image": "_backdrop/table.jpg"}, {"image": "none"}, {"image": "_backdrop/t.jpg", "direction": "down"}, {},
    ],
    "trim": [True, False],
    "size": ["full", "provider", "photo", 400],
    **COMPOSITION,
    "margin": ["7.5%", "45%", "45.1%", "0%", "100px", "4.12345%", "px", 20, -1],
}  # fmt: skip
NAMES = ["beach", "cut-out", "a" * 40, "a" * 41, "../x"]


def build_random_object(random: Random, values: dict[str, list[Any]], most: int) -> dict[str, Any]:
    """Returns an object with a few of these fields, occasionally with a value that fits none of them."""
    names = random.sample(sorted(values), random.randint(0, most))
    return {name: random.choice(values[name] if random.random() < 0.97 else ANYTHING) for name in names}


def build_random_file(random: Random) -> dict[str, Any]:
    """Returns a sidecar that a person might write."""
    file = build_random_object(random, VALUES, 3)
    if random.random() < 0.4:
        one = build_random_object(random, OUTPUT, 4)
        file["output"] = random.choice([one, [one], [one, {"name": "other"}]])
    if random.random() < 0.3:
        file["variants"] = {
            random.choice(NAMES): build_random_object(random, VALUES, 2) for _ in range(random.randint(0, 2))
        }
    return file | random.choice([{}, {}, {}, {}, {"$schema": "./sidecar.schema.json"}, {"promt": "x"}])


def is_accepted(document: object) -> bool:
    """Whether intake accepts this file."""
    return parse_file("red.jpg.json", json.dumps(document).encode()).errors == ()


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_match_the_code(kind: str) -> None:
    path = make_schemas.FOLDER / f"{kind}.schema.json"
    assert path.read_text() == make_schemas.build_files()[path], "run `make docs`"
    Draft202012Validator.check_schema(make_schemas.build_schema(kind))


def test_intake_accepts_what_the_schema_accepts() -> None:
    files = [build_random_file(Random(seed)) for seed in range(FILES)]
    valid = [file for file in files if VALIDATOR.is_valid(file)]
    assert [file for file in valid if not is_accepted(file)] == []
    assert FILES / 4 < len(valid) < 3 * FILES / 4, "too few valid or invalid files"


@pytest.mark.parametrize("preset", STYLE_PRESETS)
def test_every_preset_is_offered_and_valid_in_any_spelling(preset: str) -> None:
    offered = SCHEMA["properties"]["style"]["else"]["enum"]
    assert preset.lower().replace("_", " ") in offered
    for sign in (" ", "-", "_", "", "  "):
        for spelled in (preset.replace("_", sign), preset.replace("_", sign).title()):
            assert VALIDATOR.is_valid({"style": spelled}), spelled
            assert is_accepted({"style": spelled}), spelled


WRONG: list[dict[str, Any]] = [
    {"promt": "a beach"},
    {"prompt": "   "},
    {"prompt": "a\u0007beach"},
    {"style": "golden hours"},
    {"style": "GOLDEN_HOUR", "style_codes": ["AAFF5733"]},
    {"operation": "remove", "prompt": "a beach"},
    {"variants": {"cut-out": {"operation": "remove", "seed": 1}}},
    {"variants": {"Beach": {}}},
    {"variants": {"beach": {"variants": {}}}},
    {"variants": {f"v{n}": {} for n in range(21)}},
    {"num_images": "2"},
    {"output": {"fit": "pad", "width": 100}},
    {"output": {"quality": 80}},
    {"prompt": "a beach", "shadow": "drop"},
    {"operation": "replace", "shadow": "drop"},
    {"operation": "replace", "model": "ideogram"},
    {"operation": "remove", "output": {"background": {"gradient": ["#fff", "#ddd"], "image": "_backdrop/t.jpg"}}},
    {"operation": "remove", "logo": "logo.png"},
    {"output": {"max_bytes": 50_000}},
    {"output": {"format": "jpg", "margin": "5%"}},
    {"output": []},
    {"output": {"for": "amazon"}},
    {"output": {"for": []}},
    {"output": {"for": "amazon-main", "format": "webp"}},
    {"output": {"for": ["ebay", "walmart"], "background": "#eeeeee"}},
    {"output": {"for": "google-merchant", "fit": "cover"}},
    {"output": {"for": ["ebay", "etsy"], "name": "shop"}},
    {"color_palette": {"name": "PASTEL", "members": [{"color_hex": "#fff"}]}},
    {"color_palette": ["#ff00"]},
    {"color_palette": []},
    {"provider": ["ideogram", "ideogram"]},
]


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_editor_marks_what_intake_would_refuse(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(wrong)
    assert not is_accepted(wrong)


@pytest.mark.parametrize(
    "output",
    [
        {"for": "amazon-main"},
        {"for": ["amazon-main", "ebay"], "quality": 80},
        {"for": "walmart", "fit": "pad", "background": "#FFF"},
        {"for": "ebay", "format": "webp", "name": "shop"},
        [{}, {"for": "etsy", "width": 1000}],
    ],
    ids=json.dumps,
)
def test_output_for_a_marketplace_needs_no_other_field(output: object) -> None:
    assert VALIDATOR.is_valid({"operation": "remove", "output": output})
    assert is_accepted({"operation": "remove", "output": output})


def test_file_may_name_its_schema_for_the_editor() -> None:
    named = {"$schema": "../schemas/sidecar.schema.json", "prompt": "a beach"}
    assert VALIDATOR.is_valid(named)
    assert is_accepted(named)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_title_and_a_description(kind: str) -> None:
    for path, one in list_fields(make_schemas.build_schema(kind)):
        assert one["title"], path
        assert one["description"].endswith("."), path
    assert {*make_schemas.build_schema(kind)["properties"]} == {
        "$schema",
        *InstructionsModel.model_fields,
    } - make_schemas.NOT_OFFERED


@pytest.mark.parametrize("field", ["style", "style_preset"])
def test_editor_shows_the_accepted_styles(field: str) -> None:
    (error,) = VALIDATOR.iter_errors({field: "golden hours"})
    assert error.message.startswith("'golden hours' is not one of [")
    messages = SCHEMA["properties"][field]["else"]["errorMessage"]
    assert "62 presets, such as 'golden" in messages.casefold()


@pytest.mark.parametrize("kind", KINDS)
def test_field_of_no_provider_is_hidden_and_refused_with_reason(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for fields_of_provider in CAPABILITIES.values():
        monkeypatch.delitem(fields_of_provider, "style_type", raising=False)
    monkeypatch.setattr(make_schemas, "NOT_OFFERED", make_schemas.find_fields_not_offered())
    assert {"style_type"} == make_schemas.NOT_OFFERED
    schema = make_schemas.build_schema(kind)
    assert '"style_type"' not in json.dumps(schema)
    given = {"prompt": "a beach", "style_type": "DESIGN"}
    assert not Draft202012Validator(schema).is_valid(given)
    assert is_accepted(given)
    fields = parse_file("red.jpg.json", json.dumps(given).encode()).fields
    reasons = {provider: find_not_expressible(provider, fields) for provider in SUPPORTED_PROVIDERS}
    assert reasons == {provider: [f"{provider} does not support style_type"] for provider in SUPPORTED_PROVIDERS}


def test_no_field_may_be_null_or_unbounded() -> None:
    text = json.dumps(SCHEMA)
    assert '"null"' not in text
    assert not [one for one in ('"ge":', '"le":', '"default": null') if one in text]
    assert SCHEMA["$defs"]["OutputModel"]["properties"]["width"]["maximum"] == 10_000


def test_every_example_in_the_schema_is_valid() -> None:
    for path, one in [("", SCHEMA), *list_fields(SCHEMA)]:
        validator = Draft202012Validator({**one, "$defs": SCHEMA["$defs"]})
        for example in one.get("examples", []):
            assert validator.is_valid(example), (path, example)


def list_fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Returns every field with its path, including those of nested objects."""
    for definition_name, model in [("", schema), *schema["$defs"].items()]:
        for name, one in model.get("properties", {}).items():
            yield f"{definition_name}.{name}", one
