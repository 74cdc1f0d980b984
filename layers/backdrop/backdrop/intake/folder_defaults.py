"""Folder defaults: what `_backdrop.json` gives the photos in its folder and below, and what follows when it changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import Books
from backdrop.aws.sqs import Queue
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import Place
from backdrop.intake.photo_reader import facts_of, read_stored
from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.errors import InstructionError
from backdrop.model.ids import source_id
from backdrop.model.intake_event import Look
from backdrop.model.job import Problem, Source
from backdrop.model.object_keys import defaults_of, folder_of
from backdrop.pipeline.enqueue import look_at, look_at_folder, to_deliver
from backdrop.ports import Clock, InputBucket, Stored

MOST_WOKEN = 500
MOST_COUNTED = 1000
COUNTED_AGAIN_AFTER = timedelta(seconds=60)
# A photo is counted once it is written down, and the index may lag.
SECOND_LOOK_SECONDS = 120


class FolderDefaults:
    """The defaults of all folders, as they were when this batch first asked for each."""

    def __init__(self, photos: InputBucket) -> None:
        self._photos = photos
        self._read: dict[tuple[str, str], Place | None] = {}

    def forget(self) -> None:
        """A new batch: what was read may have changed."""
        self._read.clear()

    def above(self, bucket: str, key: str) -> list[Place]:
        """What a photo inherits, its own folder's first."""
        found = (self._one(bucket, name) for name in defaults_of(key))
        return [place for place in found if place]

    def look(self, bucket: str, key: str) -> tuple[Stored | None, Place | None]:
        """One folder's defaults as they are now."""
        stored = self._photos.read(bucket, key, limit=MAX_SIDECAR_BYTES)
        self._read[bucket, key] = read_stored(key, stored) if stored else None
        return stored, self._read[bucket, key]

    def _one(self, bucket: str, key: str) -> Place | None:
        if (bucket, key) not in self._read:
            self.look(bucket, key)
        return self._read[bucket, key]


@dataclass(eq=False, repr=False)
class Folders:
    """The step for `_backdrop.json`: report what is wrong with it, wake the photos that wait for it."""

    ledger: Ledger
    books: Books
    defaults: FolderDefaults
    intake: Queue
    deliver: Queue
    clock: Clock

    def handle(self, look: Look) -> tuple[Code, ...]:
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
        """Write down what is wrong with a folder's defaults and how many photos wait for it: one report for all.

        `by_photo`: a photo is about to be held, which the next look will count.
        """
        source = self.ledger.photo(source_id(bucket, key))[0] or Source.at(bucket, key)
        facts, errors = facts_of(stored) if stored else None, place.errors if place else ()
        if errors and source.photo == facts and self._is_counted(source):
            problems = source.problems
        else:
            problems = self._problems(source, errors)
            if errors and by_photo:
                look_at_folder(self.intake, bucket, key, delay_seconds=SECOND_LOOK_SECONDS)
        if source.photo != facts or source.problems != problems:
            reported = source.reported or bool(problems)
            self.ledger.put_source(source.but(photo=facts, problems=problems, reported=reported), ())
        if problems or source.reported:
            to_deliver(self.deliver, source)
        return problems

    def _is_counted(self, source: Source) -> bool:
        """Whether the problems of this very file are known, and those who wait for it were counted just now."""
        now = self.clock.now()
        return bool(source.problems) and all(now - one.last_seen < COUNTED_AGAIN_AFTER for one in source.problems)

    def _problems(self, source: Source, errors: Sequence[InstructionError]) -> tuple[Problem, ...]:
        """The mistakes, each with how many photos wait; one that was there before began then."""
        if not errors:
            return ()
        now, waiting = self.clock.now(), self._waiting(source)
        known = {(one.code, one.path): one for one in source.problems}
        problems: list[Problem] = []
        for error in errors:
            problem = Problem.of(error, now).since(known.get((error.code, error.path)))
            advice = problem.advice or CODES[error.code].advice
            problems.append(problem.but(advice=advice.adding(waiting)) if waiting else problem)
        return tuple(problems)

    def _waiting(self, source: Source) -> str:
        """How many photos wait for the file to be fixed."""
        found = sum(1 for _ in islice(self.books.wanting(source.bucket, folder_of(source.key)), MOST_COUNTED + 1))
        if not found:
            return ""
        many = f"More than {MOST_COUNTED:,} photos wait" if found > MOST_COUNTED else f"{found:,} photos wait"
        return f"{'1 photo waits' if found == 1 else many} here and below; mended, they go by themselves."

    def _wake(self, look: Look) -> None:
        """Some of the photos at a time; a message goes on with the others."""
        waiting = self.books.wanting(look.bucket, folder_of(look.key), look.after)
        woken = list(islice(waiting, MOST_WOKEN))
        for key in woken:
            look_at(self.intake, look.bucket, key)
        if len(woken) == MOST_WOKEN:
            look_at_folder(self.intake, look.bucket, look.key, after=woken[-1])
