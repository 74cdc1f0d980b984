"""Routing: a job moves to another provider of its list only if nothing may have been charged."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model import transitions
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.circuit import PauseReason, ProviderHealth, pause, start_probe
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, InstructionError
from backdrop.model.job import Attempt, AttemptOutcome, Job, JobStatus, MoneyStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.routing import (
    FAILOVER_AFTER_FAILURES,
    FAILOVER_AFTER_WAIT_SECONDS,
    Offers,
    choose_route,
    find_failover_route,
    find_max_quote,
    is_persistent_failure,
    should_fail_over,
    with_max_quote,
)
from tests.unit.ledger_items import LATER, NOW, build_job, build_warning, list_warning_codes, quick
from tests.unit.model.test_mandate import TODAY, build_account

PRICE = 60_000
PRICES = {"1min": 50_000}
ALL_ON = Offers(PROVIDERS, PRICES)
THREE = "runware is disabled. But ideogram, segmind and 1min can do it."
DISABLED = "runware does not support seed. Disabled in this stack, but able to do it: ideogram and 1min."
REPLACE = {"operation": "replace", "prompt": "at sea"}


def build_running_lane(provider: str) -> ProviderHealth:
    return ProviderHealth(provider=provider)


def build_paused_lane(provider: str, reason: PauseReason = PauseReason.KEY) -> ProviderHealth:
    return pause(build_running_lane(provider), reason, Code.PROVIDER_KEY_REFUSED, "no", NOW)


def build_failing_lane(provider: str) -> ProviderHealth:
    return replace(build_running_lane(provider), failure_streak=3, opened_since=NOW, probe_count=1, next_probe_at=LATER)


def build_lanes(**lanes: ProviderHealth) -> Mapping[str, ProviderHealth]:
    return {name: lanes.get(name.replace("1", "one"), build_running_lane(name)) for name in PROVIDERS}


def build_job_with_providers(*providers: str, **changes: Any) -> Job:
    fields = {**REPLACE, "provider": list(providers)}
    return build_job(provider=providers[0], purchase_spec=fields, instructions=fields, **changes)


def test_first_available_provider_is_chosen_and_others_are_named() -> None:
    found = choose_route(
        REPLACE,
        ["segmind", "runware", "ideogram"],
        ALL_ON,
        build_lanes(segmind=build_paused_lane("segmind")).__getitem__,
    )
    assert found[:2] == ("runware", 60_000)
    assert [str(one.text) for one in found.passed_over] == ["segmind is paused (provider_key_refused)"]


@pytest.mark.parametrize(
    ("model", "names", "expected", "passed_over"),
    [
        ({}, ["ideogram", "runware"], ("ideogram", 10_000), []),
        ({}, ["runware", "ideogram"], ("runware", 600), []),
        ({"model": "ideogram"}, ["runware", "ideogram"], ("runware", 10_000), []),
        (
            {"model": "birefnet-matting"},
            ["ideogram", "runware"],
            ("runware", 600),
            ["ideogram accepts ideogram for model, not 'birefnet-matting'"],
        ),
    ],
)
def test_cut_out_may_go_to_each_remover_of_its_list_that_has_the_model(
    model: dict[str, str], names: list[str], expected: tuple[str, int], passed_over: list[str]
) -> None:
    fields = {"operation": "remove", **model}
    found = choose_route(fields, names, ALL_ON, build_running_lane)
    assert (found[:2], [str(one.text) for one in found.passed_over]) == (expected, passed_over)
    job = build_job(provider=found.provider, operation="remove", instructions={**fields, "provider": names})
    moved = find_failover_route(job, ALL_ON, build_running_lane, None, TODAY)
    others = [name for name in names if name != found.provider]
    assert (moved.provider if moved else None) == (None if passed_over else others[0])


def test_remover_that_is_disabled_is_refused_with_those_that_are_not() -> None:
    with pytest.raises(InstructionError) as caught:
        choose_route({"operation": "remove"}, ["runware"], Offers(["ideogram"]), build_running_lane)
    assert caught.value.code is Code.PROVIDER_NOT_CONFIGURED
    assert str(caught.value.message) == "runware is disabled. But ideogram can do it."


def test_job_waits_for_the_first_provider_without_alternatives() -> None:
    lanes = build_lanes(segmind=build_paused_lane("segmind"), runware=build_failing_lane("runware"))
    found = choose_route(REPLACE, ["segmind", "runware"], ALL_ON, lanes.__getitem__)
    assert found == ("segmind", 75_000, ())


def test_budget_pause_is_preferred_to_a_missing_key() -> None:
    lanes = build_lanes(segmind=build_paused_lane("segmind"), runware=build_paused_lane("runware", PauseReason.BUDGET))
    assert choose_route(REPLACE, ["segmind", "runware"], ALL_ON, lanes.__getitem__).provider == "runware"


def test_too_expensive_provider_is_passed_over_and_named() -> None:
    found = choose_route({**REPLACE, "max_cost_usd": 0.06}, ["segmind", "ideogram"], ALL_ON, build_running_lane)
    reason = "segmind costs up to $0.075, but max_cost_usd allows $0.06"
    assert found[:2] == ("ideogram", 60_000)
    assert [str(one.text) for one in found.passed_over] == [reason]


def test_price_of_the_mask_counts_toward_the_limit_of_each_route() -> None:
    fields, names = {**REPLACE, "max_cost_usd": 0.08}, ["segmind", "ideogram"]
    found = choose_route(fields, names, ALL_ON, build_running_lane, mask_price=10_000)
    reason = "segmind costs up to $0.075 and its mask $0.01, but max_cost_usd allows $0.08"
    assert found[:2] == ("ideogram", 60_000)
    assert [str(one.text) for one in found.passed_over] == [reason]
    mandated = replace(ALL_ON, mandate=build_account(per_picture=80_000).mandate)
    reason = "segmind costs up to $0.075 and its mask $0.01, but the mandate anna allows $0.08 per picture"
    found = choose_route(REPLACE, names, mandated, build_running_lane, mask_price=10_000)
    assert [str(one.text) for one in found.passed_over] == [reason]


@pytest.mark.parametrize(("mask_quoted", "provider"), [(0, "segmind"), (10_000, None)])
def test_job_moves_only_to_a_provider_whose_price_and_mask_fit_its_limit(
    mask_quoted: int, provider: str | None
) -> None:
    job = build_job_with_providers("ideogram", "segmind", mask_quoted=mask_quoted)
    job = replace(job, instructions={**job.instructions, "max_cost_usd": 0.08})
    route = find_failover_route(job, ALL_ON, build_running_lane, None, TODAY)
    assert (route.provider if route else None) == provider
    assert with_max_quote(job, ALL_ON).quoted == (75_000 if provider else 60_000)


def test_quote_of_a_list_counts_the_retries_that_each_price_leaves_room_for() -> None:
    job = build_job_with_providers("ideogram", "segmind")
    subject = {"otherwise": "retry", "retries": 3}
    job = replace(job, instructions={**job.instructions, "max_cost_usd": 0.13, "subject": subject})
    assert with_max_quote(job, ALL_ON).max_cost == 120_000
    unlimited = replace(job, instructions={**job.instructions, "max_cost_usd": 1})
    assert with_max_quote(unlimited, ALL_ON).max_cost == 300_000


def test_provider_above_the_mandates_price_of_a_picture_is_passed_over() -> None:
    offers = replace(ALL_ON, mandate=build_account(per_picture=60_000).mandate)
    names = ["segmind", "ideogram"]
    found = choose_route(REPLACE, names, offers, build_running_lane)
    assert found[:2] == ("ideogram", 60_000)
    reason = "segmind costs up to $0.075, but the mandate anna allows $0.06 per picture"
    assert [str(one.text) for one in found.passed_over] == [reason]
    assert find_max_quote(REPLACE, names, offers) == 60_000


@pytest.mark.parametrize(
    ("terms", "provider"),
    [
        ({"limit": 75_000}, "segmind"),
        ({"limit": 74_999}, None),
        ({"limit": 1_000_000, "per_day": 74_999}, None),
        ({"limit": 1_000_000, "per_picture": 74_999}, None),
    ],
)
def test_job_moves_only_to_a_provider_that_its_mandate_covers(terms: dict[str, int], provider: str | None) -> None:
    """A refusal would be final, but the lane in which it waits may resume."""
    job = build_job_with_providers("ideogram", "segmind")
    lanes = build_lanes(ideogram=build_paused_lane("ideogram"))
    route = find_failover_route(job, ALL_ON, lanes.__getitem__, build_account(**terms), TODAY)
    assert (route.provider if route else None) == provider


def test_health_of_a_single_provider_is_not_read() -> None:
    def fail_on_read(provider: str) -> ProviderHealth:
        raise AssertionError(provider)

    assert choose_route(REPLACE, ["segmind"], ALL_ON, fail_on_read).provider == "segmind"


@pytest.mark.parametrize(
    ("fields", "offers", "code", "words"),
    [
        ({"seed": 5}, ALL_ON, Code.NOT_EXPRESSIBLE, "runware does not support seed. But ideogram and 1min can do it."),
        ({"seed": 5}, Offers(("runware",)), Code.NOT_EXPRESSIBLE, DISABLED),
        ({}, Offers(PROVIDERS[:3], PRICES), Code.PROVIDER_NOT_CONFIGURED, THREE),
        ({}, Offers(("ideogram",)), Code.PROVIDER_NOT_CONFIGURED, "runware is disabled. But ideogram can do it."),
        ({}, Offers(()), Code.PROVIDER_NOT_CONFIGURED, "No provider can do it: runware is disabled."),
    ],
)
def test_error_names_the_providers_that_can(fields: dict[str, Any], offers: Offers, code: Code, words: str) -> None:
    with pytest.raises(InstructionError) as raised:
        choose_route({**REPLACE, **fields}, ["runware"], offers, build_running_lane)
    assert (raised.value.code, str(raised.value.message)) == (code, words)


def test_more_images_than_places_are_an_objection_like_a_field_that_cannot_be_expressed() -> None:
    fields, offers = {**REPLACE, "num_images": 4}, replace(ALL_ON, place_limits={"ideogram": 3})
    with pytest.raises(InstructionError) as raised:
        choose_route(fields, ["ideogram"], offers, build_running_lane)
    assert raised.value.code is Code.MORE_IMAGES_THAN_PLACES
    assert "But 1min and runware can do it." in str(raised.value.message)
    route = choose_route(fields, ["ideogram", "runware"], offers, build_running_lane)
    assert (route.provider, len(route.passed_over)) == ("runware", 1)
    enough = replace(offers, place_limits={"ideogram": 4})
    assert choose_route(fields, ["ideogram"], enough, build_running_lane).provider == "ideogram"


def test_quote_uses_the_most_expensive_provider() -> None:
    assert find_max_quote(REPLACE, ["ideogram", "segmind", "runware"], ALL_ON) == 75_000
    assert find_max_quote({**REPLACE, "max_cost_usd": 0.07}, ["ideogram", "segmind"], ALL_ON) == 60_000
    assert find_max_quote(REPLACE, ["1min"], Offers(PROVIDERS)) is None


@pytest.mark.parametrize(
    ("lane", "leaves"),
    [
        (build_running_lane("ideogram"), False),
        (build_failing_lane("ideogram"), True),
        (replace(build_failing_lane("ideogram"), next_probe_at=NOW), False),
        (build_paused_lane("ideogram"), True),
        (build_paused_lane("ideogram", PauseReason.OPERATOR), True),
        (build_paused_lane("ideogram", PauseReason.BUDGET), False),
        (build_paused_lane("ideogram", PauseReason.DELIVERY), False),
        (replace(build_paused_lane("ideogram"), is_half_open=True), False),
        (start_probe(replace(build_paused_lane("ideogram"), is_half_open=True), NOW, LATER), True),
    ],
)
def test_job_leaves_a_lane_that_its_provider_blocks(lane: ProviderHealth, leaves: bool) -> None:
    assert should_fail_over(lane, NOW) is leaves


@pytest.mark.parametrize("retry_class", RetryClass)
@pytest.mark.parametrize("times", [1, FAILOVER_AFTER_FAILURES])
def test_only_pauses_and_long_backoffs_lead_to_another_lane(retry_class: RetryClass, times: int) -> None:
    is_long_backoff = retry_class in (RetryClass.BACKOFF, RetryClass.NOW) and times == FAILOVER_AFTER_FAILURES
    expected = retry_class is RetryClass.PAUSE or is_long_backoff
    assert is_persistent_failure(ProviderResult(retry_class), times) is expected


def test_long_retry_after_leads_to_failover() -> None:
    soon = ProviderResult(
        RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, retry_after_seconds=FAILOVER_AFTER_WAIT_SECONDS - 1
    )
    late = ProviderResult(
        RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, retry_after_seconds=FAILOVER_AFTER_WAIT_SECONDS
    )
    throttled = ProviderResult(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after_seconds=3600)
    assert [is_persistent_failure(one, 1) for one in (soon, late, throttled)] == [False, True, False]


ATTEMPTS = st.lists(
    st.builds(
        Attempt,
        n=st.integers(1, 9),
        provider=st.sampled_from(PROVIDERS),
        submitted_at=st.just(NOW),
        lease_until=st.just(LATER),
        budget_day=st.just("2026-11-16"),
        reserved=st.sampled_from([0, PRICE]),
        charged=st.sampled_from([0, PRICE]),
        unknown=st.sampled_from([0, PRICE]),
        outcome=st.sampled_from(AttemptOutcome),
        charge_no=st.integers(0, 1),
    ),
    max_size=3,
).map(tuple)
LANES = st.fixed_dictionaries(
    {
        name: st.sampled_from([build_running_lane(name), build_paused_lane(name), build_failing_lane(name)])
        for name in PROVIDERS
    }
)
LISTS = st.lists(st.sampled_from(PROVIDERS), unique=True, min_size=1, max_size=4)


@quick
@given(LISTS, st.sampled_from(JobStatus), ATTEMPTS, LANES, st.sets(st.sampled_from(PROVIDERS)), st.integers(0, 1))
def test_only_an_unpaid_job_moves_to_a_listed_lane(
    named: list[str],
    status: JobStatus,
    attempts: tuple[Attempt, ...],
    how: dict[str, ProviderHealth],
    on: set[str],
    generation: int,
) -> None:
    job = build_job_with_providers(*named, status=status, attempts=attempts, charge_no=generation)
    choice = find_failover_route(job, Offers(on, PRICES), how.__getitem__, None, TODAY)
    available = [name for name in named[1:] if name in on and how[name].allows_calls]
    in_doubt = any(one.money is not MoneyStatus.NOT_SPENT for one in attempts if one.charge_no == generation)
    if status is not JobStatus.ACCEPTED or in_doubt or not available:
        assert choice is None
        return
    assert choice
    assert choice.provider == available[0]
    moved = transitions.change_provider(job, choice.provider, choice.price, "why", NOW).job
    assert (moved.provider, moved.job_id, moved.attempts) == (available[0], job.job_id, job.attempts)
    assert (
        find_failover_route(
            replace(job, instructions={**REPLACE, "provider": named[0]}),
            Offers(on, PRICES),
            how.__getitem__,
            None,
            TODAY,
        )
        is None
    )


def test_possibly_charged_job_does_not_move() -> None:
    lost = build_job_with_providers("ideogram", "runware", attempts=(_job_with_lost_answer(),))
    with pytest.raises(ConflictError):
        transitions.change_provider(lost, "runware", PRICE, "why", NOW)
    with pytest.raises(ConflictError):
        transitions.change_provider(build_job_with_providers("ideogram"), "ideogram", PRICE, "why", NOW)


def _job_with_lost_answer() -> Attempt:
    return Attempt(
        n=1,
        provider="ideogram",
        submitted_at=NOW,
        lease_until=LATER,
        budget_day="2026-11-16",
        reserved=0,
        unknown=PRICE,
        outcome=AttemptOutcome.LOST,
    )


def test_warnings_list_only_the_latest_moves() -> None:
    job = build_job_with_providers(
        "ideogram", "runware", warnings=(build_warning("segmind is disabled", WarningCode.PASSED_OVER),)
    )
    for n in range(20):
        to = "runware" if job.provider == "ideogram" else "ideogram"
        job = transitions.change_provider(job, to, PRICE, f"for the {n}th time", NOW).job
    assert list_warning_codes(job) == [WarningCode.PASSED_OVER, *[WarningCode.MOVED] * 5]
    assert [str(one.text).rpartition(" for the ")[2] for one in job.warnings[1:]] == [
        f"{n}th time" for n in range(15, 20)
    ]
