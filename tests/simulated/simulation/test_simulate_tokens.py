"""The monitor of task tokens compares answers with the statuses of jobs since their request."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from simulation.scenarios.actions import UserActions
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.scenarios.task_token_monitor import TaskTokenMonitor
from simulation.world.simulated_lambda import Invocation
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall

JOB: dict[str, Any] = {"job_id": "j", "key": "a.jpg", "variant": "", "is_execution_scoped": True}
ASKED: dict[str, Any] = {
    "source_id": "s",
    "request_id": "m1",
    "key": "a.jpg",
    "task_token": "t",
    "campaign": "",
    "jobs": {"": "j"},
}
CANCELLED = {"taskToken": "t", "error": "cancelled"}


@dataclass
class TokenTimeline:
    """The events of one job, one second apart."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.snapshot = LedgerSnapshot(self.world)
        self.tokens = TaskTokenMonitor(self.snapshot, UserActions(self.world, self.world.clock.random))

    def set_job_status(self, status: str) -> None:
        self.world.clock.time += timedelta(seconds=1)
        self.snapshot.record_job_version(JOB | {"status": status})

    def add_request(self) -> None:
        self.snapshot.requests["s", "m1"] = ASKED | {"problems": [], "answered_at": None}
        self.tokens.on_request_written(None, self.snapshot.requests["s", "m1"])

    def start_deliver(self) -> None:
        self.world.clock.time += timedelta(seconds=1)
        self.world.lambda_service.invocations.append(Invocation("deliver", self.world.clock.time))

    def accepts_canceled_answer(self) -> bool:
        """Whether the check accepts the answer that the job was canceled."""
        return not self.tokens.check_response(ServiceCall(2, "states", "send_task_failure", CANCELLED, "deliver"))


def test_status_from_before_the_request_does_not_count_as_an_answer() -> None:
    timeline = TokenTimeline()
    timeline.set_job_status("cancelled")
    timeline.start_deliver()
    timeline.set_job_status("accepted")
    timeline.add_request()
    assert not timeline.accepts_canceled_answer()


def test_status_since_the_request_may_be_answered() -> None:
    timeline = TokenTimeline()
    timeline.set_job_status("accepted")
    timeline.add_request()
    timeline.start_deliver()
    timeline.set_job_status("cancelled")
    timeline.set_job_status("accepted")
    assert timeline.accepts_canceled_answer()
