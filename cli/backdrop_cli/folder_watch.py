"""`drop --watch`: uploads new and changed photos of a folder, and downloads their pictures, until Ctrl-C.

It lists the folder every few seconds. Events of the operating system would need another package (watchfiles), do not
exist on network drives, and do not tell when a file is complete; unchanged sizes and times do.
"""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from botocore.exceptions import BotoCoreError
from rich.text import Text

from backdrop.model.errors import BackdropError
from backdrop.model.object_keys import ObjectKind, classify_key, is_brand_image_key
from backdrop_cli import picture_downloads as pictures
from backdrop_cli.continuation import explain_end
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.drop import Allowance, DropOptions, build_expected_uploads, plan_drop, print_upload_result
from backdrop_cli.errors import NothingFoundError
from backdrop_cli.formatting import format_count
from backdrop_cli.local_names import find_common_folder
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.upload_targets import resolve_targets
from backdrop_cli.uploads import upload_report
from backdrop_cli.uploads.transfer import UploadProgress, upload_files
from backdrop_cli.uploads.upload_tracker import PAUSED_IDLE_TIMEOUT_SECONDS, UploadTracker, find_pause_reason
from backdrop_client.aws_failures import CONNECTION_ERRORS

LIST_SECONDS, MAX_LISTING_SHARE = 2.0, 0.1
MAX_POLL_SECONDS, POLL_SHARE = 60.0, 0.1
"""The ledger is read again after a tenth of the time without a change, because each reading of a photo costs money."""

GOING_ON = (
    "uploaded photos are processed anyway. To go on, run the same command again; nothing is uploaded or bought twice"
)

type FileState = tuple[int, int, int]


def watch_folder(stack: Stack, screen: Screen, options: DropOptions, download_folder: Path) -> NoReturn:
    """Watches until Ctrl-C, which raises InterruptedCommandError, or until an error ends it; then prints the totals."""
    place = options.find_download_place(download_folder)
    pictures.create_folder(place.folder)
    _FolderWatch(stack, screen, options, place).run()


class WatchedFiles:
    """The photos and instructions below a folder. Leaves out those in the folder of the pictures, if that is inside."""

    def __init__(self, options: DropOptions, download_folder: Path) -> None:
        self._options = options
        self.folder, self._left_out = (Path(os.path.abspath(one)) for one in (options.paths[0], download_folder))  # noqa: PTH100 - links as they are named
        self._seen, self._done = dict[Path, FileState](), dict[Path, FileState]()

    def list_complete(self) -> list[Path]:
        """Returns new and changed files, each once it was the same in two calls, until `finish` is called for it.

        Raises NothingFoundError if the folder is gone.
        """
        if not self.folder.is_dir():
            raise NothingFoundError(
                f"the folder {self.folder} is gone, so the watch ended, and nothing else was bought; when the folder "
                "is there again, run the same command; nothing is bought twice"
            )
        found = {path: state for path in self._list_files() if (state := _read_state(path))}
        complete = [path for path, state in found.items() if self._seen.get(path) == state != self._done.get(path)]
        self._seen = found
        self._done = {path: state for path, state in self._done.items() if path in found}
        return complete

    def finish(self, files: Iterable[Path]) -> None:
        self._done |= {path: self._seen[path] for path in files}

    def __contains__(self, path: Path) -> bool:
        return path in self._seen

    def _list_files(self) -> Iterator[Path]:
        is_download_inside = self.folder in self._left_out.parents
        for target in resolve_targets(self._options.paths, self._options.target_folder):
            for key in target.keys:
                path = target.folder.local_path(key)
                is_used = classify_key(key) is not ObjectKind.IGNORED or is_brand_image_key(key)
                if is_used and not (is_download_inside and path.is_relative_to(self._left_out)):
                    yield path


def _read_state(path: Path) -> FileState | None:
    """Returns the size and times; None if there is no such file, such as one that was just deleted.

    The time of the last change of the file's status differs even if a tool sets the other one back.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


class _FolderWatch:
    def __init__(self, stack: Stack, screen: Screen, options: DropOptions, place: pictures.DownloadPlace) -> None:
        self._stack, self._screen, self._options, self._place = stack, screen, options, place
        self._files = WatchedFiles(options, place.folder)
        self._allowance = Allowance(options.max_total)
        self._trackers: list[UploadTracker] = []
        self._downloads = pictures.DownloadResult(place.folder)
        self._uploaded_count = 0
        self._printed_once = set[str]()
        self._changed_at = self._next_poll_at = self._started_at = stack.clock.now()
        self._listing_seconds = 0.0

    def run(self) -> NoReturn:
        self._screen.print(f"Watching {self._files.folder} until Ctrl-C.", "bold")
        with explain_end(lambda: GOING_ON):
            try:
                while True:
                    self._step()
                    line = Text(f"  watching: {upload_report.format_outcome(self._merge_trackers())}")
                    with self._screen.live_view(lambda line=line: line):
                        self._stack.sleep(max(LIST_SECONDS, self._listing_seconds / MAX_LISTING_SHARE))
            finally:
                self._print_totals()

    def _step(self) -> None:
        """Uploads what is complete, and downloads what is delivered. What fails for the moment is tried again."""
        try:
            began = time.monotonic()
            files = self._files.list_complete()
            self._listing_seconds = time.monotonic() - began
            if files:
                self._drop(files)
            if self._stack.clock.now() >= self._next_poll_at:
                self._follow()
        except (BotoCoreError, BackdropError) as error:
            if not (isinstance(error, CONNECTION_ERRORS) or isinstance(error.__cause__, CONNECTION_ERRORS)):
                raise
            self._print_once("AWS does not respond. The watch tries again until Ctrl-C.")
        except OSError as error:
            if error.filename is None or (file := Path(os.fsdecode(error.filename))) not in self._files:
                raise
            self._print_once(f"{file}: {error.strerror}")
            self._files.finish([file])

    def _drop(self, files: list[Path]) -> None:
        options, started_at = replace(self._options, only={*files}), self._stack.clock.now()
        planned = plan_drop(self._stack, self._screen, options)
        plan = planned.plan
        for row in plan.ineffective_photos:
            plan.files.pop(row.sidecar_key, None)
            self._print_once(f"{row.sidecar_key} has neither a prompt nor an operation, so it is not uploaded.")
        self._allowance.confirm(self._screen, plan, yes=False, option="--max-total USD")
        progress = UploadProgress(plan.files)
        upload_files(self._stack.uploader, progress, self._screen, self._stack.max_threads)
        if plan.files:
            print_upload_result(self._screen, plan, progress)
        self._uploaded_count += len(progress.uploaded)
        expected = build_expected_uploads(plan, progress)
        for tracker in self._trackers:
            tracker.forget({*expected} & {*tracker.open_keys})
        if expected:
            self._trackers.append(UploadTracker(self._stack, expected, started_at, follows_reviews=True))
        self._place = replace(self._place, photos={*self._place.photos, *planned.files.photos.values()})
        self._files.finish(files)
        self._changed_at = self._next_poll_at = self._stack.clock.now()

    def _follow(self) -> None:
        """Reads the state of the photos that may still change, and downloads what was delivered."""
        for tracker in self._trackers:
            before = dict(tracker.progress)
            try:
                tracker.poll_all()
                changed = [key for key, progress in tracker.progress.items() if progress != before[key]]
                if ended := [key for key in changed if tracker.progress[key].is_final]:
                    self._deliver(tracker.select(ended))
            except BaseException:
                tracker.progress = before  # so that the next attempt finds the same changes
                raise
            self._changed_at = self._stack.clock.now() if changed else self._changed_at
        idle_seconds = (self._stack.clock.now() - self._changed_at).total_seconds()
        self._print_waits(idle_seconds)
        pause = min(max(LIST_SECONDS, idle_seconds * POLL_SHARE), MAX_POLL_SECONDS)
        self._next_poll_at = self._stack.clock.now() + timedelta(seconds=pause)

    def _deliver(self, ended: UploadTracker) -> None:
        keys = [key for progress in ended.progress.values() for key in progress.picture_keys]
        download = pictures.download_pictures(self._stack, self._screen, keys, self._place, self._downloads)
        upload_report.print_outcome(self._screen, ended, find_common_folder(ended.progress))
        if keys:
            pictures.print_download(self._screen, download)
        self._downloads.add(download)

    def _print_waits(self, idle_seconds: float) -> None:
        open_photos = [one.progress[key] for one in self._trackers for key in one.unfinished_keys]
        reasons = {photo.note for photo in open_photos if photo.status is DisplayStatus.WAITING}
        if idle_seconds > PAUSED_IDLE_TIMEOUT_SECONDS:
            lanes = {job.provider for photo in open_photos for job in photo.jobs}
            reasons.add(find_pause_reason(self._stack, lanes))
        for reason in sorted(reasons - {""}):
            self._print_once(f"Photos wait: {reason}")

    def _print_once(self, text: str) -> None:
        if text not in self._printed_once:
            self._printed_once.add(text)
            self._screen.print(f"! {text}", "yellow")

    def _merge_trackers(self) -> UploadTracker:
        """Returns the newest state of each photo, with what all its uploads cost."""
        merged = UploadTracker(self._stack, {}, self._started_at)
        for key, photo in (item for one in self._trackers for item in one.progress.items()):
            merged.progress[key] = photo.add_cost_of(merged.progress[key]) if key in merged.progress else photo
        return merged

    def _print_totals(self) -> None:
        merged = self._merge_trackers()
        self._screen.print(f"Watched {self._files.folder}: {upload_report.format_outcome(merged)}", "bold")
        if unfinished := merged.unfinished_keys:
            photos = format_count(len(unfinished), "photo is", "photos are")
            self._screen.print(f"{photos} still being processed; the same command downloads the pictures.")
        document = {"stack": self._stack.name, "bucket": self._stack.input_bucket, "uploaded": self._uploaded_count}
        document |= upload_report.build_outcome_document(merged)
        self._screen.print_json(document | {"download": self._downloads.build_document()})
