"""The verb `gallery`: reads a stack's receipts and reports, writes the page, and says where it is."""

from pathlib import Path
from typing import Any

from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.page.folder import Written, is_somebody_elses, write
from backdrop_cli.page.shots import Album
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack

MOST_NAMED = 5


def gallery(stack: Stack, screen: Screen, prefix: str, folder: Path) -> None:
    """Make the page of all photos whose keys begin with a prefix."""
    try:
        if is_somebody_elses(folder):
            raise MisusedError(f"{folder} holds an index.html that is not of this command; say another --output")
        with screen.busy("reading receipts and reports") as say:
            album = _album(stack, prefix)
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


def _album(stack: Stack, prefix: str) -> Album:
    return Album(
        receipts=list(stack.buckets.receipts(prefix, stack.at_once)),
        reports=list(stack.buckets.reports(prefix, stack.at_once)),
        stack=stack.name,
        prefix=prefix,
        own_bucket=stack.input_bucket,
        standins=stack.standins,
    )


def _tell(screen: Screen, stack: Stack, album: Album, made: Written) -> None:
    which = f" of {album.prefix}" if album.prefix else ""
    troubles = len(album.troubles)
    words = [several(len(album.shots), "picture")]
    words += [f"{several(troubles, 'problem')}"] if troubles else []
    words += [f"{several(album.on_their_way, 'picture')} still on the way"] if album.on_their_way else []
    screen.say(f"{', '.join(words)}{which}, stack {stack.name}")
    if made.missing:
        named = ", ".join(file.key for file in made.missing[:MOST_NAMED])
        more = f" and {len(made.missing) - MOST_NAMED:,} more" if len(made.missing) > MOST_NAMED else ""
        screen.say(f"Shown without a picture, which is gone or cannot be read: {named}{more}")
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
        "without_thumb": [{"bucket": file.bucket or None, "key": file.key} for file in made.missing],
    }
