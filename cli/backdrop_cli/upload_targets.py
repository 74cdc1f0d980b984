"""Which local files the paths select, and the key of each: shared by `lint`, `quote`, and `drop`."""

import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backdrop.imaging.xmp import is_own_picture
from backdrop.instructions.json_text import is_takeout_file
from backdrop.model.object_keys import (
    DEFAULTS_NAME,
    ObjectKind,
    classify_key,
    folder_of,
    is_brand_image_key,
    is_in_system_folder,
    is_photo_folder,
    is_sidecar_of,
    list_defaults_keys,
    list_folders_of,
    list_sidecar_keys,
)
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.gallery.gallery_folder import INDEX_FILE_NAME, list_gallery_paths
from backdrop_cli.local_folder import BUCKET, LocalFolder
from backdrop_cli.local_names import find_common_folder

MAX_NAMED_PATHS = 3
MAX_METADATA_BYTES = 500_000
"""At the beginning and at the end of a picture: signed pictures have their certificates there, too."""


@dataclass(frozen=True)
class UploadTarget:
    """Files below one local folder, by their keys.

    `own_pictures`: pictures that Backdrop made, such as those that were downloaded into the folder. They are not among
    the keys, unless they have a sidecar. `takeout_count` files next to photos are not among the keys either: Google
    Takeout wrote them.
    """

    folder: LocalFolder
    keys: frozenset[str]
    own_pictures: frozenset[str] = frozenset()
    takeout_count: int = 0

    def select_uploads(self) -> "UploadTarget":
        """Returns the target without the files of a gallery, pictures that Backdrop made, and what Takeout wrote."""
        self.folder.hidden_keys = frozenset(filter(self._is_takeout_file, self.keys))
        keys = self.keys - self.folder.hidden_keys
        pages = (key for key in keys if key.rpartition("/")[2] == INDEX_FILE_NAME)
        paths = [
            f"{folder_of(page)}{path}"
            for page in pages
            for path in list_gallery_paths(self.folder.local_path(page).parent)
        ]
        of_galleries = {key for key in keys if not {key, *list_folders_of(key)}.isdisjoint(paths)}
        own = of_galleries | {key for key in keys - of_galleries if self._is_own_picture(key)}
        return replace(self, keys=keys - own, own_pictures=frozenset(own), takeout_count=len(self.folder.hidden_keys))

    def narrow(self, files: Collection[Path]) -> "UploadTarget":
        """Returns the target with no other photos and sidecars than these files, and those that belong to them."""
        chosen = {key for key in self.keys if self.folder.local_path(key) in files}
        related = {name for key in chosen for name in list_sidecar_keys(key)}
        keys = {key for key in self.keys if key in chosen | related or self._belongs_to(key, chosen)}
        return replace(self, keys=frozenset(keys))

    def _belongs_to(self, key: str, chosen: Collection[str]) -> bool:
        """Whether a photo has a sidecar among the chosen keys, or a file that may apply to any of them."""
        kind = classify_key(key)
        is_shared = kind is ObjectKind.DEFAULTS or is_brand_image_key(key) or key.endswith(INDEX_FILE_NAME)
        return is_shared or (kind is ObjectKind.PHOTO and any(name in chosen for name in list_sidecar_keys(key)))

    def _is_takeout_file(self, key: str) -> bool:
        return classify_key(key) is ObjectKind.SIDECAR and is_takeout_path(self.folder.local_path(key))

    def _is_own_picture(self, key: str) -> bool:
        """Opens only the beginning and the end of the file, where the metadata is."""
        has_sidecar = any(map(self.folder.has_file, list_sidecar_keys(key)))
        return (
            classify_key(key) is ObjectKind.PHOTO
            and not has_sidecar
            and is_own_picture(_read_metadata(self.folder.local_path(key)))
        )


def is_takeout_path(path: Path) -> bool:
    """Whether a file on this machine is one that Google Takeout wrote."""
    return is_takeout_file(_read_metadata(path))


def _read_metadata(path: Path) -> bytes:
    """Returns the beginning and the end of a file; nothing of one that cannot be read, which is reported later."""
    try:
        with path.open("rb") as file:
            beginning = file.read(MAX_METADATA_BYTES)
            file.seek(max(MAX_METADATA_BYTES, path.stat().st_size - MAX_METADATA_BYTES))
            return beginning + file.read()
    except OSError:
        return b""


def resolve_targets(paths: Sequence[Path], target_folder: str | None = None) -> list[UploadTarget]:
    """Returns the selected files with their sidecars and folder defaults, each file once.

    A folder keeps its name in the bucket, and so does the highest folder above it that has folder defaults. With
    `target_folder`, a folder's files go there instead.

    Raises UsageError for a path that does not exist, CommandError if two files would have the same key.
    """
    names_by_root: defaultdict[tuple[Path, str], set[str]] = defaultdict(set)
    for path in _resolve_paths(paths):
        root, prefix = _find_root_and_prefix(path, target_folder)
        if is_in_system_folder(f"{prefix}{_parent_folder(path).relative_to(root).as_posix()}/"):
            raise UsageError(
                f"Backdrop ignores the photos of a folder named like {_parent_folder(path)}; choose the folder in the "
                "bucket with --to FOLDER"
            )
        names_by_root[root, prefix].add("" if path == root else path.relative_to(root).as_posix())
    targets = [
        _build_target(LocalFolder(*place), names, include_defaults_above=target_folder is None)
        for place, names in names_by_root.items()
    ]
    _refuse_duplicate_keys(targets)
    return targets


def find_target_folder(paths: Sequence[Path], target_folder: str | None) -> str:
    """Returns the deepest folder of the bucket that all paths go to, with its slash. Raises as `resolve_targets`."""
    folders = list[str]()
    for path in _resolve_paths(paths):
        root, prefix = _find_root_and_prefix(path, target_folder)
        folders.append(prefix + "".join(f"{name}/" for name in _parent_folder(path).relative_to(root).parts))
    return find_common_folder(folders)


def format_no_photo_error(paths: Sequence[Path], file_count: int, own_picture_count: int = 0) -> str:
    """Returns the message for paths that select no photo, but possibly other files, and pictures of ours among them."""
    locations = ", ".join(str(path) for path in paths[:MAX_NAMED_PATHS])
    others, own = file_count - own_picture_count, own_picture_count
    counts = [f"{format_count(others, 'file is', 'files are')} not named like a photo"] if others else []
    counts += [f"{format_count(own, 'file was', 'files were')} made by Backdrop"] if own else []
    files_text = f" ({', and '.join(counts)})" if counts else ""
    return f"there is no photo in {locations}{files_text}; photos are, for example, JPEG, PNG, or HEIC files"


def find_outside_defaults(paths: Sequence[Path], target_folder: str | None) -> list[Path]:
    """Returns the folder defaults above files that go to a target folder, where they do not apply."""
    absolute_paths = _resolve_paths(paths) if target_folder is not None else []
    files = ((whole, find_upload_root(_parent_folder(whole)) / DEFAULTS_NAME) for whole in absolute_paths)
    return [*dict.fromkeys(file for whole, file in files if file.is_file() and file != whole and file.parent != whole)]


def find_upload_root(folder: Path) -> Path:
    """Returns the highest folder with folder defaults, from this one upward; its name is part of the keys."""
    folders_with_defaults = [one for one in (folder, *folder.parents) if (one / DEFAULTS_NAME).is_file()]
    return folders_with_defaults[-1] if folders_with_defaults else folder


def find_related_keys(folder: LocalFolder, key: str) -> set[str]:
    """Returns a file's key with those of its sidecars, or of the photos that it is the sidecar of."""
    folder_keys = set(folder.list_folder_keys(BUCKET, folder_of(key)))
    if classify_key(key) is ObjectKind.SIDECAR:
        return {key, *(one for one in folder_keys if classify_key(one) is ObjectKind.PHOTO and is_sidecar_of(key, one))}
    return (
        {key, *(name for name in list_sidecar_keys(key) if name in folder_keys)}
        if classify_key(key) is ObjectKind.PHOTO
        else {key}
    )


def _resolve_paths(paths: Sequence[Path]) -> list[Path]:
    """Returns absolute paths without duplicates, and without those inside another."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; name folders or files on this machine")
    paths_by_real_path = {path.resolve(): Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100 - links as they are named
    return [
        whole
        for real, whole in paths_by_real_path.items()
        if not any(other.is_dir() and other in real.parents for other in paths_by_real_path)
    ]


def _parent_folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _find_root_and_prefix(path: Path, target_folder: str | None) -> tuple[Path, str]:
    """Returns the root folder of a path, and the key prefix of its files."""
    if target_folder is not None:
        return _parent_folder(path), _parse_target_folder(target_folder)
    root = find_upload_root(_parent_folder(path))
    if not root.name or not (path.is_dir() or (root / DEFAULTS_NAME).is_file()):
        return root, ""
    if not LocalFolder.is_valid_name(root.name):
        raise UsageError(f"the name of {root} is not UTF-8, as keys of a bucket must be; use --to FOLDER")
    return root, f"{root.name}/"


def _parse_target_folder(target_folder: str) -> str:
    prefix = parse_bucket_folder(target_folder)
    if prefix is None or not (prefix == "" or is_photo_folder(prefix)):
        raise UsageError(
            f"--to {target_folder} is not a folder of photos in the bucket; use a name such as 2026/shoes, or / for "
            "the root"
        )
    return prefix


def parse_bucket_folder(name: str) -> str | None:
    """Returns the key prefix of a folder: "" for the root, None if no folder can have this name."""
    parts = name.strip("/").split("/")
    if parts == [""]:
        return ""
    return None if any(part in ("", ".", "..") for part in parts) else f"{'/'.join(parts)}/"


def _build_target(folder: LocalFolder, names: set[str], *, include_defaults_above: bool) -> UploadTarget:
    """Builds a target from names below the folder, with the folder defaults above them if they apply."""
    keys: set[str] = set()
    for name in names:
        keys_below = set(folder.list_keys_below(name)) if (folder.root / name).is_dir() else None
        keys |= find_related_keys(folder, folder.prefix + name) if keys_below is None else keys_below
    defaults_above = (
        {one for name in names for one in list_defaults_keys(folder.prefix + name)}
        if include_defaults_above
        else set[str]()
    )
    return UploadTarget(folder, frozenset(keys | {one for one in defaults_above if folder.has_file(one)}))


def _refuse_duplicate_keys(targets: Sequence[UploadTarget]) -> None:
    paths_by_key: defaultdict[str, set[Path]] = defaultdict(set)
    for one in targets:
        for key in one.keys:
            paths_by_key[key].add(one.folder.local_path(key))
    duplicates = {key: files for key, files in paths_by_key.items() if len(files) > 1}
    if not duplicates:
        return
    key, files = min(duplicates.items())
    more = f" ({format_count(len(duplicates) - 1, 'more key')} also collide)" if len(duplicates) > 1 else ""
    raise CommandError(
        f"{' and '.join(sorted(map(str, files)))} would both have the key {key}{more}; rename one, "
        "or upload them separately with --to FOLDER"
    )
