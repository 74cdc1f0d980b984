"""Counts what an image asks of AWS, and writes docs/results/aws_cost.json and its page: `python -m bench.aws_cost`.

1 where a replaced image at Ideogram takes more than the share of its price that it may.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence

from backdrop.model.pricing import look_up_image_price, to_usd
from backdrop_local import cloud
from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK, Home
from bench.aws_cost.bill import Line, request_lines, requests_of, seconds_on_aws
from bench.aws_cost.found import Found, Row, keep
from bench.aws_cost.idle import ONE_PROVIDER, one_provider
from bench.aws_cost.page import MOST_SHARE, memory_of, share
from bench.aws_cost.play import PHOTOS, STAGES, WARM_UP, Case, ColdStartError, Counted, Stage, watched
from bench.passing import passing_home
from docs import make_aws_cost
from simulation.run_environment import describe_environment

LETTERS_SECONDS = 1
"""How long reconcile waits for a dead letter that is not there (backdrop/aws/sqs.py)."""
BEACH = {"prompt": "on a beach"}
IDEOGRAM = (
    Case("Ideogram replaces, with a sidecar", BEACH),
    Case("Ideogram replaces, with tags", BEACH, tagged=True),
    Case("Ideogram removes, with a sidecar", {"operation": "remove"}),
)
OTHERS = (
    Case("Segmind replaces, with a sidecar", BEACH, "segmind"),
    Case("1min.ai replaces, with a sidecar", BEACH, "1min"),
    Case("Runware replaces, with a sidecar", BEACH, "runware"),
)
ASSUMED_PRICES = {"1min": 50_000}
"""1min.ai sells credits; micro-dollars, as on the local cloud."""
TRIES = 3
CALL_SECONDS = "3"
"""A call that lasts: the first receipt is written while it is out, as it is on AWS."""


def counted(stage: Stage, work: Callable[[], object], images: int, functions: Sequence[str] = STAGES) -> Counted:
    """Once warm; begun again where a function started cold after all."""
    for _ in range(TRIES):
        try:
            return stage.counted(work, images, functions)
        except ColdStartError as error:
            print(f"again: {error}")
    raise ColdStartError(f"{TRIES} times in a row")


def row(stage: Stage, case: Case) -> Row:
    """One case, played."""
    print(case.name, flush=True)

    def play(times: int) -> None:
        for _ in range(times):
            stage.drop(case, f"shoes/{stage.dropped}.jpg")

    play(WARM_UP)
    found = counted(stage, lambda: play(PHOTOS), PHOTOS)
    asked = {"operation": "replace", **case.said}
    price = to_usd(look_up_image_price(case.provider, asked, ASSUMED_PRICES))
    return Row(case.name, case.provider, asked["operation"], case.tagged, found, price)


def runs_of_reconcile(stage: Stage) -> list[Line]:
    """What one run asks of AWS while there is nothing to do."""
    print("reconcile", flush=True)

    def run() -> None:
        stage.running.clients.functions.invoke(FunctionName=f"{STACK}-reconcile", Payload=b"{}")

    def play(times: int) -> None:
        for _ in range(times):
            run()

    play(WARM_UP)
    stage.wait_until_quiet()
    found = counted(stage, lambda: play(PHOTOS), PHOTOS, ["reconcile"])
    memory = memory_of(one_provider())["reconcile"]
    waits = sum(one.times for one in found.asked if one.operation == "ReceiveMessage") * LETTERS_SECONDS
    invoked, requests = found.invoked["reconcile"], requests_of(found, "reconcile")
    seconds = seconds_on_aws(invoked, requests, memory, waits)
    told = f"{seconds:.2f} s at {memory:.2g} GB, {requests:.3g} requests"
    return [
        Line("invocations", "lambda requests", 1),
        Line(told, "lambda seconds", seconds * memory),
        *request_lines(found),
    ]


def rows(home: Home) -> Iterator[Row | list[Line]]:
    """All rows, and between them what reconcile does in an idle stack with one provider."""
    given = {"DailyBudgetUSD": "1000", "SettleSeconds": "1"}
    alone: Cloud = cloud.up(home, given | ONE_PROVIDER, print, standin_options=["--latency", CALL_SECONDS])
    with watched(alone) as stage:
        yield runs_of_reconcile(stage)
        yield from (row(stage, case) for case in IDEOGRAM)
    with watched(cloud.up(home, given, print, build=False)) as stage:
        stage.dropped = 1000
        yield from (row(stage, case) for case in OTHERS)


def main() -> int:
    """Write the page, whatever is found."""
    began = time.monotonic()
    with passing_home() as home:
        found = list(rows(home))
    images = tuple(one for one in found if isinstance(one, Row))
    reconcile = tuple(line for one in found if isinstance(one, list) for line in one)
    keep(Found(describe_environment(), images, reconcile))
    make_aws_cost.PAGE.write_text(make_aws_cost.page())
    part = share(images[0], memory_of(one_provider()))
    print(f"{images[0].name}: {part:.2%} of the provider's price; {time.monotonic() - began:.0f} s")
    return int(part >= MOST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
