"""The plan of an upload from the page: each photo's key, price, and problems."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from backdrop.intake.preview import PriceRegister
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError
from backdrop.model.frame import Size
from backdrop.model.job import Job, Problem
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop_cli.drop import MAX_UNCONFIRMED_MICRO_USD, MAX_UNCONFIRMED_PHOTOS
from backdrop_cli.parallel import parallel_map
from backdrop_cli.purchase_warnings import PurchaseWarning, count_warnings
from backdrop_cli.stack import Stack
from backdrop_cli.upload_page.page_requests import BrowserPhoto, PageInstructions
from backdrop_cli.uploads.sidecar_decisions import SidecarAction, SidecarAuthor, SidecarDecision, SidecarPolicy
from backdrop_cli.uploads.upload_plan import PlannedPhoto, UploadPlanner

DUPLICATE_NAME_PROBLEM = (
    "two_photos_of_one_name",
    "Another photo here has the same name and would replace it.",
    "Rename one of them, or send them to different folders.",
)
_SIDECAR_NOTES: Mapping[tuple[SidecarAction, SidecarAuthor | None], str] = {
    (SidecarAction.REPLACE, SidecarAuthor.COMMAND): "its earlier instructions are replaced",
    (SidecarAction.REPLACE, SidecarAuthor.PERSON): "the instructions that a person wrote for it are replaced",
    (SidecarAction.KEEP, SidecarAuthor.PERSON): "it keeps the instructions that a person wrote for it",
}
UNDECIDED_NOTE = "a person wrote other instructions for it"
RETRY_NOTE = "it was uploaded before, but failed or was canceled; it is sent again"
NO_INSTRUCTIONS_TEXT = "It has no instructions: the folder has no defaults, and there is no sidecar next to the photo."


@dataclass(frozen=True)
class PagePhoto:
    """One photo of the page; one with problems is not uploaded.

    `new_sidecar` is written before the photo. `is_retry`: the same bytes are in the bucket, but failed or were
    canceled. `previous_version` is the object that now has the photo's key.
    """

    key: str
    browser_photo: BrowserPhoto
    needs_upload: bool = True
    is_retry: bool = False
    new_sidecar: bytes | None = None
    note: str = ""
    previous_version: tuple[str | None, datetime] | None = None
    jobs: Sequence[Job] = ()
    problems: Sequence[tuple[str, str, str]] = ()
    warnings: Sequence[PurchaseWarning] = ()

    @property
    def prices(self) -> PriceRegister:
        return PriceRegister.of(self.jobs)

    @property
    def has_changes(self) -> bool:
        return self.needs_upload or self.new_sidecar is not None


@dataclass(frozen=True)
class PagePlan:
    """All photos of the page.

    `kept_sidecar_count` photos keep a person's sidecar; `ignored_names` are files that are not named like photos.
    `is_undecided`: the user must still choose whether to replace the sidecars that a person wrote.
    """

    folder: str
    photos: Sequence[PagePhoto] = ()
    kept_sidecar_count: int = 0
    ignored_names: Sequence[str] = field(default_factory=list[str])
    is_undecided: bool = False

    @property
    def changed_photos(self) -> list[PagePhoto]:
        return [row for row in self.photos if row.has_changes]

    @property
    def jobs(self) -> list[Job]:
        return [job for row in self.photos for job in row.jobs]

    @property
    def prices(self) -> PriceRegister:
        return PriceRegister.of(self.jobs)

    @property
    def warnings(self) -> Counter[str]:
        """The number of warnings about what would be bought, by code."""
        return count_warnings(row.warnings for row in self.photos)

    @property
    def needs_confirmation(self) -> bool:
        """True if the user must confirm, as with `drop`."""
        max_price = self.prices.total_micro_usd
        return len(self.changed_photos) > MAX_UNCONFIRMED_PHOTOS or max_price > MAX_UNCONFIRMED_MICRO_USD


class PagePlanner:
    """Plans an upload by resolving the photos as intake will; opens no photo, writes nothing.

    `photo_errors` has the errors of files that are not photos, and `photo_sizes` the known sizes of photos, both by the
    SHA-256 of their bytes.
    """

    def __init__(
        self,
        stack: Stack,
        instructions: PageInstructions,
        browser_photos: Sequence[BrowserPhoto],
        photo_errors: Mapping[str, BackdropError],
        photo_sizes: Mapping[str, Size],
    ) -> None:
        self._stack, self._folder = stack, instructions.folder
        photos_by_key = [(instructions.folder + one.name, one) for one in dict.fromkeys(browser_photos)]
        self._ignored_names = [one.name for key, one in photos_by_key if classify_key(key) is not ObjectKind.PHOTO]
        self._photos = [(key, one) for key, one in photos_by_key if classify_key(key) is ObjectKind.PHOTO]
        key_counts = Counter(key for key, _ in self._photos)
        self._rejected: dict[tuple[str, BrowserPhoto], PagePhoto] = {}
        for key, one in self._photos:
            if key_counts[key] > 1:
                self._rejected[key, one] = _reject_photo(PagePhoto(key, one), [DUPLICATE_NAME_PROBLEM])
            elif one.sha256 in photo_errors:
                self._rejected[key, one] = _reject_photo(
                    PagePhoto(key, one), [_describe_error(photo_errors[one.sha256])]
                )
        sha256_by_key = {key: one.sha256 for key, one in self._photos if (key, one) not in self._rejected}
        self._planner = UploadPlanner(
            stack, sha256_by_key, {}, instructions.sidecar, quick=True, photo_sizes=photo_sizes
        )
        self._previous_versions: dict[str, tuple[str | None, datetime] | None] = {}

    def list_undecided_keys(self) -> set[str]:
        """Returns the keys of photos that have other instructions, written by a person."""
        return {one.key for one in self._planner.list_undecided()}

    def build_plan(self, policy: SidecarPolicy | None) -> PagePlan:
        upload_plan = self._planner.build_plan(policy)
        planned = {row.key: row for row in upload_plan.photos}
        decisions = {one.key: one for one in upload_plan.sidecar_decisions}
        self._read_previous_versions(upload_plan.photos)
        photos = [
            self._rejected.get((key, one)) or self._build_photo(one, planned[key], decisions[key])
            for key, one in self._photos
        ]
        return PagePlan(self._folder, photos, len(upload_plan.find_decisions(SidecarAction.KEEP)), self._ignored_names)

    def _read_previous_versions(self, planned_photos: Sequence[PlannedPhoto]) -> None:
        """Reads the objects that now have the photos' keys, to distinguish them from the uploaded photos."""

        def read_version(key: str) -> tuple[str, tuple[str | None, datetime] | None]:
            stored = self._stack.photos.read(self._stack.input_bucket, key, max_bytes=0)
            return key, (stored.version_id, stored.modified_at) if stored else None

        keys = [
            row.key
            for row in planned_photos
            if (row.replaces_photo or row.is_retry) and row.key not in self._previous_versions
        ]
        self._previous_versions |= dict(parallel_map(read_version, keys, self._stack.max_threads))

    def _build_photo(self, browser_photo: BrowserPhoto, planned: PlannedPhoto, decision: SidecarDecision) -> PagePhoto:
        page_photo = PagePhoto(
            planned.key,
            browser_photo,
            needs_upload=planned.needs_upload,
            is_retry=planned.is_retry,
            new_sidecar=decision.new_content,
            note="; ".join(
                filter(None, (_format_bucket_note(planned), _SIDECAR_NOTES.get((decision.action, decision.author), "")))
            ),
            previous_version=self._previous_versions.get(planned.key),
            jobs=planned.jobs,
            warnings=planned.warnings,
        )
        problems = _list_problems(planned)
        return _reject_photo(page_photo, problems) if problems else page_photo


def mark_undecided(plan: PagePlan, undecided_keys: Collection[str]) -> PagePlan:
    """Returns the plan to show until the user chooses what to do with a person's instructions."""
    photos = [
        replace(row, jobs=(), warnings=(), note=UNDECIDED_NOTE) if row.key in undecided_keys else row
        for row in plan.photos
    ]
    return replace(plan, photos=photos, is_undecided=True)


def _format_bucket_note(planned: PlannedPhoto) -> str:
    if planned.replaces_photo:
        return "it replaces the photo of that name"
    if planned.is_retry:
        return RETRY_NOTE
    return "" if planned.needs_upload else "it is already in the bucket"


def _list_problems(planned: PlannedPhoto) -> list[tuple[str, str, str]]:
    """Returns a photo's problems; broken folder defaults hide all others."""
    if planned.broken_defaults:
        code = Code.FOLDER_DEFAULTS_BROKEN
        return [(code.value, f"{planned.broken_defaults} has errors.", str(ERROR_CATALOG[code].hint))]
    if planned.lacks_instructions:
        return [(Code.NO_INSTRUCTIONS.value, NO_INSTRUCTIONS_TEXT, "Choose a new background above, or no background.")]
    return [_describe_error(one) for one in planned.problems]


def _reject_photo(photo: PagePhoto, problems: Sequence[tuple[str, str, str]]) -> PagePhoto:
    return replace(photo, needs_upload=False, new_sidecar=None, problems=problems, jobs=(), warnings=())


def _describe_error(error: BackdropError | Problem) -> tuple[str, str, str]:
    """Leaves out a hint from the error catalog, which is for photos that are already uploaded."""
    return error.code.value, str(error.message), str(error.hint) if error.advice else ""
