"""A drop from the look at the files to the last picture: plan, question, upload, follow, download."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.model.pricing import to_micro_usd
from backdrop_cli import picture_downloads as pictures
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK, CommandError, InterruptedCommandError
from backdrop_cli.formatting import format_bytes, format_cost, format_count, format_rough_duration
from backdrop_cli.lint import OPENING_PHOTOS_TEXT, READING_NAMES_TEXT
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.uploads import upload_report
from backdrop_cli.uploads.sidecar_decisions import SidecarDecision, SidecarPolicy
from backdrop_cli.uploads.transfer import UploadProgress, upload_files
from backdrop_cli.uploads.upload_files import collect_files
from backdrop_cli.uploads.upload_plan import UploadPlan, UploadPlanner
from backdrop_cli.uploads.upload_tracker import ExpectedUpload, UploadTracker
from backdrop_cli.watch_loop import ProgressDisplay

MAX_UNCONFIRMED_PHOTOS, MAX_UNCONFIRMED_MICRO_USD = 50, to_micro_usd(1)
"""Above either of these a drop asks first."""


@dataclass(frozen=True)
class DropOptions:
    """What the command line says of a drop; `sidecar_policy`: what becomes of sidecars that a person wrote."""

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
    """Do it; the exit code. What is uploaded goes on by itself, whatever becomes of this command."""
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
        pictures.create_folder(options.download_folder.expanduser())
    started_at = stack.clock.now()
    progress = UploadProgress(plan.files)
    try:
        _upload_files(stack, screen, progress, document)
        _print_upload_result(screen, plan, progress)
        if not (options.wait or options.download_folder):
            return _finish_without_waiting(screen, document, plan)
        tracker = UploadTracker(stack, _build_expected_uploads(plan, progress), started_at)
        return _wait_for_pictures(stack, screen, options, tracker, document)
    except KeyboardInterrupt:
        raise InterruptedCommandError(_format_interruption(progress, plan)) from None


def _ask_sidecar_policy(
    screen: Screen, undecided: Sequence[SidecarDecision], document: dict[str, Any]
) -> SidecarPolicy:
    """What the person answers; CommandError where they stop, or cannot be asked."""
    obstacle, photo_count = screen.prompt_obstacle, format_count(len(undecided), "photo")
    if not obstacle:
        answer = input("[r]eplace, [k]eep, or [N] stop: ").strip().lower()
        policy = next((one for one in SidecarPolicy if answer in (one.value, one.value[0])), None)
        if policy:
            return policy
        raise CommandError("nothing was uploaded")
    screen.print_json(document | {"uploaded": 0})
    have = "has" if len(undecided) == 1 else "have"
    raise CommandError(
        f"nothing was uploaded; {photo_count} {have} instructions that "
        f"a person wrote, and {obstacle}, so say --replace or --keep"
    )


def _upload_files(stack: Stack, screen: Screen, progress: UploadProgress, document: dict[str, Any]) -> None:
    """Upload, and tell how much went up also where it breaks off."""
    try:
        upload_files(stack.uploader, progress, screen, stack.max_threads)
    except BaseException:
        screen.print_json(document | _describe_upload(progress))
        raise
    document.update(_describe_upload(progress))


def _find_common_folder(plan: UploadPlan) -> str:
    """The folder that all photos have in common."""
    folders = [row.key.split("/")[:-1] for row in plan.photos]
    common: list[str] = []
    for names in zip(*folders, strict=False):
        if len({*names}) > 1:
            break
        common.append(names[0])
    return "".join(f"{name}/" for name in common)


def _confirm(screen: Screen, plan: UploadPlan, options: DropOptions) -> None:
    """CommandError where somebody says no, or --strict forbids it."""
    _refuse_ineffective(plan, "add --prompt")
    refused_photos = plan.photos_with_problems
    if options.strict and refused_photos:
        raise CommandError(
            f"nothing was uploaded; {format_count(len(refused_photos), 'photo')} "
            f"would be refused, and --strict stops for that"
        )
    photo_count = sum(row.needs_upload or bool(row.jobs) for row in plan.photos)
    if plan.files and (photo_count > MAX_UNCONFIRMED_PHOTOS or plan.max_price_micro_usd > MAX_UNCONFIRMED_MICRO_USD):
        screen.confirm(upload_report.format_question(plan), yes=options.yes)


def _refuse_ineffective(plan: UploadPlan, remedy: str) -> None:
    if photo_count := len(plan.ineffective_photos):
        raise CommandError(
            f"nothing was uploaded; the new instructions for "
            f"{format_count(photo_count, 'photo')} name neither a prompt nor an "
            f"operation, so the old pictures would stay; {remedy}"
        )


def _refuse_ineffective_replace(
    screen: Screen, plans: Mapping[SidecarPolicy | None, UploadPlan], document: dict[str, Any]
) -> None:
    """CommandError where --replace would have no effect, so that it is no answer to the question."""
    remedy = "add --prompt" if plans[SidecarPolicy.KEEP].ineffective_photos else "add --prompt, or say --keep"
    with screen.print_json_if_refused(document | {"uploaded": 0}):
        _refuse_ineffective(plans[SidecarPolicy.REPLACE], remedy)


def _build_expected_uploads(plan: UploadPlan, progress: UploadProgress) -> dict[str, ExpectedUpload]:
    """What intake must have seen of each photo: what was uploaded of it."""
    uploaded = progress.uploaded
    photos = [row for row in plan.photos if not row.read_error]
    return {row.key: ExpectedUpload(uploaded.get(row.key), uploaded.get(row.sidecar_key)) for row in photos}


def _print_upload_result(screen: Screen, plan: UploadPlan, progress: UploadProgress) -> None:
    if plan.files:
        speed = (
            f"{format_bytes(progress.sent_bytes)} in {format_rough_duration(progress.elapsed_seconds)}, "
            f"{format_bytes(progress.bytes_per_second)}/s"
        )
        screen.print(f"✓ {format_count(len(progress.uploaded), 'file')} uploaded: {speed}.", "green")
    else:
        screen.print("Nothing to upload: everything is in the bucket already.")


def _describe_upload(progress: UploadProgress) -> dict[str, Any]:
    seconds = round(progress.elapsed_seconds, 3)
    return {"uploaded": len(progress.uploaded), "uploaded_bytes": progress.sent_bytes, "upload_seconds": seconds}


def _finish_without_waiting(screen: Screen, document: dict[str, Any], plan: UploadPlan) -> int:
    screen.print_json(document)
    folder = _find_common_folder(plan)
    screen.print("The photos go on by themselves. `backdrop status --watch` shows how far they are, and")
    screen.print_unwrapped(
        f"  backdrop download {folder or '--all'} pictures/" if folder else "  backdrop download --all pictures/"
    )
    screen.print("fetches the pictures.")
    return EXIT_OK


# -- until the last picture is back ----------------------------------------------------------------------------


def _wait_for_pictures(
    stack: Stack, screen: Screen, options: DropOptions, tracker: UploadTracker, document: dict[str, Any]
) -> int:
    display = ProgressDisplay(screen)

    def poll_and_show() -> bool:
        has_changed = tracker.poll()
        if tracker.unfinished_keys:
            display.update(
                len(tracker.progress) - len(tracker.unfinished_keys), len(tracker.progress), *_format_progress(tracker)
            )
        return has_changed

    try:
        with screen.live_view(display.render):
            tracker.wait_until_done(poll_and_show)
    finally:
        upload_report.print_outcome(screen, tracker)
    document |= upload_report.build_outcome_document(tracker)
    if options.download_folder:
        keys = [key for photo in document["photos"] for key in photo["pictures"]]
        download = pictures.download_pictures(stack, screen, keys, options.download_folder.expanduser())
        pictures.print_download(screen, download)
        document["download"] = download.build_document()
    screen.print_json(document)
    return EXIT_OK if tracker.count_by_status[DisplayStatus.STORED] == len(tracker.progress) else EXIT_FAILURE


def _format_progress(tracker: UploadTracker) -> tuple[str, str]:
    """How far it is: photos by stage, then money and time."""
    counts, remaining_seconds = tracker.count_by_status, tracker.estimate_remaining_seconds()
    status_counts = ", ".join(f"{counts[stage]:,} {stage}" for stage in reversed(DisplayStatus) if counts[stage])
    to_go = (
        f"about {format_rough_duration(remaining_seconds)} to go"
        if remaining_seconds
        else "time to go known when the first are back"
    )
    elapsed = f"{format_rough_duration(tracker.elapsed_seconds)} gone"
    return status_counts, ", ".join(
        filter(None, (f"{format_cost(*tracker.cost_micro_usd)} so far", tracker.earlier_cost_text, elapsed, to_go))
    )


def _format_interruption(progress: UploadProgress, plan: UploadPlan) -> str:
    uploaded_count, file_count = len(progress.uploaded), len(plan.files)
    if uploaded_count < file_count:
        return (
            f"stopped; {uploaded_count:,} of {format_count(file_count, 'file')} are uploaded and go on by themselves. "
            "The same command uploads the rest"
        )
    return (
        "stopped watching; what is uploaded goes on by itself. The same command watches on and uploads nothing "
        "twice, `backdrop cancel` ends what is not bought yet"
    )
