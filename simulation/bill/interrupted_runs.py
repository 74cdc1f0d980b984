"""Runs of the comparison that die at a write, or during which another run starts and ends."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.reconcile.bill_reconciliation import BillReconciliation

SHARE_OF_INTERRUPTED_RUNS = 0.6
MAX_WRITES_BEFORE = 8
LEDGER_WRITES = ("write_transition", "put_usage_day", "put_bill_state")


class RunInterrupter:
    """Interrupts runs of `service` at a random write: before it, after it, or with another run (`run_other`)."""

    def __init__(self, service: BillReconciliation, run_other: Callable[[], object], random: Random) -> None:
        self._run_other, self._random = run_other, random
        self._writes_left: int | None = None
        ledger, queue = service.ledger, service.deliver_queue
        service.ledger = _Intercepted(ledger, LEDGER_WRITES, self._write)  # pyrefly: ignore[bad-assignment]
        service.deliver_queue = _Intercepted(queue, ("send",), self._write)  # pyrefly: ignore[bad-assignment]

    def plan(self) -> None:
        """Decides whether the next run is interrupted, and at which of its writes."""
        is_interrupted = self._random.random() < SHARE_OF_INTERRUPTED_RUNS
        self._writes_left = self._random.randrange(MAX_WRITES_BEFORE) if is_interrupted else None

    def stop(self) -> None:
        self._writes_left = None

    def _write(self, write: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self._writes_left != 0:
            self._writes_left = self._writes_left - 1 if self._writes_left else None
            return write(*arguments, **named)
        self._writes_left = None
        match self._random.randrange(3):
            case 0:
                raise RetryLaterError(Code.LEDGER_UNAVAILABLE, "The write failed.", 1)
            case 1:
                write(*arguments, **named)
                raise RetryLaterError(Code.LEDGER_UNAVAILABLE, "The run died after the write.", 1)
            case _:
                self._run_other()
                return write(*arguments, **named)


class _Intercepted:
    """The adapter, whose writes pass through `write`."""

    def __init__(self, adapter: Ledger | Queue, names: tuple[str, ...], write: Callable[..., Any]) -> None:
        self._adapter, self._names, self._write = adapter, names, write

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._adapter, name)
        return partial(self._write, method) if name in self._names else method
