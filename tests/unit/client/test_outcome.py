"""How far a photo is follows from its receipt and its error report."""

from typing import Any

import pytest

from backdrop_client.outcome import State, find_outcome


def build_job(status: str, variant: str | None = None, **changes: Any) -> dict[str, Any]:
    return {"job_id": f"job {variant}", "variant": variant, "current": True, "status": status} | changes


def build_error(
    code: str, variant: str | None = None, *, of_job: bool = True, retryable: bool = False
) -> dict[str, Any]:
    job_id = f"job {variant}" if of_job else None
    return {"job_id": job_id, "variant": variant, "code": code, "retryable": retryable}


REFUSAL, DELAY = build_error("not_a_photo", of_job=False), build_error("mandate_waits", retryable=True)

FORBIDDEN_ELM = build_error("mandate_forbids", "elm", of_job=False)


@pytest.mark.parametrize(
    ("jobs", "errors", "state"),
    [
        ([], [], State.UPLOADED),
        ([], [REFUSAL], State.REFUSED),
        ([], [REFUSAL | {"retryable": True}], State.WAITING),
        ([build_job("accepted")], [], State.WORKING),
        ([build_job("accepted")], [DELAY], State.WAITING),
        ([build_job("paid")], [], State.WORKING),
        ([build_job("stored")], [], State.STORED),
        ([build_job("stored")], [REFUSAL], State.STORED),
        ([build_job("stored", current=False)], [], State.UPLOADED),
        ([build_job("stored"), build_job("dead", "@mask")], [], State.STORED),
        ([build_job("refused")], [], State.WORKING),
        ([build_job("refused")], [build_error("unsafe_request")], State.REFUSED),
        ([build_job("dead")], [build_error("provider_failed")], State.FAILED),
        ([build_job("held")], [build_error("charge_unknown")], State.FAILED),
        ([build_job("review")], [], State.REVIEW),
        ([build_job("rejected")], [build_error("rejected")], State.REJECTED),
        ([build_job("cancelled")], [], State.CANCELLED),
        ([build_job("superseded")], [], State.CANCELLED),
    ],
)
def test_state_of_a_photo_without_variants(
    jobs: list[dict[str, Any]], errors: list[dict[str, Any]], state: State
) -> None:
    assert find_outcome({"jobs": jobs}, {"errors": errors}).state is state


def test_photo_is_stored_only_with_all_of_its_variants() -> None:
    receipt = {"jobs": [build_job("stored", "oak")]}
    assert find_outcome(receipt, None, ["oak", "sand"]).state is State.UPLOADED
    refusal = build_error("invalid_value", "sand", of_job=False)
    outcome = find_outcome(receipt, {"errors": [refusal]}, ["oak", "sand"])
    assert (outcome.state, outcome.error) == (State.REFUSED, refusal)
    assert find_outcome(receipt, None, ["oak"]).state is State.STORED


@pytest.mark.parametrize(
    ("jobs", "errors", "named", "state"),
    [
        ([build_job("stored", "oak")], [], [], State.STORED),
        ([build_job("stored", "oak")], [FORBIDDEN_ELM], [], State.REFUSED),
        ([], [FORBIDDEN_ELM], [], State.REFUSED),
        ([build_job("stored", "oak"), build_job("stored", current=False)], [], [], State.STORED),
        ([build_job("stored", "oak"), build_job("stored", "sand", current=False)], [], ["sand"], State.STORED),
        ([build_job("stored", "oak"), build_job("stored", "sand", current=False)], [], ["oak", "sand"], State.STORED),
        ([build_job("stored")], [FORBIDDEN_ELM], [], State.STORED),
    ],
)
def test_variants_of_folder_defaults_and_campaigns_decide(
    jobs: list[dict[str, Any]], errors: list[dict[str, Any]], named: list[str], state: State
) -> None:
    assert find_outcome({"jobs": jobs}, {"errors": errors}, named).state is state
