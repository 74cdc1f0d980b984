"""A campaign's quote before anything is bought: its items, the price of each, and the total."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backdrop.campaigns.manifest import BadRow, ManifestRow
from backdrop.intake.job_planner import FilledText
from backdrop.intake.name_claims import build_name_taken_error
from backdrop.intake.preview import PriceRegister
from backdrop.model.codes import Code
from backdrop.model.frame import Size
from backdrop.model.job import Job, Problem
from backdrop.model.picture_names import NameRegister
from backdrop.model.pricing import to_usd

MAX_EXAMPLES = 10
"""The maximum number of items named for each kind of problem."""


@dataclass(frozen=True)
class ItemQuote:
    """One item: its row, and the jobs that would be bought.

    `is_photo`: whether its key names an image. `photo_size`: in pixels, as displayed, if intake has opened the photo.
    """

    row: ManifestRow
    is_photo: bool = True
    jobs: Sequence[Job] = ()
    problems: Sequence[Problem] = ()
    filled_texts: Sequence[FilledText] = ()
    is_missing: bool = False
    photo_size: Size | None = None

    @property
    def max_cost(self) -> int:
        """The highest possible cost of the item, in micro-dollars."""
        return sum(job.max_cost for job in self.jobs)

    @property
    def max_cost_by_variant(self) -> dict[str, int]:
        """The highest possible cost by variant, in micro-dollars; 0 for a variant that has a problem and no job.

        The price of the mask is part of the cost of each variant that buys it.
        """
        zero_by_variant = {problem.variant: 0 for problem in self.problems if problem.variant}
        return zero_by_variant | {job.variant: job.max_cost + job.mask_quoted for job in self.jobs if not job.is_mask}


@dataclass(frozen=True)
class Rejection:
    """An item that would not be bought in full. `row_number` is 0 for a campaign without a manifest."""

    row_number: int
    key: str
    reason: str


@dataclass
class FilledTextSample:
    """How many texts were templates, and the first of them as they are bought."""

    count: int = 0
    first: list[tuple[str, FilledText]] = field(default_factory=list[tuple[str, FilledText]])

    def add(self, key: str, filled_texts: Sequence[FilledText]) -> None:
        """Counts the texts of one photo."""
        self.count += len(filled_texts)
        self.first += [(key, one) for one in filled_texts[: MAX_EXAMPLES - len(self.first)]]

    def format_lines(self) -> list[str]:
        return [
            f"{key}{f', {one.variant}' if one.variant else ''}: {one.field} is {one.text!r}" for key, one in self.first
        ]

    def build_document(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "first": [
                {"key": key, "variant": one.variant or None, "field": one.field, "text": one.text}
                for key, one in self.first
            ],
        }


@dataclass
class CampaignQuote:
    """The totals. `prices` are those of the jobs that would be bought at this moment.

    `max_cost`, in micro-dollars, is what all items could cost together, for the campaign's limit: if a photo fails
    after it was paid for, one that waits for the same picture or name is bought too, and so is one whose picture was
    bought under another key and is gone.
    `first_bad_rows`: the first rows that name no photo. `rejections_by_code` counts the items that would not be bought
    in full, and `partial_by_code` those with other variants that are bought. `first_rejections`: the first of
    them by code.
    """

    items: int = 0
    photos: int = 0
    repeats: int = 0
    missing: int = 0
    prices: PriceRegister = field(default_factory=PriceRegister)
    max_cost: int = 0
    bad_row_count: int = 0
    first_bad_rows: list[BadRow] = field(default_factory=list[BadRow])
    rejections_by_code: Counter[Code] = field(default_factory=Counter[Code])
    partial_by_code: Counter[Code] = field(default_factory=Counter[Code])
    first_rejections: dict[Code, list[Rejection]] = field(default_factory=dict[Code, list[Rejection]])
    filled_texts: FilledTextSample = field(default_factory=FilledTextSample)
    names: NameRegister = field(default_factory=NameRegister)

    @property
    def jobs(self) -> int:
        """The number of jobs that would be bought."""
        return self.prices.jobs_by_provider.total()

    def add(self, item: ItemQuote) -> Sequence[Job]:
        """Counts one item, and returns the jobs that would be bought: none for a row that repeats an earlier one."""
        self.items += 1
        if item.row.is_repeat:
            self.repeats += 1
            return ()
        self.photos += item.is_photo and not item.is_missing
        self.missing += item.is_missing
        if item.is_missing:
            self._add_rejection(item.row, Code.PHOTO_NOT_FOUND, f"The input bucket has no {item.row.key}.")
        self.max_cost += item.max_cost
        self.filled_texts.add(item.row.key, item.filled_texts)
        bought, codes = item.jobs, {problem.code for problem in item.problems}
        if taken := self.names.add(item.row.key, item.jobs):
            error, bought = build_name_taken_error(*taken), ()
            codes.add(error.code)
            self._add_rejection(item.row, error.code, str(error.message))
        for problem in item.problems:
            variant = f"variant {problem.variant}: " if problem.variant else ""
            self._add_rejection(item.row, problem.code, f"{variant}{problem.message}")
        self.prices.add(bought)
        self.rejections_by_code.update(codes)
        self.partial_by_code.update(codes if bought else ())
        return bought

    def _add_rejection(self, row: ManifestRow, code: Code, reason: str) -> None:
        examples = self.first_rejections.setdefault(code, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(Rejection(row.number, row.key, reason))

    def add_bad_row(self, row: BadRow) -> None:
        """Counts a row that names no photo."""
        self.bad_row_count += 1
        if len(self.first_bad_rows) < MAX_EXAMPLES:
            self.first_bad_rows.append(row)

    @property
    def not_image_count(self) -> int:
        """The number of items whose keys do not name images."""
        return self.items - self.repeats - self.photos - self.missing

    def build_bad_rows_document(self) -> dict[str, Any]:
        """Returns the JSON of the rows that name no photo."""
        return {
            "count": self.bad_row_count,
            "first": [{"row": row.number, "why": row.reason} for row in self.first_bad_rows],
        }

    def build_document(self) -> dict[str, Any]:
        """Returns the totals as JSON for scripts."""
        return {
            "items": self.items,
            "photos": self.photos,
            "not_images": self.not_image_count,
            "repeats": self.repeats,
            "missing": self.missing,
            "jobs": self.jobs,
            "most_usd": to_usd(self.prices.total_micro_usd),
            "not_bought": {code.value: times for code, times in self.rejections_by_code.most_common()},
            "first_not_bought": [
                {
                    "code": code.value,
                    "row": rejection.row_number or None,
                    "key": rejection.key,
                    "message": rejection.reason,
                }
                for code, rejections in self.first_rejections.items()
                for rejection in rejections
            ],
            "bad_rows": self.build_bad_rows_document(),
            "filled_texts": self.filled_texts.build_document(),
        }
