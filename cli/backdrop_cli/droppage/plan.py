"""What would become of the photos that lie on the page: where each goes, what it costs, what stands in its way."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError
from backdrop.core.job import Job, Problem
from backdrop.core.layout import Kind, kind_of, sidecars_of
from backdrop.core.meanings import CODES
from backdrop.steps.rerun import Reruns
from backdrop_cli.drop.preview import BucketPreview, foresee_new, is_taken_again
from backdrop_cli.drop.run import MOST_MICRO_USD, MOST_PHOTOS
from backdrop_cli.drop.sidecars import Action, Answer, Author, Choice
from backdrop_cli.droppage.asked import Offered, Wanted
from backdrop_cli.lint.folder import SOME_PICTURE
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack
from backdrop_cli.words import image_count

TWICE = "two_photos_of_one_name"
_NOTES: Mapping[tuple[Action, Author | None], str] = {
    (Action.REPLACE, Author.COMMAND): "its earlier instructions are replaced",
    (Action.REPLACE, Author.PERSON): "the instructions that a person wrote for it are replaced",
    (Action.KEEP, Author.PERSON): "it keeps the instructions that a person wrote for it",
}
ASKED = "a person wrote other instructions for it"
AGAIN = "it was uploaded before, but failed or was cancelled; it is sent again"
SILENT = "It has no instructions: the folder has no defaults, and there is no sidecar next to the photo."


@dataclass(frozen=True)
class Row:
    """One photo. `goes`: it is uploaded; `sidecar`: what is written beside it first. `note`: what is worth knowing.

    `again`: the same bytes are there, but failed or were cancelled.
    `before`: what lies there now under its key. A photo with problems stays where it is.
    """

    key: str
    photo: Offered
    goes: bool = True
    again: bool = False
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
    """All photos of the page. `kept`: those that keep a person's sidecar; `passed_over`: no photos by name.

    `undecided`: whether a person still has to say what becomes of the sidecars that a person wrote.
    """

    folder: str
    rows: Sequence[Row] = ()
    kept: int = 0
    passed_over: Sequence[str] = field(default_factory=list[str])
    undecided: bool = False

    @property
    def acting(self) -> list[Row]:
        return [row for row in self.rows if row.acts]

    @property
    def jobs(self) -> list[Job]:
        return [job for row in self.rows for job in row.jobs]

    @property
    def images(self) -> int:
        """How many are bought at most."""
        return sum(image_count(job.instructions) for job in self.jobs)

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

    def __init__(
        self,
        stack: Stack,
        wanted: Wanted,
        offered: Sequence[Offered],
        objections: Mapping[str, BackdropError],
    ) -> None:
        """A photo that is named twice is taken once."""
        self._stack, self._wanted, self._objections = stack, wanted, objections
        self._named = [(wanted.folder + one.name, one) for one in dict.fromkeys(offered)]
        self._photos = [(key, one) for key, one in self._named if kind_of(key) is Kind.PHOTO]
        self._preview = BucketPreview(stack, {name for key, _ in self._photos for name in (key, *sidecars_of(key))})
        self._rows: list[Row] = []

    def disputed(self) -> set[str]:
        """The keys of the photos that have other instructions, which a person wrote."""
        return {key for key, one in self._choices(None).items() if one.action is Action.ASK}

    def plan(self, answer: Answer | None) -> Plan:
        """The plan with this answer."""
        choices = self._choices(answer)
        self._rows = self._rows or list(side_by_side(self._row, self._photos, self._stack.at_once))
        rows = [self._with_instructions(row, choices.get(row.key)) for row in self._rows]
        local = {row.key: SOME_PICTURE for row in rows if row.goes and not row.again}
        local |= {f"{row.key}.json": row.sidecar for row in rows if row.sidecar is not None}
        reruns = self._preview.after(local)
        rows = list(side_by_side(partial(self._foreseen, reruns), rows, self._stack.at_once))
        kept = sum(one.action is Action.KEEP for one in choices.values())
        passed_over = [one.name for key, one in self._named if kind_of(key) is not Kind.PHOTO]
        return Plan(self._wanted.folder, _without_namesakes(rows), kept, passed_over)

    def _choices(self, answer: Answer | None) -> dict[str, Choice]:
        """Whose instructions apply to each photo."""
        if self._wanted.wish is None:
            return {}
        choose = partial(self._preview.sidecars.choose, answer, new=self._wanted.wish)
        keys = [key for key, _ in self._photos]
        found = side_by_side(lambda key: choose(key, names=sidecars_of(key)), keys, self._stack.at_once)
        return {one.key: one for one in found}

    def _row(self, one: tuple[str, Offered]) -> Row:
        key, photo = one
        if photo.sha256 in self._objections:
            return _left(Row(key, photo), [_told(self._objections[photo.sha256])])
        row = Row(key, photo)
        return self._beside(row) if key in self._preview.there else row

    def _with_instructions(self, row: Row, choice: Choice | None) -> Row:
        """With what is written next to the photo in the bucket, and what is worth knowing of it."""
        if row.problems or choice is None:
            return row
        words = _NOTES.get((choice.action, choice.author), "")
        return replace(row, sidecar=choice.written, note="; ".join(filter(None, (row.note, words))))

    def _beside(self, row: Row) -> Row:
        """Where something lies under the photo's key: the same bytes go up again if they failed or were cancelled."""
        source, jobs = self._preview.known(row.key)
        stored = self._stack.photos.read(self._stack.input_bucket, row.key, limit=0)
        before = (stored.version_id, stored.modified) if stored else None
        if not self._preview.has_bytes(source, row.key, row.photo.sha256):
            return replace(row, before=before, note="it replaces the photo of that name")
        if is_taken_again(source, jobs):
            return replace(row, again=True, before=before, note=AGAIN)
        return replace(row, goes=False, before=before, note="it is in the bucket already")

    def _foreseen(self, reruns: Reruns, row: Row) -> Row:
        """With what intake will make of it."""
        if not row.acts:
            return row
        if row.again or not row.goes:
            return self._foreseen_again(reruns, row)
        foreseen = foresee_new(reruns, row.key, opened=False)
        if foreseen is None:
            return row
        found, broken = foreseen
        problems = _problems(found.problems, broken)
        if found.says_nothing and not broken:
            problems = [(Code.NO_INSTRUCTIONS.value, SILENT, "Choose a new background above, or no background.")]
        return _left(row, problems) if problems else replace(row, jobs=found.jobs)

    def _foreseen_again(self, reruns: Reruns, row: Row) -> Row:
        """The same for bytes that are in the bucket."""
        found = reruns.foresee(row.key, uploaded=row.again)
        if found is None:
            return row
        problems = _problems(found.problems, found.broken)
        return _left(row, problems) if problems else replace(row, jobs=found.bought)


def undecided(plan: Plan, disputed: Collection[str]) -> Plan:
    """The plan before the person decides what becomes of a person's instructions."""
    rows = [replace(row, jobs=(), note=ASKED) if row.key in disputed else row for row in plan.rows]
    return replace(plan, rows=rows, undecided=True)


def _problems(problems: Sequence[Problem], broken: str) -> list[tuple[str, str, str]]:
    """What stands in a photo's way; `broken` folder defaults come before all else."""
    if broken:
        code = Code.FOLDER_DEFAULTS_BROKEN
        return [(code.value, f"{broken} has mistakes.", str(CODES[code].hint))]
    return [_told(one) for one in problems]


def _left(row: Row, problems: Sequence[tuple[str, str, str]]) -> Row:
    return replace(row, goes=False, sidecar=None, problems=problems)


def _told(error: BackdropError | Problem) -> tuple[str, str, str]:
    """What a report's hint says to do of any such error is for what is uploaded already."""
    return error.code.value, str(error.message), str(error.hint) if error.advice else ""


def _without_namesakes(rows: Sequence[Row]) -> list[Row]:
    """Two photos that would lie under one key: neither goes."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row.key] = seen.get(row.key, 0) + 1
    words = "Another photo here has the same name and would replace it."
    trouble = [(TWICE, words, "Rename one of them, or send them into two folders.")]
    return [row if seen[row.key] == 1 else replace(_left(row, trouble), jobs=()) for row in rows]
