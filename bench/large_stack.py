"""What commands and reconcile request of AWS on a large stack.

Photos are processed in the simulated world, whose calls are counted, and the CPU time of this machine is measured. The
seconds are computed: the requests, divided by the threads that send them, times the assumed time of one. Nothing was
measured on AWS.
"""

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from backdrop.campaigns.finish import read_items
from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.ports import CLIENT_CONCURRENCY
from backdrop.reconcile.service import MAX_DUE_ITEMS
from backdrop.reconcile.sweep import MAX_PHOTOS
from backdrop_cli.aws_clients import COMMAND_CONCURRENCY
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.main import run
from bench.aws_cost.bill import REQUEST_SECONDS
from bench.aws_cost.dynamodb_units import READ_BYTES, measure_item_bytes
from bench.aws_cost.prices import PRICES
from bench.extrapolation.fair_queue import FairQueue, FairSqs
from bench.extrapolation.large_world import LargeWorld
from docs.tables import format_table
from simulation.world.cli_stack import build_simulated_stack
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, RECONCILE_INTERVAL_SECONDS, TIMEOUTS_SECONDS, World
from simulation.world.transport import ServiceCall

STORED, WAITING = 1_000, 1_000
STORED_FOLDER, WAITING_FOLDER, CAMPAIGN = "stored/", "waiting/", "spring-1"
SETTLING_SECONDS = 600.0
RUNS_PER_HOUR = 3600 / RECONCILE_INTERVAL_SECONDS
TIMEOUT_SECONDS = TIMEOUTS_SECONDS["reconcile"]
SDK_CPU_SECONDS = 0.0015
"""Assumed: boto3's CPU time for a small request. The threads of a program share one interpreter."""
COLUMNS = "work", "photos", "requests", "for 1,000 photos", "at a time", "CPU s", "seconds"
GALLERY_ENTRIES = 10_000
MILLION = 1_000_000
SCAN_PAGE_BYTES = 2**20
"""A page of a scan contains at most 1 MB (DynamoDB Developer Guide, "Scanning tables")."""


@dataclass(frozen=True)
class CountedWork:
    """A command, or a run of reconcile. `requests`: to AWS. `threads`: how many requests it makes at a time.

    `cpu_seconds`: the CPU time of this project's own code.
    """

    name: str
    photos: int
    requests: int
    threads: int
    cpu_seconds: float

    @property
    def seconds(self) -> float:
        """The computed duration."""
        waiting, sdk = self.requests / self.threads * REQUEST_SECONDS, self.requests * SDK_CPU_SECONDS
        return max(waiting, sdk) + self.cpu_seconds


@dataclass(frozen=True)
class LargeStackResult:
    """What was counted on one stack."""

    status: CountedWork
    spend: CountedWork
    campaign: CountedWork
    gallery: CountedWork
    sweep: CountedWork
    resend: CountedWork
    cancel: CountedWork

    @property
    def gallery_seconds(self) -> float:
        """The computed duration of a gallery of 10,000 entries."""
        return self.gallery.seconds * GALLERY_ENTRIES / self.gallery.photos


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
        """Loses all messages of the lane, and advances the clock until reconcile sends the jobs again."""
        queue = self._lane
        queue.receivable.clear()
        queue.delayed.clear()
        queue.message_count = 0
        self.world.clock.advance_to(self.world.clock.time + MESSAGE_LIFETIME)

    @property
    def _lane(self) -> FairQueue:
        return cast("FairSqs", self.world.sqs).find_fair_queue(self.world.queues["ideogram"])

    def count_lane_messages(self) -> int:
        return self._lane.message_count

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
        runs = self._count_reconcile_runs()

        def run_once() -> None:
            deadline = self.world.clock.time + timedelta(seconds=2 * RECONCILE_INTERVAL_SECONDS)
            self.world.event_loop.run_until(deadline, lambda: self._count_reconcile_runs() > runs)

        return self.measure(name, run_once, photos)

    def _count_reconcile_runs(self) -> int:
        """Returns how many runs have ended."""
        log, current = self.world.diary.invocations["reconcile"], self.world.lambda_service.invocations
        return log + sum(one.name.startswith("reconcile-") and one.ended_at is not None for one in current)


def measure(stored: int = STORED, waiting: int = WAITING) -> LargeStackResult:
    """Measures everything on one stack. The last command ends what the earlier ones list.

    Raises:
        RuntimeError: a command failed, or did less than it should.
    """
    large, photos = LargeStack(stored, waiting), stored + waiting
    status = large.measure("`status`", lambda: large.run_command("status"), photos)
    spend = large.measure("`spend`", lambda: large.run_command("spend"), photos)
    campaign = large.measure("the items of a campaign, for its report", large.read_campaign, stored, CLIENT_CONCURRENCY)
    with tempfile.TemporaryDirectory() as folder:
        gallery_command = ("gallery", STORED_FOLDER, "--no-files", "--output", folder, "--yes")
        gallery = large.measure("`gallery`", lambda: large.run_command(*gallery_command), stored, COMMAND_CONCURRENCY)
        _require("pictures in the gallery", sum(1 for _ in Path(folder).glob("*/*.webp")), 2 * stored)
    sweep = large.measure_reconcile("reconcile, with the sweep", photos)
    large.lose_messages()
    resend = large.measure_reconcile("reconcile, which sends lost messages again", waiting)
    _require("messages sent again", large.count_lane_messages(), min(waiting, MAX_DUE_ITEMS))
    cancel = large.measure(
        "`cancel --all`", lambda: large.run_command("cancel", "--all", "--yes"), waiting, COMMAND_CONCURRENCY
    )
    jobs = large.world.list_jobs()
    _require("canceled jobs", sum(job.status is JobStatus.CANCELLED for job in jobs), waiting)
    return LargeStackResult(status, spend, campaign, gallery, sweep, resend, cancel)


def _require(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise RuntimeError(f"{what}: {found:,} instead of {expected:,}")


def format_section(found: LargeStackResult) -> str:
    rows = [getattr(found, field.name) for field in fields(found)]
    lines = [
        [
            row.name,
            f"{row.photos:,}",
            f"{row.requests:,}",
            f"{1000 * row.requests / row.photos:,.0f}",
            str(row.threads),
            f"{row.cpu_seconds:.1f}",
            f"{row.seconds:.1f}",
        ]
        for row in rows
    ]
    sweep, resend = found.sweep, found.resend
    return "\n\n".join(
        [
            f"What commands and reconcile request of AWS if {STORED:,} photos are stored and belong to a campaign, and"
            f" {WAITING:,} wait in a paused lane. The requests are counted in the simulated world, and the CPU time is"
            " measured, without that of boto3. The seconds are computed: that CPU time, and the requests,"
            f" {1000 * REQUEST_SECONDS:.0f} ms each, divided by those that are made at a time, but at least"
            f" {1000 * SDK_CPU_SECONDS:.1f} ms of boto3's CPU time each (assumed).",
            format_table(COLUMNS, lines),
            "What limits them:",
            "\n".join(
                [
                    f"- **Sweep**: {MAX_PHOTOS:,} photos in each run, so {MAX_PHOTOS * RUNS_PER_HOUR:,.0f} per hour. A"
                    f" run takes {sweep.seconds:.0f} of the {TIMEOUT_SECONDS} s that it has.",
                    f"- **Lost messages**: {MAX_DUE_ITEMS:,} jobs in each run, so {MAX_DUE_ITEMS * RUNS_PER_HOUR:,.0f}"
                    f" per hour. A run takes {resend.seconds:.0f} s; the time would allow"
                    f" {TIMEOUT_SECONDS / resend.seconds * resend.photos:,.0f}.",
                    "- **`cancel --all` and `gallery`** take as long as their requests, which grow with the photos that"
                    f" they are about. A gallery of {GALLERY_ENTRIES:,} entries, without files in full size, takes"
                    f" {found.gallery_seconds:.0f} s, computed from one of {found.gallery.photos:,}.",
                    _format_scans(found),
                ]
            ),
        ]
    )


def _format_scans(found: LargeStackResult) -> str:
    photo_bytes = measure_ledger_bytes()
    pages = MILLION * photo_bytes / SCAN_PAGE_BYTES
    # Eventually consistent reads cost half a unit.
    usd = PRICES["dynamodb reads"].list_usd(MILLION * photo_bytes / READ_BYTES / 2)
    seconds = [pages * REQUEST_SECONDS + one.cpu_seconds * MILLION / one.photos for one in (found.status, found.spend)]
    return (
        "- **`status` and `spend`** read the whole ledger, one page of 1 MB after the other. A stored photo has"
        f" {photo_bytes / 1000:.1f} KB there, so a million are {pages:,.0f} pages: at least {seconds[0]:.0f} or"
        f" {seconds[1]:.0f} s, as if a page took no longer than a small request, and ${usd:.2f}."
        " `LedgerRetentionDays` limits what the ledger keeps."
    )


def measure_ledger_bytes() -> int:
    """Returns the bytes of the items of a stored photo."""
    world = World()
    sizes: list[int] = []
    for n in range(2):
        world.upload_photo(f"{STORED_FOLDER}{n}.jpg", build_photo(str(n)), operation="replace", prompt="on a beach")
        world.run_until_empty()
        sizes.append(sum(map(measure_item_bytes, world.table.items.values())))
    return sizes[1] - sizes[0]
