"""The latest time at which a call may begin in a slot."""

from datetime import timedelta

from backdrop.model.circuit import ProviderHealth
from backdrop.pipeline.call_context import RECORD_RESULT_SECONDS, CallContext
from tests.unit.ledger_items import NOW


def seconds_after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_call_and_its_record_end_before_the_deadline() -> None:
    slot = CallContext(deadline=NOW + seconds_after(300))
    assert slot.latest_start(60) == NOW + seconds_after(300 - 60 - RECORD_RESULT_SECONDS)


def test_probe_call_also_ends_before_the_next_probe() -> None:
    lane = ProviderHealth(provider="ideogram", probe_until=NOW + seconds_after(100))
    probe = CallContext(deadline=NOW + seconds_after(300), lane=lane, is_probe=True)
    assert probe.latest_start(60) == NOW + seconds_after(100 - 60 - RECORD_RESULT_SECONDS)
    assert not probe.has_time_for(60, NOW + seconds_after(31))
    other = CallContext(deadline=NOW + seconds_after(300), lane=lane)
    assert other.has_time_for(60, NOW + seconds_after(31))
