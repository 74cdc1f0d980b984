"""Compares Ideogram's usage records with the ledger, and settles the calls whose charge they prove. Runs every hour.

A run reads the records of the last week, or of the days around one that a person names, stores what it read, and
reopens the settlements of hours that have changed since. Then it compares the hours that are final with the ledger's
calls.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.bill import (
    BillComparison,
    BilledCall,
    BillRules,
    CallCollection,
    CallRef,
    GroupDecision,
    compare_bill,
    find_own_lines,
    list_billed_calls,
    list_billed_quotes,
)
from backdrop.model.bill_records import (
    MAX_MISSING_CHARGES,
    MAX_RUN_DISTANCE,
    BillState,
    Correction,
    FindingKind,
    KeyUse,
    UsageHour,
    UsageLine,
)
from backdrop.model.errors import ConflictError
from backdrop.model.job import Attempt, AttemptOutcome, Job, JobStatus, Settlement, SettlementResult
from backdrop.model.price_check import list_differences
from backdrop.model.sentence import Sentence
from backdrop.model.transitions import Transition
from backdrop.model.usage_records import (
    SET_UP_ADVICE,
    UsageByHour,
    UsagePeriod,
    UsageRecordsError,
    add_read,
    may_be_own,
)
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.ports import Clock
from backdrop.providers.ideogram_usage import OWN_ENDPOINTS, IdeogramUsage

# Without an unknown charge, charges are still compared this often, because a failure may have been billed.
MAX_COMPARISON_DISTANCE = timedelta(hours=24)
MAX_KEPT_FINDINGS = 50


@dataclass(frozen=True)
class SettledCall:
    """A call that this run settled, counted as one of several, or reopened."""

    call: CallRef
    bucket: str
    key: str
    result: SettlementResult
    amount: int
    hours: tuple[datetime, ...]
    charged_count: int | None = None
    unknown_count: int = 0


@dataclass
class BillResult:
    """The result of one run. `is_off`: there is no admin key. `failure`: why nothing could be compared.

    `images_by_key`: the images of each key in the period. `comparison` is None if nothing had to be compared.
    `uncompared_hours`: those that the response lacks, that are not final, or whose jobs the ledger may have deleted.
    `conflicts`: the jobs that another worker wrote meanwhile, by source and job.
    """

    is_off: bool = False
    failure: Sentence | None = None
    state: BillState = field(default_factory=BillState)
    images_by_key: Mapping[str, int] = field(default_factory=dict[str, int])
    missing_hours: Sequence[datetime] = ()
    uncompared_hours: Sequence[datetime] = ()
    comparison: BillComparison | None = None
    settled: list[SettledCall] = field(default_factory=list[SettledCall])
    reopened: list[SettledCall] = field(default_factory=list[SettledCall])
    conflicts: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])


@dataclass
class _ReadResult:
    """The stored hours after a read. `is_newly_final`: since this read, an hour is final."""

    hours: dict[datetime, UsageHour]
    is_newly_final: bool


@dataclass(eq=False, repr=False)
class BillReconciliation:
    """`key_uses`: the API keys of this stack, and of others, by their ID in the records.

    `on_corrections` gets the number of corrections before they are stored, so that each is announced at least once.
    """

    ledger: Ledger
    ledger_queries: LedgerQueries
    usage: IdeogramUsage
    deliver_queue: Queue
    clock: Clock
    key_uses: Mapping[str, KeyUse]
    final_after: timedelta
    retention_days: int
    on_corrections: Callable[[int], None] = lambda _count: None

    def run(self, *, is_requested: bool = False, accepts_missing: bool = False, day: date | None = None) -> BillResult:
        """Reads the records of the last week, and settles what they prove.

        `day`: reads the days around this one instead. What the last comparison of the week found stays.
        `is_requested`: a person wants to see the comparison, even if nothing has changed. `accepts_missing`: a person
        has checked the charges that the records lack, so they no longer prevent settlements.
        """
        admin_key, state, now = self.usage.load_admin_key(), self.ledger.read_bill_state(), self.clock.now()
        if not admin_key.value:
            failure = Sentence(f"There is no admin key: {admin_key.missing_reason}. {SET_UP_ADVICE}")
            if state.settles_until:
                state = self.ledger.put_bill_state(replace(state, settles_until=None, failure=failure))
            return BillResult(is_off=True, failure=failure, state=state)
        if accepts_missing:
            state = state.with_missing_charges_accepted()
        period = UsagePeriod.around(day, now) if day else UsagePeriod.until(now)
        try:
            usage = self.usage.read(admin_key, period, self.key_uses)
        except UsageRecordsError as error:
            state = self.ledger.put_bill_state(replace(state, failure=error.message))
            return BillResult(failure=error.message, state=state)
        result = BillResult(
            images_by_key=_count_by_key(usage),
            missing_hours=[hour for hour in period.list_hours() if hour not in usage],
        )
        read = self._store_read(usage, period, state, now)
        state = replace(
            state,
            read_at=now,
            failure=None,
            seen_endpoints=tuple(sorted({*state.seen_endpoints, *self._list_own_endpoints(read.hours.values())})),
        )
        if not day:
            # Only a read of the week finds what another meaning of a key has changed.
            state = replace(state, key_uses=dict(self.key_uses))
        if day or is_requested or self._must_compare(state, read, period, now):
            # What this read does not contain is not compared: the ledger's calls were only read for its period.
            hours = {start: hour for start, hour in read.hours.items() if start in usage}
            compared_at = state.compared_at
            state = self._compare(hours, period, state, result, keeps_others=day is not None)
            # The next run still compares the week.
            state = replace(state, compared_at=compared_at) if day else state
        settles = self._has_own_key() and state.stopped_hour is None
        state = replace(state, settles_until=now + MAX_RUN_DISTANCE if settles else None)
        result.state = self.ledger.put_bill_state(state)
        return result

    # -- the records -------------------------------------------------------------------------------------------

    def _store_read(self, usage: UsageByHour, period: UsagePeriod, state: BillState, now: datetime) -> _ReadResult:
        """Adds the read that began `now` to the stored hours. Days on which nothing can change are not written.

        If the meaning of a key has changed, its lines count as changed: what they proved is no longer certain.
        """
        hours, is_newly_final = dict[datetime, UsageHour](), False
        earlier_uses = self.key_uses if state.key_uses is None else state.key_uses
        usage_by_day: defaultdict[str, dict[datetime, tuple[UsageLine, ...]]] = defaultdict(dict)
        for start, lines in usage.items():
            usage_by_day[start.date().isoformat()][start] = self._select_own_lines(lines)
        for day in self.ledger.read_usage_days(_list_days(period)).values():
            of_day = {hour.start: hour for hour in day.hours}
            # What turned out to be usage of others neither changes an hour nor takes room in its item.
            changed = {
                start: replace(
                    hour,
                    lines=self._select_own_lines(hour.lines),
                    unchanged_since=(
                        now if hour.has_other_meaning(earlier_uses, self.key_uses) else hour.unchanged_since
                    ),
                )
                for start, hour in of_day.items()
            }
            for start, lines in usage_by_day[day.day].items():
                before = changed.get(start)
                was_final = before is not None and before.is_final(self.final_after)
                if before is not None and was_final and before.lines == lines:
                    continue
                after = changed[start] = add_read(before, start, lines, now)
                is_newly_final |= not was_final and after.is_final(self.final_after)
            if changed != of_day:
                self.ledger.put_usage_day(replace(day, hours=tuple(changed[start] for start in sorted(changed))))
            hours |= changed
        return _ReadResult(hours, is_newly_final)

    def _select_own_lines(self, lines: Iterable[UsageLine]) -> tuple[UsageLine, ...]:
        return tuple(one for one in lines if may_be_own(one.key_id, one.endpoint, self.key_uses, OWN_ENDPOINTS))

    def _has_own_key(self) -> bool:
        return any(use is not KeyUse.OTHER for use in self.key_uses.values())

    def _list_own_endpoints(self, hours: Iterable[UsageHour]) -> set[str]:
        return {line.endpoint for hour in hours for line in find_own_lines(hour, self.key_uses) if line.quantity}

    def _must_compare(self, state: BillState, read: _ReadResult, period: UsagePeriod, now: datetime) -> bool:
        """Whether a comparison, which reads the whole ledger, can settle anything that the last one could not."""
        if not self.key_uses:
            return False
        if state.compared_at is None or now - state.compared_at >= MAX_COMPARISON_DISTANCE:
            return True
        since = state.compared_at
        if any(
            hour.unchanged_since > since and hour.has_changed_late(self.final_after) for hour in read.hours.values()
        ):
            return True
        if not read.is_newly_final:
            return False
        return any(self.ledger_queries.read_budget_day(day).unknown > 0 for day in _list_days(period))

    # -- the comparison ----------------------------------------------------------------------------------------

    def _compare(
        self,
        hours: Mapping[datetime, UsageHour],
        period: UsagePeriod,
        state: BillState,
        result: BillResult,
        *,
        keeps_others: bool,
    ) -> BillState:
        price_check = self.ledger.read_price_check()
        calls, jobs = CallCollection(), list[Job]()
        calls.add(list_billed_quotes(price_check))
        for job in self.ledger.scan_jobs_of_days(_list_days(period)):
            # What was settled by records that have changed since counts as unknown, and must be proven again.
            calls_of_job = list_billed_calls(_forget_changed_settlements(job, hours))
            calls.add(calls_of_job)
            # The jobs of a busy week do not fit into the memory, so only those are kept that this run may change.
            if _may_change(job, calls_of_job):
                jobs.append(job)
        rules = BillRules(
            key_uses=self.key_uses,
            final_after=self.final_after,
            seen_endpoints=frozenset(state.seen_endpoints),
            stopped_hour=state.stopped_hour,
            missing_charges=state.missing_charges,
            accepted_charges=state.accepted_charges,
            has_other_prices=bool(list_differences(price_check)),
        )
        kept_hours = {start: hour for start, hour in hours.items() if self._has_all_jobs(start)}
        final = {start for start, hour in kept_hours.items() if hour.is_final(self.final_after)}
        result.uncompared_hours = [start for start in period.list_hours() if start not in final]
        comparison = result.comparison = compare_bill(calls.list_all(), kept_hours, rules)
        # Failures that were billed are reported as long as the records show them. Findings of a day join those of the
        # week.
        comparison.add_findings(
            one
            for one in state.findings
            if (one.kind is FindingKind.BILLED_FAILURE and one.last_hour >= period.start)
            or (keeps_others and not period.includes(one.first_hour, one.last_hour))
        )
        if self.key_uses:
            state = self._settle(jobs, hours, comparison, state, result)
        return replace(
            state,
            # What has changed since it was read is decided by the next run.
            compared_at=state.compared_at if result.conflicts else self.clock.now(),
            stopped_hour=comparison.stopped_hour,
            missing_charges=tuple(comparison.missing_charges[:MAX_MISSING_CHARGES]),
            findings=tuple(comparison.findings[:MAX_KEPT_FINDINGS]),
        )

    def _settle(
        self,
        jobs: Iterable[Job],
        hours: Mapping[datetime, UsageHour],
        comparison: BillComparison,
        state: BillState,
        result: BillResult,
    ) -> BillState:
        """Writes what the comparison has proven, and reopens what is no longer proven."""
        settlements = list(self._list_settlements(comparison, hours))
        proven = {call.ref: settlement for call, settlement in settlements if settlement.is_final}
        state = self._record_corrections(jobs, hours, proven, state)
        current = {(job.source_id, job.job_id): self._reopen_settlements(job, hours, proven, result) for job in jobs}
        for call, settlement in settlements:
            job = current[call.ref.source_id, call.ref.job_id]
            current[call.ref.source_id, call.ref.job_id] = self._settle_call(call, settlement, job, result)
        for decision in comparison.decisions:
            for call in decision.waiting if decision.charged_count else (*decision.undecided, *decision.waiting):
                job = current[call.ref.source_id, call.ref.job_id]
                current[call.ref.source_id, call.ref.job_id] = self._withdraw_count(call, decision, job, result)
        self._hold_undecidable_jobs(current.values(), comparison, result)
        return state

    def _record_corrections(
        self,
        jobs: Iterable[Job],
        hours: Mapping[datetime, UsageHour],
        proven: Mapping[CallRef, Settlement],
        state: BillState,
    ) -> BillState:
        """Announces and stores the corrections that this run will make, so that none is lost if the run ends early."""
        now = self.clock.now()
        found = [
            _build_correction(job, attempt, settlement, now)
            for job in jobs
            for attempt, settlement in _list_changed(job, hours)
            if settlement.is_final and not _is_confirmed(_refer(job, attempt), settlement, proven)
        ]
        if not found:
            return state
        self.on_corrections(len(found))
        return self.ledger.put_bill_state(state.with_corrections(found, now))

    def _has_all_jobs(self, hour: datetime) -> bool:
        """Whether the ledger cannot have deleted a job with a call in this hour."""
        kept = timedelta(days=self.retention_days) if self.retention_days else None
        return kept is None or self.clock.now() - hour < kept - timedelta(hours=1)

    def _list_settlements(
        self, comparison: BillComparison, hours: Mapping[datetime, UsageHour]
    ) -> Iterator[tuple[BilledCall, Settlement]]:
        """Yields what the comparison proves about each call, or that its group's count is known."""
        for decision in comparison.decisions:
            verdicts = [
                *((call, SettlementResult.CHARGED) for call in decision.charged),
                *((call, SettlementResult.NOT_CHARGED) for call in decision.not_charged),
                *((call, SettlementResult.UNDECIDED) for call in decision.undecided if decision.charged_count),
            ]
            read_at = max(hours[hour].last_read_at for hour in decision.hours)
            for call, verdict in verdicts:
                yield (
                    call,
                    Settlement(
                        result=verdict,
                        settled_at=self.clock.now(),
                        amount=call.possible * call.unit_price,
                        hours=decision.hours,
                        billed=decision.billed,
                        certain=sum(one.certain for one in decision.calls),
                        charged_count=decision.charged_count,
                        unknown_count=decision.unknown_count,
                        records_read_at=read_at,
                    ),
                )

    def _settle_call(self, call: BilledCall, settlement: Settlement, job: Job, result: BillResult) -> Job:
        """Returns the job as it is now."""
        attempt = job.find_attempt(call.ref.n)
        earlier = attempt.settlement if attempt else None
        if earlier and earlier.is_final:
            confirmed = self._write_change(
                job, result, lambda current: transitions.confirm_settlement(current, call.ref.n, settlement)
            )
            return confirmed or job
        if earlier:
            settlement = replace(settlement, reopened_count=earlier.reopened_count)
            if _count(earlier) == _count(settlement) and not settlement.is_final:
                return job
        settled = self._write_change(job, result, lambda current: transitions.settle(current, call.ref.n, settlement))
        if settled:
            result.settled.append(_describe(call.ref, job, settlement))
        return settled or job

    def _withdraw_count(self, call: BilledCall, decision: GroupDecision, job: Job, result: BillResult) -> Job:
        """Removes the record of how many of several calls were charged, if the comparison no longer says so.

        A decision about only some of the hours does not contradict a count of all of them. Returns the job as it is
        now.
        """
        attempt = job.find_attempt(call.ref.n)
        count = attempt.settlement if attempt else None
        if not count or count.result is not SettlementResult.UNDECIDED or not set(count.hours) <= set(decision.hours):
            return job
        change = partial(transitions.withdraw_count, n=call.ref.n)
        return self._write_change(job, result, change) or job

    def _write_change(self, job: Job, result: BillResult, change: Callable[[Job], Transition]) -> Job | None:
        """Returns the changed job; None if it has changed since it was read, so the next run decides again."""
        current = self.ledger.find_job(job.source_id, job.job_id)
        try:
            if current is None or current.attempts != job.attempts:
                raise ConflictError
            return self._write(change(current))
        except ConflictError:
            result.conflicts.add((job.source_id, job.job_id))
            return None

    def _hold_undecidable_jobs(self, jobs: Iterable[Job], comparison: BillComparison, result: BillResult) -> None:
        """Holds the jobs that wait for the bill, if no later run will know more about their calls than this one."""
        open_calls = {call.ref for call in comparison.open_calls}
        for job in jobs:
            calls = {_refer(job, one) for one in job.lost_calls}
            if not job.waits_for_bill or calls & open_calls or (job.source_id, job.job_id) in result.conflicts:
                continue
            self._write_change(job, result, lambda current: transitions.hold(current, self.clock.now()))

    def _reopen_settlements(
        self, job: Job, hours: Mapping[datetime, UsageHour], proven: Mapping[CallRef, Settlement], result: BillResult
    ) -> Job:
        """Returns the job, whose charges are unknown again where the changed records do not prove them anymore."""
        now = self.clock.now()
        for attempt, settlement in _list_changed(job, hours):
            ref = _refer(job, attempt)
            if _is_confirmed(ref, settlement, proven):
                continue
            change = (
                partial(transitions.reopen_settlement, n=attempt.n, now=now)
                if settlement.is_final
                else partial(transitions.withdraw_count, n=attempt.n)
            )
            changed = self._write_change(job, result, change)
            if changed and settlement.is_final:
                result.reopened.append(_describe(ref, job, settlement))
            job = changed or job
        return job

    def _write(self, transition: Transition) -> Job:
        job = self.ledger.write_transition(transition)
        # A job that waited for the bill may have ended, which deliver announces.
        is_unannounced_end = job.has_ended and job.status is not JobStatus.STORED and not job.announced
        enqueue_delivery(self.deliver_queue, job, job.job_id if is_unannounced_end else None)
        return job


def _may_change(job: Job, calls: Iterable[BilledCall]) -> bool:
    """Whether a comparison may settle or reopen one of the job's calls, or end its wait for the bill."""
    has_settlement = any(attempt.settlement for attempt in job.attempts)
    return job.waits_for_bill or has_settlement or any(call.can_be_settled for call in calls)


def _list_changed(job: Job, hours: Mapping[datetime, UsageHour]) -> list[tuple[Attempt, Settlement]]:
    """Returns the calls that were settled, or counted, by records that have changed since."""
    settled = ((attempt, attempt.settlement) for attempt in job.attempts if attempt.settlement)
    return [
        (attempt, settlement)
        for attempt, settlement in settled
        if settlement.result is not SettlementResult.REOPENED and _has_changed(settlement, hours)
    ]


def _has_changed(settlement: Settlement, hours: Mapping[datetime, UsageHour]) -> bool:
    evidence = (hours[hour] for hour in settlement.hours if hour in hours)
    return any(hour.unchanged_since > settlement.records_read_at for hour in evidence)


def _forget_changed_settlements(job: Job, hours: Mapping[datetime, UsageHour]) -> Job:
    for attempt, settlement in _list_changed(job, hours):
        if settlement.is_final:
            job = transitions.reopen_settlement(job, attempt.n, settlement.settled_at).job
    return job


def _is_confirmed(ref: CallRef, settlement: Settlement, proven: Mapping[CallRef, Settlement]) -> bool:
    return ref in proven and proven[ref].result is settlement.result


def _refer(job: Job, attempt: Attempt) -> CallRef:
    return CallRef(job.source_id, job.job_id, attempt.n)


def _count(settlement: Settlement) -> tuple[SettlementResult, int | None, int]:
    return settlement.result, settlement.charged_count, settlement.unknown_count


def _describe(ref: CallRef, job: Job, settlement: Settlement) -> SettledCall:
    return SettledCall(
        ref,
        job.bucket,
        job.key,
        settlement.result,
        settlement.amount,
        settlement.hours,
        settlement.charged_count,
        settlement.unknown_count,
    )


def _build_correction(job: Job, attempt: Attempt, settlement: Settlement, now: datetime) -> Correction:
    later = (other for other in job.attempts if other.n > attempt.n)
    was_resent = any(other.outcome is not AttemptOutcome.NOT_TAKEN for other in later)
    return Correction(
        source_id=job.source_id,
        job_id=job.job_id,
        n=attempt.n,
        found_at=now,
        first_hour=settlement.hours[0],
        last_hour=settlement.hours[-1],
        amount=settlement.amount,
        was=settlement.result.value,
        was_resent=was_resent and settlement.result is SettlementResult.NOT_CHARGED,
        reopened_count=settlement.reopened_count,
        bucket=job.bucket,
        key=job.key,
    )


def _count_by_key(usage: UsageByHour) -> dict[str, int]:
    images: Counter[str] = Counter()
    for lines in usage.values():
        for line in lines:
            images[line.key_id] += line.quantity or 0
    return dict(images)


def _list_days(period: UsagePeriod) -> list[str]:
    """Returns the days (UTC) of a period, and the one before, whose last calls may be billed in the first hour."""
    first = (period.start - timedelta(days=1)).date()
    return [(first + timedelta(days=n)).isoformat() for n in range((period.end.date() - first).days + 1)]
