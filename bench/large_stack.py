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
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.ports import CLIENT_CONCURRENCY
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.main import run
from bench.aws_cost.bill import REQUEST_SECONDS
from bench.extrapolation.fair_queue import FairSqs
from bench.extrapolation.large_world import LargeWorld
from bench.saved_results import FOLDER
from simulation.world.cli_stack import build_simulated_stack
from simulation.world.simulated_stack import RECONCILE_INTERVAL_SECONDS
from simulation.world.transport import ServiceCall

NAME = "large_stack"
PAGE = FOLDER / "large_stack.md"
STORED, WAITING = 1_000, 1_000
STORED_FOLDER, WAITING_FOLDER = "stored/", "waiting/"
SETTLING_SECONDS = 600.0


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


class LargeStack:
    """A stack with stored photos, and with jobs that wait in a paused lane."""

    def __init__(self, stored: int = STORED, waiting: int = WAITING) -> None:
        self.world = LargeWorld(1, in_flight=100, seconds=1.0, account=100)
        paginator = SimpleNamespace(paginate=_list_no_executions)
        state_machines = SimpleNamespace(get_paginator=lambda operation: paginator if operation else None)
        machine = CampaignStateMachine(cast("Any", state_machines), "machine")
        self._stack = build_simulated_stack(self.world, machine)
        self.world.start()
        for n in range(stored):
            self.world.upload(f"{STORED_FOLDER}{n:05}.jpg")
        self.world.run_until_ended(stored, 100 * stored)
        breaker = self.world.steps.bootstrap.breaker
        breaker.pause("ideogram", PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "for the bench")
        for n in range(waiting):
            self.world.upload(f"{WAITING_FOLDER}{n:05}.jpg")
        self.pass_time(SETTLING_SECONDS)

    def pass_time(self, seconds: float) -> None:
        self.world.event_loop.run_until(self.world.clock.time + timedelta(seconds=seconds))

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
        self.pass_time(RECONCILE_INTERVAL_SECONDS)
        requests = self.world.diary.count_requests("reconcile") - before
        return CountedWork(name, photos, requests, 1, time.process_time() - began)


def _list_no_executions(**_request: Any) -> Iterator[Any]:
    return iter(())


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


if __name__ == "__main__":
    for row in measure_large_stack():
        print(row, f"{row.seconds:.1f} s")
