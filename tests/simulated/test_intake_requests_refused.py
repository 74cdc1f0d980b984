"""Refused requests: each is told of and stays so, whatever its photo was at; and nothing is bought in its place."""

from typing import Any

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.days import codes
from tests.simulated.simulation import KEY, assert_at_rest, the_job
from tests.simulated.wishes import BEACH, FOREST, REMOVE, again, ask, bought, defaults, said, sidecar_bytes, wishes

TYPO: dict[str, Any] = {"promt": "x"}


def settling(*, inherited: bool) -> World:
    """A world in which nothing settles before 20 seconds are over."""
    world = World(settle_seconds=20)
    if inherited:
        defaults(world, "", FOREST)
    return world


def hints(world: World) -> list[str]:
    """What the photo's report says is to be done."""
    report = world.read_report(KEY)
    return [error["hint"] for error in report["errors"]] if report else []


@pytest.mark.parametrize("wait", [0, 1, 30])
@pytest.mark.parametrize("inherited", [True, False])
def test_a_refused_request_is_still_told_of_when_its_photo_would_have_settled(wait: int, inherited: bool) -> None:
    world = settling(inherited=inherited)
    said(world, KEY)
    world.run_for(wait)
    ask(world, KEY, **TYPO)
    world.run_for(100)
    assert "unknown_field" in codes(world, KEY)
    assert bought(world) == (1 if inherited and wait == 30 else 0)
    assert_at_rest(world)


@pytest.mark.parametrize("wait", [0, 1])
@pytest.mark.parametrize("inherited", [True, False])
def test_a_refused_request_is_still_told_of_when_its_photo_was_replaced(wait: int, inherited: bool) -> None:
    world = settling(inherited=inherited)
    world.upload_sidecar(KEY, **REMOVE)
    said(world, KEY)
    world.run_until_empty()
    world.s3.delete("photos", f"{KEY}.json")
    world.run_until_empty()
    world.upload_photo(KEY, build_photo("another"))
    world.run_for(wait)
    ask(world, KEY, **TYPO)
    world.run_for(100)
    assert (codes(world, KEY), bought(world), wishes(world, KEY)) == (["unknown_field"], 1, {})
    assert_at_rest(world)


def test_a_replaced_photo_whose_request_was_refused_buys_nothing_for_the_bytes_that_are_gone() -> None:
    world = settling(inherited=True)
    said(world, KEY, operation="remove")
    world.deliver_next("intake")
    world.deliver_next("intake")
    world.upload_photo(KEY, build_photo("another"))
    ask(world, KEY, **TYPO)
    world.run_for(100)
    assert (codes(world, KEY), bought(world)) == (["unknown_field"], 0)
    assert [job.status for job in world.list_jobs()] == [JobStatus.SUPERSEDED]


@pytest.mark.parametrize("tags", [{}, {"operation": "remove"}], ids=["a sidecar", "tags"])
def test_a_refused_request_does_not_hide_behind_the_photos_own_event(tags: dict[str, str]) -> None:
    """The request comes first; what the sidecar says is done all the same, and once."""
    world = settling(inherited=False)
    if not tags:
        world.upload_sidecar(KEY, **REMOVE)
    said(world, KEY, **tags)
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    ask(world, KEY, **TYPO)
    world.run_for(10)
    world.queues["intake"].messages += mine
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY), bought(world)) == (JobStatus.STORED, ["unknown_field"], 1)
    assert_at_rest(world)


def test_a_request_under_broken_defaults_stays_reported_when_they_are_mended_before_its_photo_settled() -> None:
    world = settling(inherited=False)
    defaults(world, "", TYPO)
    said(world, KEY)
    world.run_for(1)
    ask(world, KEY, **BEACH)
    world.run_for(1)
    defaults(world, "", FOREST)
    world.run_for(200)
    assert (codes(world, KEY), bought(world)) == (["folder_defaults_broken"], 0)


def test_a_photo_whose_request_was_refused_runs_on_the_sidecar_that_comes_later() -> None:
    world = settling(inherited=True)
    said(world, KEY)
    ask(world, KEY, **TYPO)
    world.run_for(100)
    world.upload_sidecar(KEY, **BEACH)
    world.run_until_empty()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


@pytest.mark.parametrize(
    "instructions",
    [TYPO, {**BEACH, "negative_prompt": "people"}, {**BEACH, "style_reference_images": "no.jpg"}, {"seed": 3}],
    ids=str,
)
def test_what_is_to_be_done_about_a_refused_request_is_to_send_it_again(instructions: dict[str, Any]) -> None:
    world = World()
    said(world, KEY)
    ask(world, KEY, **instructions)
    world.run_until_empty()
    assert codes(world, KEY)
    assert [
        hint
        for hint in hints(world)
        if not hint.casefold().rstrip(".").endswith(("send the request again", "send it again"))
    ] == []
    assert [hint for hint in hints(world) if "automatically" in hint or "arrive" in hint] == []


def test_a_request_that_a_broken_sidecar_stopped_is_to_be_sent_again() -> None:
    world = World()
    sidecar_bytes(world, KEY, b'{"promt": 1}')
    said(world, KEY)
    world.run_until_empty()
    ask(world, KEY, **BEACH)
    world.run_until_empty()
    assert hints(world) == [
        "docs/reference.md lists the fields. Correct the instructions. Then send the request again."
    ]


def held(*, settle_seconds: int) -> World:
    """A world with a photo that broken folder defaults hold, and a request for it that was refused."""
    world = World(settle_seconds=settle_seconds)
    defaults(world, "", TYPO)
    said(world, KEY)
    world.run_for(100)
    ask(world, KEY, **TYPO)
    world.run_until_empty()
    assert codes(world, KEY) == ["unknown_field"]
    return world


@pytest.mark.parametrize("mended", [FOREST, {"seed": 3}], ids=["and buy", "and say nothing"])
def test_a_refused_request_is_still_told_of_when_the_defaults_that_held_its_photo_are_mended(mended: Any) -> None:
    world = held(settle_seconds=0)
    defaults(world, "", mended)
    world.run_until_empty()
    assert ("unknown_field" in codes(world, KEY), bought(world)) == (True, int(mended is FOREST))
    assert_at_rest(world)
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty()
    assert codes(world, KEY) == []


@pytest.mark.parametrize("settle_seconds", [0, 20])
@pytest.mark.parametrize("sidecar", [True, False])
def test_bad_file_that_refused_a_request_is_no_longer_reported_once_it_is_replaced(
    sidecar: bool, settle_seconds: int
) -> None:
    world = World(settle_seconds=settle_seconds)
    world.upload_photo(KEY, b"this is no photo")
    if sidecar:
        world.upload_sidecar(KEY, **BEACH)
    world.run_for(100)
    ask(world, KEY, **REMOVE)
    world.run_for(100)
    assert set(codes(world, KEY)) == {"not_a_photo"}
    defaults(world, "", TYPO)
    said(world, KEY)
    world.run_for(100)
    assert "not_a_photo" not in codes(world, KEY)
    defaults(world, "", FOREST)
    world.run_until_empty()
    assert (codes(world, KEY), bought(world)) == ([], 1)


def test_a_refused_request_is_still_told_of_when_its_photo_was_replaced_and_put_back_while_it_settled() -> None:
    world = settling(inherited=False)
    said(world, KEY)
    world.run_for(1)
    ask(world, KEY, **TYPO)
    world.run_for(1)
    world.upload_photo(KEY, build_photo("another"))
    world.run_for(5)
    said(world, KEY)
    world.run_for(200)
    assert (sorted(codes(world, KEY)), bought(world)) == (["no_instructions", "unknown_field"], 0)
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty()
    assert (codes(world, KEY), bought(world)) == ([], 1)


def test_a_refused_request_is_told_of_no_more_when_a_person_says_rerun() -> None:
    world = held(settle_seconds=0)
    defaults(world, "", FOREST)
    again(world, KEY)
    world.run_until_empty()
    assert (codes(world, KEY), bought(world)) == ([], 1)


def test_a_refused_request_leaves_a_photo_its_jobs_when_the_same_bytes_come_again_under_defaults_that_broke() -> None:
    """Seed 7985."""
    world = settling(inherited=False)
    world.upload_sidecar(KEY, **REMOVE)
    said(world, KEY)
    world.run_until_empty()
    ask(world, KEY, **TYPO)
    defaults(world, "", TYPO)
    world.run_until_empty()
    said(world, KEY)
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source is not None
    assert (source.blocked_by_defaults, the_job(world).status, [*source.jobs]) == ("", JobStatus.STORED, [""])
    assert (codes(world, KEY), bought(world)) == (["unknown_field"], 1)
