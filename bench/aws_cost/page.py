"""The page about the cost of AWS, from the counted usage."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from backdrop.aws.s3 import LISTING_PAGE_SIZE
from backdrop.reconcile.sweep import MAX_KEYS, MAX_PHOTOS
from backdrop_local.home import ROOT
from bench.aws_cost.bill import DOWNLOAD_SECONDS, REQUEST_SECONDS, BillLine, build_image_lines, count_requests, sum_usd
from bench.aws_cost.cost_result import CostResult, CostRow
from bench.aws_cost.idle_stack import TemplateStack, build_idle_lines, load_one_provider_stack
from bench.aws_cost.image_usage import STAGES
from bench.aws_cost.options import BillingFacts, format_section
from bench.aws_cost.prices import DATE, PRICES, REGION, SOURCES

LATENCIES = 5.0, 15.0, 30.0
TYPICAL_LATENCY = 15.0
IMAGES = 1000
MAX_SHARE = 0.005
CAMPAIGN = json.loads((ROOT / "statemachines" / "campaign.asl.json").read_text())
TRANSITIONS = 1 + len(CAMPAIGN["States"]["AskForEach"]["ItemProcessor"]["States"])


def read_memory(stack: TemplateStack) -> dict[str, float]:
    """Returns each function's memory in GB."""
    return {name: stack.read_memory_gb(name) for name in (*STAGES, "reconcile")}


def build_row_lines(row: CostRow, memory: Mapping[str, float], latency: float) -> list[BillLine]:
    """Returns the bill of one image of a row."""
    return build_image_lines(row.usage, memory, row.uploads, latency)


def compute_share(row: CostRow, memory: Mapping[str, float]) -> float:
    """Returns AWS's cost as a share of the provider's price, at a typical latency."""
    return sum_usd(build_row_lines(row, memory, TYPICAL_LATENCY)) / row.price


def format_page(result: CostResult) -> str:
    """Returns the complete page."""
    stack = load_one_provider_stack()
    memory = read_memory(stack)
    first = result.rows[0]
    parts = [
        "# What AWS costs",
        f"Written by `python -m bench.aws_cost` on {result.machine}. Requests, units, bytes, and CPU seconds are"
        " counted: photos go one by one through a warm local cloud, whose functions reach its services through a"
        f" recorder. Prices are AWS's list prices for {REGION}, arm64, of {DATE}, without the free tier (below).",
        _format_one_case(first, memory),
        _format_all_cases(result.rows, memory),
        format_section(BillingFacts(memory, TYPICAL_LATENCY, first.usage.photo_bytes), IMAGES),
        _format_requests(first),
        _format_idle(stack, result, first),
        _format_prices(),
    ]
    return "\n\n".join(parts) + "\n"


def _format_one_case(row: CostRow, memory: Mapping[str, float]) -> str:
    lines = build_row_lines(row, memory, TYPICAL_LATENCY)
    rows = [
        f"| {PRICES[one.price].service} | {one.what} | {one.amount * IMAGES:,.6g} {PRICES[one.price].unit} "
        f"| {one.usd * IMAGES:.4f} |"
        for one in lines
    ]
    services = [f"| {name} | **together** | | **{usd * IMAGES:.4f}** |" for name, usd in sum_by_service(lines).items()]
    return "\n".join(
        [
            f"## {IMAGES:,} images: {row.name}",
            "",
            f"A call of {TYPICAL_LATENCY:g} s, a photo of {row.usage.photo_bytes / 1000:.0f} KB, one result.",
            "",
            "| service | what | amount | USD |",
            "|---|---|--:|--:|",
            *rows,
            *services,
            f"| | **all** | | **{sum_usd(lines) * IMAGES:.3f}** |",
            "",
            "A function's seconds are its own CPU time, as counted here, and more if its memory gives it less than a"
            f" full vCPU. Added to them are {REQUEST_SECONDS * 1000:g} ms for each of its requests and"
            f" {DOWNLOAD_SECONDS:g} s for the result's download, both assumed, and, for render, the provider's"
            " latency. Cold starts are not included. A retry, a report, or a dead letter costs its own requests. Each"
            f" additional MB of a photo costs ${PRICES['traffic'].list_usd(IMAGES / 1024):.3f} of outbound traffic.",
        ]
    )


def sum_by_service(lines: Iterable[BillLine]) -> dict[str, float]:
    """Returns the cost of each service in dollars."""
    sums: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        sums[PRICES[line.price].service] += line.usd
    return sums


def _format_all_cases(rows: Sequence[CostRow], memory: Mapping[str, float]) -> str:
    table = [
        f"| {row.name} | {count_all_requests(row):.4g} | {_format_latencies(row, memory)} | {row.price:.3g} |"
        f" {compute_share(row, memory):.2%} |"
        for row in rows
    ]
    seconds = " | ".join(f"at {one:g} s" for one in LATENCIES)
    return "\n".join(
        [
            f"## {IMAGES:,} images, by provider and kind of instructions",
            "",
            f"USD by the provider's latency. The share is of the provider's price, at {TYPICAL_LATENCY:g} s. The"
            f" target is less than {MAX_SHARE:.1%} of Ideogram's price of a replaced background. The price of"
            " 1min.ai's credits is assumed.",
            "",
            f"| | requests by our code | {seconds} | a picture, USD | share |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *table,
            "",
            f"A campaign's items cost ${campaign_item_usd() * IMAGES:.3f} more: {TRANSITIONS} state transitions each,"
            " including its start, and a message.",
        ]
    )


def campaign_item_usd() -> float:
    """Returns the cost of one campaign item in dollars: Step Functions, and a message."""
    return PRICES["transitions"].list_usd(TRANSITIONS) + PRICES["sqs"].list_usd(1)


def count_all_requests(row: CostRow) -> float:
    """Returns the requests of one image in all stages."""
    return sum(count_requests(row.usage, name) for name in STAGES)


def _format_latencies(row: CostRow, memory: Mapping[str, float]) -> str:
    return " | ".join(f"{sum_usd(build_row_lines(row, memory, one)) * IMAGES:.3f}" for one in LATENCIES)


def _format_requests(row: CostRow) -> str:
    request_counts = sorted(row.usage.requests, key=lambda one: STAGES.index(one.function))
    return "\n".join(
        [
            "## Each request of an image, by name",
            "",
            f"{row.name}: {count_all_requests(row):.3g} requests by our code.",
            "",
            "| stage | times | request | of | why |",
            "|---|--:|---|---|---|",
            *(
                f"| {one.function} | {one.times:.3g} | {one.operation} | {one.subject} | {one.reason} |"
                for one in request_counts
            ),
        ]
    )


def _format_idle(stack: TemplateStack, found: CostResult, first: CostRow) -> str:
    lines = build_idle_lines(stack, list(found.reconcile))
    rows = [
        f"| {one.what} | {one.amount:,.6g} {PRICES[one.price].unit} | {one.usd:.3f} | {remaining_usd(one, lines):.3f} |"
        for one in lines
    ]
    metrics = first.usage.metrics
    return "\n".join(
        [
            "## A month without a photo",
            "",
            "One provider, as in the template. The last column is what remains if nothing else in the account uses"
            " the permanent free tier.",
            "",
            "| | amount | USD | remaining |",
            "|---|--:|--:|--:|",
            *rows,
            f"| **together** | | **{sum_usd(lines):.2f}** | **{sum(remaining_usd(one, lines) for one in lines):.2f}**"
            " |",
            "",
            "Reconcile looks for photos without an event, so a full bucket costs more: a run makes at most "
            f"{MAX_KEYS // LISTING_PAGE_SIZE} lists, and {MAX_PHOTOS:,} reads for photos of the last two days: "
            f"{_max_sweep_usd(stack):.2f} USD a month if every run does.",
            "",
            "Metrics cost money in the months in which they are emitted, and an idle stack emits none. One provider"
            f" with one operation has {metrics} ({PRICES['metrics'].list_usd(metrics):.2f} USD, or"
            f" {PRICES['metrics'].usd_beyond_free(metrics):.2f} beyond the free ones). Not included: the contents of"
            " the buckets, the ledger, and the logs.",
        ]
    )


def _max_sweep_usd(stack: TemplateStack) -> float:
    """Returns the maximum cost of the sweep in a month, in dollars."""
    lists, reads = (
        PRICES["s3 writes"].list_usd(MAX_KEYS / LISTING_PAGE_SIZE),
        PRICES["dynamodb reads"].list_usd(MAX_PHOTOS),
    )
    seconds = (MAX_KEYS / LISTING_PAGE_SIZE + MAX_PHOTOS) * REQUEST_SECONDS
    return stack.count_monthly_runs() * (
        lists + reads + PRICES["lambda seconds"].list_usd(seconds * stack.read_memory_gb("reconcile"))
    )


def remaining_usd(line: BillLine, lines: Sequence[BillLine]) -> float:
    """Returns a line's share of what its price costs beyond the free tier."""
    price, amount = PRICES[line.price], sum(one.amount for one in lines if one.price == line.price)
    return price.usd_beyond_free(amount) * line.amount / amount if amount else 0.0


def _format_prices() -> str:
    rows = [
        f"| {one.service} | {one.usd} | {one.unit_count:,} {one.unit} | {f'{one.free:,}' if one.free else 'none'} |"
        for one in PRICES.values()
    ]
    sources = " ".join(f"{name}: <{address}>." for name, address in SOURCES.items())
    return "\n".join(
        [
            "## The prices",
            "",
            f"{REGION}, arm64, first tier, {DATE}. {sources}",
            "",
            "| service | USD | for | always free each month |",
            "|---|--:|---|--:|",
            *rows,
        ]
    )
