"""Paid calls: claim the job, send the call, record the answer. The provider charges between claim and record."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backdrop.aws.budget_shares import BudgetShares
from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.aws.work_store import AnswerSpool
from backdrop.model import transitions
from backdrop.model.budget_shares import choose_share
from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.errors import (
    BackdropError,
    ConflictError,
    ContentOwnedError,
    ItemTooLargeError,
    MandateChangedError,
    PlacesChangedError,
    RetryLaterError,
    ShareEmptyError,
)
from backdrop.model.job import Job, JobStatus, Problem, Suspicion
from backdrop.model.mandate import MandateAccount, MandateObstacle
from backdrop.model.pricing import ConfiguredPrices, format_usd, quote
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.model.suspicion import find_first_refusal_time, judge_result
from backdrop.pipeline.breaker import CircuitBreaker
from backdrop.pipeline.call_context import MAX_CLAIM_DURATION, CallContext
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.pipeline.places import Places
from backdrop.ports import Clock, PreparedCall, Provider

SPOOL_RESULT_SECONDS = 4
SAVE_ID_DURATION = timedelta(seconds=10)
OVER_DAILY_BUDGET_DELAY_SECONDS = 3600
TOO_LITTLE_TIME_DELAY_SECONDS = 10
NO_MANDATE_DELAY_SECONDS = 60
CONTENT_OWNED_DELAY_SECONDS = 10
MAX_CLAIM_TRIES, CLAIM_RETRY_SECONDS = 8, 0.1
TransitionFactory = Callable[[Job], transitions.Transition]


@dataclass(eq=False, repr=False)
class Purchases:
    """The only code that sends a paid call.

    `daily_budget`: micro-dollars. `share_count`: how many shares the day's budget has; 0 if claims write its own item.
    """

    ledger: Ledger
    budget_shares: BudgetShares
    breaker: CircuitBreaker
    places: Places
    answer_spool: AnswerSpool
    deliver_queue: Queue
    clock: Clock
    daily_budget: int
    share_count: int = 0
    prices: ConfiguredPrices = field(default_factory=dict[str, int])

    def claim_and_send(
        self, job: Job, provider: Provider, call: PreparedCall, context: CallContext
    ) -> tuple[Job, ProviderResult | LookupStatus]:
        """Claims an `accepted` or `unknown` job, sends the call, and records its answer.

        If the provider counts images and has no place for the call, returns the job with that as the answer.
        Raises RetryLaterError if the budget prevents the call, if another job of the folder's new mandate owns the
        content, or if other workers keep changing the mandate, the lane's places, or the shares of the budget;
        ConflictError if another worker wrote the job first, or after the job has ended or left the lane because its
        mandate does not cover it.
        """
        self.check_time(provider, context)
        price = quote(job.provider, job.instructions, self.prices)
        # If the job's mandate has been released, it ends with the mandate: no other money buys it.
        mandate = job.mandate or context.registry.find_name(job.bucket, job.key)
        account = self._read_mandate(mandate) if mandate else None
        share = choose_share(job.job_id, self.share_count)
        for tries in range(1, MAX_CLAIM_TRIES + 1):
            now = self.clock.now()
            obstacle = account.find_obstacle(job, price, now.date().isoformat()) if account else None
            if obstacle:
                self._handle_mandate_obstacle(job, obstacle)
                raise ConflictError
            if not self.places.admits(job, context.places):
                return job, ProviderResult(
                    RetryClass.QUOTA, Code.PROVIDER_THROTTLED, "Other calls hold the places that the job needs."
                )
            places = self.places.build_lease(job, provider.timeout_seconds, context.places)
            transition = transitions.claim(
                job,
                now=now,
                lease_until=context.lease_until,
                price=price,
                limits=transitions.ClaimLimits(self.daily_budget, account, context.registry.lock_version, share),
                endpoint=call.endpoint,
                provider_id=provider.idempotency_key(job),
                probe=context.is_probe,
            )
            try:
                job = self.ledger.write_transition(replace(transition, places=places))
            except MandateChangedError as error:
                account = error.account
            except PlacesChangedError as error:
                context.places = error.places
            except ContentOwnedError:
                self._handle_content_owned(job)
            except ShareEmptyError:
                share = self._find_share(job, price, now.date().isoformat(), share)
                continue
            except RetryLaterError as error:
                if error.code is Code.BUDGET_REACHED:
                    self._handle_budget_reached(job, price, error)
                raise
            else:
                context.places = places or context.places
                return self.send_claimed(job, provider, call, context)
            # Without a random delay, workers that collided once would collide again.
            self.clock.sleep(self.clock.jitter(CLAIM_RETRY_SECONDS * tries))
        message = "Other workers changed the job's mandate, the places of its lane, or the budget repeatedly."
        raise RetryLaterError(Code.LEDGER_CONFLICT, message, 1)

    def _find_share(self, job: Job, price: int, day: str, share: int | None) -> int | None:
        """Returns another share that covers the price, or the same one after it has borrowed."""
        try:
            return self.budget_shares.find_share(day, price, self.daily_budget, share, self.share_count)
        except RetryLaterError as error:
            if error.code is Code.BUDGET_REACHED:
                self._handle_budget_reached(job, price, error)
            raise

    def _read_mandate(self, name: str) -> MandateAccount:
        account = self.ledger.find_mandate(name)
        if account is None:
            raise RetryLaterError(
                Code.LEDGER_UNAVAILABLE, f"The ledger has no mandate {name}.", NO_MANDATE_DELAY_SECONDS
            )
        return account

    def _handle_mandate_obstacle(self, job: Job, obstacle: MandateObstacle) -> None:
        """Ends the job, or lets it wait without a message until reconcile sees that the mandate covers it.

        A job whose answer was lost cannot be resent, so it is held for an operator.
        """
        now, error = self.clock.now(), obstacle.to_error()
        if job.status is JobStatus.UNKNOWN:
            transition = transitions.hold(job, now)
        elif obstacle.may_wait:
            waiting = Problem.from_error(obstacle.to_wait_reason(), now)
            transition = transitions.record_wait_reason(job, waiting.with_history(job.problem))
        else:
            transition = transitions.fail(job, error, now)
        job = self.ledger.write_transition(transition)
        enqueue_delivery(self.deliver_queue, job, job.job_id)

    def _handle_content_owned(self, job: Job) -> None:
        """Leaves the content to the other job. Only a job whose earlier call was lost gets its mandate so late."""
        message = "Another job of the folder's new mandate buys the same photo with the same instructions."
        self._delay_or_hold(job, BackdropError(Code.OWNER_AT_WORK, message))
        raise RetryLaterError(Code.OWNER_AT_WORK, message, CONTENT_OWNED_DELAY_SECONDS)

    def _handle_budget_reached(self, job: Job, price: int, error: RetryLaterError) -> None:
        """Pauses the lane, unless the job costs more than a whole day's budget, which would pause the lane forever."""
        if not 0 < self.daily_budget < price:
            message = f"The next job costs up to {format_usd(price)}, and less than that is left of today's budget."
            self.breaker.pause(job.provider, PauseReason.BUDGET, error.code, message, required_budget=price)
            return
        cap = format_usd(self.daily_budget)
        message = f"The job costs up to {format_usd(price)}, which is more than a whole day's budget ({cap})."
        self._delay_or_hold(job, BackdropError(error.code, message))
        raise RetryLaterError(error.code, message, OVER_DAILY_BUDGET_DELAY_SECONDS) from error

    def _delay_or_hold(self, job: Job, error: BackdropError) -> None:
        """Records why the job waits. A job whose answer was lost cannot be resent, so it is held for an operator."""
        now = self.clock.now()
        if job.status is JobStatus.UNKNOWN:
            job = self.ledger.write_transition(transitions.hold(job, now))
            enqueue_delivery(self.deliver_queue, job, job.job_id)
            return
        problem = Problem.from_error(error, now).with_history(job.problem)
        job = self.ledger.write_transition(transitions.record_wait_reason(job, problem))
        # Sent each time (once an hour), because an earlier worker may have crashed between its write and its message.
        enqueue_delivery(self.deliver_queue, job)

    def check_time(self, provider: Provider, context: CallContext) -> None:
        """Raises RetryLaterError if a call that starts now might outlive its invocation."""
        if not context.has_time_for(provider.timeout_seconds, self.clock.now()):
            message = "Too little time is left to start a call."
            raise RetryLaterError(Code.TOO_LITTLE_TIME, message, TOO_LITTLE_TIME_DELAY_SECONDS)

    def send_claimed(
        self, job: Job, provider: Provider, call: PreparedCall, context: CallContext
    ) -> tuple[Job, ProviderResult | LookupStatus]:
        """Sends the paid call of a claimed job, and records its answer."""
        started_at = self.clock.now()
        if not self._has_time_to_send(job, provider, context, started_at):
            late_result = ProviderResult(
                RetryClass.NOW, Code.TOO_LITTLE_TIME, "The claim took too long, so the call was not sent."
            )
            return self.record_result(job, late_result, context), late_result
        provider_ids: list[str] = []

        def acknowledge(provider_id: str) -> None:
            provider_ids.append(provider_id)
            # If the ledger is unavailable, only this worker knows the ID. So it polls on: the answer can be spooled.
            with suppress(RetryLaterError):
                self._save_provider_id(job, context, provider_id)

        result = call.send(acknowledge)
        if isinstance(result, ProviderResult):
            result = self._judge(result, job, context)
        context.metrics.count_call((self.clock.now() - started_at).total_seconds(), result)
        if isinstance(result, LookupStatus):
            job = self.park(job, context, *provider_ids)
            self.places.extend(job, context, self.clock.now() + timedelta(seconds=provider.timeout_seconds))
            return job, result
        return self.record_result(job, result, context), result

    def _judge(self, result: ProviderResult, job: Job, context: CallContext) -> ProviderResult:
        """Returns the verdict on the result, or the result itself if another job has used up the verdict's proof."""
        verdict, refused_at = judge_result(result, job, context.lane), find_first_refusal_time(job)
        if (
            verdict.retry_class is not RetryClass.PERM
            or verdict.suspicion is not Suspicion.REFUSAL
            or refused_at is None
        ):
            return verdict
        with suppress(RetryLaterError):
            if self.breaker.consume_proof(job.provider, refused_at):
                return verdict
        return result

    def _has_time_to_send(self, job: Job, provider: Provider, context: CallContext, now: datetime) -> bool:
        """Whether there is still time for the call after the claim, which a slow ledger may have delayed.

        A worker that waits for a lost call to end measures the wait from the claim, so a first call must not start
        late.
        """
        attempt = job.find_attempt(job.attempt_no)
        is_late = attempt and attempt.send_count == 1 and now > attempt.submitted_at + MAX_CLAIM_DURATION
        return not is_late and context.has_time_for(provider.timeout_seconds, now)

    def _save_provider_id(self, job: Job, context: CallContext, provider_id: str) -> None:
        """Writes the provider's ID for the call to the ledger, before the first poll."""
        self._advance_with_retries(
            job,
            min(context.deadline, self.clock.now() + SAVE_ID_DURATION),
            lambda current: transitions.acknowledge(current, job.attempt_no, provider_id),
        )

    def park(self, job: Job, context: CallContext, provider_id: str | None = None) -> Job:
        """Gives up the lease, because the invocation must end while the provider is still working.

        `provider_id`: the provider's ID for the call, if the ledger may not have it yet.
        """

        def build_transition(current: Job) -> transitions.Transition:
            # Another worker may have recorded the answer in the meantime.
            if current.status is not JobStatus.SUBMITTING:
                return transitions.Transition(current)
            parked = transitions.park(current, self.clock.now())
            return transitions.acknowledge(parked.job, job.attempt_no, provider_id) if provider_id else parked

        return self._advance_with_retries(job, context.deadline, build_transition)

    def record_result(self, job: Job, result: ProviderResult, context: CallContext) -> Job:
        """Records the answer, regardless of other workers' writes in the meantime, and frees the call's places.

        A lost call keeps its places until it has surely ended at the provider.

        If the ledger does not accept the answer, saves it in the answer spool, where reconcile finds it, and raises.
        """
        attempt_no = job.attempt_no
        job = self._write_result(job, attempt_no, self.detach_raw_response(job, attempt_no, result), context)
        if result.retry_class is not RetryClass.AMBIG:
            self.places.release(job, attempt_no, context, was_refused=result.retry_class is RetryClass.QUOTA)
        return job

    def _write_result(self, job: Job, attempt_no: int, result: ProviderResult, context: CallContext) -> Job:
        is_spooled = False
        try:
            return self.ledger.write_transition(transitions.record_result(job, attempt_no, result, self.clock.now()))
        except ConflictError:
            job = self._reload_job(job)
        except (RetryLaterError, ItemTooLargeError):
            is_spooled = self._try_to_spool(job, attempt_no, result)
        try:
            return self._advance_with_retries(
                job,
                context.deadline,
                lambda current: transitions.record_result(current, attempt_no, result, self.clock.now()),
            )
        except ItemTooLargeError:
            self.answer_spool.save(job, attempt_no, result)
            raise
        except RetryLaterError as error:
            if not is_spooled:
                self.answer_spool.save(job, attempt_no, result)
            seconds_left = (context.lease_until - self.clock.now()).total_seconds()
            raise RetryLaterError(error.code, error.message, max(seconds_left, 0) + 1) from error

    def detach_raw_response(self, job: Job, attempt_no: int, result: ProviderResult) -> ProviderResult:
        """Saves the raw response if a paid picture was not recognized in it; returns the result without the response.

        The charge is recorded even if the bucket does not accept the response; deliver then reports that it is missing.
        """
        if result.raw_response:
            with suppress(RetryLaterError):
                self.answer_spool.save_response(job, attempt_no, result.raw_response)
        return replace(result, raw_response=b"")

    def _try_to_spool(self, job: Job, attempt_no: int, result: ProviderResult) -> bool:
        """Saves the answer in the output bucket first, because this worker may crash while it retries the ledger."""
        try:
            self.answer_spool.save(job, attempt_no, result)
        except RetryLaterError:
            return False
        return True

    def _advance_with_retries(self, job: Job, deadline: datetime, build_transition: TransitionFactory) -> Job:
        """Writes a transition from the job's current state, and retries until shortly before the deadline."""
        delay = 0.1
        while True:
            try:
                return self.ledger.write_transition(build_transition(job))
            except (ConflictError, RetryLaterError) as error:
                if self.clock.now() + timedelta(seconds=delay + SPOOL_RESULT_SECONDS) > deadline:
                    if isinstance(error, RetryLaterError):
                        raise
                    message = "Other workers changed the job repeatedly."
                    raise RetryLaterError(Code.LEDGER_CONFLICT, message, 1) from error
                self.clock.sleep(delay)
                job, delay = self._reload_job(job), min(delay * 2, 4)

    def _reload_job(self, job: Job) -> Job:
        """Returns the current job, or `job` if the ledger does not respond."""
        try:
            return self.ledger.find_job(job.source_id, job.job_id) or job
        except RetryLaterError:
            return job
