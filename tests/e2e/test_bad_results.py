"""A paid result that cannot be delivered ends with its own code, and is not bought again."""

import pytest

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

PAID_FAILURES = [
    pytest.param("unsafe", {"which": [0]}, "*", "unsafe_result", id="unsafe"),
    pytest.param("unsafe", {"which": [0], "form": "missing"}, "*", "unsafe_result", id="unsafe-without-a-reason"),
    pytest.param("expired_url", {}, "*", "link_expired", id="expired-link"),
    pytest.param("html_error", {"code": 200}, "cdn", "result_not_an_image", id="html-page"),
    pytest.param("truncated", {}, "*", "result_truncated", id="truncated"),
    pytest.param("truncated", {"chunked": True}, "*", "result_truncated", id="truncated-without-a-length"),
    pytest.param("redirect", {}, "*", "result_redirected", id="redirect"),
    pytest.param("status", {"code": 404}, "cdn", "result_gone", id="gone"),
    pytest.param("foreign_url", {"kind": "host"}, "*", "result_foreign_host", id="foreign-host"),
    pytest.param("foreign_url", {"kind": "http"}, "*", "result_foreign_host", id="plain-http"),
    pytest.param("foreign_url", {"kind": "loopback"}, "*", "result_foreign_host", id="another-port-here"),
    pytest.param("foreign_url", {"kind": "userinfo"}, "*", "result_foreign_host", id="host-in-the-user-info"),
]


def assert_failure_is_reported(folder: Folder, code: str, money: str) -> None:
    """Asserts that the report, the dead letter, and the event have the same error, and that there is no picture."""
    entry = folder.wait_for_error("red.jpg", code)
    job = folder.wait_for_status("red.jpg", "dead")
    assert (entry["status"], entry["job_id"]) == ("dead", job["job_id"])
    assert (entry["retryable"], entry["money"]) == (False, money)
    assert folder.pictures("red.jpg") == []
    letter = eventually(lambda: folder.dead_letters("red.jpg"), "a dead letter")[0]
    expected = {"code": code, "reason": entry["message"], "money": money}
    attributes = letter.attributes
    assert int(attributes.pop("lock_version")) > 0
    assert attributes == {**expected, "job_id": job["job_id"], "provider": "ideogram"}
    event = folder.wait_for_event("red.jpg")
    assert event["detail-type"] == "Image Failed"
    assert event["detail"]["errors"] == [entry]


@pytest.mark.parametrize(("fault", "args", "route", "code"), PAID_FAILURES)
def test_unusable_paid_result_ends_dead_and_is_not_bought_again(
    folder: Folder, fault: str, args: dict[str, object], route: str, code: str
) -> None:
    folder.add_fault(fault, args, route=route)
    folder.drop("red.jpg", folder.instructions)
    assert_failure_is_reported(folder, code, "spent")
    job = folder.wait_for_status("red.jpg", "dead")
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.03, 0)
    folder.wait_until_queues_empty()
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]


def test_opaque_cut_out_ends_dead_and_its_file_is_kept(folder: Folder) -> None:
    folder.stack.standin.add_fault("wrong_type", {"bytes_as": "JPEG"}, route="remove-background")
    folder.drop("red.jpg", tags={"operation": "remove"})
    assert_failure_is_reported(folder, "result_not_transparent", "spent")
    job = folder.wait_for_status("red.jpg", "dead")
    assert job["cost"]["usd"] == 0.01
    assert len(folder.list_outputs(f"_backdrop/paid/{job['job_id']}/")) == 1


def test_request_rejected_by_the_provider_ends_dead_without_a_charge(folder: Folder) -> None:
    folder.add_fault("status", {"code": 400})
    folder.drop("red.jpg", folder.instructions)
    assert_failure_is_reported(folder, "request_rejected", "not_spent")
    assert folder.charges() == []


def test_prompt_refused_by_the_safety_check_causes_no_dead_letter(folder: Folder) -> None:
    folder.add_fault("status", {"code": 422})
    folder.drop("red.jpg", folder.instructions)
    entry = folder.wait_for_error("red.jpg", "unsafe_request")
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    folder.wait_until_queues_empty()
    assert folder.dead_letters("red.jpg") == []
    assert folder.charges() == []


def test_one_unsafe_picture_of_two_leaves_a_warning(folder: Folder) -> None:
    folder.add_fault("unsafe", {"which": [0]})
    folder.drop("red.jpg", {**folder.instructions, "num_images": 2})
    job = folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png"]
    assert job["cost"]["usd"] == 0.06
    (warning,) = job["warnings"]
    assert warning.startswith("unsafe_result")


def test_missing_pictures_are_not_charged_and_leave_a_warning(folder: Folder) -> None:
    folder.add_fault("fewer_results")
    folder.drop("red.jpg", {**folder.instructions, "num_images": 3})
    job = folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png", "red_2.png"]
    assert job["cost"]["usd"] == 0.06
    (warning,) = job["warnings"]
    assert warning.startswith("fewer_results")


def test_one_failed_download_of_two_leaves_a_warning(folder: Folder) -> None:
    folder.add_fault("status", {"code": 404}, route="cdn", times=1)
    folder.drop("red.jpg", {**folder.instructions, "num_images": 2})
    job = folder.wait_until_stored("red.jpg")
    assert len(folder.pictures("red.jpg")) == 1
    (warning,) = job["warnings"]
    assert warning.startswith("result_gone")


def test_transient_download_error_is_retried_without_another_purchase(folder: Folder) -> None:
    folder.add_fault("cdn_5xx", {"times": 1})
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_stored("red.jpg")
    assert len(folder.charges()) == 1
