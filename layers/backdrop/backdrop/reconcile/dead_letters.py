"""Dead letters: what only the redrive policy caught is given its reason, and its photo an error report."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Letter, Letters, Queue
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, DamagedMessageError
from backdrop.model.ids import fairness_group, source_id
from backdrop.model.intake_event import Look, Request
from backdrop.model.job import Money, Problem, Source, Status
from backdrop.model.queue_messages import DeliverMessage, JobMessage, LaneMessage, parse
from backdrop.model.schedule import MESSAGE_LIFE
from backdrop.pipeline.enqueue import tell_of_lane, to_deliver
from backdrop.pipeline.image_requests import Hearing
from backdrop.ports import Clock

MOST_BATCHES = 20
WORDS = "A thousand deliveries of its message came to nothing."
# What EventBridge says of an event that it could not put into a queue or give to a function.
TARGET, WHY = "TARGET_ARN", "ERROR_MESSAGE"


@dataclass(eq=False, repr=False)
class DeadLetters:
    """`looks` reads what stands in an intake message."""

    ledger: Ledger
    letters: Letters
    dead_letters: Queue
    deliver: Queue
    intake: Queue
    clock: Clock
    looks: Callable[[str], list[Look]]

    def explain(self) -> int:
        """Give each letter that says nothing its reason; how many there were."""
        return len(self._sort(self._explain)[0])

    def forget(self, gone_on: Mapping[str, int]) -> list[str]:
        """Take away the letters of jobs that went on, each from this revision; the job's id for every letter.

        One that died again since has sent a letter of a later revision, which stays.
        """

        def is_old(letter: Letter) -> bool:
            job_id = letter.attributes.get("job_id", "")
            return _rev(letter) <= gone_on.get(job_id, -1)

        return [letter.attributes.get("job_id", "") for letter in self._sort(is_old)[0]]

    def of_no_job(self) -> Counter[str]:
        """By code, how many letters are no job's, as far as one look goes."""
        _, letters = self._sort(lambda _: False)
        known = (letter.attributes for letter in letters if not letter.attributes.get("job_id"))
        return Counter(code for attributes in known if (code := attributes.get("code")))

    def _sort(self, is_done: Callable[[Letter], bool]) -> tuple[list[Letter], list[Letter]]:
        """The letters that are dealt with, which are taken away, and those that stay, in everybody's sight at once."""
        done: list[Letter] = []
        stay: list[Letter] = []
        for _ in range(MOST_BATCHES):
            batch = self.letters.receive()
            for letter in batch:
                if is_done(letter):
                    self.letters.delete(letter)
                    done.append(letter)
                else:
                    stay.append(letter)
            if not batch:
                break
        for letter in stay:
            self.letters.give_back(letter)
        return done, stay

    def _explain(self, letter: Letter) -> bool:
        """Whether it said nothing; then all that it stands for was done, or a new letter says why it came."""
        if letter.attributes.get("code"):
            return False
        if not self._is_passed_on(letter) and not self._is_dealt_with(letter.body):
            self._send_on(letter)
        return True

    def _is_passed_on(self, letter: Letter) -> bool:
        """An event for which EventBridge did not reach its queue, which is intake's, is put there now."""
        event = _event(letter.body)
        if not event or ":sqs:" not in letter.attributes.get(TARGET, ""):
            return False
        self.intake.send(event, group=fairness_group(letter.queue))
        return True

    def _is_dealt_with(self, body: str) -> bool:
        """A job's message: the job ends here, and deliver tells of it as of every end. Others are no job's."""
        try:
            message = parse(body, JobMessage, DeliverMessage, LaneMessage)
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
        attributes |= _of_campaign(letter) or self._photos(letter)
        body: dict[str, Any] = {"queue": letter.queue, "body": letter.body}
        self.dead_letters.send(body, group=fairness_group(letter.queue), attributes=attributes)

    def _photos(self, letter: Letter) -> dict[str, str]:
        """An event of which nothing came: each photo that it names is reported, and who waits to hear is answered."""
        try:
            looks = self.looks(letter.body)
        except DamagedMessageError as error:
            return {"code": error.code.value, "reason": str(error.message.cut(1000))}
        for look in looks:
            source = self.ledger.photo(source_id(look.bucket, look.key))[0] or Source.at(look.bucket, look.key)
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


def _of_campaign(letter: Letter) -> dict[str, str]:
    """What is to be done where the end of a campaign did not reach its function; nothing for other letters."""
    match _event(letter.body):
        case {"source": "aws.states", "detail": {"executionArn": str(execution)}}:
            why = letter.attributes.get(WHY) or letter.attributes.get("ErrorMessage", "")
            words = f"{execution} ended without a report: {why[:500]}. Invoke the campaign function with the body."
            return {"reason": words}
        case _:
            return {}


def _event(body: str) -> dict[str, Any]:
    """A letter's body, where it is an object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _rev(letter: Letter) -> int:
    """How the job stood that the letter tells of; the beginning where the letter does not say."""
    rev = letter.attributes.get("rev", "")
    return int(rev) if rev.isdecimal() else 0
