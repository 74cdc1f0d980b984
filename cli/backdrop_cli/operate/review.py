"""The `review` commands: list the pictures that wait for a person, and approve, reject, or redo them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any

from backdrop.campaigns.report import WORST_VERDICT_FIRST
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.errors import ConflictError, DecisionRefusedError
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import photo_name_of
from backdrop.model.review import DecisionChannel, PictureDecision, PictureReview, ReviewDecision
from backdrop.model.schedule import ItemKey
from backdrop.model.transitions import describe_decision
from backdrop_cli.errors import CommandError, NothingFoundError
from backdrop_cli.formatting import format_count, format_rough_duration
from backdrop_cli.operate.approver import build_approver_policy
from backdrop_cli.operate.photo_names import resolve_key
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

JOBS_PER_READ = 100


@dataclass(frozen=True)
class PictureChoice:
    """Which pictures of a photo are meant. `n` None: all pictures; `variant` None: all variants.

    `key`: see `resolve_key`. `sha256`: the beginning of the hash of the file that the person saw, in lowercase, or
    None.
    """

    key: str
    variant: str | None = None
    n: int | None = None
    sha256: str | None = None

    def includes(self, job: Job, review: PictureReview) -> bool:
        return self.variant in (None, job.variant) and self.n in (None, review.n)

    def __str__(self) -> str:
        variant = "" if self.variant is None else f", variant {self.variant}"
        return f"{self.key}{variant}{f', picture {self.n}' if self.n else ''}"


@dataclass(frozen=True)
class ReviewedPicture:
    """One picture that waits for a decision, or has it. `stack_bucket`: the stack's own input bucket."""

    job: Job
    review: PictureReview
    stack_bucket: str

    @property
    def name(self) -> str:
        """The photo's name, with the variant, and with the number if the job has several pictures."""
        photo_name = photo_name_of(self.job.bucket, self.job.key, self.stack_bucket)
        variant = f", variant {self.job.variant}" if self.job.variant else ""
        return f"{photo_name}{variant}{f', picture {self.review.n}' if self.picture_count > 1 else ''}"

    @property
    def picture_count(self) -> int:
        """How many pictures the job has. Some may need no approval."""
        return max(len(self.job.reviews), len(self.job.usable_links))

    @property
    def is_waiting(self) -> bool:
        return self.review.decision is None and self.job.status is JobStatus.REVIEW

    @property
    def state(self) -> str:
        if self.review.decision:
            return self.review.decision
        if self.is_waiting:
            return "waits for approval"
        return f"no longer waits for approval, because the job is {self.job.status}"

    @property
    def warnings(self) -> list[str]:
        """What people must know to decide: about the making of the file, and about the job."""
        return list(dict.fromkeys(one.text_with_code for one in (*self.review.warnings, *self.job.warnings)))

    @property
    def end(self) -> str:
        """Why the picture does not wait: who decided, what, and when, or what became of its job."""
        end = f"was {describe_decision(self.review)}" if self.review.decision else f"is {self.job.status}"
        return f"{self.name} {end}"

    @property
    def urgency(self) -> tuple[Any, ...]:
        """The sort key of the list: the worst verdict first, then the lowest score, then the longest wait."""
        fidelity = self.review.fidelity
        rank = WORST_VERDICT_FIRST.index(fidelity.verdict) if fidelity else len(WORST_VERDICT_FIRST)
        score = fidelity.score if fidelity and fidelity.score is not None else 0
        return rank, score, self.review.waiting_since, self.job.key, self.job.variant, self.review.n


def read_jobs_in_review(stack: Stack, known_jobs: Mapping[ItemKey, Job]) -> dict[ItemKey, Job]:
    """Returns the jobs whose pictures wait for a decision; reads only those that are not known."""
    queries = stack.redrive_service.ledger_queries
    item_keys = list(queries.list_in_review())
    jobs = {key: known_jobs[key] for key in item_keys if key in known_jobs}
    for batch in batched((key for key in item_keys if key not in jobs), JOBS_PER_READ, strict=False):
        jobs |= queries.read_jobs(batch)
    return {key: job for key, job in jobs.items() if job.status is JobStatus.REVIEW}


def list_waiting_pictures(stack: Stack, jobs: Iterable[Job]) -> list[ReviewedPicture]:
    """Returns the pictures that wait for a decision, most urgent first."""
    waiting = [
        ReviewedPicture(job, one, stack.input_bucket) for job in jobs for one in job.reviews if one.decision is None
    ]
    return sorted(waiting, key=lambda picture: picture.urgency)


# -- list ------------------------------------------------------------------------------------------------------------


def show_waiting_pictures(stack: Stack, screen: Screen, prefix: str) -> None:
    """Prints the pictures that wait for a decision, most urgent first."""
    with screen.spinner("reading the ledger"):
        pictures = list_waiting_pictures(stack, read_jobs_in_review(stack, {}).values())
    pictures = [one for one in pictures if one.job.key.startswith(prefix) or one.name.startswith(prefix)]
    screen.print_json({"stack": stack.name, "pictures": [_describe(stack, one) for one in pictures]})
    scope = f"in {prefix}, stack {stack.name}" if prefix else f"in stack {stack.name}"
    if not pictures:
        screen.print(f"No picture waits for approval {scope}.")
        return
    now = stack.clock.now()
    verb = "waits" if len(pictures) == 1 else "wait"
    screen.print(f"{format_count(len(pictures), 'picture')} {verb} for approval {scope}", "bold")
    for picture in pictures:
        review = picture.review
        verdict = f"{review.fidelity.verdict.mark} {review.fidelity.text}, " if review.fidelity else ""
        age = format_rough_duration((now - review.waiting_since).total_seconds())
        screen.print()
        screen.print_unwrapped(f"{picture.name}: {verdict}waiting for {age}")
        if review.fidelity and review.fidelity.reason:
            screen.print_bullet(review.fidelity.verdict.mark, review.fidelity.reason.text)
        for warning in picture.warnings:
            screen.print_bullet("!", warning, "yellow")
        screen.print_unwrapped(f"  {_format_address(stack, review)}", "dim")
    screen.print()
    screen.print("To decide, run `backdrop review approve KEY`, `reject KEY`, or `redo KEY --prompt TEXT`.")
    screen.print("To see and decide them in a browser, run `backdrop page --review`.")


def show_approver_policy(stack: Stack, screen: Screen) -> None:
    """Prints the IAM policy of a person who may see and decide pictures, and change nothing else."""
    policy = build_approver_policy(
        stack.arn,
        stack.input_bucket,
        stack.output_bucket,
        stack.outputs["LedgerTableName"],
        stack.outputs["EventBusName"],
    )
    screen.print_json({"stack": stack.name, "policy": policy})
    for line in json.dumps(policy, indent=2).splitlines():
        screen.print_unwrapped(line)


def _format_address(stack: Stack, review: PictureReview) -> str:
    return f"s3://{stack.output_bucket}/{review.key}"


def _describe(stack: Stack, picture: ReviewedPicture) -> dict[str, Any]:
    job, review = picture.job, picture.review
    fidelity = review.fidelity
    return {
        "bucket": job.bucket,
        "key": job.key,
        "variant": job.variant or None,
        "n": review.n,
        "job_id": job.job_id,
        "sha256": review.sha256,
        "file": _format_address(stack, review),
        "verdict": fidelity and fidelity.verdict.value,
        "score": fidelity and fidelity.score,
        "reason": fidelity and fidelity.reason and fidelity.reason.value,
        "warnings": picture.warnings,
        "waiting_since": review.waiting_since.isoformat(timespec="seconds"),
        "decision": review.decision and review.decision.value,
        "by": review.decider or None,
    }


# -- approve and reject ----------------------------------------------------------------------------------------------


def decide_pictures(stack: Stack, screen: Screen, choice: PictureChoice, decision: ReviewDecision) -> None:
    """Approves or rejects all chosen pictures that wait, and prints what was decided about each, now or before.

    Raises NothingFoundError if there is no such picture, and CommandError if another decision came first.
    """
    pictures = _find_pictures(stack, choice)
    waiting = [one for one in pictures if one.is_waiting]
    others = [one for one in pictures if not one.is_waiting]
    _check_file(choice, pictures)
    document = {"stack": stack.name, "decided": [], "unchanged": [_describe(stack, one) for one in others]}
    if not waiting:
        screen.print_json(document)
        raise CommandError(f"nothing was changed; {'; '.join(one.end for one in pictures)}")
    by = stack.read_caller()
    decided: list[ReviewedPicture] = []
    try:
        for picture in waiting:
            decided.append(_decide(stack, picture, decision, by))
    except DecisionRefusedError as error:
        raise CommandError(f"nothing {'else ' if decided else ''}was changed; {error.message} {error.hint}") from error
    except ConflictError as error:
        raise CommandError(
            f"nothing {'else ' if decided else ''}was changed; the review of {waiting[len(decided)].name} is starting "
            "over: run the command again"
        ) from error
    finally:
        screen.print_json(document | {"decided": [_describe(stack, one) for one in decided]})
        for one in others:
            screen.print(f"• Not changed: {one.end}.")
        for one in decided:
            screen.print(f"✓ {one.name} {decision}.")
    decided_jobs = {one.job.job_id: one.job for one in decided}
    left = sum(review.decision is None for job in decided_jobs.values() for review in job.reviews)
    if left:
        screen.print(f"{format_count(left, 'picture')} of the photo must still be decided before it is delivered.")


def _decide(stack: Stack, picture: ReviewedPicture, decision: ReviewDecision, by: str) -> ReviewedPicture:
    job, review = picture.job, picture.review
    decided = stack.decisions.decide(
        PictureDecision(job.job_id, review.n, decision, by, DecisionChannel.CLI, sha256=review.sha256), job.source_id
    )
    return replace(picture, job=decided, review=decided.find_review(review.n) or review)


def _find_pictures(stack: Stack, choice: PictureChoice) -> list[ReviewedPicture]:
    """Returns the chosen pictures of the photo's current jobs; raises NothingFoundError if there are none."""
    source, jobs = stack.redrive_service.ledger.read_photo(derive_source_id(*resolve_key(stack, choice.key)))
    current_jobs = [job for job in list_current_jobs(source, jobs) if not job.is_mask] if source else []
    pictures = [
        ReviewedPicture(job, one, stack.input_bucket)
        for job in current_jobs
        for one in job.reviews
        if choice.includes(job, one)
    ]
    if not pictures:
        reason = _explain_no_picture(choice, current_jobs) if current_jobs else explain_no_job(choice.key, jobs)
        raise NothingFoundError(f"nothing was changed; {reason}, stack {stack.name}")
    return pictures


def explain_no_job(name: str, jobs: Sequence[Job]) -> str:
    """Returns that a photo has no current job. `jobs`: those that it had."""
    return f"{name} has no current job; `backdrop show KEY` says why" if jobs else f"{name} has no job"


def _explain_no_picture(choice: PictureChoice, current_jobs: Sequence[Job]) -> str:
    """Returns why none of the photo's pictures is meant."""
    key, variant, n = choice.key, choice.variant, choice.n
    chosen = [job for job in current_jobs if variant in (None, job.variant)]
    if not chosen:
        names = ", ".join(sorted(job.variant for job in current_jobs if job.variant))
        return f"{key} has no variant {variant}{f', only {names}' if names else ''}"
    numbers = sorted({review.n for job in chosen for review in job.reviews})
    if numbers:
        return f"{key} has no picture {n} that needs approval, only {', '.join(map(str, numbers))}"
    states = ", ".join(f"{job.variant} is {job.status}" for job in chosen)
    return f"{choice} has no picture that needs approval; {states if chosen[1:] else f'it is {chosen[0].status}'}"


def _check_file(choice: PictureChoice, pictures: Sequence[ReviewedPicture]) -> None:
    """Raises CommandError if a chosen picture that waits is not the file that the person saw."""
    seen = [one for one in pictures if one.review.sha256.startswith(choice.sha256 or "")]
    if all(one in seen for one in pictures if one.is_waiting):
        return
    if not seen:
        raise CommandError(f"nothing was changed; {choice} is another file now: open it, and decide again")
    job, n = seen[0].job, seen[0].review.n
    options = [f"--variant {job.variant}"] if choice.variant is None and job.variant else []
    options += [f"--picture {n}"] if choice.n is None and job.reviews[1:] else []
    raise CommandError(
        f"nothing was changed; {choice} has {format_count(len(pictures), 'picture')}, and --sha256 is the hash of "
        f"{seen[0].name}: add {' '.join(options)}"
    )
