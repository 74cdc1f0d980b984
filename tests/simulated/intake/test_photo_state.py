"""For a decision, intake reads each fact at most once, and only the facts that it needs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from backdrop.intake.decide import (
    AFTER_RESOLVING,
    BEFORE_RESOLVING,
    CrashCount,
    Decision,
    EventDelivery,
    EventKind,
    History,
    PhotoInBucket,
    PlanResult,
    ReportState,
    SettlePeriod,
)
from backdrop.intake.photo_state import PhotoState
from backdrop.model.codes import Code
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.pipeline.crash_guard import MAX_CRASHES
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.stage_worlds import KEY, world_with_photo
from tests.unit.ledger_items import build_problem

REQUEST = IncomingRequest("message-1", {"operation": "remove"})


def build_state(world: World, **event: Any) -> PhotoState:
    """Returns the photo's state as intake sees it when such a message arrives."""
    photo_intake = world.intake.photo_intake
    message = IntakeEvent(INPUT_BUCKET, KEY, **event)
    return PhotoState(
        message,
        photo_intake.ledger,
        photo_intake.prefetch,
        photo_intake.image_requests,
        photo_intake.resolver,
        photo_intake.clock,
        photo_intake.settle_seconds,
    )


def list_calls(world: World, state: PhotoState) -> tuple[Decision, Sequence[str]]:
    """Makes a decision, and returns the service calls that this takes."""
    before = len(world.transport.calls)
    decision = BEFORE_RESOLVING.decide(state.facts)
    return decision, [call.operation for call in world.transport.calls[before:]]


def delivered_world() -> World:
    """Returns a photo whose picture was bought and delivered."""
    world = world_with_photo()
    world.run_until_empty()
    return world


def change_source(world: World, **fields: Any) -> None:
    source = world.read_source(KEY)
    assert source
    world.ledger.put_source(replace(source, **fields), ())


def test_every_column_of_both_tables_has_its_fact() -> None:
    facts = build_state(delivered_world()).facts
    columns = {*BEFORE_RESOLVING.columns, *AFTER_RESOLVING.columns} - {PlanResult}
    assert all(isinstance(facts[column], column) for column in columns)


def test_no_fact_is_read_twice() -> None:
    world = delivered_world()
    state = build_state(world, is_repeated=True)
    decision, before = list_calls(world, state)
    assert (decision, list_calls(world, state)) == (Decision.REDELIVER, (Decision.REDELIVER, []))
    assert before


def test_obsolete_settle_timeout_reads_only_the_ledger() -> None:
    world = delivered_world()
    assert list_calls(world, build_state(world, is_settle_timeout=True)) == (Decision.IGNORE, ["query"])


def test_unchanged_photo_is_ignored_without_reading_its_bytes() -> None:
    world = delivered_world()
    decision, operations = list_calls(world, build_state(world))
    assert (decision, operations[0]) == (Decision.IGNORE, "query")
    assert {*operations[1:]} <= {"get_object", "head_object", "get_object_tagging"}


def test_request_that_was_handled_before_is_a_repeated_event() -> None:
    world = delivered_world()
    assert build_state(world, request=REQUEST).facts[EventKind] is EventKind.REQUEST
    change_source(world, recent_request_ids=(REQUEST.request_id,))
    state = build_state(world, request=REQUEST)
    assert (state.facts[EventKind], state.facts[EventDelivery]) == (EventKind.REPEATED_REQUEST, EventDelivery.REPEATED)
    assert state.event.request is None


@pytest.mark.parametrize(
    ("event", "crashes"),
    [
        ({}, CrashCount.TOO_MANY),
        ({"is_rerun": True}, CrashCount.TOLERABLE),
        ({"is_rerun": True, "is_repeated": True}, CrashCount.TOO_MANY),
    ],
)
def test_only_a_first_rerun_opens_a_photo_that_crashed_workers(event: Any, crashes: CrashCount) -> None:
    world = delivered_world()
    change_source(world, crash_count=MAX_CRASHES)
    state = build_state(world, **event)
    assert state.facts[CrashCount] is crashes
    assert bool(state.snapshot.photo_error) == (crashes is CrashCount.TOO_MANY)


def test_missing_photo_is_not_compared_with_the_recorded_one() -> None:
    world = delivered_world()
    world.s3.delete(INPUT_BUCKET, KEY)
    state = build_state(world)
    assert (state.facts[PhotoInBucket], state.facts[History]) == (PhotoInBucket.MISSING, History.KNOWN)
    with pytest.raises(LookupError, match=KEY):
        _ = state.snapshot


def test_photo_settles_at_most_once() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    assert build_state(world).facts[SettlePeriod] is SettlePeriod.TIME_LEFT
    world.run_until_empty()
    assert (build_state(world).facts[History], build_state(world).facts[SettlePeriod]) == (
        History.BLOCKED,
        SettlePeriod.OVER,
    )


def test_report_of_an_unreadable_file_is_outdated_once_it_is_readable() -> None:
    world = delivered_world()
    assert build_state(world).facts[ReportState] is ReportState.CURRENT
    change_source(world, problems=(build_problem(Code.FILE_UNREADABLE),))
    assert build_state(world).facts[ReportState] is ReportState.OUTDATED
