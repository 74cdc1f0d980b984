"""The command `python -m bench.broken_connections`: how many charges stay unknown when connections break.

The product's code buys the same photos in the simulated world, once from Ideogram v1 and once from v2. Each second of
an open connection breaks it with the same probability, from the last byte of the request on: a request that breaks
earlier provably did not arrive, and costs nothing. Status queries break as well.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random

from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus
from backdrop.ports import IdeogramEndpoint
from simulation.run_environment import describe_environment
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up
from simulation.world.sample_images import build_picture
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World

PAGE = Path("docs/results/broken_connections.md")
# Segmind's measured average for Ideogram's model.
GENERATION_SECONDS = 15.0
STATUS_QUERY_SECONDS = 0.2
# Assumed: Ideogram does not document how soon it acknowledges a submission.
MIN_ACKNOWLEDGMENT_SECONDS, MAX_ACKNOWLEDGMENT_SECONDS = 0.5, 1.5
BREAKS_PER_SECOND = (0.02,)
NO_LIMIT = 10**15
MAX_RATIO = 0.1
MAX_DELIVERIES_PER_PHOTO = 200


@dataclass(frozen=True)
class BrokenConnections:
    """What became of the paid calls. Amounts are micro-dollars."""

    calls: int
    unknown_calls: int
    unknown: int
    confirmed: int
    billed: int

    @property
    def unknown_share(self) -> float:
        """The share of calls whose charge is unknown."""
        return self.unknown_calls / self.calls


def simulate(endpoint: IdeogramEndpoint, photos: int, breaks_per_second: float, seed: int) -> BrokenConnections:
    """Buys these photos. A job whose answer is lost is held, so no second call hides the first one's charge."""
    random = Random(f"{seed} {endpoint} {breaks_per_second}")
    world = World(
        seed,
        kind=ProviderKind.LOOKUP_BY_PROVIDER_ID,
        ideogram_endpoint=endpoint,
        on_lost_answer="hold",
        budget=NO_LIMIT,
    )
    acknowledgments = Random(f"acknowledgments {seed}")

    # One quantile of the exponential distribution for each call, in random order: less noise than independent draws.
    quantiles = [(n + 0.5) / photos for n in range(photos)]
    random.shuffle(quantiles)
    next_quantile = cycle(quantiles)

    def choose_behavior() -> CallBehavior:
        breaks_after = -math.log(1 - next(next_quantile)) / breaks_per_second
        acknowledged_after = acknowledgments.uniform(MIN_ACKNOWLEDGMENT_SECONDS, MAX_ACKNOWLEDGMENT_SECONDS)
        if breaks_after < (GENERATION_SECONDS if endpoint is IdeogramEndpoint.V1 else acknowledged_after):
            return build_charged_hang_up(breaks_after)
        return CallBehavior(work_seconds=GENERATION_SECONDS, acknowledgment_seconds=acknowledged_after)

    def break_status_query() -> LookupStatus | None:
        breaks = random.expovariate(breaks_per_second) < STATUS_QUERY_SECONDS
        return LookupStatus.PENDING if breaks else None

    world.provider.behavior_sources.append(choose_behavior)
    world.provider.override_lookup = break_status_query
    for n in range(photos):
        world.upload_photo(f"{n}.jpg", build_picture(f"{n}"), operation="replace", prompt="on a beach")
    world.run_until_empty(max_deliveries=MAX_DELIVERIES_PER_PHOTO * photos)
    return _count(world.list_jobs(), world.provider.charged_micro_usd)


def _count(jobs: Sequence[Job], billed: int) -> BrokenConnections:
    attempts = [attempt for job in jobs for attempt in job.attempts]
    return BrokenConnections(
        calls=len(attempts),
        unknown_calls=sum(attempt.unknown > 0 for attempt in attempts),
        unknown=sum(attempt.unknown for attempt in attempts),
        confirmed=sum(attempt.charged for attempt in attempts),
        billed=billed,
    )


def main() -> int:
    """Simulates, and writes the page. Returns 1 if v2 leaves more than a tenth as many charges unknown."""
    parser = argparse.ArgumentParser(prog="python -m bench.broken_connections", description=__doc__)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    rows, ratios = list[str](), list[float]()
    for rate in BREAKS_PER_SECOND:
        v1, v2 = (simulate(endpoint, options.photos, rate, options.seed) for endpoint in IdeogramEndpoint)
        for found in (v1, v2):
            if not found.confirmed <= found.billed <= found.confirmed + found.unknown:
                raise RuntimeError(f"the bill does not fit the ledger: {found}")
        ratios.append(v2.unknown_calls / v1.unknown_calls if v1.unknown_calls else math.inf)
        rows.append(
            f"| {rate:g} | {v1.unknown_calls} of {v1.calls} ({v1.unknown_share:.2%}) "
            f"| {v2.unknown_calls} of {v2.calls} ({v2.unknown_share:.2%}) | {ratios[-1]:.3f} |"
        )
        print(rows[-1], flush=True)
    options.out.write_text(_build_page(rows, options.photos, options.seed))
    return int(max(ratios) > MAX_RATIO)


def _build_page(rows: Sequence[str], photos: int, seed: int) -> str:
    table = "\n".join(rows)
    return f"""# Charges that stay unknown when connections break

`python -m bench.broken_connections --photos {photos} --seed {seed}` writes this page. Run on
{describe_environment()}.

The product's code buys {photos:,} photos from Ideogram in the simulated world, once from v1 and once from v2
(`IdeogramEndpoint`). Each second of an open connection breaks it with the same probability. A job whose answer is
lost is held, so each photo has one call. In every row, the provider's bill is between what the ledger has confirmed
and that sum plus what is unknown.

| breaks per second of open connection | unknown with v1 | unknown with v2 | v2 / v1 |
|---|---|---|---|
{table}

Assumptions: a generation takes {GENERATION_SECONDS:g} s, Segmind's measured average for the same model. v2
acknowledges a submission {MIN_ACKNOWLEDGMENT_SECONDS:g} to {MAX_ACKNOWLEDGMENT_SECONDS:g} s after its last byte, at
random. A status query takes {STATUS_QUERY_SECONDS:g} s. The times at which connections break are evenly spread over
the quantiles of their distribution, so the figures have little noise. The upload of the photo is not counted: if the
connection breaks before the last byte, nothing was bought, and Backdrop knows that.
"""


if __name__ == "__main__":
    raise SystemExit(main())
