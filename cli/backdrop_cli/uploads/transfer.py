"""Uploads the files of a drop: what instructions draw, then instructions, then photos, several at a time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group
from rich.text import Text

from backdrop.model.object_keys import ObjectKind, classify_key, is_brand_image_key
from backdrop_cli.formatting import format_bytes, format_rough_duration
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen, build_progress_bar
from backdrop_cli.watch_loop import PROGRESS_LINE_INTERVAL_SECONDS
from backdrop_client.overlay_bucket import measure_content
from backdrop_client.s3_uploader import S3Uploader, UploadedObject


@dataclass
class UploadProgress:
    """The progress of an upload; `sent_bytes` counts the files in `uploaded`."""

    files: Mapping[str, Path | bytes]
    now: Callable[[], float] = time.monotonic
    uploaded: dict[str, UploadedObject] = field(default_factory=dict[str, UploadedObject])
    sent_bytes: int = 0
    started_at: float = 0
    ended_at: float = 0

    def __post_init__(self) -> None:
        self.total_bytes = sum(measure_content(content) for content in self.files.values())
        self.started_at = self.now()

    @property
    def elapsed_seconds(self) -> float:
        return max((self.ended_at or self.now()) - self.started_at, 0.001)

    @property
    def bytes_per_second(self) -> float:
        return self.sent_bytes / self.elapsed_seconds

    def render(self) -> Group:
        """Returns a progress bar with amount, speed, and remaining time."""
        remaining_seconds = (self.total_bytes - self.sent_bytes) / self.bytes_per_second if self.sent_bytes else None
        counts = (
            f"{len(self.uploaded):,} of {len(self.files):,} files   "
            f"{format_bytes(self.sent_bytes)} of {format_bytes(self.total_bytes)}"
        )
        speed = f"   {format_bytes(self.bytes_per_second)}/s" if self.sent_bytes else ""
        to_go = f"   {format_rough_duration(remaining_seconds)} left" if remaining_seconds is not None else ""
        return build_progress_bar(self.sent_bytes, self.total_bytes, Text(f"  uploading   {counts}{speed}{to_go}"))


def upload_files(uploads: S3Uploader, progress: UploadProgress, screen: Screen, max_workers: int) -> None:
    """Uploads all files. The first error ends it; `progress` then counts the files uploaded so far."""
    files, last_printed_at = progress.files, progress.started_at
    with screen.live_view(progress.render):
        for keys in _group_by_upload_order(files):
            for key, uploaded in parallel_map(
                lambda key: (key, _upload_content(uploads, key, files[key])), keys, max_workers
            ):
                progress.uploaded[key] = uploaded
                progress.sent_bytes += measure_content(files[key])
                if not screen.is_interactive and progress.now() - last_printed_at > PROGRESS_LINE_INTERVAL_SECONDS:
                    last_printed_at = progress.now()
                    screen.print(f"  {len(progress.uploaded):,} of {len(files):,} files uploaded")
    progress.ended_at = progress.now()


def _upload_content(uploads: S3Uploader, key: str, content: Path | bytes) -> UploadedObject:
    """Uploads a local file, or the bytes of a sidecar that the command writes."""
    return uploads.upload_file(key, content) if isinstance(content, Path) else uploads.upload_sidecar(key, content)


def _group_by_upload_order(files: Mapping[str, Path | bytes]) -> list[list[str]]:
    """Photos last: intake finds everything that their instructions name when a photo's event arrives."""
    kinds = (ObjectKind.DEFAULTS, ObjectKind.SIDECAR, ObjectKind.PHOTO)
    images = [key for key in sorted(files) if is_brand_image_key(key)]
    return [images, *([key for key in sorted(files) if classify_key(key) is kind] for kind in kinds)]
