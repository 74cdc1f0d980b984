"""File names for pictures on this machine: the photos' own folders and names, made unique."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from os.path import commonprefix

from backdrop.model.object_keys import folder_of
from backdrop.model.picture_names import find_default_owner
from backdrop_client.file_names import fold_file_name, hash_name, make_file_name


def build_local_names(keys: Sequence[str], base: str = "") -> dict[str, str]:
    """Returns a relative path for each picture's key: `a/red.png` for `shoes/a/red.jpg/red.png` and the base `shoes/`.

    `base` is a folder in the bucket. Uses the shortest name that no file system takes for another one: `red.png`, with
    the photo's whole name (`red.jpg_red.png`), or with digits of the key's hash.
    """
    naming_rules: tuple[Callable[[str], str], ...] = (_last_part, _with_photo, _with_hash)
    names: dict[str, str] = {}
    remaining: Iterable[str] = sorted({*keys})
    taken: set[str] = set()
    for apply_rule in naming_rules:
        paths = {key: _build_path(folder_of_photo(key).removeprefix(base), apply_rule(key)) for key in remaining}
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for key, path in paths.items():
            groups[fold_file_name(path)].append(key)
        unique_keys = {group[0] for path, group in groups.items() if len(group) == 1 and path not in taken}
        names |= {key: paths[key] for key in unique_keys}
        taken |= {fold_file_name(path) for path in names.values()}
        remaining = [key for key in remaining if key not in unique_keys]
    return dict(sorted(names.items()))


def folder_of_photo(picture_key: str) -> str:
    """Returns the folder of a picture's photo, including its slash; that of the picture, if its name does not tell."""
    return folder_of(find_default_owner(picture_key) or picture_key)


def find_common_folder(keys: Iterable[str]) -> str:
    """Returns the deepest folder that all keys are in, including its slash; "" for the bucket's root."""
    return "".join(f"{name}/" for name in commonprefix([key.split("/")[:-1] for key in keys]))


def _build_path(folder: str, name: str) -> str:
    return "/".join(make_file_name(part) for part in (*folder.split("/")[:-1], name))


def _last_part(key: str) -> str:
    return key.rpartition("/")[2]


def _with_photo(key: str) -> str:
    """Returns the name with that of the photo, or of the folder that `name_template` names."""
    return "_".join(key.split("/")[-2:])


def _with_hash(key: str) -> str:
    stem, dot, suffix = _last_part(key).rpartition(".")
    return f"{stem}_{hash_name(key)}{dot}{suffix}" if dot else f"{suffix}_{hash_name(key)}"
