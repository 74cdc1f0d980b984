"""Watches dropped files until each has come back, or until nothing moves any more."""

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
    """All files of one demo by key, as last seen; insertion order is the order of dropping."""

    read_progress: Callable[[str], OrderProgress]
    idle_timeout_seconds: float
    uploaded_orders: dict[str, UploadedOrder] = field(default_factory=dict[str, UploadedOrder])
    progress: dict[str, OrderProgress] = field(default_factory=dict[str, OrderProgress])

    def add(self, uploaded: UploadedOrder) -> None:
        """Watches one more file."""
        self.uploaded_orders[uploaded.key] = uploaded
        self.progress[uploaded.key] = OrderProgress()

    def poll(self) -> bool:
        """Looks once at each file that has not come back; says whether any of them moved."""
        previous = dict(self.progress)
        for key in self.list_unfinished_keys():
            self.progress[key] = self.read_progress(key)
        return self.progress != previous

    def list_unfinished_keys(self) -> Sequence[str]:
        """The keys of the files that have not come back."""
        return [key for key, sight in self.progress.items() if not sight.is_final]

    def wait_until_done(self, show: Callable[[], None], clock: Clock) -> None:
        """Looks and shows until all have come back, or nothing has moved for `patience_seconds`."""

        def poll_and_show() -> bool:
            has_changed = self.poll()
            show()
            return has_changed

        def find_stop_reason(idle_seconds: float) -> str:
            return "nothing moves" if idle_seconds > self.idle_timeout_seconds else ""

        poll_until(
            poll_and_show,
            lambda: not self.list_unfinished_keys(),
            find_stop_reason,
            partial(clock.sleep, POLL_INTERVAL_SECONDS),
            clock.now,
        )

    def find_failures(self) -> Sequence[str]:
        """The keys that ended otherwise than they should: failed, missing, or a non-photo that went through."""
        return [
            key for key, sight in self.progress.items() if not _is_expected_result(self.uploaded_orders[key], sight)
        ]


def _is_expected_result(uploaded: UploadedOrder, progress: OrderProgress) -> bool:
    if uploaded.order.expects_refusal:
        return progress.status is DisplayStatus.REFUSED
    return progress.status is DisplayStatus.STORED or (
        progress.status is DisplayStatus.REFUSED and not uploaded.order.credit
    )
