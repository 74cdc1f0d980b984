"""The input bucket as it will be after an upload: by it `drop` and the page foresee, and price, what they send."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from backdrop.intake.job_planner import Wanted
from backdrop.intake.photo_status import named
from backdrop.intake.preview import ahead
from backdrop.model.ids import source_id
from backdrop.model.job import Job, Source, Status
from backdrop.operate.rerun import Reruns
from backdrop.ports import Listed
from backdrop_cli.drop.overlay import Overlay
from backdrop_cli.drop.sidecars import BucketSidecars
from backdrop_cli.stack import Stack

TAKEN_AGAIN = frozenset({Status.REFUSED, Status.DEAD, Status.CANCELLED})


class BucketPreview:
    """What there is of some keys, and what intake will make of photos when files lie there in addition.

    Nothing is written. `there`: those of the keys that the bucket has now; `sidecars`: the instructions among them.
    """

    def __init__(self, stack: Stack, keys: set[str]) -> None:
        self._stack, self._keys = stack, keys
        self.there = _listing(stack, keys)
        self.sidecars = BucketSidecars(stack.photos, stack.input_bucket, self.there)

    def known(self, key: str) -> tuple[Source | None, Sequence[Job]]:
        """What the ledger says of a photo that is there, and the jobs that it had."""
        return self._stack.orders.ledger.photo(source_id(self._stack.input_bucket, key))

    def read_there(self, source: Source | None, key: str) -> str | None:
        """The SHA-256 of what is there, where intake read it: with some encryptions an ETag is no hash of it."""
        photo = source.photo if source else None
        return photo.sha256 if photo and photo.etag == self.there[key].etag else None

    def after(self, files: Mapping[str, Path | bytes]) -> Reruns:
        """What intake makes of photos when these files lie there in addition."""
        return self._stack.reruns_of(Overlay(self._stack.photos, files, self._keys - self.there.keys()))


def is_taken_again(source: Source | None, jobs: Sequence[Job]) -> bool:
    """Whether a photo that is there was refused, or one of its current jobs failed or was cancelled."""
    if source is None:
        return False
    refused = any(not problem.retryable for problem in source.problems)
    return refused or any(job.status in TAKEN_AGAIN for job in named(source, jobs))


def foresee_new(reruns: Reruns, key: str, *, opened: bool) -> tuple[Wanted, str] | None:
    """What becomes of a photo that the ledger does not know; `opened`: its content counts, too."""
    return ahead(reruns.asking, reruns.bucket, key, reruns.market, opened=opened)


def _listing(stack: Stack, keys: set[str]) -> dict[str, Listed]:
    """Which of these keys lie in the bucket."""
    tops: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        tops[key.partition("/")[0] if "/" in key else ""].append(key)
    return {
        one.key: one for group in tops.values() for one in _between(stack, min(group), max(group)) if one.key in keys
    }


def _between(stack: Stack, first: str, last: str) -> Iterator[Listed]:
    return takewhile(lambda one: one.key <= last, stack.photos.listed(stack.input_bucket, first[:-1]))
