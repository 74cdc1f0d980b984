"""A call whose answer is lost is sent once more or held for a person, and the receipt has its possible cost."""

from collections.abc import Generator

import pytest

from backdrop.aws.metric_names import Metric
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.folder import Folder
from tests.e2e.test_metrics import IDEOGRAM, wait_for_metrics

SHORT_TIMEOUT = "3"
TIMEOUT_WITH_RETRY = "10"


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
def test_held_lost_answer_is_charged_at_most_once(folder: Folder) -> None:
    folder.add_fault("accept_then_drop")
    folder.drop("red.jpg", folder.instructions)
    folder.assert_held("red.jpg")
    folder.wait_until_queues_empty()
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]
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
    sums = wait_for_metrics(folder, IDEOGRAM, Metric.LOST_ANSWERS, Metric.UNKNOWN_USD, Metric.POSSIBLE_DOUBLE_CHARGES)
    assert (sums["LostAnswers"], sums["UnknownUSD"], sums["PossibleDoubleCharges"]) == (1, 0.03, 1)
