"""The items of a campaign, one at a time: what its prefix or its manifest names, and what each would cost."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from backdrop.campaign_ports import Manifests
from backdrop.core.campaign import Campaign, instructions_of, refused
from backdrop.core.campaign_quote import Foreseen
from backdrop.core.choice import Market
from backdrop.core.layout import Kind, kind_of
from backdrop.core.manifest import BadRow, Row, rows_of
from backdrop.ports import InputBucket, Listed
from backdrop.steps.ahead import ahead
from backdrop.steps.asking import Asking
from backdrop.steps.messages import Request


@dataclass(frozen=True)
class Items:
    """Reads listings and manifests as streams, however long they are."""

    photos: InputBucket
    manifests: Manifests
    bucket: str

    def __call__(self, campaign: Campaign) -> Iterator[Row | BadRow]:
        """Every row, with all that is asked for it; RefusedError where there is no manifest, or it is none."""
        given = campaign.instructions
        if campaign.manifest is None:
            prefix = campaign.prefix or ""
            return (Row(0, one.key, given) for one in self._below(prefix))
        lines = self.manifests.lines(self.bucket, campaign.manifest)
        if lines is None:
            raise refused(f"the input bucket has no {campaign.manifest}")
        rows = rows_of(campaign.manifest, lines)
        return (row if isinstance(row, BadRow) else _asked(row, campaign) for row in rows)

    def _below(self, prefix: str) -> Iterator[Listed]:
        """All that lies under a prefix; an object that has the prefix's own name is the first of it."""
        yield from self._own(prefix)
        yield from takewhile(lambda one: one.key.startswith(prefix), self.photos.listed(self.bucket, prefix))

    def _own(self, key: str) -> Iterator[Listed]:
        found = self.photos.read(self.bucket, key, limit=0) if key else None
        if found:
            yield Listed(key, found.etag, found.modified)


def _asked(row: Row, campaign: Campaign) -> Row:
    return replace(row, instructions=instructions_of(campaign.instructions, row.instructions))


@dataclass(frozen=True)
class Prices:
    """What one item would cost; No photo is opened. What is paid already is not taken off."""

    asking: Asking
    market: Market
    bucket: str

    def __call__(self, row: Row) -> Foreseen:
        """The item as intake would see it now."""
        if kind_of(row.key) is not Kind.PHOTO:
            return Foreseen(row, is_photo=False)
        found = ahead(
            self.asking, self.bucket, row.key, self.market, opened=False, request=Request("", row.instructions)
        )
        if found is None:
            return Foreseen(row, missing=True)
        return Foreseen(row, jobs=found[0].jobs, problems=found[0].problems)
