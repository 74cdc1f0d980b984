"""What `failures` also shows: paused providers, lost answers, and dead letters that belong to no photo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.model.circuit import Pause
from backdrop.model.job import Job
from backdrop.model.pricing import format_usd, to_usd
from backdrop.operate.redrive import FailureFilter
from backdrop_cli.formatting import format_count, format_utc
from backdrop_cli.operate.pause_resume import describe_pause
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


@dataclass(frozen=True)
class FailureExtras:
    """`pauses` has the reasons by provider. `lost_answers` are jobs whose answer may still be recovered.

    `dead_letters` counts those that belong to no job, by code.
    """

    pauses: Mapping[str, Sequence[Pause]]
    lost_answers: Sequence[Job]
    dead_letters: Mapping[str, int]

    @classmethod
    def read(cls, stack: Stack, failure_filter: FailureFilter) -> "FailureExtras":
        """Reads what matches the filter. Dead letters without a job have a code, but neither a provider nor a key."""
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
        lines = [
            f"Photos wait for {name}, which is paused ({one.code.value}): {one.message}"
            for name, pauses in self.pauses.items()
            for one in pauses
        ]
        waiting = [job for job in self.lost_answers if job.waits_for_bill]
        lost = [job for job in self.lost_answers if not job.waits_for_bill]
        lines += [_describe_lost_answers(lost)] if lost else []
        lines += [_describe_bill_waits(waiting)] if waiting else []
        lines += [
            f"{format_count(number, 'dead letter')} ({code}) without a photo: the dead-letter queue has the message "
            "and what is wrong with it."
            for code, number in self.dead_letters.items()
        ]
        if lines:
            screen.print()
        for line in lines:
            screen.print(line)

    def to_document(self) -> dict[str, Any]:
        paused = {name: [describe_pause(one) for one in pauses] for name, pauses in self.pauses.items()}
        lost = [
            {
                "key": job.key,
                "job_id": job.job_id,
                "unknown_usd": to_usd(job.unknown),
                "waits_for_bill": job.waits_for_bill,
            }
            for job in self.lost_answers
        ]
        return {"paused": paused, "lost_answers": lost, "other_dead_letters": dict(self.dead_letters)}


def _describe_bill_waits(jobs: Sequence[Job]) -> str:
    latest = max(job.bill_wait_until for job in jobs if job.bill_wait_until)
    return (
        f"{format_count(len(jobs), 'job')} lost the provider's answer, and "
        f"{format_usd(sum(job.unknown for job in jobs))} was possibly charged. Its usage records decide: what "
        f"was not charged is sent again, and the rest is held, by {format_utc(latest)} at the latest."
    )


def _describe_lost_answers(jobs: Sequence[Job]) -> str:
    deadlines = (attempt.lease_until for job in jobs if (attempt := job.find_attempt(job.attempt_no)))
    unknown = format_usd(sum(job.unknown for job in jobs))
    return (
        f"{format_count(len(jobs), 'job')} lost the provider's answer; {unknown} was possibly charged. The answer is "
        f"recovered if the provider allows it. Otherwise, the job is sent again or held once the call can no longer be "
        f"running, at {max(deadlines):%H:%M} UTC at the latest."
    )
