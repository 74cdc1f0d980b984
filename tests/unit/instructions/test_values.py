"""The values that a sidecar's fields accept, and the message for each error."""

from typing import Any

import pytest

from backdrop.instructions.schema import find_object_examples
from backdrop.instructions.sources import parse_file, parse_request, parse_tags
from backdrop.model.codes import Code
from tests.unit.instruction_places import NAME, join_error_messages, list_error_codes, parse_sidecar


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, {}),
        ({"$schema": "../backdrop.schema.json"}, {}),
        ({"prompt": " a beach "}, {"operation": "replace", "prompt": "a beach"}),
        ({"operation": "Remove"}, {"operation": "remove"}),
        ({"magic_prompt": "on"}, {"magic_prompt": "ON"}),
        ({"rendering_speed": " turbo"}, {"rendering_speed": "TURBO"}),
        ({"seed": 0}, {"seed": 0}),
        ({"seed": 2_147_483_647}, {"seed": 2_147_483_647}),
        ({"provider": "Ideogram"}, {"provider": "ideogram"}),
        ({"provider": ["1min", "Runware"]}, {"provider": ["1min", "runware"]}),
        ({"max_cost_usd": 0}, {"max_cost_usd": 0}),
        ({"frame": " 4 : 5 "}, {"frame": "4:5"}),
        ({"frame": "1200×628"}, {"frame": "1200x628"}),
        ({"frame": "1.91:1"}, {"frame": "191:100"}),
        ({"subject_size": "85%"}, {"subject_size": 0.85}),
        ({"subject_size": 1}, {"subject_size": 1.0}),
        ({"position": "Bottom left"}, {"position": "bottom-left"}),
        ({"subject": {"otherwise": "Retry", "retries": 3}}, {"subject": {"otherwise": "retry", "retries": 3}}),
        ({"subject": {"otherwise": "deliver"}}, {"subject": {"otherwise": "deliver"}}),
        ({"style_codes": "aaff5733, 0133FF57"}, {"style_codes": ["AAFF5733", "0133FF57"]}),
        ({"style_codes": ["aaff5733"]}, {"style_codes": ["AAFF5733"]}),
        ({"metadata": {"sku": [1, None]}, "revision": "2"}, {"metadata": {"sku": [1, None]}, "revision": "2"}),
    ],
)
def test_field_is_read_in_the_spellings_that_people_use(given: object, fields: dict[str, Any]) -> None:
    read = parse_sidecar(given)
    assert (dict(read.fields), read.errors, read.name) == (fields, (), NAME)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Cafe\u0301 am Meer", "Caf\u00e9 am Meer"),
        ("\u212bngstro\u0308m", "\u00c5ngstr\u00f6m"),
        ("one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour"),
        (" \r\n a beach \r\n", "a beach"),
        ("\ufb01ne \u00bd", "\ufb01ne \u00bd"),
    ],
    ids=ascii,
)
def test_text_is_normalized_for_every_editor(typed: str, kept: str) -> None:
    """To NFC and line feeds. Characters that only look alike stay different."""
    assert parse_sidecar({"prompt": typed}).fields["prompt"] == kept
    assert parse_tags({"prompt": typed}).fields["prompt"] == kept
    assert parse_sidecar({"prompt": "x", "revision": typed}).fields["revision"] == kept


def test_prompt_length_is_counted_after_normalization() -> None:
    assert len(parse_sidecar({"prompt": "e\u0301" * 6_000}).fields["prompt"]) == 6_000
    assert len(parse_sidecar({"prompt": "a" + "\r\n" * 9_998 + "b"}).fields["prompt"]) == 10_000


@pytest.mark.parametrize("blank", ["", "  ", "\r\n"], ids=ascii)
def test_blank_revision_is_treated_as_missing(blank: str) -> None:
    assert parse_sidecar({"prompt": "x", "revision": blank}).fields == parse_sidecar({"prompt": "x"}).fields
    assert parse_tags({"operation": "remove", "revision": blank}).fields == {"operation": "remove"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("aaff5733, AAFF5733 0133FF57", ["AAFF5733", "0133FF57"]),
        (["0133ff57", "AAFF5733", "0133FF57"], ["0133FF57", "AAFF5733"]),
    ],
)
def test_repeated_style_code_keeps_its_first_position(given: object, kept: list[str]) -> None:
    assert parse_sidecar({"style_codes": given}).fields["style_codes"] == kept


@pytest.mark.parametrize("length", [1, 10_000])
def test_prompt_has_one_to_ten_thousand_characters(length: int) -> None:
    assert parse_sidecar({"prompt": "ü" * length}).fields["prompt"] == "ü" * length


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "\u200b\u200b", "\u2060 \ufeff\u00a0", "\u3164\ufe0f"])
def test_blank_prompt_is_a_missing_prompt(prompt: str) -> None:
    read = parse_sidecar({"prompt": prompt})
    assert (list_error_codes(read), dict(read.fields)) == ([Code.MISSING_PROMPT], {})


def test_blank_prompt_in_the_tags_is_a_missing_prompt() -> None:
    assert list_error_codes(parse_tags({"prompt": "  "})) == [Code.MISSING_PROMPT]


def test_number_too_large_for_json_is_explained() -> None:
    read = parse_file("a.jpg.json", b'{"prompt": "on sand", "max_cost_usd": 1e999}')
    assert join_error_messages(read) == "a.jpg.json: max_cost_usd is Infinity; it must be a finite number"


def test_only_choice_is_not_suggested_again() -> None:
    read = parse_sidecar({"prompt": "on sand", "subject": {"mask": "by"}})
    assert join_error_messages(read).endswith("subject.mask is \"by\"; it must be 'buy'")


def test_too_long_prompt_states_the_maximum_length() -> None:
    read = parse_sidecar({"prompt": "x" * 10_001})
    assert list_error_codes(read) == [Code.INVALID_VALUE]
    assert "10000 characters" in join_error_messages(read).replace(",", "")
    assert len(join_error_messages(read)) < 300


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"promt": "x"}, Code.UNKNOWN_FIELD, ["'promt'", "Did you mean 'prompt'?"]),
        ({"Prompt": "x"}, Code.UNKNOWN_FIELD, ["'Prompt'", "Did you mean 'prompt'?"]),
        ({"xyz": "x"}, Code.UNKNOWN_FIELD, ["'xyz'", "The fields are", "rendering_speed"]),
        ({"operation": "replac"}, Code.INVALID_VALUE, ['operation is "replac"', "'remove'", "Did you mean 'replace'?"]),
        ({"operation": 1}, Code.INVALID_VALUE, ["operation is 1", "'replace' or 'remove'"]),
        ({"rendering_speed": "turb"}, Code.INVALID_VALUE, ["rendering_speed", "'FLASH'", "Did you mean 'TURBO'?"]),
        ({"model": "birefnet-mating"}, Code.INVALID_VALUE, ["model", "Did you mean 'birefnet-matting'?"]),
        ({"magic_prompt": True}, Code.INVALID_VALUE, ["magic_prompt is true", "'AUTO'"]),
        ({"num_images": 0}, Code.INVALID_VALUE, ["num_images is 0", "1"]),
        ({"num_images": 21}, Code.INVALID_VALUE, ["num_images is 21", "20"]),
        ({"num_images": "2"}, Code.INVALID_VALUE, ['num_images is "2"', "a whole number"]),
        ({"num_images": True}, Code.INVALID_VALUE, ["num_images is true", "a whole number"]),
        ({"num_images": 1.5}, Code.INVALID_VALUE, ["num_images is 1.5", "a whole number"]),
        ({"seed": -1}, Code.INVALID_VALUE, ["seed is -1", "0"]),
        ({"seed": 2**31}, Code.INVALID_VALUE, ["seed is 2147483648", "2147483647"]),
        ({"seed": 10**4000}, Code.INVALID_VALUE, ["seed is 1000", "2147483647"]),
        ({"max_cost_usd": -0.01}, Code.INVALID_VALUE, ["max_cost_usd is -0.01", "0"]),
        ({"max_cost_usd": 10**400}, Code.INVALID_VALUE, ["max_cost_usd is 1000", "number"]),
        ({"subject": {"otherwise": "stop"}}, Code.INVALID_VALUE, ["it must be 'deliver', 'review', or 'retry'"]),
        ({"revision": 2}, Code.INVALID_VALUE, ["revision is 2", "text in quotes"]),
        ({"revision": "x" * 201}, Code.INVALID_VALUE, ["revision has 201 characters", "at most 200"]),
        ({"rendering_speed": "quick"}, Code.INVALID_VALUE, ['rendering_speed is "quick"', "'FLASH'"]),
        ({"seed": 7.5}, Code.INVALID_VALUE, ["seed is 7.5; it must be a whole number"]),
        ({"num_images": 99}, Code.INVALID_VALUE, ["num_images is 99; it must be at most 20"]),
        ({"\ud800": "a"}, Code.INVALID_VALUE, ["a name in it", "half of a surrogate pair"]),
        ({"metadata": "sku"}, Code.INVALID_VALUE, ["metadata is", "an object in braces"]),
        (
            {"shadow": ["drop"]},
            Code.INVALID_VALUE,
            ['shadow is ["drop"]', 'text such as "contact", or an object in', '{"type": "drop"'],
        ),
        ({"logo": ["l.png"]}, Code.INVALID_VALUE, ['text such as "_backdrop/brand/logo.png", or an object in braces']),
        ({"style": "goldn hour"}, Code.INVALID_VALUE, ["'goldn hour'", "'golden_hour'", "8-digit style code"]),
        ({"style": ""}, Code.INVALID_VALUE, ["style: ''", "62 presets"]),
        ({"style_preset": "sepia"}, Code.INVALID_VALUE, ["'sepia'", "62 presets"]),
        ({"style_codes": "AAFF573"}, Code.INVALID_VALUE, ["'AAFF573'", "8 hexadecimal digits"]),
        ({"style_codes": []}, Code.INVALID_VALUE, ["style_codes is []", "at least 1"]),
        ({"frame": "100:1"}, Code.INVALID_VALUE, ["'100:1'", "1:3 and 3:1", "Did you mean '3:1'?"]),
        ({"frame": "4/5"}, Code.INVALID_VALUE, ["'4/5'", "'1200x628'", "Did you mean '4:5'?"]),
        ({"frame": "5000x5000"}, Code.INVALID_VALUE, ["'5000x5000'", "16 to 4,096 pixels"]),
        ({"frame": ["4:5"]}, Code.INVALID_VALUE, ["one variant for each"]),
        ({"frame": 1}, Code.INVALID_VALUE, ["frame is 1", "text"]),
        ({"subject_size": 85}, Code.INVALID_VALUE, ["'85'", "0.1 to 1", "'10%' to '100%'"]),
        ({"subject_size": True}, Code.INVALID_VALUE, ["'True'", "0.1 to 1"]),
        ({"subject": {"retries": 2}}, Code.INVALID_VALUE, ["subject", 'without "otherwise": "retry"']),
        ({"subject": {"otherwise": "deliver", "retries": 2}}, Code.INVALID_VALUE, ['without "otherwise": "retry"']),
        ({"subject": {"otherwise": "retry", "retries": 4}}, Code.INVALID_VALUE, ["subject.retries is 4"]),
        ({"subject": {"otherwise": "retry", "retries": 0}}, Code.INVALID_VALUE, ["subject.retries is 0"]),
        ({"subject": {"otherwise": "retri"}}, Code.INVALID_VALUE, ["subject.otherwise", "Did you mean 'retry'?"]),
        ({"position": "bottom-lft"}, Code.INVALID_VALUE, ["'bottom-lft'", "center", "Did you mean 'bottom-left'?"]),
    ],
)
def test_error_names_the_field_the_value_and_accepted_values(given: object, code: Code, says: list[str]) -> None:
    read = parse_sidecar(given)
    assert (list_error_codes(read), dict(read.fields)) == ([code], {})
    assert [part for part in [NAME, *says] if part not in join_error_messages(read)] == []


@pytest.mark.parametrize("field", ["shadow", "logo", "color_palette", "metadata", "variants"])
def test_every_example_of_an_object_is_valid_as_typed(field: str) -> None:
    for example in find_object_examples((field,)):
        assert parse_sidecar({field: example}).errors == ()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"provider": "ideogramm"}, ["provider", "'ideogram'", "'runware'", "Did you mean 'ideogram'?"]),
        ({"provider": ["ideogram", "runwear"]}, ["provider", '"runwear"', "Did you mean 'runware'?"]),
        ({"provider": []}, ["provider is []"]),
        ({"provider": 7}, ["provider is 7", "'ideogram'"]),
    ],
)
def test_wrong_provider_is_reported_as_one_error(given: object, says: list[str]) -> None:
    read = parse_sidecar(given)
    assert list_error_codes(read) == [Code.INVALID_VALUE]
    assert [part for part in says if part not in join_error_messages(read)] == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"provider": ["ideogram", "ideogram"]}, "twice"),
        ({"metadata": {"a": "x" * 8_192}}, "8 KB"),
        ({"metadata": {"a": "\ud800"}}, "metadata"),
        ({"metadata": {"\ud800": 1}}, "metadata"),
    ],
    ids=["provider twice", "metadata too large", "surrogate in metadata", "surrogate in a key"],
)
def test_invalid_value_is_not_reported_as_a_conflict(given: object, says: str) -> None:
    read = parse_sidecar(given)
    assert list_error_codes(read) == [Code.INVALID_VALUE]
    assert says in join_error_messages(read)
    assert "codec" not in join_error_messages(read)


def test_non_json_number_in_metadata_is_an_invalid_value() -> None:
    read = parse_file(NAME, b'{"metadata": {"a": 1e999}}')
    assert list_error_codes(read) == [Code.INVALID_VALUE]
    assert join_error_messages(read) == f"{NAME}: metadata: a number is too large"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"style": "aura", "style_codes": ["AAFF5733"]}, ["style", "style_codes"]),
        ({"style": "aura", "style_preset": "AURA"}, ["style", "style_preset"]),
        ({"style_preset": "AURA", "style_codes": ["AAFF5733"]}, ["style_preset", "style_codes"]),
        ({"operation": "remove", "prompt": "a beach", "seed": 1}, ["remove", "prompt", "seed"]),
        ({"operation": "remove", "style": "aura"}, ["remove", "style"]),
        ({"operation": "remove", "num_images": 1}, ["remove", "num_images"]),
        ({"prompt": "a beach", "model": "ideogram"}, ["replace", "one model at each provider", "model"]),
    ],
)
def test_exclusive_fields_in_one_source_are_a_conflict(given: object, says: list[str]) -> None:
    read = parse_sidecar(given)
    assert list_error_codes(read) == [Code.CONFLICTING_FIELDS]
    assert [part for part in says if part not in join_error_messages(read)] == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"promt": "x", "operation": "paint", "seed": -1},
            {Code.UNKNOWN_FIELD: 1, Code.INVALID_VALUE: 2},
        ),
        ({"style": "goldn", "num_images": 99}, {Code.INVALID_VALUE: 2}),
        ({"style_codes": ["bad", "worse"]}, {Code.INVALID_VALUE: 2}),
        ({"operation": "remove", "prompt": "x", "colour": 1}, {Code.CONFLICTING_FIELDS: 1, Code.UNKNOWN_FIELD: 1}),
        ({"style": "nowhere", "operation": "remove"}, {Code.INVALID_VALUE: 1, Code.CONFLICTING_FIELDS: 1}),
    ],
    ids=["fields", "field and style", "two codes", "conflict and field", "style and conflict"],
)
def test_all_errors_of_a_file_are_reported_at_once(given: object, expected: dict[Code, int]) -> None:
    found = list_error_codes(parse_sidecar(given))
    assert {code: found.count(code) for code in set(found)} == expected


def test_error_message_never_repeats_a_long_text() -> None:
    read = parse_sidecar({"operation": "x" * 60_000, "y" * 3_000: 1, "style": "z" * 1_000})
    assert all(len(str(error)) < 500 for error in read.errors)


@pytest.mark.parametrize("frame", ["0:1", "4:0", "5x5"])
def test_frame_that_is_not_misspelled_has_no_suggestion(frame: str) -> None:
    (error,) = parse_request({"prompt": "x", "frame": frame}).errors
    assert f"'{frame}' is not a frame" in str(error.message)
    assert "Did you mean" not in str(error.message)
