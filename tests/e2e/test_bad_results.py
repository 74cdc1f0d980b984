"""What the provider was paid for and cannot be handed over ends with its own code, and is not bought again."""

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import eventually

PAID_FOR = [
    pytest.param("unsafe", {"which": [0]}, "*", "unsafe_result", id="unsafe"),
    pytest.param("unsafe", {"which": [0], "form": "missing"}, "*", "unsafe_result", id="unsafe-without-a-word"),
    pytest.param("expired_url", {}, "*", "link_expired", id="expired-link"),
    pytest.param("html_error", {"code": 200}, "cdn", "result_not_an_image", id="html-page"),
    pytest.param("truncated", {}, "*", "result_truncated", id="truncated"),
    pytest.param("truncated", {"chunked": True}, "*", "result_truncated", id="truncated-in-silence"),
    pytest.param("redirect", {}, "*", "result_redirected", id="redirect"),
    pytest.param("status", {"code": 404}, "cdn", "result_gone", id="gone"),
    pytest.param("foreign_url", {"kind": "host"}, "*", "result_foreign_host", id="foreign-host"),
    pytest.param("foreign_url", {"kind": "http"}, "*", "result_foreign_host", id="plain-http"),
    pytest.param("foreign_url", {"kind": "loopback"}, "*", "result_foreign_host", id="another-port-here"),
    pytest.param("foreign_url", {"kind": "userinfo"}, "*", "result_foreign_host", id="a-name-in-disguise"),
]


def assert_told(folder: Folder, code: str, money: str) -> None:
    """Report, dead letter and event say the same; no picture appears."""
    entry = folder.wrong("red.jpg", code)
    job = folder.ended("red.jpg", "dead")
    assert (entry["status"], entry["job_id"]) == ("dead", job["job_id"])
    assert (entry["retryable"], entry["money"]) == (False, money)
    assert folder.pictures("red.jpg") == []
    letter = eventually(lambda: folder.dead_letters("red.jpg"), "a dead letter")[0]
    expected = {"code": code, "reason": entry["message"], "money": money}
    told = letter.attributes
    assert int(told.pop("lock_version")) > 0
    assert told == {**expected, "job_id": job["job_id"], "provider": "ideogram"}
    event = folder.event("red.jpg")
    assert event["detail-type"] == "Image Failed"
    assert event["detail"]["errors"] == [entry]


@pytest.mark.parametrize(("fault", "args", "route", "code"), PAID_FOR)
def test_a_paid_result_that_is_no_good_is_dead_and_not_bought_again(
    folder: Folder, fault: str, args: dict[str, object], route: str, code: str
) -> None:
    folder.fault(fault, args, route=route)
    folder.drop("red.jpg", folder.wish)
    assert_told(folder, code, "spent")
    job = folder.ended("red.jpg", "dead")
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.03, 0)
    folder.settle()
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]


def test_a_removed_background_that_is_not_transparent_is_dead_and_its_file_is_kept(folder: Folder) -> None:
    folder.shop.standin.fault("wrong_type", {"bytes_as": "JPEG"}, route="remove-background")
    folder.drop("red.jpg", tags={"operation": "remove"})
    assert_told(folder, "result_not_transparent", "spent")
    job = folder.ended("red.jpg", "dead")
    assert job["cost"]["usd"] == 0.01
    assert len(folder.listed(f"_backdrop/paid/{job['job_id']}/")) == 1


def test_a_request_that_the_provider_rejects_is_dead_and_free(folder: Folder) -> None:
    folder.fault("status", {"code": 400})
    folder.drop("red.jpg", folder.wish)
    assert_told(folder, "request_rejected", "not_spent")
    assert folder.charges() == []


def test_a_prompt_that_the_safety_check_refuses_is_the_uploaders_to_mend(folder: Folder) -> None:
    folder.fault("status", {"code": 422})
    folder.drop("red.jpg", folder.wish)
    entry = folder.wrong("red.jpg", "unsafe_request")
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    folder.settle()
    assert folder.dead_letters("red.jpg") == []
    assert folder.charges() == []


def test_one_unsafe_picture_of_two_leaves_the_other_and_a_warning(folder: Folder) -> None:
    folder.fault("unsafe", {"which": [0]})
    folder.drop("red.jpg", {**folder.wish, "num_images": 2})
    job = folder.stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png"]
    assert job["cost"]["usd"] == 0.06
    (warning,) = job["warnings"]
    assert warning.startswith("unsafe_result")


def test_fewer_pictures_than_asked_for_are_paid_as_they_came(folder: Folder) -> None:
    folder.fault("fewer_results")
    folder.drop("red.jpg", {**folder.wish, "num_images": 3})
    job = folder.stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png", "red_2.png"]
    assert job["cost"]["usd"] == 0.06
    (warning,) = job["warnings"]
    assert warning.startswith("fewer_results")


def test_one_broken_download_of_two_leaves_the_other_and_a_warning(folder: Folder) -> None:
    folder.fault("status", {"code": 404}, route="cdn", times=1)
    folder.drop("red.jpg", {**folder.wish, "num_images": 2})
    job = folder.stored("red.jpg")
    assert len(folder.pictures("red.jpg")) == 1
    (warning,) = job["warnings"]
    assert warning.startswith("result_gone")


def test_a_download_that_fails_for_a_moment_is_tried_again_and_not_bought_again(folder: Folder) -> None:
    folder.fault("cdn_5xx", {"times": 1})
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1
