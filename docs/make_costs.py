"""Writes the figures of docs/costs.md between their marks, from the bench, the template, and the command: `make docs`.

The text around the marks is written by hand. A mark is `<!-- figures: name -->`, and its part ends at `<!-- end -->`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from backdrop_cli.drop import MAX_UNCONFIRMED_MICRO_USD, MAX_UNCONFIRMED_PHOTOS
from backdrop_local import template
from bench.aws_cost.bill import DOWNLOAD_SECONDS, BillLine, count_requests, estimate_seconds, sum_usd
from bench.aws_cost.cost_result import CostResult, CostRow, load_costs
from bench.aws_cost.idle_stack import build_idle_lines, count_alarm_metrics, load_one_provider_stack
from bench.aws_cost.page import (
    IMAGES,
    LATENCIES,
    TYPICAL_LATENCY,
    build_row_lines,
    compute_share,
    read_memory,
    remaining_usd,
    sum_by_service,
)
from bench.aws_cost.prices import PRICES, REGION

PAGE = Path(__file__).parent / "costs.md"
MARKED_PART = re.compile(r"(?s)(?P<begin><!-- figures: (?P<name>\w+) -->\n).*?(?=<!-- end -->)")
WIDTH = 125
SMALL_SERVICES = ("SQS", "EventBridge", "CloudWatch")


def build_page() -> str:
    """Returns the page with current figures.

    Raises ValueError if a part is missing or repeated.
    """
    parts = {"limits": _format_limits(), "images": _format_images(load_costs()), "month": _format_month(load_costs())}
    text, names = PAGE.read_text(), list[str]()

    def replace_part(match: re.Match[str]) -> str:
        names.append(match["name"])
        return f"{match['begin']}{parts[match['name']]}\n"

    text = MARKED_PART.sub(replace_part, text)
    if sorted(names) != sorted(parts):
        raise ValueError(f"{PAGE.name} has the parts {names}, and should have each of {list(parts)} once")
    return text


def _format_limits() -> str:
    budget, max_usd = template.read_defaults()["DailyBudgetUSD"], MAX_UNCONFIRMED_MICRO_USD / 1_000_000
    items = (
        "**Per photo**: a job whose quote is above `max_cost_usd` is refused (`max_cost_exceeded`).",
        f"""**Per day** (UTC): a call starts only if its highest price still fits into `DailyBudgetUSD`, ${budget} by
        default. With 0, nothing is bought, and there is no "unlimited". Other photos wait until midnight, or until you
        [raise today's budget](operating.md#check-and-change-todays-budget).""",
        """**Per folder**: a [mandate](mandates.md) limits what programs and agents may spend there.""",
        f"""**Per upload**: `backdrop drop` first shows count, price, and time, and asks above {MAX_UNCONFIRMED_PHOTOS}
        photos or ${max_usd:g}.""",
    )
    return "\n".join(_wrap(f"- {item}", indent="  ") for item in items)


def _format_images(costs: CostResult) -> str:
    replaced, memory = costs.rows[0], read_memory(load_one_provider_stack())
    [removed] = [row for row in costs.rows if (row.provider, row.operation) == ("ideogram", "remove")]
    lines = build_row_lines(replaced, memory, TYPICAL_LATENCY)
    *shorter, longest = (f"{one:g}" for one in LATENCIES)
    intro = f"""For {IMAGES:,} photos of {replaced.usage.photo_bytes / 1000:.0f} KB whose background Ideogram
        replaces at `DEFAULT`, in calls of {TYPICAL_LATENCY:g} s, at AWS's list prices for {REGION}, without the free
        tier:"""
    total_label = f"**together**, {compute_share(replaced, memory):.2%} of what Ideogram charges"
    table = ["| | USD |", "| --- | ---: |", *_format_services(replaced, lines, memory)]
    table.append(f"| {total_label} | **{sum_usd(lines) * IMAGES:.3f}** |")
    notes = f"""Render runs as long as its call to the provider, because it holds its slot until the call ends. Slower
        calls cost more; the page has each provider at {", ".join(shorter)} and {longest} s. If a background is
        only removed, Ideogram charges ${removed.price:g}, and AWS's share is {compute_share(removed, memory):.1%}. Each
        additional MB of a photo costs ${PRICES["traffic"].list_usd(IMAGES / 1024):.2f} more per {IMAGES:,} photos, for
        the transfer to the provider. Storage in the buckets and the ledger is billed by the month."""
    return "\n\n".join([_wrap(intro), "\n".join(table), _wrap(notes)])


def _format_services(row: CostRow, lines: Sequence[BillLine], memory: dict[str, float]) -> list[str]:
    sums, usage = sum_by_service(lines), row.usage
    external_seconds = {"render": TYPICAL_LATENCY, "deliver": DOWNLOAD_SECONDS}

    def format_usage(name: str) -> str:
        seconds = estimate_seconds(
            usage.invocations[name], count_requests(usage, name), memory[name], external_seconds.get(name, 0.0)
        )
        return f"{name} {seconds:.1f} s at {memory[name]:.1f} GB"

    def sum_amount(price: str) -> str:
        return f"{sum(line.amount for line in lines if line.price == price):.3g}"

    write_units, read_units = sum_amount("dynamodb writes"), sum_amount("dynamodb reads")
    rows = {
        f"Lambda: {', '.join(map(format_usage, ('render', 'deliver', 'intake')))}": sums["Lambda"],
        f"S3: {sum_amount('s3 writes')} writes and lists, {sum_amount('s3 reads')} reads per image": sums["S3"],
        f"DynamoDB: {write_units} write units and {read_units} read units per image": sums["DynamoDB"],
        "the photo's transfer to the provider": sums["Traffic"],
        "SQS, EventBridge, and logs": sum(sums[name] for name in SMALL_SERVICES),
    }
    return [f"| {label} | {usd * IMAGES:.3f} |" for label, usd in rows.items()]


def _format_month(costs: CostResult) -> str:
    stack = load_one_provider_stack()
    lines = build_idle_lines(stack, list(costs.reconcile))
    alarms, dashboard = stack.list_properties("AWS::CloudWatch::Alarm"), PRICES["dashboards"]
    monthly_cost = f"""A stack with one provider costs **${sum_usd(lines):.2f} a month** at list prices even
        without a photo, or
        **${sum(remaining_usd(one, lines) for one in lines):.2f}** after AWS's free tier, if nothing else in
        the account uses it. [The same page](results/aws_cost.md#a-month-without-a-photo) itemizes both from
        `template.yaml`:
        a secret, the {len(alarms)} alarms on {sum(map(count_alarm_metrics, alarms))} metrics, the dashboard
        (${dashboard.list_usd(1):.2f}; an account's first {dashboard.free} are free), the queues that Lambda polls, and
        reconcile's runs. The ledger is encrypted with a key that AWS owns, so KMS bills nothing."""
    metrics = f"""Each metric costs ${PRICES["metrics"].list_usd(1):.2f} in a month in which it is counted, and a bucket
        with many new photos makes reconcile's runs more expensive; the page shows both."""
    return "\n\n".join([_wrap(monthly_cost), _wrap(metrics)])


def _wrap(text: str, indent: str = "") -> str:
    return fill(" ".join(text.split()), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(build_page())
