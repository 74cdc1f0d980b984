"""The files of a drop by their keys, and the files that are left out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backdrop.model.object_keys import ObjectKind, classify_key, is_brand_image_key
from backdrop_cli.errors import NothingFoundError
from backdrop_cli.upload_targets import UploadTarget, find_outside_defaults, format_no_photo_error, resolve_targets


@dataclass
class UploadFiles:
    """The local files by key.

    `ignored_count` files are not named like photos, or Google Takeout wrote them; `own_picture_count` files were made
    by Backdrop. `unreadable` maps paths to the reason. `outside_defaults` are folder defaults above the files that do
    not apply because of `--to`.
    """

    paths: dict[str, Path] = field(default_factory=dict[str, Path])
    ignored_count: int = 0
    own_picture_count: int = 0
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
        """Sidecars, folder defaults, and the images that outputs draw."""
        keys = [*self.list_keys(ObjectKind.SIDECAR, ObjectKind.DEFAULTS), *filter(is_brand_image_key, self.paths)]
        return {key: self.paths[key] for key in keys}


def collect_files(
    paths: Sequence[Path], target_folder: str | None, only: Collection[Path] | None = None
) -> UploadFiles:
    """Collects the selected files. Raises NothingFoundError if there is no photo among them.

    With `only`, collects no other photos than these and those with sidecars among them, and there need not be any.
    """
    files = UploadFiles(outside_defaults=find_outside_defaults(paths, target_folder))
    targets = resolve_targets(paths, target_folder)
    if only is not None:
        targets = [one.narrow(only) for one in targets]
    for target in map(UploadTarget.select_uploads, targets):
        files.own_picture_count += len(target.own_pictures)
        files.ignored_count += target.takeout_count
        left_out = target.folder.unreadable | target.folder.repeated
        files.unreadable |= {str(target.folder.root / name.strip("/")): reason for name, reason in left_out.items()}
        for key in target.keys:
            if classify_key(key) is ObjectKind.IGNORED and not is_brand_image_key(key):
                files.ignored_count += 1
            else:
                files.paths[key] = target.folder.local_path(key)
    if only is None and not files.list_keys(ObjectKind.PHOTO):
        file_count = len(files.paths) + files.ignored_count + files.own_picture_count
        raise NothingFoundError(format_no_photo_error(paths, file_count, files.own_picture_count))
    return files
