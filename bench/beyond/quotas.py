"""What breaks first on AWS: each quota that Backdrop can meet, the number at which it does, and what happens then.

The numbers follow from what was counted for a photo and from the product's own constants; quotas are AWS's defaults.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backdrop.core.money import price_per_image
from backdrop.core.watch import MESSAGE_LIFE, SHARDS
from backdrop.steps.reconcile import BACKED_UP, MOST_DUE
from backdrop.steps.sweep import MOST_PHOTOS, YOUNG
from bench.aws_cost.bill import REQUEST_SECONDS, requests_of
from bench.aws_cost.found import kept as counted
from bench.aws_cost.prices import PRICES
from bench.beyond import aws
from bench.beyond.heat import Heat, heat
from docs.tables import table
from proof.world.stack import RECONCILE_EVERY, RETENTION

SECONDS = 15.0
DAY = 86_400.0
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
CONCURRENCY = 1_000
TABLE_WRITES, PARTITION_WRITES, PARTITION_READS = 4_000, 1_000, 3_000
ITEM_BYTES = 409_600
PREFIX_WRITES = 3_500
PUT_EVENTS, FEWEST_PUT_EVENTS = 10_000, 400
IN_FLIGHT = 120_000
INTAKE_BATCH = 10
TRANSACTIONAL = 2
"""A transaction writes each item twice, by units (Developer Guide, "Capacity management for transactions")."""


@dataclass(frozen=True)
class Quota:
    """One limit. `meets`: photos a second, or photos, at which it is met; the least comes first."""

    what: str
    source: str
    met: float
    meets: str
    then: str


def usd(price: str, amount: float) -> float:
    """So much of something, by AWS's list."""
    return PRICES[price].of(amount)


def rates(found: Heat) -> list[Quota]:
    """Limits to photos a second."""
    photo = counted().rows[0].counted
    writes, receipts = photo.write_units, sum(one.times for one in photo.asked if one.what == "the receipt")
    conflict = 1 / (found.budget * aws.TRANSACTION_SECONDS)
    put_back = MOST_DUE / RECONCILE_EVERY
    by_rate = (
        (
            "one transaction at a time may hold the day's budget",
            f"{DYNAMODB}/transaction-apis.html",
            conflict,
            f"{found.budget:g} transactions a photo, each assumed to take {1000 * aws.TRANSACTION_SECONDS:.0f} ms",
            "claims and answers try again, up to ten times, then the message comes again; slots stand empty (table"
            " above). More budgets (more stacks) are the way out",
        ),
        (
            f"an account's {CONCURRENCY:,} invocations at a time (a new account's are fewer)",
            f"{LAMBDA}/gettingstarted-limits.html",
            CONCURRENCY / SECONDS,
            f"each slot is one: C = {CONCURRENCY:,} at S = {SECONDS:g}, less what intake and deliver take",
            "Lambda hands messages back, nothing is lost; ask for a higher quota",
        ),
        (
            "a lane's MaximumConcurrency, at most 1,000",
            f"{LAMBDA}/services-sqs-scaling.html",
            aws.MOST_POLLERS / SECONDS,
            f"C = {aws.MOST_POLLERS:,}",
            "the template takes no more; a second stack",
        ),
        (
            f"{TABLE_WRITES:,} write units a second of a new table on demand",
            f"{DYNAMODB}/warm-throughput-scenarios.html",
            TABLE_WRITES / writes,
            f"{writes:g} units a photo, intake's among them, which come in the burst of an upload",
            "the ledger throttles, stages wait and come again; DynamoDB grows by itself with use, or can be warmed",
        ),
        (
            f"{PARTITION_WRITES:,} write units a second of one item: the day's budget",
            f"{DYNAMODB}/bp-partition-key-design.html",
            PARTITION_WRITES / (found.budget * TRANSACTIONAL),
            f"{found.budget * TRANSACTIONAL:g} units a photo",
            "never met, since its transactions come in each other's way before",
        ),
        (
            f"{FEWEST_PUT_EVENTS} to {PUT_EVENTS:,} PutEvents a second, by region",
            "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
            FEWEST_PUT_EVENTS,
            "one a photo, in the smallest regions",
            "deliver waits and tells it again",
        ),
        (
            f"{PREFIX_WRITES:,} writes a second below one prefix of a bucket",
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html",
            PREFIX_WRITES / receipts,
            f"{receipts:g} receipts a photo below `_backdrop/receipts/`",
            "503, and the stage comes again; S3 parts a busy prefix by itself",
        ),
        (
            f"{PARTITION_WRITES:,} write units a second of a shard of the index",
            f"{DYNAMODB}/bp-partition-key-design.html",
            PARTITION_WRITES * len(SHARDS) / found.index,
            f"{found.index:g} index writes a photo over {len(SHARDS)} shards",
            "the ledger throttles, stages wait",
        ),
        (
            f"{PARTITION_READS:,} read units a second of one item: the lane",
            f"{DYNAMODB}/bp-partition-key-design.html",
            PARTITION_READS / found.lane,
            f"{found.lane:g} a photo, when render looks whether it may pay; it is written only when the lane pauses",
            "render waits",
        ),
    )
    refill = Quota(
        f"a lane older than its messages' {RETENTION['ideogram'] / DAY:.0f} days is refilled by reconcile alone",
        f"{SQS}/quotas-messages.html",
        put_back,
        f"{MOST_DUE:,} jobs every {RECONCILE_EVERY / 60:.0f} minutes, with more than"
        f" {put_back * RETENTION['ideogram']:,.0f} photos dropped at once",
        "the lane runs dry between two runs of reconcile: the rest comes at this pace, nothing is lost",
    )
    return sorted([refill, *(Quota(*one) for one in by_rate)], key=lambda one: one.met)


def numbers(found: Heat) -> list[Quota]:
    """Limits to photos at once."""
    price = price_per_image("ideogram", {"operation": "replace"}) / 1_000_000
    pollers_seconds = (aws.MOST_POLLERS - aws.FIRST_POLLERS) / aws.MORE_POLLERS * aws.SCALING_SECONDS
    asked = requests_of(counted().rows[0].counted, "intake")
    burst = pollers_seconds * (aws.MOST_POLLERS + aws.FIRST_POLLERS) / 2 / (asked * REQUEST_SECONDS)
    runs = YOUNG.total_seconds() / RECONCILE_EVERY
    slow = MESSAGE_LIFE.total_seconds() * 10 / SECONDS
    found_quotas = (
        (
            "`DailyBudgetUSD`, $10 when nobody says anything",
            "[settings](../../docs/settings.md)",
            10 // price,
            f"${price:g} a picture",
            "the lane pauses until the next day, as it should; raise it before a large folder",
        ),
        (
            f"{BACKED_UP:,} paid pictures that wait for deliver",
            "[alarms](../../docs/alarms.md)",
            BACKED_UP,
            "only where deliver gets no invocations",
            "the lane pauses until half of them are delivered, so that no link expires",
        ),
        (
            f"a message that waits longer than {MESSAGE_LIFE.days} days is sent anew",
            f"{SQS}/quotas-messages.html",
            slow,
            f"C = 10 at S = {SECONDS:g}: what these days drain",
            "a second message for each such job, one request each to SQS and the ledger, and one more render that finds"
            " it done where both arrive",
        ),
        (
            f"intake's pollers reach the account's {CONCURRENCY:,}",
            f"{LAMBDA}/services-sqs-scaling.html",
            burst,
            f"so many events that wait keep intake busy for the {pollers_seconds:.0f} s in which it grows so far",
            "render and deliver get fewer invocations until intake is through, some minutes",
        ),
        (
            f"the sweep looks at {MOST_PHOTOS:,} photos every {RECONCILE_EVERY / 60:.0f} minutes, for"
            f" {YOUNG.total_seconds() / 3600:.0f} h",
            "[operating](../../docs/operating.md)",
            runs * MOST_PHOTOS,
            f"{runs:.0f} runs",
            "of more young photos, some whose event S3 lost would not be found; a campaign over the folder finds them",
        ),
        (
            f"{IN_FLIGHT:,} messages of a queue under way",
            f"{SQS}/quotas-queues.html",
            float("inf"),
            f"at most {aws.MOST_POLLERS * INTAKE_BATCH:,}: {aws.MOST_POLLERS:,} invocations of {INTAKE_BATCH}",
            "never",
        ),
        (
            f"{ITEM_BYTES // 1024} KB of an item",
            f"{DYNAMODB}/ServiceQuotas.html",
            float("inf"),
            f"the largest, a job, has {found.largest:,} bytes; none grows with the number of photos",
            "never",
        ),
    )
    return [Quota(*one) for one in found_quotas]


def section() -> str:
    """For the page."""
    found = heat()
    return "\n\n".join(
        [
            "## What breaks first",
            "By photos a second, the lowest first. C/S of them is what a lane makes:"
            f" C = 10 at S = {SECONDS:g} are 0.67. AWS's quotas are those of 2026-11-21 for an account that asked for"
            " no more; most can be raised.",
            table(("limit", "met at", "", "then"), [_row(one, f"{one.met:,.1f} a second") for one in rates(found)]),
            "By photos that are dropped at once, the fewest first:",
            table(("limit", "met at", "", "then"), [_row(one, _photos(one.met)) for one in numbers(found)]),
        ]
    )


def _photos(number: float) -> str:
    return "no number" if number == float("inf") else f"{number:,.0f} photos"


def _row(one: Quota, met: str) -> Sequence[str]:
    source = one.source if one.source.startswith("[") else f"[AWS]({one.source})"
    return f"{one.what} ({source})", met, one.meets, one.then
