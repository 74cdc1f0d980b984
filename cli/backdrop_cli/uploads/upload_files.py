"""The files of a drop by their keys, and the files that are left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop_cli.errors import CommandError
from backdrop_cli.formatting import format_count
from backdrop_cli.upload_targets import find_outside_defaults, resolve_targets

MAX_NAMED_PATHS = 3


@dataclass
class UploadFiles:
    """The local files by key.

    `ignored_count` files are not named like photos; `unreadable` maps paths to the reason. `outside_defaults` are
    folder defaults above the files that do not apply because of `--to`.
    """

    paths: dict[str, Path] = field(default_factory=dict[str, Path])
    ignored_count: int = 0
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    outside_defaults: list[Path] = field(default_factory=list[Path])

    def list_keys(self, *kinds: ObjectKind) -> list[str]:
        """Returns the sorted keys of files of these kinds."""
        return sorted(key for key in self.paths if classify_key(key) in kinds)

    @property
    def photos(self) -> dict[str, Path]:
        return {key: self.paths[key] for key in self.list_keys(ObjectKind.PHOTO)}

    @property
    def instruction_files(self) -> dict[str, Path]:
        """Sidecars and folder defaults."""
        return {key: self.paths[key] for key in self.list_keys(ObjectKind.SIDECAR, ObjectKind.DEFAULTS)}


def collect_files(paths: Sequence[Path], target_folder: str | None) -> UploadFiles:
    """Collects the selected files. Raises CommandError if there is no photo among them."""
    files = UploadFiles(outside_defaults=find_outside_defaults(paths, target_folder))
    for target in resolve_targets(paths, target_folder):
        files.unreadable |= {
            str(target.folder.root / name.strip("/")): reason for name, reason in target.folder.unreadable.items()
        }
        for key in target.keys:
            if classify_key(key) is ObjectKind.IGNORED:
                files.ignored_count += 1
            else:
                files.paths[key] = target.folder.local_path(key)
    if not files.list_keys(ObjectKind.PHOTO):
        raise CommandError(_format_no_photo_error(paths, files))
    return files


def _format_no_photo_error(paths: Sequence[Path], files: UploadFiles) -> str:
    locations = ", ".join(str(path) for path in paths[:MAX_NAMED_PATHS])
    file_count = len(files.paths) + files.ignored_count
    ignored_text = f" ({format_count(file_count, 'file is', 'files are')} not named like a photo)" if file_count else ""
    return f"there is no photo in {locations}{ignored_text}; photos are, for example, JPEG, PNG, or HEIC files"
