"""A campaign's plan: quotes all items if the total is limited, and writes the list of requests, one line each."""

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
# Time to complete the list and to answer the state machine after the last quote.
FINISH_MARGIN = timedelta(seconds=30)


@dataclass(frozen=True)
class CampaignPlanner:
    """`max_in_flight_by_provider`: how many calls each enabled provider may have in flight."""

    row_reader: RowReader
    pricing: CampaignPricing
    files: CampaignFiles
    clock: Clock
    max_in_flight_by_provider: Mapping[str, int]
    default_provider: str

    def plan(self, payload: object, execution_arn: str, deadline: datetime) -> dict[str, Any]:
        """Writes the list of items, and returns the next input of the state machine. Buys nothing.

        Raises RefusedError if the campaign cannot start, or may cost more than its limit.
        """
        execution_name = parse_execution_name(execution_arn)
        if not NAME_PATTERN.fullmatch(execution_name):
            raise campaign_refused("The name of the execution may contain only letters, digits, - and _, at most 80.")
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
            "named_by": listing.campaign.named_by,
            "group": derive_message_group(f"{execution_arn}/"),
            "at_once": compute_item_concurrency(
                self.max_in_flight_by_provider, listing.providers, listing.max_jobs_per_item
            ),
        }

    def _quote_items(self, campaign: Campaign, deadline: datetime) -> Iterator[ItemQuote | BadRow]:
        """Yields every item, with its jobs and prices if the campaign's total is limited."""
        if campaign.max_total_usd is None:
            yield from (
                row if isinstance(row, BadRow) else ItemQuote(row) for row in self.row_reader.read_rows(campaign)
            )
            return
        with ThreadPoolExecutor(CLIENT_CONCURRENCY) as pool:
            for rows in batched(self.row_reader.read_rows(campaign), ITEMS_PER_BATCH, strict=False):
                if self.clock.now() > deadline - FINISH_MARGIN:
                    reason = "The campaign has more photos than can be quoted at once. Split it, or omit max_total_usd."
                    raise campaign_refused(reason)
                yield from pool.map(self._quote_row, rows)

    def _quote_row(self, row: ManifestRow | BadRow) -> ItemQuote | BadRow:
        return row if isinstance(row, BadRow) else self.pricing.quote_row(row)


@dataclass
class _ItemList:
    """Writes the list of items, and adds up its quote."""

    campaign: Campaign
    default_provider: str
    quote: CampaignQuote = field(default_factory=CampaignQuote)
    providers: set[str] = field(default_factory=set[str])
    max_jobs_per_item: int = 1

    def add(self, item: ItemQuote | BadRow, write: Callable[[bytes], None]) -> None:
        """Writes one row. If the total is limited, the quote of each job becomes its price limit."""
        if isinstance(item, BadRow):
            self.quote.add_bad_row(item)
            return
        self.quote.add(item)
        if self.quote.items > MAX_ITEMS:
            raise campaign_refused(f"The campaign has more than {MAX_ITEMS:,} items. Split it into smaller campaigns.")
        instructions = item.row.instructions
        self.providers |= find_providers(instructions, self.default_provider)
        self.max_jobs_per_item = max(self.max_jobs_per_item, len(item.jobs) or count_jobs(instructions))
        if self.campaign.max_total_usd is not None:
            instructions = apply_cost_limits(instructions, item.max_cost_by_variant)
        write(json.dumps({"key": item.row.key, "instructions": instructions}).encode() + b"\n")

    def check_limits(self) -> None:
        """Raises RefusedError if the campaign must not start."""
        quote, limit = self.quote, self.campaign.max_total_usd
        if quote.first_bad_rows and not quote.items:
            first = quote.first_bad_rows[0]
            raise campaign_refused(
                f"No row of {self.campaign.manifest} names a photo. Row {first.number}: {first.reason}."
            )
        if limit is not None and quote.max_cost > to_micro_usd(limit):
            reason = (
                f"The campaign may cost up to {format_usd(quote.max_cost)}, but max_total_usd allows "
                f"{format_limit_usd(float(limit))}."
            )
            raise RefusedError(Code.MAX_TOTAL_EXCEEDED, reason)

    def build_document(self) -> dict[str, Any]:
        """Returns the plan document, which the report needs."""
        quoted = None if self.campaign.max_total_usd is None else to_usd(self.quote.max_cost)
        return {"items": self.quote.items, "bad_rows": self.quote.build_bad_rows_document(), "quoted_usd": quoted}
