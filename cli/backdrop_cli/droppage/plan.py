"""What would become of the photos that lie on the page: where each goes, what it costs, what stands in its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError
from backdrop.core.identity import source_id
from backdrop.core.job import Job, Problem, Source
from backdrop.core.layout import Kind, kind_of, sidecars_of
from backdrop.core.meanings import CODES
from backdrop.ports import Listed
from backdrop.steps.ahead import ahead
from backdrop.steps.asking import Asking, looking
from backdrop_cli.drop.overlay import Overlay
from backdrop_cli.drop.plan import has_failed, listing
from backdrop_cli.drop.run import MOST_MICRO_USD, MOST_PHOTOS
from backdrop_cli.drop.uploads import etag_of
from backdrop_cli.droppage.asked import Offered, Wanted
from backdrop_cli.lint.folder import SOME_PICTURE
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack

TWICE = "two_photos_of_one_name"
SILENT = "Nothing says what is wanted of it: the folder has no defaults, and no file lies beside the photo."


@dataclass(frozen=True)
class Row:
    """One photo. `goes`: it is uploaded; `sidecar`: what is written beside it first. `note`: what is worth knowing.

    `before`: what lies there now under its key. A photo with problems stays where it is.
    """

    key: str
    photo: Offered
    goes: bool = True
    sidecar: bytes | None = None
    note: str = ""
    before: tuple[str | None, datetime] | None = None
    jobs: Sequence[Job] = ()
    problems: Sequence[tuple[str, str, str]] = ()

    @property
    def price(self) -> int:
        """At most, micro-dollars."""
        return sum(job.quoted for job in self.jobs)

    @property
    def acts(self) -> bool:
        return self.goes or self.sidecar is not None


@dataclass(frozen=True)
class Plan:
    """All photos of the page. `kept`: those that keep a sidecar of the bucket; `passed_over`: no photos by name."""

    folder: str
    rows: Sequence[Row] = ()
    kept: int = 0
    passed_over: Sequence[str] = field(default_factory=list[str])

    @property
    def acting(self) -> list[Row]:
        return [row for row in self.rows if row.acts]

    @property
    def jobs(self) -> list[Job]:
        return [job for row in self.rows for job in row.jobs]

    @property
    def price(self) -> int:
        """At most, micro-dollars."""
        return sum(row.price for row in self.rows)

    @property
    def asks(self) -> bool:
        """Whether somebody must say yes first, as with `drop`."""
        return len(self.acting) > MOST_PHOTOS or self.price > MOST_MICRO_USD


class Planner:
    """One look at the photos as intake will see them; no photo is opened, nothing is written.

    `objections`: of files that are no photos, by the hash of their bytes.
    """

    def __init__(self, stack: Stack, wanted: Wanted, objections: Mapping[str, BackdropError]) -> None:
        self._stack, self._wanted, self._objections = stack, wanted, objections
        self._bucket = stack.input_bucket
        self._there: dict[str, Listed] = {}
        self._kept: set[str] = set()

    def __call__(self, offered: Sequence[Offered]) -> Plan:
        """The plan; a photo that is named twice is taken once."""
        named = [(self._wanted.folder + one.name, one) for one in dict.fromkeys(offered)]
        photos = [(key, one) for key, one in named if kind_of(key) is Kind.PHOTO]
        candidates = {name for key, _ in photos for name in (key, *sidecars_of(key))}
        self._there = listing(self._stack, candidates) if candidates else {}
        local = self._as_it_will_be([key for key, _ in photos])
        overlay = Overlay(self._stack.photos, local, candidates - self._there.keys())
        mine = self._stack.reruns.asking
        asking = looking(overlay, self._stack.clock, mine.default_provider, mine.see.max_megapixels, mine.prices)
        rows = side_by_side(partial(self._row, asking, local), photos, self._stack.at_once)
        passed_over = [one.name for key, one in named if kind_of(key) is not Kind.PHOTO]
        return Plan(self._wanted.folder, _without_namesakes(list(rows)), len(self._kept), passed_over)

    def _as_it_will_be(self, keys: Sequence[str]) -> dict[str, bytes]:
        """What will lie there besides: each photo, and the sidecars that are written."""
        wish = self._wanted.wish
        local = dict.fromkeys(keys, SOME_PICTURE)
        for key in keys if wish else ():
            lying = [self._there[name] for name in sidecars_of(key) if name in self._there]
            if not lying or (self._wanted.replaces and lying[0].etag != etag_of(wish or b"")):
                local[f"{key}.json"] = wish or b""
            elif lying[0].etag != etag_of(wish or b""):
                self._kept.add(key)
        return local

    def _row(self, asking: Asking, local: Mapping[str, bytes], one: tuple[str, Offered]) -> Row:
        key, photo = one
        row = Row(key, photo, sidecar=local.get(f"{key}.json"), note=self._note(key))
        if photo.sha256 in self._objections:
            return _left(row, [_told(self._objections[photo.sha256])])
        if there := self._there.get(key):
            row = self._beside(row, there)
        return self._foreseen(asking, row) if row.acts else row

    def _beside(self, row: Row, there: Listed) -> Row:
        """Where something lies under the photo's key: the same bytes go up again only where they failed."""
        source, jobs = self._stack.orders.ledger.photo(source_id(self._bucket, row.key))
        stored = self._stack.photos.read(self._bucket, row.key, limit=0)
        before = (stored.version_id, stored.modified) if stored else None
        if not _has_these_bytes(source, there, row.photo):
            return replace(row, before=before, note="it takes the place of the photo of that name")
        if has_failed(source, jobs):
            return replace(row, before=before, note="it is there already, and failed; it goes again")
        return replace(row, goes=False, before=before, note=row.note or "it is there already")

    def _note(self, key: str) -> str:
        return "it keeps the instructions that lie beside it" if key in self._kept else ""

    def _foreseen(self, asking: Asking, row: Row) -> Row:
        """With what intake will make of it."""
        foreseen = ahead(asking, self._bucket, row.key, self._stack.market, opened=False)
        if foreseen is None:
            return row
        found, broken = foreseen
        problems = [_told(one) for one in found.problems]
        if broken:
            code = Code.FOLDER_DEFAULTS_BROKEN
            problems = [(code.value, f"{broken} has mistakes.", CODES[code].hint)]
        elif found.says_nothing:
            problems = [(Code.NO_INSTRUCTIONS.value, SILENT, "Say above what is wanted.")]
        return _left(row, problems) if problems else replace(row, jobs=found.jobs)


def _left(row: Row, problems: Sequence[tuple[str, str, str]]) -> Row:
    return replace(row, goes=False, sidecar=None, problems=problems)


def _told(error: BackdropError | Problem) -> tuple[str, str, str]:
    """What a report's hint says to do of any such error is for what is uploaded already."""
    return error.code.value, error.message, "" if error.hint == CODES[error.code].hint else error.hint


def _has_these_bytes(source: Source | None, there: Listed, photo: Offered) -> bool:
    known = source.photo if source else None
    return bool(known and known.etag == there.etag and known.sha256 == photo.sha256)


def _without_namesakes(rows: Sequence[Row]) -> list[Row]:
    """Two photos that would lie under one key: neither goes."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row.key] = seen.get(row.key, 0) + 1
    words = "Another photo here has the same name and would take its place."
    trouble = [(TWICE, words, "Rename one of them, or send them into two folders.")]
    return [row if seen[row.key] == 1 else replace(_left(row, trouble), jobs=()) for row in rows]
