"""Draws what people say in a seed besides a sidecar each: folder defaults, variants, outputs, requests, pairs."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from proof.simulate.act import Act
from proof.simulate.wishes import BROKEN, DEFAULTS, PHOTOS, PLAIN, RICH

ABOVE = ("/", "hats/")
"""Folders above those in which photos lie."""
PAIRED = 6
MOST_TASKS = 6
EXECUTIONS = ("", "one", "one", "two")
WAYS = ("plain", "plain", "plain", "plain", "twice", "used", "foreign-bucket", "no-key", "no-image", "a-field-too-many")


class Sayings:
    """Draws deeds for photos that come in `seconds`; `keys` are those of the photos, `folders` where they lie."""

    def __init__(self, random: Random, seconds: float, keys: Sequence[str], folders: Sequence[str]) -> None:
        self._random, self._seconds, self._keys = random, seconds, keys
        self._folders = [*(folder or "/" for folder in folders), *ABOVE]

    def acts(self) -> Iterator[Act]:
        """The deeds, in no order."""
        for chance, most, deed in self._chances():
            if self._random.random() < chance:
                for _ in range(self._random.randint(1, most)):
                    yield from deed()

    def _chances(self) -> list[tuple[float, int, Callable[[], Iterator[Act]]]]:
        return [
            (0.5, 2, self._defaults),
            (0.5, 3, self._rich),
            (0.3, 3, self._request),
            (0.25, 2, self._rerun),
            (0.3, PAIRED, self._pair),
            (0.4, MOST_TASKS, self._task),
            (0.15, 1, self._stop),
        ]

    def _at(self, seconds: float, deed: str, *words: str) -> Act:
        return Act(round(seconds, 1), deed, words)

    def _any_time(self) -> float:
        return self._random.uniform(0, self._seconds * 0.8)

    def _defaults(self) -> Iterator[Act]:
        """A folder's defaults: written, and then some are edited, broken and mended, or taken away."""
        random, folder = self._random, self._random.choice(self._folders)
        at = self._any_time()
        yield self._at(at, "default", folder, random.choice(DEFAULTS))
        for _ in range(random.randint(0, 3)):
            at += random.uniform(1, self._seconds / 4)
            edit = random.choice(["edit", "break", "break", "remove"])
            if edit == "remove":
                yield self._at(at, "undefault", folder)
            else:
                yield self._at(at, "default", folder, random.choice(BROKEN if edit == "break" else DEFAULTS))
            if edit == "break" and random.random() < 0.7:
                at += random.uniform(1, self._seconds / 4)
                yield self._at(at, "default", folder, random.choice(DEFAULTS))

    def _rich(self) -> Iterator[Act]:
        """A photo's sidecar is about variants or outputs, and is edited some times."""
        random, key, at = self._random, self._random.choice(self._keys), self._any_time()
        for _ in range(random.randint(1, 3)):
            yield self._at(at, "sidecar", key, random.choice(RICH))
            at += random.uniform(1, self._seconds / 5)

    def _request(self) -> Iterator[Act]:
        wish = self._random.choice([*PLAIN, "cut-web", "seasons", "stingy", "typo"])
        yield self._at(self._any_time(), "request", self._random.choice(self._keys), wish)

    def _task(self) -> Iterator[Act]:
        """Somebody asks and waits, perhaps in an execution that is stopped later."""
        random = self._random
        wish = random.choice([*PLAIN, "cut-web", "seasons", "stingy", "typo"])
        words = random.choice(self._keys), wish, random.choice(EXECUTIONS), random.choice(WAYS)
        yield self._at(self._any_time(), "task", *words)

    def _stop(self) -> Iterator[Act]:
        yield self._at(self._any_time(), "stop", self._random.choice(EXECUTIONS[1:]))

    def _rerun(self) -> Iterator[Act]:
        yield self._at(self._any_time(), "rerun", self._random.choice(self._folders[:-1]))

    def _pair(self) -> Iterator[Act]:
        """A photo and its word, in either order, with less between them than a photo is given."""
        random = self._random
        at, name = self._any_time(), f"pairs/{random.randrange(1_000_000)}.jpg"
        if random.random() < 0.3:
            yield self._at(at, "pair", name, random.choice(PHOTOS), random.choice(["cut", "marble"]), self._ahead(0.5))
        else:
            wish = f"file:{random.choice([*PLAIN, 'seasons'])}"
            yield self._at(at, "pair", name, random.choice(PHOTOS), wish, self._ahead(-100))

    def _ahead(self, least: float) -> str:
        return f"{self._random.choice([max(least, -1.0), max(least, -60.0), 0.5, 5.0, 12.0, 18.0]):.1f}"
