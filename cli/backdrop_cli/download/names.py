"""Flat names: each picture under its photo's own name, and no two pictures under the same one."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

LONGEST_NAME_BYTES = 255
DIGITS = 8
# What some file systems, or shells, do not take in a name.
_UNFIT = dict.fromkeys([*range(32), *range(127, 160), *map(ord, '<>:"|?*/\\\u2028\u2029')], "_")


def flat_names(keys: Sequence[str]) -> dict[str, str]:
    """A file name for each picture's key (`shoes/red.jpg/red.png`).

    `red.png`; where two would have that name, whatever the case of their letters, with the folder (`shoes_red.png`),
    then with the photo's whole name (`shoes_red.jpg_red.png`), and last with digits of the key's hash.
    """
    spellings: tuple[Callable[[str], str], ...] = (_own, _with_folder, _whole, _hashed)
    names: dict[str, str] = {}
    left: Iterable[str] = sorted({*keys})
    taken: set[str] = set()
    for spell in spellings:
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for key in left:
            groups[_fit(spell(key), key).casefold()].append(key)
        alone = {group[0] for name, group in groups.items() if len(group) == 1 and name not in taken}
        names |= {key: _fit(spell(key), key) for key in alone}
        taken |= {name.casefold() for name in names.values()}
        left = [key for key in left if key not in alone]
    return dict(sorted(names.items()))


def _own(key: str) -> str:
    return key.rpartition("/")[2]


def _with_folder(key: str) -> str:
    *folders, _photo, name = key.split("/")
    return "_".join([*folders, name])


def _whole(key: str) -> str:
    return key.replace("/", "_")


def _hashed(key: str) -> str:
    stem, dot, suffix = _own(key).rpartition(".")
    return f"{stem}_{_digits(key)}{dot}{suffix}" if dot else f"{suffix}_{_digits(key)}"


def _fit(name: str, key: str) -> str:
    """A name that a disk takes: cut, with digits of the key's hash, where it is too long."""
    name = name.translate(_UNFIT)
    if name.startswith("."):
        name = f"_{name[1:]}"
    data = name.encode()
    if len(data) <= LONGEST_NAME_BYTES:
        return name
    tail = f"_{_digits(key)}.{name.rpartition('.')[2][:DIGITS]}"
    return data[: LONGEST_NAME_BYTES - len(tail.encode())].decode(errors="ignore") + tail


def _digits(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:DIGITS]
