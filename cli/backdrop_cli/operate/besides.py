"""What `failures` shows besides: what only waits, lost answers, and dead letters that are no photo's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.model.circuit import Pause
from backdrop.model.job import Job
from backdrop.model.pricing import usd_of, usd_text
from backdrop.operate.redrive import Wanted
from backdrop_cli.operate.lanes import described
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack


@dataclass(frozen=True)
class Besides:
    """`paused`: why, by provider. `lost`: answers that may come yet. `letters`: how many of each code are no job's."""

    paused: Mapping[str, Sequence[Pause]]
    lost: Sequence[Job]
    letters: Mapping[str, int]

    @classmethod
    def of(cls, stack: Stack, meant: Wanted) -> "Besides":
        """What there is now; letters that are no job's have a code, and neither provider nor key."""
        paused = {name: pauses for name in stack.providers if (pauses := stack.keeper.ledger.lane(name).pauses)}
        letters: Mapping[str, int] = {} if meant.provider or meant.prefix else stack.letters.of_no_job()
        lost = list(stack.orders.in_doubt(meant))
        return cls(paused, lost, {code: n for code, n in letters.items() if not meant.codes or code in meant.codes})

    def tell(self, screen: Screen) -> None:
        """In a line each."""
        lines = [
            f"photos wait: {name} is paused ({one.code.value}): {one.message}"
            for name, pauses in self.paused.items()
            for one in pauses
        ]
        lines += [_of_lost(self.lost)] if self.lost else []
        lines += [
            f"{several(number, 'dead letter')} ({code}) {'is' if number == 1 else 'are'} no photo's; what the message "
            "was and what is wrong with it stands in the dead-letter queue."
            for code, number in self.letters.items()
        ]
        if lines:
            screen.say()
        for line in lines:
            screen.say(f"Besides, {line}")

    def document(self) -> dict[str, Any]:
        """The same for scripts."""
        paused = {name: [described(one) for one in pauses] for name, pauses in self.paused.items()}
        lost = [{"key": job.key, "job_id": job.job_id, "unknown_usd": usd_of(job.unknown)} for job in self.lost]
        return {"paused": paused, "lost_answers": lost, "other_dead_letters": dict(self.letters)}


def _of_lost(jobs: Sequence[Job]) -> str:
    """How many answers were lost, and when it is decided what becomes of them."""
    ends = (attempt.lease_until for job in jobs if (attempt := job.attempt_of(job.attempt)))
    unknown = usd_text(sum(job.unknown for job in jobs))
    many = "the answer of 1 job" if len(jobs) == 1 else f"the answers of {len(jobs):,} jobs"
    return (
        f"{many} {'was' if len(jobs) == 1 else 'were'} lost, {unknown} perhaps charged: asked for where that can be, "
        f"else sent once more or held when the call must be over, {max(ends):%H:%M} UTC at the latest."
    )
