"""One of everything that this release stores: ledger items in every state, messages of every kind, and documents.

A simulated stack is stopped in the middle of its work. `build_stored_data` returns what is in its table, queues, and
buckets then. `restore` makes a stack of that, in which another release continues the work.
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from backdrop.aws.operator_mail import OperatorMail
from backdrop.campaigns.report import CampaignStatus, FinishedExecution
from backdrop.model.circuit import LaneState
from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, JobStatus, PictureLink
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.queue_messages import (
    CheckMessage,
    FolderMessage,
    JobMessage,
    LaneMessage,
    RecheckMessage,
    RerunMessage,
    SettleMessage,
    to_body,
)
from backdrop.pipeline.crash_guard import begin_job_processing
from simulation.world.call_behavior import build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo, build_rotated_photo
from simulation.world.simulated_provider import CallBehavior, ProviderKind
from simulation.world.simulated_s3 import ObjectVersion
from simulation.world.simulated_sqs import SimulatedMessage
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.world_services import WorldBootstrap
from tests.releases.formats import MESSAGES, list_format_lines

OTHER_PROVIDERS = {"runware": ProviderKind.LOOKUP_BY_OUR_ID, "segmind": ProviderKind.LOOKUP_BY_PROVIDER_ID}
EXECUTION = "arn:aws:states:eu-central-1:000000000000:execution:shop:spring-1"
NEXT_EXECUTION = "arn:aws:states:eu-central-1:000000000000:execution:shop:spring-2"
CAMPAIGN = {"name": "spring", "prefix": "ended/stored", "instructions": {"operation": "remove"}}
FAILING_CALLS = 3
# The first part of each sort key in the ledger.
ITEM_KINDS = {"job", "source", "asked", "lane", "owner", "waiting", "claim", "budget", "run"}
WORK_FOLDERS = ("work/answers", "work/inputs", "work/campaigns")


def build_world() -> World:
    return World(other_providers=OTHER_PROVIDERS)


def build_stored_data() -> dict[str, Any]:
    """Returns the same data each time, for the same code."""
    world = build_world()
    _end_jobs(world)
    _end_requests(world)
    _end_campaign(world)
    _fail_providers(world)
    _interrupt_jobs(world)
    _wait_for_instructions(world)
    _send_messages(world)
    assert {world.ledger.read_health(provider).state for provider in world.providers} == {*LaneState}
    stored = {
        "time": world.clock.time.isoformat(),
        "items": [_to_plain_item(item) for _, item in sorted(world.table.items.items())],
        "messages": {name: list(map(_to_plain_message, queue.messages)) for name, queue in _list_queues(world).items()},
        "objects": {
            bucket.name: {key: _to_plain_object(bucket.find_current(key)) for key in bucket.list_keys()}
            for bucket in (world.input_bucket, world.output_bucket)
        },
        "task_tokens": sorted(token for token, answer in world.step_functions.responses.items() if answer is None),
        "executions": world.step_functions.executions,
        "formats": list_format_lines(),
    }
    _check_completeness(stored)
    return stored


# -- what the stack did before it was stopped ----------------------------------------------------------------------


def _end_jobs(world: World) -> None:
    """Leaves jobs in each final status, with their receipts, reports, pictures, and dead letters."""
    _upload(world, "ended/stored.png", operation="remove")
    _upload(world, "ended/copy.png", photo="ended/stored.png", operation="remove")
    # The misspelled tag leaves a warning.
    world.upload_photo("ended/prepared.png", build_rotated_photo("prepared"), operation="remove", promt="on a beach")
    world.upload_sidecar(
        "ended/variants.png",
        prompt="on a marble table",
        num_images=2,
        output=[{"name_template": "{sku}_{variant}_{n}.{ext}"}, {"name": "small", "format": "webp", "width": 8}],
        variants={"beach": {"prompt": "on a beach"}, "cut-out": {"operation": "remove"}},
        metadata={"sku": 7},
    )
    _upload(world, "ended/variants.png")
    world.run_until_empty()
    _fail(world, "refused", build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    _fail(world, "dead", build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    _fail(world, "dead-and-paid", CallBehavior(unsafe_count=1))
    _fail(world, "unrecognized", CallBehavior(unrecognized_count=1))
    _fail(world, "held", build_charged_hang_up(), build_charged_hang_up())
    _upload(world, "ended/superseded.png", operation="remove")
    _upload(world, "ended/cancelled.png", operation="remove")
    world.run_until_empty("intake")
    _upload(world, "ended/superseded.png", photo="another photo", operation="remove")
    world.delete_file("ended/cancelled.png")
    world.run_until_empty()
    world.upload_photo("ended/text.png", b"not a photo", operation="remove")
    _upload(world, "ended/no-instructions.png")
    world.sqs.send_externally(world.queues["intake"], "not a message")
    world.run_until_empty()


def _end_requests(world: World) -> None:
    """Leaves answered requests: with pictures, with a reason, and skipped."""
    _request(world, "ended/stored.png", "answered", operation="remove")
    _request(world, "ended/missing.png", "refused", operation="remove")
    _request(world, "ended/notes.txt", "skipped", operation="remove")
    world.run_until_empty()


def _end_campaign(world: World) -> None:
    """Leaves a campaign that was reported, and the plan of another that has just begun."""
    bootstrap = WorldBootstrap(world)
    bootstrap.operator_mail = OperatorMail(None, topic_arn="")
    planner, reporter = bootstrap.campaign_planner(), bootstrap.campaign_reporter()
    deadline = world.clock.now() + timedelta(minutes=15)
    planner.plan(CAMPAIGN, EXECUTION, deadline)
    _request(world, "ended/stored.png", "campaign", campaign="spring-1", execution=EXECUTION, operation="remove")
    world.run_until_empty()
    reporter.report(
        FinishedExecution(EXECUTION, CAMPAIGN, CampaignStatus.SUCCEEDED, world.clock.now().isoformat()), deadline
    )
    planner.plan(CAMPAIGN, NEXT_EXECUTION, deadline)


def _fail_providers(world: World) -> None:
    """Leaves Runware paused, Segmind with failures, Ideogram with an earlier pause, and marks of a cancel."""
    world.pause_lane()
    world.run_until_empty("deliver")
    world.resume_lane()
    _upload(world, "open/paused.png", prompt="on a beach", provider="runware")
    runware = world.simulated_providers["runware"]
    runware.script.append(build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED))
    _upload(world, "open/failing.png", prompt="on a beach", provider="segmind")
    world.simulated_providers["segmind"].script.extend(
        [build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)] * FAILING_CALLS
    )
    world.run_until_empty("intake", "deliver", "runware")
    for _ in range(FAILING_CALLS):
        world.deliver_next("segmind")
        world.clock.advance_to(world.clock.time + timedelta(minutes=2))
    world.run_reconcile()
    world.steps.cancel().add_mark("cancelled/")
    world.steps.ledger_queries.set_day_cap("2026-11-21", 5_000_000)


def _interrupt_jobs(world: World) -> None:
    """Leaves jobs in each open status."""
    for name in ("accepted", "submitting", "unknown", "paid"):
        _upload(world, f"open/{name}.png", operation="remove")
    _upload(world, "open/copy.png", photo="open/accepted.png", operation="remove")
    world.run_until_empty("intake")
    world.provider.script.extend([CallBehavior(kills_worker=True), build_charged_hang_up(), CallBehavior()])
    lane = world.queues["ideogram"]
    for name in ("submitting", "unknown", "paid"):
        (job,) = world.list_jobs(f"open/{name}.png")
        lane.messages.sort(key=lambda message, job_id=job.job_id: job_id not in message.body)
        message = world.sqs.receive(lane)
        assert message
        assert job.job_id in message.body
        world.deliver_message(lane, message)
    (paid,) = world.list_jobs("open/paid.png")
    now = world.clock.now()
    begin_job_processing(world.ledger, paid, 2, now, now + timedelta(minutes=2))
    (submitting,) = world.list_jobs("open/submitting.png")
    answer = ProviderResult(
        RetryClass.OK, links=(PictureLink(url="https://results.invalid/spooled.png", seed=1),), charged=10_000
    )
    world.steps.bootstrap.answer_spool.save(submitting, submitting.attempt_no, answer)
    _request(world, "open/accepted.png", "pending", execution=world.step_functions.start_execution("workflow"))
    world.run_until_empty("intake")


def _wait_for_instructions(world: World) -> None:
    """Leaves a photo that waits for instructions, and one that waits for folder defaults to be corrected."""
    world.s3.upload(INPUT_BUCKET, "broken/_backdrop.json", b"{")
    _upload(world, "broken/photo.png", operation="remove")
    _upload(world, "open/settling.png")
    while any(message.visible_at <= world.clock.time for message in world.queues["intake"].messages):
        world.deliver_next("intake")


def _send_messages(world: World) -> None:
    """Leaves messages of each kind that are not in the queues yet, and events of S3 and of other programs."""
    bootstrap = world.steps.bootstrap
    photo = {"bucket": INPUT_BUCKET, "key": "ended/stored.png"}
    for message in (CheckMessage(**photo), RecheckMessage(**photo), SettleMessage(**photo), RerunMessage(**photo)):
        bootstrap.intake_queue.send(to_body(message), group="photo")
    defaults = FolderMessage(bucket=INPUT_BUCKET, key="broken/_backdrop.json", start_after="broken/a.png")
    bootstrap.intake_queue.send(to_body(defaults), group="folder")
    bootstrap.deliver_queue.send(to_body(LaneMessage(provider="ideogram")), group="lane")
    _upload(world, "open/uploaded.png", operation="remove")
    world.s3.set_tags(INPUT_BUCKET, "open/uploaded.png", {"operation": "remove", "revision": "2"})
    _request(world, "open/uploaded.png", "new", campaign="spring-2", execution=NEXT_EXECUTION, operation="remove")
    event = {"source": "shop", "detail-type": "Image Requested", "id": "event-1"}
    event |= {"detail": {**photo, "key": "open/paid.png", "instructions": {"operation": "remove"}}}
    world.sqs.send_externally(world.queues["intake"], json.dumps(event))
    (accepted,) = world.list_jobs("open/accepted.png")
    body = to_body(JobMessage(source_id=accepted.source_id, job_id=accepted.job_id))
    world.dead_letter_queue.messages.append(
        SimulatedMessage(
            "received-1000-times",
            json.dumps(body),
            "photo",
            {},
            world.clock.time,
            world.clock.time,
            dead_letter_source_arn=world.queues["ideogram"].arn,
        )
    )


def _upload(world: World, key: str, *, photo: str = "", **tags: str) -> None:
    world.upload_photo(key, build_photo(photo or key), **tags)


def _fail(world: World, name: str, *behaviors: CallBehavior) -> None:
    """Uploads a photo whose calls the provider answers like this, and waits for its end."""
    world.provider.script.extend(behaviors)
    _upload(world, f"ended/{name}.png", operation="remove")
    world.run_until_empty()


def _request(
    world: World, key: str, token: str, *, campaign: str = "", execution: str = "", **instructions: str
) -> None:
    world.step_functions.issue_token(token)
    if execution:
        world.step_functions.executions[execution] = "RUNNING"
    optional = {name: value for name, value in {"campaign": campaign, "execution": execution}.items() if value}
    body = {"bucket": INPUT_BUCKET, "key": key, "instructions": instructions, "task_token": token} | optional
    world.sqs.send_externally(world.queues["intake"], json.dumps(body))


# -- the stored form -----------------------------------------------------------------------------------------------


def _list_queues(world: World) -> Mapping[str, Any]:
    return {**world.queues, world.dead_letter_queue.name: world.dead_letter_queue}


def _to_plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the item with numbers as numbers, and its body as an object."""
    plain: dict[str, Any] = {
        name: int(value["N"]) if "N" in value else value["S"] for name, value in sorted(item.items())
    }
    if "body" in plain:
        plain["body"] = json.loads(plain["body"])
    return plain


def to_attributes(plain: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Returns a stored item as DynamoDB has it."""
    attributes = {name: {"N" if isinstance(value, int) else "S": str(value)} for name, value in plain.items()}
    return attributes | ({"body": {"S": json.dumps(plain["body"])}} if "body" in plain else {})


def _to_plain_message(message: SimulatedMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "body": message.body,
        "attributes": dict(message.attributes),
        "sent_at": message.sent_at.isoformat(),
        "receive_count": message.receive_count,
        "dead_letter_source_arn": message.dead_letter_source_arn,
    }


def _to_plain_object(version: ObjectVersion | None) -> dict[str, Any]:
    """Returns an object with its content as text, or in base64 if it is none."""
    assert version
    data = version.data or b""
    try:
        content = {"text": data.decode()}
    except UnicodeDecodeError:
        content = {"base64": base64.b64encode(data).decode()}
    return content | {
        "version_id": version.id,
        "modified_at": version.modified_at.isoformat(),
        "metadata": dict(version.metadata),
        "tags": dict(version.tags),
        "content_type": version.content_type,
    }


def _check_completeness(stored: Mapping[str, Any]) -> None:
    """Raises AssertionError if something that a release stores is missing."""
    bodies = [item["body"] for item in stored["items"] if "body" in item]
    jobs = [body for body in bodies if "attempts" in body]
    requests = [body for body in bodies if "request_id" in body]
    assert {item["sk"].partition("#")[0] for item in stored["items"]} == ITEM_KINDS
    assert {job["status"] for job in jobs} == {*JobStatus}
    assert {attempt["outcome"] for job in jobs for attempt in job["attempts"]} == {*AttemptOutcome}
    for name in ("waits_for", "reused_from", "processing_until", "problem", "warnings", "variant"):
        assert any(job[name] for job in jobs), name
    assert {request["outcome"] for request in requests} == {None, "success", "failure"}
    bodies = [json.loads(message["body"]) for messages in stored["messages"].values() for message in messages]
    assert {body["kind"] for body in bodies if "kind" in body} == {message.kind for message in MESSAGES}
    assert all(stored["messages"].values())
    for folder in ("receipts", "errors", "errors/_providers", "paid", "campaigns", *WORK_FOLDERS):
        assert any(key.startswith(f"_backdrop/{folder}/") for key in stored["objects"]["results"]), folder


# -- another stack with the same data ------------------------------------------------------------------------------


def restore(stored: Mapping[str, Any]) -> World:
    """Returns a stack that has this data. Its providers have no record of earlier calls."""
    world = build_world()
    world.clock.time = datetime.fromisoformat(stored["time"])
    for plain in stored["items"]:
        world.table.items[plain["pk"], plain["sk"]] = to_attributes(plain)
    for name, queue in _list_queues(world).items():
        queue.messages.extend(_to_message(plain, world.clock.time) for plain in stored["messages"][name])
    for bucket in (world.input_bucket, world.output_bucket):
        for key, plain in stored["objects"][bucket.name].items():
            bucket.objects[key] = [_to_object(plain)]
    world.step_functions.executions.update(stored["executions"])
    for token in stored["task_tokens"]:
        world.step_functions.issue_token(token)
    return world


def _to_message(plain: Mapping[str, Any], now: datetime) -> SimulatedMessage:
    return SimulatedMessage(
        id=plain["id"],
        body=plain["body"],
        group=None,
        attributes=plain["attributes"],
        sent_at=datetime.fromisoformat(plain["sent_at"]),
        visible_at=now,
        receive_count=plain["receive_count"],
        dead_letter_source_arn=plain["dead_letter_source_arn"],
    )


def _to_object(plain: Mapping[str, Any]) -> ObjectVersion:
    return ObjectVersion(
        id=plain["version_id"],
        data=base64.b64decode(plain["base64"]) if "base64" in plain else plain["text"].encode(),
        modified_at=datetime.fromisoformat(plain["modified_at"]),
        metadata=plain["metadata"],
        tags=plain["tags"],
        content_type=plain["content_type"],
    )
