"""Refused requests: each is reported and stays reported in any state of its photo, and nothing is bought instead."""

from typing import Any

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    count_paid_calls,
    read_current_instructions,
    send_request,
    send_rerun,
    upload_defaults,
    upload_sidecar_bytes,
    upload_unique_photo,
)

TYPO: dict[str, Any] = {"promt": "x"}


def settling_world(*, inherited: bool) -> World:
    """Returns a world in which no photo settles within 20 seconds."""
    world = World(settle_seconds=20)
    if inherited:
        upload_defaults(world, "", FOREST)
    return world


def list_hints(world: World) -> list[str]:
    """Returns the hints in the photo's report."""
    report = world.read_report(KEY)
    return [error["hint"] for error in report["errors"]] if report else []


@pytest.mark.parametrize("wait", [0, 1, 30])
@pytest.mark.parametrize("inherited", [True, False])
def test_refused_request_stays_reported_after_the_settle_time(wait: int, inherited: bool) -> None:
    world = settling_world(inherited=inherited)
    upload_unique_photo(world, KEY)
    world.run_for(wait)
    send_request(world, KEY, **TYPO)
    world.run_for(100)
    assert "unknown_field" in list_report_codes(world, KEY)
    assert count_paid_calls(world) == (1 if inherited and wait == 30 else 0)
    assert_at_rest(world)


@pytest.mark.parametrize("wait", [0, 1])
@pytest.mark.parametrize("inherited", [True, False])
def test_refused_request_stays_reported_after_its_photo_was_replaced(wait: int, inherited: bool) -> None:
    world = settling_world(inherited=inherited)
    world.upload_sidecar(KEY, **REMOVE)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    world.s3.delete("photos", f"{KEY}.json")
    world.run_until_empty()
    world.upload_photo(KEY, build_photo("another"))
    world.run_for(wait)
    send_request(world, KEY, **TYPO)
    world.run_for(100)
    assert (list_report_codes(world, KEY), count_paid_calls(world), read_current_instructions(world, KEY)) == (
        ["unknown_field"],
        1,
        {},
    )
    assert_at_rest(world)


def test_refused_request_buys_nothing_for_the_replaced_bytes() -> None:
    world = settling_world(inherited=True)
    upload_unique_photo(world, KEY, operation="remove")
    world.deliver_next("intake")
    world.deliver_next("intake")
    world.upload_photo(KEY, build_photo("another"))
    send_request(world, KEY, **TYPO)
    world.run_for(100)
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["unknown_field"], 0)
    assert [job.status for job in world.list_jobs()] == [JobStatus.SUPERSEDED]


@pytest.mark.parametrize("tags", [{}, {"operation": "remove"}], ids=["a sidecar", "tags"])
def test_refused_request_is_not_hidden_by_the_photos_event(tags: dict[str, str]) -> None:
    """The request is handled first. The sidecar's instructions are still carried out, once."""
    world = settling_world(inherited=False)
    if not tags:
        world.upload_sidecar(KEY, **REMOVE)
    upload_unique_photo(world, KEY, **tags)
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    send_request(world, KEY, **TYPO)
    world.run_for(10)
    world.queues["intake"].messages += mine
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), count_paid_calls(world)) == (
        JobStatus.STORED,
        ["unknown_field"],
        1,
    )
    assert_at_rest(world)


def test_refused_request_stays_reported_when_defaults_are_corrected_early() -> None:
    world = settling_world(inherited=False)
    upload_defaults(world, "", TYPO)
    upload_unique_photo(world, KEY)
    world.run_for(1)
    send_request(world, KEY, **BEACH)
    world.run_for(1)
    upload_defaults(world, "", FOREST)
    world.run_for(200)
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["folder_defaults_broken"], 0)


def test_photo_with_refused_request_runs_on_a_later_sidecar() -> None:
    world = settling_world(inherited=True)
    upload_unique_photo(world, KEY)
    send_request(world, KEY, **TYPO)
    world.run_for(100)
    world.upload_sidecar(KEY, **BEACH)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), list_report_codes(world, KEY)) == ({"": "on a beach"}, [])


@pytest.mark.parametrize(
    "instructions",
    [TYPO, {**BEACH, "negative_prompt": "people"}, {**BEACH, "style_reference_images": "no.jpg"}, {"seed": 3}],
    ids=str,
)
def test_hint_of_a_refused_request_is_to_resend_it(instructions: dict[str, Any]) -> None:
    world = World()
    upload_unique_photo(world, KEY)
    send_request(world, KEY, **instructions)
    world.run_until_empty()
    assert list_report_codes(world, KEY)
    assert [
        hint
        for hint in list_hints(world)
        if not hint.casefold().rstrip(".").endswith(("send the request again", "send it again"))
    ] == []
    assert [hint for hint in list_hints(world) if "automatically" in hint or "arrive" in hint] == []


def test_hint_for_a_request_under_a_broken_sidecar_is_to_resend_it() -> None:
    world = World()
    upload_sidecar_bytes(world, KEY, b'{"promt": 1}')
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    send_request(world, KEY, **BEACH)
    world.run_until_empty()
    assert list_hints(world) == [
        "docs/reference.md lists the fields. Correct the instructions. Then send the request again."
    ]


def held_world(*, settle_seconds: int) -> World:
    """Returns a world with a photo that broken folder defaults hold, and a request for it that was refused."""
    world = World(settle_seconds=settle_seconds)
    upload_defaults(world, "", TYPO)
    upload_unique_photo(world, KEY)
    world.run_for(100)
    send_request(world, KEY, **TYPO)
    world.run_until_empty()
    assert list_report_codes(world, KEY) == ["unknown_field"]
    return world


@pytest.mark.parametrize("corrected", [FOREST, {"seed": 3}], ids=["and buy", "without instructions"])
def test_refused_request_stays_reported_when_held_photo_is_released(corrected: Any) -> None:
    world = held_world(settle_seconds=0)
    upload_defaults(world, "", corrected)
    world.run_until_empty()
    assert ("unknown_field" in list_report_codes(world, KEY), count_paid_calls(world)) == (
        True,
        int(corrected is FOREST),
    )
    assert_at_rest(world)
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty()
    assert list_report_codes(world, KEY) == []


@pytest.mark.parametrize("settle_seconds", [0, 20])
@pytest.mark.parametrize("sidecar", [True, False])
def test_replaced_file_behind_a_refusal_is_no_longer_reported(sidecar: bool, settle_seconds: int) -> None:
    world = World(settle_seconds=settle_seconds)
    world.upload_photo(KEY, b"this is no photo")
    if sidecar:
        world.upload_sidecar(KEY, **BEACH)
    world.run_for(100)
    send_request(world, KEY, **REMOVE)
    world.run_for(100)
    assert set(list_report_codes(world, KEY)) == {"not_a_photo"}
    upload_defaults(world, "", TYPO)
    upload_unique_photo(world, KEY)
    world.run_for(100)
    assert "not_a_photo" not in list_report_codes(world, KEY)
    upload_defaults(world, "", FOREST)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == ([], 1)


def test_refused_request_stays_reported_for_a_restored_photo() -> None:
    world = settling_world(inherited=False)
    upload_unique_photo(world, KEY)
    world.run_for(1)
    send_request(world, KEY, **TYPO)
    world.run_for(1)
    world.upload_photo(KEY, build_photo("another"))
    world.run_for(5)
    upload_unique_photo(world, KEY)
    world.run_for(200)
    assert (sorted(list_report_codes(world, KEY)), count_paid_calls(world)) == (["no_instructions", "unknown_field"], 0)
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == ([], 1)


def test_refused_request_is_not_reported_after_a_rerun() -> None:
    world = held_world(settle_seconds=0)
    upload_defaults(world, "", FOREST)
    send_rerun(world, KEY)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == ([], 1)


def test_refused_request_leaves_the_jobs_of_the_same_bytes() -> None:
    """The same bytes are uploaded again under defaults that are broken by now (seed 7985)."""
    world = settling_world(inherited=False)
    world.upload_sidecar(KEY, **REMOVE)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    send_request(world, KEY, **TYPO)
    upload_defaults(world, "", TYPO)
    world.run_until_empty()
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source is not None
    assert (source.blocked_by_defaults, find_only_job(world).status, [*source.jobs]) == ("", JobStatus.STORED, [""])
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["unknown_field"], 1)
