"""What came back of one photo, as the before/after page shows it, with links to the whole pictures that S3 answers."""

from backdrop.model.object_keys import source_name
from backdrop_cli.droppage.signed import Signed
from backdrop_cli.droppage.small import Small
from backdrop_cli.page.entries import Entry, entry_of, problem_of
from backdrop_cli.page.shots import Album
from backdrop_cli.stack import Stack


def album_of(stack: Stack, key: str, folder: str) -> Album | None:
    """Its receipt and its report; None where neither tells of a picture or a problem yet."""
    bucket = stack.input_bucket
    source = source_name(bucket, key, bucket)
    receipt, report = stack.buckets.receipt(source), stack.buckets.report(source)
    album = Album(
        receipts=[receipt] if receipt else [],
        reports=[report] if report else [],
        stack=stack.name,
        prefix=folder,
        own_bucket=bucket,
        standins=stack.standins,
    )
    return album if album.shots or album.troubles else None


def entries_of(album: Album, small: Small, signed: Signed) -> list[Entry]:
    """Its pictures and its problems; links to whole pictures begin to live now."""
    links = {file: small.link(file) for file in album.files}
    shots = [entry_of(shot, album, links) | {"link": signed.link(shot.picture)} for shot in album.shots]
    troubles = [problem_of(one, links) for one in album.troubles]
    return [*shots, *troubles]
