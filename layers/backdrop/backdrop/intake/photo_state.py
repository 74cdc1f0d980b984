"""One photo as one event finds it: the facts that intake's decision tables ask for, and what they were read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Flag
from functools import cached_property

from backdrop.aws.ledger import Ledger
from backdrop.instructions.merge import is_complete
from backdrop.intake.batch_prefetch import Strangers
from backdrop.intake.decide import (
    CancelMarks,
    Crashes,
    Delivery,
    Event,
    Found,
    History,
    Inspection,
    Instructions,
    Jobs,
    OwnInstructions,
    Photo,
    Problems,
    References,
    Report,
    Settling,
    WantedBy,
)
from backdrop.intake.instruction_resolver import Asking
from backdrop.intake.job_planner import Wanted
from backdrop.intake.photo_reader import Seen, see_from_afar
from backdrop.intake.photo_status import is_empty, last_word, named
from backdrop.model.circuit import Lane
from backdrop.model.decision_table import Facts
from backdrop.model.ids import source_id
from backdrop.model.intake_event import Look
from backdrop.model.job import Job, Origin, Source, Status
from backdrop.pipeline.crash_guard import MOST_CRASHES
from backdrop.pipeline.image_requests import Hearing
from backdrop.pipeline.unreadable_files import unreadable_problem
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class PhotoState:
    """What is known of one photo while one event is handled. Everything is read when it is first needed, and once."""

    message: Look
    ledger: Ledger
    strangers: Strangers
    hearing: Hearing
    asking: Asking
    clock: Clock
    settle_seconds: int

    @cached_property
    def facts(self) -> Facts:
        return Facts(
            {
                History: self._history,
                Event: self._event,
                Delivery: lambda: Delivery.REPEATED if self.look.again else Delivery.FIRST,
                Crashes: self._crashes,
                Photo: lambda: photo_of(self.source, self.seen) if self.found else Photo.MISSING,
                Report: lambda: Report.OUTDATED if unreadable_problem(self.source) else Report.CURRENT,
                References: self._references,
                Instructions: lambda: instructions_of(self.source, self.seen),
                OwnInstructions: lambda: own_instructions_of(self.seen),
                Jobs: lambda: jobs_of(self.source, self.jobs, self.seen),
                Problems: lambda: problems_of(self.source),
                WantedBy: lambda: wanted_by(self.source, self.jobs),
                Inspection: lambda: inspection_of(self.seen),
                Settling: lambda: Settling.TIME_LEFT if self.seconds_to_settle > 0 else Settling.OVER,
                CancelMarks: lambda: cancel_marks_of(self.source, self.jobs, self.seen, self.look, self.ledger.lane),
            }
        )

    @property
    def was_decided(self) -> bool:
        """Whether this very state led to a decision before."""
        same = self.facts[Photo] is Photo.SAME and self.facts[Instructions] is Instructions.SAME
        return same and self.facts[History] in History.KNOWN | History.BLOCKED

    # -- the ledger ------------------------------------------------------------------------------------------------

    @cached_property
    def source(self) -> Source:
        return self._item[0] or Source.at(self.message.bucket, self.message.key)

    @property
    def jobs(self) -> Sequence[Job]:
        return self._item[1]

    @cached_property
    def _item(self) -> tuple[Source | None, Sequence[Job]]:
        ident = source_id(self.message.bucket, self.message.key)
        return (None, ()) if self._is_new_in_snapshot else self.ledger.photo(ident)

    @cached_property
    def _is_new_in_snapshot(self) -> bool:
        return self.message.is_plain and self.strangers.take(source_id(self.message.bucket, self.message.key))

    def _history(self) -> History:
        return History.NEW_IN_SNAPSHOT if self._is_new_in_snapshot else history_of(self.source)

    # -- the event -------------------------------------------------------------------------------------------------

    @cached_property
    def look(self) -> Look:
        """The message as it is meant: a request that was handled before only finishes what was left undone."""
        is_repeated = self.message.request and self.hearing.is_known(self.source, self.message.request)
        return replace(self.message, request=None, again=True) if is_repeated else self.message

    def _event(self) -> Event:
        if self.message.request:
            return Event.REQUEST if self.look.request else Event.REPEATED_REQUEST
        if self.message.rerun:
            return Event.RERUN
        return Event.SETTLE_TIMEOUT if self.message.settled else Event.OBJECT_CHANGED

    def _crashes(self) -> Crashes:
        opened_by_person = self.facts[Event] is Event.RERUN and self.facts[Delivery] is Delivery.FIRST
        is_over = self.source.crashes >= MOST_CRASHES and not opened_by_person
        return Crashes.TOO_MANY if is_over else Crashes.TOLERABLE

    # -- the bucket ------------------------------------------------------------------------------------------------

    @cached_property
    def found(self) -> Seen | None:
        """The photo with its sidecar and tags; None where there is no photo."""
        photo, bucket, key = self.source.photo, self.message.bucket, self.message.key
        if self.facts[Crashes] is Crashes.TOO_MANY:
            return see_from_afar(self.asking.photos, bucket, key, self.source.crashes)
        # What was prepared for a call may have expired since the first delivery, so it is prepared again.
        prepares_again = self.look.again and photo and photo.prepared
        return self.asking.reader.read(bucket, key, None if prepares_again else photo)

    @property
    def seen(self) -> Seen:
        """The same, where the photo is known to be there."""
        if self.found is None:
            raise LookupError(self.message.key)
        return self.found

    def _references(self) -> References:
        return References.OTHER if self.asking.has_other_references(self.source, self.jobs) else References.SAME

    # -- the clock -------------------------------------------------------------------------------------------------

    @cached_property
    def seconds_to_settle(self) -> float:
        """How long the photo may still wait for its instructions."""
        if self.source.wanting and self.source.photo == self.seen.photo:
            return 0
        now = self.clock.now()
        since = self.source.waiting_since or now
        return (since + timedelta(seconds=self.settle_seconds) - now).total_seconds()


# -- comparisons ---------------------------------------------------------------------------------------------------


def comparisons(source: Source, jobs: Sequence[Job], seen: Seen) -> tuple[Flag, ...]:
    """All facts that ledger and bucket give together, for those who foresee what intake would decide."""
    return (
        history_of(source),
        photo_of(source, seen),
        instructions_of(source, seen),
        own_instructions_of(seen),
        jobs_of(source, jobs, seen),
        problems_of(source),
        inspection_of(seen),
    )


def history_of(source: Source) -> History:
    if source.waiting_since:
        return History.WAITING
    if source.seen_gone:
        return History.WAS_MISSING
    if source.wanting:
        return History.BLOCKED
    return History.KNOWN if source.rev else History.NEW


def photo_of(source: Source, seen: Seen) -> Photo:
    if source.photo is None:
        return Photo.NEW
    if source.photo == seen.photo:
        return Photo.SAME
    return Photo.SAME_BYTES if source.photo.etag == seen.photo.etag else Photo.OTHER_BYTES


def instructions_of(source: Source, seen: Seen) -> Instructions:
    return Instructions.SAME if source.asked_from == seen.asked_from else Instructions.CHANGED


def own_instructions_of(seen: Seen) -> OwnInstructions:
    if is_complete(seen.places):
        return OwnInstructions.COMPLETE
    return OwnInstructions.NONE if all(is_empty(place) for place in seen.places) else OwnInstructions.INCOMPLETE


def jobs_of(source: Source, jobs: Sequence[Job], seen: Seen) -> Jobs:
    current, sha256 = named(source, jobs), seen.photo.sha256
    recorded = source.photo.sha256 if source.photo and not source.waiting_since else None
    are_recorded = recorded is not None and recorded == sha256
    are_complete = len(current) == len(source.jobs) or are_recorded
    if not source.jobs or source.seen_gone or not are_complete or any(job.sha256 != sha256 for job in current):
        return Jobs.OTHER_BYTES if current else Jobs.NONE
    return Jobs.SAME_BYTES if current else Jobs.FORGOTTEN


def problems_of(source: Source) -> Problems:
    is_clean = all(one.origin is Origin.REQUEST for one in source.problems)
    return Problems.NONE if is_clean else Problems.REPORTED


def wanted_by(source: Source, jobs: Sequence[Job]) -> WantedBy:
    by_executions = any(job.for_executions and not job.ended for job in named(source, jobs))
    return WantedBy.EXECUTIONS if by_executions else WantedBy.PHOTO


def inspection_of(seen: Seen) -> Inspection:
    return Inspection.FAILED if seen.photo_error else Inspection.PASSED


def cancel_marks_of(
    source: Source, jobs: Sequence[Job], seen: Seen, look: Look, lane_of: Callable[[str], Lane]
) -> CancelMarks:
    """Reads the lanes of those jobs alone that were asked for again since."""
    said = last_word(seen, seen.places, look)

    def is_off(job: Job) -> bool:
        return any(mark.means(job) for mark in lane_of(job.provider).called_off)

    unaware = [job for job in named(source, jobs) if _may_come_back(job) and (job.said_at or job.queued_at) < said]
    cancelled = [job for job in unaware if is_off(job)]
    is_overruled = any(not is_off(job.but(said_at=said)) for job in cancelled)
    return CancelMarks.OVERRULED if is_overruled else CancelMarks.HOLD


def found_of(found: Wanted) -> Found:
    if found.jobs:
        return Found.JOBS
    return Found.NO_INSTRUCTIONS if found.says_nothing else Found.PROBLEMS


def _may_come_back(job: Job) -> bool:
    return job.status in (Status.ACCEPTED, Status.CANCELLED) or job.unwanted is not None
