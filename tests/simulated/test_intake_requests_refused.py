"""Refused requests: each is reported and stays reported in any state of its photo, and nothing is bought instead."""

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
    """Returns a world in which no photo settles within 20 seconds."""
    world = World(settle_seconds=20)
    if inherited:
        defaults(world, "", FOREST)
    return world


def hints(world: World) -> list[str]:
    """Returns the hints in the photo's report."""
    report = world.read_report(KEY)
    return [error["hint"] for error in report["errors"]] if report else []


@pytest.mark.parametrize("wait", [0, 1, 30])
@pytest.mark.parametrize("inherited", [True, False])
def test_refused_request_stays_reported_after_the_settle_time(wait: int, inherited: bool) -> None:
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
def test_refused_request_stays_reported_after_its_photo_was_replaced(wait: int, inherited: bool) -> None:
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


def test_refused_request_buys_nothing_for_the_replaced_bytes() -> None:
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
def test_refused_request_is_not_hidden_by_the_photos_event(tags: dict[str, str]) -> None:
    """The request comes first; the sidecar's instructions are still carried out, once."""
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


def test_refused_request_stays_reported_when_defaults_are_corrected_early() -> None:
    world = settling(inherited=False)
    defaults(world, "", TYPO)
    said(world, KEY)
    world.run_for(1)
    ask(world, KEY, **BEACH)
    world.run_for(1)
    defaults(world, "", FOREST)
    world.run_for(200)
    assert (codes(world, KEY), bought(world)) == (["folder_defaults_broken"], 0)


def test_photo_with_refused_request_runs_on_a_later_sidecar() -> None:
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
def test_hint_of_a_refused_request_is_to_resend_it(instructions: dict[str, Any]) -> None:
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


def test_request_stopped_by_a_broken_sidecar_should_be_resent() -> None:
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
    """Returns a world with a photo that broken folder defaults hold, and a request for it that was refused."""
    world = World(settle_seconds=settle_seconds)
    defaults(world, "", TYPO)
    said(world, KEY)
    world.run_for(100)
    ask(world, KEY, **TYPO)
    world.run_until_empty()
    assert codes(world, KEY) == ["unknown_field"]
    return world


@pytest.mark.parametrize("mended", [FOREST, {"seed": 3}], ids=["and buy", "without instructions"])
def test_refused_request_stays_reported_when_held_photo_is_released(mended: Any) -> None:
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
def test_replaced_file_behind_a_refusal_is_no_longer_reported(sidecar: bool, settle_seconds: int) -> None:
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


def test_refused_request_stays_reported_for_a_restored_photo() -> None:
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


def test_refused_request_is_not_reported_after_a_rerun() -> None:
    world = held(settle_seconds=0)
    defaults(world, "", FOREST)
    again(world, KEY)
    world.run_until_empty()
    assert (codes(world, KEY), bought(world)) == ([], 1)


def test_refused_request_leaves_the_jobs_of_the_same_bytes() -> None:
    """The same bytes are uploaded again under defaults that are broken by now (seed 7985)."""
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
