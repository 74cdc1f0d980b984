"""What breaks first on AWS: each quota that Backdrop can reach, the number at which it does, and the consequence.

The numbers follow from the counted usage of a photo and from the product's own constants. Quotas are AWS's defaults.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from backdrop.model.budget_shares import MAX_SHARES, MIN_SLOTS_FOR_SHARES
from backdrop.model.pricing import look_up_image_price
from backdrop.model.schedule import INDEX_SHARDS, MESSAGE_LIFETIME
from backdrop.reconcile.service import MAX_DUE_ITEMS
from backdrop.reconcile.sweep import MAX_AGE, MAX_PHOTOS
from bench.aws_cost.bill import REQUEST_SECONDS, count_requests
from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.prices import PRICES
from bench.extrapolation import aws_timing
from bench.extrapolation.hot_keys import KeyHeat, measure_hot_keys
from docs.tables import format_table
from simulation.world.simulated_stack import RECONCILE_INTERVAL_SECONDS, RETENTION_SECONDS

SECONDS = 15.0
DAY = 86_400.0
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
CONCURRENCY = 1_000
TABLE_WRITES, PARTITION_WRITES, PARTITION_READS = 4_000, 1_000, 3_000
ITEM_BYTES = 409_600
PREFIX_WRITES = 3_500
PUT_EVENTS, MIN_PUT_EVENTS = 10_000, 400
IN_FLIGHT = 120_000
INTAKE_BATCH = 10
TRANSACTION_FACTOR = 2
"""A transaction uses twice the write units for each item (Developer Guide, "Capacity management for transactions")."""


@dataclass(frozen=True)
class Quota:
    """One limit. `met_at`: the photos per second, or the photos, at which it is reached. `condition`: the reason."""

    what: str
    source: str
    met_at: float
    condition: str
    consequence: str


def compute_list_usd(price: str, amount: float) -> float:
    """Returns the list price of an amount in dollars."""
    return PRICES[price].list_usd(amount)


def list_rate_quotas(heat: KeyHeat) -> list[Quota]:
    """Returns the limits on photos per second, the lowest first."""
    return sorted(
        [*_list_lane_quotas(), *_list_hot_item_quotas(heat), *_list_service_quotas()], key=lambda one: one.met_at
    )


def _list_lane_quotas() -> Iterator[Quota]:
    resent_per_second = MAX_DUE_ITEMS / RECONCILE_INTERVAL_SECONDS
    yield Quota(
        f"a lane older than its messages' {RETENTION_SECONDS['ideogram'] / DAY:.0f} days is refilled only by reconcile",
        f"{SQS}/quotas-messages.html",
        resent_per_second,
        f"{MAX_DUE_ITEMS:,} jobs every {RECONCILE_INTERVAL_SECONDS / 60:.0f} minutes, if more than"
        f" {resent_per_second * RETENTION_SECONDS['ideogram']:,.0f} photos are dropped at once",
        "the lane is empty between two runs of reconcile; the remaining photos follow at this rate, and none is lost",
    )
    yield Quota(
        f"an account's {CONCURRENCY:,} concurrent invocations (fewer in a new account)",
        f"{LAMBDA}/gettingstarted-limits.html",
        CONCURRENCY / SECONDS,
        f"each slot needs one: C = {CONCURRENCY:,} at S = {SECONDS:g}, less what intake and deliver use",
        "Lambda returns messages to the queue, and nothing is lost; request a higher quota",
    )
    yield Quota(
        f"a lane's MaximumConcurrency, at most {aws_timing.MAX_POLLERS:,}",
        f"{LAMBDA}/services-sqs-scaling.html",
        aws_timing.MAX_POLLERS / SECONDS,
        f"C = {aws_timing.MAX_POLLERS:,}",
        "this is also the template's maximum; use a second stack",
    )


def _list_hot_item_quotas(heat: KeyHeat) -> Iterator[Quota]:
    keys, transactions = f"{DYNAMODB}/bp-partition-key-design.html", f"{DYNAMODB}/transaction-apis.html"
    photos_per_item = 1 / (heat.budget_writes * aws_timing.TRANSACTION_SECONDS)
    condition = (
        f"{heat.budget_writes:g} transactions per photo, each assumed to take"
        f" {1000 * aws_timing.TRANSACTION_SECONDS:.0f} ms"
    )
    consequence = (
        "claims and answers are retried up to ten times, and then the message returns to its queue; slots stay empty"
    )
    yield Quota(
        "only one transaction at a time can write the day's budget, or a mandate",
        transactions,
        photos_per_item,
        f"{condition}; from {MIN_SLOTS_FOR_SHARES} slots on, the budget has shares, and only mandates have this limit",
        f"{consequence}. Divide the photos among several mandates",
    )
    yield Quota(
        "only one transaction at a time can write a share of the day's budget",
        transactions,
        MAX_SHARES * photos_per_item,
        f"{condition}, over {MAX_SHARES} shares",
        f"{consequence}. To avoid this, use several budgets, that is, several stacks",
    )
    yield Quota(
        f"{PARTITION_WRITES:,} write units per second for one item: the day's budget, a mandate, or a share",
        keys,
        PARTITION_WRITES / (heat.budget_writes * TRANSACTION_FACTOR),
        f"{heat.budget_writes * TRANSACTION_FACTOR:g} units per photo",
        "never reached, because transactions conflict first",
    )
    yield Quota(
        f"{PARTITION_WRITES:,} write units per second for one shard of the index",
        keys,
        PARTITION_WRITES * len(INDEX_SHARDS) / heat.index_writes,
        f"{heat.index_writes:g} index writes per photo, over {len(INDEX_SHARDS)} shards",
        "the ledger throttles writes, and the stages wait",
    )
    yield Quota(
        f"{PARTITION_READS:,} read units per second for one item: the lane",
        keys,
        PARTITION_READS / heat.lane_reads,
        f"{heat.lane_reads:g} per photo, when render checks whether it may pay; writes only when the lane pauses",
        "render waits",
    )


def _list_service_quotas() -> Iterator[Quota]:
    photo = load_costs().rows[0].usage
    receipts = sum(one.times for one in photo.requests if one.subject == "the receipt")
    events = sum(one.times for one in photo.requests if one.service == "events")
    yield Quota(
        f"{TABLE_WRITES:,} write units per second for a new on-demand table",
        f"{DYNAMODB}/warm-throughput-scenarios.html",
        TABLE_WRITES / photo.write_units,
        f"{photo.write_units:g} units per photo, including intake's, which come in a burst during an upload",
        "the ledger throttles writes, and the stages wait and retry; DynamoDB scales with use, or can be pre-warmed",
    )
    yield Quota(
        f"{MIN_PUT_EVENTS} to {PUT_EVENTS:,} PutEvents per second, by region",
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
        MIN_PUT_EVENTS / events,
        f"{events:g} per photo, in the smallest regions",
        "deliver waits and sends the event again",
    )
    yield Quota(
        f"{PREFIX_WRITES:,} writes per second below one prefix of a bucket",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html",
        PREFIX_WRITES / receipts,
        f"{receipts:g} receipt writes per photo below `_backdrop/receipts/`",
        "503, and the stage retries; S3 splits a busy prefix automatically",
    )


def list_size_quotas(heat: KeyHeat) -> list[Quota]:
    """Returns the limits on photos dropped at the same time, the lowest first."""
    return sorted(
        [*_list_own_limits(), *_list_message_quotas(), *_list_unreachable_quotas(heat)], key=lambda one: one.met_at
    )


def _list_own_limits() -> Iterator[Quota]:
    price = look_up_image_price("ideogram", {"operation": "replace"}) / 1_000_000
    runs = MAX_AGE.total_seconds() / RECONCILE_INTERVAL_SECONDS
    yield Quota(
        "`DailyBudgetUSD`, $10 by default",
        "[settings](../../docs/settings.md)",
        10 // price,
        f"${price:g} per picture",
        "the lane pauses until the next day, as it should; raise it before a large folder",
    )
    yield Quota(
        f"the sweep reads {MAX_PHOTOS:,} photos every {RECONCILE_INTERVAL_SECONDS / 60:.0f} minutes, for"
        f" {MAX_AGE.days * 24} h",
        "[operating](../../docs/operating.md)",
        runs * MAX_PHOTOS,
        f"{runs:.0f} runs",
        "if more photos are recent, the sweep misses some whose events S3 lost; a campaign over the folder finds them",
    )


def _list_message_quotas() -> Iterator[Quota]:
    growth_seconds = (
        (aws_timing.MAX_POLLERS - aws_timing.INITIAL_POLLERS) / aws_timing.ADDED_POLLERS * aws_timing.SCALING_SECONDS
    )
    photo_seconds = count_requests(load_costs().rows[0].usage, "intake") * REQUEST_SECONDS
    resent_per_hour = MAX_DUE_ITEMS * 3600 / RECONCILE_INTERVAL_SECONDS
    yield Quota(
        f"a message that waits longer than {MESSAGE_LIFETIME.days} days is sent again",
        f"{SQS}/quotas-messages.html",
        MESSAGE_LIFETIME.total_seconds() * 10 / SECONDS,
        f"what C = 10 at S = {SECONDS:g} drains in these days",
        f"every {MESSAGE_LIFETIME.days} days, each such job gets another message; if both arrive, render and deliver"
        f" find the job done. Reconcile sends {resent_per_hour:,.0f} an hour, the oldest first, and what else it"
        " repairs waits for its turn ([why](../../docs/decisions/0055-a-waiting-job-is-sent-again.md)). Use more slots,"
        " or drop the photos over several days",
    )
    yield Quota(
        f"intake's pollers reach the account's {CONCURRENCY:,}",
        f"{LAMBDA}/services-sqs-scaling.html",
        growth_seconds * (aws_timing.MAX_POLLERS + aws_timing.INITIAL_POLLERS) / 2 / photo_seconds,
        f"this many waiting events keep intake busy for the {growth_seconds:.0f} s that it takes to scale that far",
        "for some minutes, render and deliver get fewer invocations, until intake has caught up",
    )


def _list_unreachable_quotas(heat: KeyHeat) -> Iterator[Quota]:
    yield Quota(
        f"{IN_FLIGHT:,} messages in flight per queue",
        f"{SQS}/quotas-queues.html",
        inf,
        f"at most {aws_timing.MAX_POLLERS * INTAKE_BATCH:,}: {aws_timing.MAX_POLLERS:,} invocations of {INTAKE_BATCH}",
        "none",
    )
    yield Quota(
        f"{ITEM_BYTES // 1024} KB per item",
        f"{DYNAMODB}/ServiceQuotas.html",
        inf,
        f"the largest item, a job, is {heat.largest_item_bytes:,} bytes; no item grows with the number of photos",
        "none",
    )


def format_section() -> str:
    heat = measure_hot_keys()
    return "\n\n".join(
        [
            "## What breaks first",
            "By photos per second, the lowest limit first. A lane makes C/S photos per second:"
            f" C = 10 at S = {SECONDS:g} makes 0.67. AWS's quotas are the defaults of 2026-11-21; most can be raised.",
            format_table(
                ("limit", "reached at", "basis", "consequence"),
                [_format_quota(one, f"{one.met_at:,.1f} per second") for one in list_rate_quotas(heat)],
            ),
            "By photos that are dropped at once, the lowest limit first:",
            format_table(
                ("limit", "reached at", "basis", "consequence"),
                [_format_quota(one, _format_photos(one.met_at)) for one in list_size_quotas(heat)],
            ),
        ]
    )


def _format_photos(number: float) -> str:
    return "never" if number == inf else f"{number:,.0f} photos"


def _format_quota(one: Quota, met: str) -> Sequence[str]:
    source = one.source if one.source.startswith("[") else f"[AWS]({one.source})"
    return f"{one.what} ({source})", met, one.condition, one.consequence
