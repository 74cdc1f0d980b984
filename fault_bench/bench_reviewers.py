"""The people of a run: two of them decide about each picture that waits, by command and by event, at the same time."""

import json
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from backdrop.model.review import ReviewDecision
from backdrop_cli.errors import CommandError
from backdrop_cli.operate.review import (
    PictureChoice,
    ReviewedPicture,
    decide_pictures,
    list_waiting_pictures,
    read_jobs_in_review,
)
from backdrop_cli.stack import Stack, connect_to_local_cloud
from backdrop_local.cloud import Cloud
from simulation.invariants.reviews import DecisionEvent, PersonDecision
from simulation.world.recorded_screen import RecordedScreen

COMMAND_REVIEWER, EVENT_REVIEWER = "arn:aws:iam::000000000000:user/ann", "bob@example.com"
EVENT_SOURCE = "shop.review-tool"
DETAIL_TYPES = {"approved": "Image Approved", "rejected": "Image Rejected"}
POLL_SECONDS = 2.0
REPEAT_SHARE = 0.3


@dataclass
class BenchReviewers:
    """They act until they are stopped. `errors`: what ended them early.

    `confirmed`: the decisions that commands confirmed. `refused`: the decisions of commands that failed, with their
    messages. `events`: the decisions by event, each identified by the event's detail.
    """

    cloud: Cloud
    stack: Stack
    random: Random
    confirmed: list[PersonDecision] = field(default_factory=list[PersonDecision])
    refused: list[tuple[PersonDecision, str]] = field(default_factory=list[tuple[PersonDecision, str]])
    events: list[DecisionEvent] = field(default_factory=list[DecisionEvent])
    errors: list[BaseException] = field(default_factory=list[BaseException])
    should_stop: threading.Event = field(default_factory=threading.Event)
    _seen: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def run(self) -> None:
        """Decides about each picture once. An error is stored for the caller."""
        try:
            with ThreadPoolExecutor() as people:
                while not self.should_stop.wait(POLL_SECONDS):
                    for picture in list_waiting_pictures(self.stack, read_jobs_in_review(self.stack, {}).values()):
                        self._decide(picture, people)
        except BaseException as error:
            self.errors.append(error)
            raise

    def _decide(self, picture: ReviewedPicture, people: ThreadPoolExecutor) -> None:
        """Both reviewers decide in parallel. The command decides once more if the picture still waits then."""
        number = picture.job.job_id, picture.review.n
        if number in self._seen:
            return
        self._seen.add(number)
        by_command, by_event = (self._draw_decision(picture, by) for by in (COMMAND_REVIEWER, EVENT_REVIEWER))
        repeat_count = 1 + (self.random.random() < REPEAT_SHARE)
        parts = [
            people.submit(self._publish, by_event, repeat_count),
            people.submit(self._run_command, picture, by_command),
        ]
        for part in parts:
            part.result()

    def _draw_decision(self, picture: ReviewedPicture, by: str) -> PersonDecision:
        decision = self.random.choice([*DETAIL_TYPES])
        return PersonDecision(picture.job.job_id, picture.review.n, picture.review.sha256, decision, by)

    def _publish(self, decision: PersonDecision, count: int) -> None:
        """Publishes the decision on the bus, perhaps twice."""
        detail = {"job_id": decision.job_id, "n": decision.n, "by": decision.by, "sha256": decision.sha256}
        self.events.append(DecisionEvent(identify_event(detail), decision))
        entry: Any = {
            "Source": EVENT_SOURCE,
            "DetailType": DETAIL_TYPES[decision.decision],
            "Detail": json.dumps(detail),
            "EventBusName": self.cloud.outputs()["EventBusName"],
        }
        for _ in range(count):
            self.cloud.clients.events.put_events(Entries=[entry])

    def _run_command(self, picture: ReviewedPicture, decision: PersonDecision) -> None:
        """Runs `backdrop review approve` or `reject` for the picture."""
        screen, stack = RecordedScreen(), replace(self.stack, read_caller=lambda: decision.by)
        choice = PictureChoice(picture.job.key, picture.job.variant, picture.review.n, picture.review.sha256)
        try:
            decide_pictures(stack, screen, choice, ReviewDecision(decision.decision))
        except CommandError as error:
            self.refused.append((decision, error.format_message()))
        else:
            self.confirmed.append(decision)


def identify_event(detail: Mapping[str, Any]) -> str:
    """Identifies an event by its detail, because EventBridge chooses how its body is formatted."""
    return json.dumps(detail, sort_keys=True)


@contextmanager
def run_reviewers(cloud: Cloud, seed: int) -> Generator[BenchReviewers]:
    """Runs the reviewers in a thread for the duration of the block. Raises what ended them early."""
    reviewers = BenchReviewers(cloud, connect_to_local_cloud(cloud), Random(f"reviewers {seed}"))
    thread = threading.Thread(target=reviewers.run, name="reviewers", daemon=True)
    thread.start()
    try:
        yield reviewers
    finally:
        reviewers.should_stop.set()
        thread.join()
    for error in reviewers.errors:
        raise error
