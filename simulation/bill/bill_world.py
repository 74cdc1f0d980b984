"""One world: calls whose charge the provider knows, its usage records, and the product's comparison every hour.

The product's own service runs on the simulated ledger. The world decides what is really charged, and what the records
show when: late, in the next hour, corrected after days, with other software's usage, or damaged (`bill_kinds.py`). In
some worlds, jobs whose answer was lost wait for the records (`OnLostAnswer=ask_the_bill`).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from heapq import heapify, heappop, heappush
from itertools import chain
from random import Random
from typing import override
from urllib.parse import parse_qs, urlsplit

from backdrop.model import transitions
from backdrop.model.bill import BilledCall, group_calls, list_billed_calls
from backdrop.model.bill_records import HOUR, MIN_READ_DISTANCE, FindingKind, KeyUse
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import AttemptOutcome, Job, JobStatus, PictureLink, Settlement, SettlementResult
from backdrop.model.pricing import MICRO_PER_USD, look_up_image_price
from backdrop.model.provider_result import OnLostAnswer, ProviderResult, RetryClass
from backdrop.model.transitions import ClaimLimits, Transition
from backdrop.model.usage_records import floor_to_hour
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from backdrop.providers.ideogram_usage import IdeogramUsage
from backdrop.reconcile.bill_reconciliation import BillReconciliation, BillResult
from simulation.bill.bill_kinds import LATE_SHARES, RIGHT_RECORDS, WorldKind, choose_kind
from simulation.bill.bill_truth import BilledImages, CallFate, CallKey, SentCall, group_sent_calls, looks_free
from simulation.bill.interrupted_runs import RunInterrupter
from simulation.invariants.budget_shares import check_shares, join_accounts
from simulation.invariants.violations import check_day_sums, parse_ledger, sum_attempts_by_day
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET

BUSY_HOURS, QUIET_HOURS = 30, 34
# Long worlds have few calls, and fewer runs, so that they take no longer than the others.
LONG_DAYS, LONG_RUN_DISTANCE = (9, 10, 11), 2 * HOUR
RUN_MINUTE = 10
# How long a call may take (`IdeogramTimeoutSeconds`).
TIME_LIMIT, SLOW_TIME_LIMIT = timedelta(minutes=3), timedelta(seconds=890)
# How long after its end a call may be billed.
MINUTES_OF_LATE_BILLING = 9.9
FINAL_AFTER = timedelta(minutes=60)
V1, V2 = "/v1/ideogram-v3/replace-background", "/v2/image/replace-background/ideogram-3"
REMOVE_V1 = "/v1/remove-background"
RESULT_URL = "https://results.invalid/1.png"
BUDGET = 10**12
# In half of the worlds, calls are charged to shares of the day's budget.
SHARE_COUNTS = (0, 0, 2, 5)
SHARE_THAT_ASKS = 0.5
# How often a shared world bills a lost call later than expected, up to an hour after it was sent.
SHARE_OF_LATE_BILLING = 0.4
# Kinds that decide on their own what happens after a lost answer.
KINDS_THAT_NEVER_ASK = {WorldKind.LATE, WorldKind.RETRIED}
LIST_PRICES = (60_000, 90_000)
UNLISTED_PRICES = (50_000, 70_000)
# How often Ideogram changes a price to that of another speed.
SHARE_OF_LISTED_PRICES = 0.15
# Kinds in which more answers are lost.
LOSSY_KINDS, MORE_LOSSES = {WorldKind.LONG, WorldKind.REPRICED}, 0.4
LEASE, SLOW_LEASE = timedelta(minutes=6), timedelta(seconds=965)
OWN_KEY, NEW_KEY, OTHER_KEY = "k1", "k2", "k9"
_NOT_CHARGED = SettlementResult.NOT_CHARGED


@dataclass
class SeedResult:
    """What one seed showed. Counts are calls whose answer was lost.

    `waited`: those whose jobs waited for the records. `resent`: those that were sent again. `double_charges`: those of
    them that were charged both times, without masked ones. `masked`: those that were settled against the truth, because
    the sums are those of a world in which it is true: the records lack a delivered image, or show one at the price of
    another speed. `late_answers`: those that arrived after all. `dead_runs`: runs that ended with an
    error.
    """

    seed: int
    kind: WorldKind
    calls: int = 0
    lost: int = 0
    settled: int = 0
    wrong: int = 0
    masked: int = 0
    late_answers: int = 0
    dead_runs: int = 0
    unreported: int = 0
    corrections: int = 0
    in_clear_groups: int = 0
    settled_in_time: int = 0
    in_clear_hours: int = 0
    settled_in_time_by_hour: int = 0
    stopped: bool = False
    waited: int = 0
    resent: int = 0
    double_charges: int = 0
    findings: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])


class SimulatedUsage(IdeogramUsage):
    """Answers as Ideogram's API would, at the world's time."""

    def __init__(self, world: "BillWorld") -> None:
        super().__init__("https://api.invalid", lambda: ApiKey("admin"), world.world.clock)
        object.__setattr__(self, "_world", world)

    @override
    def _send(self, url: str, key: str) -> HttpResponse | Exception | None:
        return self._world.answer(url)  # pyrefly: ignore[missing-attribute]  # set above: the base class is frozen


class BillWorld:
    """`run` returns the result of the whole world."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.kind = choose_kind(seed, self.random)
        self.result = SeedResult(seed, self.kind)
        self.world = World(seed, budget=BUDGET)
        self.share_count = Random(f"shares of {seed}").choice(SHARE_COUNTS)
        self.start = floor_to_hour(self.world.clock.time)
        self.events: list[tuple[datetime, int, Callable[[], None]]] = []
        self.scheduled = 0
        self.images: list[BilledImages] = []
        self.sent_calls: dict[CallKey, SentCall] = {}
        self.lost_calls: dict[CallKey, SentCall] = {}
        self.answered_late: dict[CallKey, int] = {}
        self.replaced_at = self.start + self.random.uniform(3, BUSY_HOURS - 3) * HOUR
        self.listed_at = self.replaced_at + self.random.uniform(0, 30) * HOUR
        self.asks_the_bill = (
            self.kind not in KINDS_THAT_NEVER_ASK and Random(f"policy of {seed}").random() < SHARE_THAT_ASKS
        )
        self.retried_at: dict[tuple[str, str], datetime] = {}
        self.reported_corrections: set[CallKey] = set()
        self.waiting_jobs: set[tuple[str, str]] = set()
        self.resent_jobs: dict[tuple[str, str], int] = {}
        self.max_delay = timedelta(minutes=self.random.choice([5, 15, 15, 50]))
        # What happens in a story has its own randomness.
        self.story = story = Random(f"story of {seed}")
        self.bills_withheld = story.random() < 0.5
        self.has_shared_key = self.kind is WorldKind.SHARED or (
            self.kind is WorldKind.REPRICED and story.random() < 0.5
        )
        self.repriced_at = self.start + story.uniform(3, BUSY_HOURS - 3) * HOUR
        self.old_price = story.choice(LIST_PRICES)
        self.new_price = story.choice(UNLISTED_PRICES)
        if story.random() < SHARE_OF_LISTED_PRICES:
            self.new_price = next(price for price in LIST_PRICES if price != self.old_price)
        self.time_limit = SLOW_TIME_LIMIT if self.kind is WorldKind.SLOW else TIME_LIMIT
        self.service = BillReconciliation(
            ledger=self.world.ledger,
            ledger_queries=self.world.steps.ledger_queries,
            usage=SimulatedUsage(self),
            deliver_queue=self.world.steps.bootstrap.deliver_queue,
            clock=self.world.clock,
            key_uses=self._list_keys(self.start),
            final_after=FINAL_AFTER,
            retention_days=0,
        )
        self.interrupter = (
            RunInterrupter(self.service, self._run_once, story) if self.kind is WorldKind.INTERRUPTED else None
        )

    def _list_keys(self, now: datetime) -> dict[str, KeyUse]:
        own = KeyUse.SHARED if self.has_shared_key else KeyUse.OWN
        uses = {OWN_KEY: own, OTHER_KEY: KeyUse.OTHER}
        if self.kind is WorldKind.REPLACED and now >= self.listed_at:
            uses[NEW_KEY] = KeyUse.OWN
        return uses

    # -- the provider ------------------------------------------------------------------------------------------

    def answer(self, url: str) -> HttpResponse | Exception | None:
        query, now = parse_qs(urlsplit(url).query), self.world.clock.time
        start, end = (datetime.fromisoformat(query[name][0]) for name in ("start_time", "end_time"))
        document = self._build_document(start, end, now)
        headers = {"Date": format_datetime(now)}
        damage = self.random.random() if self.kind is WorldKind.DAMAGED else 1.0
        if damage < 0.3:
            return self._damage(document, headers, now)
        return HttpResponse(200, headers, json.dumps(document).encode(), 0.1)

    def _build_document(self, start: datetime, end: datetime, now: datetime) -> dict[str, list[dict[str, object]]]:
        sums: defaultdict[datetime, Counter[tuple[str, str, int]]] = defaultdict(Counter)
        for one in self.images:
            if one.is_visible(now):
                sums[floor_to_hour(one.billed_at)][one.key, one.endpoint, one.unit_price] += one.count
        hours = [start + n * HOUR for n in range((end - start) // HOUR)]
        return {
            "buckets": [
                {
                    "start_time": hour.isoformat(),
                    "end_time": (hour + HOUR).isoformat(),
                    "line_items": [_build_line(*line, count) for line, count in sums[hour].items() if count],
                }
                for hour in hours
            ]
        }

    def _damage(
        self, document: dict[str, list[dict[str, object]]], headers: dict[str, str], now: datetime
    ) -> HttpResponse | Exception | None:
        """Returns an answer with which nothing may be settled."""
        body = json.dumps(document)
        match self.random.randrange(9):
            case 0:
                return HttpResponse(404, headers, b'{"error":"not found"}', 0.1)
            case 1:
                return HttpResponse(200, headers, body[: len(body) // 2].encode(), 0.1)
            case 2:
                body = body.replace('"cost_total": "0.060000"', '"cost_total": 0.06')
            case 3:
                body = body.replace('"USD"', '"EUR"')
            case 4:
                headers = {"Date": format_datetime(now + timedelta(minutes=20))}
            case 5:
                return None
            case 6:
                document = {"buckets": document["buckets"][: self.random.randrange(168)]}
                body = json.dumps(document)
            case 7:
                # The last lines are missing for a while, as from a replica that lags behind.
                hours = [{**one, "line_items": []} for one in document["buckets"][-20:]]
                body = json.dumps({"buckets": [*document["buckets"][:-20], *hours]})
            case _:
                body = body.replace('"endpoint"', '"path"')
        return HttpResponse(200, headers, body.encode(), 0.1)

    # -- the calls ---------------------------------------------------------------------------------------------

    def run(self) -> SeedResult:
        call_times, run_times = self._draw_long_times() if self.kind is WorldKind.LONG else self._draw_times()
        self.events = [
            *((moment, n, self._send_call) for n, moment in enumerate(call_times)),
            *((moment, len(call_times) + n, self._run_comparison) for n, moment in enumerate(run_times)),
        ]
        heapify(self.events)
        while self.events:
            moment, _, act = heappop(self.events)
            self.world.clock.time = max(moment, self.world.clock.time)
            act()
        self._check_end()
        return self.result

    def _schedule(self, moment: datetime, act: Callable[[], None]) -> None:
        self.scheduled += 1
        heappush(self.events, (moment, -self.scheduled, act))

    def _draw_times(self) -> tuple[list[datetime], list[datetime]]:
        calls_per_hour = self.random.choice([0.5, 1, 2, 4])
        call_times = [
            self.start + n * HOUR + self._draw_minute()
            for n in range(BUSY_HOURS)
            for _ in range(self.random.randint(0, round(2 * calls_per_hour)))
        ]
        first_run = self.start + timedelta(minutes=RUN_MINUTE)
        return call_times, [first_run + n * HOUR for n in range(BUSY_HOURS + QUIET_HOURS)]

    def _draw_minute(self) -> timedelta:
        """Slow calls are often sent so late in an hour that they are billed in the next one."""
        if self.kind is WorldKind.SLOW and self.story.random() < 0.5:
            return timedelta(minutes=self.story.uniform(44, 60))
        return self.random.random() * HOUR

    def _draw_long_times(self) -> tuple[list[datetime], list[datetime]]:
        """Each midnight has a few calls, and each day has two others."""
        days, midnight = self.story.choice(LONG_DAYS), floor_to_day(self.start)
        call_times = list[datetime]()
        for n in range(1, days):
            around = [timedelta(minutes=self.story.uniform(-12, 12)) for _ in range(self.story.randint(1, 4))]
            by_day = [self.story.uniform(1, 23) * HOUR for _ in range(self.story.randint(0, 2))]
            call_times += [midnight + timedelta(days=n) + offset for offset in (*around, *by_day)]
        first_run = self.start + timedelta(minutes=RUN_MINUTE)
        runs = (midnight + timedelta(days=days) + QUIET_HOURS * HOUR - first_run) // LONG_RUN_DISTANCE
        return call_times, [first_run + n * LONG_RUN_DISTANCE for n in range(runs)]

    def _send_call(self) -> None:
        if self.random.random() < 0.4:
            self._bill_others()
        number = self.result.calls
        job, endpoint = self.build_job(f"job{number}", self.world.clock.time)
        job = self.world.ledger.write_transition(Transition(job))
        fate = self.random.random()
        if fate < 0.75:
            call_fate, charged = CallFate.DELIVERED, _count_images(job)
            if self.kind is WorldKind.UNBILLED and self.random.random() < 0.05:
                charged = 0
        elif fate < 0.8:
            call_fate, charged = CallFate.REFUSED, 0
            if endpoint == V2 and self.kind not in (WorldKind.REFUSED, WorldKind.LONG, WorldKind.SLOW):
                call_fate = CallFate.FAILED
                charged = _count_images(job) if self.random.random() < 0.3 else 0
        else:
            call_fate, images = CallFate.LOST, _count_images(job)
            charged = self.random.choice([images, images, 0, 0, self.random.randint(0, images)])
        call_fate, charged = self._change_fate(job, endpoint, call_fate, charged)
        job = self.call(job, endpoint, call_fate, charged, provider_id=f"g{number}")
        if job.status is JobStatus.UNKNOWN:
            self._recover(job)

    def _change_fate(self, job: Job, endpoint: str, fate: CallFate, charged: int) -> tuple[CallFate, int]:
        """Returns the call's fate, and how many images are billed, if the world's story decides about it."""
        story, images = self.story, _count_images(job)
        if self.kind is WorldKind.REFUSED and story.random() < 0.3:
            return CallFate.REFUSED, 0
        if self.kind is WorldKind.WITHHELD and fate is CallFate.DELIVERED and endpoint == V1 and story.random() < 0.2:
            return CallFate.WITHHELD, images if self.bills_withheld else story.randrange(images)
        if self.kind in LOSSY_KINDS and fate is CallFate.DELIVERED and story.random() < MORE_LOSSES:
            return CallFate.LOST, story.choice([images, 0])
        return fate, charged

    def call(self, job: Job, endpoint: str, fate: CallFate, charged: int, *, provider_id: str | None = None) -> Job:
        """Claims a call, records its result, and bills it."""
        ledger, now, n = self.world.ledger, self.world.clock.time, job.attempt_no + 1
        self.result.calls += 1
        unit_price, images = look_up_image_price("ideogram", job.instructions), _count_images(job)
        lease = SLOW_LEASE if self.kind is WorldKind.SLOW else LEASE
        call = SentCall(
            CallKey(job.source_id, job.job_id, n), endpoint, unit_price, images, charged, fate, now, now + lease
        )
        self.sent_calls[call.key] = call
        has_id = endpoint == V2 and fate is not CallFate.REFUSED
        price = unit_price * images
        share = self.result.calls % self.share_count + 1 if self.share_count else None
        if share:
            budget_shares = self.world.steps.bootstrap.budget_shares
            share = budget_shares.find_share(now.date().isoformat(), price, BUDGET, share, self.share_count)
        job = ledger.write_transition(
            transitions.claim(
                job,
                now=now,
                lease_until=call.ends_at,
                price=price,
                limits=ClaimLimits(BUDGET, share=share),
                endpoint=endpoint,
                provider_id=provider_id if has_id else None,
            )
        )
        billed = self._bill(call, charged) if charged else None
        if fate in (CallFate.DELIVERED, CallFate.WITHHELD):
            result = self._build_answer(call, self._find_price(call))
        elif fate is CallFate.LOST:
            result = ProviderResult.lost("no answer")
            self.lost_calls[call.key] = call
            self.result.lost += 1
            if self.kind is WorldKind.LATE and charged == images and self.story.random() < 0.6:
                self._plan_late_answer(call, billed)
        else:
            result = ProviderResult(RetryClass.PERM, Code.UNSAFE_REQUEST, "not safe")
        return ledger.write_transition(transitions.record_result(job, n, result, now))

    def _find_price(self, call: SentCall) -> int:
        """Returns the price at which Ideogram bills an image of the call."""
        is_repriced = self.kind is WorldKind.REPRICED and call.sent_at >= self.repriced_at
        return self.new_price if is_repriced and call.unit_price == self.old_price else call.unit_price

    def _build_answer(self, call: SentCall, price: int) -> ProviderResult:
        """v2 reports the cost; for a v1 call, the price list says it, also for pictures that were withheld."""
        delivered, cost = call.images, call.unit_price * call.images
        if call.fate is CallFate.WITHHELD:
            delivered = 0 if self.bills_withheld else call.charged
        links = tuple(PictureLink(url=RESULT_URL if n < delivered else None) for n in range(call.images))
        if not delivered:
            message = "The provider's safety check withheld every picture."
            return ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, message, links, cost)
        if call.endpoint == V2:
            return ProviderResult(RetryClass.OK, links=links, charged=price * call.images, basis="reported")
        return ProviderResult(RetryClass.OK, links=links, charged=cost)

    # -- late answers ------------------------------------------------------------------------------------------

    def _plan_late_answer(self, call: SentCall, billed: BilledImages | None) -> None:
        """Has the answer arrive up to 20 hours later. Then the records of its hour are corrected, or were before.

        The call appears late, or is shown at another price, which the answer of a v2 call also says.
        """
        if billed is None:
            return
        now = self.world.clock.time
        corrected_at, price = now + self.story.uniform(4, 26) * HOUR, call.unit_price
        if self.story.random() < 0.4:
            billed.visible_at = corrected_at
        elif self.story.random() < 0.5:
            billed.gone_at, price = corrected_at, call.unit_price + self.story.choice([-10_000, 10_000])
            self.images.append(replace(billed, unit_price=price, visible_at=corrected_at, gone_at=None))
        self._schedule(
            now + self.story.uniform(0.2, 20) * HOUR, lambda: self._answer_late(call, self._build_answer(call, price))
        )

    def _answer_late(self, call: SentCall, answer: ProviderResult) -> None:
        ledger = self.world.ledger
        job = ledger.find_job(call.key.source_id, call.key.job_id)
        if job is None:
            return
        ledger.write_transition(transitions.record_result(job, call.key.n, answer, self.world.clock.time))
        del self.lost_calls[call.key]
        self.sent_calls[call.key] = replace(call, fate=CallFate.DELIVERED)
        self.answered_late[call.key] = answer.charged
        self.result.late_answers += 1

    def _check_late_answers(self) -> None:
        """The answer's cost stays, whatever the records say."""
        for key, charged in self.answered_late.items():
            job = self.world.ledger.find_job(key.source_id, key.job_id)
            attempt = job.find_attempt(key.n) if job else None
            if attempt is None or attempt.outcome is not AttemptOutcome.ANSWERED:
                self._report(f"{key} was answered, but is {attempt.outcome if attempt else None}")
            elif (attempt.charged, attempt.unknown) != (charged, 0):
                self._report(f"{key} cost {charged}, but has {attempt.charged} and {attempt.unknown} unknown")

    # -- after a lost answer -----------------------------------------------------------------------------------

    def _recover(self, job: Job) -> None:
        if self.kind is WorldKind.RETRIED:
            # The job's lane may be paused for hours.
            delay = self.story.uniform(3, 9) * HOUR if self.story.random() < 0.7 else timedelta(minutes=7)
            self._schedule(self.world.clock.time + delay, lambda: self._retry_or_hold(job.source_id, job.job_id))
        elif self.asks_the_bill:
            self._wait_or_hold(job)

    def _retry_or_hold(self, source_id: str, job_id: str) -> None:
        """Lets the product decide whether a lost call is sent again."""
        ledger, now = self.world.ledger, self.world.clock.time
        job = ledger.find_job(source_id, job_id)
        if job is None or job.status is not JobStatus.UNKNOWN:
            return
        recovery = replace(self.world.steps.bootstrap.recovery, policy=OnLostAnswer.RETRY_ONCE)
        if not recovery.can_retry_purchase(job):
            ledger.write_transition(transitions.hold(job, now))
            return
        if any(one.is_settled(SettlementResult.CHARGED) for one in job.attempts):
            self._report(f"{job_id} is sent again, although a call was charged")
        self.result.resent += 1
        images = _count_images(job)
        if self.story.random() < 0.3:
            fate, charged = CallFate.DELIVERED, images
        else:
            fate, charged = CallFate.LOST, self.story.choice([images, images, 0])
        job = self.call(job, job.attempts[0].endpoint or "", fate, charged, provider_id=f"{job_id}-{job.attempt_no}")
        free = [one for one in job.attempts if one.settlement and one.settlement.result is _NOT_CHARGED]
        if len(job.attempts) - len(free) > 2:
            self._report(f"{job_id} has {len(job.attempts)} calls, and only {len(free)} were not charged")
        if job.status is JobStatus.UNKNOWN:
            self._recover(job)

    def _wait_or_hold(self, job: Job) -> None:
        """Does what render does after a lost answer."""
        ledger, now = self.world.ledger, self.world.clock.time
        if transitions.can_wait_for_bill(job) and ledger.read_bill_state().settles_calls(now):
            ledger.write_transition(transitions.wait_for_bill(job, now))
            self.waiting_jobs.add((job.source_id, job.job_id))
            self.result.waited += 1
        else:
            ledger.write_transition(transitions.hold(job, now))

    def _continue_waiting_jobs(self) -> None:
        """Does what reconcile and render do with jobs that have waited: they are sent again, or held."""
        ledger, now = self.world.ledger, self.world.clock.time
        for key in sorted(self.waiting_jobs):
            job = ledger.find_job(*key)
            if job is None:
                continue
            if job.waits_for_bill and job.bill_wait_until and now >= job.bill_wait_until:
                job = ledger.write_transition(transitions.hold(job, now))
            if not job.waits_for_bill:
                self.waiting_jobs.remove(key)
            if job.status is JobStatus.ACCEPTED:
                self._send_again(job)

    def _send_again(self, job: Job) -> None:
        """Sends the second call of a job. According to the records, the first one was not charged."""
        first = job.attempts[0]
        self.result.resent += 1
        settlement = first.settlement
        if settlement is None or settlement.result is not _NOT_CHARGED:
            self._report(f"{job.job_id} is sent again, but its first call is {settlement}")
            return
        truth = self.lost_calls[CallKey(job.source_id, job.job_id, first.n)]
        is_excused = self._is_correction_pending(settlement.hours)
        is_masked = self._is_masked(truth, settlement)
        fate, charged = CallFate.DELIVERED, truth.images
        if self.random.random() >= 0.8:
            fate, charged = CallFate.LOST, self.random.choice([truth.images, 0])
        job = self.call(job, first.endpoint or "", fate, charged)
        if job.status is JobStatus.UNKNOWN:
            self._wait_or_hold(job)
        if charged and truth.charged and not is_masked:
            self.result.double_charges += 1
            self.resent_jobs[job.source_id, job.job_id] = first.n
            if not is_excused:
                self._report(f"{job.job_id} is charged twice, although no correction was to come")

    def build_job(self, name: str, now: datetime) -> tuple[Job, str]:
        instructions: dict[str, object] = {"operation": "remove"}
        endpoint = REMOVE_V1
        if self.kind is WorldKind.LONG:
            # Calls of one price, so that those of a midnight may be taken for each other.
            instructions = {"operation": "replace", "prompt": "on sand", "rendering_speed": "DEFAULT", "num_images": 1}
            endpoint = V1
        elif self.random.random() < 0.7:
            speed = self.random.choice(["DEFAULT", "DEFAULT", "QUALITY"])
            instructions = {"operation": "replace", "prompt": "on sand", "rendering_speed": speed}
            instructions["num_images"] = self.random.choice([1, 1, 1, 2, 4])
            endpoint = self.random.choice([V1, V1, V2])
        job = Job(
            job_id=name,
            content_id=name,
            source_id=f"{len(name):x}{name}",
            bucket=INPUT_BUCKET,
            key=f"{name}.jpg",
            version_id=None,
            sha256=name,
            variant="",
            operation=str(instructions["operation"]),
            provider="ideogram",
            purchase_spec=instructions,
            instructions=instructions,
            provenance={},
            quoted=0,
            queued_at=now,
        )
        return job, endpoint

    def _bill(self, call: SentCall, count: int) -> BilledImages:
        """Bills a call from a minute before its claim to ten minutes after its end; the records show it later.

        In shared worlds, some lost calls are billed later than that.
        """
        now = call.sent_at
        key = NEW_KEY if self.kind is WorldKind.REPLACED and now >= self.replaced_at else OWN_KEY
        latest = self.time_limit / timedelta(minutes=1) + MINUTES_OF_LATE_BILLING
        billed_at = now + timedelta(
            minutes=self.random.choice([self.random.uniform(0, 3), self.random.uniform(-1, latest)])
        )
        is_lost = call.fate is CallFate.LOST
        if self.kind is WorldKind.SHARED and is_lost and self.story.random() < SHARE_OF_LATE_BILLING:
            billed_at = now + timedelta(minutes=self.story.uniform(9, 60))
        delay = self.random.random() * self.max_delay
        share = LATE_SHARES.get(self.kind, 0)
        if share and self.random.random() < share:
            delay = self.random.uniform(2.5, 20) * HOUR
        billed = BilledImages(key, call.endpoint, self._find_price(call), count, billed_at, billed_at + delay)
        self.images.append(billed)
        return billed

    def _bill_others(self) -> None:
        """Bills other software: under a key of its own, or, in a shared world, under the stack's key."""
        now = self.world.clock.time
        key = OWN_KEY if self.has_shared_key else OTHER_KEY
        endpoint, price = self.random.choice(
            [(V1, 60_000), (V1, 90_000), (REMOVE_V1, 10_000), ("/v1/describe", 10_000)]
        )
        delay = self.random.random() * self.max_delay
        if self.kind is WorldKind.OTHERS and self.story.random() < 0.3:
            delay = self.story.uniform(2.5, 20) * HOUR
        self.images.append(BilledImages(key, endpoint, price, self.random.randint(1, 3), now, now + delay))

    # -- the comparison ----------------------------------------------------------------------------------------

    def _run_comparison(self) -> None:
        self.service.key_uses = self._list_keys(self.world.clock.time)
        if self.interrupter is None:
            self._run_once()
        else:
            self._run_interrupted(self.interrupter)
        corrections = self.world.ledger.read_bill_state().corrections
        self.reported_corrections |= {CallKey(one.source_id, one.job_id, one.n) for one in corrections}
        self._check_late_answers()
        self._continue_waiting_jobs()

    def _run_interrupted(self, interrupter: RunInterrupter) -> None:
        """Lambda runs a function that failed again, but the next hour may come first."""
        interrupter.plan()
        try:
            self._run_once()
        except (RetryLaterError, ConflictError):
            self.result.dead_runs += 1
            interrupter.stop()
            if self.story.random() < 0.5:
                self._run_once()
        interrupter.stop()

    def _run_once(self) -> None:
        outcome = self.service.run()
        self.result.findings.update({finding.kind.value for finding in outcome.state.findings})
        self.result.settled += sum(one.result is not SettlementResult.UNDECIDED for one in outcome.settled)
        self.result.corrections += len(outcome.reopened)
        self._check_settlements(outcome)
        if self.kind in RIGHT_RECORDS:
            self._check_nothing_is_wrong_with_the_records(outcome)

    def _check_nothing_is_wrong_with_the_records(self, outcome: BillResult) -> None:
        for one in outcome.reopened:
            self._report(f"{one.call} is reopened, although no record of this stack's key has changed")
        for finding in outcome.state.findings:
            if finding.kind in (FindingKind.FOREIGN_USAGE, FindingKind.MISSING_CHARGE):
                self._report(f"{finding.kind.value} is reported in {finding.first_hour:%d %H}:00, but is not true")

    def _report(self, problem: str) -> None:
        if problem not in self.result.problems:
            self.result.problems.append(problem)

    def _check_settlements(self, outcome: BillResult) -> None:
        """A settlement may differ from the truth only until the records are corrected, and must then be reopened."""
        for one in outcome.settled:
            truth = self.lost_calls.get(CallKey(*one.call))
            if truth is None or one.result is SettlementResult.UNDECIDED:
                continue
            if self._is_wrong(truth, one.result) and not self._is_correction_pending(one.hours):
                job = self.world.ledger.find_job(truth.key.source_id, truth.key.job_id)
                attempt = job.find_attempt(one.call.n) if job else None
                if attempt and attempt.settlement and self._is_masked(truth, attempt.settlement):
                    self.result.masked += 1
                    continue
                self.result.wrong += 1
                self._report(f"{one.call} settled as {one.result.value}, really {truth.charged} images")

    def _is_wrong(self, truth: SentCall, result: SettlementResult) -> bool:
        return truth.charged != (truth.images if result is SettlementResult.CHARGED else 0)

    def _is_masked(self, truth: SentCall, settlement: Settlement) -> bool:
        """Whether the sums are those of a world in which the call was not charged, so that none could tell."""
        if self.kind is WorldKind.REPRICED:
            # The other software may have paid for images at the price of another speed.
            return self.has_shared_key and self.new_price in LIST_PRICES and truth.unit_price == self.old_price
        if self.kind is not WorldKind.UNBILLED or settlement.result is not _NOT_CHARGED:
            return False
        billed = self._count_billed(truth.price_class, settlement.hours, settlement.records_read_at)
        of_class = [call for call in self.sent_calls.values() if call.price_class == truth.price_class]
        return looks_free(truth, of_class, billed)

    def _count_billed(
        self, price_class: tuple[str, int], hours: tuple[datetime, ...], now: datetime
    ) -> dict[datetime, int]:
        """Returns how many images of this stack the records show in each of the hours."""
        billed = dict.fromkeys(hours, 0)
        for one in self.images:
            hour = floor_to_hour(one.billed_at)
            is_counted = one.key != OTHER_KEY and (one.endpoint, one.unit_price) == price_class
            if is_counted and hour in billed and one.is_visible(now):
                billed[hour] += one.count
        return billed

    def _is_correction_pending(self, hours: tuple[datetime, ...]) -> bool:
        now = self.world.clock.time
        return any(one.changes_after(now) and floor_to_hour(one.billed_at) in hours for one in self.images)

    def _check_end(self) -> None:
        """By the end, the records are correct, so every settlement is, and the ledger's sums are within the bill."""
        jobs = {(job.source_id, job.job_id): job for job in self.world.list_jobs()}
        self._check_double_charges()
        self._check_amounts(jobs)
        for key, truth in self.lost_calls.items():
            attempt = jobs[key.source_id, key.job_id].find_attempt(key.n)
            settlement = attempt.settlement if attempt else None
            if settlement and settlement.is_final and self._is_wrong(truth, settlement.result):
                if self._is_masked(truth, settlement):
                    continue
                self.result.unreported += 1
                self._report(f"{key.job_id} is still {settlement.result.value}, really {truth.charged}")
            if settlement and settlement.result is SettlementResult.UNDECIDED:
                billed = self._count_billed(truth.price_class, settlement.hours, self.world.clock.time)
                if sum(billed.values()) != settlement.billed:
                    self._report(f"{key.job_id} is one of {settlement.billed} images, but the records show {billed}")
        self._check_budget()
        if self.kind in RIGHT_RECORDS:
            self._check_clear_groups(jobs)
        self.result.stopped = self.world.ledger.read_bill_state().stopped_hour is not None
        self._count_settled_in_time(jobs)

    def _check_amounts(self, jobs: dict[tuple[str, str], Job]) -> None:
        for job in jobs.values():
            for one in job.attempts:
                if min(one.charged, one.unknown, one.reserved) < 0:
                    self._report(f"{job.job_id} has a negative amount: {one.charged}, {one.unknown}, {one.reserved}")
                key = CallKey(job.source_id, job.job_id, one.n)
                if one.settlement and one.settlement.reopened_count and key not in self.reported_corrections:
                    self._report(f"the correction of {job.job_id} is not reported")

    def _check_clear_groups(self, jobs: dict[tuple[str, str], Job]) -> None:
        """If none or all lost calls of connected hours were charged, and nothing else may be, all are settled.

        Nothing is settled at an endpoint that the records have never named.
        """
        seen = {one.endpoint for one in self.images if one.key == OWN_KEY}
        by_class: defaultdict[tuple[str, int], list[SentCall]] = defaultdict(list)
        for call in self.sent_calls.values():
            by_class[call.price_class].append(call)
        for group in (group for of_class in by_class.values() for group in group_sent_calls(of_class)):
            lost = [call for call in group if call.fate is CallFate.LOST]
            charged, possible = sum(call.charged for call in lost), sum(call.images for call in lost)
            is_unclear = any(call.fate in (CallFate.FAILED, CallFate.WITHHELD) for call in group)
            if charged not in (0, possible) or is_unclear or group[0].endpoint not in seen:
                continue
            for call in lost:
                attempt = jobs[call.key.source_id, call.key.job_id].find_attempt(call.key.n)
                if attempt is None or attempt.settlement is None or not attempt.settlement.is_final:
                    self._report(f"{call.key.job_id} is not settled, although its hours are clear")

    def _check_budget(self) -> None:
        ledger = parse_ledger(self.world.table.items.values())
        sums = check_day_sums(sum_attempts_by_day(ledger.jobs.values()), ledger.days)
        shares = (check_shares(day, budget, BUDGET) for day, budget in join_accounts(ledger.days).items())
        for violation in chain(sums, *shares):
            self._report(str(violation))

    def _check_double_charges(self) -> None:
        """Each one is reported, because the records of the first call have been corrected since."""
        corrections = self.world.ledger.read_bill_state().corrections
        reported = {(one.source_id, one.job_id, one.n) for one in corrections if one.was_resent}
        for (source_id, job_id), n in self.resent_jobs.items():
            if (source_id, job_id, n) not in reported:
                self._report(f"the double charge of {job_id} is not reported")

    def _count_settled_in_time(self, jobs: dict[tuple[str, str], Job]) -> None:
        """Counts the unknown charges of groups in which none or all were charged, and those settled within two hours
        after the first moment at which their last hour can be final.

        The ledger as it was before any settlement defines the groups.
        """
        if self.kind is not WorldKind.OWN:
            return
        unsettled = [self._unsettle(job) for job in jobs.values()]
        calls = [call for job in unsettled for call in list_billed_calls(job)]
        by_class: defaultdict[tuple[str, int], list[BilledCall]] = defaultdict(list)
        for call in calls:
            by_class[call.endpoint, call.unit_price].append(call)
        for of_class in by_class.values():
            for group in group_calls(of_class):
                self._count_group([call for call in group.calls if call.is_unknown], group.last_hour, jobs)
            by_hour: defaultdict[datetime, list[BilledCall]] = defaultdict(list)
            for call in of_class:
                if call.is_unknown:
                    by_hour[self._find_hour(call, jobs)].append(call)
            for hour, of_hour in by_hour.items():
                self._count_group(of_hour, hour, jobs, by_hour=True)

    def _unsettle(self, job: Job) -> Job:
        lost = {key.n for key in self.lost_calls if key[:2] == (job.source_id, job.job_id)}
        restored = tuple(
            replace(one, charged=0, unknown=one.settlement.amount, settlement=None)
            if one.settlement and one.settlement.is_final and one.n in lost
            else one
            for one in job.attempts
        )
        return replace(job, attempts=restored)

    def _find_hour(self, call: BilledCall, jobs: dict[tuple[str, str], Job]) -> datetime:
        attempt = jobs[call.ref.source_id, call.ref.job_id].find_attempt(call.ref.n)
        return floor_to_hour(attempt.submitted_at) if attempt else call.first_hour

    def _count_group(
        self, calls: list[BilledCall], last_hour: datetime, jobs: dict[tuple[str, str], Job], *, by_hour: bool = False
    ) -> None:
        truths = [self.lost_calls[CallKey(*call.ref)] for call in calls]
        charged, possible = sum(one.charged for one in truths), sum(one.images for one in truths)
        if not calls or charged not in (0, possible):
            return
        first_final = last_hour + HOUR + FINAL_AFTER + MIN_READ_DISTANCE
        deadline = first_final + 2 * HOUR
        in_time = 0
        for call in calls:
            attempt = jobs[call.ref.source_id, call.ref.job_id].find_attempt(call.ref.n)
            settlement = attempt.settlement if attempt else None
            in_time += bool(settlement and settlement.is_final and settlement.settled_at <= deadline)
        if by_hour:
            self.result.in_clear_hours += len(calls)
            self.result.settled_in_time_by_hour += in_time
        else:
            self.result.in_clear_groups += len(calls)
            self.result.settled_in_time += in_time


def floor_to_day(moment: datetime) -> datetime:
    return floor_to_hour(moment).replace(hour=0)


def _count_images(job: Job) -> int:
    return 1 if job.operation == "remove" else int(job.instructions["num_images"])


def _build_line(key: str, endpoint: str, unit_price: int, count: int) -> dict[str, object]:
    return {
        "product": "api",
        "endpoint": endpoint,
        "cost_total": f"{unit_price * count / MICRO_PER_USD:.6f}",
        "currency_code": "USD",
        "source": "api",
        "billed_units": {"unit": "image", "quantity": str(count), "unit_price": f"{unit_price / MICRO_PER_USD:.6f}"},
        "api_key": {"id": key, "redacted_key": "ideo"},
    }


def run_seed(seed: int) -> SeedResult:
    return BillWorld(seed).run()
