"""Slots that race for the shares of a small budget, in the orders that hypothesis finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job, Settlement, SettlementResult, Source
from backdrop.model.provider_result import ProviderResult
from backdrop.model.transitions import ClaimLimits
from backdrop.model.usage_records import floor_to_hour
from backdrop.pipeline.call_context import CallContext
from backdrop.ports import PreparedCall
from simulation.invariants.budget_shares import StoredBudget, check_grant, check_shares, join_accounts
from simulation.invariants.violations import check_day_sums, parse_ledger, sum_attempts_by_day
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault
from tests.simulated.stage_worlds import KEY, LOST, OK, PRICE, THROTTLED, build_job

REPLACE_PRICE = 6 * PRICE
WAIT_SECONDS = 0.05
MAX_WAITS = 400
OUTCOMES = {"charged": OK, "lost": LOST, "not taken": THROTTLED}


@dataclass(frozen=True)
class Purchase:
    """What one slot buys, and what the provider answers."""

    price: int
    outcome: str

    @property
    def result(self) -> ProviderResult:
        result = OUTCOMES[self.outcome]
        return replace_charge(result, self.price) if self.outcome == "charged" else result


def replace_charge(result: ProviderResult, charged: int) -> ProviderResult:
    return ProviderResult(result.retry_class, links=result.links, charged=charged)


@dataclass
class Race:
    """Slots of one world. `caps`: what operators set, by milliseconds. `delays`: of requests, in milliseconds.

    `starts_at`: when the slots start; None for the world's first moment. `allowed_overspending`: what corrected
    settlements add to a share that has spent it.
    """

    cap: int
    share_count: int
    purchases: Sequence[Purchase]
    delays: Sequence[int]
    caps: Sequence[tuple[int, int]] = ()
    seed: int = 0
    starts_at: datetime | None = None
    allowed_overspending: int = 0
    refused: dict[int, int] = field(default_factory=dict[int, int])
    waits: int = 0

    def run(self) -> World:
        """Runs until every slot has bought, or has been refused because too little of the budget is left."""
        self.world = world = World(self.seed, budget=self.cap, budget_shares=self.share_count)
        if self.starts_at:
            world.clock.advance_to(self.starts_at)
        delays = cycle(self.delays)
        jobs = [self.add_job(n, purchase) for n, purchase in enumerate(self.purchases)]
        world.transport.add_latency = lambda _service, _operation: world.clock.sleep(next(delays) / 1000)
        world.transport.listeners.append(self._check)
        self.highest_cap, self._before = self.cap, dict[str, StoredBudget]()
        for n, job in enumerate(jobs):
            world.event_loop.call_later(0, lambda n=n, job=job: self._spawn_slot(n, job))
        for at, cap in self.caps:
            world.event_loop.call_later(at / 1000, lambda cap=cap: self._spawn_operator(cap))
        world.event_loop.run_until(world.clock.time + timedelta(minutes=5))
        assert not world.event_loop.workers
        return world

    @property
    def today(self) -> str:
        return self.world.clock.time.date().isoformat()

    def add_job(self, n: int, purchase: Purchase) -> Job:
        """The first digits of a job's ID choose its share, as the hash of a real job does."""
        operation = "remove" if purchase.price == PRICE else "replace"
        names = {"source_id": f"{n:064x}", "job_id": f"{n * 7:08x}{n:056x}", "content_id": f"{n:064x}"}
        job = build_job(**names, operation=operation, instructions={"operation": operation}, quoted=purchase.price)
        self.world.ledger.put_source(
            Source(source_id=job.source_id, bucket="photos", key=KEY), [transitions.accept(job)]
        )
        written = self.world.ledger.find_job(job.source_id, job.job_id)
        assert written
        return written

    def _spawn_slot(self, n: int, job: Job) -> None:
        self.world.event_loop.spawn(f"render-{n}", lambda: self._buy(n, job), timeout_seconds=300)

    def _spawn_operator(self, cap: int) -> None:
        def set_cap() -> None:
            self.world.steps.ledger_queries.set_day_cap(self.today, cap)

        self.highest_cap = max(self.highest_cap, cap)
        self.world.event_loop.spawn("person", set_cap, timeout_seconds=300)

    def _buy(self, n: int, job: Job) -> None:
        """Claims the job as render does, and waits while calls in flight reserve what it needs."""
        for _ in range(MAX_WAITS):
            try:
                self.send(job, self.purchases[n])
            except RetryLaterError as error:
                if error.code is Code.BUDGET_REACHED:
                    self.refused[n] = self.purchases[n].price
                    return
                if error.code not in (Code.BUDGET_RESERVED, Code.LEDGER_CONFLICT):
                    raise
                self.waits += 1
                self.world.clock.sleep(WAIT_SECONDS)
            else:
                return
        raise AssertionError("the job waits for reservations that no call has")

    def send(self, job: Job, purchase: Purchase) -> None:
        context = CallContext(deadline=self.world.clock.now() + timedelta(minutes=5))
        call = PreparedCall(lambda _: purchase.result)
        self.world.steps.bootstrap.purchases.claim_and_send(job, self.world.provider, call, context)

    def buy(self, n: int, purchase: Purchase) -> None:
        """Buys one more picture after the race. Slots with even numbers use the first of two shares."""
        self.send(self.add_job(n, purchase), purchase)

    def _check(self, call: ServiceCall) -> None:
        """Checks what is stored after each request."""
        if call.operation not in ("transact_write_items", "update_item"):
            return
        ledger = parse_ledger(self.world.table.items.values())
        before, self._before = self._before, join_accounts(ledger.days)
        for day, budget in self._before.items():
            cap = budget.day_item.get("cap", self.cap)
            assert not check_shares(day, budget, self.allowed_overspending)
            assert not check_grant(day, before.get(day, StoredBudget()).day_item, budget.day_item, cap)
            assert budget.totals.get("committed", 0) <= self.highest_cap
        assert not check_day_sums(sum_attempts_by_day(ledger.jobs.values()), ledger.days)

    @property
    def budgets(self) -> Mapping[str, StoredBudget]:
        return join_accounts(parse_ledger(self.world.table.items.values()).days)

    @property
    def budget(self) -> StoredBudget:
        return self.budgets.get(self.today, StoredBudget())

    @property
    def spent(self) -> int:
        totals = self.budget.totals
        assert totals.get("reserved", 0) == 0
        return totals.get("committed", 0)


PURCHASES = st.lists(
    st.builds(Purchase, st.sampled_from([PRICE, PRICE, REPLACE_PRICE]), st.sampled_from(list(OUTCOMES))),
    min_size=1,
    max_size=12,
)
DELAYS = st.lists(st.integers(0, 6), min_size=1, max_size=40)
CAPS = st.integers(0, 40).map(lambda tens: tens * PRICE // 2)


@settings(max_examples=80)
@given(CAPS, st.integers(0, 6), PURCHASES, DELAYS, st.integers(0, 1_000_000))
def test_racing_slots_spend_the_budget_to_the_last_affordable_picture(
    cap: int, share_count: int, purchases: list[Purchase], delays: list[int], seed: int
) -> None:
    race = Race(cap, share_count, purchases, delays, seed=seed)
    race.run()
    assert race.spent <= cap
    assert all(race.spent + price > cap for price in race.refused.values()), "a refused picture was affordable"


@settings(max_examples=80)
@given(
    CAPS,
    st.integers(1, 6),
    PURCHASES,
    DELAYS,
    st.lists(st.tuples(st.integers(0, 60), CAPS), min_size=1, max_size=3),
    st.integers(0, 1_000_000),
)
def test_lowered_cap_leaves_nothing_available_above_it(
    cap: int, share_count: int, purchases: list[Purchase], delays: list[int], caps: list[tuple[int, int]], seed: int
) -> None:
    race = Race(cap, share_count, purchases, delays, caps, seed)
    race.run()
    last_cap = race.budget.day_item.get("cap", cap)
    assert race.spent + race.budget.available <= max(race.spent, last_cap)


@settings(max_examples=60)
@given(CAPS, st.integers(1, 6), PURCHASES, DELAYS, st.integers(0, 40))
def test_each_day_has_its_own_shares_if_slots_race_at_midnight(
    cap: int, share_count: int, purchases: list[Purchase], delays: list[int], milliseconds: int
) -> None:
    """Each call is settled on its day, and a picture is refused only if the day of its last try lacks its price."""
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    race = Race(cap, share_count, purchases, delays, starts_at=midnight - timedelta(milliseconds=milliseconds))
    race.run()
    totals = [budget.totals for budget in race.budgets.values()]
    assert all(total.get("reserved", 0) == 0 for total in totals)
    spent = [total.get("committed", 0) for total in totals]
    assert all(max(spent, default=0) + price > cap for price in race.refused.values())


@pytest.mark.parametrize("share_count", [1, 2, 5, 30])
def test_many_slots_buy_exactly_what_a_small_budget_covers(share_count: int) -> None:
    purchases = [Purchase(PRICE, "charged")] * 40
    race = Race(23 * PRICE + PRICE // 2, share_count, purchases, [1, 3, 2, 5, 4])
    race.run()
    assert (race.spent, len(race.refused)) == (23 * PRICE, 17)


def test_expensive_picture_collects_what_several_shares_have_left() -> None:
    """Each share has less than the price; together, they have exactly as much."""
    cheap = [Purchase(PRICE, "not taken")] * 6
    race = Race(REPLACE_PRICE, 6, cheap, [2])
    race.run()
    assert race.budget.available == REPLACE_PRICE
    assert max(share["available"] for share in race.budget.shares.values()) < REPLACE_PRICE
    race.buy(99, Purchase(REPLACE_PRICE, "charged"))
    assert race.spent == REPLACE_PRICE


def claim_during_the_next_read(race: Race, job: Job, share: int) -> TargetedFault:
    """Another worker claims on a share after its item has been read, and before the reader writes it."""
    now = race.world.clock.now()

    def claim(_call: ServiceCall) -> None:
        limits = ClaimLimits(race.cap, share=share)
        race.world.ledger.write_transition(
            transitions.claim(job, now=now, lease_until=now + timedelta(minutes=6), price=PRICE, limits=limits)
        )

    fault = TargetedFault(claim, "batch_get_item")
    race.world.transport.faults_after.append(fault)
    return fault


def test_recall_takes_back_nothing_that_was_claimed_in_the_meantime() -> None:
    race = Race(100 * PRICE, 2, [Purchase(PRICE, "not taken")] * 2, [1])
    race.run()
    job = race.add_job(50, Purchase(PRICE, "charged"))
    fault = claim_during_the_next_read(race, job, min(race.budget.shares))
    race.world.steps.ledger_queries.set_day_cap(race.today, 0)
    assert fault.hit_count == 1
    assert (race.budget.available, race.budget.totals["committed"], race.budget.day_item["granted"]) == (
        0,
        PRICE,
        PRICE,
    )


def test_collecting_takes_nothing_that_was_claimed_in_the_meantime() -> None:
    race = Race(REPLACE_PRICE, 6, [Purchase(PRICE, "not taken")] * 6, [2])
    race.run()
    job = race.add_job(50, Purchase(PRICE, "charged"))
    poorest = min(race.budget.shares, key=lambda number: (race.budget.shares[number]["available"], -number))
    fault = claim_during_the_next_read(race, job, poorest)
    shares = race.world.steps.bootstrap.purchases.budget_shares
    with pytest.raises(RetryLaterError):
        shares.find_share(race.today, REPLACE_PRICE, REPLACE_PRICE, 1, 6)
    assert fault.hit_count == 1
    assert (race.budget.available, race.budget.totals["committed"]) == (REPLACE_PRICE - PRICE, PRICE)


# -- settlements by usage records ------------------------------------------------------------------------------------

CHARGED = Purchase(PRICE, "charged")


def read_job(race: Race, n: int) -> Job:
    return next(job for job in race.world.list_jobs() if job.source_id == f"{n:064x}")


def settle(race: Race, n: int, result: SettlementResult) -> None:
    """Settles a slot's call, whose answer was lost."""
    now, job = race.world.clock.time, read_job(race, n)
    settlement = Settlement(
        result=result,
        settled_at=now,
        amount=job.attempts[0].unknown,
        hours=(floor_to_hour(now),),
        billed=0,
        certain=0,
        records_read_at=now,
    )
    race.world.ledger.write_transition(transitions.settle(job, 1, settlement))


def run_race_with_lost_answer(cap: int) -> Race:
    race = Race(cap, 2, [Purchase(PRICE, "lost")], [1])
    race.run()
    return race


def test_call_that_was_not_charged_returns_its_price_to_its_share() -> None:
    race = run_race_with_lost_answer(PRICE)
    with pytest.raises(RetryLaterError):
        race.buy(1, CHARGED)
    settle(race, 0, SettlementResult.NOT_CHARGED)
    assert (race.budget.totals["committed"], race.budget.available) == (0, PRICE)
    race.buy(3, CHARGED)
    assert (race.spent, race.budget.totals["confirmed"]) == (PRICE, PRICE)


def test_charged_call_stays_on_its_share() -> None:
    race = run_race_with_lost_answer(PRICE)
    settle(race, 0, SettlementResult.CHARGED)
    assert (race.budget.shares[1]["confirmed"], race.budget.shares[1]["unknown"]) == (PRICE, 0)
    with pytest.raises(RetryLaterError):
        race.buy(1, CHARGED)


def test_corrected_settlement_takes_from_other_shares_what_its_own_has_spent() -> None:
    race = run_race_with_lost_answer(2 * PRICE)
    settle(race, 0, SettlementResult.NOT_CHARGED)
    race.buy(1, Purchase(PRICE, "not taken"))
    race.buy(2, CHARGED)
    assert (race.spent, race.budget.available) == (PRICE, PRICE)
    race.allowed_overspending = PRICE
    race.world.ledger.write_transition(transitions.reopen_settlement(read_job(race, 0), 1, race.world.clock.time))
    assert (race.spent, race.budget.overspent, race.budget.available) == (2 * PRICE, PRICE, PRICE)
    race.world.steps.ledger_queries.recall_budget(race.today, race.cap)
    assert race.budget.available == 0
    with pytest.raises(RetryLaterError) as raised:
        race.buy(3, CHARGED)
    assert (raised.value.code, race.spent) == (Code.BUDGET_REACHED, 2 * PRICE)
