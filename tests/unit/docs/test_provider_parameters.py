"""Every parameter of the vendors' documents can be set in instructions, or is listed as fixed with its reason."""

import json
import re
from typing import Any

import pytest

from backdrop.instructions.sources import parse_file
from backdrop.model.capabilities import CAPABILITIES, find_not_expressible, to_provider_fields
from backdrop.providers import onemin, runware
from backdrop.providers.http import encode_multipart
from backdrop.providers.ideogram import V2_FIELDS, build_v2_form, fits_v2
from docs import make_providers
from docs.provider_parameters import (
    FIXED_PARAMETERS,
    IDEOGRAM_V2_FIXED_PARAMETERS,
    IDEOGRAM_V2_PARAMETERS,
    PUBLISHED_PARAMETERS,
    ApiColumn,
    PublishedParameter,
)
from tests.contract.adapter_calls import job_for
from tests.contract.adapters import PHOTO

COLUMNS = list(PUBLISHED_PARAMETERS)
REACHABLE = [
    (column, one)
    for column, parameters in PUBLISHED_PARAMETERS.items()
    for one in parameters
    if one.name not in FIXED_PARAMETERS[column]
]


def find_field(column: ApiColumn, parameter: PublishedParameter) -> str:
    """Returns the field of the instructions that sets the parameter."""
    (name,) = [name for name, field in CAPABILITIES[column].items() if field.name == parameter.name]
    return name


def test_page_lists_the_parameters() -> None:
    assert make_providers.PAGE.read_text() == make_providers.build_page(), "run `make docs`"


def test_all_six_apis_have_their_parameters_listed() -> None:
    assert PUBLISHED_PARAMETERS.keys() == FIXED_PARAMETERS.keys() == CAPABILITIES.keys()


@pytest.mark.parametrize("column", COLUMNS, ids=" ".join)
def test_each_parameter_is_either_reachable_or_fixed(column: ApiColumn) -> None:
    published = [one.name for one in PUBLISHED_PARAMETERS[column]]
    sent = {field.name for field in CAPABILITIES[column].values() if field.name}
    fixed = FIXED_PARAMETERS[column].keys()
    assert len(set(published)) == len(published)
    assert sent.isdisjoint(fixed)
    assert set(published) == sent | fixed


@pytest.mark.parametrize(("column", "parameter"), REACHABLE, ids=lambda value: getattr(value, "name", str(value)))
def test_every_published_value_can_be_requested(column: ApiColumn, parameter: PublishedParameter) -> None:
    provider, operation = column
    field = find_field(column, parameter)
    assert parameter.values
    for value in parameter.values:
        prompt = {"prompt": "on a table"} if operation == "replace" else {}
        sidecar: dict[str, Any] = {"operation": operation, **prompt, field: value}
        source = parse_file("red.jpg.json", json.dumps(sidecar).encode())
        assert source.errors == ()
        assert find_not_expressible(provider, source.fields) == []
        assert parameter.name in dict(to_provider_fields(provider, source.fields))


@pytest.mark.parametrize(
    ("column", "name", "value"),
    [
        (("runware", "replace"), "positivePrompt", "x" * 2_001),
        (("runware", "replace"), "numberResults", 21),
        (("runware", "replace"), "providerSettings.ideogram.styleReferenceImages", [*"abcde"]),
        (("1min", "replace"), "promptObject.num_images", 9),
        (("1min", "replace"), "promptObject.style_type", "ANIME"),
        (("segmind", "replace"), "seed", 99),
    ],
    ids=str,
)
def test_value_beyond_a_published_limit_is_refused(column: ApiColumn, name: str, value: object) -> None:
    (parameter,) = [one for one in PUBLISHED_PARAMETERS[column] if one.name == name]
    instructions = {"operation": "replace", "prompt": "on a table", find_field(column, parameter): value}
    assert len(find_not_expressible(column[0], instructions)) == 1


@pytest.mark.parametrize("column", COLUMNS, ids=" ".join)
def test_fixed_parameter_has_a_reason(column: ApiColumn) -> None:
    assert all(one.sent and one.reason.endswith(".") for one in FIXED_PARAMETERS[column].values())


def list_names(body: dict[str, Any], prefix: str = "") -> set[str]:
    """Returns the dotted names of all values in a request."""
    names: set[str] = set()
    for name, value in body.items():
        is_nested = isinstance(value, dict) and name != "color_palette"
        names |= list_names(value, f"{prefix}{name}.") if is_nested else {f"{prefix}{name}"}
    return names


def test_requests_contain_only_published_parameters() -> None:
    job = job_for("runware", num_images=1)
    task = runware.build_request(job, "82c6b0a1-1f8b-41e1-9c11-b265be23939e", PHOTO)
    record = onemin.build_request(job_for("1min"), ["images/a.jpg"])
    for column, body in ((("runware", "replace"), task), (("1min", "replace"), record)):
        published = {one.name for one in PUBLISHED_PARAMETERS[column]}
        assert list_names(body) <= published


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (name, one.sent.strip("`"))
        for name, one in FIXED_PARAMETERS["runware", "replace"].items()
        if one.sent.startswith("`") and one.sent.endswith("`")
    ],
)
def test_fixed_value_is_the_one_that_runware_receives(name: str, sent: str) -> None:
    task = runware.build_request(job_for("runware"), "82c6b0a1-1f8b-41e1-9c11-b265be23939e", PHOTO)
    assert json.dumps(task[name]).strip('"') == sent


@pytest.mark.parametrize(
    "name", [name for name, one in FIXED_PARAMETERS["runware", "replace"].items() if one.sent == "nothing"]
)
def test_parameter_that_is_not_sent_is_absent(name: str) -> None:
    task = runware.build_request(job_for("runware"), "82c6b0a1-1f8b-41e1-9c11-b265be23939e", PHOTO)
    assert name not in list_names(task)


@pytest.mark.parametrize("operation", IDEOGRAM_V2_PARAMETERS)
def test_each_parameter_of_v2_is_either_reachable_or_fixed(operation: str) -> None:
    published = {one.name for one in IDEOGRAM_V2_PARAMETERS[operation]}
    fixed = IDEOGRAM_V2_FIXED_PARAMETERS[operation].keys()
    reachable = V2_FIELDS if operation == "replace" else frozenset[str]()
    assert published == reachable | fixed
    assert reachable.isdisjoint(fixed)


@pytest.mark.parametrize("operation", IDEOGRAM_V2_PARAMETERS)
def test_form_of_v2_has_the_published_parameters_except_those_not_sent(operation: str) -> None:
    job = job_for("ideogram", operation=operation, num_images=2, rendering_speed="TURBO")
    form = encode_multipart(build_v2_form(job, PHOTO))[0]
    sent = {name.decode() for name in re.findall(rb'; name="(\w+)"', form)}
    left_out = {
        name
        for name, one in IDEOGRAM_V2_FIXED_PARAMETERS[operation].items()
        if one.sent == "nothing" or name == "dry_run"
    }
    assert sent == {one.name for one in IDEOGRAM_V2_PARAMETERS[operation]} - left_out


@pytest.mark.parametrize(
    "parameter", [one for one in IDEOGRAM_V2_PARAMETERS["replace"] if one.values], ids=lambda one: one.name
)
def test_every_published_value_of_v2_goes_to_v2(parameter: PublishedParameter) -> None:
    for value in parameter.values:
        spec = {"operation": "replace", "prompt": "on a table", parameter.name: value}
        assert fits_v2(spec, 1_000, (64, 48))
