"""The verb `gallery`: reads a stack's receipts and reports, writes the page, and says where it is."""

from pathlib import Path
from typing import Any

from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.page.folder import Written, holds_another_page, write
from backdrop_cli.page.shots import Album, Missing
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack

MOST_NAMED = 5
WHY_MISSING = {
    Missing.GONE: "because this version is no longer in the bucket",
    Missing.WITHHELD: "because S3 denies access",
    Missing.UNREADABLE: "because the file cannot be decoded",
}


def gallery(stack: Stack, screen: Screen, prefix: str, folder: Path) -> None:
    """Make the page of all photos whose keys begin with a prefix."""
    try:
        with screen.busy("reading receipts and reports") as say:
            album = _album(stack, prefix)
            _check(folder, album)
            made = write(
                folder,
                album,
                stack.buckets.read,
                stack.clock.now(),
                at_once=stack.at_once,
                tell=lambda done, of: say(f"making thumbs: {done:,} of {of:,}"),
            )
    except OSError as error:
        raise RefusedError(
            f"{folder} cannot be written ({error.strerror or error}); what is there stays, and the next run goes on"
        ) from error
    screen.data(_document(stack, album, made))
    _tell(screen, stack, album, made)


def _check(folder: Path, album: Album) -> None:
    """Raises RefusedError for a page of nothing, MisusedError where the folder's page would be lost."""
    if album.is_empty:
        which = f"of photos that begin with {album.prefix}" if album.prefix else "of any photo"
        raise RefusedError(
            f"nothing was written: stack {album.stack} has no receipt and no error report {which};"
            " upper and lower case count, and a photo that was just dropped has none for a moment"
        )
    there = holds_another_page(folder, album)
    if there:
        raise MisusedError(
            f"nothing was written: {folder} holds {there}, and would lose it; name another folder with --output"
        )


def _album(stack: Stack, prefix: str) -> Album:
    return Album(
        receipts=list(stack.buckets.receipts(prefix, stack.at_once)),
        reports=list(stack.buckets.reports(prefix, stack.at_once)),
        stack=stack.name,
        prefix=prefix,
        own_bucket=stack.input_bucket,
        output_bucket=stack.output_bucket,
        standins=stack.standins,
    )


def _tell(screen: Screen, stack: Stack, album: Album, made: Written) -> None:
    which = f" of {album.prefix}" if album.prefix else ""
    troubles = len(album.troubles)
    words = [several(len(album.shots), "picture")]
    words += [f"{several(troubles, 'problem')}"] if troubles else []
    words += [f"{several(album.on_their_way, 'picture')} still on the way"] if album.on_their_way else []
    screen.say(f"{', '.join(words)}{which}, stack {stack.name}")
    for reason, why in WHY_MISSING.items():
        keys = [file.key for file, missing in made.missing.items() if missing is reason]
        more = f" and {len(keys) - MOST_NAMED:,} more" if len(keys) > MOST_NAMED else ""
        if keys:
            screen.say(f"Without a preview, {why}: {', '.join(keys[:MOST_NAMED])}{more}")
    screen.say(f"Before and after, to open in a browser ({several(made.made, 'new thumb')}):")
    screen.line(f"  {made.index.resolve()}")


def _document(stack: Stack, album: Album, made: Written) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "prefix": album.prefix,
        "page": str(made.index.resolve()),
        "pictures": len(album.shots),
        "problems": len(album.troubles),
        "on_their_way": album.on_their_way,
        "total_usd": album.total_usd,
        "thumbs_made": made.made,
        "thumbs_kept": made.kept,
        "without_thumb": [
            {"bucket": file.bucket or None, "key": file.key, "reason": reason} for file, reason in made.missing.items()
        ],
    }
