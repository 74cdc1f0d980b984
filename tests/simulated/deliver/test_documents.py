"""Receipts, error reports, events, and dead letters: built from the ledger, and written so that none is lost."""

import json
from collections.abc import Callable

import pytest

from backdrop.model.codes import Code
from backdrop.model.ids import derive_source_id
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import receipt_key
from backdrop.model.provider_result import RetryClass
from backdrop.model.receipt import build_receipt
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import TargetedFault, build_client_error, crash_worker, lose_response
from tests.simulated.stage_worlds import (
    KEY,
    PRICE,
    assert_at_rest,
    deliver,
    find_only_job,
    replay_with_crashes,
    world_with_photo,
)


def test_receipt_exists_as_soon_as_there_is_a_job() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.run_until_empty("deliver")
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [(one["status"], one["current"]) for one in receipt["jobs"]] == [("accepted", True)]
    assert receipt["total_usd"] == 0


def test_receipt_counts_a_call_in_flight_as_possible_cost() -> None:
    """Certain ≤ bill ≤ certain + unknown holds whenever a receipt is written."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    costs: list[dict[str, float]] = []

    def check_receipt() -> None:
        world.s3.set_tags("photos", KEY, {"operation": "remove", "max_cost_usd": "1"})
        world.run_until_empty("intake", "deliver")
        receipt = world.read_receipt(KEY)
        assert receipt
        costs.append(receipt["jobs"][0]["cost"])

    world.provider.script.append(CallBehavior(run_during_call=check_receipt))
    world.run_until_empty()
    assert [(cost["usd"], cost["unknown_usd"]) for cost in costs] == [(0, 0.01)]


def test_intake_writes_the_first_receipt_without_reading_the_object() -> None:
    world = world_with_photo()
    before = len(world.transport.calls)
    world.run_until_empty("intake")
    written = [call.operation for call in world.transport.calls[before:]]
    assert written[-3:] == ["transact_write_items", "put_object", "send_message"]
    assert world.queues["deliver"].messages == []
    source = world.read_source(KEY)
    assert source
    assert world.read_receipt(KEY) == build_receipt(source, world.list_jobs(KEY))


def test_last_receipt_replaces_the_first_without_reading_it() -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")
    before = len(world.transport.calls)
    world.run_until_empty("deliver")
    operations = [call.operation for call in world.transport.calls[before:]]
    # One query reads the photo with its jobs, the other the copies that wait for them.
    assert ("head_object" in operations, operations.count("query")) == (False, 2)
    assert_at_rest(world)


@pytest.mark.parametrize("nth", range(1, 8))
def test_receipt_written_meanwhile_is_not_overwritten(nth: int) -> None:
    """Another job of the photo is bought and delivered between any two calls of a delivery that knows the first one."""
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")

    def deliver_another_job(_: object) -> None:
        world.upload_sidecar(KEY, prompt="on a beach")
        world.run_until_empty()

    world.transport.faults_before.append(fault := TargetedFault(deliver_another_job, nth=nth))
    world.deliver_next("deliver")
    world.transport.clear_faults()
    world.run_until_empty()
    assert (fault.hit_count, len(world.list_jobs(KEY))) == (1, 2)
    assert_at_rest(world)


@pytest.mark.parametrize("operation", ["transact_write_items", "put_object", "send_message"])
def test_crash_around_the_first_receipt_loses_neither_job_nor_receipt(operation: str) -> None:
    world = world_with_photo()
    world.transport.faults_after.append(fault := TargetedFault(crash_worker, operation))
    world.run_until_empty()
    assert (fault.hit_count, world.crash_count) == (1, 1)
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def test_unchanged_receipt_is_not_written_again() -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")
    world.transport.faults_after.append(fault := TargetedFault(crash_worker, "put_events"))
    world.run_until_empty()
    assert (fault.hit_count, len(world.output_bucket.objects[receipt_key(KEY)])) == (1, 2)


def test_late_first_receipt_does_not_overwrite_a_newer_one() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    job = find_only_job(world)

    def deliver_rest(_: object) -> None:
        world.run_until_empty("ideogram")
        deliver(world, find_only_job(world), job.job_id)

    world.transport.faults_before.append(TargetedFault(deliver_rest, operation="put_object"))
    deliver(world, job)
    world.transport.clear_faults()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["status"] for one in receipt["jobs"]] == ["stored"]


@pytest.mark.parametrize("nth", range(1, 10))
def test_no_order_of_deliveries_loses_a_job_from_the_receipt(nth: int) -> None:
    """Another job is bought and delivered between any two calls of a delivery."""
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")

    def deliver_another_job(_: object) -> None:
        world.upload_photo(KEY, build_photo("another"), operation="remove")
        for name in ("intake", "ideogram", "deliver"):
            world.run_until_empty(name)

    first = find_only_job(world)
    world.transport.faults_before.append(fault := TargetedFault(deliver_another_job, nth=nth))
    deliver(world, first, first.job_id)
    world.transport.clear_faults()
    world.run_until_empty()
    assert (fault.hit_count, world.crash_count) == (1, 0)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert sorted((one["status"], one["current"]) for one in receipt["jobs"]) == [("stored", False), ("stored", True)]
    assert receipt["total_usd"] == 0.02
    assert_at_rest(world)


@pytest.mark.parametrize("nth", range(1, 5))
def test_report_resolved_meanwhile_is_deleted_in_the_end(nth: int) -> None:
    world = World()
    world.upload_sidecar(KEY, operation="erase")
    world.upload_photo(KEY, build_photo())

    def fix_instructions(_: object) -> None:
        world.upload_sidecar(KEY, operation="remove")
        for name in ("intake", "ideogram", "deliver"):
            world.run_until_empty(name)

    world.run_until_empty("intake")
    source, _ = world.ledger.read_photo(derive_source_id(INPUT_BUCKET, KEY))
    assert source
    world.transport.faults_before.append(fault := TargetedFault(fix_instructions, nth=nth))
    deliver(world, source)
    world.transport.clear_faults()
    world.run_until_empty()
    assert (fault.hit_count, world.crash_count) == (1, 0)
    assert world.read_report(KEY) is None
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def fix_and_deliver(world: World) -> None:
    """Corrects the photo's instructions, so that it is bought and delivered."""
    world.upload_sidecar(KEY, operation="remove")
    for name in ("intake", "ideogram", "deliver"):
        world.run_until_empty(name)


@pytest.mark.parametrize("bought_before", [False, True], ids=["no receipt yet", "with a receipt"])
def test_late_delivery_leaves_no_outdated_report(bought_before: bool) -> None:
    """The delivery reads a photo with errors, and is delayed just before it writes the first report."""
    world = world_with_photo() if bought_before else World()
    world.run_until_empty()
    world.upload_sidecar(KEY, operation="erase")
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty("intake")
    source, _ = world.ledger.read_photo(derive_source_id(INPUT_BUCKET, KEY))
    assert source
    assert source.problems
    late = TargetedFault(
        lambda _: fix_and_deliver(world), "put_object", matches=lambda call: "/errors/" in str(call.request["Key"])
    )
    world.transport.faults_before.append(late)
    deliver(world, source)
    world.transport.clear_faults()
    assert (late.hit_count, world.read_report(KEY)) == (1, None)
    world.run_until_empty()
    assert_at_rest(world)


def deliver_after(world: World, prefix: str, change: Callable[[], object]) -> None:
    """Delivers the photo. Just before it writes a document below the prefix, the change happens, with all its work."""

    def change_and_deliver(_: object) -> None:
        change()
        for name in ("intake", "ideogram", "deliver"):
            world.run_until_empty(name)

    source, _ = world.ledger.read_photo(derive_source_id(INPUT_BUCKET, KEY))
    assert source
    late = TargetedFault(change_and_deliver, "put_object", matches=lambda call: call.request["Key"].startswith(prefix))
    world.transport.faults_before.append(late)
    deliver(world, source)
    world.transport.clear_faults()
    assert late.hit_count == 1


def test_late_delivery_does_not_overwrite_a_report_that_applies_again() -> None:
    """The report of the fixed photo equals the one before the error, so the fix has nothing to write."""
    world = world_with_photo()
    world.provider.default_behavior = CallBehavior(unsafe_count=1)
    world.run_until_empty()
    report = world.read_report(KEY)
    world.upload_sidecar(KEY, operation="erase")
    world.run_until_empty("intake")
    deliver_after(world, "_backdrop/errors/", lambda: world.upload_sidecar(KEY, operation="remove"))
    assert world.read_report(KEY) == report
    world.run_until_empty()
    assert_at_rest(world)


def test_late_delivery_does_not_overwrite_a_receipt_that_applies_again() -> None:
    """Each of the two jobs was charged without a picture, so the photo's receipt only says which one is current."""
    world = world_with_photo()
    world.provider.default_behavior = CallBehavior(unsafe_count=1)
    for prompt in ("on a beach", "in a forest", "on a beach"):
        world.upload_sidecar(KEY, operation="replace", prompt=prompt)
        world.run_until_empty()
    receipt = world.read_receipt(KEY)
    world.upload_sidecar(KEY, operation="replace", prompt="in a forest")
    world.run_until_empty("intake")
    deliver_after(
        world,
        "_backdrop/receipts/",
        lambda: world.upload_sidecar(KEY, operation="replace", prompt="on a beach"),
    )
    assert world.read_receipt(KEY) == receipt
    world.run_until_empty()
    assert_at_rest(world)


def test_unchanged_document_is_not_written_again() -> None:
    world = world_with_photo()
    world.run_until_empty()
    versions = {key: len(found) for key, found in world.output_bucket.objects.items()}
    job = find_only_job(world)
    world.sqs.send_externally(world.queues["deliver"], f'{{"kind": "deliver", "source_id": "{job.source_id}"}}')
    world.run_until_empty()
    assert {key: len(found) for key, found in world.output_bucket.objects.items()} == versions


def test_final_state_is_announced_at_least_once_with_one_id() -> None:
    for _, world in replay_with_crashes(world_with_photo, World.run_until_empty):
        details = [event.detail for event in world.bus.events]
        assert details
        assert len({detail["event_id"] for detail in details}) == 1
        assert details[0]["job"]["status"] == find_only_job(world).status


def test_lost_response_of_the_bus_repeats_the_event_id() -> None:
    world = world_with_photo()
    world.transport.faults_after.append(TargetedFault(lose_response, "put_events"))
    world.run_until_empty()
    first, second = world.bus.events
    assert (first.detail_type, first) == ("Image Completed", second)


@pytest.mark.parametrize(
    ("reaction", "status", "letters", "event"),
    [
        (CallBehavior(), JobStatus.STORED, [], "Image Completed"),
        (build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST), JobStatus.REFUSED, [], "Image Failed"),
        (build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED), JobStatus.DEAD, ["request_rejected"], "Image Failed"),
        (CallBehavior(unsafe_count=1), JobStatus.DEAD, ["unsafe_result"], "Image Failed"),
        (build_refusal(RetryClass.AMBIG, Code.CHARGE_UNKNOWN), JobStatus.HELD, [], "Image Failed"),
    ],
    ids=["stored", "refused", "rejected", "withheld", "held"],
)
def test_only_what_an_operator_must_fix_is_a_dead_letter(
    reaction: CallBehavior, status: JobStatus, letters: list[str], event: str
) -> None:
    world = world_with_photo()
    world.provider.default_behavior = reaction
    world.run_until_empty()
    assert find_only_job(world).status is status
    assert [letter.attributes["code"] for letter in world.dead_letter_queue.messages] == letters
    assert [one.detail_type for one in world.bus.events] == [event]
    assert bool(world.read_report(KEY)) is (status is not JobStatus.STORED)
    assert_at_rest(world)


def test_unavailable_output_bucket_delays_but_loses_nothing() -> None:
    world = world_with_photo()

    def slow_down(_: object) -> None:
        raise build_client_error("SlowDown", "PutObject", 503)

    world.transport.faults_before.append(TargetedFault(slow_down, "put_object", times=30))
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


def test_repeated_crashes_in_deliver_write_the_same_documents() -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")
    for _ in range(12):
        world.transport.faults_after.append(TargetedFault(crash_worker, nth=7))
        world.run_for(800)
    world.transport.clear_faults()
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


@pytest.mark.parametrize("job_id", ["null", '"nothing"'])
def test_message_about_an_unknown_photo_is_a_dead_letter(job_id: str) -> None:
    world = World()
    body = f'{{"kind": "deliver", "source_id": "../../x", "job_id": {job_id}}}'
    world.sqs.send_externally(world.queues["deliver"], body)
    world.run_until_empty()
    (letter,) = world.dead_letter_queue.messages
    assert (letter.attributes["code"], letter.attributes["reason"]) == (
        "damaged_message",
        "the ledger has no such photo",
    )
    assert (json.loads(letter.body)["body"], world.queues["deliver"].messages) == (body, [])
