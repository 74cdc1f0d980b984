"""File names for pictures in one folder: their photos' own names, made unique."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

MAX_NAME_BYTES = 255
HASH_DIGITS = 8
# Characters that some file systems or shells do not allow in a name.
_UNSAFE_CHARACTERS = dict.fromkeys([*range(32), *range(127, 160), *map(ord, '<>:"|?*/\\\u2028\u2029')], "_")


def build_flat_names(keys: Sequence[str]) -> dict[str, str]:
    """Returns a file name for each picture's key (`shoes/red.jpg/red.png`).

    Uses the shortest name that is unique regardless of case: `red.png`, with the folder (`shoes_red.png`), with the
    photo's whole key (`shoes_red.jpg_red.png`), or with digits of the key's hash.
    """
    naming_rules: tuple[Callable[[str], str], ...] = (_last_part, _with_folder, _full_key, _with_hash)
    names: dict[str, str] = {}
    remaining: Iterable[str] = sorted({*keys})
    taken: set[str] = set()
    for apply_rule in naming_rules:
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for key in remaining:
            groups[_make_safe(apply_rule(key), key).casefold()].append(key)
        unique_keys = {group[0] for name, group in groups.items() if len(group) == 1 and name not in taken}
        names |= {key: _make_safe(apply_rule(key), key) for key in unique_keys}
        taken |= {name.casefold() for name in names.values()}
        remaining = [key for key in remaining if key not in unique_keys]
    return dict(sorted(names.items()))


def _last_part(key: str) -> str:
    return key.rpartition("/")[2]


def _with_folder(key: str) -> str:
    *folders, name = key.split("/")
    return "_".join([*folders[:-1], name])


def _full_key(key: str) -> str:
    return key.replace("/", "_")


def _with_hash(key: str) -> str:
    stem, dot, suffix = _last_part(key).rpartition(".")
    return f"{stem}_{_hash_key(key)}{dot}{suffix}" if dot else f"{suffix}_{_hash_key(key)}"


def _make_safe(name: str, key: str) -> str:
    """Returns a name that file systems accept; one that is too long is cut and gets digits of the key's hash."""
    name = name.translate(_UNSAFE_CHARACTERS)
    if name.startswith("."):
        name = f"_{name[1:]}"
    data = name.encode()
    if len(data) <= MAX_NAME_BYTES:
        return name
    tail = f"_{_hash_key(key)}.{name.rpartition('.')[2][:HASH_DIGITS]}"
    return data[: MAX_NAME_BYTES - len(tail.encode())].decode(errors="ignore") + tail


def _hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:HASH_DIGITS]
