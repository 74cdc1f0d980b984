"""The page itself: one HTML file with its style, its script and what they show; no text from outside changes it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from html import escape, unescape
from importlib.resources import files
from re import search
from string import Template
from typing import Any

from backdrop_cli.page.entries import entry_of, money, problem_of
from backdrop_cli.page.shots import Album, Links
from backdrop_cli.picks import COLUMNS, NAME
from backdrop_cli.screen import several

GENERATOR = "Backdrop before/after"
"""By this a page is known as one of ours."""
MARK = "backdrop-page"
STYLES = ("page.css", "tools.css", "card.css", "large.css")
SCRIPTS = ("compare.js", "stars.js", "card.js", "large.js", "list.js")
_STANDIN = (
    "A stand-in on this machine painted these pictures, so that the pipeline can be tried without a key."
    " They are not what the provider would make, and the prices are its list prices: nothing was paid."
)


@dataclass(frozen=True)
class Shows:
    """What a page shows: the sources of one stack whose names begin with `prefix`.

    `stack` is a digest of the output bucket's name, which no other stack has and a page that is sent need not tell.
    """

    stack: str
    prefix: str

    @classmethod
    def of(cls, album: Album) -> "Shows":
        """What the page of an album shows."""
        return cls(sha256(album.output_bucket.encode()).hexdigest()[:16], album.prefix)

    @classmethod
    def read(cls, page: str) -> "Shows | None":
        """What a page says of itself; None where an earlier release wrote it."""
        found = search(f'<meta name="{MARK}" content="([^"]*)">', page)
        said = json.loads(unescape(found[1])) if found else None
        return cls(said["stack"], said["prefix"]) if said else None

    def includes(self, other: "Shows") -> bool:
        """Whether a page of this has all that a page of the other has."""
        return self.stack == other.stack and other.prefix.startswith(self.prefix)


def document(album: Album, links: Links, made_at: datetime) -> str:
    """The page as HTML."""
    shown = data(album, links, made_at)
    return Template(part("page.html")).substitute(
        generator=GENERATOR,
        mark=MARK,
        shows=escape(json.dumps(asdict(Shows.of(album)))),
        title=escape(shown["title"]),
        style="\n".join(map(part, STYLES)),
        theme=part("theme.js"),
        script="\n".join(map(part, SCRIPTS)),
        parts=part("parts.html"),
        data=as_script_data(shown),
    )


def data(album: Album, links: Links, made_at: datetime) -> dict[str, Any]:
    """What the page's script shows, in the words that it shows it in; every text is plain text."""
    shots, troubles = album.shots, album.troubles
    photos = len({shot.source for shot in shots})
    photo_troubles = [one for one in troubles if one.source]
    return {
        "title": f"{several(len(shots), 'picture')} from {several(photos, 'photo')}" if shots else "No pictures yet",
        "sums": _sums(album, made_at),
        "notices": _notices(album),
        "waiting": _waiting(album.on_their_way),
        "stopped": [problem_of(one, links) for one in troubles if not one.source],
        "entries": sorted(
            [
                *(entry_of(shot, album, links) for shot in shots),
                *(problem_of(one, links) for one in photo_troubles),
            ],
            key=lambda entry: entry["name"],
        ),
        "credits": list(album.credits),
        "picks": {"columns": list(COLUMNS), "file": NAME, "store": f"backdrop stars {album.stack}"},
    }


def _sums(album: Album, made_at: datetime) -> list[str]:
    makers = _makers(album)
    words = [album.prefix, f"{money(album.total_usd)} in all"]
    words += [f"made by {', '.join(makers)}"] if makers else []
    words += [f"{made_at.day} {made_at:%B %Y, %H:%M} UTC"]
    return [word for word in words if word]


def _makers(album: Album) -> list[str]:
    """Who made the pictures, the stand-in named once for all whose part it played."""
    made_by, played = _made_by(album)
    return [*sorted(made_by - played), *([f"the stand-in for {', '.join(sorted(played))}"] if played else [])]


def _made_by(album: Album) -> tuple[set[str], set[str]]:
    """The providers of all pictures, and those of them that were not asked."""
    made_by = {shot.job["provider"] for shot in album.shots}
    return made_by, made_by.intersection(album.standins)


def _notices(album: Album) -> list[str]:
    """Who was not asked: of the whole page, or of some of its pictures."""
    made_by, played = _made_by(album)
    if not played:
        return []
    whose = "these pictures" if played == made_by else f"the pictures of {', '.join(sorted(played))}"
    return [_STANDIN.replace("these pictures", whose)]


def _waiting(jobs: int) -> str:
    if not jobs:
        return ""
    return (
        f"{several(jobs, 'picture')} {'is' if jobs == 1 else 'are'} still on the way; make this page again to see more."
    )


def as_script_data(shown: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in, nor the line of a script."""
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode(errors="replace").decode()


@cache
def part(name: str) -> str:
    """One of the files that pages are put together from."""
    return files("backdrop_cli.page").joinpath("templates", name).read_text("utf-8")
