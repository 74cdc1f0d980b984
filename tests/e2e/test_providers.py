"""Each provider in a deployed stack: its lane, its secret, and its prices. A job moves to another one."""

import hashlib
from typing import Any

from tests.e2e.folder import Folder

# The price of a picture at TURBO in US dollars, and its basis.
PRICES = {
    "ideogram": (0.03, "price_list"),
    "segmind": (0.0375, "reported"),
    "1min": (0.05, "configured"),
    "runware": (0.03, "reported"),
}
NAMES_ON_THE_BILL = {"1min": "onemin"}


def list_charges(folder: Folder) -> list[tuple[str, float]]:
    """Returns the charges for this folder's prompt by provider, without calls that failed free of charge."""
    sha = hashlib.sha256(folder.prompt.encode()).hexdigest()
    keys = folder.stack.standin.see("bill")["keys"]
    jobs = [(key["provider"], job) for key in keys for job in key["jobs"] if job["prompt_sha"] == sha]
    return [(provider, usd) for provider, job in jobs if (usd := float(job["usd"]))]


def summarize_attempts(job: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the provider, outcome, and money of a job's attempts."""
    return [(attempt["provider"], attempt["outcome"], attempt["money"]) for attempt in job["attempts"]]


def test_every_provider_makes_a_picture_with_its_cost(folder: Folder) -> None:
    for provider in PRICES:
        folder.drop(f"{provider}.jpg", {**folder.instructions, "provider": provider})
    for provider, (usd, basis) in PRICES.items():
        job = folder.wait_until_stored(f"{provider}.jpg")
        assert (job["provider"], job["cost"]) == (provider, {"usd": usd, "basis": basis, "unknown_usd": 0})
        assert summarize_attempts(job) == [(provider, "answered", "spent")]
        size = job["results"][0]["width"], job["results"][0]["height"]
        assert folder.picture(f"{provider}.jpg", f"{provider}.png").size == size
    names = {name: NAMES_ON_THE_BILL.get(name, name) for name in PRICES}
    assert sorted(list_charges(folder)) == sorted((names[name], usd) for name, (usd, _) in PRICES.items())


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
