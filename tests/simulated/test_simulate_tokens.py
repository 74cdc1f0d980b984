"""What the watch over task tokens remembers: how jobs stood, since when, and when they were asked for."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from simulation.scenarios.actions import UserActions
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.scenarios.task_token_monitor import TaskTokenMonitor
from simulation.world.simulated_lambda import Invocation
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall

JOB: dict[str, Any] = {"job_id": "j", "key": "a.jpg", "is_execution_scoped": True}
ASKED: dict[str, Any] = {"source_id": "s", "request_id": "m1", "key": "a.jpg", "task_token": "t", "jobs": {"": "j"}}
CANCELLED = {"taskToken": "t", "error": "cancelled"}


@dataclass
class Story:
    """What happens to one job, a second between."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.memory = LedgerSnapshot(self.world)
        self.tokens = TaskTokenMonitor(self.memory, UserActions(self.world, self.world.clock.random))

    def job_is(self, status: str) -> None:
        self.world.clock.time += timedelta(seconds=1)
        self.tokens.on_job_written(None, JOB | {"status": status}, ServiceCall(1, "dynamodb", "transact_write_items"))

    def is_asked_for(self) -> None:
        self.memory.requests["s", "m1"] = ASKED | {"problems": [], "answered_at": None}
        self.tokens.on_request_written(None, self.memory.requests["s", "m1"])

    def deliver_begins(self) -> None:
        self.world.clock.time += timedelta(seconds=1)
        self.world.lambda_service.invocations.append(Invocation("deliver", self.world.clock.time))

    def told_that_it_was_cancelled(self) -> bool:
        """Whether that was true."""
        return not self.tokens.check_response(ServiceCall(2, "states", "send_task_failure", CANCELLED, "deliver"))


def test_how_a_job_stood_before_it_was_asked_for_is_no_answer() -> None:
    story = Story()
    story.job_is("cancelled")
    story.deliver_begins()
    story.job_is("accepted")
    story.is_asked_for()
    assert not story.told_that_it_was_cancelled()


def test_how_a_job_stood_since_it_was_asked_for_is_an_answer_though_it_runs_again() -> None:
    story = Story()
    story.job_is("accepted")
    story.is_asked_for()
    story.deliver_begins()
    story.job_is("cancelled")
    story.job_is("accepted")
    assert story.told_that_it_was_cancelled()
