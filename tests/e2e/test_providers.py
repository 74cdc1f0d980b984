"""Each provider in a deployed stack: its lane, its prices, and its specific failures."""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

# The price of a picture at TURBO in US dollars, and its basis.
PRICES = {
    "ideogram": (0.03, "price_list"),
    "segmind": (0.0375, "reported"),
    "1min": (0.05, "configured"),
    "runware": (0.03, "reported"),
}
NAMES_ON_THE_BILL = {"1min": "onemin"}
SHORT_TIMEOUT = "10"
SUBMIT_ROUTES = {"segmind": "v2/ideogram-3-replace-background", "1min": "features"}


@contextmanager
def short_timeouts(folder: Folder, policy: str) -> Generator[None]:
    """Render waits only seconds for Segmind and 1min.ai. `policy`: what render does when no lookup is possible."""
    with folder.stack.override_environment(
        "render", SEGMIND_TIMEOUT_SECONDS=SHORT_TIMEOUT, ONE_MIN_TIMEOUT_SECONDS=SHORT_TIMEOUT, ON_LOST_ANSWER=policy
    ):
        yield


def list_charges(folder: Folder) -> list[tuple[str, float]]:
    """Returns the charges for this folder's prompt by provider, without calls that failed free of charge."""
    sha = hashlib.sha256(folder.prompt.encode()).hexdigest()
    keys = folder.stack.standin.see("bill")["keys"]
    jobs = [(key["provider"], job) for key in keys for job in key["jobs"] if job["prompt_sha"] == sha]
    return [(provider, usd) for provider, job in jobs if (usd := float(job["usd"]))]


def summarize_attempts(job: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the provider, outcome, and money of a job's attempts."""
    return [(attempt["provider"], attempt["outcome"], attempt["money"]) for attempt in job["attempts"]]


@pytest.mark.parametrize("provider", PRICES)
def test_every_provider_makes_a_picture_with_its_cost(folder: Folder, provider: str) -> None:
    usd, basis = PRICES[provider]
    folder.drop("red.jpg", {**folder.instructions, "provider": provider})
    job = folder.wait_until_stored("red.jpg")
    assert (job["provider"], job["cost"]) == (provider, {"usd": usd, "basis": basis, "unknown_usd": 0})
    assert summarize_attempts(job) == [(provider, "answered", "spent")]
    assert list_charges(folder) == [(NAMES_ON_THE_BILL.get(provider, provider), usd)]
    assert folder.picture("red.jpg", "red.png").size == (job["results"][0]["width"], job["results"][0]["height"])


@pytest.mark.parametrize("provider", ["segmind", "1min", "runware"])
def test_refusal_of_an_unsupported_operation_names_a_capable_provider(folder: Folder, provider: str) -> None:
    folder.drop("red.jpg", {"operation": "remove", "provider": provider})
    entry = folder.wait_for_error("red.jpg", "not_expressible")
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    assert "ideogram can" in entry["message"]


def test_disabled_provider_is_refused_and_buys_nothing(folder: Folder) -> None:
    with folder.stack.override_environment("intake", RUNWARE_QUEUE_URL=""):
        folder.drop("red.jpg", {**folder.instructions, "provider": "runware"})
        entry = folder.wait_for_error("red.jpg", "provider_not_configured")
        assert (entry["status"], entry["money"]) == ("refused", "not_spent")
        assert "Name another provider" in entry["hint"]
        folder.wait_until_queues_empty()
    assert list_charges(folder) == []


@pytest.mark.parametrize("provider", SUBMIT_ROUTES)
def test_lost_acknowledgement_without_a_lookup_is_held(folder: Folder, provider: str) -> None:
    usd = PRICES[provider][0]
    with short_timeouts(folder, "hold"):
        folder.add_fault("accept_then_drop", route=SUBMIT_ROUTES[provider], times=1)
        folder.drop("red.jpg", {**folder.instructions, "provider": provider})
        job = folder.wait_for_status("red.jpg", "held")
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0, usd)
    assert summarize_attempts(job) == [(provider, "lost", "unknown")]
    assert list_charges(folder) == [(NAMES_ON_THE_BILL.get(provider, provider), usd)]


@pytest.mark.parametrize(("provider", "lookup_route"), [("segmind", "v2/requests/status"), ("1min", "results")])
def test_acknowledged_call_is_polled_and_charged_once(folder: Folder, provider: str, lookup_route: str) -> None:
    folder.add_fault("poll_5xx", route=lookup_route, times=2)
    folder.drop("red.jpg", {**folder.instructions, "provider": provider})
    job = folder.wait_until_stored("red.jpg")
    assert summarize_attempts(job) == [(provider, "answered", "spent")]
    assert len(list_charges(folder)) == 1


def test_lost_runware_answer_is_found_and_charged_once(folder: Folder) -> None:
    folder.add_fault("accept_then_drop", route="imageInference", times=1)
    folder.drop("red.jpg", {**folder.instructions, "provider": "runware"})
    job = folder.wait_until_stored("red.jpg")
    assert summarize_attempts(job) == [("runware", "answered", "spent")]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.03, 0)
    assert list_charges(folder) == [("runware", 0.03)]


def test_unsafe_prompt_at_segmind_is_refused_without_a_charge(folder: Folder) -> None:
    folder.add_fault("unsafe", {"form": "detail"})
    folder.drop("red.jpg", {**folder.instructions, "provider": "segmind"})
    entry = folder.wait_for_error("red.jpg", "unsafe_request")
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    assert list_charges(folder) == []


def test_failed_1min_work_is_retried_with_an_unknown_charge(folder: Folder) -> None:
    with short_timeouts(folder, "retry_once"):
        folder.add_fault("job_fails", times=1)
        folder.drop("red.jpg", {**folder.instructions, "provider": "1min"})
        job = folder.wait_until_stored("red.jpg")
    assert summarize_attempts(job) == [("1min", "lost", "unknown"), ("1min", "answered", "spent")]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.05, 0.05)
    assert list_charges(folder) == [("onemin", 0.05)]


def test_empty_balance_pauses_only_the_providers_own_lane(folder: Folder) -> None:
    stack = folder.stack
    stack.standin.add_fault("balance", {"usd": "0"}, provider="segmind")
    folder.drop("poor.jpg", {**folder.instructions, "provider": "segmind"})
    report = eventually(lambda: stack.provider_report("segmind"), "Segmind's report")
    assert [entry["code"] for entry in report["errors"]] == ["provider_out_of_money"]
    for provider in ("ideogram", "1min", "runware"):
        folder.drop(f"{provider}.jpg", {**folder.instructions, "provider": provider})
        folder.wait_until_stored(f"{provider}.jpg")
        assert stack.provider_report(provider) is None
    folder.wait_until_unpaid("poor.jpg")
    stack.standin.control("faults", method="DELETE")
    stack.run_backdrop("resume", "segmind")
    folder.wait_until_stored("poor.jpg")


def test_job_fails_over_to_the_next_provider_in_its_list(folder: Folder) -> None:
    folder.stack.standin.add_fault("balance", {"usd": "0"}, provider="segmind")
    folder.drop("red.jpg", {**folder.instructions, "provider": ["segmind", "runware"]})
    job = folder.wait_until_stored("red.jpg")
    assert summarize_attempts(job) == [("segmind", "not_taken", "not_spent"), ("runware", "answered", "spent")]
    (warning,) = job["warnings"]
    assert warning.startswith("moved: from segmind to runware: ")
    assert (job["provider"], list_charges(folder)) == ("runware", [("runware", 0.03)])
    folder.drop("blue.jpg", {**folder.instructions, "provider": ["segmind", "runware"]})
    job = folder.wait_until_stored("blue.jpg")
    assert summarize_attempts(job) == [("runware", "answered", "spent")]
    assert job["warnings"] == ["passed_over: segmind is paused (provider_out_of_money)"]


def test_onemin_delivers_every_picture_of_a_call(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.instructions, "provider": "1min", "num_images": 3})
    job = folder.wait_until_stored("red.jpg")
    usd, basis = PRICES["1min"]
    assert job["cost"] == {"usd": round(3 * usd, 6), "basis": basis, "unknown_usd": 0}
    assert folder.pictures("red.jpg") == ["red.png", "red_2.png", "red_3.png"]
    assert len({result["seed"] for result in job["results"]}) == 3
    assert list_charges(folder) == [("onemin", round(3 * usd, 6))]


@pytest.mark.parametrize("style_type", ["RENDER_3D", "ANIME"])
def test_runware_takes_the_styles_that_only_it_has(folder: Folder, style_type: str) -> None:
    folder.drop("red.jpg", {**folder.instructions, "provider": ["1min", "runware"], "style_type": style_type})
    job = folder.wait_until_stored("red.jpg")
    assert (job["provider"], job["instructions"]["style_type"]) == ("runware", style_type)
    assert list_charges(folder) == [("runware", PRICES["runware"][0])]


def test_prompt_beyond_a_providers_limit_moves_to_the_next_one(folder: Folder) -> None:
    prompt = f"{folder.prompt} {'with a very long description of the light ' * 60}".strip()
    folder.drop("red.jpg", {**folder.instructions, "prompt": prompt, "provider": "runware"})
    entry = folder.wait_for_error("red.jpg", "not_expressible")
    assert "runware accepts text of 1 to 2,000 characters for prompt" in entry["message"]
    assert entry["money"] == "not_spent"
    folder.drop("blue.jpg", {**folder.instructions, "prompt": prompt, "provider": ["runware", "segmind"]})
    assert folder.wait_until_stored("blue.jpg")["provider"] == "segmind"


def test_onemin_takes_five_reference_images(folder: Folder) -> None:
    names = [f"style-{n}.txt" for n in range(5)]
    for name in names:
        folder.put(name, folder.photo(name))
    keys = [folder.key(name) for name in names]
    folder.drop("red.jpg", {**folder.instructions, "provider": "1min", "style_reference_images": keys})
    folder.wait_until_stored("red.jpg")
    assert list_charges(folder) == [("onemin", PRICES["1min"][0])]
