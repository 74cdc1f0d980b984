"""A ledger outage longer than an invocation: the answer is kept in the output bucket, and nothing is paid for twice."""

from datetime import datetime, timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import ANSWER_SPOOL_PREFIX
from backdrop.model.provider_result import RetryClass
from simulation.world.simulated_provider import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import OUTPUT_BUCKET, TIMEOUTS_SECONDS, World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error, raise_throttle
from tests.simulated.simulated_days import list_report_codes, pass_time, run_reconcile
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

S = JobStatus
CALL_SECONDS = 10
REACTIONS = {
    "ok": (CallBehavior(work_seconds=CALL_SECONDS), S.STORED, PRICE),
    "withheld": (CallBehavior(work_seconds=CALL_SECONDS, unsafe_count=1), S.DEAD, PRICE),
    "refused": (build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST), S.REFUSED, 0),
    "rejected": (build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED), S.DEAD, 0),
}
NOT_TAKEN = {
    "throttled": build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
    "busy": build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
    "unreached": build_refusal(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE),
    "wrong key": build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
}


def world_with_outage_after_answer(
    reaction: CallBehavior, seconds: float = TIMEOUTS_SECONDS["ideogram"], kind: str = "unaskable"
) -> World:
    """Returns a world whose ledger is unavailable for this long after the provider has answered, or taken the work."""
    world = world_with_photo(kind=kind)
    world.run_until_empty("intake", "deliver")
    end: list[datetime] = []

    def fail(call: ServiceCall) -> None:
        if call.service == "dynamodb" and end and world.clock.now() < end[0]:
            raise_throttle(call)

    def start_outage(call: ServiceCall) -> None:
        end.append(world.clock.now() + timedelta(seconds=seconds))

    world.provider.script.append(reaction)
    world.transport.faults_after.append(TargetedFault(start_outage, "call"))
    world.transport.faults_before.append(fail)
    world.deliver_next("ideogram")
    return world


def list_spooled_answers(world: World) -> list[str]:
    """Returns the answers that are spooled in the output bucket."""
    return [key for key in world.output_bucket.list_keys() if key.startswith(f"{ANSWER_SPOOL_PREFIX}/")]


def end_outage(world: World) -> None:
    world.transport.clear_faults()


@pytest.mark.parametrize("name", REACTIONS)
def test_answer_that_the_ledger_rejects_is_spooled_in_time(name: str) -> None:
    """The answer is spooled two seconds before Lambda would end the worker, so that its message is returned in time."""
    started = world_with_photo().clock.now()
    world = world_with_outage_after_answer(REACTIONS[name][0])
    deadline = started + timedelta(seconds=TIMEOUTS_SECONDS["ideogram"])
    assert deadline - timedelta(seconds=10) < world.clock.now() <= deadline - timedelta(seconds=1)
    assert (world.crash_count, len(world.returned_messages), len(list_spooled_answers(world))) == (0, 1, 1)
    assert find_only_job(world).status is S.SUBMITTING


@pytest.mark.parametrize("name", REACTIONS)
@pytest.mark.parametrize("finder", ["the job's message", "reconcile"])
def test_spooled_answer_has_the_same_outcome(name: str, finder: str) -> None:
    reaction, end, charged = REACTIONS[name]
    world = world_with_outage_after_answer(reaction)
    end_outage(world)
    if finder == "reconcile":
        run_reconcile(world)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.charged, job.unknown, world.provider.charged_micro_usd) == (end, charged, 0, charged)
    assert len(world.provider.received_job_ids) == 1
    assert_at_rest(world)
    pass_time(world, 600)
    assert list_spooled_answers(world) == []


@pytest.mark.parametrize("finder", ["the job's message", "reconcile"])
def test_work_whose_id_the_ledger_never_had_is_not_bought_again(finder: str) -> None:
    """Only the worker knows the ID, so it waits for the answer, which is spooled."""
    world = world_with_outage_after_answer(CallBehavior(work_seconds=CALL_SECONDS), kind="acknowledged")
    assert (len(list_spooled_answers(world)), find_only_job(world).attempts[0].provider_id) == (1, None)
    end_outage(world)
    if finder == "reconcile":
        run_reconcile(world)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.charged, job.unknown, world.provider.charged_micro_usd) == (S.STORED, PRICE, 0, PRICE)
    assert len(world.provider.received_job_ids) == 1
    assert_at_rest(world)


def test_id_that_the_ledger_did_not_take_is_written_when_the_job_is_parked() -> None:
    slow = CallBehavior(work_seconds=2 * TIMEOUTS_SECONDS["ideogram"])
    world = world_with_outage_after_answer(slow, seconds=60, kind="acknowledged")
    assert find_only_job(world).attempts[0].provider_id
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.unknown, len(world.provider.received_job_ids)) == (S.STORED, 0, 1)
    assert_at_rest(world)


@pytest.mark.parametrize("name", REACTIONS)
def test_spooled_answer_needs_no_message_from_its_lane(name: str) -> None:
    reaction, end, _ = REACTIONS[name]
    world = world_with_outage_after_answer(reaction)
    end_outage(world)
    world.queues["ideogram"].messages.clear()
    run_reconcile(world)
    world.run_for(60)
    assert (find_only_job(world).status, list_spooled_answers(world)) == (end, [])
    assert_at_rest(world)


@pytest.mark.parametrize("name", NOT_TAKEN)
@pytest.mark.parametrize("finder", ["the job's message", "reconcile", "both"])
def test_spooled_answer_of_a_refused_call_lets_the_job_continue(name: str, finder: str) -> None:
    world = world_with_outage_after_answer(NOT_TAKEN[name])
    end_outage(world)
    if finder != "the job's message":
        run_reconcile(world)
    if finder != "reconcile":
        world.run_for(600)
    pass_time(world, 1800)
    job = find_only_job(world)
    assert (job.status, job.charged, job.unknown) == (S.STORED, PRICE, 0)
    assert (len(world.provider.received_job_ids), list_spooled_answers(world)) == (2, [])
    assert_at_rest(world)


def test_spooled_lost_answer_is_recorded_as_lost() -> None:
    world = world_with_outage_after_answer(build_charged_hang_up())
    end_outage(world)
    pass_time(world, 1800)
    assert (find_only_job(world).status, find_only_job(world).unknown, len(world.provider.received_job_ids)) == (
        S.STORED,
        PRICE,
        2,
    )
    assert list_spooled_answers(world) == []
    assert_at_rest(world)


def test_spooled_answer_that_fails_does_not_stop_reconcile() -> None:
    world = world_with_outage_after_answer(CallBehavior(), seconds=3600)
    run_reconcile(world)
    assert len(list_spooled_answers(world)) == 1
    end_outage(world)
    world.run_until_empty()
    pass_time(world, 600)
    assert (find_only_job(world).status, list_spooled_answers(world)) == (S.STORED, [])


@pytest.mark.parametrize("data", [b"", b"no json", b"{}", b'{"v": 2}', b"\xff"], ids=ascii)
def test_foreign_file_in_the_answer_spool_is_harmless(data: bytes) -> None:
    world = world_with_outage_after_answer(CallBehavior())
    end_outage(world)
    (spooled,) = list_spooled_answers(world)
    world.s3.put_object(
        Bucket=OUTPUT_BUCKET, Key=f"{ANSWER_SPOOL_PREFIX}/foreign.json", Body=data, ContentType="application/json"
    )
    run_reconcile(world)
    assert spooled not in list_spooled_answers(world)
    world.run_until_empty()
    assert find_only_job(world).status is S.STORED
    assert_at_rest(world)


@pytest.mark.parametrize("data", [b"{}", b'{"v": 2}'], ids=ascii)
def test_answer_of_another_release_is_not_bought_again(data: bytes) -> None:
    world = world_with_outage_after_answer(CallBehavior())
    end_outage(world)
    (key,) = list_spooled_answers(world)
    readable = world.s3.get_object(Bucket=OUTPUT_BUCKET, Key=key)["Body"].read()
    world.s3.put_object(Bucket=OUTPUT_BUCKET, Key=key, Body=data, ContentType="application/json")
    pass_time(world, 1800)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.SUBMITTING, 1)
    world.s3.put_object(Bucket=OUTPUT_BUCKET, Key=key, Body=readable, ContentType="application/json")
    pass_time(world, 1800)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.STORED, 1)
    assert_at_rest(world)


def test_answer_to_an_unknown_job_is_dropped() -> None:
    world = world_with_outage_after_answer(CallBehavior())
    end_outage(world)
    world.table.items.clear()
    run_reconcile(world)
    assert list_spooled_answers(world) == []


def test_charge_is_unknown_if_neither_ledger_nor_bucket_accepts_it() -> None:
    """There is no third place. The attempt was in the ledger before the call, so the bill can still be explained."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")

    def fail(call: ServiceCall) -> None:
        if call.service in ("dynamodb", "s3") and world.provider.received_job_ids and world.clock.now() < until:
            raise build_client_error("InternalError", call.operation, 500)

    until = world.clock.now() + timedelta(seconds=TIMEOUTS_SECONDS["ideogram"] + 60)
    world.transport.faults_before.append(fail)
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).charged, find_only_job(world).unknown) == (
        S.STORED,
        PRICE,
        PRICE,
    )
    assert (world.provider.charged_micro_usd, list_report_codes(world, KEY)) == (2 * PRICE, [])
    assert_at_rest(world)
