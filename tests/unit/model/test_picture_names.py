"""The names of pictures: their keys, the names that a job claims, and how long a photo needs a name."""

from dataclasses import replace
from typing import Any

import pytest

from backdrop.model.job import JobStatus, Source
from backdrop.model.output_spec import OutputSpec
from backdrop.model.picture_names import (
    NameRegister,
    build_claimed_name,
    find_picture_key,
    holds_name,
    list_claimed_names,
)
from tests.unit.ledger_items import build_job

KEY = "shoes/red.jpg"

NAME = "photos/shoes/4711.png"
NAMED = {"operation": "remove", "output": {"name_template": "4711.png"}}


@pytest.mark.parametrize(
    ("photo_name", "key"),
    [("shoes/red.jpg", "shoes/4711_2.png"), ("red.jpg", "4711_2.png"), ("@other/a/b.jpg", "@other/a/4711_2.png")],
)
def test_name_is_below_the_photos_folder(photo_name: str, key: str) -> None:
    assert find_picture_key(photo_name, "beach", 2, OutputSpec(name_template="4711_{n}.png")) == key


def test_output_without_a_name_keeps_the_default_layout() -> None:
    assert find_picture_key("shoes/red.jpg", "beach", 2, OutputSpec(name="web")) == "shoes/red.jpg/red-beach_2@web.png"
    assert build_claimed_name("photos", KEY, OutputSpec(), 1) is None


def test_job_claims_the_names_of_all_its_pictures() -> None:
    outputs = [{"name_template": "a_{n}.png"}, {"name": "web"}, {"name": "b", "name_template": "b/{n}.png"}]
    job = build_job(instructions={"num_images": 2, "output": outputs})
    assert list(list_claimed_names(job)) == [
        "photos/shoes/a_1.png",
        "photos/shoes/a_2.png",
        "photos/shoes/b/1.png",
        "photos/shoes/b/2.png",
    ]


@pytest.mark.parametrize(
    ("changes", "source_changes", "holds"),
    [
        ({}, {}, True),
        ({"status": JobStatus.STORED}, {}, True),
        ({"status": JobStatus.DEAD}, {}, True),
        ({"instructions": {"output": {"name_template": "4712.png"}}}, {}, False),
        ({"instructions": {}}, {}, False),
        ({}, {"jobs": {}}, False),
        ({}, {"jobs": {"": "job-1", "b": "x" * 64}}, True),
        ({"instructions": {}}, {"jobs": {"": "job-1", "b": "x" * 64}}, True),
        ({}, {"was_missing": True}, True),
        ({"status": JobStatus.PAID}, {"was_missing": True}, True),
        ({"status": JobStatus.STORED}, {"was_missing": True}, False),
        ({"status": JobStatus.CANCELLED}, {"was_missing": True}, False),
        ({"status": JobStatus.PAID, "instructions": {}}, {"was_missing": True}, False),
        ({"instructions": {}}, {"was_missing": True, "jobs": {"": "job-1", "b": "x" * 64}}, False),
    ],
)
def test_photo_needs_a_name_as_long_as_a_current_job_has_it(
    changes: dict[str, Any], source_changes: dict[str, Any], holds: bool
) -> None:
    job = build_job(**{"instructions": NAMED, **changes})
    recorded: dict[str, Any] = {"jobs": {"": job.job_id}, **source_changes}
    source = replace(Source.new("photos", KEY), **recorded)
    assert holds_name(source, [job], NAME) is holds


def test_register_finds_the_first_photo_with_the_name() -> None:
    names = NameRegister()
    assert names.add("shoes/red.jpg", [build_job(instructions=NAMED)]) is None
    assert names.add("shoes/red.jpg", [build_job(instructions=NAMED)]) is None
    assert names.add("shoes/blue.jpg", [build_job(instructions=NAMED)]) == (NAME, "shoes/red.jpg")
    assert names.add("shoes/green.jpg", [build_job()]) is None
