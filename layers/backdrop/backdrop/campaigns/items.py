"""The items of a campaign, one at a time: what its prefix or its manifest names, and what each would cost."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import takewhile

from backdrop.aws.ledger import Ledger
from backdrop.campaigns.campaign import Campaign, instructions_of, refused
from backdrop.campaigns.manifest import BadRow, Row, rows_of
from backdrop.campaigns.quote import Foreseen
from backdrop.intake.instruction_resolver import Asking
from backdrop.intake.preview import ahead
from backdrop.model.errors import UnreadableError
from backdrop.model.ids import source_id
from backdrop.model.intake_event import Request
from backdrop.model.job import Problem
from backdrop.model.object_keys import Kind, kind_of
from backdrop.model.routing import Market
from backdrop.ports import InputBucket, Listed, Manifests


@dataclass(frozen=True)
class Items:
    """Reads listings and manifests as streams, however long they are."""

    photos: InputBucket
    manifests: Manifests
    bucket: str

    def rows(self, campaign: Campaign) -> Iterator[Row | BadRow]:
        """Every row, with all that is asked for it; RefusedError where there is no manifest, or it is none."""
        given = campaign.instructions
        if campaign.manifest is None:
            prefix = campaign.prefix or ""
            return (Row(0, one.key, given) for one in self._below(prefix))
        chunks = self.manifests.chunks(self.bucket, campaign.manifest)
        if chunks is None:
            raise refused(f"the input bucket has no {campaign.manifest}")
        return _once(_asked(row, campaign) for row in rows_of(campaign.manifest, chunks))

    def _below(self, prefix: str) -> Iterator[Listed]:
        """All that lies under a prefix; an object that has the prefix's own name is the first of it."""
        yield from self._own(prefix)
        yield from takewhile(lambda one: one.key.startswith(prefix), self.photos.listed(self.bucket, prefix))

    def _own(self, key: str) -> Iterator[Listed]:
        found = self.photos.read(self.bucket, key, limit=0) if key else None
        if found:
            yield Listed(key, found.etag, found.modified)


def _asked(row: Row | BadRow, campaign: Campaign) -> Row | BadRow:
    if isinstance(row, BadRow):
        return row
    return replace(row, instructions=instructions_of(campaign.instructions, row.instructions))


def _once(rows: Iterator[Row | BadRow]) -> Iterator[Row | BadRow]:
    """A photo that is asked for twice, in other words: the second would take back what the first one asked.

    Marks of what was asked stay in memory, some 200 MB for a million rows.
    """
    asked: dict[bytes, bytes] = {}
    for row in rows:
        if isinstance(row, Row):
            key, words = _mark(row.key), _mark(json.dumps(row.instructions, sort_keys=True))
            if asked.get(key, words) != words:
                why = f"a row before it asks something else of {row.key}; for several pictures of it say `variants`"
                yield BadRow(row.number, why)
                continue
            row = replace(row, again=key in asked)
            asked[key] = words
        yield row


def _mark(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True)
class Prices:
    """What one item would cost. No photo is opened; what the ledger knows to be bought costs nothing."""

    asking: Asking
    ledger: Ledger
    market: Market
    bucket: str

    def forget(self) -> None:
        """What was read of folder defaults and references may have changed since."""
        self.asking.forget()

    def quote(self, row: Row) -> Foreseen:
        """The item as intake would see it now."""
        if kind_of(row.key) is not Kind.PHOTO:
            return Foreseen(row, is_photo=False)
        before = self.ledger.photo(source_id(self.bucket, row.key))
        request = Request("", row.instructions)
        try:
            found = ahead(self.asking, self.bucket, row.key, self.market, opened=False, request=request, before=before)
        except UnreadableError as error:
            return Foreseen(row, problems=(Problem.of(error, self.asking.clock.now()),))
        if found is None:
            return Foreseen(row, missing=True)
        bought = {job.job_id for job in before[1] if job.costs_nothing_more}
        jobs = tuple(job.but(quoted=0) if job.job_id in bought else job for job in found[0].jobs)
        return Foreseen(row, jobs=jobs, problems=found[0].problems)
