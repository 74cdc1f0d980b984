"""Waits for log lines, and sums up metrics. Some lines reach the log only with their worker's next message."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import count

from tests.e2e.deployed_stack import FED_BY_QUEUES, FUNCTIONS, eventually
from tests.e2e.folder import Folder

# Names and values of dimensions.
type Labels = frozenset[tuple[str, str]]


def poll_logs[T](
    folder: Folder, poll: Callable[[], T | None], what: str, describe_state: Callable[[], object] | None = None
) -> T:
    """Returns what `poll` finds in the logs as soon as it finds something. Meanwhile, uploads more photos, because some
    lines reach the log only when their worker handles the next message: one photo for each worker of a function at the
    same time, because the emulator gives a message to its first idle worker.
    """
    numbers = count()

    def poll_or_drop() -> T | None:
        result = poll()
        if not result:
            worker_counts = [len(folder.stack.list_workers(function)) for function in FED_BY_QUEUES]
            names = [f"log-trigger-{next(numbers)}.jpg" for _ in range(max(1, *worker_counts))]
            for name in names:
                folder.drop(name, tags={"operation": "remove"})
            for name in names:
                folder.wait_until_stored(name)
        return result

    return eventually(poll_or_drop, what, describe_state)


def sum_metrics(folder: Folder, functions: Iterable[str] = FUNCTIONS) -> defaultdict[Labels, Counter[str]]:
    """Sums up each metric of the stack's functions since the test began, by its dimensions except the stack's name."""
    sums: defaultdict[Labels, Counter[str]] = defaultdict(Counter)
    for line in (line for function in functions for line in folder.stack.read_metrics(function, folder.started_at)):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        (names,) = directive["Dimensions"]
        labels = {name: line[name] for name in names}
        if labels.pop("service") == folder.stack.name:
            sums[frozenset(labels.items())].update(
                {metric["Name"]: sum(line[metric["Name"]]) for metric in directive["Metrics"]}
            )
    return sums
