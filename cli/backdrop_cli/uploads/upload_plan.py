"""The plan of an upload: its files, what intake will do with each photo, and the maximum price."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from backdrop.instructions.suggest import FolderNames
from backdrop.intake.name_claims import build_name_taken_error
from backdrop.intake.photo_status import list_current_jobs
from backdrop.intake.preview import PriceRegister, find_reuse
from backdrop.model.codes import Code
from backdrop.model.frame import Size
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, Problem
from backdrop.model.object_keys import ObjectKind, classify_key, folder_of, is_brand_image_key, list_sidecar_keys
from backdrop.model.picture_names import NameRegister
from backdrop.operate.rerun import RerunService
from backdrop.ports import ListedObject
from backdrop_cli.lint_report import format_local_path
from backdrop_cli.local_folder import BUCKET, LocalFolder
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.parallel import ONE_PER_PROCESSOR, parallel_map
from backdrop_cli.purchase_warnings import (
    PhotoMeasurements,
    PurchaseWarning,
    count_warnings,
    list_purchase_warnings,
    measure_photo,
)
from backdrop_cli.stack import Stack
from backdrop_cli.upload_targets import is_takeout_path
from backdrop_cli.uploads.sidecar_decisions import (
    SidecarAction,
    SidecarAuthor,
    SidecarDecision,
    SidecarPolicy,
    are_equivalent,
    decide_sidecar_action,
)
from backdrop_cli.uploads.upload_preview import UploadPreview, needs_retry
from backdrop_client.assumed_bucket import PLACEHOLDER_PNG
from backdrop_client.overlay_bucket import read_content
from backdrop_client.s3_uploader import compute_etag


@dataclass(frozen=True)
class PlannedPhoto:
    """One photo of an upload.

    `is_retry`: the same bytes are in the bucket, but failed or were canceled. `replaces_photo`: other bytes have its
    key. `jobs` are those to buy. `sidecar_key` is its sidecar, if that is also uploaded. `is_ineffective`: that sidecar
    has neither a prompt nor an operation, so the photo would keep its pictures. `has_request`: a campaign or another
    request asked for those pictures. `warnings` are those about what would be bought.
    """

    key: str
    needs_upload: bool = True
    is_retry: bool = False
    replaces_photo: bool = False
    jobs: Sequence[Job] = ()
    problems: Sequence[Problem] = ()
    lacks_instructions: bool = False
    broken_defaults: str = ""
    read_error: str = ""
    sidecar_key: str = ""
    is_ineffective: bool = False
    has_request: bool = False
    warnings: Sequence[PurchaseWarning] = ()

    @property
    def is_held_back(self) -> bool:
        """Whether a photo is not uploaded: unreadable, or with a misnamed sidecar, which intake might never see."""
        is_misnamed = any(one.code is Code.SIDECAR_MISNAMED for one in self.problems)
        return bool(self.read_error) or (self.needs_upload and is_misnamed)

    @property
    def has_problems(self) -> bool:
        return bool(self.problems or self.broken_defaults or self.read_error)


@dataclass
class UploadPlan:
    """The `files` to upload, all `photos`, and the `sidecar_decisions` for each.

    `replaced_defaults` are the folder defaults in the bucket that change, and `replaced_images` the images that outputs
    draw. `mandates`: those that pay.
    """

    bucket: str
    files: dict[str, Path | bytes] = field(default_factory=dict[str, Path | bytes])
    photos: list[PlannedPhoto] = field(default_factory=list[PlannedPhoto])
    sidecar_decisions: list[SidecarDecision] = field(default_factory=list[SidecarDecision])
    replaced_defaults: list[str] = field(default_factory=list[str])
    replaced_images: list[str] = field(default_factory=list[str])
    mandates: MandateForecast = field(default_factory=lambda: MandateForecast(None, ""))

    def find_decisions(self, action: SidecarAction) -> list[SidecarDecision]:
        return [one for one in self.sidecar_decisions if one.action is action]

    @property
    def photos_to_upload(self) -> list[PlannedPhoto]:
        return [row for row in self.photos if row.needs_upload]

    @property
    def jobs(self) -> list[Job]:
        return [job for row in self.photos for job in row.jobs]

    @property
    def warnings(self) -> Counter[str]:
        """The number of warnings about what would be bought, by code."""
        return count_warnings(row.warnings for row in self.photos)

    @property
    def prices(self) -> PriceRegister:
        return PriceRegister.of(self.jobs)

    @property
    def can_succeed(self) -> bool:
        """Whether at least one photo can be delivered with the instructions that it has, or already is."""
        return any(row.jobs or not (row.has_problems or row.lacks_instructions) for row in self.photos)

    @property
    def ineffective_photos(self) -> list[PlannedPhoto]:
        return [row for row in self.photos if row.is_ineffective]

    @property
    def photos_with_problems(self) -> list[PlannedPhoto]:
        return [row for row in self.photos if row.has_problems]


class UploadPlanner:
    """Plans an upload by resolving each photo as intake will; writes nothing.

    `photos` by key are local files, or the SHA-256 of photos whose bytes are in a browser. `new_sidecar` has the
    instructions of the command line or page. `quick` opens no photo; `photo_sizes` are the known sizes by SHA-256.
    However many plans are built, each photo is previewed once.
    """

    def __init__(
        self,
        stack: Stack,
        photos: Mapping[str, Path | str],
        instruction_files: Mapping[str, Path],
        new_sidecar: bytes | None,
        *,
        quick: bool,
        photo_sizes: Mapping[str, Size] | None = None,
    ) -> None:
        self._photo_sizes = photo_sizes or {}
        self._stack, self._photos, self._instruction_files = stack, photos, instruction_files
        self._new_sidecar, self._quick = new_sidecar, quick
        self._sidecar_keys = {name for key in self._photos for name in list_sidecar_keys(key)}
        self._preview = UploadPreview(stack, {*photos, *instruction_files, *self._sidecar_keys})
        self._listed = self._preview.listed
        self._siblings = _list_siblings(photos)
        bucket_names = self._preview.list_names({*map(folder_of, photos)}) if new_sidecar else ()
        self._names = FolderNames({*self._siblings, *bucket_names, *photos})
        self._planned_photos: list[PlannedPhoto] = []
        self._previews: dict[tuple[str, Path | bytes | None], PlannedPhoto] = {}

    def list_undecided(self) -> list[SidecarDecision]:
        """Returns the photos for which the user must choose: the new instructions, or those that a person wrote."""
        return [one for one in self._decide_sidecars(None) if one.action is SidecarAction.ASK]

    def build_plan(self, policy: SidecarPolicy | None) -> UploadPlan:
        """Builds the plan; an OSError becomes the photo's `read_error`."""
        plan = UploadPlan(self._stack.input_bucket, sidecar_decisions=self._decide_sidecars(policy))
        self._add_instruction_files(plan)
        self._planned_photos = self._planned_photos or list(
            parallel_map(self._plan_photo, self._photos, self._stack.max_threads)
        )
        plan.files |= {
            row.key: content for row in self._planned_photos if (content := self._find_content(row)) is not None
        }
        reruns = self._preview.reruns_after_upload({**self._list_misnamed_files(), **plan.files})
        plan.photos = self._refuse_shared_names(self._preview_photos(reruns, plan))
        plan.mandates = MandateForecast.for_today(reruns.mandates, self._stack.clock)
        plan.photos = [
            replace(row, warnings=[*row.warnings, *plan.mandates.add(row.key, row.jobs)]) for row in plan.photos
        ]
        for row in plan.photos:
            if row.is_held_back:
                plan.files.pop(row.key, None)
        return plan

    def _refuse_shared_names(self, photos: Sequence[PlannedPhoto]) -> list[PlannedPhoto]:
        """Lets one of several photos have a name that all of them want. Intake decides by the order of their events."""
        names, now = NameRegister(), self._stack.clock.now()
        return [
            replace(row, jobs=(), problems=(*row.problems, Problem.from_error(build_name_taken_error(*taken), now)))
            if (taken := names.add(row.key, row.jobs))
            else row
            for row in photos
        ]

    def _list_misnamed_files(self) -> dict[str, Path]:
        """Returns files that may be misnamed sidecars, so that previews see them even if they are not uploaded."""
        return {
            key: path
            for key, path in self._siblings.items()
            if key not in self._instruction_files.keys() | self._sidecar_keys
            and classify_key(key) in (ObjectKind.SIDECAR, ObjectKind.IGNORED)
        }

    # -- sidecars ------------------------------------------------------------------------------------------

    def _decide_sidecars(self, policy: SidecarPolicy | None) -> list[SidecarDecision]:
        return list(parallel_map(partial(self._decide_sidecar, policy), self._photos, self._stack.max_threads))

    def _decide_sidecar(self, policy: SidecarPolicy | None, key: str) -> SidecarDecision:
        """Compares the command line's instructions with a local sidecar, then the winner with the bucket."""
        sidecar_keys, new_sidecar = list_sidecar_keys(key), self._new_sidecar
        local_key = next((name for name in sidecar_keys if name in self._instruction_files), "")
        if not local_key:
            return self._decide_new_sidecar(policy, key, new_sidecar) if new_sidecar else SidecarDecision(key)
        path = self._instruction_files[local_key]
        local_sidecar, decision = read_content(path), SidecarDecision(key)
        if new_sidecar:
            action = decide_sidecar_action(
                SidecarAuthor.PERSON, is_equivalent=are_equivalent(local_sidecar, new_sidecar), policy=policy
            )
            local_decision = SidecarDecision(
                key, action, SidecarAuthor.PERSON, format_local_path(str(path)), is_local=True
            )
            if action is SidecarAction.ASK:
                return local_decision
            if action is SidecarAction.REPLACE:
                written = self._preview.sidecars.decide(policy, key, new_sidecar, sidecar_keys).new_content
                return replace(local_decision, new_content=written, unused_key=local_key)
            decision = local_decision
        nearer_keys = [name for name in sidecar_keys[: sidecar_keys.index(local_key)] if name in self._listed]
        return self._preview.sidecars.decide(policy, key, local_sidecar, nearer_keys) if nearer_keys else decision

    def _decide_new_sidecar(self, policy: SidecarPolicy | None, key: str, new_sidecar: bytes) -> SidecarDecision:
        """Compares new instructions with the photo's sidecar in the bucket, or with a misnamed one, here or there."""
        decision = self._preview.sidecars.decide(policy, key, new_sidecar, list_sidecar_keys(key))
        found = None if decision.existing_sidecar else self._names.find_misnamed_sidecar(key)
        if found is None:
            return decision
        author, path = SidecarAuthor.PERSON, self._siblings.get(found.key)
        action = decide_sidecar_action(author, is_equivalent=False, policy=policy)
        return SidecarDecision(
            key,
            action,
            author,
            format_local_path(str(path)) if path else found.key,
            is_local=path is not None,
            new_content=new_sidecar if action is SidecarAction.REPLACE else None,
            misnamed=found.reason,
        )

    # -- files to upload -----------------------------------------------------------------------------------

    def _add_instruction_files(self, plan: UploadPlan) -> None:
        """Adds new and changed files of instructions, and the sidecars that the command itself writes."""
        unused_keys = {one.unused_key for one in plan.sidecar_decisions}
        for key, path in self._instruction_files.items():
            is_new = key not in self._listed or self._listed[key].etag != compute_etag(path.read_bytes())
            if is_new and key not in unused_keys:
                plan.files[key] = path
                if key in self._listed and classify_key(key) is ObjectKind.DEFAULTS:
                    plan.replaced_defaults.append(key)
                if key in self._listed and is_brand_image_key(key):
                    plan.replaced_images.append(key)
        plan.files |= {
            f"{one.key}.json": one.new_content for one in plan.sidecar_decisions if one.new_content is not None
        }

    def _plan_photo(self, key: str) -> PlannedPhoto:
        """Decides whether a photo is uploaded: not if its bytes are in the bucket and did not fail."""
        listed = self._listed.get(key)
        if listed is None:
            return PlannedPhoto(key)
        source, jobs = self._preview.read_ledger(key)
        try:
            if not self._is_same_photo(key, listed, self._preview.find_known_sha256(source, key)):
                return PlannedPhoto(key, replaces_photo=True)
        except OSError as error:
            return PlannedPhoto(key, read_error=_format_read_error(error))
        is_retry = needs_retry(source, jobs)
        current_jobs = list_current_jobs(source, jobs) if source else []
        has_request = any(job.is_requested for job in current_jobs)
        return PlannedPhoto(key, needs_upload=is_retry, is_retry=is_retry, has_request=has_request)

    def _is_same_photo(self, key: str, listed: ListedObject, known_sha256: str | None) -> bool:
        """Returns whether a photo has the object's bytes; `known_sha256` is the object's, if intake read it."""
        photo = self._photos[key]
        if isinstance(photo, str):
            return photo == known_sha256
        data = photo.read_bytes()
        return compute_etag(data) == listed.etag or sha256_hex(data) == known_sha256

    def _is_local_file(self, planned: PlannedPhoto) -> bool:
        return isinstance(self._photos[planned.key], Path)

    def _find_content(self, planned: PlannedPhoto) -> Path | bytes | None:
        """Returns the upload, or a placeholder for a browser's photo; None to preview the existing object."""
        photo = self._photos[planned.key]
        if not planned.needs_upload or planned.read_error:
            return None
        if isinstance(photo, Path):
            return photo
        return None if planned.is_retry else PLACEHOLDER_PNG

    # -- preview -------------------------------------------------------------------------------------------

    def _preview_photos(self, reruns: RerunService, plan: UploadPlan) -> list[PlannedPhoto]:
        """Previews intake for photos that are new or changed, or that have new instructions; each combination once."""
        rows = [self._add_sidecar(plan, planned) for planned in self._planned_photos]
        ids = [(row.key, plan.files.get(row.sidecar_key)) for row in rows]
        pending = {
            one: row
            for one, row in zip(ids, rows, strict=True)
            if one not in self._previews and not row.read_error and (row.needs_upload or row.sidecar_key)
        }
        threads = self._stack.max_threads
        preview_threads = threads if self._needs_requests(pending.values()) else ONE_PER_PROCESSOR
        previews = list(parallel_map(partial(self._preview_new_or_known, reruns), pending.values(), preview_threads))
        new_jobs = [job for row in previews if not self._is_known(row) for job in row.jobs]
        owned = self._stack.owned_contents.find(job.content_id for job in new_jobs)
        reused = parallel_map(partial(_add_reuse, reruns, owned), previews, threads) if owned else previews
        warned = parallel_map(partial(self._add_warnings, reruns), reused, ONE_PER_PROCESSOR)
        self._previews.update(zip(pending, warned, strict=True))
        return [self._previews.get(one, row) for one, row in zip(ids, rows, strict=True)]

    def _add_sidecar(self, plan: UploadPlan, planned: PlannedPhoto) -> PlannedPhoto:
        """Adds the key of the nearest sidecar, if the plan uploads it."""
        nearest_sidecar = next(
            (name for name in list_sidecar_keys(planned.key) if name in plan.files or name in self._listed), ""
        )
        return replace(planned, sidecar_key=nearest_sidecar if nearest_sidecar in plan.files else "")

    def _add_warnings(self, reruns: RerunService, planned: PlannedPhoto) -> PlannedPhoto:
        """Adds the warnings about the jobs that would be bought."""
        known = self._photo_sizes.get(str(self._photos[planned.key]))
        can_open = not self._quick and self._is_local_file(planned)
        photo = (
            measure_photo(reruns.resolver.photos, reruns.bucket, planned.key, planned.jobs)
            if can_open
            else PhotoMeasurements(known)
        )
        return replace(planned, warnings=list_purchase_warnings(planned.jobs, photo))

    def _is_known(self, planned: PlannedPhoto) -> bool:
        """Whether the photo is previewed like one of the bucket. Its preview also finds which jobs would be free."""
        return planned.key in self._listed and (self._is_local_file(planned) or not planned.replaces_photo)

    def _needs_requests(self, photos: Collection[PlannedPhoto]) -> bool:
        """Whether previews wait for requests: for a known photo, or for the defaults of several folders. If not, more
        threads than processors only compete.
        """
        return len({folder_of(one.key) for one in photos}) > 1 or any(map(self._is_known, photos))

    def _preview_new_or_known(self, reruns: RerunService, planned: PlannedPhoto) -> PlannedPhoto:
        try:
            if self._is_known(planned):
                return self._preview_known_photo(reruns, planned)
            photo = self._photos[planned.key]
            known_sha256 = photo if isinstance(photo, str) else ""
            preview = reruns.previewer.preview(planned.key, inspect_bytes=not self._quick, known_sha256=known_sha256)
        except OSError as error:
            return replace(planned, read_error=_format_read_error(error))
        if preview is None:
            return planned
        job_plan, broken_defaults = preview
        return replace(
            planned,
            jobs=job_plan.jobs,
            problems=job_plan.problems,
            lacks_instructions=job_plan.has_no_instructions,
            broken_defaults=broken_defaults,
        )

    def _preview_known_photo(self, reruns: RerunService, planned: PlannedPhoto) -> PlannedPhoto:
        rerun_preview = reruns.preview(planned.key, reuploaded=planned.is_retry)
        if rerun_preview is None:
            return planned
        only_lacks_instructions = bool(rerun_preview.problems) and all(
            one.code is Code.NO_INSTRUCTIONS for one in rerun_preview.problems
        )
        lacks_instructions = only_lacks_instructions and not rerun_preview.jobs_to_buy
        planned = replace(
            planned,
            jobs=rerun_preview.jobs_to_buy,
            problems=rerun_preview.problems,
            lacks_instructions=lacks_instructions,
            broken_defaults=rerun_preview.broken_defaults,
        )
        if planned.sidecar_key and not rerun_preview.has_effect and not planned.has_problems:
            preview = reruns.previewer.preview(planned.key, inspect_bytes=False)
            planned = replace(planned, is_ineffective=bool(preview and preview[0].has_no_instructions))
        return planned


def _list_siblings(photos: Mapping[str, Path | str]) -> dict[str, Path]:
    """Returns the JSON files next to photos on this machine, and files that are named almost like some, by key."""
    folders = {(folder_of(key), path.parent) for key, path in photos.items() if isinstance(path, Path)}
    return {
        prefix + name: folder / name
        for prefix, folder in folders
        for name in LocalFolder(folder).list_folder_keys(BUCKET, "")
        if ".json" in name.lower() and not is_takeout_path(folder / name)
    }


def _add_reuse(reruns: RerunService, owned: Collection[str], planned: PlannedPhoto) -> PlannedPhoto:
    """Marks the jobs that would get the pictures of an earlier one, which only the owner of their content can have."""
    jobs = [find_reuse(reruns.ledger, job) if job.content_id in owned else job for job in planned.jobs]
    return replace(planned, jobs=jobs)


def _format_read_error(error: OSError) -> str:
    return f"The file cannot be read: {error.strerror or error}."


def group_problems_by_code(photos: Sequence[PlannedPhoto]) -> Mapping[str, list[tuple[str, str]]]:
    """Returns the keys and messages of photos with problems, by code."""
    problems_by_code: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for photo in photos:
        for problem in photo.problems:
            problems_by_code[problem.code.value].append((photo.key, problem.message_with_variant))
        if photo.broken_defaults:
            problems_by_code[Code.FOLDER_DEFAULTS_BROKEN.value].append(
                (photo.key, f"{photo.broken_defaults} has errors.")
            )
        if photo.read_error:
            problems_by_code["unreadable"].append((photo.key, photo.read_error))
    return problems_by_code
