"""A number that depends on the product's files. It chooses new seeds and mutants for each version of the product.

The same files give the same tests, and therefore the same verdict, on every machine.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

PRODUCT_PATHS = ("functions", "layers", "statemachines", "template.yaml")
# They take about 200 seconds of CPU time.
UNSEEN_SEED_COUNT = 75
# Seeds below this number are for developers, for pages of results, and for the fixed part of the tests.
FIRST_UNSEEN_SEED = 1_000_000_000


def hash_product(root: Path) -> int:
    """Returns 48 bits of a hash of every file of the product under `root`."""
    digest = sha256()
    for path in _list_product_files(root):
        name, data = path.relative_to(root).as_posix().encode(), path.read_bytes()
        digest.update(b"%d %s %d %s" % (len(name), name, len(data), data))
    return int.from_bytes(digest.digest()[:6])


def choose_unseen_seeds(root: Path) -> range:
    """Returns the seeds for the product under `root`. The chance that two products share some is one in billions."""
    first = FIRST_UNSEEN_SEED + UNSEEN_SEED_COUNT * hash_product(root)
    return range(first, first + UNSEEN_SEED_COUNT)


def choose_eighth[T](items: Sequence[T], root: Path) -> list[T]:
    """Returns an eighth of the items for the product under `root`."""
    return list(items[hash_product(root) % 8 :: 8])


def _list_product_files(root: Path) -> Iterator[Path]:
    """Yields every file of the product except what Python and installers generate."""
    found = [
        path
        for name in PRODUCT_PATHS
        for path in ([root / name] if (root / name).is_file() else (root / name).rglob("*"))
    ]
    for path in sorted(found):
        is_generated = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
        if path.is_file() and not is_generated:
            yield path
