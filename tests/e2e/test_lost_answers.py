"""A call whose answer is lost: sent once more or left to a person, and the receipt says what it may have cost."""

from collections.abc import Generator

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop

SOON = "3"
SOON_ENOUGH_TO_ANSWER = "10"
LOST = [
    pytest.param("accept_then_drop", {}, 1, id="connection-closed"),
    pytest.param("accept_then_wait", {}, 1, id="longer-than-the-time-out"),
    pytest.param("status", {"code": 502, "after_run": True}, 1, id="502-after-the-run"),
    pytest.param("status", {"code": 500}, 0, id="500-without-a-charge"),
]


@pytest.fixture
def held(shop: Shop) -> Generator[None]:
    """Render waits but seconds for an answer, and leaves a lost one to a person."""
    with shop.running("render", IDEOGRAM_TIMEOUT_SECONDS=SOON, ON_LOST_ANSWER="hold"):
        yield


@pytest.fixture
def retried(shop: Shop) -> Generator[None]:
    """Render waits but seconds for an answer, and sends a call that is lost once more."""
    with shop.running("render", IDEOGRAM_TIMEOUT_SECONDS=SOON_ENOUGH_TO_ANSWER, ON_LOST_ANSWER="retry_once"):
        yield


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(("fault", "args", "billed"), LOST)
def test_a_lost_answer_that_is_left_to_a_person_is_held_and_charged_at_most_once(
    folder: Folder, fault: str, args: dict[str, object], billed: int
) -> None:
    folder.fault(fault, args)
    folder.drop("red.jpg", folder.wish)
    folder.assert_held("red.jpg")
    folder.settle()
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"] * billed
    event = folder.event("red.jpg")
    assert event["detail-type"] == "Image Failed"
    assert event["detail"]["job"]["status"] == "held"
    assert folder.dead_letters("red.jpg") == []


@pytest.mark.usefixtures("retried")
def test_a_lost_answer_is_sent_for_once_more_and_both_charges_are_in_the_receipt(folder: Folder) -> None:
    folder.fault("accept_then_drop", times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    attempts = [(one["outcome"], one["money"]) for one in job["attempts"]]
    assert attempts == [("lost", "unknown"), ("answered", "spent")]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.03, 0.03)
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"] * 2


@pytest.mark.usefixtures("retried")
def test_a_second_lost_answer_is_held(folder: Folder) -> None:
    folder.fault("accept_then_drop")
    folder.drop("red.jpg", folder.wish)
    job = folder.ended("red.jpg", "held")
    assert [one["outcome"] for one in job["attempts"]] == ["lost", "lost"]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0, 0.06)
    folder.settle()
    assert len(folder.charges()) == 2
