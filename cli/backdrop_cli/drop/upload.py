"""The upload of a drop: instructions first, then photos, several at a time; what is there is whole."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group
from rich.text import Text

from backdrop.model.object_keys import Kind, kind_of
from backdrop_cli.drop.overlay import size_of
from backdrop_cli.drop.uploads import S3Uploads, Uploaded
from backdrop_cli.screen import Screen, bar
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.watch import LINE_EVERY_SECONDS
from backdrop_cli.words import duration, size


@dataclass
class Progress:
    """How far an upload is; `done` holds what lies in the bucket now. `bytes` of all files, `sent` of those there."""

    files: Mapping[str, Path | bytes]
    now: Callable[[], float] = time.monotonic
    done: dict[str, Uploaded] = field(default_factory=dict[str, Uploaded])
    sent: int = 0
    began: float = 0
    ended: float = 0

    def __post_init__(self) -> None:
        self.bytes = sum(size_of(source) for source in self.files.values())
        self.began = self.now()

    @property
    def seconds(self) -> float:
        return max((self.ended or self.now()) - self.began, 0.001)

    @property
    def per_second(self) -> float:
        """Bytes."""
        return self.sent / self.seconds

    def picture(self) -> Group:
        """A bar with how much, how fast, and how long it will take at this speed."""
        left = (self.bytes - self.sent) / self.per_second if self.sent else None
        words = f"{len(self.done):,} of {len(self.files):,} files   {size(self.sent)} of {size(self.bytes)}"
        speed = f"   {size(self.per_second)}/s" if self.sent else ""
        to_go = f"   {duration(left)} to go" if left is not None else ""
        return bar(self.sent, self.bytes, Text(f"  uploading   {words}{speed}{to_go}"))


def upload(uploads: S3Uploads, progress: Progress, screen: Screen, at_once: int) -> None:
    """Put all of them; the first error ends it, and what is there by then stays and is counted."""
    files, told = progress.files, progress.began
    with screen.live(progress.picture):
        for keys in _in_order(files):
            for key, uploaded in side_by_side(lambda key: (key, _put(uploads, key, files[key])), keys, at_once):
                progress.done[key] = uploaded
                progress.sent += size_of(files[key])
                if not screen.is_live and progress.now() - told > LINE_EVERY_SECONDS:
                    told = progress.now()
                    screen.say(f"  {len(progress.done):,} of {len(files):,} files uploaded")
    progress.ended = progress.now()


def _put(uploads: S3Uploads, key: str, source: Path | bytes) -> Uploaded:
    """A person's file, or a sidecar of the command's own."""
    return uploads.put(key, source) if isinstance(source, Path) else uploads.put_sidecar(key, source)


def _in_order(files: Mapping[str, Path | bytes]) -> list[list[str]]:
    """Folder defaults, then sidecars, then photos: so intake finds a photo's instructions with its first look."""
    kinds = (Kind.DEFAULTS, Kind.SIDECAR, Kind.PHOTO)
    return [[key for key in sorted(files) if kind_of(key) is kind] for kind in kinds]
