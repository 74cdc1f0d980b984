"""Seeds that depend on the product's files, so that each version of the product plays seeds that no other has played.

The same files give the same seeds, and therefore the same verdict, on every machine.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

PRODUCT = ("functions", "layers", "statemachines", "template.yaml")
# 1.8 seeds per second on two cores (docs/results/simulate.md): about a minute.
UNSEEN_SEEDS = 100
# Seeds below this number are for people, for pages of results and for the fixed part of the tests.
FIRST_UNSEEN_SEED = 1_000_000_000


def unseen_seeds(root: Path) -> range:
    """The seeds for the product under `root`. Two products share some only by an accident of one in billions."""
    digest = sha256()
    for path in _product_files(root):
        name, data = path.relative_to(root).as_posix().encode(), path.read_bytes()
        digest.update(b"%d %s %d %s" % (len(name), name, len(data), data))
    first = FIRST_UNSEEN_SEED + UNSEEN_SEEDS * int.from_bytes(digest.digest()[:6])
    return range(first, first + UNSEEN_SEEDS)


def _product_files(root: Path) -> Iterator[Path]:
    """Every file of the product except what Python and installers generate."""
    found = [
        path for name in PRODUCT for path in ([root / name] if (root / name).is_file() else (root / name).rglob("*"))
    ]
    for path in sorted(found):
        generated = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
        if path.is_file() and not generated:
            yield path
