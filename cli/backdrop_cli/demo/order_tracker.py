"""Tracks uploaded files until all have ended, or none makes progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from backdrop.ports import Clock
from backdrop_cli.demo.order_progress import OrderProgress
from backdrop_cli.demo.order_uploads import UploadedOrder
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.watch_loop import poll_until

POLL_INTERVAL_SECONDS = 0.3


@dataclass
class OrderTracker:
    """The files of one demo by key, as last polled, in the order of their upload."""

    read_progress: Callable[[str], OrderProgress]
    idle_timeout_seconds: float
    uploaded_orders: dict[str, UploadedOrder] = field(default_factory=dict[str, UploadedOrder])
    progress: dict[str, OrderProgress] = field(default_factory=dict[str, OrderProgress])

    def add(self, uploaded: UploadedOrder) -> None:
        self.uploaded_orders[uploaded.key] = uploaded
        self.progress[uploaded.key] = OrderProgress()

    def poll(self) -> bool:
        """Reads each file that has not ended; returns whether any changed."""
        previous = dict(self.progress)
        for key in self.list_unfinished_keys():
            self.progress[key] = self.read_progress(key)
        return self.progress != previous

    def list_unfinished_keys(self) -> Sequence[str]:
        return [key for key, progress in self.progress.items() if not progress.is_final]

    def wait_until_done(self, show: Callable[[], None], clock: Clock) -> None:
        """Polls until all files have ended, or none has changed for `idle_timeout_seconds`."""

        def poll_and_show() -> bool:
            has_changed = self.poll()
            show()
            return has_changed

        def find_stop_reason(idle_seconds: float) -> str:
            return "no progress" if idle_seconds > self.idle_timeout_seconds else ""

        poll_until(
            poll_and_show,
            lambda: not self.list_unfinished_keys(),
            find_stop_reason,
            partial(clock.sleep, POLL_INTERVAL_SECONDS),
            clock.now,
        )

    def find_failures(self) -> Sequence[str]:
        """Returns the keys with an unexpected result: failed, missing, or accepted although not a photo."""
        return [
            key
            for key, progress in self.progress.items()
            if not _is_expected_result(self.uploaded_orders[key], progress)
        ]


def _is_expected_result(uploaded: UploadedOrder, progress: OrderProgress) -> bool:
    if uploaded.order.expects_refusal:
        return progress.status is DisplayStatus.REFUSED
    return progress.status is DisplayStatus.STORED or (
        progress.status in (DisplayStatus.PARTLY, DisplayStatus.REFUSED) and not uploaded.order.credit
    )
