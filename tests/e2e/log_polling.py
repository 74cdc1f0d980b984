"""Waits for log lines, and sums up metrics. Some lines reach the log only with their worker's next message."""

from collections import Counter
from collections.abc import Callable
from itertools import count

from tests.e2e.deployed_stack import FUNCTIONS, eventually
from tests.e2e.folder import Folder


def poll_logs[T](folder: Folder, poll: Callable[[], T | None], what: str) -> T:
    """Returns what `look` finds in the logs as soon as it finds something. Meanwhile, uploads more photos, because some
    lines reach the log only when their worker handles the next message.
    """
    numbers = count()

    def poll_or_drop() -> T | None:
        result = poll()
        if not result:
            name = f"log-trigger-{next(numbers)}.jpg"
            folder.drop(name, tags={"operation": "remove"})
            folder.wait_until_stored(name)
        return result

    return eventually(poll_or_drop, what)


def sum_metrics(folder: Folder, **labels: str) -> Counter[str]:
    """Sums up each metric since the test began, with exactly these dimensions in addition to the stack's name."""
    sums: Counter[str] = Counter()
    for line in (line for function in FUNCTIONS for line in folder.stack.read_metrics(function, folder.started_at)):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        (names,) = directive["Dimensions"]
        if {name: line[name] for name in names} == {"service": folder.stack.name, **labels}:
            sums.update({metric["Name"]: sum(line[metric["Name"]]) for metric in directive["Metrics"]})
    return sums
