"""A folder's defaults were put, mended or taken away: report what is wrong with them, wake the photos that wait."""

from dataclasses import dataclass
from itertools import islice

from backdrop.core.codes import Code
from backdrop.core.identity import source_id
from backdrop.core.intake_event import Look
from backdrop.core.job import Problem, Source
from backdrop.core.layout import folder_of
from backdrop.core.places import Place
from backdrop.ports import Books, Clock, Ledger, Queue, Stored
from backdrop.steps.defaults import FolderDefaults
from backdrop.steps.holding import SECOND_LOOK_SECONDS, Holding
from backdrop.steps.messages import look_at, look_at_folder, to_deliver
from backdrop.steps.seen import facts_of

MOST_WOKEN = 500


@dataclass(eq=False, repr=False)
class Folders:
    """The step for `_backdrop.json`."""

    ledger: Ledger
    books: Books
    defaults: FolderDefaults
    intake: Queue
    deliver: Queue
    clock: Clock

    def __call__(self, look: Look) -> tuple[Code, ...]:
        """The codes of what is wrong with the defaults; where nothing is, all that waited below is looked at anew."""
        stored, place = self.defaults.look(look.bucket, look.key)
        problems = self.report(look.bucket, look.key, stored, place, by_photo=False)
        # The index may lag by a moment, and a look may be under way that read the defaults before they were mended.
        if not look.again:
            look_at_folder(self.intake, look.bucket, look.key, delay_seconds=SECOND_LOOK_SECONDS)
        if not problems:
            self._wake(look)
        return tuple(problem.code for problem in problems)

    def report(
        self, bucket: str, key: str, stored: Stored | None, place: Place | None, *, by_photo: bool = True
    ) -> tuple[Problem, ...]:
        """Write down what is wrong with a folder's defaults and who waits, for the one report; its photos have none."""
        source = self.ledger.photo(source_id(bucket, key))[0] or Source.at(bucket, key)
        facts = facts_of(stored) if stored else None
        holding = Holding(self.books, self.intake, self.clock)
        problems = holding.problems(source, place, by_photo=by_photo)
        if source.photo != facts or source.problems != problems:
            reported = source.reported or bool(problems)
            self.ledger.put_source(source.but(photo=facts, problems=problems, reported=reported), ())
        if problems or source.reported:
            to_deliver(self.deliver, source)
        return problems

    def _wake(self, look: Look) -> None:
        """Some of the photos at a time; a message goes on with the others."""
        waiting = self.books.wanting(look.bucket, folder_of(look.key), look.after)
        woken = list(islice(waiting, MOST_WOKEN))
        for key in woken:
            look_at(self.intake, look.bucket, key)
        if len(woken) == MOST_WOKEN:
            look_at_folder(self.intake, look.bucket, look.key, after=woken[-1])
