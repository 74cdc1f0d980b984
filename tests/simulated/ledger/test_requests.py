"""Requests in the ledger are stored with their photo, can be listed by campaign, and are not read with the jobs."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.image_request import CallbackOutcome, ImageRequest
from backdrop.model.schedule import MAX_LOCATION_BYTES
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, lose_response, raise_throttle
from tests.simulated.content_waits import list_image_requests, send_task_request
from tests.simulated.ledger.test_releases import rewrite
from tests.simulated.stage_worlds import KEY, NOW
from tests.simulated.uploads_and_requests import REMOVE, upload_unique_photo
from tests.unit.ledger_items import build_source


def build_request(n: int = 0, **changes: Any) -> ImageRequest:
    """Returns the n-th request of a campaign."""
    facts: dict[str, Any] = {"source_id": f"{n % 16:x}{n:063x}", "request_id": f"m-{n}", "bucket": "photos"}
    facts |= {"key": f"shoes/{n:04}.jpg", "campaign": "summer", "requested_at": NOW}
    return ImageRequest(**facts | changes)


def test_request_is_written_with_the_photo_or_not_at_all() -> None:
    world = World()
    source = build_source()
    world.ledger.put_source(source, (), build_request(source_id=source.source_id))
    (found,) = world.ledger.list_requests(source.source_id)
    assert (found.request_id, found.lock_version) == ("m-0", 1)
    with pytest.raises(ConflictError):
        world.ledger.put_source(source, (), build_request(source_id=source.source_id, request_id="m-1"))
    with pytest.raises(ConflictError):
        world.ledger.put_source(replace(source, lock_version=1), (), build_request(source_id=source.source_id))
    assert len(world.ledger.list_requests(source.source_id)) == 1


def test_photo_is_read_without_its_requests() -> None:
    world = World()
    source = build_source()
    world.ledger.put_source(source, ())
    for n in range(20):
        world.ledger.put_request(build_request(source_id=source.source_id, request_id=f"m-{n}"))
    world.transport.calls.clear()
    found, jobs = world.ledger.read_photo(source.source_id)
    assert found
    assert (jobs, len(world.transport.calls)) == ([], 1)
    assert len(world.ledger.list_requests(source.source_id)) == 20


def test_answer_to_a_request_is_written_once() -> None:
    world = World()
    first = world.ledger.put_request(build_request())
    world.ledger.put_request(replace(first, outcome=CallbackOutcome.SUCCESS))
    with pytest.raises(ConflictError):
        world.ledger.put_request(replace(first, outcome=CallbackOutcome.UNDELIVERABLE))
    assert list_image_requests(world)[0].outcome is CallbackOutcome.SUCCESS


def test_answered_request_is_no_longer_pending() -> None:
    world, photo_id = World(), "a" * 64
    for n in range(9):
        one = world.ledger.put_request(build_request(source_id=photo_id, request_id=f"m-{n}"))
        if n != 7:
            world.ledger.put_request(replace(one, outcome=CallbackOutcome.UNDELIVERABLE, answered_at=NOW))
    assert [one.request_id for one in world.ledger.list_pending_requests(photo_id)] == ["m-7"]
    assert len(world.ledger.list_requests(photo_id)) == 9


def test_answer_whose_write_response_was_lost_is_recognized() -> None:
    world = World()
    world.transport.faults_after.append(TargetedFault(lose_response, "transact_write_items"))
    assert world.ledger.put_request(build_request()).lock_version == 1


def test_campaign_requests_are_listed_in_the_order_of_photos() -> None:
    world = World()
    for n in (*range(7, 120), *range(7)):
        world.ledger.put_request(build_request(n))
        world.ledger.put_request(build_request(n, request_id="other", campaign="summer2"))
        world.ledger.put_request(build_request(n, request_id="none", campaign="", task_token="t"))
    found = [one.key for one in world.steps.ledger_queries.list_campaign_requests("summer")]
    assert found == [f"shoes/{n:04}.jpg" for n in range(120)]
    assert Counter(one.campaign for one in world.steps.ledger_queries.list_campaign_requests("summer2")) == {
        "summer2": 120
    }
    assert list(world.steps.ledger_queries.list_campaign_requests("summ")) == []


def test_photo_named_twice_by_a_campaign_is_listed_twice() -> None:
    world = World()
    for ident in ("b", "a"):
        world.ledger.put_request(build_request(request_id=ident))
    assert [one.request_id for one in world.steps.ledger_queries.list_campaign_requests("summer")] == ["a", "b"]


def test_longest_key_fits_into_the_index() -> None:
    world = World()
    world.ledger.put_request(build_request(key="é" * 600, request_id="m" * 36))
    (attributes,) = world.table.items.values()
    assert len(attributes["due"]["S"].encode()) <= MAX_LOCATION_BYTES + 37
    assert [one.key for one in world.steps.ledger_queries.list_campaign_requests("summer")] == ["é" * 600]


def test_unprocessed_keys_of_a_batch_are_retried_with_backoff() -> None:
    world = World()
    for n in range(30):
        world.ledger.put_request(build_request(n))
    world.table.returns_half_batches = True
    began = world.clock.time
    assert len(list(world.steps.ledger_queries.list_campaign_requests("summer"))) == 30
    batches = sum(call.operation == "batch_get_item" for call in world.transport.calls)
    assert (batches, world.clock.time > began) == (5, True)


def test_listing_a_campaign_raises_retry_later_error_during_an_outage() -> None:
    world = World()
    world.ledger.put_request(build_request())
    world.transport.faults_before.append(TargetedFault(raise_throttle, "batch_get_item"))
    with pytest.raises(RetryLaterError):
        list(world.steps.ledger_queries.list_campaign_requests("summer"))


def test_requests_are_never_due_open_or_failed_items() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    send_task_request(world, run="summer", **REMOVE)
    world.run_until_empty()
    world.ledger.put_request(build_request(1))
    assert (list(world.steps.ledger_queries.list_open()), list(world.steps.ledger_queries.list_failed())) == ([], [])
    assert [one.key for one in world.steps.ledger_queries.list_campaign_requests("summer")] == ["shoes/0001.jpg", KEY]


def test_request_written_by_another_release_is_retried_later() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    send_task_request(world, **REMOVE)
    world.run_until_empty("intake")
    rewrite(world, "asked#", {"unheard_of": 1})
    with pytest.raises(RetryLaterError):
        world.ledger.list_requests(world.list_jobs()[0].source_id)
