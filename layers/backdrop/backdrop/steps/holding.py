"""How many photos wait for a folder's broken defaults: said in the one report that there is for all of them."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from backdrop.core.job import Problem, Source
from backdrop.core.layout import folder_of
from backdrop.core.places import Place
from backdrop.ports import Books, Clock, Queue
from backdrop.steps.messages import look_at_folder

MOST_COUNTED = 1000
COUNTED_AGAIN_AFTER = timedelta(seconds=60)
# A photo is counted once it is written down, and the index may lag.
SECOND_LOOK_SECONDS = 120


@dataclass(eq=False, repr=False)
class Holding:
    """The count is as old as the report's `last_seen`."""

    books: Books
    intake: Queue
    clock: Clock

    def problems(self, source: Source, place: Place | None, *, by_photo: bool) -> tuple[Problem, ...]:
        """What is wrong with the defaults at `source`, and who waits; the same again where that was counted just now.

        `by_photo`: a photo is about to be held, which the next look will count.
        """
        errors, now = place.errors if place else (), self.clock.now()
        known = {one.message: one for one in source.problems}
        fresh = all(error.message in known for error in errors) and len(known) == len(errors)
        if not errors or (fresh and all(now - one.last_seen < COUNTED_AGAIN_AFTER for one in known.values())):
            return source.problems if errors else ()
        if by_photo:
            look_at_folder(self.intake, source.bucket, source.key, delay_seconds=SECOND_LOOK_SECONDS)
        waiting = self._waiting(source)
        return tuple(
            Problem.of(error, now).but(hint=f"{error.hint}{waiting}").since(known.get(error.message))
            for error in errors
        )

    def _waiting(self, source: Source) -> str:
        found = sum(1 for _ in islice(self.books.wanting(source.bucket, folder_of(source.key)), MOST_COUNTED + 1))
        if not found:
            return ""
        many = f"More than {MOST_COUNTED:,} photos wait" if found > MOST_COUNTED else f"{found:,} photos wait"
        return f" {'1 photo waits' if found == 1 else many} here and below; mended, they go by themselves."
