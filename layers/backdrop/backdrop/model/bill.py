"""Which calls the provider charged, as far as its usage records prove it.

The records say how many images were billed in an hour, not which calls they belong to, and a call near the boundary of
two hours may be in either. So a conclusion about a call counts only if it holds for every way in which the billed
images can belong to the calls. Calls near a boundary connect hours into a group, and each group is decided as a whole.
If only some of its hours are final, they are decided on their own: a call that may be billed outside of them may have
any of their images, or none.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import NamedTuple

from backdrop.model.bill_records import (
    HOUR,
    Finding,
    FindingKind,
    KeyUse,
    MissingCharge,
    UsageHour,
    UsageLine,
)
from backdrop.model.errors import InstructionError
from backdrop.model.job import Attempt, AttemptOutcome, Job, Suspicion
from backdrop.model.price_check import PRICE_CHECK_ID, PriceCheck
from backdrop.model.pricing import BILL_PROVIDER, REMOVE_PER_INPUT, REPLACE_PER_IMAGE, look_up_image_price
from backdrop.model.provider_result import ProviderResult
from backdrop.model.usage_records import floor_to_hour

# A call may be billed this long before it was sent, and this long after it ended.
BOUNDARY = timedelta(minutes=10)
# Endpoints at which a call that failed after it was accepted may have been billed.
ASYNC_ENDPOINT_PREFIX = "/v2/"
LIST_PRICES = frozenset({*REMOVE_PER_INPUT[BILL_PROVIDER].values(), *REPLACE_PER_IMAGE[BILL_PROVIDER].values()})
# The basis of a charge that the provider did not report.
LIST_BASIS = ProviderResult.basis
# How many keys, endpoints, or jobs a finding names.
MAX_DETAILS = 20


class CallRef(NamedTuple):
    """One attempt of a job."""

    source_id: str
    job_id: str
    n: int


type CallKind = tuple[str, int, datetime, datetime]


@dataclass(frozen=True)
class BilledCall:
    """A call that was, or may have been, billed in one of the hours from `first_hour` to `last_hour`.

    If it cannot be settled, it may stand for several of its kind; then `ref` is one of them (see CallCollection).

    `certain`, `possible`: how many images the ledger knows to be charged, and how many more may be. `is_unknown`: its
    charge is unknown, so it can be settled. `is_failure`: the provider accepted it and failed, so it should not be
    billed. `is_unclear`: its amount is no whole number of images at the price, or an earlier release sent it, which did
    not record its endpoint. `is_partial`: only some of its hours are compared, so its images may be in others.
    """

    ref: CallRef
    endpoint: str
    unit_price: int
    first_hour: datetime
    last_hour: datetime
    certain: int = 0
    possible: int = 0
    is_unknown: bool = False
    is_failure: bool = False
    is_unclear: bool = False
    is_partial: bool = False

    @property
    def kind(self) -> CallKind:
        """The endpoint, price, and hours. The records do not tell calls of one kind apart."""
        return self.endpoint, self.unit_price, self.first_hour, self.last_hour

    @property
    def can_be_settled(self) -> bool:
        return self.is_unknown or self.is_failure


class CallCollection:
    """The ledger's calls. Those of one kind that cannot be settled are added up, because only their sum matters.

    Almost all calls are of this sort, so a week with hundreds of thousands of them takes little memory.
    """

    def __init__(self) -> None:
        self._sums: dict[CallKind, BilledCall] = {}
        self._single_calls: list[BilledCall] = []

    def add(self, calls: Iterable[BilledCall]) -> None:
        for call in calls:
            if call.can_be_settled or call.is_unclear:
                self._single_calls.append(call)
                continue
            known = self._sums.get(call.kind)
            self._sums[call.kind] = (
                replace(known, certain=known.certain + call.certain, possible=known.possible + call.possible)
                if known
                else call
            )

    def list_all(self) -> list[BilledCall]:
        return [*self._sums.values(), *self._single_calls]


def parse_key_uses(text: str) -> dict[str, KeyUse]:
    """Parses `IdeogramKeyIds`: IDs of API keys, each with `:shared` or `:other` if it is not this stack's alone.

    An ID with two meanings counts as shared, with which the least is settled. Raises ValueError for another word.
    """
    uses: dict[str, KeyUse] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, _, word = entry.partition(":")
        use = KeyUse(word or KeyUse.OWN)
        uses[key_id] = use if uses.get(key_id, use) is use else KeyUse.SHARED
    return uses


@dataclass(frozen=True)
class GroupDecision:
    """What the records prove about the calls of one group at one price.

    `billed`: the images of this stack's keys. `charged`, `not_charged`: the calls about which they are certain. If the
    others cannot be told apart, `charged_count` of their `unknown_count` images were charged; None if even that is
    uncertain. `waiting`: the calls that were not charged, unless an image of the next hour is theirs.
    `missing_charges`: what is certain, but not in the records.
    """

    endpoint: str
    unit_price: int
    hours: tuple[datetime, ...]
    calls: tuple[BilledCall, ...]
    billed: int
    charged: tuple[BilledCall, ...] = ()
    not_charged: tuple[BilledCall, ...] = ()
    waiting: tuple[BilledCall, ...] = ()
    charged_count: int | None = None
    unknown_count: int = 0
    findings: tuple[Finding, ...] = ()
    missing_charges: tuple[MissingCharge, ...] = ()

    @property
    def is_explained(self) -> bool:
        """Whether the records of these hours can be those of the calls."""
        return not _list_kinds(self) & {FindingKind.MISSING_CHARGE, FindingKind.FOREIGN_USAGE}

    def includes(self, missing: MissingCharge) -> bool:
        """Whether the calls of these images are compared here with all hours in which they may have been billed."""
        is_same_class = (self.endpoint, self.unit_price) == (missing.endpoint, missing.unit_price)
        return (
            bool(self.calls)
            and is_same_class
            and self.hours[0] <= missing.first_hour
            and missing.last_hour <= self.hours[-1]
        )

    @property
    def undecided(self) -> tuple[BilledCall, ...]:
        decided = {call.ref for call in (*self.charged, *self.not_charged, *self.waiting)}
        return tuple(call for call in self.calls if call.is_unknown and call.ref not in decided)


# -- the ledger's side -------------------------------------------------------------------------------------------------


def list_billed_calls(job: Job) -> list[BilledCall]:
    """Returns the calls of a job that Ideogram billed, or may have billed."""
    calls = (_describe_call(job, attempt) for attempt in job.attempts if attempt.provider == BILL_PROVIDER)
    return [call for call in calls if call.certain or call.possible or call.is_unclear]


def _describe_call(job: Job, attempt: Attempt) -> BilledCall:
    images = 1 if job.operation == "remove" else int(job.instructions.get("num_images", 1))
    try:
        unit_price = look_up_image_price(BILL_PROVIDER, job.instructions)
    except InstructionError:
        unit_price = 0
    unknown = attempt.unknown + attempt.reserved
    is_failure = _may_be_billed_failure(attempt)
    certain, rest = divmod(attempt.charged, unit_price) if unit_price else (0, attempt.charged)
    if unknown and unit_price:
        possible, unknown_rest = divmod(unknown, unit_price)
    else:
        possible, unknown_rest = (images if is_failure else 0), unknown
    # v2 bills pictures that it made and withheld (developer.ideogram.ai/ideogram-api/errors); for v1, it is unknown.
    withheld = _count_withheld(job, attempt, certain) if attempt.basis == LIST_BASIS and not _is_async(attempt) else 0
    amounts = attempt.charged + unknown or is_failure
    # Its price was another one when it was sent: an earlier release had other prices.
    has_other_price = bool(unknown) and possible != images
    return BilledCall(
        CallRef(job.source_id, job.job_id, attempt.n),
        attempt.endpoint or "",
        unit_price,
        floor_to_hour(attempt.submitted_at - BOUNDARY),
        # The time at which a call ended is unknown, but its lease outlasts it.
        floor_to_hour(attempt.lease_until + BOUNDARY),
        certain=certain - withheld,
        possible=possible + withheld,
        is_unknown=attempt.outcome is AttemptOutcome.LOST and attempt.unknown > 0,
        is_failure=is_failure,
        is_unclear=bool(amounts and (rest or unknown_rest or has_other_price or not attempt.endpoint)),
    )


def _count_withheld(job: Job, attempt: Attempt, images: int) -> int:
    """Returns how many of a call's images the provider made, but withheld; all if the job does not have its links."""
    links = {judged.attempt_no: judged.links for judged in job.judged_attempts} | {job.paid_attempt_no: job.links}
    return sum(not link.is_usable for link in links[attempt.n]) if attempt.n in links else images


def _is_async(attempt: Attempt) -> bool:
    return (attempt.endpoint or "").startswith(ASYNC_ENDPOINT_PREFIX)


def _may_be_billed_failure(attempt: Attempt) -> bool:
    """Whether the provider accepted a call and then failed, which costs nothing unless the usage records say so."""
    has_failed = attempt.outcome is AttemptOutcome.REJECTED or attempt.suspicion is Suspicion.FAILURE
    is_accepted = _is_async(attempt) and attempt.provider_id is not None
    return is_accepted and has_failed and not (attempt.charged or attempt.unknown or attempt.reserved)


def list_billed_quotes(check: PriceCheck) -> list[BilledCall]:
    """Returns the requests of the price check that Ideogram may have billed, so that their charge is not taken for a
    job's. They are not settled themselves.
    """
    return [
        BilledCall(
            CallRef(PRICE_CHECK_ID, PRICE_CHECK_ID, call.attempt.n),
            call.attempt.endpoint or "",
            call.product.list_price,
            floor_to_hour(call.attempt.submitted_at - BOUNDARY),
            floor_to_hour(call.attempt.lease_until + BOUNDARY),
            possible=1,
        )
        for call in check.calls
    ]


# -- groups ------------------------------------------------------------------------------------------------------------


@dataclass
class CallGroup:
    """Calls at one endpoint and price, in hours that they connect."""

    first_hour: datetime
    last_hour: datetime
    calls: list[BilledCall]

    @property
    def hours(self) -> list[datetime]:
        return [self.first_hour + n * HOUR for n in range((self.last_hour - self.first_hour) // HOUR + 1)]


def group_calls(calls: Iterable[BilledCall]) -> list[CallGroup]:
    """Returns the groups of calls that share an hour, directly or through other calls; the earliest first."""
    groups: list[CallGroup] = []
    for call in sorted(calls, key=lambda call: (call.first_hour, call.last_hour, call.ref)):
        if groups and call.first_hour <= groups[-1].last_hour:
            groups[-1].calls.append(call)
            groups[-1].last_hour = max(groups[-1].last_hour, call.last_hour)
        else:
            groups.append(CallGroup(call.first_hour, call.last_hour, [call]))
    return groups


def split_group(group: CallGroup, is_usable: Callable[[datetime], bool]) -> list[CallGroup]:
    """Returns the parts of a group whose hours are all usable; the group itself if all of its hours are."""
    if all(map(is_usable, group.hours)):
        return [group]
    parts: list[CallGroup] = []
    for hour in filter(is_usable, group.hours):
        if parts and hour - parts[-1].last_hour == HOUR:
            parts[-1].last_hour = hour
        else:
            parts.append(CallGroup(hour, hour, []))
    for part in parts:
        part.calls = [
            _clip(call, part)
            for call in group.calls
            if call.first_hour <= part.last_hour and part.first_hour <= call.last_hour
        ]
    return [part for part in parts if part.calls]


def _clip(call: BilledCall, part: CallGroup) -> BilledCall:
    """Returns the call as a part of its group knows it. Outside of the part, nothing is known about it."""
    if part.first_hour <= call.first_hour and call.last_hour <= part.last_hour:
        return call
    return replace(
        call,
        first_hour=max(call.first_hour, part.first_hour),
        last_hour=min(call.last_hour, part.last_hour),
        certain=0,
        possible=call.certain + call.possible,
        is_unknown=False,
        is_failure=False,
        is_partial=True,
    )


# -- one group ---------------------------------------------------------------------------------------------------------


type Span = tuple[int, int]


class Units(NamedTuple):
    """`count` images that were billed in one of the hours `first` to `last`, which are numbered from 0."""

    first: int
    last: int
    count: int


def find_unplaced(units: Iterable[Units], billed: Sequence[int]) -> list[Units]:
    """Returns the images, as few as possible, that do not fit into the billed images of their hours.

    Of the images that an hour can have, those come first whose last hour is the earliest, which is optimal.
    """
    arriving: defaultdict[int, list[Units]] = defaultdict(list)
    for one in units:
        if one.count:
            arriving[one.first].append(one)
    waiting: list[tuple[int, Units]] = []
    unplaced: list[Units] = []
    for hour, capacity in enumerate(billed):
        for one in arriving[hour]:
            heappush(waiting, (one.last, one))
        left = capacity
        while left and waiting:
            last, one = heappop(waiting)
            if last < hour:
                unplaced.append(one)
                continue
            used = min(left, one.count)
            left -= used
            if one.count > used:
                heappush(waiting, (last, one._replace(count=one.count - used)))
    return [*unplaced, *(one for _, one in waiting)]


def is_possible(required: Sequence[Units], optional: Sequence[Units], billed: Sequence[int], *, is_exact: bool) -> bool:
    """Whether the billed images can be those of the calls: all required ones, and any of the optional ones.

    `is_exact`: nothing else uses the key, so every billed image belongs to a call. If all required images can be
    placed, and some images can fill every hour, then both are possible at once (Mendelsohn and Dulmage, 1958).
    """
    if find_unplaced(required, billed):
        return False
    every = (*required, *optional)
    return not is_exact or _count(every) - _count(find_unplaced(every, billed)) == sum(billed)


def _count(units: Iterable[Units]) -> int:
    return sum(one.count for one in units)


class _GroupProblem:
    """One group as numbers: what must have been billed, what may have been, and what was.

    Images with the same hours are counted together, so that a day with many calls is a small problem.
    """

    def __init__(self, group: CallGroup, billed: Sequence[int], *, is_exact: bool) -> None:
        self._first_hour, self._billed, self.is_exact = group.first_hour, billed, is_exact
        self._required, self._optional = Counter[Span](), Counter[Span]()
        for call in group.calls:
            self._required[self._span(call)] += call.certain
            self._optional[self._span(call)] += call.possible

    def is_consistent(self) -> bool:
        return self._is_possible(self._required, self._optional)

    def count_unexplained(self) -> int:
        """Returns how many billed images cannot be those of the calls."""
        every = _list_units(self._required + self._optional)
        return sum(self._billed) - _count(every) + _count(find_unplaced(every, self._billed))

    def may_be_charged(self, call: BilledCall) -> bool:
        """Whether any image of the call may have been billed."""
        one = Counter({self._span(call): 1})
        return self._is_possible(self._required + one, self._optional - one)

    def may_be_free(self, call: BilledCall) -> bool:
        """Whether any image of the call may not have been billed."""
        return self._is_possible(self._required, self._optional - Counter({self._span(call): 1}))

    def find_missing(self) -> list[Units]:
        """Returns the images that must have been billed, but were not."""
        return find_unplaced(_list_units(self._required), self._billed)

    def _is_possible(self, required: Counter[Span], optional: Counter[Span]) -> bool:
        return is_possible(_list_units(required), _list_units(optional), self._billed, is_exact=self.is_exact)

    def _span(self, call: BilledCall) -> Span:
        return (call.first_hour - self._first_hour) // HOUR, (call.last_hour - self._first_hour) // HOUR


def _list_units(images: Mapping[Span, int]) -> list[Units]:
    return [Units(*span, count) for span, count in images.items()]


def decide_group(group: CallGroup, billed_by_hour: Mapping[datetime, int], *, is_exact: bool) -> GroupDecision:
    """Decides about the calls of one group at one endpoint and price.

    `billed_by_hour`: the images of this stack's keys. `is_exact`: nothing else uses these keys.
    """
    hours, calls = tuple(group.hours), tuple(group.calls)
    billed = [billed_by_hour.get(hour, 0) for hour in hours]
    endpoint, unit_price = calls[0].endpoint, calls[0].unit_price
    certain, possible = sum(call.certain for call in calls), sum(call.possible for call in calls)
    undecided = GroupDecision(endpoint, unit_price, hours, calls, sum(billed), unknown_count=possible)
    problem = _GroupProblem(group, billed, is_exact=is_exact)
    if missing := problem.find_missing():
        finding = _describe(undecided, FindingKind.MISSING_CHARGE, count=_count(missing))
        charges = tuple(
            MissingCharge(
                endpoint=endpoint,
                unit_price=unit_price,
                first_hour=hours[one.first],
                last_hour=hours[one.last],
                count=one.count,
            )
            for one in missing
        )
        return replace(_block(undecided, [finding]), missing_charges=charges)
    if not problem.is_consistent():
        finding = _describe(undecided, FindingKind.FOREIGN_USAGE, count=problem.count_unexplained())
        return _block(undecided, [finding])
    cache: dict[tuple[datetime, datetime], tuple[bool, bool]] = {}
    charged, not_charged = list[BilledCall](), list[BilledCall]()
    # What remains of the billed images, and of those that may be billed, without the calls that are certain.
    charged_count, unknown_count = sum(billed) - certain, possible
    for call in calls:
        if not call.can_be_settled:
            continue
        span = call.first_hour, call.last_hour
        if span not in cache:
            cache[span] = problem.may_be_charged(call), problem.may_be_free(call)
        may_be_charged, may_be_free = cache[span]
        if not may_be_free:
            charged.append(call)
            charged_count -= call.possible
            unknown_count -= call.possible
        elif not may_be_charged:
            unknown_count -= call.possible
            if call.is_unknown:
                not_charged.append(call)
    failed_jobs = [call.ref.job_id for call in charged if call.is_failure]
    is_whole = not any(call.is_partial for call in calls)
    return replace(
        undecided,
        charged=tuple(charged),
        not_charged=tuple(not_charged),
        charged_count=charged_count if is_exact and is_whole else None,
        unknown_count=unknown_count,
        findings=(_describe(undecided, FindingKind.BILLED_FAILURE, details=failed_jobs),) if failed_jobs else (),
    )


def _list_kinds(decision: GroupDecision) -> set[FindingKind]:
    return {finding.kind for finding in decision.findings}


def _block(decision: GroupDecision, findings: Iterable[Finding]) -> GroupDecision:
    """Returns the decision with these findings, which prevent that any call is settled."""
    kept = [finding for finding in decision.findings if finding.kind is not FindingKind.BILLED_FAILURE]
    return GroupDecision(
        decision.endpoint,
        decision.unit_price,
        decision.hours,
        decision.calls,
        decision.billed,
        unknown_count=decision.unknown_count,
        findings=(*kept, *findings),
        missing_charges=decision.missing_charges,
    )


def _describe(decision: GroupDecision, kind: FindingKind, *, count: int = 0, details: Sequence[str] = ()) -> Finding:
    return Finding(
        kind=kind,
        first_hour=decision.hours[0],
        last_hour=decision.hours[-1],
        endpoint=decision.endpoint,
        unit_price=decision.unit_price,
        billed=decision.billed,
        count=count or len(details),
        details=tuple(details[:MAX_DETAILS]),
    )


# -- all groups --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BillRules:
    """What the comparison needs to know in addition to the calls and the records.

    `key_uses`: by key ID. `seen_endpoints`: those at which this stack's keys have ever been billed. `stopped_hour`: a
    certain charge of this hour was missing, so nothing later is settled until a person says so; `missing_charges`: what
    was missing in the last comparison; `accepted_charges`: what a person has accepted. `has_other_prices`: the price
    check found that Ideogram charges other prices than the price list, so records at one price may be those of a call
    at another.
    """

    key_uses: Mapping[str, KeyUse]
    final_after: timedelta
    seen_endpoints: frozenset[str] = frozenset()
    stopped_hour: datetime | None = None
    missing_charges: tuple[MissingCharge, ...] = ()
    accepted_charges: tuple[MissingCharge, ...] = ()
    has_other_prices: bool = False


@dataclass
class BillComparison:
    """The decisions about all hours that can be compared. `open_calls`: those about which a later comparison may know
    more, because some of their hours cannot be compared yet, or because a finding prevents that they are settled.
    """

    decisions: list[GroupDecision] = field(default_factory=list[GroupDecision])
    open_calls: list[BilledCall] = field(default_factory=list[BilledCall])
    findings: list[Finding] = field(default_factory=list[Finding])
    stopped_hour: datetime | None = None
    missing_charges: list[MissingCharge] = field(default_factory=list[MissingCharge])

    def add_findings(self, findings: Iterable[Finding]) -> None:
        self.findings += [one for one in findings if one not in self.findings]


def find_own_lines(hour: UsageHour, key_uses: Mapping[str, KeyUse]) -> list[UsageLine]:
    own = (KeyUse.OWN, KeyUse.SHARED)
    return [line for line in hour.lines if key_uses.get(line.key_id) in own]


def compare_bill(calls: Iterable[BilledCall], hours: Mapping[datetime, UsageHour], rules: BillRules) -> BillComparison:
    """Compares the ledger's calls with the hours of the usage records.

    Nothing is concluded from an hour that is not final, that is missing, or in which anything is not understood. Calls
    that may have been billed in such an hour stay open.
    """
    all_calls = accept_missing(calls, rules.accepted_charges)
    comparison = BillComparison(stopped_hour=rules.stopped_hour)
    final = {start: hour for start, hour in hours.items() if hour.is_final(rules.final_after)}
    obstacles = _find_obstacles(all_calls, hours, rules)
    classes: defaultdict[tuple[str, int], list[BilledCall]] = defaultdict(list)
    for call in all_calls:
        if not call.is_unclear:
            classes[call.endpoint, call.unit_price].append(call)
    groups = [(key, group) for key, of_class in classes.items() for group in group_calls(of_class)]
    is_exact = _is_exact(rules)
    candidates: list[GroupDecision] = []
    for (endpoint, unit_price), group in groups:
        parts = split_group(group, lambda hour: hour in final and hour not in obstacles)
        for part in parts:
            billed_by_hour = {
                hour: _count_billed(final[hour], endpoint, unit_price, rules.key_uses) for hour in part.hours
            }
            candidates.append(decide_group(part, billed_by_hour, is_exact=is_exact))
        compared = {call.ref for part in parts for call in part.calls if not call.is_partial}
        comparison.open_calls += [call for call in group.calls if call.is_unknown and call.ref not in compared]
    clear_hours = {start: hour for start, hour in final.items() if start not in obstacles}
    late_usage = _LateUsage(groups, hours, clear_hours, rules)
    if is_exact:
        candidates += list(_list_unexplained_usage(candidates, clear_hours, rules))
    _apply_group_guards(candidates, clear_hours, late_usage, rules, comparison)
    for hour, findings in obstacles.items():
        # An hour that has shrunk is never final, so nothing else would explain why its calls stay unknown.
        comparison.add_findings(one for one in findings if hour in final or one.kind is FindingKind.SHRUNK_HOUR)
    return comparison


def accept_missing(calls: Iterable[BilledCall], accepted: Iterable[MissingCharge]) -> list[BilledCall]:
    """Returns the calls. Of those that could be the accepted ones, as many images count as uncertain.

    It does not matter which calls they are: all of them may have been billed in the same hours.
    """
    left: Counter[CallKind] = Counter()
    for one in accepted:
        left[one.endpoint, one.unit_price, one.first_hour, one.last_hour] += one.count
    found: list[BilledCall] = []
    for call in calls:
        count = min(call.certain, left[call.kind])
        left[call.kind] -= count
        found.append(replace(call, certain=call.certain - count, possible=call.possible + count))
    return found


def _is_exact(rules: BillRules) -> bool:
    return KeyUse.SHARED not in rules.key_uses.values()


def _count_billed(hour: UsageHour, endpoint: str, unit_price: int, key_uses: Mapping[str, KeyUse]) -> int:
    return sum(
        line.quantity or 0
        for line in find_own_lines(hour, key_uses)
        if (line.endpoint, line.unit_price) == (endpoint, unit_price)
    )


def _find_obstacles(
    calls: Sequence[BilledCall], hours: Mapping[datetime, UsageHour], rules: BillRules
) -> dict[datetime, list[Finding]]:
    """Returns what prevents conclusions about each hour."""
    obstacles: defaultdict[datetime, list[Finding]] = defaultdict(list)
    endpoints = {call.endpoint for call in calls if call.endpoint}
    prices = {(call.endpoint, call.unit_price) for call in calls}
    for call in calls:
        if call.is_unclear:
            finding = Finding(
                kind=FindingKind.UNCLEAR_CALL,
                first_hour=call.first_hour,
                last_hour=call.last_hour,
                count=1,
                details=(call.ref.job_id,),
            )
            for hour in CallGroup(call.first_hour, call.last_hour, [call]).hours:
                obstacles[hour].append(finding)
    for start, hour in hours.items():
        for kind, details in _list_hour_obstacles(hour, endpoints, prices, rules.key_uses).items():
            named = tuple(sorted(details))
            finding = Finding(
                kind=kind, first_hour=start, last_hour=start, count=len(named), details=named[:MAX_DETAILS]
            )
            obstacles[start].append(finding)
    return obstacles


def _list_hour_obstacles(
    hour: UsageHour, endpoints: set[str], prices: set[tuple[str, int]], key_uses: Mapping[str, KeyUse]
) -> dict[FindingKind, set[str]]:
    found: defaultdict[FindingKind, set[str]] = defaultdict(set)
    if hour.has_shrunk:
        found[FindingKind.SHRUNK_HOUR] = set()
    for line in hour.lines:
        use = key_uses.get(line.key_id)
        if use is KeyUse.OTHER:
            continue
        if use is None:
            # It may be a new key of this stack, which a person has not listed yet.
            if line.endpoint in endpoints:
                found[FindingKind.UNLISTED_KEY].add(line.key_id)
        elif line.endpoint not in endpoints:
            # The software that shares a key may use any endpoint; this stack uses only those of its calls.
            if use is KeyUse.OWN:
                found[FindingKind.UNKNOWN_ENDPOINT].add(line.endpoint)
        elif line.quantity is None or not _is_known_price(line, use, prices):
            found[FindingKind.UNKNOWN_PRICE].add(line.endpoint)
    return found


def _is_known_price(line: UsageLine, use: KeyUse, prices: set[tuple[str, int]]) -> bool:
    """Whether the line cannot be one of ours at a price that Ideogram has changed.

    The software that shares a key may pay any price of the list; this stack pays only those of its calls.
    """
    if use is KeyUse.SHARED and line.unit_price in LIST_PRICES:
        return True
    return (line.endpoint, line.unit_price) in prices


class _LateUsage:
    """Images that the hour after those of a call shows, and that may be the call's, billed later than expected.

    `clear_hours`: those that are compared. If nothing else uses the key, what the other hours show counts, too.
    """

    def __init__(
        self,
        groups: Iterable[tuple[tuple[str, int], CallGroup]],
        hours: Mapping[datetime, UsageHour],
        clear_hours: Mapping[datetime, UsageHour],
        rules: BillRules,
    ) -> None:
        self._is_exact, self._key_uses = _is_exact(rules), rules.key_uses
        self._clear_hours = clear_hours
        self._hours = hours if self._is_exact else clear_hours
        self._parts = {
            (*price_class, hour): part
            for price_class, group in groups
            for part in split_group(group, self._hours.__contains__)
            for hour in part.hours
        }
        self._found: dict[tuple[str, int, datetime], bool] = {}

    def must_wait(self, call: BilledCall) -> bool:
        """Whether a comparison of the next hour may find an image of a call that was not charged otherwise.

        With a key of its own, only an image that the next hour already shows makes a call wait.
        """
        next_hour = call.last_hour + HOUR
        if next_hour in self._clear_hours:
            return False
        return not self._is_exact or (next_hour in self._hours and self._may_include(call))

    def blocks(self, call: BilledCall) -> bool:
        """Whether an image of the next hour prevents that the call is settled as not charged.

        With a key of its own, such an image belongs to no call (`_precedes`). On a shared key, it explains itself.
        """
        return not self._is_exact and not self.must_wait(call) and self._may_include(call)

    def _may_include(self, call: BilledCall) -> bool:
        """Whether the next hour has an image that is not certainly another call's."""
        next_hour = call.last_hour + HOUR
        place = (call.endpoint, call.unit_price, next_hour)
        if place not in self._found:
            part = self._parts.get(place, CallGroup(next_hour, next_hour, []))
            late = replace(call, first_hour=next_hour, last_hour=next_hour, certain=1, possible=0)
            billed = [_count_billed(self._hours[hour], *place[:2], self._key_uses) for hour in part.hours]
            # If a certain image of other calls is missing, too, the late one is not what is missing.
            with_late = replace(part, calls=[*part.calls, late])
            self._found[place] = _count_missing(with_late, billed) == _count_missing(part, billed)
        return self._found[place]


def _count_missing(group: CallGroup, billed: Sequence[int]) -> int:
    return _count(_GroupProblem(group, billed, is_exact=False).find_missing())


def _apply_group_guards(
    candidates: list[GroupDecision],
    hours: Mapping[datetime, UsageHour],
    late_usage: _LateUsage,
    rules: BillRules,
    comparison: BillComparison,
) -> None:
    """Keeps the decisions that nothing speaks against, and stops after an hour with a missing charge."""
    _find_stop(candidates, rules, comparison)
    foreign = [one for one in candidates if FindingKind.FOREIGN_USAGE in _list_kinds(one)]
    for one in sorted(candidates, key=lambda one: (one.hours, one.endpoint, one.unit_price)):
        decision = _decide_as_shared(one, hours, rules) if foreign and one.is_explained else one
        waiting = tuple(call for call in decision.not_charged if late_usage.must_wait(call))
        late = [call for call in decision.not_charged if late_usage.blocks(call)]
        uncertain = {call.ref for call in (*waiting, *late)}
        decision = replace(
            decision,
            not_charged=tuple(call for call in decision.not_charged if call.ref not in uncertain),
            waiting=waiting,
            findings=(*decision.findings, *([_describe(decision, FindingKind.LATE_USAGE)] if late else [])),
        )
        kinds = [
            *([FindingKind.OTHER_PRICE] if rules.has_other_prices or _shares_hours(decision, foreign) else []),
            *([FindingKind.LATE_USAGE] if _precedes(decision, foreign) else []),
            *([FindingKind.UNSEEN_ENDPOINT] if decision.endpoint not in rules.seen_endpoints else []),
            *([FindingKind.STOPPED] if _is_stopped(decision, comparison.stopped_hour) else []),
        ]
        if kinds:
            decision = _block(decision, [_describe(decision, kind) for kind in kinds])
        is_blocked = bool(_list_kinds(decision) - {FindingKind.BILLED_FAILURE})
        if is_blocked or any(call.is_partial for call in decision.calls):
            comparison.open_calls += decision.undecided
        comparison.open_calls += decision.waiting
        comparison.add_findings(decision.findings)
        comparison.decisions.append(decision)


def _find_stop(candidates: Iterable[GroupDecision], rules: BillRules, comparison: BillComparison) -> None:
    """Finds what is missing. What was missing before still is, until all of its hours can be compared and explained."""
    unresolved = [missing for missing in rules.missing_charges if not any(one.includes(missing) for one in candidates)]
    comparison.missing_charges = [*unresolved, *(missing for one in candidates for missing in one.missing_charges)]
    stops = [one.hours[0] for one in candidates if one.missing_charges]
    if unresolved and rules.stopped_hour:
        stops.append(rules.stopped_hour)
    comparison.stopped_hour = min(stops, default=None)


def _list_unexplained_usage(
    candidates: Iterable[GroupDecision], hours: Mapping[datetime, UsageHour], rules: BillRules
) -> Iterator[GroupDecision]:
    """Yields the usage in hours in which no call at its endpoint and price may have been billed."""
    explained = {(one.endpoint, one.unit_price, hour) for one in candidates for hour in one.hours}
    for start, hour in hours.items():
        images: Counter[tuple[str, int]] = Counter()
        for line in find_own_lines(hour, rules.key_uses):
            images[line.endpoint, line.unit_price or 0] += line.quantity or 0
        for (endpoint, unit_price), count in images.items():
            if count and (endpoint, unit_price, start) not in explained:
                usage = GroupDecision(endpoint, unit_price, (start,), (), count)
                yield _block(usage, [_describe(usage, FindingKind.FOREIGN_USAGE, count=count)])


def _is_stopped(decision: GroupDecision, stopped_hour: datetime | None) -> bool:
    """Whether an earlier charge is missing. The finding about the missing one itself says more."""
    return stopped_hour is not None and decision.hours[-1] >= stopped_hour and not decision.missing_charges


def _shares_hours(decision: GroupDecision, foreign: Iterable[GroupDecision]) -> bool:
    """Whether usage that no call explains may be that of this decision's calls, at another price than ours."""
    return any(
        decision.hours[0] <= one.hours[-1]
        and one.hours[0] <= decision.hours[-1]
        and decision.endpoint == one.endpoint
        and decision.unit_price != one.unit_price
        for one in foreign
    )


def _precedes(decision: GroupDecision, foreign: Iterable[GroupDecision]) -> bool:
    """Whether usage that no call explains may be that of this decision's calls, billed later than expected."""
    return any(decision.endpoint == one.endpoint and one.hours[0] - decision.hours[-1] == HOUR for one in foreign)


def _decide_as_shared(decision: GroupDecision, final: Mapping[datetime, UsageHour], rules: BillRules) -> GroupDecision:
    """Something else uses the key, perhaps in these hours, too."""
    group = CallGroup(decision.hours[0], decision.hours[-1], list(decision.calls))
    billed = {
        hour: _count_billed(final[hour], decision.endpoint, decision.unit_price, rules.key_uses)
        for hour in decision.hours
    }
    return decide_group(group, billed, is_exact=False)
