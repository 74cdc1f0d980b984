"""What a campaign comes to before anything is bought: its items, each one's price, and the sum."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backdrop.campaigns.manifest import BadRow, Row
from backdrop.model.codes import Code
from backdrop.model.job import Job, Problem
from backdrop.model.pricing import usd_of

MOST_NAMED = 10
"""Of the rows that are wrong in one way so many are named."""


@dataclass(frozen=True)
class Foreseen:
    """One item: its row, and the jobs that would be bought. Of what is no image by its key nothing is asked."""

    row: Row
    is_photo: bool = True
    jobs: Sequence[Job] = ()
    problems: Sequence[Problem] = ()
    missing: bool = False

    @property
    def most(self) -> int:
        """What it costs at the most, micro-dollars."""
        return sum(job.quoted for job in self.jobs)

    @property
    def caps(self) -> dict[str, int]:
        """What the job of each variant may cost, micro-dollars: nothing where something stood in its way."""
        refused = {problem.variant: 0 for problem in self.problems if problem.variant}
        return refused | {job.variant: job.quoted for job in self.jobs}


@dataclass(frozen=True)
class Unbought:
    """An item of which something would not be bought, and why; `number` is its row's, 0 where no manifest names it."""

    number: int
    key: str
    why: str


@dataclass
class Quote:
    """The sums; `most` in micro-dollars.

    `bad`: the first of the rows that name no photo. `unbought`: the first of the items that each code stands against.
    """

    items: int = 0
    photos: int = 0
    repeats: int = 0
    missing: int = 0
    jobs: int = 0
    most: int = 0
    bad_rows: int = 0
    bad: list[BadRow] = field(default_factory=list[BadRow])
    refused: Counter[Code] = field(default_factory=Counter[Code])
    unbought: dict[Code, list[Unbought]] = field(default_factory=dict[Code, list[Unbought]])

    def add(self, found: Foreseen) -> None:
        """Count one item; of a row that stands there again nothing is bought again."""
        self.items += 1
        if found.row.again:
            self.repeats += 1
            return
        self.photos += found.is_photo and not found.missing
        self.missing += found.missing
        if found.missing:
            self._name(found.row, Code.PHOTO_NOT_FOUND, f"there is no {found.row.key}")
        self.jobs += len(found.jobs)
        self.most += found.most
        for problem in found.problems:
            self.refused[problem.code] += 1
            self._name(found.row, problem.code, str(problem.message))

    def _name(self, row: Row, code: Code, why: str) -> None:
        named = self.unbought.setdefault(code, [])
        if len(named) < MOST_NAMED:
            named.append(Unbought(row.number, row.key, why))

    def add_bad(self, row: BadRow) -> None:
        """Count a row that names no photo."""
        self.bad_rows += 1
        if len(self.bad) < MOST_NAMED:
            self.bad.append(row)

    @property
    def others(self) -> int:
        """The items that are no photos."""
        return self.items - self.repeats - self.photos - self.missing

    def bad_document(self) -> dict[str, Any]:
        """The rows that name no photo, for reports."""
        return {"count": self.bad_rows, "first": [{"row": one.number, "why": one.why} for one in self.bad]}

    def document(self) -> dict[str, Any]:
        """The sums for scripts."""
        return {
            "items": self.items,
            "photos": self.photos,
            "not_images": self.others,
            "repeats": self.repeats,
            "missing": self.missing,
            "jobs": self.jobs,
            "most_usd": usd_of(self.most),
            "not_bought": {code.value: times for code, times in self.refused.most_common()},
            "first_not_bought": [
                {"code": code.value, "row": one.number or None, "key": one.key, "message": one.why}
                for code, named in self.unbought.items()
                for one in named
            ],
            "bad_rows": self.bad_document(),
        }
