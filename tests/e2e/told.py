"""What the functions' logs tell of one test's photos, some of it with a worker's next turn only."""

from collections.abc import Callable
from itertools import count

from tests.e2e.folder import Folder
from tests.e2e.shop import eventually


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


def counted(folder: Folder, function: str, name: str, dimensions: dict[str, str]) -> float:
    """What a function added to a metric with these dimensions since the test began."""
    lines = folder.shop.metrics(function, name, folder.began)
    fitting = [line for line in lines if all(line.get(key) == text for key, text in dimensions.items())]
    return sum(sum(line[name]) if isinstance(line[name], list) else line[name] for line in fitting)
