"""Downloads pictures: files are always complete, and unchanged files are not downloaded again."""

import errno
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from backdrop_cli.continuation import explain_end
from backdrop_cli.errors import CommandError
from backdrop_cli.formatting import format_bytes, format_count
from backdrop_cli.local_names import build_local_names
from backdrop_cli.parallel import parallel_map
from backdrop_cli.replaced_files import replace_file
from backdrop_cli.screen import Screen, build_progress_bar
from backdrop_cli.stack import Stack
from backdrop_client.file_names import fold_file_name
from backdrop_client.s3_uploader import compute_etag

UNLIMITED_BYTES = 1 << 40
DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass
class DownloadResult:
    """The keys of a download by result: `unchanged` files were already there, `missing` ones are not in the bucket.

    `blocked`: those that something of their name keeps from being written, such as a folder, each with the reason.
    """

    folder: Path
    file_names: dict[str, str] = field(default_factory=dict[str, str])
    downloaded: list[str] = field(default_factory=list[str])
    unchanged: list[str] = field(default_factory=list[str])
    missing: list[str] = field(default_factory=list[str])
    blocked: dict[str, str] = field(default_factory=dict[str, str])
    downloaded_bytes: int = 0
    started_at: float = field(default_factory=time.monotonic)

    @property
    def done_count(self) -> int:
        return self.complete_count + len(self.missing) + len(self.blocked)

    @property
    def complete_count(self) -> int:
        return len(self.downloaded) + len(self.unchanged)

    def render(self) -> Group:
        words = (
            f"  downloading   {self.done_count:,} of {len(self.file_names):,} "
            f"files   {format_bytes(self.downloaded_bytes)}"
        )
        return build_progress_bar(self.done_count, len(self.file_names), Text(words))

    def add(self, other: "DownloadResult") -> None:
        """Adds a download into the same folder."""
        self.file_names |= other.file_names
        self.downloaded += other.downloaded
        self.unchanged += other.unchanged
        self.missing += other.missing
        self.blocked |= other.blocked

    def build_document(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "downloaded": len(self.downloaded),
            "there_already": len(self.unchanged),
            "gone": self.missing,
            "blocked": self.blocked,
            "files": {
                key: str(self.folder / name)
                for key, name in self.file_names.items()
                if key not in self.missing and key not in self.blocked
            },
        }


@dataclass(frozen=True)
class DownloadPlace:
    """Where pictures go: into `folder`, in the folders that their photos have below `base`, a folder in the bucket.

    `photos` are files that no picture replaces: those that were uploaded.
    """

    folder: Path
    base: str = ""
    photos: Collection[Path] = ()

    def find_photo(self, file: Path) -> bool:
        """Whether a file is one of the photos. They are compared as Windows and macOS compare names."""
        return _fold_path(file) in self._photo_paths

    @cached_property
    def _photo_paths(self) -> frozenset[str]:
        return frozenset(map(_fold_path, self.photos))


def _fold_path(path: Path) -> str:
    return fold_file_name(str(path.parent.resolve() / path.name))


def download_pictures(
    stack: Stack, screen: Screen, keys: Sequence[str], place: DownloadPlace, earlier: DownloadResult | None = None
) -> DownloadResult:
    """Downloads pictures into a folder, which is created if necessary.

    `earlier`: what was downloaded into this folder before. Its files are renamed if their names are no longer unique.
    Raises CommandError if the disk rejects a new file; the files that were already written are complete. What cannot be
    replaced, such as a folder that has a picture's name, or a photo, blocks only this picture.
    """
    folder, earlier_names = place.folder, earlier.file_names if earlier else {}
    names = build_local_names([*keys, *earlier_names], place.base)
    for key, name in earlier_names.items():
        if names[key] != name and (folder / name).is_file() and not place.find_photo(folder / names[key]):
            (folder / name).replace(folder / names[key])
            earlier_names[key] = names[key]
    result = DownloadResult(folder, {key: names[key] for key in sorted({*keys})})

    def download_key(key: str) -> tuple[str, int | str | None]:
        file = folder / result.file_names[key]
        if place.find_photo(file):
            return key, f"{file} is one of the photos; download to another folder"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return key, _download_picture(stack, key, file)
        except OSError as error:
            is_in_the_way = os.path.lexists(file) or not file.parent.is_dir()
            if error.errno in DISK_FULL_ERRNOS or not is_in_the_way:
                raise
            return key, f"{file} cannot be replaced: {error.strerror or error}"

    def describe_progress() -> str:
        files_text = f"{result.complete_count:,} of {format_count(len(result.file_names), 'file')}"
        return f"{files_text} are complete in {folder}. To download the rest, run the same command again"

    create_folder(folder)
    try:
        with explain_end(describe_progress), screen.live_view(result.render):
            for key, outcome in parallel_map(download_key, list(result.file_names), stack.max_threads):
                _record_picture(result, key, outcome)
    except OSError as error:
        raise CommandError(_format_disk_error(error, result)) from error
    return result


def create_folder(folder: Path) -> None:
    """Creates a folder. Raises CommandError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the folder {folder} cannot be created: {error.strerror or error}") from error


def _record_picture(result: DownloadResult, key: str, outcome: int | str | None) -> None:
    """Records the bytes written, None for a picture that is not in the bucket, or why it is blocked."""
    if isinstance(outcome, str):
        result.blocked[key] = outcome
        return
    (result.missing if outcome is None else result.downloaded if outcome else result.unchanged).append(key)
    result.downloaded_bytes += outcome or 0


def _download_picture(stack: Stack, key: str, file: Path) -> int | None:
    """Returns the bytes written: 0 if the file is already there, or None if the picture is not in the bucket."""
    known_etag = compute_etag(file.read_bytes()) if file.is_file() else None
    stored = stack.photos.read(stack.output_bucket, key, max_bytes=UNLIMITED_BYTES, known_etag=known_etag)
    if stored is None:
        return None
    if stored.data is None:
        return 0
    with replace_file(file) as written:
        written.write(stored.data)
    return len(stored.data)


def _format_disk_error(error: OSError, result: DownloadResult) -> str:
    file_count = sum((result.folder / name).is_file() for name in result.file_names.values())
    files_text = f"{file_count:,} of {format_count(len(result.file_names), 'file')} complete"
    if error.errno in DISK_FULL_ERRNOS:
        return f"the disk of {result.folder} is full; {files_text}. Free some space and run the command again"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; {files_text}"


def print_download(screen: Screen, result: DownloadResult) -> None:
    counts = (
        [f"{format_count(len(result.downloaded), 'file')} ({format_bytes(result.downloaded_bytes)}) in {result.folder}"]
        if result.downloaded
        else []
    )
    counts += [f"{format_count(len(result.unchanged), 'file')} unchanged"] if result.unchanged else []
    nothing = (
        "None of these pictures was downloaded." if result.missing or result.blocked else "No pictures to download."
    )
    screen.print(f"✓ {', '.join(counts)}." if counts else nothing, "green" if counts else "")
    for key in result.missing:
        screen.print_unwrapped(f"! Not in the bucket: {key}", "yellow")
    for key, reason in result.blocked.items():
        screen.print_unwrapped(f"! Not downloaded: {key}: {reason}", "yellow")
