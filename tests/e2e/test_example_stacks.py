"""The examples with their own stack or program, deployed and used as their page says."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from backdrop_local import sam
from backdrop_local.home import REGION, ROOT
from backdrop_local.stack import read_outputs
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

EXAMPLES = ROOT / "examples"
# A time in the past, so that the emulator's schedule starts at once.
NOW = "at(2026-01-01T00:00:00)"


def deploy_example(stack: DeployedStack, example: str, *outputs: str, **parameters: str) -> dict[str, str]:
    """Deploys an example's stack, and returns its outputs. Its parameters are these outputs of Backdrop's stack, and
    `parameters`. SAM deploys only a template that it transforms, because it takes seconds to start.
    """
    overrides = {name: stack.outputs[name] for name in outputs} | parameters
    template = EXAMPLES / example / "template.yaml"
    if "Transform:" in template.read_text():
        deploy_with_sam(stack, example, template, overrides)
    else:
        formation = stack.clients.cloudformation
        formation.create_stack(
            StackName=example,
            TemplateBody=template.read_text(),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in overrides.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        formation.get_waiter("stack_create_complete").wait(StackName=example, WaiterConfig={"Delay": 1})
    return read_outputs(stack.clients, example)


def deploy_with_sam(stack: DeployedStack, example: str, template: Path, overrides: Mapping[str, str]) -> None:
    options = ["--template-file", str(template), "--stack-name", example, "--region", REGION, "--resolve-s3"]
    options += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    environment = {**sam.emulator_credentials(), "AWS_ENDPOINT_URL": stack.cloud.endpoint_url}
    sam.run_sam(
        ["deploy", *options, "--parameter-overrides", *sam.format_overrides(overrides)],
        environment,
        stack.cloud.home.log_file(example),
    )


def run_execution(stack: DeployedStack, machine: str, execution_input: object) -> dict[str, Any]:
    """Runs an execution, checks that it succeeds, and returns its output."""
    states = stack.clients.stepfunctions
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(execution_input))["executionArn"]
    description: dict[str, Any] = {}

    def over() -> bool:
        description.update(dict(states.describe_execution(executionArn=arn)))
        return description["status"] != "RUNNING"

    eventually(over, f"the end of {arn}", lambda: description)
    assert description["status"] == "SUCCEEDED", description
    return json.loads(description["output"])


@pytest.fixture(scope="module")
def workflow(stack: DeployedStack) -> str:
    """The state machine of the example `from-a-workflow`."""
    return deploy_example(stack, "from-a-workflow", "IntakeQueueUrl", "InputBucketName")["WorkflowArn"]


def test_workflow_receives_the_pictures(folder: Folder, workflow: str) -> None:
    folder.drop("red.jpg")
    result = run_execution(folder.stack, workflow, {"key": folder.key("red.jpg"), "instructions": folder.instructions})
    assert result == {
        "pictures": [folder.key("red.jpg/red.png")],
        "usd": folder.wait_until_stored("red.jpg")["cost"]["usd"],
    }


def test_workflow_receives_the_error(folder: Folder, workflow: str) -> None:
    folder.drop("red.jpg")
    result = run_execution(
        folder.stack, workflow, {"key": folder.key("red.jpg"), "instructions": {"operation": "paint"}}
    )
    assert (result["Error"], [error["code"] for error in json.loads(result["Cause"])]) == (
        "invalid_value",
        ["invalid_value"],
    )


def test_python_example_requests_a_picture(folder: Folder) -> None:
    folder.drop("red.jpg")
    stack = folder.stack
    environment = {**sam.emulator_credentials(), "AWS_ENDPOINT_URL": stack.cloud.endpoint_url}
    arguments = [stack.outputs["EventBusName"], stack.input_bucket, folder.key("red.jpg"), folder.prompt]
    command = [sys.executable, str(EXAMPLES / "from-python" / "request.py"), *arguments]
    subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)
    assert folder.wait_until_stored("red.jpg")["instructions"]["prompt"] == folder.prompt


def test_catalog_event_becomes_a_request(folder: Folder) -> None:
    folder.drop("red.jpg")
    deploy_example(folder.stack, "from-a-catalog", "EventBusName", "IntakeQueueUrl")
    text = (EXAMPLES / "from-a-catalog" / "product_photographed.json").read_text()
    for name in ("EventBusName", "InputBucketName"):
        text = text.replace(f"<{name}>", folder.stack.outputs[name])
    events = json.loads(text.replace("shoes/red.jpg", folder.key("red.jpg")))
    folder.stack.clients.events.put_events(Entries=events)
    instructions = folder.wait_until_stored("red.jpg")["instructions"]
    assert (instructions["prompt"], instructions["metadata"]) == ('on a "Calacatta" marble table', {"sku": "RED-42"})


def test_picture_is_published_when_it_is_ready(folder: Folder) -> None:
    outputs = deploy_example(folder.stack, "publish-when-ready", "EventBusName", "OutputBucketName")
    s3, shop_bucket = folder.stack.clients.s3, outputs["ShopBucketName"]
    folder.drop("red.jpg", {**folder.instructions, "num_images": 2})
    folder.wait_until_stored("red.jpg")
    published = [folder.key(f"red.jpg/{name}") for name in folder.pictures("red.jpg")]
    eventually(
        lambda: s3.list_objects_v2(Bucket=shop_bucket)["KeyCount"] == len(published),
        "both pictures are in the shop's bucket",
    )
    assert [entry.get("Key") for entry in s3.list_objects_v2(Bucket=shop_bucket).get("Contents", [])] == published


class WebhookReceiver(BaseHTTPRequestHandler):
    """A server outside AWS. It fails at first, and accepts each event when it comes again."""

    deliveries: list[tuple[dict[str, str], bytes]] = []

    def do_POST(self) -> None:
        """Records a delivery, and answers it."""
        body = self.rfile.read(int(self.headers["content-length"]))
        is_repeated = any(self.headers["webhook-id"] == headers["webhook-id"] for headers, _ in self.deliveries)
        self.deliveries.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204 if is_repeated else 503)
        self.end_headers()


@pytest.fixture
def receiver() -> Generator[str]:
    """The address of a running `WebhookReceiver`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), WebhookReceiver) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/backdrop"
        server.shutdown()


@pytest.fixture
def signing_secret(stack: DeployedStack, receiver: str) -> Generator[str]:
    """The secret of the deployed example `signed-webhook`, which posts events to the receiver.

    The example is removed afterwards: it would go on posting the events of all tests, to a server that is gone.
    """
    outputs = deploy_example(stack, "signed-webhook", "EventBusName", Endpoint=receiver, RetrySeconds="10")
    yield stack.clients.secrets.get_secret_value(SecretId=outputs["SigningSecretArn"])["SecretString"]
    stack.clients.cloudformation.delete_stack(StackName="signed-webhook")
    stack.clients.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName="signed-webhook", WaiterConfig={"Delay": 1}
    )
    assert "signed-webhook" not in str(stack.clients.functions.list_functions()["Functions"])


def test_events_are_posted_with_a_signature_until_the_receiver_accepts_them(
    folder: Folder, signing_secret: str
) -> None:
    folder.drop("red.jpg", folder.instructions)
    key, own = folder.key("red.jpg"), list[tuple[dict[str, str], bytes]]()

    def is_accepted() -> bool:
        own[:] = [one for one in WebhookReceiver.deliveries if json.loads(one[1])["detail"]["source"]["key"] == key]
        return len(own) == 2

    eventually(is_accepted, "the event was posted again after the error", lambda: WebhookReceiver.deliveries)
    (first, first_body), (second, second_body) = own
    assert (second["webhook-id"], second_body) == (first["webhook-id"], first_body)
    assert json.loads(second_body)["detail-type"] == "Image Completed"
    signed = f"{second['webhook-id']}.{second['webhook-timestamp']}.".encode() + second_body
    expected = base64.b64encode(hmac.digest(base64.b64decode(signing_secret), signed, hashlib.sha256)).decode()
    assert second["webhook-signature"] == f"v1,{expected}"


@pytest.fixture
def nightly(stack: DeployedStack) -> Generator[Folder]:
    folder = Folder(stack, "nightly")
    yield folder
    folder.close()


def test_nightly_folder_runs_on_its_schedule(nightly: Folder) -> None:
    nightly.drop("red.jpg")
    deploy_example(nightly.stack, "nightly-folder", "CampaignStateMachineArn", Schedule=NOW)
    assert nightly.wait_until_stored("red.jpg")["operation"] == "remove"
