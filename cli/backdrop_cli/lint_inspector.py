"""Checks a folder for `lint`: resolves every photo as intake would, and reads every file of instructions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backdrop.aws.clock import SystemClock
from backdrop.bootstrap import build_read_only_resolver
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import InstructionSource
from backdrop.instructions.suggest import is_misspelled_defaults, suggest_sidecar
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.name_claims import build_name_taken_error
from backdrop.intake.photo_reader import parse_stored_file
from backdrop.intake.preview import JobPreviewer
from backdrop.model.advice import Advice
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.codes import Code
from backdrop.model.job import Job, Problem
from backdrop.model.object_keys import (
    DEFAULTS_NAME,
    ObjectKind,
    classify_key,
    folder_of,
    is_sidecar_of,
    list_sidecar_keys,
)
from backdrop.model.picture_names import NameRegister
from backdrop.model.pricing import CREDIT_PROVIDER
from backdrop.model.routing import Offers
from backdrop.pipeline.mandate_directory import MandateDirectory
from backdrop_cli.lint_findings import (
    MISNAMED_DEFAULTS,
    MISNAMED_SIDECAR,
    REFERENCE_ELSEWHERE,
    REPEATED_FOLDER,
    SIDECAR_WITHOUT_PHOTO,
    UNREAD_SIDECAR,
    UNREADABLE,
    Finding,
    LintResult,
)
from backdrop_cli.local_folder import BUCKET, LocalFolder
from backdrop_cli.parallel import parallel_map
from backdrop_cli.purchase_warnings import (
    NOT_MEASURED,
    WARNING_HINTS,
    PurchaseWarning,
    list_purchase_warnings,
    measure_photo,
)
from backdrop_client.overlay_bucket import OverlayBucket

DEFAULT_PROVIDER = "ideogram"
# The default of the stack parameter MaxImageMegapixels.
DEFAULT_MAX_MEGAPIXELS = 100
# Without a stack, the price of a provider's credits is unknown, so it is left out of the total.
NO_CREDIT_PRICES = {CREDIT_PROVIDER: 0}
ALL_OFFERS = Offers(SUPPORTED_PROVIDERS, NO_CREDIT_PRICES, is_assumed=True)
# If hundreds of photos of a folder have no instructions, the cause is the same for all; a search for each would take
# minutes.
MAX_SUGGESTIONS = 50
MAX_COMPARED_NAMES = 1000
# Some desktops add a hidden .txt.
HIDDEN_SUFFIX = ".json.txt"
_NO_INSTRUCTIONS_TEXT = "No instructions found for this photo."


@dataclass(frozen=True)
class LintedPhoto:
    key: str
    jobs: Sequence[Job] = ()
    findings: Sequence[Finding] = ()
    lacks_instructions: bool = False


class LintInspector:
    """Checks the files of one folder; `quick` opens no photo.

    `new_sidecars` are those of the command line by key, which `drop` would write. `mandates`: those of the stack.
    """

    def __init__(
        self,
        folder: LocalFolder,
        new_sidecars: Mapping[str, bytes],
        mandates: MandateDirectory | None = None,
        *,
        quick: bool,
    ) -> None:
        self._folder, self._quick = folder, quick
        resolver = build_read_only_resolver(
            OverlayBucket(folder, new_sidecars),
            SystemClock(),
            DEFAULT_PROVIDER,
            DEFAULT_MAX_MEGAPIXELS,
            NO_CREDIT_PRICES,
            ALL_OFFERS.place_limits,
        )
        self._previewer = JobPreviewer(resolver, BUCKET, ALL_OFFERS, mandates)
        self._reported_keys: set[str] = set()
        self._suggested_keys: set[str] = set()

    def inspect(self, keys: Collection[str], result: LintResult) -> None:
        """Adds the findings about these files to the result."""
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
        for name, reason in self._folder.repeated.items():
            result.add([Finding(str(self._folder.root / name), REPEATED_FOLDER, reason, is_error=False)])

    def _find_outside_references(self) -> Iterator[Finding]:
        for key in self._folder.outside_references:
            message = f"The reference {key} is outside {self._folder.prefix} and was not checked."
            hint = "Make sure that it is in the input bucket."
            yield Finding(str(self._folder.root), REFERENCE_ELSEWHERE, message, hint, is_error=False)

    def _local_path(self, key: str) -> str:
        return str(self._folder.local_path(key))

    # -- sidecars and defaults -----------------------------------------------------------------------------

    def _check_instruction_file(self, key: str) -> Iterator[Finding]:
        """Yields the errors of one file; their messages leave out the file's name, which is printed above them."""
        try:
            stored = self._folder.read(BUCKET, key, max_bytes=MAX_SIDECAR_BYTES)
        except OSError as error:
            yield self._build_unreadable_finding(key, error)
            return
        instruction_source = parse_stored_file(key, stored) if stored else InstructionSource(key)
        for error in instruction_source.errors:
            self._reported_keys.add(key)
            yield Finding.from_error(self._local_path(key), error, message=error.detail)

    def _find_sidecars_without_photo(self, sidecars: Sequence[str]) -> Iterator[Finding]:
        """Yields sidecars without a photo, except those already suggested for a photo."""
        for key in self._list_sidecars_without_photo(sidecars):
            if key in self._suggested_keys:
                continue
            if is_misspelled_defaults(key):
                yield from self._find_misnamed(key)
                continue
            photo = key.rpartition("/")[2].removesuffix(".json")
            message = f"No photo is named {photo}, with or without a suffix."
            yield Finding(
                self._local_path(key),
                SIDECAR_WITHOUT_PHOTO,
                message,
                "It applies when a photo of that name is uploaded.",
                is_error=False,
            )

    def _find_misnamed(self, key: str) -> Iterator[Finding]:
        """Yields a finding if a file that is not read looks like instructions."""
        message = f"This file is not read: folder defaults must be named {DEFAULTS_NAME}."
        if is_misspelled_defaults(key):
            yield Finding(self._local_path(key), MISNAMED_DEFAULTS, message, "Rename it.", is_error=False)
        elif key.lower().endswith(HIDDEN_SUFFIX) and key not in self._suggested_keys:
            message = "This file is not read: a sidecar's name must end with .json."
            yield Finding(self._local_path(key), MISNAMED_SIDECAR, message, "Rename it.", is_error=False)

    def _find_unread_sidecars(self, sidecars: Sequence[str]) -> Iterator[Finding]:
        """Yields sidecars that are not read because each of their photos has a more specific one."""
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
                    "This sidecar is not read: "
                    f"{', '.join(sorted(one.rpartition('/')[2] for one in nearer_sidecars))} takes precedence."
                )
                hint = "Keep only one of them; sidecars are not merged."
                yield Finding(self._local_path(key), UNREAD_SIDECAR, message, hint, is_error=False)

    def _list_sidecars_without_photo(self, sidecars: Sequence[str]) -> Iterator[str]:
        """Yields the sidecars that match no photo of their folder."""
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
        names = NameRegister()
        for linted in parallel_map(self._check_photo, photos):
            if taken := names.add(linted.key, linted.jobs):
                finding = Finding.from_error(self._local_path(linted.key), build_name_taken_error(*taken))
                linted = replace(linted, jobs=(), findings=[*linted.findings, finding])
            result.prices.add(linted.jobs)
            mandate_warnings = result.mandates.add(linted.key, linted.jobs)
            has_errors = any(one.is_error for one in linted.findings)
            result.ready += bool(linted.jobs) and not has_errors
            result.partly_ready += bool(linted.jobs) and has_errors
            result.without_instructions += linted.lacks_instructions
            if linted.lacks_instructions:
                photos_by_folder[folder_of(linted.key)].append(linted.key)
            yield from (*linted.findings, *self._build_warnings(linted.key, mandate_warnings))
        for folder, keys in photos_by_folder.items():
            yield from self._find_missing_instructions(folder, keys)

    def _check_photo(self, key: str) -> LintedPhoto:
        """Resolves a photo as intake would; an OSError becomes a finding."""
        try:
            preview = self._previewer.preview(key, inspect_bytes=not self._quick)
        except OSError as error:
            return LintedPhoto(key, findings=[self._build_unreadable_finding(key, error)])
        job_plan, broken_defaults = preview or (JobPlan(), "")
        if job_plan.has_no_instructions:
            return LintedPhoto(key, lacks_instructions=True)
        defaults_findings = [*self._check_instruction_file(broken_defaults)] if broken_defaults else []
        photo_findings = [
            self._build_finding(key, one)
            for one in job_plan.problems
            if one.instruction_source not in self._reported_keys
        ]
        photo = NOT_MEASURED if self._quick else measure_photo(self._folder, BUCKET, key, job_plan.jobs)
        job_findings = self._build_warnings(key, list_purchase_warnings(job_plan.jobs, photo))
        return LintedPhoto(key, job_plan.jobs, [*defaults_findings, *photo_findings, *job_findings])

    def _build_warnings(self, key: str, warnings: Iterable[PurchaseWarning]) -> list[Finding]:
        return [
            Finding(self._local_path(key), one.code, one.text, WARNING_HINTS[one.code], is_error=False)
            for one in warnings
        ]

    def _build_finding(self, key: str, problem: Problem) -> Finding:
        if problem.code is Code.REFERENCE_NOT_FOUND:
            location = f"{self._folder.prefix} in the bucket" if self._folder.prefix else "the root of the bucket"
            problem = replace(problem, advice=Advice.from_text(f"{self._folder.root} is treated as {location}."))
        return Finding.from_error(self._local_path(key), problem)

    def _find_missing_instructions(self, folder: str, keys: Sequence[str]) -> Iterator[Finding]:
        """Yields a warning for each photo of a folder without instructions; suggests a misnamed sidecar."""
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
            message = f"{_NO_INSTRUCTIONS_TEXT.rstrip('.')}, but {suggestion}." if suggestion else _NO_INSTRUCTIONS_TEXT
            hint = "Add a sidecar or folder defaults, or upload the photo with object tags."
            yield Finding(self._local_path(key), Code.NO_INSTRUCTIONS.value, message, hint, is_error=False)

    def _build_unreadable_finding(self, key: str, error: OSError) -> Finding:
        return Finding(self._local_path(key), UNREADABLE, f"The file cannot be read: {error.strerror or error}.")
