"""The `gallery` command: reads a stack's receipts and error reports, and writes a before/after page."""

from pathlib import Path
from typing import Any

from backdrop_cli.errors import CommandError, NothingFoundError, UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.gallery.album import Album, MissingReason
from backdrop_cli.gallery.gallery_folder import GalleryResult, describe_other_page, write_gallery
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_LISTED_FILES = 5
MISSING_TEXTS = {
    MissingReason.GONE: "because this version is no longer in the bucket",
    MissingReason.ACCESS_DENIED: "because S3 denies access",
    MissingReason.UNREADABLE: "because the file cannot be decoded",
}


def make_gallery(stack: Stack, screen: Screen, prefix: str, folder: Path) -> None:
    """Writes the page for all photos whose keys begin with a prefix."""
    try:
        with screen.spinner("reading receipts and error reports") as update_message:
            album = _read_album(stack, prefix)
            _check_folder(folder, album)
            result = write_gallery(
                folder,
                album,
                stack.bucket_reader.read_file,
                stack.clock.now(),
                max_workers=stack.max_threads,
                report_progress=lambda done, of: update_message(f"making thumbnails: {done:,} of {of:,}"),
            )
    except OSError as error:
        raise CommandError(
            f"{folder} cannot be written ({error.strerror or error}); existing files are kept, so run the command again"
        ) from error
    screen.print_json(_build_document(stack, album, result))
    _print_result(screen, stack, album, result)


def _check_folder(folder: Path, album: Album) -> None:
    """Raises NothingFoundError if the page would be empty, UsageError if another page would be lost."""
    if album.is_empty:
        photos_text = f"of photos whose keys begin with {album.prefix}" if album.prefix else "of any photo"
        raise NothingFoundError(
            f"nothing was written: stack {album.stack} has no receipt and no error report {photos_text};"
            " keys are case-sensitive, and a photo that was just uploaded has none for a moment"
        )
    other_page = describe_other_page(folder, album)
    if other_page:
        raise UsageError(
            f"nothing was written: {folder} has {other_page}, which would be lost; choose another folder with --output"
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
    counts = [format_count(len(album.comparisons), "picture")]
    counts += [f"{format_count(problem_count, 'problem')}"] if problem_count else []
    counts += [f"{format_count(album.pending_count, 'picture')} in progress"] if album.pending_count else []
    screen.print(f"{', '.join(counts)}{prefix_text}, stack {stack.name}")
    for reason, reason_text in MISSING_TEXTS.items():
        keys = [file.key for file, missing in result.missing_files.items() if missing is reason]
        more = f" and {len(keys) - MAX_LISTED_FILES:,} more" if len(keys) > MAX_LISTED_FILES else ""
        if keys:
            screen.print(f"Without a preview, {reason_text}: {', '.join(keys[:MAX_LISTED_FILES])}{more}")
    screen.print(f"Before/after page ({format_count(result.new_thumbnail_count, 'new thumbnail')}):")
    screen.print_unwrapped(f"  {result.index_path.resolve()}")


def _build_document(stack: Stack, album: Album, result: GalleryResult) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "prefix": album.prefix,
        "page": str(result.index_path.resolve()),
        "pictures": len(album.comparisons),
        "problems": len(album.problems),
        "on_their_way": album.pending_count,
        "total_usd": album.total_usd,
        "thumbs_made": result.new_thumbnail_count,
        "thumbs_kept": result.kept_thumbnail_count,
        "without_thumb": [
            {"bucket": file.bucket or None, "key": file.key, "reason": reason}
            for file, reason in result.missing_files.items()
        ],
    }
