"""Given a list where an object belongs, an error shows an object that is valid in this place."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.campaigns.campaign import parse_campaign
from backdrop.campaigns.manifest import BadRow, ManifestRow, parse_rows
from backdrop.instructions.sources import parse_file, parse_request
from backdrop.model.errors import BackdropError, MalformedMessageError

BUCKET = "my-photos"


def read_example(message: object) -> dict[str, Any]:
    """Returns the JSON object after "such as" in a message."""
    found = re.search(r"such as (\{.*)", str(message))
    assert found, message
    return json.JSONDecoder().raw_decode(found[1])[0]


@pytest.mark.parametrize("name", ["red.jpg.json", "_backdrop.json"])
@pytest.mark.parametrize("value", ["[]", '[{"prompt": "x"}]', '"on a beach"', "7", "null"])
def test_file_that_is_no_object_gets_a_sidecar_that_works(name: str, value: str) -> None:
    (error,) = parse_file(name, value.encode()).errors
    source = parse_file(name, json.dumps(read_example(error.message)).encode())
    assert (source.errors, "prompt" in source.fields) == ((), True)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"metadata": ["a"]}, ("metadata",)),
        ({"variants": ["a"]}, ("variants",)),
        ({"variants": {"metadata": ["a"]}}, ("variants", "metadata")),
        ({"variants": {"a": {"metadata": ["b"]}}}, ("variants", "a", "metadata")),
        ({"color_palette": {"members": ["#fff"]}}, ("color_palette", "members", 0)),
        ({"output": "webp"}, ("output",)),
    ],
)
def test_field_that_takes_an_object_gets_an_example_that_works(
    given: Mapping[str, Any], path: tuple[str | int, ...]
) -> None:
    (error,) = parse_request({"prompt": "x", **given}).errors
    fixed: Any = json.loads(json.dumps({"prompt": "x", **given}))
    place = fixed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = read_example(error.detail)
    assert parse_request(fixed).errors == ()


@pytest.mark.parametrize("line", ["[]", '["shoes/red.jpg"]', '"shoes/red.jpg"', "["])
def test_manifest_line_that_is_no_object_gets_one_that_works(line: str) -> None:
    (bad_row,) = parse_rows("list.jsonl", [line.encode()])
    assert isinstance(bad_row, BadRow)
    (row,) = parse_rows("list.jsonl", [json.dumps(read_example(bad_row.reason)).encode()])
    assert isinstance(row, ManifestRow)
    assert parse_request(row.instructions).errors == ()


@pytest.mark.parametrize("payload", [[], {"name": "a", "prefix": "b", "instructions": []}])
def test_campaign_that_is_no_object_gets_one_that_works(payload: object) -> None:
    with pytest.raises(BackdropError) as caught:
        parse_campaign(payload)
    example = read_example(caught.value.message)
    parse_campaign(example if isinstance(payload, list) else {"name": "a", "prefix": "b", "instructions": example})


@pytest.mark.parametrize("value", [[], [{"prompt": "x"}], "on a beach", 7, None])
def test_request_that_is_no_object_gets_one_that_works(value: object) -> None:
    (error,) = parse_request(value).errors
    source = parse_request(read_example(error.message))
    assert (source.errors, "prompt" in source.fields) == ((), True)


def test_event_without_an_object_gets_one_that_works() -> None:
    event = {"source": "shop", "detail-type": "Image Requested", "detail": ["red.jpg"]}
    with pytest.raises(MalformedMessageError) as caught:
        parse_intake_message(json.dumps(event), input_bucket=BUCKET, is_repeated=False)
    example = read_example(caught.value.message)
    assert parse_intake_message(json.dumps({**event, "detail": example}), input_bucket=BUCKET, is_repeated=False)
