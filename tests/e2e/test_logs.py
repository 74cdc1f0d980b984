"""A photo can be followed through the logs from its upload to its receipt, whatever its outcome."""

from typing import Any

from tests.e2e.deployed_stack import FED_BY_QUEUES
from tests.e2e.folder import Folder
from tests.e2e.log_polling import poll_logs
from tests.e2e.log_rules import parse_function_lines


def find_lines(folder: Folder, function: str, **fields: str) -> list[dict[str, Any]]:
    """Returns a function's log lines that have these fields."""
    lines = parse_function_lines(folder.stack.read_log(function, folder.started_at))
    return [line for line in lines if fields.items() <= line.items()]


def assert_logged_by_every_function(folder: Folder, name: str, status: str) -> None:
    """Asserts that each function logs the job's ID, and that intake and deliver also log the photo's key."""
    key, job = folder.key(name), folder.wait_for_status(name, status)["job_id"]
    for function in FED_BY_QUEUES:
        fields = {"job_id": job} | ({} if function == "render" else {"key": key})
        poll_logs(folder, lambda f=function, w=fields: find_lines(folder, f, **w), f"{function} logs {fields}")


def test_every_function_logs_the_id_of_a_job(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    assert_logged_by_every_function(folder, "red.jpg", "stored")


def test_every_function_logs_the_id_of_a_failed_job(folder: Folder) -> None:
    folder.add_fault("status", {"code": 404}, nth=1, route="cdn")
    folder.drop("gone.jpg", folder.instructions)
    assert_logged_by_every_function(folder, "gone.jpg", "dead")


def test_photo_without_a_job_is_logged_with_its_key(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": folder.prompt, "style": "no such style"})
    key = folder.key("red.jpg")
    poll_logs(
        folder,
        lambda: find_lines(folder, "intake", key=key, message="photo refused", code="invalid_value"),
        "intake logs the photo",
    )


def test_returned_message_is_logged_with_its_job_and_reason(folder: Folder) -> None:
    folder.add_fault("status", {"code": 503}, times=1)
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_for_status("red.jpg", "stored")["job_id"]
    folder.wait_until_queues_empty()
    lines = poll_logs(
        folder,
        lambda: find_lines(folder, "render", job_id=job, message="message returned to the queue"),
        "render logs the reason",
    )
    assert lines[0]["code"] == "provider_unavailable"
