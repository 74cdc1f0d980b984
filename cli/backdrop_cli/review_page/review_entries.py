"""Pictures that wait for approval as JSON: a short entry for the list, and everything that people need to decide."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from backdrop.model.job import Job, Source
from backdrop.model.object_keys import photo_name_of
from backdrop.model.receipt import build_receipt
from backdrop.model.review import PictureReview
from backdrop_cli.formatting import (
    format_bytes,
    format_count,
    format_receipt_usd,
    format_rough_duration,
    format_utc,
)
from backdrop_cli.gallery.album import (
    GalleryFile,
    MissingReason,
    change_map_file,
    count_bought_images,
    photo_file,
)
from backdrop_cli.gallery.gallery_entries import (
    Fact,
    GalleryEntry,
    describe_fidelity,
    explain_missing,
    explain_price,
    find_thumbnail,
    format_maker,
    group_by_source,
)
from backdrop_cli.gallery.thumbnails import MAX_SIDE_PIXELS
from backdrop_cli.operate.review import ReviewedPicture
from backdrop_cli.parallel import parallel_map
from backdrop_cli.served_pages.page_files import PageFiles, Thumbnail
from backdrop_cli.served_pages.presigner import Presigner
from backdrop_cli.stack import Stack


def review_file(review: PictureReview) -> GalleryFile:
    """Returns the file that a person sees. Only bytes with the review's hash are shown as this file."""
    return GalleryFile("", review.key, None, f"review {review.sha256}", sha256=review.sha256)


def build_list_entry(picture: ReviewedPicture, now: datetime, files: PageFiles) -> GalleryEntry:
    job, review = picture.job, picture.review
    return {
        "job_id": job.job_id,
        "n": review.n,
        "sha256": review.sha256,
        "name": photo_name_of(job.bucket, job.key, picture.stack_bucket),
        "tags": _list_tags(picture),
        "fidelity": describe_fidelity(review.fidelity, job.instructions, None, {}),
        "after": files.register(review_file(review)),
        "waits": format_rough_duration((now - review.waiting_since).total_seconds()),
    }


def build_review_entry(
    stack: Stack, source: Source, picture: ReviewedPicture, files: PageFiles, presigner: Presigner
) -> GalleryEntry:
    """Returns the entry of one picture with its photo and its map, for the gallery's comparison."""
    job, review = picture.job, picture.review
    receipt = build_receipt(source, [job])
    document: Mapping[str, Any] = receipt["jobs"][0]
    photo, shown, change_map = photo_file(receipt["source"]), review_file(review), change_map_file(review.fidelity)
    shown_files = [file for file in (photo, shown, change_map) if file]
    thumbnails = dict(zip(shown_files, parallel_map(files.make_thumbnail, shown_files, stack.max_threads), strict=True))
    links = {file: one if isinstance(one, MissingReason) else files.register(file) for file, one in thumbnails.items()}
    now = stack.clock.now()
    return build_list_entry(picture, now, files) | {
        "photo": source.source_id,
        "before": find_thumbnail(photo, links),
        "before_full": files.register_full_size(photo),
        "no_before": explain_missing(photo, links, "photo"),
        "prompt": job.instructions.get("prompt", ""),
        "operation": job.operation,
        "can_redo": job.operation == "replace" and _can_change_instructions(stack, job),
        "fidelity": describe_fidelity(review.fidelity, job.instructions, change_map, links),
        "warnings": picture.warnings,
        "instructions": group_by_source(document),
        "since": f"since {format_utc(review.waiting_since)}",
        "facts": list(_list_facts(stack, job, document, thumbnails[shown])),
        "files": [
            {
                "label": job.key,
                "alt": "",
                "cut": job.operation == "remove",
                "after": find_thumbnail(shown, links),
                "no_after": explain_missing(shown, links, "picture"),
                "full": files.register_full_size(shown),
                "open": presigner.create_link(shown),
                **_describe_size(thumbnails[shown], thumbnails[photo]),
            }
        ],
    }


def _list_tags(picture: ReviewedPicture) -> list[str]:
    """Returns what tells a picture apart from the others of its photo."""
    number = f"picture {picture.review.n} of {picture.picture_count}" if picture.picture_count > 1 else ""
    return [part for part in (picture.job.variant, number) if part]


def _describe_size(*thumbnails: Thumbnail | MissingReason) -> Mapping[str, Any]:
    """Returns the width and the shape of the first file that can be shown: the picture, else its photo."""
    sizes = (one.full_size for one in thumbnails if isinstance(one, Thumbnail) and one.full_size)
    width, height = next(sizes, (MAX_SIDE_PIXELS, MAX_SIDE_PIXELS))
    return {"width": width, "ratio": round(width / height, 4)}


def _can_change_instructions(stack: Stack, job: Job) -> bool:
    """Whether a sidecar can change the picture."""
    return job.bucket == stack.input_bucket and not job.is_requested


def _list_facts(
    stack: Stack, job: Job, document: Mapping[str, Any], thumbnail: Thumbnail | MissingReason
) -> Iterator[Fact]:
    images, cost = count_bought_images(document), document["cost"]
    price = format_receipt_usd(cost["usd"]) + (f" for {format_count(images, 'picture')}" if images > 1 else "")
    yield "paid", f"{price}, {explain_price(document)}"
    if cost["unknown_usd"]:
        yield "possibly also charged", f"{format_receipt_usd(cost['unknown_usd'])}, for a lost answer"
    yield "made by", format_maker(document["provider"], stack.standin_providers)
    if len(document["attempts"]) > 1:
        yield "attempts", str(len(document["attempts"]))
    if not _can_change_instructions(stack, job):
        yield "for another picture", "send a request, or run a campaign, with another prompt or another `revision`"
    if isinstance(thumbnail, Thumbnail) and thumbnail.full_size:
        width, height = thumbnail.full_size
        yield "file", f"PNG, {width:,} × {height:,}, {format_bytes(thumbnail.byte_count)}"
