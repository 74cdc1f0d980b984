"""The plan of a campaign: who is asked, written down one line each, after the whole was quoted where it is limited."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from backdrop.aws.campaign_files import CampaignFiles
from backdrop.campaigns.campaign import (
    ITEMS,
    MOST_ITEMS,
    NAME,
    PLAN,
    Campaign,
    at_once,
    capped,
    jobs_of,
    providers_of,
    read_campaign,
    refused,
    run_of,
    work_key,
)
from backdrop.campaigns.items import Items, Prices
from backdrop.campaigns.manifest import BadRow, Row
from backdrop.campaigns.quote import Foreseen, Quote
from backdrop.model.codes import Code
from backdrop.model.errors import RefusedError
from backdrop.model.ids import fairness_group
from backdrop.model.pricing import limit_text, micro_of, usd_of, usd_text
from backdrop.ports import AT_ONCE, Clock

BATCH = 256
# What goes after the last price: the list is written to its end, and the state machine answered.
TO_END = timedelta(seconds=30)


@dataclass(frozen=True)
class Planner:
    """`limits`: the calls that each provider that is on may have open."""

    items: Items
    prices: Prices
    files: CampaignFiles
    clock: Clock
    limits: Mapping[str, int]
    default_provider: str

    def plan(self, given: object, execution: str, deadline: datetime) -> dict[str, Any]:
        """Write the list of who is asked; what the state machine needs of it.

        Raises RefusedError where the campaign cannot be begun, or may cost more than it is allowed. Nothing is bought.
        """
        run = run_of(execution)
        if not NAME.fullmatch(run):
            raise refused("the execution's own name may have letters, digits, - and _ alone, at most 80")
        self.prices.forget()
        listing = _Listing(read_campaign(given), self.default_provider)
        with self.files.writing(work_key(run, ITEMS), "application/jsonl") as write:
            for row in self._foreseen(listing.campaign, deadline):
                listing.add(row, write)
            listing.check()
        self.files.put(work_key(run, PLAN), json.dumps(listing.document()).encode(), "application/json")
        return {
            "items": listing.quote.items,
            "bucket": self.files.bucket,
            "key": work_key(run, ITEMS),
            "group": fairness_group(f"{execution}/"),
            "at_once": at_once(self.limits, listing.providers, listing.most_jobs),
        }

    def _foreseen(self, campaign: Campaign, deadline: datetime) -> Iterator[Foreseen | BadRow]:
        """Every item, with its price where the sum is limited."""
        if campaign.max_total_usd is None:
            yield from (row if isinstance(row, BadRow) else Foreseen(row) for row in self.items.rows(campaign))
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for some in batched(self.items.rows(campaign), BATCH, strict=False):
                if self.clock.now() > deadline - TO_END:
                    words = "it has more photos than can be quoted in one go; divide it, or leave max_total_usd out"
                    raise refused(words)
                yield from pool.map(self._priced, some)

    def _priced(self, row: Row | BadRow) -> Foreseen | BadRow:
        return row if isinstance(row, BadRow) else self.prices.quote(row)


@dataclass
class _Listing:
    """The list as it grows."""

    campaign: Campaign
    default_provider: str
    quote: Quote = field(default_factory=Quote)
    providers: set[str] = field(default_factory=set[str])
    most_jobs: int = 1

    def add(self, found: Foreseen | BadRow, write: Callable[[bytes], None]) -> None:
        """One row; where the sum is limited, with a limit for each of its jobs, so that it buys what was quoted."""
        if isinstance(found, BadRow):
            self.quote.add_bad(found)
            return
        self.quote.add(found)
        if self.quote.items > MOST_ITEMS:
            raise refused(f"it has more than {MOST_ITEMS:,} items; divide it")
        asked = found.row.instructions
        self.providers |= providers_of(asked, self.default_provider)
        self.most_jobs = max(self.most_jobs, len(found.jobs) or jobs_of(asked))
        if self.campaign.max_total_usd is not None:
            asked = capped(asked, found.caps)
        write(json.dumps({"key": found.row.key, "instructions": asked}).encode() + b"\n")

    def check(self) -> None:
        """RefusedError where it may not begin."""
        quote, limit = self.quote, self.campaign.max_total_usd
        if quote.bad and not quote.items:
            first = quote.bad[0]
            raise refused(f"no row of {self.campaign.manifest} names a photo; row {first.number}: {first.why}")
        if limit is not None and quote.most > micro_of(limit):
            words = f"it may cost up to {usd_text(quote.most)}; max_total_usd allows {limit_text(float(limit))}"
            raise RefusedError(Code.MAX_TOTAL_EXCEEDED, words)

    def document(self) -> dict[str, Any]:
        """What the report tells of the list."""
        quoted = None if self.campaign.max_total_usd is None else usd_of(self.quote.most)
        return {"items": self.quote.items, "bad_rows": self.quote.bad_document(), "quoted_usd": quoted}
