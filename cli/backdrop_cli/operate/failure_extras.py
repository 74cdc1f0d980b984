"""What `failures` shows besides: what only waits, lost answers, and dead letters that are no photo's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.model.circuit import Pause
from backdrop.model.job import Job
from backdrop.model.pricing import format_usd, to_usd
from backdrop.operate.redrive import FailureFilter
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.pause_resume import describe_pause
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


@dataclass(frozen=True)
class FailureExtras:
    """`pauses`: why, by provider.

    `lost_answers`: answers that may come yet. `dead_letters`: how many of each code are no job's.
    """

    pauses: Mapping[str, Sequence[Pause]]
    lost_answers: Sequence[Job]
    dead_letters: Mapping[str, int]

    @classmethod
    def read(cls, stack: Stack, failure_filter: FailureFilter) -> "FailureExtras":
        """What there is now; letters that are no job's have a code, and neither provider nor key."""
        paused = {
            name: pauses
            for name in stack.providers
            if (pauses := stack.circuit_breaker.ledger.read_health(name).pauses)
        }
        dead_letters: Mapping[str, int] = (
            {} if failure_filter.provider or failure_filter.prefix else stack.dead_letters.count_without_job()
        )
        lost = list(stack.redrive_service.list_unknown_jobs(failure_filter))
        return cls(
            paused,
            lost,
            {code: n for code, n in dead_letters.items() if not failure_filter.codes or code in failure_filter.codes},
        )

    def print_to(self, screen: Screen) -> None:
        """In a line each."""
        lines = [
            f"photos wait: {name} is paused ({one.code.value}): {one.message}"
            for name, pauses in self.pauses.items()
            for one in pauses
        ]
        lines += [_describe_lost_answers(self.lost_answers)] if self.lost_answers else []
        lines += [
            f"{format_count(number, 'dead letter')} ({code}) "
            f"{'is' if number == 1 else 'are'} no photo's; what the message "
            "was and what is wrong with it stands in the dead-letter queue."
            for code, number in self.dead_letters.items()
        ]
        if lines:
            screen.print()
        for line in lines:
            screen.print(f"Besides, {line}")

    def to_document(self) -> dict[str, Any]:
        """The same for scripts."""
        paused = {name: [describe_pause(one) for one in pauses] for name, pauses in self.pauses.items()}
        lost = [{"key": job.key, "job_id": job.job_id, "unknown_usd": to_usd(job.unknown)} for job in self.lost_answers]
        return {"paused": paused, "lost_answers": lost, "other_dead_letters": dict(self.dead_letters)}


def _describe_lost_answers(jobs: Sequence[Job]) -> str:
    """How many answers were lost, and when it is decided what becomes of them."""
    deadlines = (attempt.lease_until for job in jobs if (attempt := job.find_attempt(job.attempt_no)))
    unknown = format_usd(sum(job.unknown for job in jobs))
    subject = "the answer of 1 job" if len(jobs) == 1 else f"the answers of {len(jobs):,} jobs"
    return (
        f"{subject} {'was' if len(jobs) == 1 else 'were'} lost, "
        f"{unknown} perhaps charged: asked for where that can be, "
        f"else sent once more or held when the call must be over, {max(deadlines):%H:%M} UTC at the latest."
    )
