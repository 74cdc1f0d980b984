"""One photo: what lies there now, what is wanted of it, and what becomes of its jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

from backdrop.core import transitions
from backdrop.core.asked import Asked
from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError, OwnedError, StaleError
from backdrop.core.identity import source_id
from backdrop.core.instructions import is_complete
from backdrop.core.job import Job, Owner, Problem, Source
from backdrop.core.layout import folder_of
from backdrop.core.near import near_miss
from backdrop.ports import Clock, Ledger, Queue
from backdrop.steps.asking import Asking
from backdrop.steps.folders import Folders
from backdrop.steps.hearing import Hearing, heard, held_by, noted, refused
from backdrop.steps.marks import LONGEST_LOOK, MOST_CRASHES
from backdrop.steps.messages import Look, look_again, remind, to_deliver
from backdrop.steps.naming import accepted, after, steps_of
from backdrop.steps.onward import Onward
from backdrop.steps.seen import Seen, see_from_afar
from backdrop.steps.standing import (
    Refusal,
    gone,
    has_its_bytes,
    has_its_jobs,
    known_since,
    named,
    refusals,
    said_at,
    speaks_again,
    still_refused,
    unchanged,
    was_resolved,
)
from backdrop.steps.strangers import Strangers
from backdrop.steps.unreadable import forget_unreadable
from backdrop.steps.wanted import Wanted

TRIES = 8
LONGEST_DELAY_SECONDS = 900
MOST_NAMES = 1000


@dataclass(frozen=True)
class Decision:
    """What a look led to: jobs put into their lanes, and what was refused."""

    accepted: tuple[Job, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(eq=False, repr=False)
class Photos:
    """The step for one photo."""

    asking: Asking
    ledger: Ledger
    folders: Folders
    hearing: Hearing
    deliver: Queue
    intake: Queue
    onward: Onward
    strangers: Strangers
    clock: Clock
    settle_seconds: int

    def __call__(self, look: Look) -> Decision:
        """Decide anew as often as others were faster."""
        owners: dict[str, Owner] = {}
        for _ in range(TRIES):
            try:
                return self._decide(look, owners)
            except StaleError:
                look = replace(look, overtaken=True)
                self.clock.sleep(self.clock.jitter(0.1))
            except OwnedError as error:
                owners[error.owner.content_key] = error.owner
        raise StaleError

    # -- what lies there -----------------------------------------------------------------------------------

    def _decide(self, look: Look, owners: Mapping[str, Owner]) -> Decision:
        ident = source_id(look.bucket, look.key)
        is_stranger = look.is_plain and self.strangers.take(ident)
        before, jobs = (None, ()) if is_stranger else self.ledger.photo(ident)
        if look.settled and not look.again and not (before and before.waiting_since):
            return Decision()
        source = before or Source.at(look.bucket, look.key)
        if look.request and self.hearing.is_known(source, look.request):
            look = replace(look, request=None, again=True)
        seen = self._see(look, before)
        if seen is None:
            return self._decide(look, owners) if is_stranger else self._gone(source, jobs, look)
        forget_unreadable(self.ledger, self.deliver, source)
        if look.request or look.rerun:
            return self._resolve(source, jobs, seen, owners, look)
        other_references = look.again and self.asking.has_other_references(source, jobs)
        if unchanged(source, seen) and not other_references:
            if speaks_again(source, seen, jobs, look, self.ledger.lane):
                return self._as_it_was(source, jobs, seen, look, owners)
            return self._hand_on(source, jobs) if look.again else Decision()
        if has_its_jobs(source, seen, jobs) and not other_references:
            return self._as_it_was(source, jobs, seen, look, owners)
        waited = source.wanting and source.photo == seen.photo
        if not seen.photo_error and not is_complete(seen.places) and not waited:
            remaining = self._still_settling(source)
            if remaining > 0:
                return self._wait(source, seen, remaining)
        return self._resolve(source, jobs, seen, owners, look)

    def _see(self, look: Look, known: Source | None) -> Seen | None:
        is_opened_by_order = look.rerun and not look.again
        if known and known.crashes >= MOST_CRASHES and not is_opened_by_order:
            afar = see_from_afar(self.asking.photos, look.bucket, look.key, known.crashes)
            if afar is None or known.photo is None or known.photo.etag == afar.photo.etag:
                return afar
            self._forget_the_deaths(known)
        facts = known.photo if known else None
        # Who asks again may miss what is sent of it: it expired.
        anew = look.again and facts and facts.prepared
        return self.asking.see(look.bucket, look.key, None if anew else facts)

    def _forget_the_deaths(self, source: Source) -> None:
        """Other bytes lie there than those that killed: their own deaths are counted."""
        self.ledger.put_source(source.but(photo=None, asked_from="", crashes=0), ())
        raise StaleError

    def _as_it_was(
        self, source: Source, jobs: Sequence[Job], seen: Seen, look: Look, owners: Mapping[str, Owner]
    ) -> Decision:
        """The bytes of its jobs lie there, whatever lay there meanwhile; what ended unpaid runs again."""
        said = said_at(source, seen, seen.places, look, self.clock.now())
        lies = {"version_id": seen.photo.version_id, "for_executions": False, "said_at": said}
        renewed = [job.but(**lies) for job in named(source, jobs)]
        steps = steps_of(self.ledger, source, jobs, renewed, owners, self.clock.now())
        if steps or not was_resolved(source, seen):
            source = source.but(photo=seen.photo, asked_from=seen.asked_from, waiting_since=None)
            self._record(look, source, steps)
        elif not look.again:
            return Decision()
        self._hand_on(source, after(steps, jobs), steps)
        return Decision(accepted(steps, jobs))

    def _gone(self, source: Source, jobs: Sequence[Job], look: Look) -> Decision:
        """The photo was deleted, and what is not paid yet is not bought; or a request names what never was."""
        now = self.clock.now()
        missing = InstructionError(Code.PHOTO_NOT_FOUND, f"There is no {look.key} in the bucket {look.bucket}.")
        lost = tuple(one for one in source.problems if one.code is Code.PHOTO_NOT_FOUND)
        problems = (Problem.of(missing, now),) if look.request else lost
        if source.rev == 0 and not problems:
            return Decision()
        steps = [step for job in jobs if (step := transitions.cancel(job, now))]
        if steps or problems or source.problems or source.waiting_since or source.held_by:
            asked = noted(source, look.request, now, problems=problems)
            source = gone(heard(source, look.request), problems)
            self._record(look, source, steps, asked)
        else:
            if not source.seen_gone:
                self.ledger.put_source(source.but(seen_gone=True), ())
            if not look.again:
                return Decision()
        self._hand_on(source, after(steps, jobs), steps)
        return Decision(refused=refusals(source, problems))

    # -- waiting for instructions --------------------------------------------------------------------------

    def _still_settling(self, source: Source) -> float:
        """Seconds that the photo may still wait for its instructions."""
        since = source.waiting_since or self.clock.now()
        return (since + timedelta(seconds=self.settle_seconds) - self.clock.now()).total_seconds()

    def _wait(self, source: Source, seen: Seen, remaining: float) -> Decision:
        """Record that the photo waits, and have it looked at when the time is over."""
        since = source.waiting_since or self.clock.now()
        if source.waiting_since is None or source.photo != seen.photo:
            asked = {"photo": seen.photo, "asked_from": seen.asked_from}
            waits = source.but(**asked, waiting_since=since, put_at=self.clock.now(), begun_until=None)
            self.ledger.put_source(waits, ())
        delay = min(int(remaining) + 1, LONGEST_DELAY_SECONDS)
        remind(self.intake, source, delay)
        return Decision()

    # -- what is wanted ------------------------------------------------------------------------------------

    def _resolve(
        self, source: Source, jobs: Sequence[Job], seen: Seen, owners: Mapping[str, Owner], look: Look
    ) -> Decision:
        places, broken = self.asking.places_of(source, seen, look.request)
        if broken:
            self.folders.report(source.bucket, broken, *self.asking.defaults.look(source.bucket, broken))
        source, now = heard(source, look.request), self.clock.now()
        found = self.asking.asked_for(source, jobs, seen, places, broken, self.onward.lanes.keys())
        found = replace(found, problems=tuple(self._with_near_miss(source, one) for one in found.problems))
        if look.request and not found.jobs:
            return self._refuse_request(source, jobs, seen, owners, look, found.problems or held_by(broken, now))
        of_execution = bool(look.request and look.request.ends_with_its_execution)
        whose = {"for_executions": of_execution, "said_at": said_at(source, seen, places, look, now)}
        found = replace(found, jobs=tuple(job.but(**whose) for job in found.jobs))
        if look.rerun and named(source, jobs) and found.says_nothing:
            return self._hand_on(source, jobs)
        kept = () if look.request or look.rerun else still_refused(source, seen, found)
        source = source.but(held_by="" if seen.photo_error else broken)
        for _ in range(TRIES):
            steps = steps_of(self.ledger, source, jobs, found.jobs, owners, self.clock.now())
            asked = noted(source, look.request, now, jobs=found.jobs, problems=found.problems)
            try:
                return self._write(look, source, jobs, seen, found, steps, kept, asked)
            except OwnedError as error:
                owners = {**owners, error.owner.content_key: error.owner}
        raise StaleError

    def _with_near_miss(self, source: Source, problem: Problem) -> Problem:
        """A photo without a word: perhaps its sidecar's name is not quite right."""
        if problem.code is not Code.NO_INSTRUCTIONS:
            return problem
        names = list(islice(self.asking.photos.keys(source.bucket, folder_of(source.key)), MOST_NAMES))
        found = near_miss(source.key, names)
        return problem.but(message=f"{problem.message} But {found}.") if found else problem

    def _refuse_request(
        self,
        source: Source,
        jobs: Sequence[Job],
        seen: Seen,
        owners: Mapping[str, Owner],
        look: Look,
        why: Sequence[Problem],
    ) -> Decision:
        """A request that cannot be done takes nothing from what the photo has; what it wanted before it still wants.

        What its sidecar or tags say is seen to first. Otherwise the request ends the waiting: what came of it would
        take the report away, and buy what nobody asked for.
        """
        problems = refused(why, seen.photo_error)
        asked = noted(source, look.request, self.clock.now(), problems=problems)
        wants = tuple(one for one in source.problems if one.code is Code.NO_INSTRUCTIONS and one not in problems)
        told = Decision(refused=refusals(source, problems))
        if was_resolved(source, seen) or has_its_bytes(source, seen, jobs):
            source = source.but(problems=(*problems, *wants), reported=True)
            self._record(look, source, (), asked)
            self._hand_on(source, jobs)
            return told
        if is_complete(seen.places) and not seen.photo_error:
            first = self._decide(replace(look, request=None), owners)
            return Decision(first.accepted, self._decide(look, owners).refused)
        steps = steps_of(self.ledger, source, jobs, (), owners, self.clock.now())
        found = Wanted(problems=(*problems, *wants))
        self._write(look, source.but(held_by=""), jobs, seen, found, steps, asked=asked)
        return told

    # -- what becomes of its jobs --------------------------------------------------------------------------

    def _write(
        self,
        look: Look,
        source: Source,
        jobs: Sequence[Job],
        seen: Seen,
        found: Wanted,
        steps: Sequence[transitions.Step],
        kept: Sequence[Problem] = (),
        asked: Asked | None = None,
    ) -> Decision:
        resolved: dict[str, object] = {
            "photo": seen.photo,
            "asked_from": seen.asked_from,
            "sidecar_etag": seen.sidecar_etag,
            "jobs": {job.variant: job.job_id for job in found.jobs},
            "problems": (*(known_since(one, source.problems) for one in found.problems), *kept),
            "waiting_since": None,
            "reported": source.reported or bool(found.problems),
            "begun_until": None,
            "seen_gone": False,
            "crashes": source.crashes if any(one.code is Code.CRASHED for one in found.problems) else 0,
        }
        source = source.but(**resolved)
        self._record(look, source, steps, asked)
        self._hand_on(source, after(steps, jobs), steps)
        return Decision(accepted(steps, jobs), refusals(source, found.problems))

    def _record(
        self, look: Look, source: Source, steps: Sequence[transitions.Step], asked: Asked | None = None
    ) -> None:
        """Write what a look led to, before it is handed on.

        Another delivery of the same message may have overtaken this one, and deleted the message: it would not come
        again, should this worker die now. So another look comes when this worker must be gone. Such a look leaves none
        itself: many at once would overtake one another without end.
        """
        if look.overtaken and not look.again:
            look_again(self.intake, source.bucket, source.key, delay_seconds=int(LONGEST_LOOK.total_seconds()))
        self.ledger.put_source(source, steps, asked)

    def _hand_on(self, source: Source, jobs: Sequence[Job], steps: Sequence[transitions.Step] = ()) -> Decision:
        """Send the jobs on. Deliver learns of those that these steps end, and wakes the jobs that wait for them."""
        for step in steps:
            if step.job.ended:
                to_deliver(self.deliver, source, step.job.job_id)
        self.onward(source, jobs)
        return Decision()
