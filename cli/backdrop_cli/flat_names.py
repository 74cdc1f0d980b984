"""File names for pictures in one folder: their photos' own names, made unique."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from backdrop_client.file_names import fold_file_name, hash_name, make_file_name


def build_flat_names(keys: Sequence[str]) -> dict[str, str]:
    """Returns a file name for each picture's key (`shoes/red.jpg/red.png`).

    Uses the shortest name that no file system takes for another one: `red.png`, with the folder (`shoes_red.png`), with
    the photo's whole key (`shoes_red.jpg_red.png`), or with digits of the key's hash.
    """
    naming_rules: tuple[Callable[[str], str], ...] = (_last_part, _with_folder, _full_key, _with_hash)
    names: dict[str, str] = {}
    remaining: Iterable[str] = sorted({*keys})
    taken: set[str] = set()
    for apply_rule in naming_rules:
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for key in remaining:
            groups[fold_file_name(make_file_name(apply_rule(key)))].append(key)
        unique_keys = {group[0] for name, group in groups.items() if len(group) == 1 and name not in taken}
        names |= {key: make_file_name(apply_rule(key)) for key in unique_keys}
        taken |= {fold_file_name(name) for name in names.values()}
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
    return f"{stem}_{hash_name(key)}{dot}{suffix}" if dot else f"{suffix}_{hash_name(key)}"
