"""Ideogram v2 in a deployed stack: pictures, requests for v1, crashes, and a plan without private generations."""

from collections.abc import Generator

import pytest

from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

REPLACE_V2 = "/v2/image/replace-background/ideogram-3"
REMOVE_V2 = "/v2/image/remove-background/ideogram-1"
REPLACE_V1 = "/v1/ideogram-v3/replace-background"


@pytest.fixture(autouse=True)
def v2(stack: DeployedStack) -> Generator[None]:
    """Render sends to v2 what v2 can express."""
    with stack.override_environment("render", IDEOGRAM_ENDPOINT="v2"):
        yield


@pytest.mark.parametrize(
    ("fields", "endpoint", "cost"),
    [
        ({}, REPLACE_V2, {"usd": 0.03, "basis": "reported", "unknown_usd": 0}),
        ({"seed": 7}, REPLACE_V1, {"usd": 0.03, "basis": "price_list", "unknown_usd": 0}),
    ],
    ids=["v2", "v1 for a seed"],
)
def test_replacement_is_sent_to_the_endpoint_that_can_express_it(
    folder: Folder, fields: dict[str, object], endpoint: str, cost: dict[str, object]
) -> None:
    folder.drop("red.jpg", {**folder.instructions, **fields})
    job = folder.wait_until_stored("red.jpg")
    (attempt,) = job["attempts"]
    assert (attempt["endpoint"], attempt["outcome"], job["cost"]) == (endpoint, "answered", cost)
    assert bool(attempt["provider_id"]) == (endpoint == REPLACE_V2)
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]


def test_removal_is_sent_to_v2(folder: Folder) -> None:
    folder.drop("red.jpg", {"operation": "remove"})
    job = folder.wait_until_stored("red.jpg")
    assert [attempt["endpoint"] for attempt in job["attempts"]] == [REMOVE_V2]
    assert job["cost"] == {"usd": 0.01, "basis": "reported", "unknown_usd": 0}


def test_acknowledged_generation_survives_a_killed_worker(folder: Folder) -> None:
    stack = folder.stack
    folder.add_fault("poll_stuck", route="v2/generations", times=3)
    folder.drop("red.jpg", folder.instructions)
    eventually(folder.charges, "the call is accepted")
    eventually(
        lambda: [one for one in stack.standin.see("requests")["requests"] if "/v2/generations/" in one["path"]],
        "the generation is polled",
    )
    stack.kill_render_workers()
    job = folder.wait_until_stored("red.jpg")
    assert [(one["endpoint"], one["outcome"], one["money"]) for one in job["attempts"]] == [
        (REPLACE_V2, "answered", "spent")
    ]
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]


def test_plan_without_private_generations_pauses_the_lane(folder: Folder) -> None:
    stack = folder.stack
    stack.standin.control("settings", {"ideogram_private_plan": False})
    folder.drop("red.jpg", folder.instructions)
    report = eventually(lambda: stack.provider_report("ideogram"), "Ideogram's report")
    assert [(entry["code"], entry["money"]) for entry in report["errors"]] == [("provider_plan_refuses", "not_spent")]
    assert "IdeogramEndpoint" in report["errors"][0]["hint"]
    assert folder.charges() == []
    stack.standin.control("settings", {"ideogram_private_plan": True})
    stack.run_backdrop("resume", "ideogram")
    folder.wait_until_stored("red.jpg")
