"""What commands and reconcile request of AWS on a large stack: `python -m bench.large_stack`.

Photos are processed in the simulated world, whose calls are counted, and the CPU time of this machine is measured. The
seconds on the page are computed: the requests, divided by the threads that send them, times the assumed time of one.
Nothing was measured on AWS.
"""

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, cast

from backdrop.campaigns.finish import read_items
from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.reconcile.service import MAX_DUE_ITEMS
from backdrop.reconcile.sweep import MAX_PHOTOS
from backdrop_cli.aws_clients import COMMAND_CONCURRENCY
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.main import run
from bench.aws_cost.bill import REQUEST_SECONDS
from bench.extrapolation.fair_queue import FairSqs
from bench.extrapolation.large_world import LargeWorld
from bench.saved_results import FOLDER
from docs.tables import format_table
from simulation.run_environment import describe_environment
from simulation.world.cli_stack import build_simulated_stack
from simulation.world.simulated_stack import INPUT_BUCKET, RECONCILE_INTERVAL_SECONDS, TIMEOUTS_SECONDS
from simulation.world.transport import ServiceCall

NAME = "large_stack"
PAGE = FOLDER / "large_stack.md"
STORED, WAITING = 1_000, 1_000
STORED_FOLDER, WAITING_FOLDER, CAMPAIGN = "stored/", "waiting/", "spring-1"
SETTLING_SECONDS = 600.0
RUNS_PER_HOUR = 3600 / RECONCILE_INTERVAL_SECONDS
TIMEOUT_SECONDS = TIMEOUTS_SECONDS["reconcile"]
SWEEP_ROW, RESEND_ROW = 4, 5
COLUMNS = "work", "photos", "requests", "for 1,000 photos", "at a time", "CPU s", "seconds", "target"
GALLERY, GALLERY_ENTRIES, GALLERY_SECONDS = "`gallery`", 10_000, 60


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
    """A stack with stored photos, which a campaign requested once more, and with jobs that wait in a paused lane."""

    def __init__(self, stored: int = STORED, waiting: int = WAITING) -> None:
        self.world = LargeWorld(1, in_flight=100, seconds=1.0, account=100)
        machine = CampaignStateMachine(cast("Any", NoExecutions()), "machine")
        self._stack = build_simulated_stack(self.world, machine)
        self.world.start()
        for n in range(stored):
            self.world.upload(f"{STORED_FOLDER}{n:05}.jpg")
        self.world.run_until_ended(stored, 100 * stored)
        for n in range(stored):
            request = {"bucket": INPUT_BUCKET, "key": f"{STORED_FOLDER}{n:05}.jpg", "instructions": {}}
            body = json.dumps(request | {"campaign": CAMPAIGN, "task_token": f"token-{n}"})
            self.world.step_functions.issue_token(f"token-{n}")
            self.world.sqs.send_externally(self.world.queues["intake"], body)
        self.world.pass_time(SETTLING_SECONDS)
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

    def measure(self, name: str, act: Callable[[], object], photos: int, threads: int = 1) -> CountedWork:
        """Counts what something requests of AWS."""
        calls: list[ServiceCall] = []
        self.world.transport.listeners.append(calls.append)
        began = time.process_time()
        act()
        cpu_seconds = time.process_time() - began
        self.world.transport.listeners.remove(calls.append)
        return CountedWork(name, photos, len(calls), threads, cpu_seconds)

    def run_command(self, *words: str) -> None:
        """Raises RuntimeError if the command fails."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(words, lambda _: self._stack)
        if code:
            raise RuntimeError(f"backdrop {' '.join(words)}: {out.getvalue()}{err.getvalue()}")

    def read_campaign(self) -> None:
        """Reads the items of the campaign, as its report and `campaign status` do."""
        for _ in read_items(self.world.steps.ledger_queries, CAMPAIGN):
            pass

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
    rows = [
        large.measure("`status`", lambda: large.run_command("status"), photos),
        large.measure("`spend`", lambda: large.run_command("spend"), photos),
        large.measure("the items of a campaign, for its report", large.read_campaign, STORED),
    ]
    with tempfile.TemporaryDirectory() as folder:
        gallery = ("gallery", STORED_FOLDER, "--no-files", "--output", folder, "--yes")
        rows.append(large.measure(GALLERY, lambda: large.run_command(*gallery), STORED, COMMAND_CONCURRENCY))
    rows.append(large.measure_reconcile("reconcile, with the sweep", photos))
    large.lose_messages()
    rows.append(large.measure_reconcile("reconcile, which sends lost messages again", WAITING))
    cancel = ("cancel", "--all", "--yes")
    rows.append(large.measure("`cancel --all`", lambda: large.run_command(*cancel), WAITING, COMMAND_CONCURRENCY))
    return rows


def _format_target(gallery: CountedWork) -> str:
    seconds = gallery.seconds * GALLERY_ENTRIES / gallery.photos
    return f"{GALLERY_ENTRIES:,} in {GALLERY_SECONDS} s: {seconds:.0f} s"


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
            _format_target(row) if row.name == GALLERY else "",
        ]
        for row in rows
    ]
    sweep, resend = rows[SWEEP_ROW], rows[RESEND_ROW]
    return f"""# What commands and reconcile request on a large stack

Written by `python -m bench.large_stack` on {describe_environment()}.

{STORED:,} photos are stored and belong to a campaign, and {WAITING:,} wait in a paused lane. The requests are counted
in the simulated world, and the CPU time is measured, without that of boto3. The seconds are computed: the requests,
{1000 * REQUEST_SECONDS:.0f} ms each, divided by the requests that are made at a time, plus the CPU time. Nothing here
was measured on AWS.

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
