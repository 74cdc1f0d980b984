"""The results of one photo as gallery entries, with a presigned link to each file."""

from backdrop.model.object_keys import photo_name_of
from backdrop_cli.gallery.album import Album
from backdrop_cli.gallery.gallery_entries import GalleryEntry, build_comparison_entry, build_problem_entry
from backdrop_cli.served_pages.page_files import PageFiles
from backdrop_cli.served_pages.presigner import Presigner
from backdrop_cli.stack import Stack


def read_photo_album(stack: Stack, key: str, folder: str) -> Album | None:
    """Reads a photo's receipt and report; None if they have neither a picture nor a problem yet."""
    bucket = stack.input_bucket
    photo_name = photo_name_of(bucket, key, bucket)
    receipt, report = stack.bucket_reader.read_receipt(photo_name), stack.bucket_reader.read_report(photo_name)
    album = Album(
        receipts=[receipt] if receipt else [],
        reports=[report] if report else [],
        stack=stack.name,
        prefix=folder,
        input_bucket=bucket,
        standins=stack.standin_providers,
    )
    return album if album.comparisons or album.problems else None


def build_entries(album: Album, files: PageFiles, presigner: Presigner) -> list[GalleryEntry]:
    """Returns entries for pictures and problems; the presigned links' lifetime begins now."""
    links = {file: files.register(file) for file in album.files}
    full_size_links = {file: presigner.create_link(file) for one in album.comparisons for file in one.files}
    comparison_entries = [build_comparison_entry(one, album, links, full_size_links) for one in album.comparisons]
    problem_entries = [build_problem_entry(one, links) for one in album.problems]
    return [*comparison_entries, *problem_entries]
