"""The schemas of the events are up to date, match the samples, and are as strict as intake."""

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from backdrop.aws.events import REQUEST_DETAIL_TYPE, parse_intake_message
from backdrop.model.errors import MalformedMessageError
from docs import make_event_schemas
from docs.make_event_schemas import DETAILS, build_event_schema, format_file_name

EVENTS = Path(__file__).parents[3] / "events"
REQUEST = {"bucket": "backdrop-input", "key": "shoes/red.jpg", "instructions": {"prompt": "on a beach"}}


def close_schema(schema: Any) -> Any:
    """Returns the schema with `additionalProperties` forbidden in every object."""
    if isinstance(schema, list):
        return [close_schema(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {name: close_schema(one) for name, one in cast("dict[str, Any]", schema).items()}
    return found | ({"additionalProperties": False} if "required" in found else {})


@cache
def build_validator(kind: str) -> Validator:
    """Returns a validator for a whole event that allows only the fields in the schema."""
    return Draft202012Validator(
        close_schema(build_event_schema(kind)), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def read_sample(kind: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{format_file_name(kind)}.json").read_text())


def build_event(kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    """Returns the whole event with this detail."""
    return read_sample(kind) | {"detail": detail}


def test_schemas_match_the_code() -> None:
    files = make_event_schemas.build_files()
    assert {path: path.read_text() for path in make_event_schemas.FOLDER.iterdir()} == files, "run `make docs`"
    for text in files.values():
        Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("kind", DETAILS)
def test_sample_of_an_event_matches_its_schema(kind: str) -> None:
    sample = read_sample(kind)
    assert [error.message for error in build_validator(kind).iter_errors(sample)] == []


@pytest.mark.parametrize("field", ["event_id", "source", "job"])
def test_event_without_a_required_field_violates_its_schema(field: str) -> None:
    sample = read_sample("Image Completed")
    assert build_validator("Image Completed").is_valid(sample)
    del sample["detail"][field]
    assert not build_validator("Image Completed").is_valid(sample)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": 7},
        {"key": ""},
        {"task_token": ""},
        {"task_token": "two\nlines"},
        {"execution": "winter"},
        {"campaign": "winter sale"},
        {"callback": "https://example.com"},
    ],
    ids=str,
)
def test_request_that_intake_refuses_violates_its_schema(wrong: dict[str, Any]) -> None:
    fine, damaged = build_event(REQUEST_DETAIL_TYPE, REQUEST), build_event(REQUEST_DETAIL_TYPE, REQUEST | wrong)
    assert build_validator(REQUEST_DETAIL_TYPE).is_valid(fine)
    assert not build_validator(REQUEST_DETAIL_TYPE).is_valid(damaged)
    assert parse_intake_message(json.dumps(fine), input_bucket="backdrop-input", is_repeated=False)
    with pytest.raises(MalformedMessageError):
        parse_intake_message(json.dumps(damaged), input_bucket="backdrop-input", is_repeated=False)


def test_request_whose_instructions_are_no_object_violates_its_schema() -> None:
    wrong = build_event(REQUEST_DETAIL_TYPE, REQUEST | {"instructions": "a beach"})
    assert not build_validator(REQUEST_DETAIL_TYPE).is_valid(wrong)


def test_instructions_of_a_request_are_those_of_a_sidecar() -> None:
    misspelt = REQUEST | {"instructions": {"promt": "on a beach"}}
    assert not build_validator(REQUEST_DETAIL_TYPE).is_valid(build_event(REQUEST_DETAIL_TYPE, misspelt))
