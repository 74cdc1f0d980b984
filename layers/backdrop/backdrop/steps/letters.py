"""Dead letters: what only the redrive policy caught is given its reason, and its photo an error report."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backdrop.core import transitions
from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError, DamagedMessageError
from backdrop.core.identity import fairness_group, source_id
from backdrop.core.job import Money, Problem, Source, Status
from backdrop.core.watch import MESSAGE_LIFE
from backdrop.ports import Clock, Ledger, Letter, Letters, Queue
from backdrop.steps.hearing import Hearing
from backdrop.steps.messages import (
    JobMessage,
    LaneMessage,
    Look,
    Request,
    parse,
    parse_delivery,
    tell_of_lane,
    to_deliver,
)

MOST_BATCHES = 20
LOOK_SECONDS = 10
WORDS = "A thousand deliveries of its message came to nothing."


@dataclass(eq=False, repr=False)
class DeadLetters:
    """`looks` reads what stands in an intake message."""

    ledger: Ledger
    letters: Letters
    dead_letters: Queue
    deliver: Queue
    clock: Clock
    looks: Callable[[str], list[Look]]

    def explain(self) -> int:
        """Give each letter that says nothing its reason; how many there were."""
        explained = 0
        for _ in range(MOST_BATCHES):
            batch = self.letters.receive()
            for letter in batch:
                explained += self._explain(letter)
            if not batch:
                break
        return explained

    def forget(self, gone_on: Mapping[str, int]) -> list[str]:
        """Take away the letters of jobs that went on, each from this revision; the job's id for every letter.

        One that died again since has sent a letter of a later revision, which stays.
        """
        taken: list[str] = []
        for _ in range(MOST_BATCHES):
            batch = self.letters.receive()
            for letter in batch:
                job_id = letter.attributes.get("job_id", "")
                if _rev(letter) <= gone_on.get(job_id, -1):
                    self.letters.delete(letter)
                    taken.append(job_id)
            if not batch:
                break
        return taken

    def of_no_job(self) -> Counter[str]:
        """By code, how many letters are no job's, as far as one look goes."""
        found = Counter[str]()
        for _ in range(MOST_BATCHES):
            batch = self.letters.receive(LOOK_SECONDS)
            known = (letter.attributes for letter in batch if not letter.attributes.get("job_id"))
            found.update(code for attributes in known if (code := attributes.get("code")))
            if not batch:
                break
        return found

    def _explain(self, letter: Letter) -> bool:
        if letter.attributes.get("code"):
            return False
        if not self._is_dealt_with(letter.body):
            self._send_on(letter)
        self.letters.delete(letter)
        return True

    def _is_dealt_with(self, body: str) -> bool:
        """A job's message: the job ends here, and deliver tells of it as of every end. Others are no job's."""
        try:
            message = parse(JobMessage, body)
        except DamagedMessageError:
            try:
                message = parse_delivery(body)
            except DamagedMessageError:
                return False
        if isinstance(message, LaneMessage):
            tell_of_lane(self.deliver, message.provider)
        elif message.job_id:
            self._give_up(message.source_id, message.job_id)
        elif source := self.ledger.photo(message.source_id)[0]:
            to_deliver(self.deliver, source)
        return True

    def _give_up(self, source: str, ident: str) -> None:
        """What is paid and was never delivered ends, and is told. All else reconcile brings on its way again:

        a message wears out in a lane that is shut for days, and a job that kills its workers is noticed by its marks.
        """
        job = self.ledger.job(source, ident)
        if job is None or job.status in (Status.SUBMITTING, Status.UNKNOWN):
            return
        now = self.clock.now()
        if job.status is Status.ACCEPTED:
            self.ledger.advance(transitions.put_back(job, now - MESSAGE_LIFE))
            return
        if not job.ended:
            job = self.ledger.advance(transitions.fail(job, BackdropError(Code.MESSAGE_GIVEN_UP, WORDS), now))
        to_deliver(self.deliver, job, job.job_id)

    def _send_on(self, letter: Letter) -> None:
        """The letter with its reason."""
        attributes = {"code": Code.MESSAGE_GIVEN_UP.value, "reason": WORDS, "money": Money.NOT_SPENT.value}
        attributes |= self._photos(letter)
        body: dict[str, Any] = {"queue": letter.queue, "body": letter.body}
        self.dead_letters.send(body, group=fairness_group(letter.queue), attributes=attributes)

    def _photos(self, letter: Letter) -> dict[str, str]:
        """An event of which nothing came: each photo that it names is reported, and who waits to hear is answered."""
        try:
            looks = self.looks(letter.body)
        except DamagedMessageError as error:
            return {"code": error.code.value, "reason": error.message[:1000]}
        for look in looks:
            ident = source_id(look.bucket, look.key)
            known, _ = self.ledger.photo(ident)
            source = known or Source(source_id=ident, bucket=look.bucket, key=look.key)
            if not source.jobs:
                self._report(source)
            if look.request and look.request.awaited:
                request = replace(look.request, ident=look.request.ident or letter.ident)
                self._answer(source, look, request)
        return {}

    def _answer(self, source: Source, look: Look, request: Request) -> None:
        """One that was heard is answered with what its jobs come to."""
        hearing = Hearing(self.ledger, self.deliver, self.clock)
        if not hearing.is_known(source, request):
            hearing.refuse(look, request, Code.MESSAGE_GIVEN_UP, WORDS)

    def _report(self, source: Source) -> None:
        problem = Problem.of(BackdropError(Code.MESSAGE_GIVEN_UP, WORDS), self.clock.now())
        self.ledger.put_source(source.but(problems=(problem,), reported=True, waiting_since=None), ())
        to_deliver(self.deliver, source)


def _rev(letter: Letter) -> int:
    """How the job stood that the letter tells of; the beginning where the letter does not say."""
    rev = letter.attributes.get("rev", "")
    return int(rev) if rev.isdecimal() else 0
