"""What commands and reconcile request of AWS on a large stack: `python -m bench.large_stack`.

Photos are processed in the simulated world, whose calls are counted, and the CPU time of this machine is measured. The
seconds on the page are computed: the requests, divided by the threads that send them, times the assumed time of one.
Nothing was measured on AWS.
"""

import io
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, cast

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.ports import CLIENT_CONCURRENCY
from backdrop.reconcile.service import MAX_DUE_ITEMS
from backdrop.reconcile.sweep import MAX_PHOTOS
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.main import run
from bench.aws_cost.bill import REQUEST_SECONDS
from bench.extrapolation.fair_queue import FairSqs
from bench.extrapolation.large_world import LargeWorld
from bench.saved_results import FOLDER
from docs.tables import format_table
from simulation.run_environment import describe_environment
from simulation.world.cli_stack import build_simulated_stack
from simulation.world.simulated_stack import RECONCILE_INTERVAL_SECONDS, TIMEOUTS_SECONDS
from simulation.world.transport import ServiceCall

NAME = "large_stack"
PAGE = FOLDER / "large_stack.md"
STORED, WAITING = 1_000, 1_000
STORED_FOLDER, WAITING_FOLDER = "stored/", "waiting/"
SETTLING_SECONDS = 600.0
RUNS_PER_HOUR = 3600 / RECONCILE_INTERVAL_SECONDS
TIMEOUT_SECONDS = TIMEOUTS_SECONDS["reconcile"]
SWEEP_ROW, RESEND_ROW = 3, 4
COLUMNS = "work", "photos", "requests", "for 1,000 photos", "at a time", "CPU s", "seconds", "target"
TARGETS = {"`gallery`": "10,000 entries in a minute"}


@dataclass(frozen=True)
class CountedWork:
    """A command, or a run of reconcile. `requests`: to AWS. `threads`: how many requests it makes at a time."""

    name: str
    photos: int
    requests: int
    threads: int
    cpu_seconds: float

    @property
    def seconds(self) -> float:
        """The computed duration."""
        return self.requests / self.threads * REQUEST_SECONDS + self.cpu_seconds


class NoExecutions:
    """Step Functions without any campaign."""

    def get_paginator(self, _operation: str) -> "NoExecutions":
        return self

    def paginate(self, **_request: Any) -> Iterator[dict[str, Any]]:
        return iter(())


class LargeStack:
    """A stack with stored photos, and with jobs that wait in a paused lane."""

    def __init__(self, stored: int = STORED, waiting: int = WAITING) -> None:
        self.world = LargeWorld(1, in_flight=100, seconds=1.0, account=100)
        machine = CampaignStateMachine(cast("Any", NoExecutions()), "machine")
        self._stack = build_simulated_stack(self.world, machine)
        self.world.start()
        for n in range(stored):
            self.world.upload(f"{STORED_FOLDER}{n:05}.jpg")
        self.world.run_until_ended(stored, 100 * stored)
        breaker = self.world.steps.bootstrap.breaker
        breaker.pause("ideogram", PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "for the bench")
        for n in range(waiting):
            self.world.upload(f"{WAITING_FOLDER}{n:05}.jpg")
        self.world.pass_time(SETTLING_SECONDS)

    def lose_messages(self) -> None:
        """Loses all messages of the lane, and lets them grow so old that reconcile sends the jobs again."""
        queue = cast("FairSqs", self.world.sqs).find_fair_queue(self.world.queues["ideogram"])
        queue.receivable.clear()
        queue.delayed.clear()
        self.world.clock.advance_to(self.world.clock.time + MESSAGE_LIFETIME)

    def measure_command(self, name: str, *words: str, photos: int = 0, threads: int = 1) -> CountedWork:
        """Raises RuntimeError if the command fails."""
        counts, out, err = Counter[str](), io.StringIO(), io.StringIO()

        def count(call: ServiceCall) -> None:
            counts[f"{call.service} {call.operation}"] += 1

        self.world.transport.listeners.append(count)
        began = time.process_time()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(words, lambda _: self._stack)
        self.world.transport.listeners.remove(count)
        if code:
            raise RuntimeError(f"backdrop {' '.join(words)}: {out.getvalue()}{err.getvalue()}")
        return CountedWork(name, photos, counts.total(), threads, time.process_time() - began)

    def measure_reconcile(self, name: str, photos: int) -> CountedWork:
        """Counts what the next scheduled run of reconcile requests."""
        before, began = self.world.diary.count_requests("reconcile"), time.process_time()
        self.world.pass_time(RECONCILE_INTERVAL_SECONDS)
        requests = self.world.diary.count_requests("reconcile") - before
        return CountedWork(name, photos, requests, 1, time.process_time() - began)


def measure_large_stack() -> Sequence[CountedWork]:
    """Measures everything on one stack. The last command ends what the earlier ones list."""
    large = LargeStack()
    photos = STORED + WAITING
    with tempfile.TemporaryDirectory() as folder:
        gallery = ("gallery", STORED_FOLDER, "--no-files", "--output", folder, "--yes")
        rows = [
            large.measure_command("`status`", "status", photos=photos),
            large.measure_command("`spend`", "spend", photos=photos),
            large.measure_command("`gallery`", *gallery, photos=STORED, threads=CLIENT_CONCURRENCY),
        ]
    rows.append(large.measure_reconcile("reconcile, with the sweep", photos))
    large.lose_messages()
    rows.append(large.measure_reconcile("reconcile, which sends lost messages again", WAITING))
    cancel = ("cancel", "--all", "--yes")
    rows.append(large.measure_command("`cancel --all`", *cancel, photos=WAITING, threads=CLIENT_CONCURRENCY))
    return rows


def format_page(rows: Sequence[CountedWork]) -> str:
    lines = [
        [
            row.name,
            f"{row.photos:,}",
            f"{row.requests:,}",
            f"{1000 * row.requests / row.photos:,.0f}",
            str(row.threads),
            f"{row.cpu_seconds:.1f}",
            f"{row.seconds:.1f}",
            TARGETS.get(row.name, ""),
        ]
        for row in rows
    ]
    sweep, resend = rows[SWEEP_ROW], rows[RESEND_ROW]
    return f"""# What commands and reconcile request on a large stack

Written by `python -m bench.large_stack` on {describe_environment()}.

{STORED:,} photos are stored, and {WAITING:,} wait in a paused lane. The requests are counted in the simulated world,
and the CPU time is measured. The seconds are computed: the requests, {1000 * REQUEST_SECONDS:.0f} ms each, divided by
the requests that are made at a time, plus the CPU time. Nothing here was measured on AWS.

{format_table(COLUMNS, lines)}

## What limits them

- **Sweep**: {MAX_PHOTOS:,} photos in each run, so {MAX_PHOTOS * RUNS_PER_HOUR:,.0f} per hour. A run takes
  {sweep.seconds:.0f} of the {TIMEOUT_SECONDS} s that it has.
- **Lost messages**: {MAX_DUE_ITEMS:,} jobs in each run, so {MAX_DUE_ITEMS * RUNS_PER_HOUR:,.0f} per hour. A run takes
  {resend.seconds:.0f} s; the time would allow {TIMEOUT_SECONDS / resend.seconds * resend.photos:,.0f}.
- **`cancel --all` and `gallery`** take as long as their requests, which grow with the photos that they are about.
- **`status` and `spend`** read pages of the index, which has an entry for each photo that has not ended.
"""


def main() -> None:
    """Measures, and writes the page."""
    PAGE.write_text(format_page(measure_large_stack()))


if __name__ == "__main__":
    main()
