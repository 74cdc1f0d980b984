"""A limited campaign starts only if its quote is within its limit, and buys no more than was quoted."""

import json
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import RefusedError
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from simulation.world.call_behavior import build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo
from tests.simulated.campaigns.test_plan import REMOVE, Campaigner, read_refusal
from tests.simulated.campaigns.test_plan import campaigner as campaigner
from tests.simulated.content_waits import list_image_requests
from tests.simulated.intake.test_unreadable import deny_access


def test_campaign_above_its_limit_is_refused(campaigner: Campaigner) -> None:
    error = read_refusal(campaigner, max_total_usd=0.019)
    assert error.code is Code.MAX_TOTAL_EXCEEDED
    assert str(error.message) == "The campaign may cost up to $0.02, but max_total_usd allows $0.019."
    assert campaigner.plan(max_total_usd=0.02)["items"] == 2


def test_photos_own_instructions_count_in_the_quote(campaigner: Campaigner) -> None:
    variants = {f"v{n}": {"prompt": f"a beach, {n} palms"} for n in range(3)}
    campaigner.upload("shoes/a.jpg.json", json.dumps({"variants": variants}))
    error = read_refusal(campaigner, instructions={"rendering_speed": "TURBO"}, max_total_usd=0.08)
    assert "$0.09" in str(error.message)


def test_job_of_a_limited_campaign_costs_at_most_its_quote(campaigner: Campaigner) -> None:
    campaigner.plan(max_total_usd=1)
    quoted = {**REMOVE, "variants": {}, "max_cost_usd": 0.01}
    assert [one["instructions"] for one in campaigner.list_items()] == [quoted, quoted]
    campaigner.plan(max_total_usd=1, instructions={**REMOVE, "max_cost_usd": 0.5})
    assert [one["instructions"] for one in campaigner.list_items()] == [quoted, quoted]


@pytest.mark.parametrize(
    ("own_limit", "usd"), [({}, 0.18), ({"max_cost_usd": 0.12}, 0.12), ({"max_cost_usd": 0.1}, 0.06)]
)
def test_retries_count_up_to_the_items_own_limit(
    campaigner: Campaigner, own_limit: dict[str, float], usd: float
) -> None:
    instructions = {"prompt": "at sea", "subject": {"otherwise": "retry", "retries": 2}, **own_limit}
    assert read_refusal(campaigner, instructions=instructions, max_total_usd=2 * usd - 0.01)
    campaigner.plan(max_total_usd=2 * usd, instructions=instructions)
    assert [one["instructions"]["max_cost_usd"] for one in campaigner.list_items()] == [usd, usd]


def test_key_without_a_photo_costs_nothing(campaigner: Campaigner) -> None:
    campaigner.upload("list.jsonl", '{"key": "shoes/a.jpg"}\n{"key": "gone.jpg"}\n')
    assert campaigner.plan(manifest="list.jsonl", max_total_usd=0.01)["items"] == 2


def read_limit_message(campaigner: Campaigner, **given: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        campaigner.plan(**given)
    assert caught.value.code is Code.MAX_TOTAL_EXCEEDED
    return str(caught.value.message)


SIX = {"variants": {f"v{n}": {"seed": n, "max_cost_usd": 1} for n in range(6)}}


@pytest.mark.parametrize(
    ("instructions", "meanwhile"),
    [
        (REMOVE, {"shoes/gone.jpg": b""}),
        ({"prompt": "x", "num_images": 8} | SIX, {"shoes/gone.jpg": b""}),
        ({"prompt": "x", "max_cost_usd": 1}, {"shoes/a.jpg.json": json.dumps({"num_images": 8})}),
        ({"prompt": "x"}, {"shoes/_backdrop.json": json.dumps(SIX)}),
        ({}, {"shoes/_backdrop.json": json.dumps({"prompt": "x"} | SIX)}),
    ],
)
def test_changes_after_the_quote_cause_no_extra_purchases(
    campaigner: Campaigner, instructions: dict[str, Any], meanwhile: dict[str, Any]
) -> None:
    campaigner.upload("shoes/a.jpg.json", json.dumps({"operation": "remove"}))
    campaigner.upload("list.csv", "key\nshoes/a.jpg\nshoes/b.jpg\nshoes/gone.jpg\n")
    campaigner.plan(manifest="list.csv", instructions=instructions, max_total_usd=10)
    for key, data in meanwhile.items():
        campaigner.upload(key, data or build_photo(key))
    assert campaigner.buy_all() <= campaigner.quote_micro_usd()


def test_only_quoted_variants_are_requested_each_with_its_limit(campaigner: Campaigner) -> None:
    instructions = {
        "prompt": "x",
        "variants": {"fine": {"rendering_speed": "QUALITY"}, "cut-out": {"operation": "remove"}},
    }
    campaigner.upload("hats/_backdrop.json", json.dumps(instructions))
    campaigner.plan(prefix="hats/c", instructions={}, max_total_usd=1)
    [one] = campaigner.list_items()
    limits = {"fine": {"max_cost_usd": 0.09}, "cut-out": {"max_cost_usd": 0.01}}
    assert one["instructions"]["variants"] == limits
    assert campaigner.buy_all() == campaigner.quote_micro_usd() == 100_000


def test_instructions_with_errors_stay_unchanged_for_intake(campaigner: Campaigner) -> None:
    campaigner.upload("list.jsonl", '{"key": "shoes/a.jpg", "max_cost_usd": "much"}\n')
    campaigner.plan(manifest="list.jsonl", instructions={}, max_total_usd=1)
    assert [one["instructions"] for one in campaigner.list_items()] == [{"max_cost_usd": "much"}]


def test_existing_purchases_are_deducted_from_the_quote(campaigner: Campaigner) -> None:
    assert campaigner.plan(max_total_usd=0.02)
    assert campaigner.buy_all() == 20_000
    campaigner.upload("shoes/new.jpg", build_photo("new"))
    assert campaigner.plan(max_total_usd=0.01)
    assert campaigner.quote_micro_usd() == 10_000
    campaigner.upload("shoes/a.jpg", build_photo("another a"))
    assert "$0.02" in read_limit_message(campaigner, max_total_usd=0.01)
    assert "$0.18" in read_limit_message(campaigner, instructions={"prompt": "x"}, max_total_usd=0.01)


def test_settled_jobs_cost_nothing_and_fit_any_limit(campaigner: Campaigner) -> None:
    campaigner.upload("shoes/b.jpg", build_photo("shoes/a.jpg"))
    campaigner.upload("shoes/lost.jpg", build_photo("lost"))
    campaigner.world.provider.script.append(build_charged_hang_up())
    campaigner.plan(max_total_usd=1)
    campaigner.buy_all()
    assert len([job for job in campaigner.world.list_jobs() if job.unknown]) == 1
    assert campaigner.plan(max_total_usd=0.01)
    assert (campaigner.quote_micro_usd(), campaigner.buy_all()) == (0, 0)
    assert {job.status for job in campaigner.world.list_jobs()} == {JobStatus.STORED}
    assert [one.problems for one in list_image_requests(campaigner.world)] == [()] * 6


def test_job_that_ended_unpaid_is_quoted_again(campaigner: Campaigner) -> None:
    campaigner.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    campaigner.plan(max_total_usd=1)
    assert campaigner.buy_all() == 10_000
    campaigner.plan(max_total_usd=1)
    assert campaigner.quote_micro_usd() == campaigner.buy_all() == 10_000


def test_folder_defaults_are_read_again_for_each_campaign(campaigner: Campaigner) -> None:
    campaigner.upload("shoes/_backdrop.json", json.dumps({"num_images": 1}))
    campaigner.plan(instructions={"prompt": "x"}, max_total_usd=0.12)
    campaigner.upload("shoes/_backdrop.json", json.dumps({"num_images": 8}))
    assert "$0.96" in read_limit_message(campaigner, instructions={"prompt": "x"}, max_total_usd=0.12)


def test_photo_with_denied_access_is_skipped_and_not_bought(campaigner: Campaigner) -> None:
    campaigner.world.transport.faults_before.append(deny_access("shoes/a.jpg", "KMS.DisabledException", 400))
    assert campaigner.plan(max_total_usd=0.01)["items"] == 2
    assert [one["instructions"]["max_cost_usd"] for one in campaigner.list_items()] == [0, 0.01]
