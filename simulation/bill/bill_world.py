"""One world: calls whose charge the provider knows, its usage records, and the product's comparison every hour.

The product's own service runs on the simulated ledger. The world decides what is really charged, and what the records
show when: late, in the next hour, corrected after days, with other software's usage, or damaged. In some worlds, jobs
whose answer was lost wait for the records (`OnLostAnswer=ask_the_bill`).
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from random import Random
from typing import NamedTuple, override
from urllib.parse import parse_qs, urlsplit

from backdrop.model import transitions
from backdrop.model.bill import BOUNDARY, BilledCall, KeyUse, group_calls, list_billed_calls
from backdrop.model.bill_records import HOUR
from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus, PictureLink, Settlement, SettlementResult
from backdrop.model.pricing import MICRO_PER_USD, look_up_image_price
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.transitions import ClaimLimits, Transition
from backdrop.model.usage_records import floor_to_hour
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from backdrop.providers.ideogram_usage import IdeogramUsage
from backdrop.reconcile.bill_reconciliation import BillReconciliation, BillResult
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET

BUSY_HOURS, QUIET_HOURS = 30, 34
RUN_MINUTE = 10
TIME_LIMIT = timedelta(minutes=3)
FINAL_AFTER = timedelta(minutes=60)
V1, V2 = "/v1/ideogram-v3/replace-background", "/v2/image/replace-background/ideogram-3"
REMOVE_V1 = "/v1/remove-background"
BUDGET = 10**12
SHARE_THAT_ASKS = 0.5
OWN_KEY, NEW_KEY, OTHER_KEY = "k1", "k2", "k9"


class WorldKind(StrEnum):
    """What is special about a world's key or records. A person lists a REPLACED key late."""

    OWN = "own"
    CORRECTED = "corrected"
    DAMAGED = "damaged"
    SHARED = "shared"
    REPLACED = "replaced"
    UNBILLED = "unbilled"


KIND_WEIGHTS = {
    WorldKind.OWN: 50,
    WorldKind.CORRECTED: 15,
    WorldKind.DAMAGED: 10,
    WorldKind.SHARED: 10,
    WorldKind.REPLACED: 10,
    WorldKind.UNBILLED: 5,
}


@dataclass
class BilledImages:
    """Images that the records show from `visible_at` on, in the hour of `billed_at`."""

    key: str
    endpoint: str
    unit_price: int
    count: int
    billed_at: datetime
    visible_at: datetime


class UnbilledCall(NamedTuple):
    """A delivered call that the provider never bills."""

    endpoint: str
    unit_price: int
    sent_at: datetime


@dataclass(frozen=True)
class TrueCall:
    """A call whose answer was lost, and what it really cost, in images."""

    job: tuple[str, str]
    images: int
    charged: int


@dataclass
class SeedResult:
    """What one seed showed. Counts are calls whose answer was lost.

    `waited`: those whose jobs waited for the records. `resent`: those that were sent again. `double_charges`: those of
    them that were charged both times, without masked ones. `masked`: those that were charged and settled as not
    charged, because the records lack a delivered image of the same price and hours: the sums are the same.
    """

    seed: int
    kind: WorldKind
    calls: int = 0
    lost: int = 0
    settled: int = 0
    wrong: int = 0
    masked: int = 0
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
        kinds = list(KIND_WEIGHTS)
        self.kind = self.random.choices(kinds, [KIND_WEIGHTS[kind] for kind in kinds])[0]
        self.result = SeedResult(seed, self.kind)
        self.world = World(seed, budget=BUDGET)
        self.start = floor_to_hour(self.world.clock.time)
        self.images: list[BilledImages] = []
        self.unbilled_calls: list[UnbilledCall] = []
        self.lost_calls: dict[tuple[str, str, int], TrueCall] = {}
        self.replaced_at = self.start + self.random.uniform(3, BUSY_HOURS - 3) * HOUR
        self.listed_at = self.replaced_at + self.random.uniform(0, 30) * HOUR
        self.asks_the_bill = Random(f"policy of {seed}").random() < SHARE_THAT_ASKS
        self.waiting_jobs: set[tuple[str, str]] = set()
        self.resent_jobs: dict[tuple[str, str], int] = {}
        self.max_delay = timedelta(minutes=self.random.choice([5, 15, 15, 50]))
        self.service = BillReconciliation(
            ledger=self.world.ledger,
            ledger_queries=self.world.steps.ledger_queries,
            usage=SimulatedUsage(self),
            deliver_queue=self.world.steps.bootstrap.deliver_queue,
            clock=self.world.clock,
            key_uses=self._list_keys(self.start),
            final_after=FINAL_AFTER,
            time_limit=TIME_LIMIT,
            retention_days=0,
        )

    def _list_keys(self, now: datetime) -> dict[str, KeyUse]:
        own = KeyUse.SHARED if self.kind is WorldKind.SHARED else KeyUse.OWN
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
            if one.visible_at <= now:
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
        events = [(moment, self._send_call) for moment in self._draw_call_times()]
        first_run = self.start + timedelta(minutes=RUN_MINUTE)
        events += [(first_run + n * HOUR, self._run_comparison) for n in range(BUSY_HOURS + QUIET_HOURS)]
        for moment, act in sorted(events, key=lambda event: event[0]):
            self.world.clock.time = max(moment, self.world.clock.time)
            act()
        self._check_end()
        return self.result

    def _draw_call_times(self) -> list[datetime]:
        calls_per_hour = self.random.choice([0.5, 1, 2, 4])
        return [
            self.start + n * HOUR + self.random.random() * HOUR
            for n in range(BUSY_HOURS)
            for _ in range(self.random.randint(0, round(2 * calls_per_hour)))
        ]

    def _send_call(self) -> None:
        if self.random.random() < 0.4:
            self._bill_others()
        now, number = self.world.clock.time, self.result.calls
        self.result.calls += 1
        job, endpoint = self._build_job(f"job{number}", now)
        unit_price, images = look_up_image_price("ideogram", job.instructions), _count_images(job)
        ledger = self.world.ledger
        job = ledger.write_transition(Transition(job))
        claim = transitions.claim(
            job,
            now=now,
            lease_until=now + timedelta(minutes=6),
            price=unit_price * images,
            limits=ClaimLimits(BUDGET),
            endpoint=endpoint,
            provider_id=f"g{number}" if endpoint == V2 else None,
        )
        job = ledger.write_transition(claim)
        fate = self.random.random()
        if fate < 0.75:
            link = PictureLink(url="https://results.invalid/1.png")
            result = ProviderResult(RetryClass.OK, links=(link,) * images, charged=unit_price * images)
            charged = 0 if self.kind is WorldKind.UNBILLED and self.random.random() < 0.05 else images
            self.unbilled_calls += [] if charged else [UnbilledCall(endpoint, unit_price, now)]
        elif fate < 0.8:
            result = ProviderResult(RetryClass.PERM, Code.UNSAFE_REQUEST, "not safe")
            charged = images if endpoint == V2 and self.random.random() < 0.3 else 0
        else:
            result = ProviderResult.lost("no answer")
            charged = self.random.choice([images, images, 0, 0, self.random.randint(0, images)])
            self.lost_calls[job.source_id, job.job_id, 1] = TrueCall((job.source_id, job.job_id), images, charged)
            self.result.lost += 1
        job = ledger.write_transition(transitions.record_result(job, 1, result, now))
        if charged:
            self._bill(now, endpoint, unit_price, charged)
        if job.status is JobStatus.UNKNOWN and self.asks_the_bill:
            self._wait_or_hold(job)

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
        ledger, now, first = self.world.ledger, self.world.clock.time, job.attempts[0]
        self.result.calls += 1
        self.result.resent += 1
        unit_price, images = look_up_image_price("ideogram", job.instructions), _count_images(job)
        settlement = first.settlement
        if settlement is None or settlement.result is not SettlementResult.NOT_CHARGED:
            self.result.problems.append(f"{job.job_id} is sent again, but its first call is {settlement}")
            return
        truth = self.lost_calls[job.source_id, job.job_id, first.n]
        is_correction_pending = self._is_correction_pending(settlement.hours)
        job = ledger.write_transition(
            transitions.claim(
                job,
                now=now,
                lease_until=now + timedelta(minutes=6),
                price=unit_price * images,
                limits=ClaimLimits(BUDGET),
                endpoint=first.endpoint,
            )
        )
        if self.random.random() < 0.8:
            link, charged = PictureLink(url="https://results.invalid/1.png"), images
            result = ProviderResult(RetryClass.OK, links=(link,) * images, charged=unit_price * images)
        else:
            charged, result = self.random.choice([images, 0]), ProviderResult.lost("no answer")
            self.lost_calls[job.source_id, job.job_id, 2] = TrueCall((job.source_id, job.job_id), images, charged)
            self.result.lost += 1
        job = ledger.write_transition(transitions.record_result(job, 2, result, now))
        if job.status is JobStatus.UNKNOWN:
            self._wait_or_hold(job)
        if charged:
            self._bill(now, first.endpoint or "", unit_price, charged)
        if charged and truth.charged and not self._is_masked(job, settlement):
            self.result.double_charges += 1
            self.resent_jobs[job.source_id, job.job_id] = first.n
            if not is_correction_pending:
                self.result.problems.append(f"{job.job_id} is charged twice, although no correction was to come")

    def _build_job(self, name: str, now: datetime) -> tuple[Job, str]:
        instructions: dict[str, object] = {"operation": "remove"}
        endpoint = REMOVE_V1
        if self.random.random() < 0.7:
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

    def _bill(self, now: datetime, endpoint: str, unit_price: int, count: int) -> None:
        """Bills a call within ten minutes of its claim; the records show it later."""
        key = NEW_KEY if self.kind is WorldKind.REPLACED and now >= self.replaced_at else OWN_KEY
        billed_at = now + timedelta(minutes=self.random.choice([self.random.uniform(0, 3), self.random.uniform(-1, 9)]))
        delay = self.random.random() * self.max_delay
        if self.kind is WorldKind.CORRECTED and self.random.random() < 0.1:
            delay = self.random.uniform(2.5, 20) * HOUR
        self.images.append(BilledImages(key, endpoint, unit_price, count, billed_at, billed_at + delay))

    def _bill_others(self) -> None:
        """Bills other software: under a key of its own, or, in a shared world, under the stack's key."""
        now = self.world.clock.time
        key = OWN_KEY if self.kind is WorldKind.SHARED else OTHER_KEY
        endpoint, price = self.random.choice(
            [(V1, 60_000), (V1, 90_000), (REMOVE_V1, 10_000), ("/v1/describe", 10_000)]
        )
        delay = self.random.random() * self.max_delay
        self.images.append(BilledImages(key, endpoint, price, self.random.randint(1, 3), now, now + delay))

    # -- the comparison ----------------------------------------------------------------------------------------

    def _run_comparison(self) -> None:
        self.service.key_uses = self._list_keys(self.world.clock.time)
        outcome = self.service.run()
        self.result.findings.update({finding.kind.value for finding in outcome.state.findings})
        self.result.settled += sum(one.result is not SettlementResult.UNDECIDED for one in outcome.settled)
        self.result.corrections += len(outcome.reopened)
        self._check_settlements(outcome)
        self._continue_waiting_jobs()

    def _check_settlements(self, outcome: BillResult) -> None:
        """A settlement may differ from the truth only until the records are corrected, and must then be reopened."""
        for one in outcome.settled:
            truth = self.lost_calls.get(tuple(one.call))
            if truth is None or one.result is SettlementResult.UNDECIDED:
                continue
            if self._is_wrong(truth, one.result) and not self._is_correction_pending(one.hours):
                job = self.world.ledger.find_job(*truth.job)
                attempt = job.find_attempt(one.call.n) if job else None
                if job and attempt and attempt.settlement and self._is_masked(job, attempt.settlement):
                    self.result.masked += 1
                    continue
                self.result.wrong += 1
                self.result.problems.append(f"{one.call} settled as {one.result.value}, really {truth.charged} images")

    def _is_wrong(self, truth: TrueCall, result: SettlementResult) -> bool:
        return truth.charged != (truth.images if result is SettlementResult.CHARGED else 0)

    def _is_masked(self, job: Job, settlement: Settlement) -> bool:
        """Whether a delivered call that is not billed makes the sums of these hours look like those of another one."""
        endpoint, unit_price = job.attempts[0].endpoint, look_up_image_price("ideogram", job.instructions)
        return settlement.result is SettlementResult.NOT_CHARGED and any(
            (one.endpoint, one.unit_price) == (endpoint, unit_price)
            and {floor_to_hour(one.sent_at - BOUNDARY), floor_to_hour(one.sent_at + BOUNDARY)} & {*settlement.hours}
            for one in self.unbilled_calls
        )

    def _is_correction_pending(self, hours: tuple[datetime, ...]) -> bool:
        now = self.world.clock.time
        return any(one.visible_at > now and floor_to_hour(one.billed_at) in hours for one in self.images)

    def _check_end(self) -> None:
        """By the end, the records are correct, so every settlement is, and the ledger's sums are within the bill."""
        jobs = {(job.source_id, job.job_id): job for job in self.world.list_jobs()}
        self._check_double_charges()
        for (source_id, job_id, n), truth in self.lost_calls.items():
            attempt = jobs[source_id, job_id].find_attempt(n)
            settlement = attempt.settlement if attempt else None
            if settlement and settlement.is_final and self._is_wrong(truth, settlement.result):
                if self._is_masked(jobs[source_id, job_id], settlement):
                    continue
                self.result.unreported += 1
                self.result.problems.append(f"{job_id} is still {settlement.result.value}, really {truth.charged}")
        self._check_budget(jobs)
        self.result.stopped = self.world.ledger.read_bill_state().stopped_hour is not None
        self._count_settled_in_time(jobs)

    def _check_budget(self, jobs: dict[tuple[str, str], Job]) -> None:
        for day in {attempt.budget_day for job in jobs.values() for attempt in job.attempts}:
            attempts = [one for job in jobs.values() for one in job.attempts if one.budget_day == day]
            sums = self.world.read_budget(day)
            expected = sum(one.charged for one in attempts), sum(one.unknown for one in attempts)
            if (sums["confirmed"], sums["unknown"]) != expected:
                self.result.problems.append(f"the budget of {day} is {sums}, its attempts are {expected}")

    def _check_double_charges(self) -> None:
        """Each one is reported, because the records of the first call have been corrected since."""
        corrections = self.world.ledger.read_bill_state().corrections
        reported = {(one.source_id, one.job_id, one.n) for one in corrections if one.was_resent}
        for (source_id, job_id), n in self.resent_jobs.items():
            if (source_id, job_id, n) not in reported:
                self.result.problems.append(f"the double charge of {job_id} is not reported")

    def _count_settled_in_time(self, jobs: dict[tuple[str, str], Job]) -> None:
        """Counts the unknown charges of groups in which none or all were charged, and those settled within two hours.

        The ledger as it was before any settlement defines the groups.
        """
        if self.kind is not WorldKind.OWN:
            return
        unsettled = [self._unsettle(job) for job in jobs.values()]
        calls = [call for job in unsettled for call in list_billed_calls(job, TIME_LIMIT)]
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
        restored = tuple(
            replace(one, charged=0, unknown=one.settlement.amount, settlement=None)
            if one.settlement and one.settlement.is_final and (job.source_id, job.job_id, one.n) in self.lost_calls
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
        truths = [self.lost_calls[tuple(call.ref)] for call in calls]
        charged, possible = sum(one.charged for one in truths), sum(one.images for one in truths)
        if not calls or charged not in (0, possible):
            return
        deadline = last_hour + HOUR + FINAL_AFTER + 2 * HOUR
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
