"""The `redrive` command: shows the price, asks for confirmation, and retries failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from backdrop.model.errors import UnreadableFileError
from backdrop.model.job import Job, JobStatus, Source
from backdrop.model.pricing import format_usd, to_usd
from backdrop.operate.redrive import FailedItem, FailureFilter, RedrivePlan
from backdrop.operate.rerun import RerunService
from backdrop_cli.errors import CommandError
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.arguments import format_failure_filter
from backdrop_cli.operate.budget import describe_budget_shortfall
from backdrop_cli.operate.failures import format_no_failures
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_TRIES, RETRY_DELAY_SECONDS = 14, 5.0
DEAD_LETTER_RETENTION = timedelta(days=14)
"""For how long SQS keeps a dead letter; template.yaml sets it."""


@dataclass
class RedriveBatch:
    """What happens to each failure: delivered free of charge, bought, re-examined by intake, or left alone.

    `reexamined_jobs`: what intake would buy for the photos that it re-examines, as they are now. It excludes those of
    `unreadable_count` photos that S3 does not let this command read.
    """

    free: list[RedrivePlan] = field(default_factory=list[RedrivePlan])
    purchases: list[RedrivePlan] = field(default_factory=list[RedrivePlan])
    reexaminations: list[RedrivePlan] = field(default_factory=list[RedrivePlan])
    needs_pay_again: list[RedrivePlan] = field(default_factory=list[RedrivePlan])
    provider_off: list[RedrivePlan] = field(default_factory=list[RedrivePlan])
    reexamined_jobs: Sequence[Job] = ()
    unreadable_count: int = 0

    @property
    def actionable(self) -> list[RedrivePlan]:
        return [*self.free, *self.purchases, *self.reexaminations]

    @property
    def purchase_price(self) -> int:
        """The maximum price of the purchases, in micro-dollars."""
        return sum(self._purchase_costs.values())

    @property
    def reexamination_price(self) -> int:
        """The maximum price of what intake buys in addition to the purchases, in micro-dollars."""
        purchased_ids = self._purchase_costs.keys()
        return sum(job.max_cost for job in self.reexamined_jobs if job.job_id not in purchased_ids)

    @property
    def max_price(self) -> int:
        return self.purchase_price + self.reexamination_price

    @property
    def price_text(self) -> str:
        """The end of the question: the maximum price; "" if everything is free."""
        if not self.max_price and not self.unreadable_count:
            return ""
        unknown = f" plus the unknown price of {format_count(self.unreadable_count, 'photo')}"
        return f" for at most {format_usd(self.max_price)}{unknown if self.unreadable_count else ''}"

    @property
    def _purchase_costs(self) -> Mapping[str, int]:
        """The maximum costs by job ID. Pictures of one photo share their mask."""
        return {job_id: cost for one in self.purchases for job_id, cost in one.max_costs.items()}


@dataclass
class RedriveResult:
    """`conflicts` counts the failures that changed while the command ran."""

    redriven: list[FailedItem] = field(default_factory=list[FailedItem])
    conflicts: int = 0
    removed_dead_letters: int = 0


def redrive_failures(
    stack: Stack, screen: Screen, failure_filter: FailureFilter, *, pay_again: bool, yes: bool
) -> None:
    """Shows the price, asks for confirmation, and redrives the failures."""
    with screen.spinner("reading the ledger"):
        batch = plan_redrives(stack, failure_filter, pay_again=pay_again)
    document = {"stack": stack.name, **_build_document(batch)}
    _print_batch(stack, screen, batch, failure_filter)
    if not batch.actionable:
        screen.print_json(document | {"done": False})
        _refuse_if_blocked(batch)
        return
    with screen.print_json_if_refused(document | {"done": False}):
        screen.confirm(f"Redrive {format_count(len(batch.actionable), 'failure')}{batch.price_text}?", yes=yes)
    result = RedriveResult()
    try:
        _redrive_all(stack, screen, batch, result)
    finally:
        result_fields = {
            "redriven": len(result.redriven),
            "missed": result.conflicts,
            "dead_letters_removed": result.removed_dead_letters,
        }
        screen.print_json(document | {"done": len(result.redriven) == len(batch.actionable), **result_fields})
        _print_result(screen, result)
    if result.conflicts:
        raise CommandError(
            f"{format_count(result.conflicts, 'failure')} changed while this ran; check again with `backdrop failures`"
        )


def plan_redrives(stack: Stack, failure_filter: FailureFilter, *, pay_again: bool) -> RedriveBatch:
    """Plans each job, or photo without a job, once, however many problems its report has."""
    failures = {
        (one.source.source_id, one.job.job_id if one.job else ""): one
        for one in stack.redrive_service.list_failures(failure_filter)
    }
    batch = RedriveBatch()
    for failure in failures.values():
        redrive_plan = stack.redrive_service.plan(failure, pay_again=pay_again)
        _choose_list(stack, batch, redrive_plan).append(redrive_plan)
    _preview_reexaminations(stack, batch)
    return batch


def _choose_list(stack: Stack, batch: RedriveBatch, redrive_plan: RedrivePlan) -> list[RedrivePlan]:
    if redrive_plan.failed_item.job is None:
        return batch.reexaminations
    if redrive_plan.transition is None:
        return batch.needs_pay_again
    if redrive_plan.transition.job.status is not JobStatus.ACCEPTED:
        return batch.free
    return batch.purchases if redrive_plan.transition.job.provider in stack.providers else batch.provider_off


def _preview_reexaminations(stack: Stack, batch: RedriveBatch) -> None:
    sources = [one.failed_item.source for one in batch.reexaminations]
    reruns = stack.build_rerun_service(stack.photos)
    services = {
        bucket: replace(reruns, bucket=bucket, mandates=replace(reruns.mandates, bucket=bucket))
        for bucket in {source.bucket for source in sources}
    }
    previews = list(
        parallel_map(lambda one: _list_reexamined_jobs(services[one.bucket], one), sources, stack.max_threads)
    )
    batch.reexamined_jobs = [job for jobs in previews if jobs is not None for job in jobs]
    batch.unreadable_count = previews.count(None)


def _list_reexamined_jobs(reruns: RerunService, source: Source) -> Sequence[Job] | None:
    """Returns the jobs that intake would buy, or None if S3 denies access to a file.

    Intake resolves the instructions, or it reopens the jobs that it has for these bytes. The more expensive one counts.
    """
    try:
        previews = [reruns.preview(source.key), reruns.preview(source.key, reuploaded=True)]
    except UnreadableFileError:
        return None
    most_expensive = max((one for one in previews if one), key=lambda preview: preview.max_cost, default=None)
    return [job for job in most_expensive.jobs_to_buy if not job.reused_from] if most_expensive else []


def _redrive_all(stack: Stack, screen: Screen, batch: RedriveBatch, result: RedriveResult) -> None:
    max_tries = 1  # After an error or Ctrl-C, the command does not wait for hidden dead letters.
    with screen.spinner("redriving") as show:
        try:
            for one in batch.actionable:
                if stack.redrive_service.redrive(one):
                    result.redriven.append(one.failed_item)
                else:
                    result.conflicts += 1
            max_tries = MAX_TRIES
        finally:
            show("deleting dead letters")
            result.removed_dead_letters = _remove_dead_letters(stack, result.redriven, max_tries)


def _remove_dead_letters(stack: Stack, redriven: Sequence[FailedItem], max_tries: int) -> int:
    """Deletes the dead letters of redriven jobs.

    Retries, because another reader can hide them for a minute. Does not wait for those that SQS may have deleted.
    """
    jobs = [one.job for one in redriven if one.job and one.job.status is JobStatus.DEAD and one.job.announced]
    lock_versions = {job.job_id: job.lock_version for job in jobs}
    oldest = stack.clock.now() - DEAD_LETTER_RETENTION
    awaited = {job.job_id for job in jobs if job.ended_at and job.ended_at > oldest}
    removed: list[str] = []
    for tries_left in reversed(range(max_tries if jobs else 0)):
        removed += stack.dead_letters.delete_resolved(lock_versions)
        if awaited <= set(removed) or not tries_left:
            break
        stack.clock.sleep(RETRY_DELAY_SECONDS)
    return len(removed)


# -- output ----------------------------------------------------------------------------------------------------


def _print_batch(stack: Stack, screen: Screen, batch: RedriveBatch, failure_filter: FailureFilter) -> None:
    number = len([*batch.actionable, *batch.needs_pay_again, *batch.provider_off])
    if not number:
        screen.print(format_no_failures(stack, failure_filter))
    elif format_failure_filter(failure_filter):
        screen.print(f"{format_count(number, 'failure')} {format_failure_filter(failure_filter)} in stack {stack.name}")
    else:
        screen.print(f"{format_count(number, 'failure')} in stack {stack.name}; no filter is set")
    rows = [
        (batch.free, "to deliver", "already paid; free"),
        (batch.purchases, "to buy", f"at most {format_usd(batch.purchase_price)}"),
        (
            batch.reexaminations,
            "to re-examine",
            f"without a job; at most {format_usd(batch.reexamination_price)} if now correct",
        ),
        (batch.needs_pay_again, "left alone", "charged, or possibly charged; to buy again, add --pay-again"),
        (batch.provider_off, "left alone", "the provider is disabled"),
    ]
    visible_rows = [(f"{len(plans):,}", action, note) for plans, action, note in rows if plans]
    if visible_rows:
        screen.print_table({"": "right", " ": "left", "  ": "words"}, visible_rows)
    if batch.purchases or batch.reexaminations:
        _print_warnings(stack, screen, batch)


def _print_warnings(stack: Stack, screen: Screen, batch: RedriveBatch) -> None:
    if shortfall := describe_budget_shortfall(stack, batch.max_price):
        screen.print(shortfall)
    if batch.unreadable_count:
        photos = format_count(batch.unreadable_count, "photo to re-examine", "photos to re-examine")
        screen.print(f"S3 denies you access to the files of {photos}, so the price is unknown.")
    jobs = [*(one.transition.job for one in batch.purchases if one.transition), *batch.reexamined_jobs]
    for name in sorted({job.provider for job in jobs}):
        for pause in stack.circuit_breaker.ledger.read_health(name).pauses:
            screen.print(f"{name} is paused ({pause.code.value}): its photos wait until it is resumed.")


def _refuse_if_blocked(batch: RedriveBatch) -> None:
    """Raises CommandError if there are failures, but none can be redriven."""
    if batch.needs_pay_again:
        raise CommandError("nothing was changed; to buy these again at their price, add --pay-again")
    if batch.provider_off:
        raise CommandError("nothing was changed; enable the provider first, with its MaxInFlight parameter")


def _print_result(screen: Screen, result: RedriveResult) -> None:
    dead_letters = format_count(result.removed_dead_letters, "dead letter")
    suffix = f", and {dead_letters} deleted" if result.removed_dead_letters else ""
    screen.print(f"{format_count(len(result.redriven), 'failure')} redriven{suffix}.")


def _build_document(batch: RedriveBatch) -> dict[str, Any]:
    return {
        "for_nothing": len(batch.free),
        "bought": len(batch.purchases),
        "most_usd": to_usd(batch.max_price),
        "looked_at_anew": len(batch.reexaminations),
        "price_unknown": batch.unreadable_count,
        "needs_pay_again": len(batch.needs_pay_again),
        "provider_off": len(batch.provider_off),
    }
