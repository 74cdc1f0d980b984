"""What people decide about pictures in the simulated world, and what shows it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backdrop.model.job import Job, JobStatus
from simulation.world.simulated_eventbridge import PublishedEvent
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import assert_budgets

APPROVED, REJECTED = "Image Approved", "Image Rejected"
REVIEW_TOOL = "shop.review-tool"


def format_decision(world: World, kind: str, job: Job | str, n: int = 1, by: str = "ann", **fields: Any) -> str:
    """Returns the event with which a person decides, as EventBridge sends it to intake."""
    job_id = job if isinstance(job, str) else job.job_id
    event = {
        "version": "0",
        "id": "1f0d1f4c-0000-4000-8000-000000000001",
        "detail-type": kind,
        "source": REVIEW_TOOL,
        "time": world.clock.time.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        "detail": {"job_id": job_id, "n": n, "by": by} | fields,
    }
    return json.dumps(event)


def send_decision(world: World, kind: str, job: Job | str, n: int = 1, by: str = "ann", **fields: Any) -> None:
    world.sqs.send_externally(world.queues["intake"], format_decision(world, kind, job, n, by, **fields))


def decide(world: World, kind: str, job: Job, *numbers: int, by: str = "ann") -> None:
    """Decides about pictures, and runs the world until it has acted on that."""
    for n in numbers or (1,):
        send_decision(world, kind, job, n, by)
    world.run_until_empty()


def list_events(world: World, kind: str) -> list[PublishedEvent]:
    """Returns the events of one kind, without repetitions."""
    events = {event.detail["event_id"]: event for event in world.bus.events if event.detail_type == kind}
    return list(events.values())


def list_event_kinds(world: World) -> list[str]:
    """Returns the kinds of the events about images, without repetitions, in the order of their first publication."""
    events = {event.detail["event_id"]: event.detail_type for event in world.bus.events}
    return list(events.values())


def assert_waits_for_people(world: World, jobs: Sequence[Job]) -> None:
    """Asserts that only these jobs are open, that they wait for people, and that nothing of them is delivered."""
    assert_budgets(world)
    assert {job.job_id for job in world.list_jobs() if not job.has_ended} == {job.job_id for job in jobs}
    assert {job.status for job in jobs} == {JobStatus.REVIEW}
    assert not world.read_pictures()


def read_letters(world: World) -> list[dict[str, str]]:
    """Returns the attributes of the dead letters."""
    return [dict(message.attributes) for message in world.dead_letter_queue.messages]


def read_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
