"""Lanes as their tests begin with them."""

from datetime import timedelta

from backdrop.model.circuit import Lane, Reason, heed
from backdrop.model.provider_result import Answer
from tests.simulated.simulation import NOW

SECOND = timedelta(seconds=1)
OPEN = Lane(provider="ideogram")


def heard(lane: Lane, *answers: Answer) -> Lane:
    """The lane after answers to calls that were no probes."""
    for answer in answers:
        lane = heed(lane, answer, NOW, probe=False)
    return lane


def reasons_of(lane: Lane) -> set[Reason]:
    """Why a lane is paused."""
    return {one.reason for one in lane.pauses}
