"""The `gallery` command: reads a stack's receipts and error reports, and writes a before/after page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop_cli.continuation import explain_end
from backdrop_cli.errors import CommandError, NothingFoundError, UsageError
from backdrop_cli.formatting import format_bytes, format_count
from backdrop_cli.gallery.album import Album, MissingReason
from backdrop_cli.gallery.gallery_files import list_missing_full_sizes
from backdrop_cli.gallery.gallery_folder import (
    INDEX_FILE_NAME,
    GalleryResult,
    describe_other_page,
    render_single_file,
    write_gallery,
)
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_LISTED_FILES = 5
MAX_UNASKED_DOWNLOAD_BYTES = 1_000_000_000
MAX_UNASKED_PAGE_BYTES = 10_000_000
"""Common mail servers accept 10 to 25 MB, and an attachment grows by a third on its way."""
MISSING_TEXTS = {
    MissingReason.GONE: "because this version is no longer in the bucket",
    MissingReason.ACCESS_DENIED: "because S3 denies access",
    MissingReason.UNREADABLE: "because the file cannot be decoded",
}


@dataclass(frozen=True)
class GalleryOptions:
    """Where the page goes, and what it contains; with `one_file`, only that file is written."""

    folder: Path
    one_file: Path | None = None
    full_size: bool = True
    yes: bool = False

    @property
    def target(self) -> Path:
        return self.one_file or self.folder

    @property
    def page_path(self) -> Path:
        return self.one_file or self.folder / INDEX_FILE_NAME

    @property
    def has_full_sizes(self) -> bool:
        return self.full_size and self.one_file is None


def make_gallery(stack: Stack, screen: Screen, prefix: str, options: GalleryOptions) -> None:
    """Writes the page for all photos whose keys begin with a prefix."""
    kept = "nothing was written" if options.one_file else "the page is as it was, and what was downloaded is kept"
    try:
        with explain_end(lambda: f"{kept}. To go on, run the same command again"):
            with screen.spinner("reading receipts and error reports"):
                album = _read_album(stack, prefix)
                _check_target(options, album)
                missing_files = (
                    list_missing_full_sizes(options.target, album.compared_files) if options.has_full_sizes else []
                )
                byte_counts = [*parallel_map(stack.bucket_reader.read_size, missing_files, stack.max_threads)]
            _approve_download(screen, [one for one in byte_counts if one], yes=options.yes)
            result = _write(stack, screen, album, options)
    except OSError as error:
        raise CommandError(
            f"{options.target} cannot be written ({error.strerror or error}); existing files are kept, so run the"
            " command again"
        ) from error
    screen.print_json(_build_document(stack, album, result))
    _print_result(screen, stack, album, result)


def _approve_download(screen: Screen, byte_counts: Sequence[int], *, yes: bool) -> None:
    """Shows the size of the full-size files, and asks above 1 GB. Raises CommandError if the user declines."""
    if not byte_counts:
        return
    files_text = f"{format_count(len(byte_counts), 'full-size file')}, about {format_bytes(sum(byte_counts))}"
    screen.print(f"To download: {files_text}. To leave them out, use --no-files.")
    if sum(byte_counts) > MAX_UNASKED_DOWNLOAD_BYTES:
        screen.confirm(f"Download {files_text}?", yes=yes)


def _approve_page(screen: Screen, byte_count: int, *, yes: bool) -> None:
    """Shows the size of a page in one file, and asks above what mail servers accept."""
    screen.print(f"Size of the page: {format_bytes(byte_count)}.")
    if byte_count > MAX_UNASKED_PAGE_BYTES:
        limit = format_bytes(MAX_UNASKED_PAGE_BYTES)
        screen.print(f"Many mail servers refuse attachments above {limit}. A longer PREFIX makes a smaller page.")
        screen.confirm("Write the page?", yes=yes)


def _write(stack: Stack, screen: Screen, album: Album, options: GalleryOptions) -> GalleryResult:
    reader, created_at, max_workers = stack.bucket_reader.read_file, stack.clock.now(), stack.max_threads
    with screen.spinner("reading photos and pictures") as update_message:

        def report_progress(done: int, of: int) -> None:
            update_message(f"reading photos and pictures: {done:,} of {of:,}")

        if options.one_file is None:
            return write_gallery(
                options.folder,
                album,
                reader,
                created_at,
                full_size=options.full_size,
                max_workers=max_workers,
                report_progress=report_progress,
            )
        page = render_single_file(album, reader, created_at, max_workers=max_workers, report_progress=report_progress)
    _approve_page(screen, page.byte_count, yes=options.yes)
    return page.write(options.one_file)


def _check_target(options: GalleryOptions, album: Album) -> None:
    """Raises NothingFoundError if the page would be empty, UsageError if another page would be lost."""
    if album.is_empty:
        photos_text = f"of photos whose keys begin with {album.prefix}" if album.prefix else "of any photo"
        raise NothingFoundError(
            f"nothing was written: stack {album.stack} has no receipt and no error report {photos_text};"
            " keys are case-sensitive, and a photo that was just uploaded has none for a moment"
        )
    other_page = describe_other_page(options.page_path, album)
    if other_page:
        other_target = "another folder with --output" if options.one_file is None else "another file with --one-file"
        raise UsageError(
            f"nothing was written: {options.target} has {other_page}, which would be lost; choose {other_target}"
        )


def _read_album(stack: Stack, prefix: str) -> Album:
    return Album(
        receipts=list(stack.bucket_reader.read_receipts(prefix, stack.max_threads)),
        reports=list(stack.bucket_reader.read_reports(prefix, stack.max_threads)),
        stack=stack.name,
        prefix=prefix,
        input_bucket=stack.input_bucket,
        output_bucket=stack.output_bucket,
        standins=stack.standin_providers,
    )


def _print_result(screen: Screen, stack: Stack, album: Album, result: GalleryResult) -> None:
    prefix_text = f" of {album.prefix}" if album.prefix else ""
    problem_count = len(album.problems)
    counts = [format_count(album.picture_count, "picture")]
    counts += [f"{format_count(problem_count, 'problem')}"] if problem_count else []
    if album.pending_image_count:
        counts.append(f"{format_count(album.pending_image_count, 'image')} in progress or awaiting approval")
    screen.print(f"{', '.join(counts)}{prefix_text}, stack {stack.name}")
    for reason, reason_text in MISSING_TEXTS.items():
        keys = [file.key for file, missing in result.missing_files.items() if missing is reason]
        more = f" and {len(keys) - MAX_LISTED_FILES:,} more" if len(keys) > MAX_LISTED_FILES else ""
        if keys:
            screen.print(f"Without a preview, {reason_text}: {', '.join(keys[:MAX_LISTED_FILES])}{more}")
    made = [format_count(result.new_thumbnail_count, "new thumbnail")]
    if result.full_size_count:
        files_text = format_count(result.full_size_count, "full-size file")
        made.append(f"{files_text} of {format_bytes(result.full_size_bytes)}")
    screen.print(f"Before/after page ({', '.join(made)}):")
    screen.print_unwrapped(f"  {result.index_path.resolve()}")


def _build_document(stack: Stack, album: Album, result: GalleryResult) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "prefix": album.prefix,
        "page": str(result.index_path.resolve()),
        "pictures": album.picture_count,
        "problems": len(album.problems),
        "on_their_way": album.pending_image_count,
        "total_usd": album.total_usd,
        "thumbs_made": result.new_thumbnail_count,
        "thumbs_kept": result.kept_thumbnail_count,
        "page_bytes": result.page_bytes,
        "full_size_files": result.full_size_count,
        "full_size_bytes": result.full_size_bytes,
        "without_thumb": [
            {"bucket": file.bucket or None, "key": file.key, "reason": reason}
            for file, reason in result.missing_files.items()
        ],
    }
