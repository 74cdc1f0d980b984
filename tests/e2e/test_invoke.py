"""`make invoke`: the functions' own code handles every sample event, in a process on this machine."""

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

EVENTS = ROOT / "events"
HANDLED = [path for path in sorted(EVENTS.glob("*.json")) if json.loads(path.read_text()).get("source") != "backdrop"]
# The samples that buy something. A test sends them for its own photo.
DECISIONS = {"image_approved", "image_rejected"}
PURCHASES = {"request", "request_with_token", "image_requested"}


@pytest.fixture
def shoes(stack: DeployedStack) -> Generator[Folder]:
    """The folder that the samples name."""
    folder = Folder(stack, "shoes")
    yield folder
    folder.close()


def invoke(stack: DeployedStack, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Runs `make invoke` with these events."""
    environment = {**os.environ, "BACKDROP_HOME": str(stack.cloud.home.path)}
    command = ["make", "-s", "invoke", f"EVENT={' '.join(map(str, paths))}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def read_sample_message(name: str, body: str = "") -> dict[str, Any]:
    """Returns a sample message, with another body if one is given."""
    event = json.loads((EVENTS / f"{name}.json").read_text())
    event["Records"][0] |= {"body": body} if body else {}
    return event


def find_log_lines(completed: subprocess.CompletedProcess[str], message: str) -> list[dict[str, Any]]:
    """Returns the log lines with this message."""
    lines = [json.loads(line) for line in completed.stdout.splitlines()]
    return [line for line in lines if line and line.get("message") == message]


def test_every_free_sample_is_handled_by_its_function(shoes: Folder) -> None:
    free = [path for path in HANDLED if path.stem not in PURCHASES]
    completed = invoke(shoes.stack, *free)
    assert (
        completed.returncode,
        find_log_lines(completed, "unexpected error; SQS will deliver the message again"),
    ) == (0, []), completed.stderr
    answers = [json.loads(line) for line in completed.stdout.splitlines() if line.startswith('{"batchItemFailures')]
    messages = [path for path in free if path.stem in DECISIONS or "Records" in json.loads(path.read_text())]
    assert answers == [{"batchItemFailures": []}] * len(messages)


def test_request_accepted_here_is_bought_by_the_cloud(folder: Folder, tmp_path: Path) -> None:
    folder.drop("red.jpg")
    request = {"bucket": "backdrop-input", "key": folder.key("red.jpg"), "instructions": folder.instructions}
    message = read_sample_message("request", json.dumps(request))
    event = json.loads((EVENTS / "image_requested.json").read_text()) | {"id": "e-1", "detail": request}
    for name, content in {"request": message, "image_requested": event}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    notification = json.loads(read_sample_message("s3_event_created")["Records"][0]["body"])
    notification["detail"]["object"]["key"] = folder.key("new.jpg")
    # Sent twice, but the photo that it names is uploaded only once.
    for name in ("created", "created again"):
        created = json.dumps(read_sample_message("s3_event_created", json.dumps(notification)))
        (tmp_path / f"{name}.json").write_text(created)
    completed = invoke(folder.stack, *tmp_path.iterdir())
    assert completed.stderr.count("Uploaded a sample photo") == 1
    accepted = find_log_lines(completed, "job accepted")
    assert [line["key"] for line in accepted] == [folder.key("red.jpg")]
    assert folder.wait_until_stored("red.jpg")["job_id"] == accepted[0]["job_id"]
    eventually(lambda: folder.report("new.jpg"), "the report that there are no instructions")
