"""Instructions from folder defaults and direct requests."""

import json

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import ERRORS_PREFIX, Folder

DEFAULTS = "_backdrop.json"


def send_request(folder: Folder, name: str, instructions: dict[str, object]) -> None:
    """Sends a direct request to the intake queue."""
    body = {"bucket": folder.stack.input_bucket, "key": folder.key(name), "instructions": instructions}
    folder.stack.send("IntakeQueueUrl", body)


def test_photo_inherits_folder_defaults_with_their_provenance(folder: Folder) -> None:
    folder.put(DEFAULTS, json.dumps({"prompt": folder.prompt, "rendering_speed": "TURBO", "seed": 1}))
    folder.put(f"summer/{DEFAULTS}", json.dumps({"seed": 7}))
    folder.drop("summer/red.jpg", tags={"magic_prompt": "off"})
    job = folder.wait_until_stored("summer/red.jpg")
    inherited, own = folder.key(DEFAULTS), folder.key(f"summer/{DEFAULTS}")
    assert job["provenance"] == {
        "operation": inherited,
        "prompt": inherited,
        "rendering_speed": inherited,
        "seed": own,
        "magic_prompt": "tags",
    }
    assert job["instructions"]["seed"] == 7
    assert len(folder.charges()) == 1


def test_broken_defaults_block_photos_under_one_report(folder: Folder) -> None:
    folder.put(DEFAULTS, '{"promt": "a beach"}')
    for name in ("red.jpg", "blue.jpg"):
        folder.drop(name)
    folder.drop("green.jpg", folder.instructions)
    report_key = f"{ERRORS_PREFIX}{folder.key(DEFAULTS)}.json"
    report = eventually(
        lambda: folder.stack.read_json(report_key) if folder.list_outputs(report_key) else None, "the folder's report"
    )
    assert [error["code"] for error in report["errors"]] == ["unknown_field"]
    assert "Did you mean 'prompt'" in report["errors"][0]["message"]
    folder.wait_until_queues_empty()
    assert [folder.report(name) for name in ("red.jpg", "blue.jpg", "green.jpg")] == [None] * 3
    assert folder.charges() == []
    folder.put(DEFAULTS, json.dumps(folder.instructions))
    for name in ("red.jpg", "blue.jpg", "green.jpg"):
        folder.wait_until_stored(name)
    assert len(folder.charges()) == 3
    eventually(lambda: not folder.list_outputs(report_key), "no report about the folder")


def test_direct_request_overrides_the_sidecar_and_counts_once(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": "not this one", "operation": "replace", "max_cost_usd": 0})
    folder.wait_for_error("red.jpg", "max_cost_exceeded")
    for _ in range(2):
        send_request(folder, "red.jpg", {**folder.instructions, "max_cost_usd": 1})
    job = folder.wait_until_stored("red.jpg")
    assert (job["instructions"]["prompt"], job["provenance"]["prompt"]) == (folder.prompt, "request")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 1
    assert folder.charges("not this one") == []
