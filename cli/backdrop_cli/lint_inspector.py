"""The look of `lint` at a folder: every photo asked what intake would ask it, every file of instructions read."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from backdrop.aws.clock import SystemClock
from backdrop.bootstrap import build_read_only_resolver
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import InstructionSource
from backdrop.instructions.suggest import is_misspelled_defaults, suggest_sidecar
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.photo_reader import parse_stored_file
from backdrop.intake.preview import preview_jobs
from backdrop.model.advice import Advice
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.codes import Code
from backdrop.model.job import Job, Problem
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import (
    DEFAULTS_NAME,
    ObjectKind,
    classify_key,
    folder_of,
    is_sidecar_of,
    list_sidecar_keys,
)
from backdrop.model.pricing import CREDIT_PROVIDER
from backdrop.model.routing import Offers
from backdrop_cli.formatting import count_images
from backdrop_cli.lint_findings import (
    MISNAMED_DEFAULTS,
    MISNAMED_SIDECAR,
    REFERENCE_ELSEWHERE,
    SAME_VARIANTS,
    SIDECAR_WITHOUT_PHOTO,
    UNREAD_SIDECAR,
    UNREADABLE,
    Finding,
    LintResult,
)
from backdrop_cli.local_folder import BUCKET, LocalFolder
from backdrop_cli.parallel import parallel_map

DEFAULT_PROVIDER = "ideogram"
# The stack parameter MaxImageMegapixels, as it is unless an operator changes it.
DEFAULT_MAX_MEGAPIXELS = 100
# A folder on disk knows no stack: what one pays for a provider's credits is no part of its sum.
NO_CREDIT_PRICES = {CREDIT_PROVIDER: 0}
ALL_OFFERS = Offers(SUPPORTED_PROVIDERS, NO_CREDIT_PRICES)
# A folder in which hundreds of photos lack a word has one cause; looking for each one's near miss would take minutes.
MAX_SUGGESTIONS = 50
MAX_COMPARED_NAMES = 1000
# What some desktops add, and hide.
HIDDEN_SUFFIX = ".json.txt"
_NO_INSTRUCTIONS_TEXT = "Nothing here says what is wanted of it."


@dataclass(frozen=True)
class LintedPhoto:
    """What intake would say of one photo."""

    key: str
    jobs: Sequence[Job] = ()
    findings: Sequence[Finding] = ()
    lacks_instructions: bool = False


class LintInspector:
    """One look at the files of one folder that is uploaded to a bucket; `quick` opens no photo."""

    def __init__(self, folder: LocalFolder, *, quick: bool) -> None:
        self._folder, self._quick = folder, quick
        self._resolver = build_read_only_resolver(
            folder, SystemClock(), DEFAULT_PROVIDER, DEFAULT_MAX_MEGAPIXELS, NO_CREDIT_PRICES
        )
        self._reported_keys: set[str] = set()
        self._suggested_keys: set[str] = set()

    def inspect(self, keys: Collection[str], result: LintResult) -> None:
        """Add what there is to say of these files."""
        keys_by_kind: defaultdict[ObjectKind, list[str]] = defaultdict(list)
        for key in sorted(keys):
            keys_by_kind[classify_key(key)].append(key)
        result.photos += len(keys_by_kind[ObjectKind.PHOTO])
        result.sidecars += len(keys_by_kind[ObjectKind.SIDECAR])
        result.defaults += len(keys_by_kind[ObjectKind.DEFAULTS])
        result.ignored += len(keys_by_kind[ObjectKind.IGNORED])
        for key in (*keys_by_kind[ObjectKind.DEFAULTS], *keys_by_kind[ObjectKind.SIDECAR]):
            result.add(self._check_instruction_file(key))
        result.add(self._check_photos(keys_by_kind[ObjectKind.PHOTO], result))
        result.add(self._find_sidecars_without_photo(keys_by_kind[ObjectKind.SIDECAR]))
        result.add(self._find_unread_sidecars(keys_by_kind[ObjectKind.SIDECAR]))
        for key in keys_by_kind[ObjectKind.IGNORED]:
            result.add(self._find_misnamed(key))
        result.add(self._find_outside_references())
        for name, reason in self._folder.unreadable.items():
            result.add([Finding(str(self._folder.root / name.strip("/")), UNREADABLE, reason)])

    def _find_outside_references(self) -> Iterator[Finding]:
        """Reference images that lie elsewhere in the bucket."""
        for key in self._folder.outside_references:
            message = f"The reference {key} lies beyond {self._folder.prefix}, so nobody looked for it."
            hint = "See to it that it lies in the input bucket."
            yield Finding(str(self._folder.root), REFERENCE_ELSEWHERE, message, hint, is_error=False)

    def _local_path(self, key: str) -> str:
        return str(self._folder.local_path(key))

    # -- sidecars and defaults -----------------------------------------------------------------------------

    def _check_instruction_file(self, key: str) -> Iterator[Finding]:
        """Every mistake of one file; the message without the file's name, which stands above it."""
        try:
            stored = self._folder.read(BUCKET, key, max_bytes=MAX_SIDECAR_BYTES)
        except OSError as error:
            yield self._build_unreadable_finding(key, error)
            return
        source = parse_stored_file(key, stored) if stored else InstructionSource(key)
        for error in source.errors:
            self._reported_keys.add(key)
            yield Finding.from_error(self._local_path(key), error, message=error.detail)

    def _find_sidecars_without_photo(self, sidecars: Sequence[str]) -> Iterator[Finding]:
        """Sidecars that speak for no photo, but those that a photo's near miss has named."""
        for key in self._list_sidecars_without_photo(sidecars):
            if key in self._suggested_keys:
                continue
            if is_misspelled_defaults(key):
                yield from self._find_misnamed(key)
                continue
            photo = key.rpartition("/")[2].removesuffix(".json")
            message = f"There is no photo {photo}, nor one whose name without its suffix is {photo}."
            yield Finding(
                self._local_path(key),
                SIDECAR_WITHOUT_PHOTO,
                message,
                "It waits for a photo of that name.",
                is_error=False,
            )

    def _find_misnamed(self, key: str) -> Iterator[Finding]:
        """A file that nobody reads, though its name says that somebody should."""
        message = f"It is not read: a folder's defaults are called {DEFAULTS_NAME}."
        if is_misspelled_defaults(key):
            yield Finding(self._local_path(key), MISNAMED_DEFAULTS, message, "Rename it.", is_error=False)
        elif key.lower().endswith(HIDDEN_SUFFIX) and key not in self._suggested_keys:
            message = "It is not read: a sidecar's name ends with .json."
            yield Finding(self._local_path(key), MISNAMED_SIDECAR, message, "Rename it.", is_error=False)

    def _find_unread_sidecars(self, sidecars: Sequence[str]) -> Iterator[Finding]:
        """Sidecars that nobody reads, since each of their photos has a nearer one."""
        for key in sidecars:
            photos = [
                one
                for one in self._folder.list_folder_keys(BUCKET, key.removesuffix("json"))
                if is_sidecar_of(key, one)
            ]
            photos = [one for one in photos if classify_key(one) is ObjectKind.PHOTO]
            nearer_sidecars = [list_sidecar_keys(one)[0] for one in photos if list_sidecar_keys(one)[0] != key]
            folder_keys = set(self._folder.list_folder_keys(BUCKET, folder_of(key)))
            has_own_photo = key.removesuffix(".json") in folder_keys
            if (
                photos
                and not has_own_photo
                and set(nearer_sidecars) <= folder_keys
                and len(nearer_sidecars) == len(photos)
            ):
                message = (
                    f"It is not read: {', '.join(sorted(one.rpartition('/')[2] for one in nearer_sidecars))} is nearer."
                )
                hint = "Keep one of them; what they say is not put together."
                yield Finding(self._local_path(key), UNREAD_SIDECAR, message, hint, is_error=False)

    def _list_sidecars_without_photo(self, sidecars: Sequence[str]) -> Iterator[str]:
        """The sidecars that speak for no photo of their folder."""
        sidecars_by_folder: dict[str, set[str]] = {}
        for key in sidecars:
            folder = folder_of(key)
            if folder not in sidecars_by_folder:
                photos = (
                    one
                    for one in self._folder.list_folder_keys(BUCKET, folder)
                    if classify_key(one) is ObjectKind.PHOTO
                )
                sidecars_by_folder[folder] = {name for one in photos for name in list_sidecar_keys(one)}
            if key not in sidecars_by_folder[folder]:
                yield key

    # -- photos --------------------------------------------------------------------------------------------

    def _check_photos(self, photos: Sequence[str], result: LintResult) -> Iterator[Finding]:
        photos_by_folder: defaultdict[str, list[str]] = defaultdict(list)
        for linted in parallel_map(self._check_photo, photos):
            result.jobs += len(linted.jobs)
            result.images += sum(count_images(job.instructions) for job in linted.jobs)
            result.max_price_micro_usd += sum(job.quoted for job in linted.jobs)
            credit_jobs = [job for job in linted.jobs if job.provider == CREDIT_PROVIDER]
            result.unpriced_images += sum(count_images(job.instructions) for job in credit_jobs)
            result.ready += bool(linted.jobs) and not any(one.is_error for one in linted.findings)
            result.without_instructions += linted.lacks_instructions
            if linted.lacks_instructions:
                photos_by_folder[folder_of(linted.key)].append(linted.key)
            yield from linted.findings
        for folder, keys in photos_by_folder.items():
            yield from self._find_missing_instructions(folder, keys)

    def _check_photo(self, key: str) -> LintedPhoto:
        """What intake would do with a photo and its instructions; OSError becomes a finding."""
        try:
            job_plan, broken_defaults = preview_jobs(
                self._resolver, BUCKET, key, ALL_OFFERS, inspect_bytes=not self._quick
            ) or (JobPlan(), "")
        except OSError as error:
            return LintedPhoto(key, findings=[self._build_unreadable_finding(key, error)])
        if job_plan.has_no_instructions:
            return LintedPhoto(key, lacks_instructions=True)
        defaults_findings = [*self._check_instruction_file(broken_defaults)] if broken_defaults else []
        photo_findings = [
            self._build_finding(key, one)
            for one in job_plan.problems
            if one.instruction_source not in self._reported_keys
        ]
        return LintedPhoto(
            key, job_plan.jobs, [*defaults_findings, *photo_findings, *self._find_same_variants(key, job_plan.jobs)]
        )

    def _find_same_variants(self, key: str, jobs: Sequence[Job]) -> Iterator[Finding]:
        """Variants that are all the same picture now, each of which is bought."""
        same = (one for job in jobs for one in job.warnings if one.code is WarningCode.SAME_VARIANTS)
        for message in sorted({str(one.text) for one in same}):
            hint = 'If one picture is meant, say "variants": {} there.'
            yield Finding(self._local_path(key), SAME_VARIANTS, f"{message}.", hint, is_error=False)

    def _build_finding(self, key: str, problem: Problem) -> Finding:
        if problem.code is Code.REFERENCE_NOT_FOUND:
            location = (
                f"{self._folder.prefix} in the bucket" if self._folder.prefix else "the bucket's root, where keys begin"
            )
            problem = replace(problem, advice=Advice.from_text(f"{self._folder.root} is taken for {location}."))
        return Finding.from_error(self._local_path(key), problem)

    def _find_missing_instructions(self, folder: str, keys: Sequence[str]) -> Iterator[Finding]:
        """Photos of one folder of which nothing says what is wanted: perhaps a sidecar's name is not quite right."""
        json_keys = [key for key in self._folder.list_folder_keys(BUCKET, folder) if ".json" in key.lower()]
        unmatched_sidecars = set(
            self._list_sidecars_without_photo([key for key in json_keys if classify_key(key) is ObjectKind.SIDECAR])
        )
        candidates = [
            key for key in json_keys if key in unmatched_sidecars or classify_key(key) is not ObjectKind.SIDECAR
        ][:MAX_COMPARED_NAMES]
        for count, key in enumerate(keys):
            suggestion = suggest_sidecar(key, [key, *candidates]) if count < MAX_SUGGESTIONS else None
            self._suggested_keys |= {suggestion.key} if suggestion else set()
            message = (
                f"Nothing here says what is wanted of it, but {suggestion}." if suggestion else _NO_INSTRUCTIONS_TEXT
            )
            hint = "Add a sidecar or folder defaults, or upload it with tags."
            yield Finding(self._local_path(key), Code.NO_INSTRUCTIONS.value, message, hint, is_error=False)

    def _build_unreadable_finding(self, key: str, error: OSError) -> Finding:
        return Finding(self._local_path(key), UNREADABLE, f"It cannot be read: {error.strerror or error}.")
