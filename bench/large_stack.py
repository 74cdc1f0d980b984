"""What commands and reconcile request of AWS on a large stack: `python -m bench.large_stack`.

Photos are processed in the simulated world, whose calls are counted, and the CPU time of this machine is measured. The
seconds on the page are computed: the requests, divided by the threads that send them, times the assumed time of one.
Nothing was measured on AWS.
"""

import io
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.ports import CLIENT_CONCURRENCY
from backdrop.reconcile.service import MAX_DUE_ITEMS
from backdrop.reconcile.sweep import MAX_PHOTOS, MIN_AGE
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.main import run
from bench.aws_cost.bill import REQUEST_SECONDS
from bench.extrapolation.large_world import LargeWorld
from bench.saved_results import FOLDER, load_result, save_result
from docs.tables import format_table
from simulation.world.cli_stack import build_simulated_stack
from simulation.world.simulated_stack import RECONCILE_INTERVAL_SECONDS
from simulation.world.transport import ServiceCall

NAME = "large_stack"
PAGE = FOLDER / "large_stack.md"
STORED, WAITING = 300, 100
WAITING_FOLDER = "waiting/"
RUNS_PER_HOUR = 3600 / RECONCILE_INTERVAL_SECONDS


@dataclass(frozen=True)
class CountedWork:
    """One command, or one run of reconcile. `requests`: to AWS. `threads`: how many send them at a time."""

    name: str
    requests: int
    threads: int
    cpu_seconds: float
    next_limit: str

    @property
    def seconds(self) -> float:
        """The computed duration."""
        return self.requests / self.threads * REQUEST_SECONDS + self.cpu_seconds


class LargeStack:
    """A stack with stored photos, and with jobs that wait in a paused lane."""

    def __init__(self) -> None:
        self.world = LargeWorld(1, in_flight=100, seconds=1.0, account=100)
        states = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: iter(())))
        self._stack = build_simulated_stack(self.world, CampaignStateMachine(cast("Any", states), "machine"))
        self.world.start()
        for n in range(STORED):
            self.world.upload(f"stored/{n:05}.jpg")
        self.world.run_until_ended(STORED, 100 * STORED)
        self.world.steps.bootstrap.breaker.pause(
            "ideogram", PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "for the bench"
        )
        for n in range(WAITING):
            self.world.upload(f"{WAITING_FOLDER}{n:05}.jpg")
        self.world.run_for(60)

    def run_command(self, *words: str) -> None:
        """Raises RuntimeError if the command fails."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(words, lambda _: self._stack)
        if code:
            raise RuntimeError(f"backdrop {' '.join(words)}: {out.getvalue()}{err.getvalue()}")

    @contextmanager
    def count_requests(self) -> Iterator[Counter[str]]:
        """Counts the calls to AWS, by operation, while the block runs."""
        counts: Counter[str] = Counter()

        def count(call: ServiceCall) -> None:
            counts[f"{call.service} {call.operation}"] += 1

        self.world.transport.listeners.append(count)
        try:
            yield counts
        finally:
            self.world.transport.listeners.remove(count)

    def measure(self, name: str, act: Callable[[], object], next_limit: str, threads: int = 1) -> CountedWork:
        began = time.process_time()
        with self.count_requests() as counts:
            act()
        return CountedWork(name, counts.total(), threads, time.process_time() - began, next_limit)


def measure_large_stack() -> Sequence[CountedWork]:
    """Measures everything on one stack. The last commands end what the earlier ones list."""
    large = LargeStack()
    world = large.world
    reconcile = world.steps.run_reconcile
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            large.measure("`status`", lambda: large.run_command("status"), ""),
            large.measure("`spend`", lambda: large.run_command("spend"), ""),
            large.measure(
                f"`gallery` of {STORED:,} photos",
                lambda: large.run_command("gallery", "stored/", "--no-files", "--output", folder, "--yes"),
                "",
                CLIENT_CONCURRENCY,
            ),
        ]
    world.run_for(MIN_AGE.total_seconds())
    rows.append(
        large.measure(f"reconcile, which sweeps {MAX_PHOTOS:,} photos", lambda: reconcile(world.clock.time), "")
    )
    world.queues["ideogram"].messages.clear()
    world.run_for(MESSAGE_LIFETIME.total_seconds())
    rows.append(
        large.measure(
            f"reconcile, which sends {MAX_DUE_ITEMS:,} lost messages", lambda: reconcile(world.clock.time), ""
        )
    )
    rows.append(
        large.measure(
            f"`cancel --all` of {WAITING:,} jobs",
            lambda: large.run_command("cancel", "--all", "--yes"),
            "",
            CLIENT_CONCURRENCY,
        )
    )
    return rows


if __name__ == "__main__":
    for row in measure_large_stack():
        print(row, f"{row.seconds:.1f} s")
