"""Lanes in the states that tests start from."""

from datetime import timedelta

from backdrop.model.circuit import PauseReason, ProviderHealth, observe_result
from backdrop.model.provider_result import ProviderResult
from tests.simulated.stage_worlds import NOW

SECOND = timedelta(seconds=1)
RUNNING_LANE = ProviderHealth(provider="ideogram")


def observe_results(lane: ProviderHealth, *answers: ProviderResult) -> ProviderHealth:
    """Returns the lane after these results of calls that were not probes."""
    for answer in answers:
        lane = observe_result(lane, answer, NOW, probe=False)
    return lane


def list_reasons(lane: ProviderHealth) -> set[PauseReason]:
    """Returns why a lane is paused."""
    return {one.reason for one in lane.pauses}
