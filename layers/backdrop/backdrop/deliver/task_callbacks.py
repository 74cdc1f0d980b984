"""Whoever waits to hear of a request is answered, once, when all its jobs have ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.step_functions import TaskTokens
from backdrop.model.errors import DamagedMessageError, StaleError, WaitError
from backdrop.model.image_request import Answered, Asked
from backdrop.model.job import Job, Source
from backdrop.model.task_result import Reply, reply
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class Answering:
    """What deliver does when a photo's views are written."""

    ledger: Ledger
    tokens: TaskTokens
    clock: Clock

    def answer(self, source: Source) -> None:
        """Answer all who wait for jobs of this photo that have ended; WaitError where one could not be reached."""
        waiting = self.ledger.waiting(source.source_id) if source.awaited else ()
        if not waiting:
            return
        # Read behind the requests, so that each job which they name is among them, as it stands since they were heard.
        fresh, jobs = self.ledger.photo(source.source_id)
        self._answer_all(fresh or source, waiting, jobs)

    def alone(self, source_id: str) -> None:
        """The same for a request of which no photo knows."""
        known = self.ledger.asked(source_id)
        if not known:
            raise DamagedMessageError("the ledger knows no such photo")
        for asked in (one for one in known if one.answered_at is None):
            self._answer(Source(source_id=source_id, bucket=asked.bucket, key=asked.key), asked, ())

    def _answer_all(self, source: Source, waiting: Sequence[Asked], jobs: Sequence[Job]) -> None:
        """One who cannot be reached just now keeps nobody else waiting."""
        unreached: WaitError | None = None
        for one in waiting:
            try:
                self._answer(source, one, jobs)
            except WaitError as error:
                unreached = error
        if unreached:
            raise unreached

    def _answer(self, source: Source, asked: Asked, jobs: Sequence[Job]) -> None:
        found = reply(source, asked, jobs)
        if found is None:
            return
        taken = not asked.token or self._tell(asked.token, found)
        self._note(asked, found.kind if taken else Answered.FOREIGN)

    def _note(self, asked: Asked, answer: Answered) -> None:
        """Another delivery may have answered meanwhile: Step Functions took one of the two, whose word stands."""
        try:
            self.ledger.put_asked(asked.but(answered_at=self.clock.now(), answer=answer))
        except StaleError:
            noted = self.ledger.request(asked.source_id, asked.ident)
            if noted and noted.answer is Answered.FOREIGN and answer is not Answered.FOREIGN:
                self._note(noted, answer)

    def _tell(self, token: str, found: Reply) -> bool:
        if found.kind is Answered.SUCCESS:
            return self.tokens.succeed(token, found.output)
        return self.tokens.fail(token, found.error, found.cause)
