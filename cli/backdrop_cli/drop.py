"""The `drop` command: plans an upload, asks for confirmation, uploads, waits, and downloads the pictures."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.model.pricing import format_usd, to_micro_usd
from backdrop_cli import picture_downloads as pictures
from backdrop_cli.continuation import explain_end
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK, CommandError
from backdrop_cli.formatting import format_bytes, format_cost, format_count, format_rough_duration, format_scope
from backdrop_cli.lint import OPENING_PHOTOS_TEXT, READING_NAMES_TEXT
from backdrop_cli.local_folder import expand_home
from backdrop_cli.local_names import find_common_folder
from backdrop_cli.screen import Screen, ask
from backdrop_cli.stack import Stack
from backdrop_cli.upload_targets import find_target_folder
from backdrop_cli.uploads import upload_report
from backdrop_cli.uploads.sidecar_decisions import SidecarDecision, SidecarPolicy
from backdrop_cli.uploads.transfer import UploadProgress, upload_files
from backdrop_cli.uploads.upload_files import UploadFiles, collect_files
from backdrop_cli.uploads.upload_plan import UploadPlan, UploadPlanner
from backdrop_cli.uploads.upload_tracker import ExpectedUpload, UploadTracker
from backdrop_cli.watch_loop import ProgressDisplay

MAX_UNCONFIRMED_PHOTOS, MAX_UNCONFIRMED_MICRO_USD = 50, to_micro_usd(1)
"""Above either of these, a drop asks for confirmation."""


@dataclass
class Allowance:
    """What may still be uploaded without a question: 50 photos and $1, or with `limit`, that many micro-dollars.

    Several uploads of one command count together, from one answer to the next, so that their number does not matter.
    """

    limit: int | None = None
    photos: int = 0
    micro_usd: int = 0

    def confirm(self, screen: Screen, plan: UploadPlan, *, yes: bool, option: str = "--yes") -> None:
        """Counts an upload. Raises CommandError if the user declines, or it exceeds the limit."""
        left = None if self.limit is None else self.limit - self.micro_usd
        self.photos += sum(row.needs_upload or bool(row.jobs) for row in plan.photos)
        self.micro_usd += plan.prices.total_micro_usd
        if left is not None:
            if plan.prices.total_micro_usd > left:
                price, rest = format_usd(plan.prices.total_micro_usd), format_usd(left)
                raise CommandError(
                    f"nothing was uploaded: these photos can cost {price}, and --max-total allows {rest} more; to buy "
                    "them, run the same command with a higher --max-total"
                )
        elif plan.files and (self.photos > MAX_UNCONFIRMED_PHOTOS or self.micro_usd > MAX_UNCONFIRMED_MICRO_USD):
            screen.confirm(upload_report.format_question(plan), yes=yes, option=option)
            self.photos = self.micro_usd = 0


@dataclass(frozen=True)
class DropOptions:
    """The options of a drop; `sidecar_policy` says what to do with sidecars that a person wrote.

    `max_total`: micro-dollars that it may cost without a question. With `only`, no other photos are dropped.
    """

    paths: Sequence[Path]
    target_folder: str | None = None
    new_sidecar: bytes | None = None
    sidecar_policy: SidecarPolicy | None = None
    quick: bool = False
    strict: bool = False
    wait: bool = False
    download_folder: Path | None = None
    yes: bool = False
    max_total: int | None = None
    only: Collection[Path] | None = None

    def find_download_place(self, folder: Path, photos: Collection[Path] = ()) -> pictures.DownloadPlace:
        """Returns where the pictures of these photos go in a folder of this machine."""
        base = find_target_folder(self.paths, self.target_folder)
        return pictures.DownloadPlace(expand_home(folder), base, photos)


@dataclass(frozen=True)
class PlannedDrop:
    """The files of a drop, what happens to them, and the same for scripts."""

    files: UploadFiles
    plan: UploadPlan
    document: dict[str, Any]


def run_drop(stack: Stack, screen: Screen, options: DropOptions) -> int:
    """Runs the drop and returns the exit code. Uploaded photos are processed even if this command ends."""
    planned = plan_drop(stack, screen, options)
    plan, document, folder = planned.plan, planned.document, options.download_folder
    place = options.find_download_place(folder, [*planned.files.photos.values()]) if folder else None
    with screen.print_json_if_refused(document | {"uploaded": 0}):
        _confirm(screen, plan, options)
    if place:
        pictures.create_folder(place.folder)
    started_at = stack.clock.now()
    progress = UploadProgress(plan.files)
    with explain_end(lambda: _format_continuation(progress, plan)):
        _upload_files(stack, screen, progress, document)
        print_upload_result(screen, plan, progress)
        if not (options.wait or place):
            return _finish_without_waiting(screen, document, plan)
        tracker = UploadTracker(stack, build_expected_uploads(plan, progress), started_at)
        return _wait_for_pictures(stack, screen, place, tracker, plan, document)


def plan_drop(stack: Stack, screen: Screen, options: DropOptions) -> PlannedDrop:
    """Plans a drop, and prints the plan. Asks what happens to the sidecars that a person wrote."""
    files = collect_files(options.paths, options.target_folder, options.only)
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
    if plan.photos or plan.files or options.only is None:
        upload_report.print_plan(stack, screen, files, plan, find_common_folder(row.key for row in plan.photos))
    return PlannedDrop(files, plan, document)


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


def _format_common_scope(plan: UploadPlan) -> str:
    """Returns the folder of the photos as an argument of another command.

    Without a common folder, it is a placeholder and never `--all`, which would include the photos of other people.
    """
    return format_scope(find_common_folder(row.key for row in plan.photos) or "PREFIX")


def _confirm(screen: Screen, plan: UploadPlan, options: DropOptions) -> None:
    """Raises CommandError if the user declines, or --strict forbids the upload."""
    _refuse_ineffective(plan, "add --prompt")
    refused_photos = plan.photos_with_problems
    if options.strict and refused_photos:
        raise CommandError(
            f"nothing was uploaded; {format_count(len(refused_photos), 'photo')} would be refused, and --strict is set"
        )
    Allowance(options.max_total).confirm(screen, plan, yes=options.yes)


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


def build_expected_uploads(plan: UploadPlan, progress: UploadProgress) -> dict[str, ExpectedUpload]:
    """Returns what was uploaded for each photo, which intake must have read before its state counts."""
    uploaded = progress.uploaded
    photos = [row for row in plan.photos if not row.is_held_back]
    return {
        row.key: ExpectedUpload(uploaded.get(row.key), uploaded.get(row.sidecar_key), row.sidecar_key) for row in photos
    }


def print_upload_result(screen: Screen, plan: UploadPlan, progress: UploadProgress) -> None:
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
    place: pictures.DownloadPlace | None,
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
            upload_report.print_outcome(screen, tracker, find_common_folder(tracker.progress))
            document |= upload_report.build_outcome_document(tracker)
        if place:
            keys = [key for photo in document["photos"] for key in photo["pictures"]]
            download = pictures.download_pictures(stack, screen, keys, place)
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
