"""Mandates: each paid call for a photo in an owned folder is charged to its mandate, and never exceeds it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus, PictureLink, Settlement, SettlementResult
from backdrop.model.mandate import Mandate, MandateState, WhenSpent
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.operate.mandates import MandateRefusedError
from backdrop.operate.redrive import FailureFilter
from simulation.world import sample_mandates
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.event_loop import SimulatedCrash
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault
from tests.simulated.deliver.test_fidelity import CHANGED_SCENE, TRANSPARENT_PHOTO
from tests.simulated.deliver.test_retry import COPY, HARDLY, MARBLE, RETRY, build_retrying_world
from tests.simulated.deliver.test_retry import PRICE as RETRY_PRICE
from tests.simulated.deliver.test_retry import build_world as build_retry_world
from tests.simulated.simulated_days import DAY, cancel_jobs, list_report_codes, pass_time, run_reconcile
from tests.simulated.stage_worlds import PRICE, assert_at_rest, assert_budgets, find_only_job, replay_with_crashes

FOLDER = "agents/anna/"
FIRST, SECOND, THIRD = (f"{FOLDER}{n}.jpg" for n in (1, 2, 3))
OUTSIDE = "agents/outside.jpg"


def create_mandate(world: World, name: str = "anna", **terms: Any) -> Mandate:
    """Creates a mandate for the folder. Without a limit, it covers ten removals."""
    facts: dict[str, Any] = {"name": name, "prefix": FOLDER, "limit": 10 * PRICE}
    return sample_mandates.create_mandate(world, **facts | terms)


def world_with_mandate(*keys: str, **terms: Any) -> World:
    """Returns a world with a mandate, and with different photos whose removal is requested."""
    world = World()
    create_mandate(world, **terms)
    for key in keys:
        upload(world, key)
    return world


def upload(world: World, key: str, picture: str = "", **instructions: Any) -> None:
    """Uploads a photo. Without a `picture`, each key has bytes of its own."""
    world.upload_photo(key, build_photo(picture or key), **{"operation": "remove"} | instructions)


def interpose(world: World, change: Callable[[], object], operation: str = "transact_write_items") -> None:
    """Makes an operator change something just before the next request of this kind."""

    def run_change(_: object) -> None:
        change()

    world.transport.faults_before.append(TargetedFault(run_change, operation))


def count_stored(world: World) -> int:
    return sum(job.status is JobStatus.STORED for job in world.list_jobs())


def find_account(world: World, name: str = "anna") -> Any:
    return world.mandates.find(name)


# -- what is charged --------------------------------------------------------------------------------------------------


def test_call_for_a_photo_in_the_folder_is_charged_to_the_mandate() -> None:
    world = world_with_mandate(FIRST, OUTSIDE)
    world.run_until_empty()
    account = find_account(world)
    assert (account.confirmed, account.left) == (PRICE, 9 * PRICE)
    assert (find_only_job(world, FIRST).mandate, find_only_job(world, OUTSIDE).mandate) == ("anna", None)
    assert world.read_budget()["confirmed"] == 2 * PRICE
    receipt = world.read_receipt(FIRST)
    assert receipt
    assert [job["mandate"] for job in receipt["jobs"]] == ["anna"]
    assert_at_rest(world)


def test_lost_answer_counts_against_the_mandate() -> None:
    world = world_with_mandate(FIRST)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    account = find_account(world)
    assert (account.unknown, account.confirmed) == (PRICE, PRICE)
    assert_at_rest(world)


def test_call_that_is_not_charged_releases_its_reservation() -> None:
    world = world_with_mandate(FIRST, limit=PRICE)
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    world.run_until_empty()
    account = find_account(world)
    assert (account.committed, account.left) == (0, PRICE)
    upload(world, SECOND)
    world.run_until_empty()
    assert find_only_job(world, SECOND).status is JobStatus.STORED
    assert_at_rest(world)


def test_each_attempt_of_a_retry_is_charged() -> None:
    world = build_retry_world(*[HARDLY] * 2)
    create_mandate(world, prefix="shoes/", limit=2 * RETRY_PRICE)
    world.run_until_empty()
    assert (find_only_job(world).status, find_account(world).left) == (JobStatus.STORED, 0)
    assert_at_rest(world)


def test_retry_that_the_mandate_does_not_cover_delivers_the_first_picture() -> None:
    world = build_retry_world(*[HARDLY] * 2)
    create_mandate(world, prefix="shoes/", limit=RETRY_PRICE)
    world.run_until_empty()
    assert (find_only_job(world).status, find_account(world).left) == (JobStatus.STORED, 0)
    assert_at_rest(world)


def test_retry_ends_with_its_own_picture_if_a_new_mandate_buys_the_same_content() -> None:
    """The other photo's file would be kept in another place than the retry's own picture."""
    world = build_retrying_world()
    create_mandate(world, prefix="shoes/", limit=2 * RETRY_PRICE)
    world.upload_photo(COPY, TRANSPARENT_PHOTO)
    world.upload_sidecar(COPY, **MARBLE, subject=RETRY)
    world.run_until_empty()
    retried, copy = find_only_job(world), find_only_job(world, COPY)
    assert (retried.status, retried.reused_from, retried.paid_attempt_no) == (JobStatus.STORED, None, 1)
    assert (copy.status, copy.mandate, find_account(world).confirmed) == (JobStatus.STORED, "anna", RETRY_PRICE)
    assert_at_rest(world)


@pytest.mark.parametrize(
    ("per_picture", "calls"),
    [(RETRY_PRICE, 1), (2 * RETRY_PRICE - 1, 1), (2 * RETRY_PRICE, 2), (4 * RETRY_PRICE, 4)],
)
def test_highest_price_of_a_picture_stops_its_retries(per_picture: int, calls: int) -> None:
    world = build_retry_world(CHANGED_SCENE, subject=RETRY | {"retries": 3})
    create_mandate(world, prefix="shoes/", limit=10 * RETRY_PRICE, per_picture=per_picture)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, world.provider.charged_micro_usd) == (JobStatus.STORED, calls * RETRY_PRICE)
    reasons = [one for one in job.warnings if "The mandate anna allows" in str(one.text)]
    assert len(reasons) == (calls < 4)
    assert_at_rest(world)


@pytest.mark.parametrize(("per_picture", "jobs"), [(RETRY_PRICE + 9_999, 1), (RETRY_PRICE + 10_000, 2)])
def test_highest_price_of_a_picture_includes_a_mask_that_is_requested_later(per_picture: int, jobs: int) -> None:
    world = World()
    create_mandate(world, prefix=FOLDER, limit=10 * RETRY_PRICE, per_picture=per_picture)
    world.upload_photo(FIRST, build_photo("own"))
    world.upload_sidecar(FIRST, **MARBLE)
    world.run_until_empty()
    world.upload_sidecar(FIRST, **MARBLE, subject={"mask": "buy"})
    world.run_until_empty()
    assert (len(world.list_jobs(FIRST)), list_report_codes(world, FIRST)) == (jobs, [])


@pytest.mark.parametrize("terms", [{"limit": 10 * RETRY_PRICE, "per_picture": RETRY_PRICE}, {"limit": RETRY_PRICE}])
def test_job_waits_for_its_provider_if_the_mandate_does_not_cover_the_next_one(terms: dict[str, Any]) -> None:
    """Segmind costs more. A refusal would be final, but Ideogram resumes."""
    world = World(other_providers={"segmind": ProviderKind.LOOKUP_BY_PROVIDER_ID})
    create_mandate(world, **terms)
    world.upload_photo(FIRST, TRANSPARENT_PHOTO)
    world.upload_sidecar(FIRST, **MARBLE, provider=["ideogram", "segmind"])
    world.provider.default_behavior = build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED)
    world.run_for(600)
    assert (find_only_job(world, FIRST).provider, list_report_codes(world, FIRST)) == ("ideogram", [])
    world.provider.default_behavior = CallBehavior()
    world.resume_lane(provider="ideogram")
    world.run_until_empty()
    job = find_only_job(world, FIRST)
    assert (job.status, job.provider, find_account(world).confirmed) == (JobStatus.STORED, "ideogram", RETRY_PRICE)


def test_job_above_the_limit_of_a_day_is_refused_because_no_day_would_cover_it() -> None:
    world = world_with_mandate(FIRST, per_day=PRICE - 1, when_spent=WhenSpent.WAIT)
    world.run_until_empty()
    assert (list_report_codes(world, FIRST), world.list_jobs()) == (["mandate_forbids"], [])


def test_charge_above_the_price_list_suspends_the_mandate() -> None:
    world = world_with_mandate(FIRST, SECOND)
    link = PictureLink(url="https://results.invalid/1.png")
    overcharge = ProviderResult(RetryClass.OK, links=(link,), charged=2 * PRICE)
    world.provider.script.append(CallBehavior(result=overcharge))
    world.run_until_empty()
    account = find_account(world)
    assert (account.state_on(world_day(world, 0)), account.is_overcharged) == (MandateState.SUSPENDED, True)
    (refused,) = [job for job in world.list_jobs() if job.status is JobStatus.REFUSED]
    assert (list_report_codes(world, refused.key), account.confirmed) == ([Code.MANDATE_SUSPENDED], 2 * PRICE)
    world.mandates.resume("anna", "ops")
    assert find_account(world).state_on(world_day(world, 0)) is MandateState.ACTIVE


def test_failure_that_the_usage_records_bill_after_its_money_was_spent_suspends_the_mandate() -> None:
    world = world_with_mandate(FIRST, limit=PRICE)
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    world.run_until_empty()
    spend_what_was_released(world)
    settle_first(world, SettlementResult.CHARGED)
    assert_exceeded_and_suspended(world)


def test_corrected_usage_records_that_take_back_spent_money_suspend_the_mandate() -> None:
    world = world_with_lost_call_that_was_settled_as_not_charged()
    spend_what_was_released(world)
    world.ledger.write_transition(transitions.reopen_settlement(find_only_job(world, FIRST), 1, world.clock.now()))
    assert_exceeded_and_suspended(world)
    settle_first(world, SettlementResult.CHARGED)
    assert_exceeded_and_suspended(world)


def test_late_answer_that_contradicts_the_usage_records_suspends_the_mandate() -> None:
    world = world_with_lost_call_that_was_settled_as_not_charged()
    spend_what_was_released(world)
    link = PictureLink(url="https://results.invalid/1.png")
    answer = ProviderResult(RetryClass.OK, links=(link,), charged=PRICE)
    job = find_only_job(world, FIRST)
    world.ledger.write_transition(transitions.record_result(job, 1, answer, world.clock.now()))
    assert_exceeded_and_suspended(world)


def test_settlement_within_what_was_reserved_suspends_nothing() -> None:
    world = world_with_mandate(FIRST, limit=PRICE)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    settle_first(world, SettlementResult.CHARGED)
    account = find_account(world)
    assert (account.confirmed, account.state_on(world_day(world, 0))) == (PRICE, MandateState.ACTIVE)


def world_with_lost_call_that_was_settled_as_not_charged() -> World:
    world = world_with_mandate(FIRST, limit=PRICE)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    settle_first(world, SettlementResult.NOT_CHARGED)
    return world


def spend_what_was_released(world: World) -> None:
    assert find_account(world).left == PRICE
    upload(world, SECOND)
    world.run_until_empty()
    assert (find_only_job(world, SECOND).status, find_account(world).left) == (JobStatus.STORED, 0)


def settle_first(world: World, result: SettlementResult) -> None:
    """Settles the first photo's only call, as a comparison with the usage records does."""
    now = world.clock.now()
    settlement = Settlement(
        result=result, settled_at=now, amount=PRICE, hours=(now,), billed=1, certain=0, records_read_at=now
    )
    world.ledger.write_transition(transitions.settle(find_only_job(world, FIRST), 1, settlement))


def assert_exceeded_and_suspended(world: World) -> None:
    account = find_account(world)
    assert (account.committed, account.mandate.limit) == (2 * PRICE, PRICE)
    assert account.state_on(world_day(world, 0)) is MandateState.SUSPENDED


# -- when a mandate is created, and when it ends ------------------------------------------------------------------


def test_job_that_waits_in_its_lane_is_charged_to_a_mandate_created_since() -> None:
    world = World()
    upload(world, FIRST)
    world.run_until_empty("intake")
    create_mandate(world)
    world.run_until_empty()
    assert find_only_job(world, FIRST).mandate == "anna"
    assert find_account(world).confirmed == PRICE
    assert_at_rest(world)


def test_claim_of_a_worker_that_does_not_know_a_new_mandate_fails() -> None:
    """The worker read the registry before the mandate was created, and claims afterward."""
    world = World()
    upload(world, FIRST)
    world.run_until_empty("intake")
    interpose(world, lambda: create_mandate(world))
    world.run_until_empty()
    assert find_account(world).confirmed == PRICE
    assert_at_rest(world)


def test_claim_just_after_midnight_knows_a_mandate_created_just_before() -> None:
    world = World()
    midnight = world.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    world.clock.advance_to(midnight - timedelta(seconds=1))
    upload(world, FIRST)
    world.run_until_empty("intake")

    def create_before_midnight() -> None:
        create_mandate(world)
        world.clock.advance_to(midnight + timedelta(seconds=1))

    interpose(world, create_before_midnight)
    world.run_until_empty()
    assert find_account(world).confirmed == PRICE
    assert_at_rest(world)


def test_nothing_is_bought_below_the_prefix_of_an_ended_mandate_until_it_is_released() -> None:
    world = world_with_mandate()
    world.mandates.end("anna", "ops")
    upload(world, FIRST)
    world.run_until_empty()
    assert list_report_codes(world, FIRST) == [Code.MANDATE_ENDED]
    world.mandates.release("anna", "ops")
    upload(world, SECOND)
    world.run_until_empty()
    assert (find_only_job(world, SECOND).mandate, world.provider.charged_micro_usd) == (None, PRICE)


def test_mandate_ends_after_its_last_day() -> None:
    world = World()
    today = world.clock.now().date().isoformat()
    create_mandate(world, until=today)
    upload(world, FIRST)
    world.run_until_empty()
    assert find_only_job(world, FIRST).status is JobStatus.STORED
    world.run_for(DAY)
    upload(world, SECOND)
    world.run_until_empty()
    assert list_report_codes(world, SECOND) == [Code.MANDATE_ENDED]


def test_names_and_prefixes_of_mandates_do_not_overlap() -> None:
    world = world_with_mandate()
    refused: list[dict[str, Any]] = [
        {"name": "anna", "prefix": "other/"},
        {"name": "ben", "prefix": "agents/"},
        {"name": "ben", "prefix": f"{FOLDER}inner/"},
        {"name": "ben", "prefix": FOLDER},
        {"name": "ben", "prefix": "no-folder"},
        {"name": "ben", "prefix": ""},
        {"name": "ben", "prefix": "_backdrop/"},
        {"name": "ben", "prefix": "ben/", "limit": 0},
    ]
    for changes in refused:
        with pytest.raises(MandateRefusedError):
            create_mandate(world, **changes)
    create_mandate(world, name="ben", prefix="agents/annabel/")
    assert [account.mandate.name for account in world.mandates.list_all()] == ["anna", "ben"]


def test_job_that_waits_for_a_released_mandate_is_refused() -> None:
    """The operator's commands crashed before they woke the job, and its message was delivered twice."""
    world = world_with_mandate(FIRST, limit=1, when_spent=WhenSpent.WAIT)
    world.run_until_empty("intake")
    (message,) = world.queues["ideogram"].messages
    world.run_until_empty()
    assert find_only_job(world, FIRST).waits_for_mandate
    registry, days = world.ledger.read_mandate_registry(), [world.clock.now().date().isoformat()]
    released = replace(find_account(world).mandate, state=MandateState.RELEASED)
    world.ledger.release_mandate(released, registry.without("anna"), days)
    world.sqs.send_externally(world.queues["ideogram"], message.body)
    world.run_until_empty()
    pass_time(world, 600)
    assert_ended_unpaid(world, FIRST)


@pytest.mark.parametrize("has_successor", [False, True])
@pytest.mark.parametrize("limit", [1, 5 * PRICE], ids=["waits for the mandate", "waits in its lane"])
def test_job_of_a_mandate_that_is_ended_and_released_at_once_is_refused(limit: int, has_successor: bool) -> None:
    world = world_with_mandate(FIRST, limit=limit, when_spent=WhenSpent.WAIT)
    world.run_until_empty(*["intake"] if limit > PRICE else [])
    end_and_release(world)
    if has_successor:
        create_mandate(world, name="ben")
    world.run_until_empty()
    assert_ended_unpaid(world, FIRST)


def test_lost_call_of_a_released_mandate_is_not_sent_again_for_anyone_else() -> None:
    world = world_with_mandate(FIRST)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    assert find_only_job(world, FIRST).status is JobStatus.UNKNOWN
    end_and_release(world)
    world.run_until_empty()
    assert (find_only_job(world, FIRST).status, world.provider.charged_micro_usd) == (JobStatus.HELD, PRICE)


@pytest.mark.parametrize("way", ["upload", "rerun", "redrive"])
def test_refused_job_of_a_released_mandate_is_bought_when_it_is_requested_again(way: str) -> None:
    world = world_with_mandate(FIRST, limit=1, when_spent=WhenSpent.WAIT)
    world.run_until_empty()
    end_and_release(world)
    world.run_until_empty()
    assert_ended_unpaid(world, FIRST)
    create_mandate(world, name="ben")
    if way == "upload":
        upload(world, FIRST)
    elif way == "rerun":
        world.steps.bootstrap.rerun().enqueue(FIRST)
    else:
        redrive_service = world.steps.redrive()
        for failure in redrive_service.list_failures(FailureFilter()):
            redrive_service.redrive(redrive_service.plan(failure, pay_again=False))
    world.run_until_empty()
    job = find_only_job(world, FIRST)
    assert (job.status, job.mandate, find_account(world, "ben").confirmed) == (JobStatus.STORED, "ben", PRICE)
    assert_at_rest(world)


def end_and_release(world: World) -> None:
    world.mandates.end("anna", "ops")
    world.mandates.release("anna", "ops")


def assert_ended_unpaid(world: World, key: str) -> None:
    """Asserts that the job ended with its mandate, and that the report says so."""
    assert (list_report_codes(world, key), world.provider.charged_micro_usd) == ([Code.MANDATE_ENDED], 0)
    assert not world.queues["ideogram"].messages
    assert_at_rest(world)


# -- limits ---------------------------------------------------------------------------------------------------------


def test_mandate_is_used_to_the_last_affordable_picture_and_then_refuses() -> None:
    world = world_with_mandate(FIRST, SECOND, THIRD, limit=2 * PRICE + 1)
    world.run_until_empty()
    assert (count_stored(world), world.provider.charged_micro_usd) == (2, 2 * PRICE)
    (refused,) = [job for job in world.list_jobs() if job.status is JobStatus.REFUSED]
    assert list_report_codes(world, refused.key) == [Code.MANDATE_SPENT]
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


def test_mandate_that_lacks_room_is_named_before_the_budget() -> None:
    world = World(budget=PRICE)
    create_mandate(world, limit=PRICE)
    for key in (FIRST, SECOND):
        upload(world, key)
    world.run_until_empty()
    (refused,) = [job for job in world.list_jobs() if job.status is JobStatus.REFUSED]
    assert list_report_codes(world, refused.key) == [Code.MANDATE_SPENT]
    assert not world.ledger.read_health("ideogram").is_paused


@pytest.mark.parametrize(
    ("terms", "code"),
    [({"per_picture": PRICE - 1}, Code.MANDATE_FORBIDS), ({"operations": ("replace",)}, Code.MANDATE_FORBIDS)],
    ids=["price", "operation"],
)
def test_job_that_the_terms_exclude_is_refused_before_it_takes_a_slot(terms: dict[str, Any], code: Code) -> None:
    world = world_with_mandate(FIRST, **terms)
    world.run_until_empty("intake", "deliver")
    assert (list_report_codes(world, FIRST), world.list_jobs()) == ([code], [])


def test_terms_that_were_narrowed_since_apply_to_jobs_in_their_lane() -> None:
    world = world_with_mandate(FIRST)
    world.run_until_empty("intake")
    world.mandates.change_terms("anna", "ops", per_picture=PRICE - 1)
    world.run_until_empty()
    assert (list_report_codes(world, FIRST), world.provider.charged_micro_usd) == ([Code.MANDATE_FORBIDS], 0)


def test_suspension_between_read_and_claim_prevents_the_call() -> None:
    world = world_with_mandate(FIRST)
    world.run_until_empty("intake")
    interpose(world, lambda: world.mandates.suspend("anna", "ops"))
    world.run_until_empty()
    assert (list_report_codes(world, FIRST), world.provider.charged_micro_usd) == ([Code.MANDATE_SUSPENDED], 0)


def test_terms_changed_between_read_and_claim_do_not_delay_the_call() -> None:
    world = world_with_mandate(FIRST)
    world.run_until_empty("intake")
    interpose(world, lambda: world.mandates.change_terms("anna", "ops", limit=5 * PRICE))
    world.deliver_next("ideogram")
    assert find_only_job(world, FIRST).status is JobStatus.PAID


# -- waiting --------------------------------------------------------------------------------------------------------


def world_with_waiting_job(**terms: Any) -> World:
    world = world_with_mandate(FIRST, SECOND, when_spent=WhenSpent.WAIT, **terms)
    world.run_until_empty()
    assert (count_stored(world), world.provider.charged_micro_usd) == (1, PRICE)
    return world


def find_waiting_job(world: World) -> Job:
    (job,) = [job for job in world.list_jobs() if job.status is JobStatus.ACCEPTED]
    return job


def test_waiting_job_leaves_its_lane_and_pauses_nothing() -> None:
    world = world_with_waiting_job(limit=PRICE)
    job = find_waiting_job(world)
    assert (job.wait_reason, list_report_codes(world, job.key)) == (Code.MANDATE_WAITS, [Code.MANDATE_WAITS])
    assert not world.queues["ideogram"].messages
    assert not world.ledger.read_health("ideogram").is_paused
    upload(world, OUTSIDE)
    world.run_until_empty()
    assert find_only_job(world, OUTSIDE).status is JobStatus.STORED


def test_waiting_job_returns_when_the_mandate_is_raised() -> None:
    world = world_with_waiting_job(limit=PRICE)
    world.mandates.change_terms("anna", "ops", limit=2 * PRICE)
    world.run_until_empty()
    assert (count_stored(world), find_account(world).left) == (2, 0)
    assert_at_rest(world)


def test_waiting_job_returns_on_the_next_day() -> None:
    world = world_with_waiting_job(limit=10 * PRICE, per_day=PRICE)
    tomorrow = world.clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    pass_time(world, (tomorrow - world.clock.now()).total_seconds() - 1)
    assert count_stored(world) == 1
    pass_time(world, 600)
    assert count_stored(world) == 2
    assert find_account(world).by_day == {one: PRICE for one in (world_day(world, -1), world_day(world, 0))}
    assert_at_rest(world)


def world_day(world: World, days: int) -> str:
    return (world.clock.now() + timedelta(days=days)).date().isoformat()


def test_only_as_many_jobs_return_as_the_mandate_covers() -> None:
    keys = [f"{FOLDER}{n}.jpg" for n in range(6)]
    world = world_with_mandate(*keys, when_spent=WhenSpent.WAIT, limit=PRICE)
    world.run_until_empty()
    before = len(world.transport.calls)
    world.mandates.change_terms("anna", "ops", limit=3 * PRICE)
    sent = [call for call in world.transport.calls[before:] if call.operation == "send_message"]
    assert len(sent) == 2
    world.run_until_empty()
    assert (count_stored(world), find_account(world).left) == (3, 0)


def test_waiting_job_is_refused_when_its_mandate_ends() -> None:
    world = world_with_waiting_job(limit=PRICE)
    key = find_waiting_job(world).key
    world.mandates.end("anna", "ops")
    world.run_until_empty()
    assert list_report_codes(world, key) == [Code.MANDATE_ENDED]
    assert_at_rest(world)


def test_lost_call_that_the_mandate_does_not_cover_again_is_held() -> None:
    world = world_with_mandate(FIRST, limit=PRICE)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    assert (find_only_job(world, FIRST).status, world.provider.charged_micro_usd) == (JobStatus.HELD, PRICE)
    assert_at_rest(world)


def test_lost_call_is_not_bought_again_by_a_raise_but_by_an_operator() -> None:
    world = world_with_mandate(FIRST, limit=PRICE, when_spent=WhenSpent.WAIT)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    world.mandates.change_terms("anna", "ops", limit=2 * PRICE)
    run_reconcile(world)
    world.run_until_empty()
    assert (find_only_job(world, FIRST).status, world.provider.charged_micro_usd) == (JobStatus.HELD, PRICE)
    assert list_report_codes(world, FIRST) == [Code.CHARGE_UNKNOWN]
    redrive_service = world.steps.redrive()
    (failure,) = redrive_service.list_failures(FailureFilter())
    redrive_service.redrive(redrive_service.plan(failure, pay_again=True))
    world.run_until_empty()
    assert (find_only_job(world, FIRST).status, world.provider.charged_micro_usd) == (JobStatus.STORED, 2 * PRICE)


def test_waiting_job_of_a_deleted_photo_is_canceled() -> None:
    world = world_with_waiting_job(limit=PRICE)
    key = find_waiting_job(world).key
    world.delete_file(key)
    world.run_until_empty()
    assert find_only_job(world, key).status is JobStatus.CANCELLED


def test_operator_cancels_a_waiting_job() -> None:
    world = world_with_waiting_job(limit=PRICE)
    key = find_waiting_job(world).key
    assert cancel_jobs(world, FOLDER)[0] == [key]
    assert find_only_job(world, key).status is JobStatus.CANCELLED


def test_crash_while_a_waiting_job_returns_does_not_lose_it() -> None:
    """The limit has room for one lost call."""

    def play(world: World) -> None:
        with suppress(SimulatedCrash):
            world.mandates.change_terms("anna", "ops", limit=3 * PRICE)
        world.run_until_empty()

    for call, world in replay_with_crashes(partial(world_with_waiting_job, limit=PRICE), play):
        with suppress(SimulatedCrash):
            world.mandates.change_terms("anna", "ops", limit=3 * PRICE)
        for _ in range(4):
            world.run_for(900)
            run_reconcile(world)
            world.run_until_empty()
        assert count_stored(world) == 2, call
        assert_budgets(world)


# -- reuse ----------------------------------------------------------------------------------------------------------


def test_pictures_are_reused_only_within_a_mandate() -> None:
    world = world_with_mandate()
    create_mandate(world, name="ben", prefix="agents/ben/")
    keys = [FIRST, SECOND, "agents/ben/1.jpg", OUTSIDE]
    for key in keys:
        upload(world, key, "same bytes")
        world.run_until_empty()
    assert [find_only_job(world, key).charged for key in keys] == [PRICE, 0, PRICE, PRICE]
    assert (find_account(world).confirmed, find_account(world, "ben").confirmed) == (PRICE, PRICE)
    assert_at_rest(world)


def test_waiting_copy_of_a_photo_is_charged_to_the_mandate_created_since() -> None:
    """The owner of the content and its copy were accepted outside; the copy's folder has a mandate now."""
    world = World()
    for key in (OUTSIDE, FIRST):
        upload(world, key, "same bytes")
        world.run_until_empty("intake")
    create_mandate(world)
    world.run_until_empty()
    for _ in range(3):
        world.run_for(900)
        world.run_until_empty()
    assert [find_only_job(world, key).charged for key in (OUTSIDE, FIRST)] == [PRICE, PRICE]
    assert find_account(world).confirmed == PRICE
    assert_at_rest(world)


def world_with_mandate_since_lost_call() -> World:
    """Returns a world in which a photo's folder got a mandate after the answer to its first call was lost."""
    world = World()
    upload(world, FIRST, "same bytes")
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    assert find_only_job(world, FIRST).status is JobStatus.UNKNOWN
    create_mandate(world)
    return world


def test_lost_call_is_repeated_under_the_mandate_created_since_without_sharing_its_content() -> None:
    """The copy outside buys for itself; a copy in the folder gets the file that the mandate has paid for."""
    world = world_with_mandate_since_lost_call()
    for key in (OUTSIDE, SECOND):
        upload(world, key, "same bytes")
        world.run_until_empty()
    assert [find_only_job(world, key).charged for key in (FIRST, OUTSIDE, SECOND)] == [PRICE, PRICE, 0]
    assert find_account(world).confirmed == PRICE
    assert_at_rest(world)


def test_lost_call_is_not_repeated_if_the_mandate_created_since_buys_the_same_content() -> None:
    world = world_with_mandate_since_lost_call()
    upload(world, SECOND, "same bytes")
    world.run_until_empty("intake")
    world.run_until_empty()
    assert [find_only_job(world, key).status for key in (FIRST, SECOND)] == [JobStatus.HELD, JobStatus.STORED]
    assert world.provider.charged_micro_usd == 2 * PRICE
    assert_at_rest(world)


# -- crashes and races ----------------------------------------------------------------------------------------------


def test_crash_at_any_call_neither_overspends_nor_loses_a_photo() -> None:
    def play(world: World) -> None:
        world.run_until_empty(max_deliveries=3000)

    make = partial(world_with_mandate, FIRST, SECOND, limit=2 * PRICE, per_day=2 * PRICE, per_picture=PRICE)
    for call, world in replay_with_crashes(make, play, within=timedelta(hours=1)):
        for _ in range(3):
            world.run_for(1800)
            run_reconcile(world)
            play(world)
        account = find_account(world)
        assert account.committed <= 2 * PRICE, call
        assert all(job.has_ended for job in world.list_jobs()), call
        assert_budgets(world)


@pytest.mark.parametrize("seed", range(20))
def test_concurrent_workers_never_exceed_the_mandate(seed: int) -> None:
    world = World(seed, shuffled=True)
    create_mandate(world, limit=3 * PRICE)
    for n in range(8):
        upload(world, f"{FOLDER}{n}.jpg")
    world.start()
    world.event_loop.run_until(world.clock.time + timedelta(hours=1), should_stop=world.is_quiet)
    assert (count_stored(world), world.provider.charged_micro_usd) == (3, 3 * PRICE)
    assert_at_rest(world)
