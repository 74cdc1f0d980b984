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
    ITEMS_FILE,
    MAX_ITEMS,
    NAME_PATTERN,
    PLAN_FILE,
    Campaign,
    apply_cost_limits,
    campaign_refused,
    campaign_work_key,
    compute_item_concurrency,
    count_jobs,
    find_providers,
    parse_campaign,
    parse_execution_name,
)
from backdrop.campaigns.items import CampaignPricing, RowReader
from backdrop.campaigns.manifest import BadRow, ManifestRow
from backdrop.campaigns.quote import CampaignQuote, ItemQuote
from backdrop.model.codes import Code
from backdrop.model.errors import RefusedError
from backdrop.model.ids import derive_message_group
from backdrop.model.pricing import format_limit_usd, format_usd, to_micro_usd, to_usd
from backdrop.ports import CLIENT_CONCURRENCY, Clock

ITEMS_PER_BATCH = 256
# What goes after the last price: the list is written to its end, and the state machine answered.
FINISH_MARGIN = timedelta(seconds=30)


@dataclass(frozen=True)
class CampaignPlanner:
    """`max_in_flight_by_provider`: the calls that each provider that is on may have open."""

    row_reader: RowReader
    pricing: CampaignPricing
    files: CampaignFiles
    clock: Clock
    max_in_flight_by_provider: Mapping[str, int]
    default_provider: str

    def plan(self, payload: object, execution_arn: str, deadline: datetime) -> dict[str, Any]:
        """Write the list of who is asked; what the state machine needs of it.

        Raises RefusedError where the campaign cannot be begun, or may cost more than it is allowed. Nothing is bought.
        """
        execution_name = parse_execution_name(execution_arn)
        if not NAME_PATTERN.fullmatch(execution_name):
            raise campaign_refused("the execution's own name may have letters, digits, - and _ alone, at most 80")
        self.pricing.clear_caches()
        listing = _ItemList(parse_campaign(payload), self.default_provider)
        with self.files.open_writer(campaign_work_key(execution_name, ITEMS_FILE), "application/jsonl") as write:
            for row in self._quote_items(listing.campaign, deadline):
                listing.add(row, write)
            listing.check_limits()
        self.files.put(
            campaign_work_key(execution_name, PLAN_FILE),
            json.dumps(listing.build_document()).encode(),
            "application/json",
        )
        return {
            "items": listing.quote.items,
            "bucket": self.files.bucket,
            "key": campaign_work_key(execution_name, ITEMS_FILE),
            "group": derive_message_group(f"{execution_arn}/"),
            "at_once": compute_item_concurrency(
                self.max_in_flight_by_provider, listing.providers, listing.max_jobs_per_item
            ),
        }

    def _quote_items(self, campaign: Campaign, deadline: datetime) -> Iterator[ItemQuote | BadRow]:
        """Every item, with its price where the sum is limited."""
        if campaign.max_total_usd is None:
            yield from (
                row if isinstance(row, BadRow) else ItemQuote(row) for row in self.row_reader.read_rows(campaign)
            )
            return
        with ThreadPoolExecutor(CLIENT_CONCURRENCY) as pool:
            for rows in batched(self.row_reader.read_rows(campaign), ITEMS_PER_BATCH, strict=False):
                if self.clock.now() > deadline - FINISH_MARGIN:
                    reason = "it has more photos than can be quoted in one go; divide it, or leave max_total_usd out"
                    raise campaign_refused(reason)
                yield from pool.map(self._quote_row, rows)

    def _quote_row(self, row: ManifestRow | BadRow) -> ItemQuote | BadRow:
        return row if isinstance(row, BadRow) else self.pricing.quote_row(row)


@dataclass
class _ItemList:
    """The list as it grows."""

    campaign: Campaign
    default_provider: str
    quote: CampaignQuote = field(default_factory=CampaignQuote)
    providers: set[str] = field(default_factory=set[str])
    max_jobs_per_item: int = 1

    def add(self, item: ItemQuote | BadRow, write: Callable[[bytes], None]) -> None:
        """One row; where the sum is limited, with a limit for each of its jobs, so that it buys what was quoted."""
        if isinstance(item, BadRow):
            self.quote.add_bad_row(item)
            return
        self.quote.add(item)
        if self.quote.items > MAX_ITEMS:
            raise campaign_refused(f"it has more than {MAX_ITEMS:,} items; divide it")
        instructions = item.row.instructions
        self.providers |= find_providers(instructions, self.default_provider)
        self.max_jobs_per_item = max(self.max_jobs_per_item, len(item.jobs) or count_jobs(instructions))
        if self.campaign.max_total_usd is not None:
            instructions = apply_cost_limits(instructions, item.max_cost_by_variant)
        write(json.dumps({"key": item.row.key, "instructions": instructions}).encode() + b"\n")

    def check_limits(self) -> None:
        """RefusedError where it may not begin."""
        quote, limit = self.quote, self.campaign.max_total_usd
        if quote.first_bad_rows and not quote.items:
            first = quote.first_bad_rows[0]
            raise campaign_refused(
                f"no row of {self.campaign.manifest} names a photo; row {first.number}: {first.reason}"
            )
        if limit is not None and quote.max_cost > to_micro_usd(limit):
            reason = (
                f"it may cost up to {format_usd(quote.max_cost)}; max_total_usd allows {format_limit_usd(float(limit))}"
            )
            raise RefusedError(Code.MAX_TOTAL_EXCEEDED, reason)

    def build_document(self) -> dict[str, Any]:
        """What the report tells of the list."""
        quoted = None if self.campaign.max_total_usd is None else to_usd(self.quote.max_cost)
        return {"items": self.quote.items, "bad_rows": self.quote.build_bad_rows_document(), "quoted_usd": quoted}
