"""The people who decide about pictures: with the code of the `backdrop` command, and by events."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import TYPE_CHECKING, Any

from backdrop.model.errors import ConflictError
from simulation.invariants.reviews import DecisionEvent, PersonDecision
from simulation.world.event_loop import Worker
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, crash_worker

if TYPE_CHECKING:
    from backdrop_cli.operate.review import PictureChoice
    from backdrop_cli.stack import Stack

AWAITING_APPROVAL = "Image Awaiting Approval"
EVENT_SOURCE = "shop.review-tool"
DETAIL_TYPES = {"approved": "Image Approved", "rejected": "Image Rejected"}
DECISIONS = ("approved", "approved", "rejected")
DECIDING_COUNTS = (0, 1, 2, 2, 3)
MAX_THINKING_SECONDS = 400
# So that reviewers of the same picture disturb each other.
MAX_DIFFERENCE_SECONDS = 0.5
LIST_INTERVAL_SECONDS = 900
RUN_AGAIN_SECONDS = 20
MAX_REPEAT_SECONDS = 600
CRASH_SHARE, REPEAT_SHARE, UNNAMED_FILE_SHARE, ALL_PICTURES_SHARE = 0.3, 0.2, 0.2, 0.3
MAX_CALLS_BEFORE_CRASH = 8


@dataclass(frozen=True)
class Reviewer:
    """A person who decides by command, or by event."""

    name: str
    uses_command: bool


REVIEWERS = (Reviewer("ann", True), Reviewer("carol", True), Reviewer("bob", False), Reviewer("dan", False))


@dataclass(frozen=True)
class AwaitingPicture:
    """A picture that waits for a decision, as its event announces it."""

    key: str
    variant: str
    job_id: str
    n: int
    sha256: str

    def decide(self, decision: str, by: str) -> PersonDecision:
        return PersonDecision(self.job_id, self.n, self.sha256, decision, by)


class Reviewers:
    """They act on the events about pictures that wait, and list the pictures from time to time.

    Several decide about the same picture at nearly the same time. Some of their commands, and of the workers that
    carry out their events, crash, as long as `may_crash`. `has_left`: no person decides anymore. `sent_events`: all
    decisions by event. `on_acknowledged` is called with each decision that a command confirms, `on_refused` with the
    picture's key, the decision, and the message of a command that fails, with all decisions that it prints.
    """

    def __init__(self, world: World, random: Random) -> None:
        self._world, self._random = world, random
        self.has_left, self.may_crash = False, True
        self.sent_events: list[DecisionEvent] = []
        self.refused_count = 0
        self.on_acknowledged: Callable[[PersonDecision], None] = lambda _: None
        self.on_refused: Callable[[str, PersonDecision, str], None] = lambda _, __, ___: None
        self._event_ids: set[str] = set()
        self._calls_before_crash: dict[Worker, int] = {}
        self._crashing_events: set[str] = set()
        world.transport.listeners.append(self._on_call)
        world.transport.faults_after.append(self._crash_some_workers)

    @cached_property
    def _stack(self) -> "Stack":
        # Most seeds never need the command.
        from backdrop_cli.campaign.state_machine import CampaignStateMachine
        from simulation.world.cli_stack import build_simulated_stack

        states: Any = self._world.step_functions
        return build_simulated_stack(self._world, CampaignStateMachine(states, "campaigns"))

    def leave(self) -> None:
        """From now on, no person decides anything."""
        self.has_left = True

    # -- what they learn --------------------------------------------------------------------------------------------

    def _on_call(self, call: ServiceCall) -> None:
        if call.operation != "put_events":
            return
        for entry in call.request["Entries"]:
            if entry["DetailType"] == AWAITING_APPROVAL:
                self._on_awaiting(json.loads(entry["Detail"]))

    def _on_awaiting(self, detail: Mapping[str, Any]) -> None:
        """Some reviewers, or none, decide about a picture after a while. Repeated events change nothing."""
        if detail["event_id"] in self._event_ids:
            return
        if not self._event_ids:
            self._world.event_loop.call_later(LIST_INTERVAL_SECONDS, self._work_through_list)
        self._event_ids.add(detail["event_id"])
        job, review = detail["job"], detail["picture"]
        key, variant = detail["source"]["key"], job["variant"] or ""
        picture = AwaitingPicture(key, variant, job["job_id"], review["n"], review["sha256"])
        seconds = self._random.uniform(1, MAX_THINKING_SECONDS)
        for reviewer in self._random.sample(REVIEWERS, self._random.choice(DECIDING_COUNTS)):
            decide = partial(self._decide, reviewer, picture, self._random.choice(DECISIONS))
            self._world.event_loop.call_later(seconds + self._random.uniform(0, MAX_DIFFERENCE_SECONDS), decide)

    def _decide(self, reviewer: Reviewer, picture: AwaitingPicture, decision: str) -> None:
        if self.has_left:
            return
        self._world.transport.add_note(f"{reviewer.name} finds {picture.key} {picture.n} {decision}")
        if reviewer.uses_command:
            self._world.run_as_operator(partial(self._run_command, picture, picture.decide(decision, reviewer.name)))
        else:
            self._send_event(picture.decide(decision, reviewer.name))

    def _work_through_list(self) -> None:
        """A reviewer decides about everything that waits, and again later."""
        if not self.has_left:
            self._world.run_as_operator(self._decide_listed)
            self._world.event_loop.call_later(LIST_INTERVAL_SECONDS, self._work_through_list)

    def _decide_listed(self) -> None:
        from backdrop_cli.operate.review import list_waiting_pictures, read_jobs_in_review

        for waiting in list_waiting_pictures(self._stack, read_jobs_in_review(self._stack, {}).values()):
            job, review = waiting.job, waiting.review
            picture = AwaitingPicture(job.key, job.variant, job.job_id, review.n, review.sha256)
            self._run_command(picture, picture.decide(self._random.choice(DECISIONS), REVIEWERS[0].name))

    # -- by command -------------------------------------------------------------------------------------------------

    def _run_command(self, picture: AwaitingPicture, decision: PersonDecision) -> None:
        """Runs `backdrop review approve` or `reject`, which may crash. The caller runs it again then."""
        from backdrop.model.review import ReviewDecision
        from backdrop_cli.errors import CommandError
        from backdrop_cli.operate.review import PictureChoice, decide_pictures
        from simulation.world.recorded_screen import RecordedScreen

        worker = self._world.event_loop.current_worker
        if worker and self.may_crash and self._random.random() < CRASH_SHARE:
            self._calls_before_crash[worker] = self._random.randint(1, MAX_CALLS_BEFORE_CRASH)
        screen, stack = RecordedScreen(), replace(self._stack, read_caller=lambda: decision.by)
        choice = self._choose_pictures(picture, PictureChoice)
        try:
            decide_pictures(stack, screen, choice, ReviewDecision(decision.decision))
        except CommandError as error:
            if isinstance(error.__cause__, ConflictError):
                run_again = partial(self._world.run_as_operator, partial(self._run_command, picture, decision))
                self._world.event_loop.call_later(RUN_AGAIN_SECONDS, run_again)
            else:
                self.refused_count += 1
                # A command for all pictures of a photo may decide some before it fails.
                others = [*screen.document.get("unchanged", ()), *screen.document.get("decided", ())]
                texts = [f"{one['decision']} by {one['by']}" for one in others]
                self.on_refused(picture.key, decision, "; ".join((error.format_message(), *texts)))
        finally:
            for confirmed in screen.document.get("decided", ()):
                names = ("job_id", "n", "sha256", "decision", "by")
                self.on_acknowledged(PersonDecision(*(confirmed[name] for name in names)))

    def _choose_pictures(self, picture: AwaitingPicture, build: "type[PictureChoice]") -> "PictureChoice":
        if self._random.random() < ALL_PICTURES_SHARE:
            return build(picture.key, picture.variant)
        return build(picture.key, picture.variant, picture.n, picture.sha256)

    # -- by event ---------------------------------------------------------------------------------------------------

    def _send_event(self, decision: PersonDecision) -> None:
        """Publishes a decision, which EventBridge sends to intake, sometimes twice."""
        random, world = self._random, self._world
        decision = replace(decision, sha256="") if random.random() < UNNAMED_FILE_SHARE else decision
        event = {
            "id": f"decision-{len(self.sent_events)}",
            "detail-type": DETAIL_TYPES[decision.decision],
            "source": EVENT_SOURCE,
            "time": world.clock.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "detail": {"job_id": decision.job_id, "n": decision.n, "by": decision.by}
            | ({"sha256": decision.sha256} if decision.sha256 else {}),
        }
        body = json.dumps(event)
        self.sent_events.append(DecisionEvent(body, decision))
        if self.may_crash and random.random() < CRASH_SHARE:
            self._crashing_events.add(body)
        send = partial(world.sqs.send_externally, world.queues["intake"], body)
        send()
        if random.random() < REPEAT_SHARE:
            world.event_loop.call_later(random.uniform(1, MAX_REPEAT_SECONDS), send)

    # -- crashes ----------------------------------------------------------------------------------------------------

    def _crash_some_workers(self, call: ServiceCall) -> None:
        worker = self._world.event_loop.current_worker
        if worker is None or not (self._calls_before_crash or self._crashing_events):
            return
        if worker not in self._calls_before_crash:
            self._choose_crash(worker)
        if worker in self._calls_before_crash:
            self._calls_before_crash[worker] -= 1
            if not self._calls_before_crash[worker]:
                del self._calls_before_crash[worker]
                crash_worker(call)

    def _choose_crash(self, worker: Worker) -> None:
        """Lets the first worker that receives one of the crashing events crash after some calls."""
        invocations = reversed(self._world.lambda_service.invocations)
        invocation = next((one for one in invocations if one.name == worker.name), None)
        received = self._crashing_events & {message.body for message in (invocation.messages if invocation else ())}
        if received:
            self._crashing_events -= received
            self._calls_before_crash[worker] = self._random.randint(1, MAX_CALLS_BEFORE_CRASH)
