"""The page of what AWS costs, from what was counted."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from backdrop.aws.s3 import LISTING_PAGE_SIZE
from backdrop.reconcile.sweep import MAX_KEYS, MAX_PHOTOS
from backdrop_local.home import ROOT
from bench.aws_cost.bill import DOWNLOAD_SECONDS, REQUEST_SECONDS, Line, image_lines, requests_of, total
from bench.aws_cost.found import Found, Row
from bench.aws_cost.idle import Stack, idle_lines, one_provider
from bench.aws_cost.play import STAGES
from bench.aws_cost.prices import DATE, PRICES, REGION, SOURCES

LATENCIES = 5.0, 15.0, 30.0
TYPICAL = 15.0
IMAGES = 1000
MOST_SHARE = 0.005
CAMPAIGN = json.loads((ROOT / "statemachines" / "campaign.asl.json").read_text())
TRANSITIONS = 1 + len(CAMPAIGN["States"]["AskForEach"]["ItemProcessor"]["States"])


def memory_of(stack: Stack) -> dict[str, float]:
    """Each function's memory, GB."""
    return {name: stack.memory_gb(name) for name in (*STAGES, "reconcile")}


def lines_of(row: Row, memory: Mapping[str, float], latency: float) -> list[Line]:
    """All that an image of a row is billed."""
    return image_lines(row.counted, memory, row.uploads, latency)


def share(row: Row, memory: Mapping[str, float]) -> float:
    """AWS's part of what the provider takes for the picture, at a typical latency."""
    return total(lines_of(row, memory, TYPICAL)) / row.price


def document(found: Found) -> str:
    """The whole page."""
    stack = one_provider()
    memory = memory_of(stack)
    first = found.rows[0]
    parts = [
        "# What AWS costs",
        f"Written by `python -m bench.aws_cost` on {found.machine}. Requests, units, bytes and processor seconds are "
        "counted: photos go one by one through a warm local cloud, whose functions reach its services through a "
        "recorder. "
        f"Prices are AWS's list prices for {REGION}, arm64, of {DATE}, without the free part (below).",
        _of_one(first, memory),
        _of_all(found.rows, memory),
        _named(first),
        _idle(stack, found, first),
        _prices(),
    ]
    return "\n\n".join(parts) + "\n"


def _of_one(row: Row, memory: Mapping[str, float]) -> str:
    lines = lines_of(row, memory, TYPICAL)
    rows = [
        f"| {PRICES[one.price].service} | {one.what} | {one.amount * IMAGES:,.6g} {PRICES[one.price].unit} "
        f"| {one.usd * IMAGES:.4f} |"
        for one in lines
    ]
    services = [f"| {name} | **together** | | **{usd * IMAGES:.4f}** |" for name, usd in by_service(lines).items()]
    return "\n".join(
        [
            f"## {IMAGES:,} images: {row.name}",
            "",
            f"A call of {TYPICAL:g} s, a photo of {row.counted.photo_bytes / 1000:.0f} KB, one result.",
            "",
            "| service | what | so much | USD |",
            "|---|---|--:|--:|",
            *rows,
            *services,
            f"| | **all** | | **{total(lines) * IMAGES:.3f}** |",
            "",
            "A function's seconds are its own processor's, as counted here, more where its memory gives it less than a "
            f"whole one; {REQUEST_SECONDS * 1000:g} ms for each of its requests and {DOWNLOAD_SECONDS:g} s for the "
            "result's download, both assumed; and for render the provider's latency. Cold starts are not in it; a "
            "retry, a report or a dead letter costs what it asks for. Each MB more that a photo has costs "
            f"${PRICES['traffic'].of(IMAGES / 1024):.3f} on its way out.",
        ]
    )


def by_service(lines: Iterable[Line]) -> dict[str, float]:
    """What each service takes, dollars."""
    sums: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        sums[PRICES[line.price].service] += line.usd
    return sums


def _of_all(rows: Sequence[Row], memory: Mapping[str, float]) -> str:
    table = [
        f"| {row.name} | {requests_by_our_code(row):.4g} | {_three(row, memory)} | {row.price:.3g} |"
        f" {share(row, memory):.2%} |"
        for row in rows
    ]
    seconds = " | ".join(f"at {one:g} s" for one in LATENCIES)
    return "\n".join(
        [
            f"## {IMAGES:,} images, by provider and by the way in which they come",
            "",
            f"USD by the provider's latency. The share is of the provider's price, at {TYPICAL:g} s; aimed at is less "
            f"than {MOST_SHARE:.1%} of Ideogram's for a background that is replaced. "
            "What 1min.ai's credits cost is assumed.",
            "",
            f"| | requests by our code | {seconds} | a picture, USD | share |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *table,
            "",
            f"A campaign's items cost ${campaign_item() * IMAGES:.3f} more: {TRANSITIONS} state transitions each, its "
            "start among them, and a message.",
        ]
    )


def campaign_item() -> float:
    """What Step Functions takes for one item, dollars."""
    return PRICES["transitions"].of(TRANSITIONS) + PRICES["sqs"].of(1)


def requests_by_our_code(row: Row) -> float:
    """Of one image, in all stages."""
    return sum(requests_of(row.counted, name) for name in STAGES)


def _three(row: Row, memory: Mapping[str, float]) -> str:
    return " | ".join(f"{total(lines_of(row, memory, one)) * IMAGES:.3f}" for one in LATENCIES)


def _named(row: Row) -> str:
    asked = sorted(row.counted.asked, key=lambda one: STAGES.index(one.function))
    return "\n".join(
        [
            "## Each request of an image, by name",
            "",
            f"{row.name}: {requests_by_our_code(row):.3g} requests by our code.",
            "",
            "| stage | times | request | of | why |",
            "|---|--:|---|---|---|",
            *(f"| {one.function} | {one.times:.3g} | {one.operation} | {one.what} | {one.why} |" for one in asked),
        ]
    )


def _idle(stack: Stack, found: Found, first: Row) -> str:
    lines = idle_lines(stack, list(found.reconcile))
    rows = [
        f"| {one.what} | {one.amount:,.6g} {PRICES[one.price].unit} | {one.usd:.3f} | {left(one, lines):.3f} |"
        for one in lines
    ]
    metrics = first.counted.metrics
    return "\n".join(
        [
            "## A month without a photo",
            "",
            "One provider, as the template has it. The last column is what is left where nothing else in the account "
            "uses the part that is always free.",
            "",
            "| | so much | USD | left |",
            "|---|--:|--:|--:|",
            *rows,
            f"| **together** | | **{total(lines):.2f}** | **{sum(left(one, lines) for one in lines):.2f}** |",
            "",
            "Reconcile looks for photos that no event told of, so a full bucket costs more: a run makes at most "
            f"{MAX_KEYS // LISTING_PAGE_SIZE} lists, and {MAX_PHOTOS:,} reads for photos of the last two days: "
            f"{_most_swept(stack):.2f} USD a month where every run does.",
            "",
            "Metrics cost in the months in which they are counted, and an idle stack counts none: one provider with "
            f"one operation has {metrics} ({PRICES['metrics'].of(metrics):.2f} USD, "
            f"{PRICES['metrics'].left(metrics):.2f} behind the free ones). Not in it: what lies in the buckets, the "
            "ledger and the logs.",
        ]
    )


def _most_swept(stack: Stack) -> float:
    """What the sweep asks at most in a month, dollars."""
    lists, reads = PRICES["s3 writes"].of(MAX_KEYS / LISTING_PAGE_SIZE), PRICES["dynamodb reads"].of(MAX_PHOTOS)
    seconds = (MAX_KEYS / LISTING_PAGE_SIZE + MAX_PHOTOS) * REQUEST_SECONDS
    return stack.runs_in_a_month() * (
        lists + reads + PRICES["lambda seconds"].of(seconds * stack.memory_gb("reconcile"))
    )


def left(line: Line, lines: Sequence[Line]) -> float:
    """A line's part of what its price leaves behind the free part."""
    price, amount = PRICES[line.price], sum(one.amount for one in lines if one.price == line.price)
    return price.left(amount) * line.amount / amount if amount else 0.0


def _prices() -> str:
    rows = [
        f"| {one.service} | {one.usd} | {one.per:,} {one.unit} | {f'{one.free:,}' if one.free else 'none'} |"
        for one in PRICES.values()
    ]
    sources = " ".join(f"{name}: <{address}>." for name, address in SOURCES.items())
    return "\n".join(
        [
            "## The prices",
            "",
            f"{REGION}, arm64, first tier, {DATE}. {sources}",
            "",
            "| service | USD | for | free in each month, for ever |",
            "|---|--:|---|--:|",
            *rows,
        ]
    )
