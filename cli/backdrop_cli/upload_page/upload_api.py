"""The upload page's API: the requests of its script, and the batches that were uploaded since it was served."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock

from backdrop.imaging.matte_parts import MIN_VISIBLE_ALPHA
from backdrop.imaging.prepare import find_size_in_first_bytes
from backdrop.imaging.visibility import MIN_SHOWN_SHARE
from backdrop.imaging.xmp import OWN_TOOL_PATTERN
from backdrop.model.capabilities import CAPABILITIES
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError
from backdrop.model.frame import Size
from backdrop.model.object_keys import RESERVED_PREFIX, ObjectKind, classify_key, folder_of
from backdrop.model.pricing import format_usd
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.formatting import format_count, format_max_price, format_rough_duration
from backdrop_cli.operate.budget import describe_budget_shortfall
from backdrop_cli.purchase_warnings import WARNING_HINTS
from backdrop_cli.served_pages.page_files import PageFiles
from backdrop_cli.served_pages.presigner import Presigner
from backdrop_cli.served_pages.request_fields import PageRequest, PageResponse, read_count, read_rows, read_text
from backdrop_cli.stack import Stack
from backdrop_cli.upload_page import page_requests
from backdrop_cli.upload_page.page_plan import PagePhoto, PagePlan, PagePlanner, mark_undecided
from backdrop_cli.upload_page.upload_batch import UploadBatch
from backdrop_cli.uploads import time_estimates
from backdrop_cli.uploads.plan_estimates import JobTimes
from backdrop_cli.uploads.sidecar_decisions import SidecarPolicy
from backdrop_cli.uploads.upload_report import list_required_providers

MAX_LISTED_OBJECTS, MAX_SUGGESTED_FOLDERS = 1000, 200
MAX_KEPT_PLANS = 8
MAX_PHOTOS_PER_UPLOAD = 2000
LOGO_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")


@dataclass
class UploadApi:
    """The state of one served page. Its methods are called by several threads at a time."""

    stack: Stack
    presigner: Presigner
    files: PageFiles
    batches: list[UploadBatch] = field(default_factory=list[UploadBatch])

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._plans: deque[tuple[int, PagePlan]] = deque(maxlen=MAX_KEPT_PLANS)
        self._plan_numbers = iter(range(1, 1 << 30))
        self._photo_errors: dict[str, BackdropError] = {}
        self._photo_sizes: dict[str, Size] = {}
        self._measured_times: list[JobTimes] = []

    def describe_page(self) -> PageResponse:
        """Returns the stack and the options to choose from."""
        resolver = self.stack.rerun_service.resolver
        providers_with_styles = [
            one for one in self.stack.providers if "style_preset" in CAPABILITIES.get((one, "replace"), {})
        ]
        return {
            "stack": self.stack.name,
            "standins": sorted(self.stack.standin_providers),
            "providers": self.stack.providers,
            "default_provider": resolver.default_provider,
            "styles": bool(providers_with_styles),
            "folder": f"photos-{self.stack.clock.now():%Y-%m-%d}",
            "folders": self._list_folders(),
            "logos": self._list_logos(),
            "own_picture": OWN_TOOL_PATTERN,
            "min_visible_alpha": MIN_VISIBLE_ALPHA,
            "min_shown_share": MIN_SHOWN_SHARE,
        }

    def _list_folders(self) -> list[str]:
        """Returns some existing folders of the bucket, as suggestions."""
        keys = (
            one.key
            for one in islice(self.stack.photos.iterate_objects(self.stack.input_bucket, ""), MAX_LISTED_OBJECTS)
        )
        folders = dict.fromkeys(
            folder_of(key).rstrip("/") for key in keys if classify_key(key) is not ObjectKind.IGNORED
        )
        return sorted(one for one in folders if one)[:MAX_SUGGESTED_FOLDERS]

    def _list_logos(self) -> list[str]:
        """Returns the keys of some images below `_backdrop/`, as suggestions."""
        objects = self.stack.photos.iterate_objects(self.stack.input_bucket, f"{RESERVED_PREFIX}/")
        keys = (one.key for one in islice(objects, MAX_LISTED_OBJECTS))
        return [key for key in keys if key.lower().endswith(LOGO_SUFFIXES)]

    # -- before the upload ---------------------------------------------------------------------------------

    def check_files(self, request: PageRequest) -> PageResponse:
        """Returns which files are no photos to buy pictures of. Notes the sizes of the others."""
        objections: dict[str, dict[str, str]] = {}
        for file in read_rows(request, "files"):
            error, sha256 = page_requests.find_photo_error(file), read_text(file, "sha256")
            if error:
                self._photo_errors[sha256] = error
                objections[sha256] = {"code": error.code.value, "message": str(error.message)}
            elif size := find_size_in_first_bytes(page_requests.read_first_bytes(file)):
                self._photo_sizes[sha256] = size
        return {"objections": objections}

    def plan_upload(self, request: PageRequest) -> PageResponse:
        """Returns what would happen to the photos, and the maximum price."""
        files = read_rows(request, "files")
        if len(files) > MAX_PHOTOS_PER_UPLOAD:
            raise UsageError(
                f"this page uploads at most {MAX_PHOTOS_PER_UPLOAD:,} photos at a time, and there are {len(files):,}; "
                "remove some, or upload all with `backdrop drop`"
            )
        instructions = page_requests.parse_instructions(request)
        planner = PagePlanner(
            self.stack,
            instructions,
            [page_requests.parse_photo(one) for one in files],
            self._photo_errors,
            self._photo_sizes,
        )
        undecided_keys = planner.list_undecided_keys()
        plans = {
            one: planner.build_plan(one)
            for one in (SidecarPolicy if undecided_keys else (instructions.sidecar_policy,))
        }
        if undecided_keys and instructions.sidecar_policy is None:
            plan = mark_undecided(plans[SidecarPolicy.REPLACE], undecided_keys)
        else:
            plan = plans[instructions.sidecar_policy]
        with self._lock:
            number = next(self._plan_numbers)
            self._plans.append((number, plan))
        costs = {one.value: format_max_price(plans[one].prices) for one in SidecarPolicy} if undecided_keys else {}
        return {
            **self._describe_plan(number, plan),
            "choice": {"photos": len(undecided_keys), **costs} if undecided_keys else None,
        }

    def _describe_plan(self, number: int, plan: PagePlan) -> PageResponse:
        return {
            "plan": number,
            "undecided": plan.is_undecided,
            "photos": len(plan.changed_photos),
            "there": sum(not row.has_changes and not row.problems for row in plan.photos),
            "refused": sum(bool(row.problems) for row in plan.photos),
            "kept": plan.kept_sidecar_count,
            "passed_over": list(plan.ignored_names),
            "price": format_usd(plan.prices.total_micro_usd),
            "images": plan.prices.images_by_provider.total(),
            "already_bought": plan.prices.reused_image_count,
            "asks": plan.needs_confirmation,
            "time": self._format_duration(plan),
            "warnings": self._list_warnings(plan),
            "rows": [_describe_photo(row) for row in plan.photos],
        }

    def _format_duration(self, plan: PagePlan) -> str:
        """Estimates the time from the newest receipts, which are read once there are some; "" if unknown."""
        if plan.jobs:
            self._measured_times = self._measured_times or time_estimates.read_recent_job_times(self.stack)
        seconds = time_estimates.estimate_plan_seconds(self.stack, plan.jobs, self._measured_times)
        return "" if seconds is None else f"about {format_rough_duration(seconds)} after the upload"

    def _list_warnings(self, plan: PagePlan) -> list[str]:
        warnings: list[str] = []
        max_price = plan.prices.total_micro_usd
        if max_price and (shortfall := describe_budget_shortfall(self.stack, max_price)):
            warnings.append(shortfall)
        for code, count in plan.warnings.most_common():
            warnings.append(f"{format_count(count, 'warning')} ({code}): {WARNING_HINTS[code]}")
        for name in list_required_providers(plan.jobs):
            for pause in self.stack.circuit_breaker.ledger.read_health(name).pauses:
                meaning = ERROR_CATALOG[pause.code].meaning
                warnings.append(f"{name} is paused ({pause.code.value}): {meaning} Photos wait until it is resumed.")
        return warnings

    # -- the upload ----------------------------------------------------------------------------------------

    def start_upload(self, request: PageRequest) -> PageResponse:
        """Starts a planned upload. Raises CommandError if the plan is outdated or a confirmation is missing."""
        with self._lock:
            number = read_count(request, "plan")
            plan = next((plan for known, plan in self._plans if known == number), None)
            if plan is None:
                raise CommandError("these photos were already sent, or the price is outdated; check the price again")
            if plan.is_undecided:
                raise CommandError("nothing was sent; choose whether to replace the instructions that a person wrote")
            if plan.needs_confirmation and request.get("agreed") is not True:
                raise CommandError(f"nothing was sent; confirm {_format_question(plan)} first")
            self._plans.clear()
            batch = UploadBatch(
                self.stack, self.presigner, self.files, len(self.batches) + 1, plan, self.stack.clock.now()
            )
            self.batches.append(batch)
        return {"drop": batch.number, "keys": [row.key for row in plan.changed_photos]}

    def create_form(self, request: PageRequest) -> PageResponse:
        """Returns the upload form for one photo; writes its sidecar first."""
        form = self._find_batch(request).create_form(read_text(request, "key"))
        return {"form": form and {"url": form.url, "fields": dict(form.fields)}}

    def check_arrival(self, request: PageRequest) -> PageResponse:
        return {"arrived": self._find_batch(request).has_arrived(read_text(request, "key"))}

    def read_progress(self, request: PageRequest) -> PageResponse:
        """Returns the progress of all batches, and the results after the number that the page already has of each."""
        known_counts = {read_count(one, "drop"): read_count(one, "known") for one in read_rows(request, "drops")}
        batches: list[PageResponse] = []
        for batch in tuple(self.batches):
            batch.poll()
            result_count, results = batch.list_results(known_counts.get(batch.number, 0))
            batches.append({**batch.build_document(), "known": result_count, "results": results})
        return {"drops": batches}

    def _find_batch(self, request: PageRequest) -> UploadBatch:
        number = read_count(request, "drop")
        if not 0 < number <= len(self.batches):
            raise UsageError("`backdrop page` was restarted and no longer has this upload; reload the page")
        return self.batches[number - 1]


def _format_question(plan: PagePlan) -> str:
    return f"{format_count(len(plan.changed_photos), 'photo')}, up to {format_usd(plan.prices.total_micro_usd)}"


def _describe_photo(photo: PagePhoto) -> PageResponse:
    return {
        "key": photo.key,
        "name": photo.browser_photo.name,
        "goes": photo.has_changes,
        "price": format_usd(photo.prices.total_micro_usd) if photo.jobs else "",
        "note": photo.note,
        "warnings": [one.text for one in photo.warnings],
        "problems": [dict(zip(("code", "message", "hint"), one, strict=True)) for one in photo.problems],
    }
