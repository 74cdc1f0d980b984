"""The `drop` command: plans an upload, asks for confirmation, uploads, waits, and downloads the pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.model.pricing import to_micro_usd
from backdrop_cli import picture_downloads as pictures
from backdrop_cli.continuation import explain_end
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK, CommandError
from backdrop_cli.formatting import format_bytes, format_cost, format_count, format_rough_duration, format_scope
from backdrop_cli.lint import OPENING_PHOTOS_TEXT, READING_NAMES_TEXT
from backdrop_cli.local_folder import expand_home
from backdrop_cli.screen import Screen, ask
from backdrop_cli.stack import Stack
from backdrop_cli.uploads import upload_report
from backdrop_cli.uploads.sidecar_decisions import SidecarDecision, SidecarPolicy
from backdrop_cli.uploads.transfer import UploadProgress, upload_files
from backdrop_cli.uploads.upload_files import collect_files
from backdrop_cli.uploads.upload_plan import UploadPlan, UploadPlanner
from backdrop_cli.uploads.upload_tracker import ExpectedUpload, UploadTracker
from backdrop_cli.watch_loop import ProgressDisplay

MAX_UNCONFIRMED_PHOTOS, MAX_UNCONFIRMED_MICRO_USD = 50, to_micro_usd(1)
"""Above either of these, a drop asks for confirmation."""


@dataclass(frozen=True)
class DropOptions:
    """The options of a drop; `sidecar_policy` says what to do with sidecars that a person wrote."""

    paths: Sequence[Path]
    target_folder: str | None = None
    new_sidecar: bytes | None = None
    sidecar_policy: SidecarPolicy | None = None
    quick: bool = False
    strict: bool = False
    wait: bool = False
    download_folder: Path | None = None
    yes: bool = False


def run_drop(stack: Stack, screen: Screen, options: DropOptions) -> int:
    """Runs the drop and returns the exit code. Uploaded photos are processed even if this command ends."""
    files = collect_files(options.paths, options.target_folder)
    with screen.spinner(READING_NAMES_TEXT if options.quick else OPENING_PHOTOS_TEXT):
        planner = UploadPlanner(stack, files.photos, files.instruction_files, options.new_sidecar, quick=options.quick)
        undecided = [] if options.sidecar_policy else planner.list_undecided()
        plans = {one: planner.build_plan(one) for one in (SidecarPolicy if undecided else (options.sidecar_policy,))}
    if undecided:
        document = upload_report.build_plan_document(
            stack, files, plans[SidecarPolicy.REPLACE]
        ) | upload_report.build_undecided_document(undecided, plans)
        _refuse_ineffective_replace(screen, plans, document)
        upload_report.print_undecided(screen, undecided, plans)
        plan = plans[_ask_sidecar_policy(screen, undecided, document)]
    else:
        plan = plans[options.sidecar_policy]
    document = upload_report.build_plan_document(stack, files, plan)
    upload_report.print_plan(stack, screen, files, plan, _find_common_folder(plan))
    with screen.print_json_if_refused(document | {"uploaded": 0}):
        _confirm(screen, plan, options)
    if options.download_folder:
        pictures.create_folder(expand_home(options.download_folder))
    started_at = stack.clock.now()
    progress = UploadProgress(plan.files)
    with explain_end(lambda: _format_continuation(progress, plan)):
        _upload_files(stack, screen, progress, document)
        _print_upload_result(screen, plan, progress)
        if not (options.wait or options.download_folder):
            return _finish_without_waiting(screen, document, plan)
        tracker = UploadTracker(stack, _build_expected_uploads(plan, progress), started_at)
        return _wait_for_pictures(stack, screen, options, tracker, plan, document)


def _ask_sidecar_policy(
    screen: Screen, undecided: Sequence[SidecarDecision], document: dict[str, Any]
) -> SidecarPolicy:
    """Returns the user's answer. Raises CommandError if they stop or cannot be asked."""
    obstacle, photo_count = screen.prompt_obstacle, format_count(len(undecided), "photo")
    if not obstacle:
        answer = ask("[r]eplace, [k]eep, or [N] stop:")
        policy = next((one for one in SidecarPolicy if answer in (one.value, one.value[0])), None)
        if policy:
            return policy
        raise CommandError("nothing was uploaded")
    screen.print_json(document | {"uploaded": 0})
    raise CommandError(
        f"nothing was uploaded; a person wrote other instructions for {photo_count}, and {obstacle}, so add "
        "--replace or --keep"
    )


def _upload_files(stack: Stack, screen: Screen, progress: UploadProgress, document: dict[str, Any]) -> None:
    """Uploads the files; reports how much was uploaded even if an error ends it."""
    try:
        upload_files(stack.uploader, progress, screen, stack.max_threads)
    except BaseException:
        screen.print_json(document | _describe_upload(progress))
        raise
    document.update(_describe_upload(progress))


def _find_common_folder(plan: UploadPlan) -> str:
    folders = [row.key.split("/")[:-1] for row in plan.photos]
    common: list[str] = []
    for names in zip(*folders, strict=False):
        if len({*names}) > 1:
            break
        common.append(names[0])
    return "".join(f"{name}/" for name in common)


def _format_common_scope(plan: UploadPlan) -> str:
    """Returns the folder of the photos as an argument of another command.

    Without a common folder, it is a placeholder and never `--all`, which would include the photos of other people.
    """
    return format_scope(_find_common_folder(plan) or "PREFIX")


def _confirm(screen: Screen, plan: UploadPlan, options: DropOptions) -> None:
    """Raises CommandError if the user declines, or --strict forbids the upload."""
    _refuse_ineffective(plan, "add --prompt")
    refused_photos = plan.photos_with_problems
    if options.strict and refused_photos:
        raise CommandError(
            f"nothing was uploaded; {format_count(len(refused_photos), 'photo')} would be refused, and --strict is set"
        )
    photo_count = sum(row.needs_upload or bool(row.jobs) for row in plan.photos)
    if plan.files and (photo_count > MAX_UNCONFIRMED_PHOTOS or plan.prices.total_micro_usd > MAX_UNCONFIRMED_MICRO_USD):
        screen.confirm(upload_report.format_question(plan), yes=options.yes)


def _refuse_ineffective(plan: UploadPlan, remedy: str) -> None:
    if photo_count := len(plan.ineffective_photos):
        raise CommandError(
            f"nothing was uploaded; the new instructions for {format_count(photo_count, 'photo')} have neither a "
            f"prompt nor an operation, so they would change nothing; {remedy}"
        )


def _refuse_ineffective_replace(
    screen: Screen, plans: Mapping[SidecarPolicy | None, UploadPlan], document: dict[str, Any]
) -> None:
    """Raises CommandError if --replace would have no effect and so cannot be an answer."""
    remedy = "add --prompt" if plans[SidecarPolicy.KEEP].ineffective_photos else "add --prompt or --keep"
    with screen.print_json_if_refused(document | {"uploaded": 0}):
        _refuse_ineffective(plans[SidecarPolicy.REPLACE], remedy)


def _build_expected_uploads(plan: UploadPlan, progress: UploadProgress) -> dict[str, ExpectedUpload]:
    """Returns what was uploaded for each photo, which intake must have read before its state counts."""
    uploaded = progress.uploaded
    photos = [row for row in plan.photos if not row.is_held_back]
    return {
        row.key: ExpectedUpload(uploaded.get(row.key), uploaded.get(row.sidecar_key), row.sidecar_key) for row in photos
    }


def _print_upload_result(screen: Screen, plan: UploadPlan, progress: UploadProgress) -> None:
    if plan.files:
        speed = (
            f"{format_bytes(progress.sent_bytes)} in {format_rough_duration(progress.elapsed_seconds)}, "
            f"{format_bytes(progress.bytes_per_second)}/s"
        )
        screen.print(f"✓ {format_count(len(progress.uploaded), 'file')} uploaded: {speed}.", "green")
    elif any(row.is_held_back for row in plan.photos):
        screen.print("Nothing was uploaded. The reasons are above.", "yellow")
    else:
        screen.print("Nothing to upload: everything is already in the bucket.")


def _describe_upload(progress: UploadProgress) -> dict[str, Any]:
    seconds = round(progress.elapsed_seconds, 3)
    return {"uploaded": len(progress.uploaded), "uploaded_bytes": progress.sent_bytes, "upload_seconds": seconds}


def _finish_without_waiting(screen: Screen, document: dict[str, Any], plan: UploadPlan) -> int:
    """Prints what to do next. Returns 1 if it is already known that nothing will be delivered."""
    screen.print_json(document)
    if not plan.can_succeed:
        screen.print("None of these photos can be delivered as they are. The reasons are above.", "yellow")
        return EXIT_FAILURE
    processing = "The photos are being processed. " if plan.files else ""
    screen.print(f"{processing}To see the progress, run `backdrop status --watch`.")
    screen.print(f"To download the pictures, run `backdrop download {_format_common_scope(plan)} pictures/`.")
    return EXIT_OK


# -- waiting for the pictures ----------------------------------------------------------------------------------


def _wait_for_pictures(
    stack: Stack,
    screen: Screen,
    options: DropOptions,
    tracker: UploadTracker,
    plan: UploadPlan,
    document: dict[str, Any],
) -> int:
    """Waits, downloads the pictures, and reports what became of the photos even if an error or Ctrl-C ends it."""
    display = ProgressDisplay(screen)

    def poll_and_show() -> bool:
        has_changed = tracker.poll()
        if tracker.unfinished_keys:
            display.update(
                len(tracker.progress) - len(tracker.unfinished_keys), len(tracker.progress), *_format_progress(tracker)
            )
        return has_changed

    is_downloaded = True
    try:
        try:
            with screen.live_view(display.render):
                tracker.wait_until_done(poll_and_show)
        finally:
            upload_report.print_outcome(screen, tracker, _find_common_folder(plan))
            document |= upload_report.build_outcome_document(tracker)
        if options.download_folder:
            keys = [key for photo in document["photos"] for key in photo["pictures"]]
            download = pictures.download_pictures(stack, screen, keys, expand_home(options.download_folder))
            pictures.print_download(screen, download)
            document["download"], is_downloaded = download.build_document(), not download.blocked
    finally:
        screen.print_json(document)
    is_delivered = tracker.count_by_status[DisplayStatus.STORED] == len(plan.photos)
    return EXIT_OK if is_delivered and is_downloaded else EXIT_FAILURE


def _format_progress(tracker: UploadTracker) -> tuple[str, str]:
    """Returns one line with the photos by status, and one with cost and time."""
    counts, remaining_seconds = tracker.count_by_status, tracker.estimate_remaining_seconds()
    status_counts = ", ".join(f"{counts[stage]:,} {stage}" for stage in reversed(DisplayStatus) if counts[stage])
    to_go = f"about {format_rough_duration(remaining_seconds)} left" if remaining_seconds else "remaining time unknown"
    elapsed = f"{format_rough_duration(tracker.elapsed_seconds)} elapsed"
    return status_counts, ", ".join(
        filter(None, (f"{format_cost(*tracker.cost_micro_usd)} so far", tracker.earlier_cost_text, elapsed, to_go))
    )


def _format_continuation(progress: UploadProgress, plan: UploadPlan) -> str:
    """Returns how far the drop got when it was ended, and how to go on."""
    uploaded_count, file_count = len(progress.uploaded), len(plan.files)
    if uploaded_count < file_count:
        return (
            f"{uploaded_count:,} of {format_count(file_count, 'file')} were uploaded and are being processed. "
            "To upload the rest, run the same command again; nothing is bought twice"
        )
    return (
        "the uploaded photos are being processed. To wait again, run the same command; nothing is uploaded or bought "
        f"twice. To cancel what has not been bought yet, run `backdrop cancel {_format_common_scope(plan)}`"
    )
