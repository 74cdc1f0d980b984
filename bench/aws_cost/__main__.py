"""Counts an image's use of AWS, and writes docs/results/aws_cost.json and its page: `python -m bench.aws_cost`.

Exits with code 1 if AWS's cost of a replaced Ideogram image exceeds the allowed share of the image's price.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence

from backdrop.model.pricing import look_up_image_price, to_usd
from backdrop_local import cloud
from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK, Home
from bench.aws_cost.bill import BillLine, build_request_lines, count_requests, estimate_seconds
from bench.aws_cost.cost_result import CostResult, CostRow, save_costs
from bench.aws_cost.idle_stack import ONE_PROVIDER, load_one_provider_stack
from bench.aws_cost.image_usage import (
    PHOTOS,
    STAGES,
    WARM_UP,
    ColdStartError,
    CostCase,
    ImageUsage,
    WatchedCloud,
    watch_cloud,
)
from bench.aws_cost.page import MAX_SHARE, compute_share, read_memory
from bench.temporary_home import temporary_home
from docs import make_aws_cost
from simulation.run_environment import describe_environment

DEAD_LETTER_WAIT_SECONDS = 1
"""How long reconcile waits for a dead letter when there is none (backdrop/aws/sqs.py)."""
BEACH = {"prompt": "on a beach"}
IDEOGRAM_CASES = (
    CostCase("Ideogram replaces, with a sidecar", BEACH),
    CostCase("Ideogram replaces, with tags", BEACH, has_tags=True),
    CostCase("Ideogram removes, with a sidecar", {"operation": "remove"}),
)
OTHER_CASES = (
    CostCase("Segmind replaces, with a sidecar", BEACH, "segmind"),
    CostCase("1min.ai replaces, with a sidecar", BEACH, "1min"),
    CostCase("Runware replaces, with a sidecar", BEACH, "runware"),
)
ASSUMED_PRICES = {"1min": 50_000}
"""Micro-dollars, as on the local cloud: 1min.ai sells credits."""
MAX_TRIES = 3
CALL_SECONDS = "3"
"""Long enough that the first receipt is written during the call, as on AWS."""


def count_warm(
    watched_cloud: WatchedCloud, work: Callable[[], object], images: int, functions: Sequence[str] = STAGES
) -> ImageUsage:
    """Counts the usage of warm functions. Starts again if a function started cold."""
    for _ in range(MAX_TRIES):
        try:
            return watched_cloud.count_usage(work, images, functions)
        except ColdStartError as error:
            print(f"again: {error}")
    raise ColdStartError(f"{MAX_TRIES} times in a row")


def measure_case(watched_cloud: WatchedCloud, case: CostCase) -> CostRow:
    """Measures one case."""
    print(case.name, flush=True)

    def play(times: int) -> None:
        for _ in range(times):
            watched_cloud.drop_photo(case, f"shoes/{watched_cloud.dropped_count}.jpg")

    play(WARM_UP)
    found = count_warm(watched_cloud, lambda: play(PHOTOS), PHOTOS)
    instructions = {"operation": "replace", **case.instructions}
    price = to_usd(look_up_image_price(case.provider, instructions, ASSUMED_PRICES))
    return CostRow(case.name, case.provider, instructions["operation"], case.has_tags, found, price)


def measure_reconcile(watched_cloud: WatchedCloud) -> list[BillLine]:
    """Returns the bill of one run of reconcile that finds nothing to do."""
    print("reconcile", flush=True)

    def run() -> None:
        functions = watched_cloud.running.clients.functions
        functions.invoke(FunctionName=f"{STACK}-reconcile", Payload=b"{}")["Payload"].read()

    def play(times: int) -> None:
        for _ in range(times):
            run()

    play(WARM_UP)
    watched_cloud.wait_until_quiet()
    found = count_warm(watched_cloud, lambda: play(PHOTOS), PHOTOS, ["reconcile"])
    memory = read_memory(load_one_provider_stack())["reconcile"]
    waits = sum(one.times for one in found.requests if one.operation == "ReceiveMessage") * DEAD_LETTER_WAIT_SECONDS
    invoked, requests = found.invocations["reconcile"], count_requests(found, "reconcile")
    seconds = estimate_seconds(invoked, requests, memory, waits)
    description = f"{seconds:.2f} s at {memory:.2g} GB, {requests:.3g} requests"
    return [
        BillLine("invocations", "lambda requests", 1),
        BillLine(description, "lambda seconds", seconds * memory),
        *build_request_lines(found),
    ]


def measure_rows(home: Home) -> Iterator[CostRow | list[BillLine]]:
    """Yields all rows, and the bill of reconcile in an idle stack with one provider."""
    given = {"DailyBudgetUSD": "1000", "SettleSeconds": "1"}
    alone: Cloud = cloud.up(home, given | ONE_PROVIDER, print, standin_options=["--latency", CALL_SECONDS])
    with watch_cloud(alone) as watched_cloud:
        yield measure_reconcile(watched_cloud)
        yield from (measure_case(watched_cloud, case) for case in IDEOGRAM_CASES)
    with watch_cloud(cloud.up(home, given, print, build=False)) as watched_cloud:
        watched_cloud.dropped_count = 1000
        yield from (measure_case(watched_cloud, case) for case in OTHER_CASES)


def main() -> int:
    """Measures, and writes the page whatever the result."""
    began = time.monotonic()
    with temporary_home() as home:
        found = list(measure_rows(home))
    images = tuple(one for one in found if isinstance(one, CostRow))
    reconcile = tuple(line for one in found if isinstance(one, list) for line in one)
    save_costs(CostResult(describe_environment(), images, reconcile))
    make_aws_cost.PAGE.write_text(make_aws_cost.build_page())
    part = compute_share(images[0], read_memory(load_one_provider_stack()))
    print(f"{images[0].name}: {part:.2%} of the provider's price; {time.monotonic() - began:.0f} s")
    return int(part >= MAX_SHARE)


if __name__ == "__main__":
    sys.exit(main())
