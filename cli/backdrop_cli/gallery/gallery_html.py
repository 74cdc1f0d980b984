"""The gallery as one HTML file with its styles, scripts, and data. All data is escaped."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from html import escape, unescape
from importlib.resources import files
from re import findall, search
from string import Template
from typing import Any

from backdrop.model.csv_cells import ESCAPED_STARTS
from backdrop_cli.formatting import format_count, format_receipt_usd
from backdrop_cli.gallery.album import Album, FullSizeLinks, ThumbnailLinks
from backdrop_cli.gallery.gallery_entries import NO_FULL_SIZES, build_comparison_entry, build_problem_entry
from backdrop_cli.picks import PICKS_COLUMNS, PICKS_FILE_NAME

GENERATOR = "Backdrop before/after"
"""Identifies a page that this command wrote."""
SCOPE_META_NAME = "backdrop-page"
GALLERY_PACKAGE = "backdrop_cli.gallery"
STYLES = ("page.css", "tools.css", "card.css", "group.css", "large.css")
SCRIPTS = (
    "compare.js",
    "stars.js",
    "card.js",
    "group.js",
    "stage.js",
    "zoom.js",
    "changes.js",
    "facts.js",
    "large.js",
    "list.js",
    "address.js",
)
NOTHING_EMBEDDED: Mapping[str, str] = {}
_STANDIN_NOTICE = (
    "A stand-in on this machine made these pictures, so that you can try the pipeline without an API key."
    " U²-Net-p, a free model that is softer than a provider's, cut the products out. The prices are list prices;"
    " nothing was charged."
)


@dataclass(frozen=True)
class GalleryScope:
    """What a page shows: the photos of one stack whose names begin with `prefix`.

    `stack` is a digest of the output bucket's name: unique, without revealing the name to recipients of the page.
    """

    stack: str
    prefix: str

    @classmethod
    def from_album(cls, album: Album) -> "GalleryScope":
        return cls(sha256(album.output_bucket.encode()).hexdigest()[:16], album.prefix)

    @classmethod
    def parse(cls, page: str) -> "GalleryScope | None":
        """Reads the scope from a page's HTML; None if an earlier release wrote it."""
        found = search(f'<meta name="{SCOPE_META_NAME}" content="([^"]*)">', page)
        scope = json.loads(unescape(found[1])) if found else None
        return cls(scope["stack"], scope["prefix"]) if scope else None

    def includes(self, other: "GalleryScope") -> bool:
        """Returns whether this scope contains the other."""
        return self.stack == other.stack and other.prefix.startswith(self.prefix)


def render_gallery(
    album: Album,
    links: ThumbnailLinks,
    created_at: datetime,
    *,
    full_size_links: FullSizeLinks = NO_FULL_SIZES,
    embedded: Mapping[str, str] = NOTHING_EMBEDDED,
) -> str:
    """Renders the page. `embedded` has the data URLs of thumbnails that are part of the page, by their links."""
    page_data = build_page_data(album, links, created_at, full_size_links)
    return Template(read_template(GALLERY_PACKAGE, "page.html")).substitute(
        _read_parts(),
        policy=_build_policy(),
        generator=GENERATOR,
        mark=SCOPE_META_NAME,
        shows=escape(json.dumps(asdict(GalleryScope.from_album(album)))),
        title=escape(page_data["title"]),
        data=encode_script_data(page_data),
        embedded=encode_script_data(embedded),
    )


@cache
def _read_parts() -> Mapping[str, str]:
    return {
        "style": join_templates(GALLERY_PACKAGE, STYLES),
        "theme": read_template(GALLERY_PACKAGE, "theme.js"),
        "script": join_templates(GALLERY_PACKAGE, SCRIPTS),
        "stage": read_template(GALLERY_PACKAGE, "stage.html"),
        "parts": read_template(GALLERY_PACKAGE, "parts.html"),
    }


@cache
def _build_policy() -> str:
    """Returns the content security policy that lets the page run its own scripts and show its own files, nothing else.

    The policy has the hashes of the scripts without the page's data, because a page on a disk has no server that could
    send a nonce. From a disk, not every browser takes the page's own files for `self`.
    """
    page = Template(read_template(GALLERY_PACKAGE, "page.html")).safe_substitute(_read_parts())
    policy = (
        "default-src 'none'",
        f"script-src {_hash_elements('script', page)}",
        f"style-src {_hash_elements('style', page)}",
        "img-src 'self' file: data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(policy)


def _hash_elements(name: str, page: str) -> str:
    digests = (sha256(text.encode()).digest() for text in findall(rf"(?s)<{name}>(.*?)</{name}>", page))
    return " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests)


def build_page_data(
    album: Album, links: ThumbnailLinks, created_at: datetime, full_size_links: FullSizeLinks = NO_FULL_SIZES
) -> dict[str, Any]:
    """Returns the data of the page's script; all texts are plain text."""
    comparisons, problems = album.comparisons, album.problems
    photo_count = len({comparison.full_name for comparison in comparisons})
    photo_problems = [one for one in problems if one.full_name]
    return {
        "title": f"{format_count(album.picture_count, 'picture')} from {format_count(photo_count, 'photo')}"
        if comparisons
        else "No pictures yet",
        "sums": _build_summary(album, created_at),
        "notices": _build_notices(album),
        "waiting": _format_pending(album.pending_image_count),
        "stopped": [build_problem_entry(one, links) for one in problems if not one.full_name],
        "entries": sorted(
            [
                *(build_comparison_entry(one, album, links, full_size_links) for one in comparisons),
                *(build_problem_entry(one, links) for one in photo_problems),
            ],
            key=lambda entry: entry["name"],
        ),
        "credits": list(album.credits),
        "picks": {
            "columns": list(PICKS_COLUMNS),
            "escaped": list(ESCAPED_STARTS),
            "file": PICKS_FILE_NAME,
            "store": f"backdrop stars {album.stack}",
        },
    }


def _build_summary(album: Album, created_at: datetime) -> list[str]:
    makers = _list_makers(album)
    masks_text = f" and {format_count(album.bought_mask_count, 'mask')}" if album.bought_mask_count else ""
    bought_text = f"{format_count(album.bought_image_count, 'image')}{masks_text} bought"
    facts = [album.prefix, bought_text, f"{format_receipt_usd(album.total_usd)} in total"]
    facts += [f"made by {', '.join(makers)}"] if makers else []
    facts += [f"{created_at.day} {created_at:%B %Y, %H:%M} UTC"]
    return [fact for fact in facts if fact]


def _list_makers(album: Album) -> list[str]:
    """Lists who made the pictures; the stand-in is named once for all its providers."""
    providers, standin_providers = _find_providers(album)
    return [
        *sorted(providers - standin_providers),
        *([f"the stand-in for {', '.join(sorted(standin_providers))}"] if standin_providers else []),
    ]


def _find_providers(album: Album) -> tuple[set[str], set[str]]:
    """Returns the providers of all pictures, and those that the stand-in simulated."""
    providers = {comparison.job["provider"] for comparison in album.comparisons}
    return providers, providers.intersection(album.standins)


def _build_notices(album: Album) -> list[str]:
    """Returns a notice if the stand-in made all pictures or some of them."""
    providers, standin_providers = _find_providers(album)
    if not standin_providers:
        return []
    pictures_text = (
        "these pictures"
        if standin_providers == providers
        else f"the pictures of {', '.join(sorted(standin_providers))}"
    )
    return [_STANDIN_NOTICE.replace("these pictures", pictures_text)]


def _format_pending(image_count: int) -> str:
    if not image_count:
        return ""
    images = format_count(image_count, "image is", "images are")
    return f"{images} in progress or awaiting approval; create this page again to see more."


def encode_script_data(page_data: Mapping[str, Any]) -> str:
    """Returns JSON that is safe inside a script element."""
    text = json.dumps(page_data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode(errors="replace").decode()


@cache
def read_template(package: str, name: str) -> str:
    """Returns the text of a file in a package's `templates` folder."""
    return files(package).joinpath("templates", name).read_text("utf-8")


def join_templates(package: str, names: Iterable[str]) -> str:
    return "\n".join(read_template(package, name) for name in names)
