"""One press of the page's button: the photos that it sends, each with its words first, and how far each is."""

import mimetypes
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from backdrop_cli.drop.follow import Awaited, Follow, Sight, cost_text
from backdrop_cli.drop.uploads import Uploaded
from backdrop_cli.droppage.plan import Plan, Row
from backdrop_cli.droppage.results import album_of, entries_of
from backdrop_cli.droppage.signed import Form, Signed
from backdrop_cli.droppage.small import Small
from backdrop_cli.errors import MisusedError
from backdrop_cli.page.entries import Entry
from backdrop_cli.page.shots import Album
from backdrop_cli.stack import Stack
from backdrop_cli.stages import Stage
from backdrop_cli.words import duration

LOOK_SECONDS = 1.0
# A picture is told of as soon as its receipt is there, which may be a moment after the ledger has it.
MOST_GLANCES_AFTER_THE_END = 20


@dataclass
class Drop:
    """The photos of a plan on their way."""

    stack: Stack
    signed: Signed
    small: Small
    number: int
    plan: Plan
    began: datetime

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._rows = {row.key: row for row in self.plan.rows if not row.problems}
        self._awaited = {key: Awaited() for key, row in self._rows.items() if not row.acts}
        self._follow = Follow(self.stack, self._awaited, self.began)
        self._sidecars: dict[str, Uploaded] = {}
        self._glances: dict[str, int] = {}
        self._albums: dict[str, Album | None] = {}
        self._looked_at: datetime | None = None

    # -- uploads -------------------------------------------------------------------------------------------

    def form(self, key: str) -> Form | None:
        """The form for one photo, whose words lie in the bucket by now; None where nothing of it is to be uploaded.

        So intake finds the instructions with its first look, and buys once.
        """
        row = self._row(key)
        if row.sidecar is not None and key not in self._sidecars:
            self._sidecars[key] = self.stack.uploads.put_sidecar(f"{key}.json", row.sidecar)
        if not row.goes:
            self._await(key, None)
            return None
        content_type = mimetypes.guess_type(key)[0] or "binary/octet-stream"
        return self.signed.form(key, row.photo.size, content_type)

    def arrived(self, key: str) -> bool:
        """Whether the photo lies in the bucket now: S3's own answer to the form is hidden from a page of elsewhere."""
        row = self._row(key)
        stored = self.stack.photos.read(self.stack.input_bucket, key, limit=0)
        if stored is None or stored.size != row.photo.size or (stored.version_id, stored.modified) == row.before:
            return False
        self._await(key, Uploaded(stored.etag, stored.version_id))
        return True

    def _row(self, key: str) -> Row:
        if key not in self._rows:
            raise MisusedError(f"{key} is no photo of this drop")
        return self._rows[key]

    def _await(self, key: str, photo: Uploaded | None) -> None:
        with self._lock:
            self._awaited[key] = Awaited(photo, self._sidecars.get(key))
            self._follow.seen.setdefault(key, Sight())

    # -- how far it is -------------------------------------------------------------------------------------

    def look(self) -> None:
        """See how far all are, at most once a second, whoever asks how often."""
        with self._lock:
            now = self.stack.clock.now()
            recent = self._looked_at and (now - self._looked_at).total_seconds() < LOOK_SECONDS
            if recent:
                return
            self._looked_at = now
            if self._follow.open:
                self._follow.glance()
            self._collect()

    def _collect(self) -> None:
        for key, sight in self._follow.seen.items():
            if not sight.ended or key in self._albums:
                continue
            found = album_of(self.stack, key, self.plan.folder)
            self._glances[key] = self._glances.get(key, 0) + 1
            if found or self._glances[key] > MOST_GLANCES_AFTER_THE_END:
                self._albums[key] = found

    def results(self, known: int) -> tuple[int, list[Entry]]:
        """How many photos have ended, and what came of all but the first so many, with links that are new."""
        with self._lock:
            albums = [*self._albums.values()]
        fresh = [one for one in albums[known:] if one]
        return len(albums), [entry for one in fresh for entry in entries_of(one, self.small, self.signed)]

    def document(self) -> dict[str, Any]:
        """How far it is, in words and numbers for the page."""
        with self._lock:
            follow, seen = self._follow, self._follow.seen
            left = follow.seconds_to_go() if follow.open else None
            return {
                "number": self.number,
                "folder": self.plan.folder,
                "began": self.began.isoformat(),
                "photos": len(self._rows),
                "uploaded": len(seen),
                "counts": {stage.name.lower(): number for stage, number in follow.counts.items()},
                "ended": sum(sight.ended for sight in seen.values()),
                "cost": cost_text(*follow.cost),
                "earlier": follow.earlier_text,
                "to_go": f"about {duration(left)} to go" if left else "",
                "over": not follow.open and seen.keys() <= self._albums.keys(),
                "rows": [self._state(key) for key in self._rows],
            }

    def _state(self, key: str) -> dict[str, Any]:
        sight = self._follow.seen.get(key)
        stage = sight.stage if sight else None
        return {
            "key": key,
            "name": key.removeprefix(self.plan.folder),
            "stage": stage.name.lower() if stage else "here",
            "words": stage.value if stage else "",
            "note": sight.note if sight and stage in (Stage.WAITING, Stage.REFUSED, Stage.FAILED) else "",
        }
