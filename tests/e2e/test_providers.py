"""Each of the providers on the whole stack: its own lane, its own price, and the failure that is its own."""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import eventually

# What a picture at TURBO costs, and who says so.
PRICES = {
    "ideogram": (0.03, "price_list"),
    "segmind": (0.0375, "reported"),
    "1min": (0.05, "configured"),
    "runware": (0.03, "reported"),
}
ON_THE_BILL = {"1min": "onemin"}
SOON = "10"
SUBMIT = {"segmind": "v2/ideogram-3-replace-background", "1min": "features"}


@contextmanager
def lost_soon(folder: Folder, policy: str) -> Generator[None]:
    """Render waits but seconds for Segmind and 1min.ai; this is done where nobody can be asked."""
    with folder.shop.running(
        "render", SEGMIND_TIMEOUT_SECONDS=SOON, ONE_MIN_TIMEOUT_SECONDS=SOON, ON_LOST_ANSWER=policy
    ):
        yield


def bought(folder: Folder) -> list[tuple[str, float]]:
    """Who charged how much for this folder's prompt; work that failed for nothing stands on no bill."""
    sha = hashlib.sha256(folder.prompt.encode()).hexdigest()
    keys = folder.shop.standin.see("bill")["keys"]
    jobs = [(key["provider"], job) for key in keys for job in key["jobs"] if job["prompt_sha"] == sha]
    return [(provider, usd) for provider, job in jobs if (usd := float(job["usd"]))]


def story(job: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What a receipt tells of a job's attempts."""
    return [(one["provider"], one["outcome"], one["money"]) for one in job["attempts"]]


@pytest.mark.parametrize("provider", PRICES)
def test_every_provider_makes_a_picture_and_the_receipt_says_what_it_cost(folder: Folder, provider: str) -> None:
    usd, basis = PRICES[provider]
    folder.drop("red.jpg", {**folder.wish, "provider": provider})
    job = folder.stored("red.jpg")
    assert (job["provider"], job["cost"]) == (provider, {"usd": usd, "basis": basis, "unknown_usd": 0})
    assert story(job) == [(provider, "answered", "spent")]
    assert bought(folder) == [(ON_THE_BILL.get(provider, provider), usd)]
    assert folder.picture("red.jpg", "red.png").size == (job["results"][0]["width"], job["results"][0]["height"])


@pytest.mark.parametrize("provider", ["segmind", "1min", "runware"])
def test_who_can_only_replace_refuses_to_remove_and_names_who_can(folder: Folder, provider: str) -> None:
    folder.drop("red.jpg", {"operation": "remove", "provider": provider})
    entry = folder.wrong("red.jpg", "not_expressible")
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    assert "ideogram can" in entry["message"]


def test_a_provider_that_is_off_is_refused_and_buys_nothing(folder: Folder) -> None:
    with folder.shop.running("intake", RUNWARE_QUEUE_URL=""):
        folder.drop("red.jpg", {**folder.wish, "provider": "runware"})
        entry = folder.wrong("red.jpg", "provider_not_configured")
        assert (entry["status"], entry["money"]) == ("refused", "not_spent")
        assert "Name another provider" in entry["hint"]
        folder.settle()
    assert bought(folder) == []


@pytest.mark.parametrize("provider", SUBMIT)
def test_a_lost_acknowledgement_cannot_be_asked_after_and_is_held(folder: Folder, provider: str) -> None:
    usd = PRICES[provider][0]
    with lost_soon(folder, "hold"):
        folder.fault("accept_then_drop", route=SUBMIT[provider], times=1)
        folder.drop("red.jpg", {**folder.wish, "provider": provider})
        job = folder.ended("red.jpg", "held")
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0, usd)
    assert story(job) == [(provider, "lost", "unknown")]
    assert bought(folder) == [(ON_THE_BILL.get(provider, provider), usd)]


@pytest.mark.parametrize(("provider", "question"), [("segmind", "v2/requests/status"), ("1min", "results")])
def test_what_was_acknowledged_is_asked_after_until_it_is_told_and_bought_once(
    folder: Folder, provider: str, question: str
) -> None:
    folder.fault("poll_5xx", route=question, times=2)
    folder.drop("red.jpg", {**folder.wish, "provider": provider})
    job = folder.stored("red.jpg")
    assert story(job) == [(provider, "answered", "spent")]
    assert len(bought(folder)) == 1


def test_a_lost_answer_of_runware_is_found_by_our_own_id_and_charges_once(folder: Folder) -> None:
    folder.fault("accept_then_drop", route="imageInference", times=1)
    folder.drop("red.jpg", {**folder.wish, "provider": "runware"})
    job = folder.stored("red.jpg")
    assert story(job) == [("runware", "answered", "spent")]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.03, 0)
    assert bought(folder) == [("runware", 0.03)]


def test_a_prompt_that_segmind_finds_unsafe_is_refused_for_nothing(folder: Folder) -> None:
    folder.fault("unsafe", {"form": "detail"})
    folder.drop("red.jpg", {**folder.wish, "provider": "segmind"})
    entry = folder.wrong("red.jpg", "unsafe_request")
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    assert bought(folder) == []


def test_work_that_failed_at_1min_is_tried_once_more_and_the_first_charge_stays_in_doubt(folder: Folder) -> None:
    with lost_soon(folder, "retry_once"):
        folder.fault("job_fails", times=1)
        folder.drop("red.jpg", {**folder.wish, "provider": "1min"})
        job = folder.stored("red.jpg")
    assert story(job) == [("1min", "lost", "unknown"), ("1min", "answered", "spent")]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.05, 0.05)
    assert bought(folder) == [("onemin", 0.05)]


def test_no_money_at_one_provider_pauses_its_lane_and_no_other(folder: Folder) -> None:
    shop = folder.shop
    shop.standin.fault("balance", {"usd": "0"}, provider="segmind")
    folder.drop("poor.jpg", {**folder.wish, "provider": "segmind"})
    report = eventually(lambda: shop.provider_report("segmind"), "Segmind's report")
    assert [entry["code"] for entry in report["errors"]] == ["provider_out_of_money"]
    for provider in ("ideogram", "1min", "runware"):
        folder.drop(f"{provider}.jpg", {**folder.wish, "provider": provider})
        folder.stored(f"{provider}.jpg")
        assert shop.provider_report(provider) is None
    folder.waits("poor.jpg")
    shop.standin.control("faults", method="DELETE")
    shop.backdrop("resume", "segmind")
    folder.stored("poor.jpg")


def test_a_job_goes_on_along_its_list_and_the_receipt_tells_the_story(folder: Folder) -> None:
    folder.shop.standin.fault("balance", {"usd": "0"}, provider="segmind")
    folder.drop("red.jpg", {**folder.wish, "provider": ["segmind", "runware"]})
    job = folder.stored("red.jpg")
    assert story(job) == [("segmind", "not_taken", "not_spent"), ("runware", "answered", "spent")]
    (told,) = job["warnings"]
    assert told.startswith("moved from segmind to runware: ")
    assert (job["provider"], bought(folder)) == ("runware", [("runware", 0.03)])
    folder.drop("blue.jpg", {**folder.wish, "provider": ["segmind", "runware"]})
    job = folder.stored("blue.jpg")
    assert story(job) == [("runware", "answered", "spent")]
    assert job["warnings"] == ["passed over: segmind is paused (provider_out_of_money)"]
