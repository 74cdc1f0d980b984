"""Whether a picture is bought again because its product differs, which attempt is delivered, and with which seed."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.capabilities import CAPABILITIES, IntRange
from backdrop.model.fidelity import CannotSayReason, Fidelity, FidelityVerdict, count_retries
from backdrop.model.item_size import explain_oversize
from backdrop.model.job import Attempt, AttemptOutcome, Job, JobStatus, JudgedAttempt, PictureLink
from backdrop.model.retries import (
    build_call_spec,
    describe_retries,
    find_best_attempt,
    needs_verdicts,
    should_keep_retrying,
    should_retry,
)
from backdrop.providers import ideogram, onemin
from tests.unit.ledger_items import LATER, NOW, build_job

PRICE = 60_000
SAME, CHANGED, WORSE = (Fidelity.from_score(score) for score in (0.95, 0.6, 0.3))
UNCLEAR, UNUSABLE = Fidelity.from_reason(CannotSayReason.OTHER_SHAPE), None
VERDICTS = (SAME, CHANGED, UNCLEAR, UNUSABLE)


def build_attempt(n: int, outcome: AttemptOutcome = AttemptOutcome.ANSWERED, **amounts: int) -> Attempt:
    money: dict[str, Any] = {"reserved": 0, "charged": PRICE} | amounts
    return Attempt(
        n=n, provider="ideogram", submitted_at=NOW, lease_until=LATER, budget_day="2026-11-16", outcome=outcome, **money
    )


def judge(attempt_no: int, *fidelities: Fidelity | None) -> JudgedAttempt:
    return JudgedAttempt(attempt_no=attempt_no, links=(PictureLink(url="https://x.invalid"),), fidelities=fidelities)


def build_paid_job(
    *judged: JudgedAttempt, subject: Any = None, max_cost_usd: float | None = None, **fields: Any
) -> Job:
    """Returns a job whose last attempt is paid and not judged yet."""
    limit = {} if max_cost_usd is None else {"max_cost_usd": max_cost_usd}
    instructions = {"operation": "replace", "subject": {"otherwise": "retry"} | (subject or {})} | limit
    count = len(judged) + 1
    facts: dict[str, Any] = {
        "status": JobStatus.PAID,
        "quoted": PRICE,
        "instructions": instructions,
        "attempts": tuple(build_attempt(n) for n in range(1, count + 1)),
        "attempt_no": count,
        "paid_attempt_no": count,
        "judged_attempts": judged,
    }
    return build_job(**facts | fields)


@pytest.mark.parametrize("verdicts", [one for n in range(4) for one in product(VERDICTS, repeat=n)], ids=str)
def test_only_changed_products_are_bought_again(verdicts: tuple[Fidelity | None, ...]) -> None:
    kinds = {one.verdict for one in verdicts if one}
    assert should_retry(build_paid_job(), verdicts, is_current=True) is (kinds == {FidelityVerdict.CHANGED})


@pytest.mark.parametrize("retries", [None, 1, 2, 3])
def test_retries_are_counted(retries: int | None) -> None:
    subject = {"retries": retries} if retries else {}
    allowed = []
    for used in range(5):
        job = build_paid_job(*(judge(n, CHANGED) for n in range(1, used + 1)), subject=subject)
        allowed.append(should_retry(job, (CHANGED,), is_current=True))
    assert allowed == [used < (retries or 1) for used in range(5)]


@pytest.mark.parametrize(
    "subject", [{}, {"min": 0.95}, {"otherwise": "deliver"}, {"otherwise": "deliver", "retries": 2}], ids=str
)
def test_other_instructions_allow_no_retry(subject: Any) -> None:
    assert count_retries({"subject": subject}) == 0
    job = replace(build_paid_job(), instructions={"operation": "replace", "subject": subject})
    assert not should_retry(job, (CHANGED,), is_current=True)
    assert not needs_verdicts(job)


@given(
    charged=st.integers(0, 300_000),
    unknown=st.integers(0, 300_000),
    price=st.integers(1, 300_000),
    limit=st.integers(0, 900_000),
)
def test_another_price_must_fit_below_max_cost(charged: int, unknown: int, price: int, limit: int) -> None:
    attempts = (
        build_attempt(1, AttemptOutcome.LOST, charged=0, unknown=unknown),
        build_attempt(2, charged=charged),
    )
    job = build_paid_job(quoted=price, attempts=attempts, max_cost_usd=limit / 1_000_000)
    assert should_retry(job, (CHANGED,), is_current=True) is (charged + unknown + price <= limit)


@pytest.mark.parametrize(
    "changes",
    [
        {"end_after_call": JobStatus.CANCELLED},
        {"reused_from": "other"},
        {"stored_at": NOW},
        {"attempts": (build_attempt(1), build_attempt(2, AttemptOutcome.IN_FLIGHT, charged=0, reserved=PRICE))},
    ],
    ids=["unwanted", "reused", "delivered before", "another call in flight"],
)
def test_job_that_must_not_buy_is_not_bought_again(changes: Any) -> None:
    assert not should_retry(build_paid_job(**changes), (CHANGED,), is_current=True)


def test_job_that_the_photo_no_longer_names_is_not_bought_again() -> None:
    assert not should_retry(build_paid_job(), (CHANGED,), is_current=False)


def test_required_score_of_the_instructions_counts() -> None:
    assert not should_retry(build_paid_job(subject={"min": 0.6}), (CHANGED,), is_current=True)
    assert should_retry(build_paid_job(subject={"min": 0.96}), (SAME,), is_current=True)


@pytest.mark.parametrize(
    ("subject", "is_wanted"), [({}, True), ({"min": 0.5}, False), ({"otherwise": "deliver"}, False)], ids=str
)
def test_unsent_retry_is_judged_by_its_current_instructions(subject: Any, is_wanted: bool) -> None:
    waiting = build_paid_job(judge(1, CHANGED), subject=subject, attempts=(build_attempt(1),), paid_attempt_no=0)
    assert should_keep_retrying(waiting) is is_wanted


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"judged_attempts": (judge(1, CHANGED),), "paid_attempt_no": 2, "instructions": {}}, True),
        ({"judged_attempts": (judge(1, CHANGED),), "paid_attempt_no": 1}, False),
        ({"stored_at": NOW}, False),
        ({"reused_from": "other"}, False),
        ({"operation": "remove"}, False),
        ({"status": JobStatus.ACCEPTED}, False),
        ({"status": JobStatus.DEAD}, False),
    ],
    ids=["first attempt", "second attempt", "chosen", "delivered before", "reused", "cut-out", "waiting", "dead"],
)
def test_verdicts_come_first_only_while_they_decide(changes: Any, expected: bool) -> None:
    assert needs_verdicts(replace(build_paid_job(), **changes)) is expected


@given(
    st.lists(st.lists(st.sampled_from([SAME, CHANGED, WORSE, UNCLEAR, UNUSABLE]), max_size=3), min_size=1, max_size=4)
)
def test_best_attempt_has_the_highest_score_and_is_the_first_of_these(groups: list[list[Fidelity | None]]) -> None:
    judged = [judge(n, *fidelities) for n, fidelities in enumerate(groups, 1)]
    scores = [max((one.score for one in group if one and one.score is not None), default=-1) for group in groups]
    assert find_best_attempt(judged).attempt_no == scores.index(max(scores)) + 1


def test_retries_are_described() -> None:
    assert describe_retries([judge(1, CHANGED)], [], "It is not safe.") == (
        "the product differed; buying it again brought no picture: It is not safe; attempt 1 is the best"
    )
    assert describe_retries([judge(1, WORSE), judge(2, CHANGED)], [build_attempt(1), build_attempt(2)]) == (
        "the product differed, so the picture was bought 2 times; attempt 2 is the best"
    )


@pytest.mark.parametrize(("count", "calls"), [(1, "1 call"), (2, "2 calls")])
def test_description_of_retries_counts_calls_that_may_have_been_charged(count: int, calls: str) -> None:
    lost = [build_attempt(n, AttemptOutcome.LOST, charged=0, unknown=PRICE) for n in range(2, 2 + count)]
    assert describe_retries([judge(1, CHANGED)], [build_attempt(1), *lost], "The result was lost.") == (
        "the product differed; buying it again brought no picture: The result was lost; "
        f"{calls} without an answer may have been charged, too; attempt 1 is the best"
    )


@pytest.mark.parametrize(
    ("limit", "calls"), [(None, 4), (0.01, 1), (0.06, 1), (0.119, 1), (0.12, 2), (0.2, 3), (0.24, 4), (9, 4)]
)
def test_quote_counts_every_call_below_max_cost(limit: float | None, calls: int) -> None:
    job = build_paid_job(subject={"retries": 3}, max_cost_usd=limit)
    assert job.max_cost == calls * PRICE
    assert replace(job, quoted=0).max_cost == 0
    assert replace(job, instructions={"max_cost_usd": limit} if limit else {}).max_cost == PRICE


@pytest.mark.parametrize("provider", ["ideogram", "segmind", "1min"])
def test_each_retry_has_another_seed_in_the_providers_range(provider: str) -> None:
    accepted = CAPABILITIES[provider, "replace"]["seed"].accepted
    assert isinstance(accepted, IntRange)
    for seed in (accepted.low, accepted.low + 7, accepted.high):
        spec = {"operation": "replace", "prompt": "at sea", "seed": seed}
        judged = tuple(judge(n, CHANGED) for n in range(1, 4))
        sent = [
            build_call_spec(build_job(provider=provider, purchase_spec=spec, judged_attempts=judged[:n]))["seed"]
            for n in range(4)
        ]
        assert sent[0] == seed
        assert len({*sent}) == 4
        assert all(accepted.accepts(one) for one in sent)


def test_providers_receive_the_seed_of_the_retry() -> None:
    spec = {"operation": "replace", "prompt": "at sea", "seed": 42}
    job = build_job(purchase_spec=spec, judged_attempts=(judge(1, CHANGED),))
    form = ideogram.build_form(job, b"\xff\xd8\xff")
    assert [part.data for part in form][1:] == ["at sea", "43"]
    request = onemin.build_request(replace(job, provider="1min"), ["photo"])
    assert request["promptObject"]["seed"] == 43


def test_retry_without_a_seed_sends_the_same_fields() -> None:
    job = build_job(judged_attempts=(judge(1, CHANGED),))
    assert build_call_spec(job) == job.purchase_spec


def test_items_have_room_for_every_attempt() -> None:
    job = build_paid_job(subject={"retries": 3})
    assert explain_oversize(job) is None
    many = replace(job, instructions=job.instructions | {"num_images": 20})
    assert "fewer retries" in (explain_oversize(many) or "")
    assert explain_oversize(replace(many, instructions={"num_images": 20})) is None
