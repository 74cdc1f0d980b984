"""Work that the provider abandoned: the next call has a new ID, and only completed work is charged."""

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, JobStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

GIVEN_UP = ProviderResult(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, "the work was abandoned", is_final=True)
TOO_MUCH = ProviderResult(
    RetryClass.QUOTA, Code.PROVIDER_THROTTLED, "too much work in progress", retry_after_seconds=1.0, is_final=True
)
NO_ANSWER = ProviderResult.lost("no answer arrived")


def assert_bought_once_under_two_ids(world: World) -> None:
    job = find_only_job(world)
    assert (job.status, job.charged, job.unknown, world.provider.charged_micro_usd) == (
        JobStatus.STORED,
        PRICE,
        0,
        PRICE,
    )
    assert [*world.provider.account.work_by_id] == [f"{job.job_id}-0", f"{job.job_id}-1"]
    assert (job.charge_no, job.attempts[-1].outcome) == (1, AttemptOutcome.ANSWERED)
    assert len(world.read_pictures()) == 1
    assert world.read_report(KEY) is None
    assert_at_rest(world)


@pytest.mark.parametrize("end", [GIVEN_UP, TOO_MUCH], ids=["given up", "too much"])
def test_work_that_ended_without_a_result_is_bought_under_another_id(end: ProviderResult) -> None:
    world = world_with_photo(kind="own_id")
    world.provider.script.append(CallBehavior(failure=end))
    world.run_until_empty()
    assert_bought_once_under_two_ids(world)


def test_work_found_ended_by_lookup_is_bought_under_another_id() -> None:
    """The call that is prepared in the slot has the first ID, so it must not be sent."""
    world = world_with_photo(kind="own_id")
    world.provider.script.append(CallBehavior(failure=GIVEN_UP, result=NO_ANSWER))
    world.run_until_empty()
    assert_bought_once_under_two_ids(world)
