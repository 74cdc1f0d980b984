"""The stored items as they were last seen, as plain data: what a promise about the next write is held against."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from proof.checker.books import Ledger, Plain
from proof.checker.calls import paused
from proof.world.functions import Invocation
from proof.world.stack import World


@dataclass
class Lane:
    """A lane as it is stored, and since when it is narrow or shut as it is now."""

    body: Plain | None = None
    since: datetime | None = None


@dataclass
class Memory:
    """Jobs and sources by id, days and lanes by name, owners (job ids) by content, revisions by key.

    `asked`: who waits, by place and id.
    """

    world: World
    jobs: dict[str, Plain] = field(default_factory=dict[str, Plain])
    sources: dict[str, Plain] = field(default_factory=dict[str, Plain])
    asked: dict[tuple[str, str], Plain] = field(default_factory=dict[tuple[str, str], Plain])
    days: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    owners: dict[str, str] = field(default_factory=dict[str, str])
    lanes: dict[str, Lane] = field(default_factory=dict[str, Lane])
    revisions: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    @property
    def ledger(self) -> Ledger:
        """What the checker's functions take."""
        return Ledger(self.sources, self.jobs, self.days)

    @property
    def left(self) -> int:
        """What today's budget has left, in micro-dollars."""
        day = self.days.get(self.world.clock.time.date().isoformat(), {})
        cap = day.get("cap", self.world.setup.budget)
        return cap - day.get("confirmed", 0) - day.get("unknown", 0)

    def named(self) -> set[str]:
        """The jobs that some photo names."""
        return {job_id for source in self.sources.values() for job_id in source["jobs"].values()}

    def excused(self) -> set[str]:
        """Jobs that rightly wait: in a paused lane, or since they cost more than any day may, or for one of these."""
        budget = self.world.setup.budget
        shut = {name for name, lane in self.lanes.items() if lane.body and paused(lane.body, self.left, budget)}
        waiting = {*self._behind(shut), *self.too_dear()}
        return waiting | {*self._following(waiting)}

    def _behind(self, lanes: set[str]) -> Iterator[str]:
        return (job_id for job_id, job in self.jobs.items() if job["provider"] in lanes)

    def _following(self, waiting: set[str]) -> Iterator[str]:
        """In another lane, which may be open."""
        for job_id, job in self.jobs.items():
            if job["status"] == "accepted" and job["waits_for"] and job["waits_for"]["job_id"] in waiting:
                yield job_id

    def too_dear(self) -> Iterator[str]:
        """Jobs that cost more than any whole day may, and were tried, or wait for one that was."""
        budget, left = self.world.setup.budget, self.left
        for job_id, job in self.jobs.items():
            tried = job["problem"] or job["waits_for"]
            if job["status"] == "accepted" and tried and 0 < budget < job["quoted"] and left < job["quoted"]:
                yield job_id

    def invocation(self, worker: str) -> Invocation:
        """A worker's invocation."""
        return next(one for one in reversed(self.world.functions.invocations) if one.name == worker)

    def began(self, worker: str) -> datetime:
        """When a worker began."""
        return self.invocation(worker).began

    def lives(self, worker: str) -> bool:
        """Whether a worker is still there."""
        return any(one.name == worker and one.ended is None for one in self.world.functions.invocations)
