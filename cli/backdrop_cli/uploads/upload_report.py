"""The output of `drop`: the plan before the upload, and the outcome."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import Job
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import ObjectKind, classify_key, folder_of, is_brand_image_key
from backdrop.model.pricing import PRICE_LIST_DATE, format_usd, to_usd
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.formatting import (
    describe_refusals,
    format_bytes,
    format_cost,
    format_count,
    format_max_price,
    format_rough_duration,
    format_scope,
)
from backdrop_cli.operate.budget import describe_budget_shortfall
from backdrop_cli.operate.failures import build_failures_command
from backdrop_cli.purchase_warnings import print_warning_counts
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.uploads import time_estimates
from backdrop_cli.uploads.sidecar_decisions import SidecarAction, SidecarAuthor, SidecarDecision, SidecarPolicy
from backdrop_cli.uploads.upload_files import UploadFiles
from backdrop_cli.uploads.upload_plan import PlannedPhoto, UploadPlan, group_problems_by_code
from backdrop_cli.uploads.upload_tracker import UploadTracker
from backdrop_client.overlay_bucket import measure_content

MAX_LISTED_PER_CODE = 5


def print_plan(stack: Stack, screen: Screen, files: UploadFiles, plan: UploadPlan, folder: str) -> None:
    """Prints the number of photos, their maximum price and time, and what would be refused."""
    total_size = format_bytes(sum(measure_content(content) for content in plan.files.values()))
    top_folders = sorted({row.key.partition("/")[0] + "/" for row in plan.photos if "/" in row.key})
    destination = folder or (
        f"{', '.join(top_folders)}" if 0 < len(top_folders) <= MAX_LISTED_PER_CODE else "the input bucket"
    )
    screen.print_unwrapped(f"{format_count(len(plan.photos), 'photo')} into {destination}, stack {stack.name}", "bold")
    rows = list(_build_summary_rows(files, plan, total_size))
    screen.print_table({"": "right", " ": "left", "  ": "words"}, ((f"{n:,}", what, words) for n, what, words in rows))
    _print_problems(screen, plan.photos)
    print_warning_counts(screen, plan.warnings)
    _print_hints(screen, files, plan, folder)
    if plan.jobs:
        _print_cost_and_time(stack, screen, plan)
    elif plan.files:
        screen.print(f"{format_max_price(plan.prices).capitalize()}.")


def _build_summary_rows(files: UploadFiles, plan: UploadPlan, total_size: str) -> Iterator[tuple[int, str, str]]:
    retry_count = sum(row.is_retry and row.needs_upload for row in plan.photos)
    unchanged_count = sum(not row.needs_upload for row in plan.photos)
    written_count = len(plan.find_decisions(SidecarAction.WRITE))
    replaced_authors = [one.author for one in plan.find_decisions(SidecarAction.REPLACE) if one.new_content is not None]
    replaced_own_count, replaced_person_count = (
        replaced_authors.count(SidecarAuthor.COMMAND),
        replaced_authors.count(SidecarAuthor.PERSON),
    )
    brand_image_count = sum(map(is_brand_image_key, plan.files))
    local_file_count = sum(
        isinstance(plan.files[key], Path) for key in plan.files if classify_key(key) is not ObjectKind.PHOTO
    )
    instruction_file_count = local_file_count - brand_image_count
    lacking_count = sum(row.lacks_instructions for row in plan.photos)
    rows = [
        (sum(classify_key(key) is ObjectKind.PHOTO for key in plan.files), "to upload", total_size),
        (retry_count, "of them again", "already there, but refused, failed, or canceled"),
        (unchanged_count, "unchanged", "already there with the same bytes; not uploaded"),
        (instruction_file_count, _pluralize(instruction_file_count, "file", " of instructions"), "new or changed"),
        (
            brand_image_count,
            _pluralize(brand_image_count, "image", " to draw"),
            "logos and backgrounds; new or changed",
        ),
        (written_count, _pluralize(written_count, "sidecar", " to write"), "for photos without one"),
        (
            replaced_own_count,
            _pluralize(replaced_own_count, "sidecar", " to replace"),
            "written by `drop` or the upload page",
        ),
        (replaced_person_count, _pluralize(replaced_person_count, "sidecar", " to replace"), "written by a person"),
        (
            plan.prices.reused_image_count,
            _pluralize(plan.prices.reused_image_count, "image", " already bought"),
            "for the same photo under another key, with the same instructions; $0.00",
        ),
        (lacking_count, "without instructions", "reported, not bought"),
        (
            files.own_picture_count,
            _pluralize(files.own_picture_count, "finished picture", ""),
            "made by Backdrop, such as those that were downloaded into the folder; left out",
        ),
        (
            files.ignored_count,
            _pluralize(files.ignored_count, "other file", ""),
            "not photos by their names, such as .txt files, files in hidden and system folders, and files of "
            "Google Takeout; ignored",
        ),
    ]
    return (row for row in rows if row[0])


def _print_problems(screen: Screen, photos: Sequence[PlannedPhoto]) -> None:
    """Prints what intake would refuse, by code. A photo whose other variants are bought is delivered in part."""
    keys_with_jobs = {row.key for row in photos if row.jobs}
    for code, problems in group_problems_by_code(photos).items():
        if code == Code.NO_INSTRUCTIONS:
            continue
        messages_by_key: defaultdict[str, list[str]] = defaultdict(list)
        for key, message in problems:
            messages_by_key[key].append(message)
        for text in describe_refusals(code, len(messages_by_key), len(messages_by_key.keys() & keys_with_jobs)):
            screen.print(f"! {text}", "yellow")
        lines = [f"{key}: {' '.join(messages)}" for key, messages in messages_by_key.items()]
        screen.print_sample(lines, MAX_LISTED_PER_CODE, more_hint="run lint to list them")


def _print_hints(screen: Screen, files: UploadFiles, plan: UploadPlan, folder: str) -> None:
    for file in files.outside_defaults:
        screen.print(
            f"! {file} is not part of this drop. It has no effect on these photos unless it is in the bucket.", "yellow"
        )
    for key in plan.replaced_defaults:
        screen.print(
            f"! {key} in the bucket is replaced. It applies to new photos in its folder. For photos that already have "
            f"pictures, run `backdrop rerun {format_scope(folder_of(key))}` afterward.",
            "yellow",
        )
    for key in plan.replaced_images:
        screen.print(
            f"! {key} in the bucket is replaced. Pictures that are already delivered keep the old image. To change "
            "them too, give the new image another name.",
            "yellow",
        )
    kept_locations = [one.is_local for one in plan.find_decisions(SidecarAction.KEEP)]
    if photo_count := kept_locations.count(False):
        kept = format_count(photo_count, "photo keeps", "photos keep")
        note = "the instructions that are already in the bucket. To replace them, run again with `--replace`."
        screen.print(f"! {kept} {note}", "yellow")
    if photo_count := kept_locations.count(True):
        kept = format_count(photo_count, "photo keeps", "photos keep")
        note = "the instructions of a sidecar on this machine. To use the new ones instead, run again with `--replace`."
        screen.print(f"! {kept} {note}", "yellow")
    if keys := [row.key for row in plan.photos if row.has_request and not (row.needs_upload or row.sidecar_key)]:
        requested = format_count(len(keys), "photo has", "photos have")
        note = "pictures that a campaign or another request asked for. To use the sidecars in the bucket again, run"
        # Photos without a common folder must not lead to `rerun --all`, which also buys for photos of other people.
        scope = format_scope((folder or "PREFIX") if len(keys) > 1 else keys[0])
        screen.print(f"! {requested} {note} `backdrop rerun {scope}`.", "yellow")
    for path, reason in files.unreadable.items():
        screen.print(f"! {path}: {reason}", "yellow")
    if any(row.lacks_instructions for row in plan.photos):
        screen.print(
            'Describe the new background with --prompt "on a marble table", or put sidecars next to the photos.'
        )


def _pluralize(number: int, noun: str, suffix: str) -> str:
    return f"{noun}{'' if number == 1 else 's'}{suffix}"


def _print_cost_and_time(stack: Stack, screen: Screen, plan: UploadPlan) -> None:
    seconds = time_estimates.estimate_plan_seconds(stack, plan.jobs, time_estimates.read_recent_job_times(stack))
    duration_text = (
        "time unknown until the first pictures"
        if seconds is None
        else f"about {format_rough_duration(seconds)} after the upload"
    )
    screen.print(f"{format_max_price(plan.prices).capitalize()} (list prices of {PRICE_LIST_DATE}); {duration_text}.")
    plan.mandates.print_lines(screen)
    if shortfall := describe_budget_shortfall(stack, plan.prices.total_micro_usd):
        screen.print(f"! {shortfall}", "yellow")
    for name in list_required_providers(plan.jobs):
        for pause in stack.circuit_breaker.ledger.read_health(name).pauses:
            screen.print(f"! {name} is paused ({pause.code.value}): its photos wait until it is resumed.", "yellow")


def print_undecided(
    screen: Screen, undecided: Sequence[SidecarDecision], plans: Mapping[SidecarPolicy | None, UploadPlan]
) -> None:
    """Prints the photos with instructions that a person wrote, and the price of replacing or keeping them."""
    photos = format_count(len(undecided), "photo has", "photos have")
    screen.print(f"! {photos} instructions that a person wrote and that differ from the new ones:", "yellow")
    sidecars = [
        f"{one.key}: {one.existing_sidecar}{' on this machine' if one.is_local else ''}"
        f"{f', which is misnamed: {one.misnamed}' if one.misnamed else ''}"
        for one in undecided
    ]
    screen.print_sample(sidecars, MAX_LISTED_PER_CODE)
    replace_plan, keep_plan = plans[SidecarPolicy.REPLACE], plans[SidecarPolicy.KEEP]
    screen.print(
        f"Replace them: {format_max_price(replace_plan.prices)}. Keep them: {format_max_price(keep_plan.prices)}."
    )
    undecided_keys = {one.key for one in undecided}
    for answer, plan in (("replace", replace_plan), ("keep", keep_plan)):
        if refused_photos := [row for row in plan.photos_with_problems if row.key in undecided_keys]:
            screen.print(f"If you {answer} them:")
            _print_problems(screen, refused_photos)


def list_required_providers(jobs: Sequence[Job]) -> list[str]:
    """Returns the providers that jobs depend on; a job that allows several goes to one that is not paused."""
    return sorted({job.provider for job in jobs if isinstance(job.instructions.get("provider", ""), str)})


def format_question(plan: UploadPlan) -> str:
    max_price = plan.prices.total_micro_usd
    price = f" and spend up to {format_usd(max_price)}" if max_price else ""
    contents = (
        format_count(len(plan.photos_to_upload), "photo")
        if plan.photos_to_upload
        else f"{format_count(len(plan.files), 'file')} of instructions"
    )
    return f"Upload {contents}{price}?"


_WARNING_NOUNS: Mapping[str, tuple[str, str]] = {
    WarningCode.CERTIFICATE_FAILED: ("file failed a certificate", "files failed a certificate"),
    WarningCode.CREDENTIALS_LEFT_OUT: (
        "picture with incomplete Content Credentials",
        "pictures with incomplete Content Credentials",
    ),
    WarningCode.MASK_UNAVAILABLE: (
        "picture was not compared with its photo, because the cut-out is not available",
        "pictures were not compared with their photos, because the cut-outs are not available",
    ),
    WarningCode.PRODUCT_CHANGED: (
        "picture in which the product may have changed",
        "pictures in which the product may have changed",
    ),
}
"""How many of a warning are described after a drop, if not by its code."""


def format_outcome(tracker: UploadTracker) -> str:
    """`2 delivered: 2 images in 2 files, $0.12.`"""
    counts = tracker.count_by_status
    status_counts = ", ".join(f"{counts[stage]:,} {stage}" for stage in DisplayStatus if counts[stage]) or "no photo"
    cost = ", ".join(filter(None, (format_cost(*tracker.cost_micro_usd), tracker.earlier_cost_text)))
    delivered = f"{format_count(tracker.image_count, 'image')} in {format_count(tracker.file_count, 'file')}"
    lacking = ", ".join(f"{format_count(n, 'variant')} {one}" for one, n in tracker.undelivered_variants.items())
    return f"{status_counts}: {delivered}, {cost}{lacking and f'; {lacking}'}."


def print_outcome(screen: Screen, tracker: UploadTracker, folder: str) -> None:
    """Prints how the photos, all of this folder, ended, what they cost, and what to do about problems."""
    counts = tracker.count_by_status
    screen.print(format_outcome(tracker), "bold")
    problems_by_hint: dict[tuple[Code, str], list[tuple[str, str]]] = {}
    for key, progress in tracker.progress.items():
        for problem in progress.problems:
            name = f"{key}, variant {problem.variant}" if problem.variant else key
            problems_by_hint.setdefault((problem.code, str(problem.hint)), []).append((name, str(problem.message)))
        if progress.status is DisplayStatus.REFUSED and not progress.problems:
            code = Code.FOLDER_DEFAULTS_BROKEN
            problems_by_hint.setdefault((code, str(ERROR_CATALOG[code].hint)), []).append((key, progress.note))
    for (code, hint), photo_messages in problems_by_hint.items():
        screen.print(f"✗ {code.value}: {hint}", "yellow")
        messages = [f"{key}: {message}" for key, message in photo_messages]
        more_hint = f"`{build_failures_command(code, folder)}` lists them"
        screen.print_sample(messages, MAX_LISTED_PER_CODE, more_hint=more_hint)
    for code, keys in tracker.keys_by_warning.items():
        shown = format_count(keys.total(), *_WARNING_NOUNS.get(code, (f"warning: {code}", f"warnings: {code}")))
        screen.print(f"! {shown}. For details, run `backdrop show {format_scope(next(iter(keys)))}`.", "yellow")
    if counts[DisplayStatus.REPLACED]:
        screen.print(
            "! Another upload replaced the instructions of this one, and its instructions apply now. To use yours "
            "instead, run the same command again.",
            "yellow",
        )
    if counts[DisplayStatus.IN_REVIEW]:
        screen.print("To decide about the pictures that wait, run `backdrop review` or `backdrop page --review`.")
    if tracker.stop_reason:
        screen.print(f"Stopped waiting: {tracker.stop_reason} The uploaded photos stay in the queue.", "yellow")
        screen.print("To see the progress, run `backdrop status --watch`.")


# -- JSON ------------------------------------------------------------------------------------------------------


def build_plan_document(stack: Stack, files: UploadFiles, plan: UploadPlan) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "bucket": plan.bucket,
        "photos": len(plan.photos),
        "to_upload": len(plan.photos_to_upload),
        "there_already": sum(not row.needs_upload for row in plan.photos),
        "again": sum(row.is_retry for row in plan.photos),
        "sidecars_written": len(plan.find_decisions(SidecarAction.WRITE)),
        "sidecars_replaced": sum(one.new_content is not None for one in plan.find_decisions(SidecarAction.REPLACE)),
        "sidecars_kept": len(plan.find_decisions(SidecarAction.KEEP)),
        "without_instructions": sum(row.lacks_instructions for row in plan.photos),
        "passed_over": files.ignored_count,
        "own_pictures": files.own_picture_count,
        "jobs": len(plan.jobs),
        "images": plan.prices.images_by_provider.total(),
        "images_already_bought": plan.prices.reused_image_count,
        "most_usd": to_usd(plan.prices.total_micro_usd),
        "warnings": dict(plan.warnings),
        "mandates": plan.mandates.build_document(),
        "would_be_refused": [
            {"key": key, "code": code, "message": message}
            for code, problems in group_problems_by_code(plan.photos).items()
            for key, message in problems
        ],
    }


def build_undecided_document(
    undecided: Sequence[SidecarDecision], plans: Mapping[SidecarPolicy | None, UploadPlan]
) -> dict[str, Any]:
    prices = {answer: plans[answer].prices for answer in SidecarPolicy}
    costs = {
        answer.value: {"images": one.images_by_provider.total(), "most_usd": to_usd(one.total_micro_usd)}
        for answer, one in prices.items()
    }
    return {"to_answer": {"photos": [one.key for one in undecided], **costs}}


def build_outcome_document(tracker: UploadTracker) -> dict[str, Any]:
    confirmed, unknown = tracker.cost_micro_usd
    return {
        "ended": not tracker.unfinished_keys,
        "stopped": tracker.stop_reason or None,
        "counts": {stage.name.lower(): number for stage, number in tracker.count_by_status.items()},
        "delivered_in_part": tracker.count_by_status[DisplayStatus.PARTLY],
        "undelivered_variants": {one.name.lower(): n for one, n in tracker.undelivered_variants.items()},
        "delivered_images": tracker.image_count,
        "delivered_files": tracker.file_count,
        "usd": to_usd(confirmed),
        "earlier_usd": to_usd(tracker.earlier_micro_usd),
        "unknown_usd": to_usd(unknown),
        "delivered_warnings": {code: keys.total() for code, keys in tracker.keys_by_warning.items()},
        "photos": [
            {
                "key": key,
                "stage": photo.status.name.lower(),
                "note": photo.note or None,
                "pictures": photo.picture_keys,
            }
            for key, photo in tracker.progress.items()
        ],
    }
