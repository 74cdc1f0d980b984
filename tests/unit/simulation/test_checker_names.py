"""The checks of names, frames, and certificates find every violation, and nothing else."""

from collections.abc import Sequence
from typing import Any

import pytest

from simulation.invariants.job_ends import check_unknown_pictures
from simulation.invariants.output_keys import ExpectedFile, list_expected_files, list_named_keys
from simulation.invariants.picture_names import (
    check_claimed_names,
    check_final_names,
    check_named_picture,
    needs_name,
    without_lost_names,
)
from simulation.invariants.resolutions import (
    Resolution,
    check_duplicate_jobs,
    check_frames,
    check_outputs,
    refuse_names,
)
from simulation.invariants.violations import Invariant, Violation
from tests.unit.checker_items import KEY, PICTURE, job, ledger, source

NAME = "shoes/4711.png"
NAMED = {"operation": "remove", "output": {"name_template": "4711.png"}}
HAS_NAME, HAS_NO_NAME = {NAME: "s1"}, {NAME: "s2"}


def names(violations: Sequence[Violation]) -> list[str]:
    return [violation.invariant.name for violation in violations]


def named_job(status: str = "stored", **changes: Any) -> dict[str, Any]:
    facts = {"instructions": NAMED, "operation": "remove", "variant": "", "warnings": [], "links": [{"url": "u"}]}
    return job(status, **facts | changes)


def named_source(**changes: Any) -> dict[str, Any]:
    return source("j1", source_id="s1", **changes)


@pytest.mark.parametrize(
    ("output", "files"),
    [
        ({}, [(f"{KEY}/red-a.png", 1, ""), (f"{KEY}/red-a_2.png", 2, "")]),
        ([{"name": "web", "format": "webp"}], [(f"{KEY}/red-a@web.webp", 1, ""), (f"{KEY}/red-a_2@web.webp", 2, "")]),
        ({"for": "ebay"}, [(f"{KEY}/red-a@ebay.jpg", 1, "ebay"), (f"{KEY}/red-a_2@ebay.jpg", 2, "ebay")]),
        ({"name_template": "new/{n}.png"}, [("shoes/new/1.png", 1, ""), ("shoes/new/2.png", 2, "")]),
    ],
)
def test_files_follow_from_the_outputs(output: Any, files: list[tuple[str, int, str]]) -> None:
    instructions = {"num_images": 2, "output": output}
    expected = [ExpectedFile(*one) for one in files]
    assert list_expected_files(KEY, "a", instructions, 2) == expected
    named = [one.key for one in expected if not one.key.startswith(KEY)]
    assert [*list_named_keys(KEY, instructions)] == named


def test_photo_needs_the_names_of_its_current_jobs() -> None:
    assert needs_name(named_source(), [named_job()], NAME)
    assert not needs_name(named_source(), [named_job()], "shoes/4712.png")
    assert not needs_name(source("j2"), [named_job()], NAME)
    assert not needs_name(named_source(was_missing=True), [named_job()], NAME)
    assert needs_name(named_source(was_missing=True), [named_job("submitting")], NAME)


def test_needed_name_must_be_claimed() -> None:
    assert check_claimed_names(named_source(), [named_job()], HAS_NAME) == []
    assert check_claimed_names(named_source(was_missing=True), [named_job()], HAS_NO_NAME) == []
    for claims in ({}, HAS_NO_NAME):
        violations = check_claimed_names(named_source(), [named_job()], claims)
        assert names(violations) == [Invariant.NAMES_BELONG_TO_ONE_PHOTO.name]


def test_only_the_photo_with_the_name_replaces_another_photos_picture() -> None:
    replaced = named_job(job_id="j2", source_id="s2")
    for is_allowed, replaced_job, claims, claimants in (
        (True, None, HAS_NAME, ["s1"]),
        (True, None, HAS_NO_NAME, ["s1", "s2"]),
        (True, named_job(), HAS_NO_NAME, ["s1", "s2"]),
        (True, replaced, HAS_NAME, ["s1", "s2"]),
        (False, replaced, HAS_NO_NAME, ["s1", "s2"]),
        (False, None, HAS_NO_NAME, ["s2"]),
    ):
        violations = check_named_picture(NAME, named_job(), replaced_job, claims, claimants)
        assert names(violations) == ([] if is_allowed else [Invariant.NAMES_BELONG_TO_ONE_PHOTO.name])


def test_delivered_name_must_be_claimed_at_rest() -> None:
    delivered = ledger(named_job(), photo_source=named_source())
    assert check_final_names(delivered, HAS_NAME) == []
    assert names(check_final_names(delivered, HAS_NO_NAME)) == [Invariant.NAMES_BELONG_TO_ONE_PHOTO.name]
    deleted = ledger(named_job(), photo_source=named_source(was_missing=True))
    assert check_final_names(deleted, HAS_NO_NAME) == []


def test_deleted_photo_may_lose_its_name_with_its_picture() -> None:
    deleted = ledger(named_job(), photo_source=named_source(was_missing=True))
    assert without_lost_names(deleted, HAS_NAME).sources["s1"]["jobs"] == {"0": "j1"}
    assert without_lost_names(deleted, HAS_NO_NAME).sources["s1"]["jobs"] == {}
    present = ledger(named_job(), photo_source=named_source())
    assert without_lost_names(present, HAS_NO_NAME).sources["s1"]["jobs"] == {"0": "j1"}


def test_picture_under_a_name_must_be_of_a_photo_that_has_claimed_it() -> None:
    assert check_unknown_pictures(ledger(named_job()), {NAME: "j1"}, {NAME: {"s1"}}) == []
    for claimants in ({}, {NAME: {"s2"}}):
        violations = check_unknown_pictures(ledger(named_job()), {NAME: "j1"}, claimants)
        assert names(violations) == [Invariant.PICTURES_MATCH_JOBS.name]


def test_file_for_a_marketplace_has_its_certificate() -> None:
    key = f"{KEY}/red@ebay.jpg"
    instructions = {"operation": "remove", "output": {"for": ["ebay"]}}
    for certificate, expected in (({"marketplace": "ebay"}, []), ({"marketplace": "etsy"}, [1]), (None, [1])):
        results = [{"key": key, "n": 1, "certificate": certificate}]
        violations = check_outputs(ledger(named_job(instructions=instructions, results=results)))
        assert names(violations) == [Invariant.PICTURES_MATCH_JOBS.name for _ in expected]
    assert (
        check_outputs(ledger(named_job(instructions={}, results=[{"key": PICTURE, "n": 1, "certificate": None}]))) == []
    )


def framed(frame: str, operation: str = "replace", **changes: Any) -> dict[str, Any]:
    return named_job(instructions={"frame": frame}, operation=operation, **changes)


def test_pictures_for_different_frames_are_different_purchases() -> None:
    square, other = framed("1:1"), framed("4:5", job_id="j2")
    assert names(check_frames(other, [square])) == [Invariant.FRAMES_BOUGHT_SEPARATELY.name]
    assert check_frames(framed("4:5", job_id="j2", content_id="c2"), [square]) == []
    assert check_frames(framed("64x64", job_id="j2"), [square]) == []
    assert check_frames(framed("4:5", "remove", job_id="j2"), [framed("1:1", "remove")]) == []


def test_frame_of_the_same_shape_is_not_bought_again() -> None:
    square, same_shape = framed("1:1"), framed("64x64", job_id="j2")
    assert names(check_duplicate_jobs(None, same_shape, [square])) == [Invariant.NO_REPEAT_PURCHASES.name]
    assert check_duplicate_jobs(None, framed("4:5", job_id="j2"), [square]) == []
    cut_outs = framed("4:5", "remove", job_id="j2"), [framed("1:1", "remove")]
    assert names(check_duplicate_jobs(None, *cut_outs)) == [Invariant.NO_REPEAT_PURCHASES.name]


def test_refused_variant_has_a_code_instead_of_a_job() -> None:
    resolution = Resolution({"a": NAMED, "b": NAMED})
    assert refuse_names(resolution, {"b", "c"}) == Resolution({"a": NAMED}, frozenset({("b", "name_taken")}))
