"""Requests as intake hears them: each once, and each with whoever waits to hear what becomes of it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, InstructionError, PhotoError, StaleError
from backdrop.model.ids import source_id
from backdrop.model.image_request import Asked
from backdrop.model.intake_event import Look, Request
from backdrop.model.job import Job, Origin, Problem, Source
from backdrop.model.object_keys import kind_of
from backdrop.model.sentence import Sentence
from backdrop.pipeline.enqueue import to_deliver
from backdrop.ports import Clock

MOST_REQUESTS = 20
SEND_IT_RIGHT = "Mend what sends such requests, and send it again."


@dataclass(eq=False, repr=False)
class Hearing:
    """What intake does with requests besides looking at their photos."""

    ledger: Ledger
    deliver: Queue
    clock: Clock

    def is_known(self, source: Source, request: Request) -> bool:
        """Whether it was heard before, so that its message comes again; who waits to hear of it is told anew."""
        found = request.awaited and self.ledger.request(source.source_id, request.ident)
        if found:
            to_deliver(self.deliver, source)
        return bool(found) or request.ident in source.requests

    def skip(self, look: Look, request: Request) -> None:
        """Its key is no image: that is the answer."""
        self._answer(_alone(look, request, self.clock.now()).but(skipped=kind_of(look.key)))

    def refuse(self, look: Look, request: Request, code: Code, words: str | Sentence) -> None:
        """Nothing can come of it: the failure is the answer."""
        now = self.clock.now()
        problem = Problem.of(BackdropError(code, words, SEND_IT_RIGHT), now)
        self._answer(_alone(look, request, now).but(problems=(problem,)))

    def _answer(self, asked: Asked) -> None:
        """Written once, however often its message comes; and told each time."""
        # Refused where it was written before, and only there.
        with suppress(StaleError):
            self.ledger.put_asked(asked)
        to_deliver(self.deliver, asked)


def _alone(look: Look, request: Request, now: datetime) -> Asked:
    """A request of which no photo knows lies by itself."""
    place = Source(source_id=source_id("", request.ident), bucket=look.bucket, key=look.key)
    return _asked(place, request, now)


def _asked(source: Source, request: Request, now: datetime) -> Asked:
    return Asked(
        source_id=source.source_id,
        ident=request.ident,
        bucket=source.bucket,
        key=source.key,
        token=request.token,
        execution=request.execution,
        campaign=request.campaign,
        asked_at=now,
    )


def heard(source: Source, request: Request | None) -> Source:
    """The photo's place, which knows the last requests, so that one that comes twice is heard once."""
    if request is None:
        return source
    requests = (*source.requests, request.ident)[-MOST_REQUESTS:]
    return source.but(requests=requests, awaited=source.awaited or request.awaited)


def noted(
    source: Source,
    request: Request | None,
    now: datetime,
    *,
    jobs: Sequence[Job] = (),
    problems: Sequence[Problem] = (),
) -> Asked | None:
    """Who waits to hear of a request: what its jobs come to, and what was refused; None where nobody waits."""
    if request is None or not request.awaited:
        return None
    named = {job.variant: job.job_id for job in jobs}
    return _asked(source, request, now).but(jobs=named, problems=tuple(problems))


def refused(problems: Sequence[Problem], photo_error: PhotoError | None) -> tuple[Problem, ...]:
    """What stands in a request's way, with what its sender can do. A bad file stands in the way of any request."""
    of_photo = photo_error.code if photo_error else None
    return tuple(one.but(origin=Origin.PHOTO if one.code is of_photo else Origin.REQUEST) for one in problems)


def held_by(broken: str, now: datetime) -> tuple[Problem, ...]:
    """A request for a photo that inherits from broken defaults."""
    words = f"The photo inherits from {broken}, which is broken."
    return (Problem.of(InstructionError(Code.FOLDER_DEFAULTS_BROKEN, words), now),)
