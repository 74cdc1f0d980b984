"""The bill lists every charge once, at the provider's price, and detects duplicates."""

import pytest

from tests.contract.standin_client import StandinClient, text


def test_bill_lists_every_job_and_its_charge(standin: StandinClient) -> None:
    standin.replace(text("num_images", "2"), text("rendering_speed", "QUALITY"))
    standin.remove("another-key")
    bill = standin.see("bill")
    first, second = bill["keys"]
    (job,) = first.pop("jobs")
    assert first == {
        "key": "…-key",
        "account": first["account"],
        "provider": "ideogram",
        "accepted": 1,
        "images": 2,
        "usd": "0.18",
        "unsafe": 0,
        "dropped_after_accept": 0,
    }
    assert set(job) >= {"id", "prompt_sha", "client_hint", "answered", "downloaded"}
    assert (job["n"], job["speed"], job["usd"]) == (2, "QUALITY", "0.18")
    assert (second["usd"], bill["total_usd"], bill["duplicates"]) == ("0.01", "0.19", [])


def test_same_work_charged_twice_is_a_duplicate(standin: StandinClient) -> None:
    standin.replace(prompt="one")
    standin.replace(prompt="two")
    standin.replace(text("seed", "1"), prompt="one")
    standin.replace(prompt="one", key="another-key")
    (group,) = standin.see("bill")["duplicates"]
    assert (group["charges"], group["usd"], group["route"]) == (2, "0.12", "replace-background")
    one_again = [job["id"] for job in standin.jobs() if job["prompt_sha"] == group["prompt_sha"]]
    assert set(group["jobs"]) < set(one_again)


def test_work_that_was_free_once_is_not_a_duplicate(standin: StandinClient) -> None:
    standin.add_fault("error_in_200", {"billed": False}, times=1)
    for _ in range(2):
        standin.replace()
    assert standin.see("bill")["duplicates"] == []


@pytest.mark.parametrize(
    ("speed", "usd"),
    [("FLASH", "0.03"), ("TURBO", "0.03"), ("DEFAULT", "0.06"), ("QUALITY", "0.09")],
)
def test_price_depends_on_images_and_speed(standin: StandinClient, speed: str, usd: str) -> None:
    standin.replace(text("rendering_speed", speed))
    assert standin.total_usd() == usd


def test_price_is_per_image_and_removal_costs_a_cent(
    standin: StandinClient,
) -> None:
    totals = [standin.total_usd()]
    for _ in range(2):
        standin.replace(text("num_images", "3"))
        totals.append(standin.total_usd())
    standin.remove()
    totals.append(standin.total_usd())
    assert totals == ["0.00", "0.18", "0.36", "0.37"]
