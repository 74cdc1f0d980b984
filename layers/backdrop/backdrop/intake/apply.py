"""One photo: what lies there now, what is wanted of it, and what becomes of its jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.instructions.sources import Place
from backdrop.instructions.suggest import near_miss
from backdrop.intake.batch_prefetch import Strangers
from backdrop.intake.decide import AFTER_RESOLVING, BEFORE_RESOLVING, Decision, Resolution
from backdrop.intake.dispatch import Onward
from backdrop.intake.folder_defaults import Folders
from backdrop.intake.instruction_resolver import Asking
from backdrop.intake.job_planner import Wanted
from backdrop.intake.photo_state import PhotoState, found_of
from backdrop.intake.photo_status import (
    Refusal,
    gone,
    known_since,
    named,
    refusals,
    said_at,
    still_refused,
    still_wanted,
)
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, OwnedError, StaleError
from backdrop.model.image_request import Asked
from backdrop.model.intake_event import Look
from backdrop.model.job import Job, Owner, Problem, Source
from backdrop.model.object_keys import folder_of
from backdrop.model.sentence import Sentence
from backdrop.pipeline.crash_guard import LONGEST_LOOK
from backdrop.pipeline.enqueue import look_again, remind, to_deliver
from backdrop.pipeline.image_requests import Hearing, heard, held_by, noted, refused
from backdrop.pipeline.job_diff import accepted, after, steps_of
from backdrop.pipeline.unreadable_files import forget_unreadable
from backdrop.ports import Clock

TRIES = 8
LONGEST_DELAY_SECONDS = 900
MOST_NAMES = 1000


@dataclass(frozen=True)
class IntakeResult:
    """What an event led to: jobs put into their lanes, and what was refused."""

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

    def handle(self, look: Look) -> IntakeResult:
        """Decide anew as often as others were faster."""
        owners: dict[str, Owner] = {}
        for _ in range(TRIES):
            try:
                return self._handle_once(look, owners)
            except StaleError:
                look = replace(look, overtaken=True)
                self.clock.sleep(self.clock.jitter(0.1))
            except OwnedError as error:
                owners[error.owner.content_key] = error.owner
        raise StaleError

    def _handle_once(self, look: Look, owners: Mapping[str, Owner]) -> IntakeResult:
        """Do what the first table says (intake/decide.py); `owners` pay for some content already."""
        state = PhotoState(
            look, self.ledger, self.strangers, self.hearing, self.asking, self.clock, self.settle_seconds
        )
        match BEFORE_RESOLVING.decide(state.facts):
            case Decision.IGNORE:
                return IntakeResult()
            case Decision.REDELIVER:
                return self._hand_on(state.source, state.jobs)
            case Decision.REOPEN:
                return self._reopen(state, owners)
            case Decision.WAIT:
                return self._wait(state)
            case Decision.RESOLVE:
                return self._resolve(state, owners)
            case Decision.CANCEL:
                return self._cancel(state)
            case Decision.RESET_CRASHES:
                self.ledger.put_source(state.source.but(photo=None, asked_from="", crashes=0), ())
                raise StaleError
            case Decision.READ_AGAIN:
                forget_unreadable(self.ledger, self.deliver, state.source)
                return self._handle_once(look, owners)

    # -- before resolving ----------------------------------------------------------------------------------

    def _reopen(self, state: PhotoState, owners: Mapping[str, Owner]) -> IntakeResult:
        """The bytes of its jobs lie there, whatever lay there meanwhile; what ended unpaid runs again."""
        source, jobs, seen, look = state.source, state.jobs, state.seen, state.look
        said = said_at(source, seen, seen.places, look, self.clock.now())
        lies = {"version_id": seen.photo.version_id, "for_executions": False, "said_at": said}
        renewed = [job.but(**lies) for job in named(source, jobs)]
        steps = steps_of(self.ledger, source, jobs, renewed, owners, self.clock.now())
        if steps or not state.was_decided:
            source = source.but(photo=seen.photo, asked_from=seen.asked_from, waiting_since=None)
            self._record(look, source, steps)
        elif not look.again:
            return IntakeResult()
        self._hand_on(source, after(steps, jobs), steps)
        return IntakeResult(accepted(steps, jobs))

    def _cancel(self, state: PhotoState) -> IntakeResult:
        """The photo was deleted, and what is not paid yet is not bought; or a request names what never was."""
        source, jobs, look = state.source, state.jobs, state.look
        now = self.clock.now()
        missing = InstructionError(Code.PHOTO_NOT_FOUND, f"There is no {look.key} in the bucket {look.bucket}.")
        lost = tuple(one for one in source.problems if one.code is Code.PHOTO_NOT_FOUND)
        problems = (Problem.of(missing, now),) if look.request else lost
        if source.rev == 0 and not problems:
            return IntakeResult()
        steps = [step for job in jobs if (step := transitions.cancel(job, now))]
        if steps or problems or source.problems or source.waiting_since or source.held_by:
            asked = noted(source, look.request, now, problems=problems)
            source = gone(heard(source, look.request), problems)
            self._record(look, source, steps, asked)
        else:
            if not source.seen_gone:
                self.ledger.put_source(source.but(seen_gone=True), ())
            if not look.again:
                return IntakeResult()
        self._hand_on(source, after(steps, jobs), steps)
        return IntakeResult(refused=refusals(source, problems))

    def _wait(self, state: PhotoState) -> IntakeResult:
        """Record that the photo waits, and have it looked at when the time is over."""
        source, seen = state.source, state.seen
        since = source.waiting_since or self.clock.now()
        if source.waiting_since is None or source.photo != seen.photo:
            asked = {"photo": seen.photo, "asked_from": seen.asked_from}
            waits = source.but(**asked, waiting_since=since, put_at=self.clock.now(), begun_until=None)
            self.ledger.put_source(waits, ())
        delay = min(int(state.seconds_to_settle) + 1, LONGEST_DELAY_SECONDS)
        remind(self.intake, source, delay)
        return IntakeResult()

    # -- resolving -----------------------------------------------------------------------------------------

    def _resolve(self, state: PhotoState, owners: Mapping[str, Owner]) -> IntakeResult:
        """Resolve the instructions, and do what the second table says."""
        source, jobs, seen, request = state.source, state.jobs, state.seen, state.look.request
        places, broken = self.asking.places_of(source, seen, request)
        if broken:
            self.folders.report(source.bucket, broken, *self.asking.defaults.look(source.bucket, broken))
        found = self.asking.asked_for(source, jobs, seen, places, broken, self.onward.lanes.keys())
        found = replace(found, problems=tuple(self._with_near_miss(source, one) for one in found.problems))
        if request and not found.jobs:
            why = found.problems or held_by(broken, self.clock.now())
            found = Wanted(problems=refused(why, seen.photo_error))
        match AFTER_RESOLVING.decide(state.facts.adding(found_of(found))):
            case Resolution.APPLY:
                return self._apply(state, owners, found, places, broken)
            case Resolution.REFUSE_REQUEST:
                return self._refuse_request(state, found)
            case Resolution.SIDECAR_FIRST:
                first = self._handle_once(replace(state.look, request=None), owners)
                return IntakeResult(first.accepted, self._handle_once(state.look, owners).refused)
            case Resolution.REDELIVER:
                return self._hand_on(source, jobs)

    def _with_near_miss(self, source: Source, problem: Problem) -> Problem:
        """A photo without a word: perhaps its sidecar's name is not quite right."""
        if problem.code is not Code.NO_INSTRUCTIONS:
            return problem
        names = list(islice(self.asking.photos.keys(source.bucket, folder_of(source.key)), MOST_NAMES))
        found = near_miss(source.key, names)
        return problem.but(message=Sentence(f"{problem.message} But {found}.")) if found else problem

    def _refuse_request(self, state: PhotoState, found: Wanted) -> IntakeResult:
        """Report why the request is refused. What the photo wanted before, it still wants."""
        source, request = heard(state.source, state.look.request), state.look.request
        asked = noted(source, request, self.clock.now(), problems=found.problems)
        problems = (*found.problems, *still_wanted(source, found))
        self._record(state.look, source.but(problems=problems, reported=True), (), asked)
        self._hand_on(source, state.jobs)
        return IntakeResult(refused=refusals(source, found.problems))

    def _apply(
        self, state: PhotoState, owners: Mapping[str, Owner], found: Wanted, places: Sequence[Place], broken: str
    ) -> IntakeResult:
        """Make what was resolved the photo's new state."""
        jobs, seen, look, request, now = state.jobs, state.seen, state.look, state.look.request, self.clock.now()
        of_execution = bool(request and request.ends_with_its_execution)
        whose = {"for_executions": of_execution, "said_at": said_at(state.source, seen, places, look, now)}
        found = replace(found, jobs=tuple(job.but(**whose) for job in found.jobs))
        kept = self._kept_problems(state, found)
        # A request is not held by broken defaults: it is refused.
        source = heard(state.source, request).but(held_by="" if seen.photo_error or request else broken)
        asked = noted(source, request, now, jobs=found.jobs, problems=found.problems)
        for _ in range(TRIES):
            steps = steps_of(self.ledger, source, jobs, found.jobs, owners, self.clock.now())
            try:
                return self._write(state, source, found, steps, kept, asked)
            except OwnedError as error:
                owners = {**owners, error.owner.content_key: error.owner}
        raise StaleError

    def _kept_problems(self, state: PhotoState, found: Wanted) -> Sequence[Problem]:
        """What the report says in addition to what was found."""
        if state.look.request:
            return () if found.jobs else still_wanted(state.source, found)
        if state.look.rerun:
            return ()
        return still_refused(state.source, state.seen, found, was_decided=state.was_decided)

    # -- what becomes of its jobs --------------------------------------------------------------------------

    def _write(
        self,
        state: PhotoState,
        source: Source,
        found: Wanted,
        steps: Sequence[transitions.Step],
        kept: Sequence[Problem],
        asked: Asked | None,
    ) -> IntakeResult:
        resolved: dict[str, object] = {
            "photo": state.seen.photo,
            "asked_from": state.seen.asked_from,
            "sidecar_etag": state.seen.sidecar_etag,
            "jobs": {job.variant: job.job_id for job in found.jobs},
            "problems": (*(known_since(one, source.problems) for one in found.problems), *kept),
            "waiting_since": None,
            "reported": source.reported or bool(found.problems),
            "begun_until": None,
            "seen_gone": False,
            "crashes": source.crashes if any(one.code is Code.CRASHED for one in found.problems) else 0,
        }
        source = source.but(**resolved)
        self._record(state.look, source, steps, asked)
        self._hand_on(source, after(steps, state.jobs), steps)
        return IntakeResult(accepted(steps, state.jobs), refusals(source, found.problems))

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

    def _hand_on(self, source: Source, jobs: Sequence[Job], steps: Sequence[transitions.Step] = ()) -> IntakeResult:
        """Send the jobs on. Deliver learns of those that these steps end, and wakes the jobs that wait for them."""
        for step in steps:
            if step.job.ended:
                to_deliver(self.deliver, source, step.job.job_id)
        self.onward.dispatch(source, jobs)
        return IntakeResult()
