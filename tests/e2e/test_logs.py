"""A photo can be followed through the logs from its upload to its receipt, whatever becomes of it."""

from typing import Any

from tests.e2e.folder import Folder
from tests.e2e.logs import ours
from tests.e2e.shop import FED_BY_QUEUES
from tests.e2e.told import told


def about(folder: Folder, function: str, **what: str) -> list[dict[str, Any]]:
    """The lines of a function that are about these."""
    lines = ours(folder.shop.log(function, folder.began))
    return [line for line in lines if what.items() <= line.items()]


def assert_is_followed(folder: Folder, name: str, status: str) -> None:
    """Each function says the job's id, the first and the last also the photo's key."""
    key, job = folder.key(name), folder.ended(name, status)["job_id"]
    for function in FED_BY_QUEUES:
        whose = {"job_id": job} | ({} if function == "render" else {"key": key})
        told(folder, lambda f=function, w=whose: about(folder, f, **w), f"{function} tells of {whose}")


def test_a_job_is_found_under_its_id_in_every_function_that_worked_on_it(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    assert_is_followed(folder, "red.jpg", "stored")


def test_a_failed_job_is_found_under_its_id_too(folder: Folder) -> None:
    folder.fault("status", {"code": 404}, nth=1, route="cdn")
    folder.drop("gone.jpg", folder.wish)
    assert_is_followed(folder, "gone.jpg", "dead")


def test_before_there_is_a_job_the_photos_key_is_told(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": folder.prompt, "style": "no such style"})
    key = folder.key("red.jpg")
    told(
        folder,
        lambda: about(folder, "intake", key=key, message="photo refused", code="invalid_value"),
        "intake tells of the photo",
    )


def test_what_waits_in_a_queue_is_told_with_whose_it_is_and_why(folder: Folder) -> None:
    folder.fault("status", {"code": 503}, times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.ended("red.jpg", "stored")["job_id"]
    folder.settle()
    lines = told(
        folder, lambda: about(folder, "render", job_id=job, message="message returned to the queue"), "render says why"
    )
    assert lines[0]["code"] == "provider_unavailable"
