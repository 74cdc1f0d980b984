"""What would become of the photos that lie on the page: where each goes, what it costs, what stands in its way."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.errors import BackdropError
from backdrop.model.job import Job, Problem
from backdrop.model.object_keys import Kind, kind_of
from backdrop_cli.drop.plan import Planner
from backdrop_cli.drop.plan import Row as PlannedRow
from backdrop_cli.drop.run import MOST_MICRO_USD, MOST_PHOTOS
from backdrop_cli.drop.sidecars import Action, Answer, Author, Choice
from backdrop_cli.droppage.asked import Offered, Wanted
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack
from backdrop_cli.words import image_count

NAMESAKES = (
    "two_photos_of_one_name",
    "Another photo here has the same name and would replace it.",
    "Rename one of them, or send them into two folders.",
)
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


class PagePlanner:
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
        self._stack, self._folder = stack, wanted.folder
        named = [(wanted.folder + one.name, one) for one in dict.fromkeys(offered)]
        self._passed_over = [one.name for key, one in named if kind_of(key) is not Kind.PHOTO]
        self._photos = [(key, one) for key, one in named if kind_of(key) is Kind.PHOTO]
        times = Counter(key for key, _ in self._photos)
        self._left: dict[tuple[str, Offered], Row] = {}
        for key, one in self._photos:
            if times[key] > 1:
                self._left[key, one] = _left(Row(key, one), [NAMESAKES])
            elif one.sha256 in objections:
                self._left[key, one] = _left(Row(key, one), [_told(objections[one.sha256])])
        going = {key: one.sha256 for key, one in self._photos if (key, one) not in self._left}
        self._planner = Planner(stack, going, {}, wanted.wish, quick=True)
        self._before: dict[str, tuple[str | None, datetime] | None] = {}

    def disputed(self) -> set[str]:
        """The keys of the photos that have other instructions, which a person wrote."""
        return {one.key for one in self._planner.disputed()}

    def plan(self, answer: Answer | None) -> Plan:
        """The plan with this answer."""
        found = self._planner.plan(answer)
        planned = {row.key: row for row in found.rows}
        choices = {one.key: one for one in found.choices}
        self._look_under(found.rows)
        rows = [self._left.get((key, one)) or self._row(one, planned[key], choices[key]) for key, one in self._photos]
        return Plan(self._folder, rows, len(found.chosen(Action.KEEP)), self._passed_over)

    def _look_under(self, rows: Sequence[PlannedRow]) -> None:
        """What lies under the keys of photos now, so that their own arrival is told from it."""

        def look(key: str) -> tuple[str, tuple[str | None, datetime] | None]:
            stored = self._stack.photos.read(self._stack.input_bucket, key, limit=0)
            return key, (stored.version_id, stored.modified) if stored else None

        keys = [row.key for row in rows if (row.replaces or row.again) and row.key not in self._before]
        self._before |= dict(side_by_side(look, keys, self._stack.at_once))

    def _row(self, photo: Offered, found: PlannedRow, choice: Choice) -> Row:
        row = Row(
            found.key,
            photo,
            goes=found.goes,
            again=found.again,
            sidecar=choice.written,
            note="; ".join(filter(None, (_there(found), _NOTES.get((choice.action, choice.author), "")))),
            before=self._before.get(found.key),
            jobs=found.bought,
        )
        problems = _problems(found)
        return _left(row, problems) if problems else row


def undecided(plan: Plan, disputed: Collection[str]) -> Plan:
    """The plan before the person decides what becomes of a person's instructions."""
    rows = [replace(row, jobs=(), note=ASKED) if row.key in disputed else row for row in plan.rows]
    return replace(plan, rows=rows, undecided=True)


def _there(row: PlannedRow) -> str:
    """What lies under a photo's key."""
    if row.replaces:
        return "it replaces the photo of that name"
    if row.again:
        return AGAIN
    return "" if row.goes else "it is in the bucket already"


def _problems(row: PlannedRow) -> list[tuple[str, str, str]]:
    """What stands in a photo's way; broken folder defaults come before all else."""
    if row.broken:
        code = Code.FOLDER_DEFAULTS_BROKEN
        return [(code.value, f"{row.broken} has mistakes.", str(CODES[code].hint))]
    if row.says_nothing:
        return [(Code.NO_INSTRUCTIONS.value, SILENT, "Choose a new background above, or no background.")]
    return [_told(one) for one in row.problems]


def _left(row: Row, problems: Sequence[tuple[str, str, str]]) -> Row:
    return replace(row, goes=False, sidecar=None, problems=problems, jobs=())


def _told(error: BackdropError | Problem) -> tuple[str, str, str]:
    """What a report's hint says to do of any such error is for what is uploaded already."""
    return error.code.value, str(error.message), str(error.hint) if error.advice else ""
