"""A call whose answer is lost is sent once more or held for a person, and the receipt has its possible cost."""

from collections.abc import Generator

import pytest

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.folder import Folder

SHORT_TIMEOUT = "3"
TIMEOUT_WITH_RETRY = "10"
LOST_ANSWERS = [
    pytest.param("accept_then_drop", {}, 1, id="connection-closed"),
    pytest.param("accept_then_wait", {}, 1, id="longer-than-the-timeout"),
    pytest.param("status", {"code": 502, "after_run": True}, 1, id="502-after-the-run"),
    pytest.param("status", {"code": 500}, 0, id="500-without-a-charge"),
]


@pytest.fixture
def held(stack: DeployedStack) -> Generator[None]:
    """Render waits only seconds for an answer, and holds a job whose answer is lost for a person."""
    with stack.override_environment("render", IDEOGRAM_TIMEOUT_SECONDS=SHORT_TIMEOUT, ON_LOST_ANSWER="hold"):
        yield


@pytest.fixture
def retried(stack: DeployedStack) -> Generator[None]:
    """Render waits only seconds for an answer, and sends a call whose answer is lost once more."""
    with stack.override_environment("render", IDEOGRAM_TIMEOUT_SECONDS=TIMEOUT_WITH_RETRY, ON_LOST_ANSWER="retry_once"):
        yield


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(("fault", "args", "charge_count"), LOST_ANSWERS)
def test_held_lost_answer_is_charged_at_most_once(
    folder: Folder, fault: str, args: dict[str, object], charge_count: int
) -> None:
    folder.add_fault(fault, args)
    folder.drop("red.jpg", folder.instructions)
    folder.assert_held("red.jpg")
    folder.wait_until_queues_empty()
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"] * charge_count
    event = folder.wait_for_event("red.jpg")
    assert event["detail-type"] == "Image Failed"
    assert event["detail"]["job"]["status"] == "held"
    assert folder.dead_letters("red.jpg") == []


@pytest.mark.usefixtures("retried")
def test_retried_lost_answer_has_both_charges_in_the_receipt(folder: Folder) -> None:
    folder.add_fault("accept_then_drop", times=1)
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    attempts = [(attempt["outcome"], attempt["money"]) for attempt in job["attempts"]]
    assert attempts == [("lost", "unknown"), ("answered", "spent")]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.03, 0.03)
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"] * 2


@pytest.mark.usefixtures("retried")
def test_job_is_held_after_a_second_lost_answer(folder: Folder) -> None:
    folder.add_fault("accept_then_drop")
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_for_status("red.jpg", "held")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "lost"]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0, 0.06)
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 2
