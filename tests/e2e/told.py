"""What the functions' logs tell of one test's photos, some of it with a worker's next turn only."""

from collections import Counter
from collections.abc import Callable
from itertools import count

from tests.e2e.folder import Folder
from tests.e2e.shop import FUNCTIONS, eventually


def told[T](folder: Folder, look: Callable[[], T | None], what: str) -> T:
    """What a log holds once it is there: some of it comes with the worker's next turn only, so it gets one."""
    turns = count()

    def look_again() -> T | None:
        seen = look()
        if not seen:
            name = f"turn-{next(turns)}.jpg"
            folder.drop(name, tags={"operation": "remove"})
            folder.stored(name)
        return seen

    return eventually(look_again, what)


def counted(folder: Folder, **labels: str) -> Counter[str]:
    """What was added to each metric with just these dimensions, beside the stack's name, since the test began."""
    found: Counter[str] = Counter()
    for line in (one for function in FUNCTIONS for one in folder.shop.metrics(function, folder.began)):
        (made,) = line["_aws"]["CloudWatchMetrics"]
        (names,) = made["Dimensions"]
        if {name: line[name] for name in names} == {"service": folder.shop.name, **labels}:
            found.update({metric["Name"]: sum(line[metric["Name"]]) for metric in made["Metrics"]})
    return found
