"""The state of a lane in one line, as `backdrop status` shows it."""

from dataclasses import replace
from datetime import UTC, datetime

from backdrop.model.circuit import PauseReason, ProviderHealth, pause
from backdrop.model.codes import Code
from backdrop_cli.operate.status import describe_lane_state

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_sentence_ends_with_a_period_only_at_the_end() -> None:
    lane = pause(ProviderHealth(provider="ideogram"), PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "No.", NOW)
    assert describe_lane_state(lane) == "paused (provider_key_refused): No."
    half_open = replace(lane, is_half_open=True)
    assert describe_lane_state(half_open) == "paused (provider_key_refused): No; one job probes it"
