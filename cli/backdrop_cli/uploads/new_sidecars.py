"""Where the instructions of a command line apply to files on this machine: shared by `lint` and `quote`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backdrop.instructions.suggest import FolderNames
from backdrop.model.object_keys import ObjectKind, classify_key, folder_of, is_sidecar_of, list_sidecar_keys
from backdrop_cli.local_folder import BUCKET
from backdrop_cli.upload_targets import UploadTarget


@dataclass(frozen=True)
class NewSidecars:
    """The sidecars that `drop` would write, by key.

    `replaced_keys` are sidecars on this machine that then apply to no photo. `kept_count` photos keep their own.
    """

    by_key: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    replaced_keys: frozenset[str] = frozenset()
    kept_count: int = 0


def plan_new_sidecars(target: UploadTarget, new_sidecar: bytes | None, *, replace: bool) -> NewSidecars:
    """Returns the sidecars for photos that have none on this machine, or with `replace`, for all photos.

    A misnamed sidecar counts: its photo is not bought with other instructions.
    """
    if new_sidecar is None:
        return NewSidecars()
    photos = [key for key in target.keys if classify_key(key) is ObjectKind.PHOTO]
    folders = {folder_of(key) for key in photos}
    names = FolderNames([key for one in folders for key in target.folder.list_folder_keys(BUCKET, one)])
    kept = {
        key
        for key in photos
        if not replace
        and (any(map(target.folder.has_file, list_sidecar_keys(key))) or names.find_misnamed_sidecar(key))
    }
    sidecars = (key for key in target.keys if classify_key(key) is ObjectKind.SIDECAR) if replace else ()
    replaced_keys = frozenset(key for key in sidecars if any(is_sidecar_of(key, photo) for photo in photos))
    by_key = {f"{key}.json": new_sidecar for key in photos if key not in kept}
    return NewSidecars(by_key, replaced_keys, len(kept))
