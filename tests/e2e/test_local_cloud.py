"""The local cloud: changed parameters are deployed, a kept cloud keeps its data, and a stopped one leaves nothing."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import boto3
import pytest

from backdrop_local import cloud as local_cloud
from backdrop_local import processes
from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.cloud import Cloud
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import ROOT, STACK, CloudState, Home
from tests.e2e.clouds import running_cloud
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"

START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from backdrop_local import emulator, processes
from backdrop_local.home import CloudState, Home
from backdrop_local.cleanup import clean_up_on_exit
home = Home(Path(sys.argv[1]))
with clean_up_on_exit(home), home.lock():
    started = emulator.start(home, processes.find_free_port())
    home.write_state(CloudState(emulator=started))
    emulator.wait_until_ready(home, started)
    print(started.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A separate cloud for the tests that deploy it with other parameters."""
    with running_cloud(tmp_path_factory) as running:
        yield running


def redeploy(cloud: Cloud, **changes: str) -> Cloud:
    """Deploys a cloud with other parameters."""
    return local_cloud.up(cloud.home, cloud.parameters | changes, print, build=False)


def read_lane_limit(cloud: Cloud) -> int | None:
    """Returns the maximum concurrency of Ideogram's lane, or None if there is no lane."""
    listed = cloud.clients.cloudformation.describe_stack_resources(StackName=STACK)
    for resource in listed["StackResources"]:
        kind, name = resource["ResourceType"], resource["LogicalResourceId"]
        if kind == "AWS::Lambda::EventSourceMapping" and name.startswith("Ideogram"):
            mapping = cloud.clients.functions.get_event_source_mapping(UUID=resource.get("PhysicalResourceId", ""))
            return mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    return None


def test_changed_limit_of_a_provider_reaches_its_lane(own_cloud: Cloud) -> None:
    servers = own_cloud.home.read_state()
    limits = [read_lane_limit(redeploy(own_cloud, IdeogramMaxInFlight=limit)) for limit in ("2", "5")]
    assert limits == [2, 5]
    now = own_cloud.home.read_state()
    assert (now.emulator, now.standin) == (servers.emulator, servers.standin)


def test_disabled_provider_has_no_lane_until_enabled_again(own_cloud: Cloud) -> None:
    another = {
        "DefaultProvider": "segmind",
        "SegmindMaxInFlight": "2",
        "SegmindBaseUrl": f"{own_cloud.standin_url}/segmind",
        "SegmindTimeoutSeconds": "10",
    }
    off = redeploy(own_cloud, IdeogramMaxInFlight="0", **another)
    assert read_lane_limit(off) is None
    assert "IdeogramQueueUrl" not in off.outputs()
    on = redeploy(own_cloud)
    assert read_lane_limit(on) == 10
    assert "IdeogramQueueUrl" in on.outputs()


def test_stack_without_retention_sets_no_expiry_on_items(folder: Folder) -> None:
    """A stack with a retention period is tested in test_eventbridge.py."""
    folder.drop("kept.jpg", folder.instructions)
    folder.wait_until_stored("kept.jpg")
    items = folder.ledger()
    assert {item["sk"]["S"].partition("#")[0] for item in items} == {"source", "job"}
    assert [item for item in items if "expires_at" in item] == []


def test_env_prints_only_export_lines_that_reach_the_cloud(cloud: Cloud) -> None:
    environment = {"BACKDROP_HOME": str(cloud.home.path), "PATH": "/usr/bin:/bin"}
    completed = subprocess.run([str(BACKDROP), "env"], env=environment, capture_output=True, text=True, check=True)
    lines = completed.stdout.splitlines()
    assert [line for line in lines if not line.startswith("export ")] == []
    values = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert values["BACKDROP_STANDIN_URL"] == cloud.standin_url
    session = boto3.Session(
        values["AWS_ACCESS_KEY_ID"],
        values["AWS_SECRET_ACCESS_KEY"],
        region_name=values["AWS_DEFAULT_REGION"],
    )
    client = session.client("cloudformation", endpoint_url=values["AWS_ENDPOINT_URL"])
    assert client.describe_stacks(StackName=values["BACKDROP_STACK"])["Stacks"]


def test_env_without_a_cloud_explains_how_to_start_one(tmp_path: Path) -> None:
    environment = {"BACKDROP_HOME": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}
    completed = subprocess.run([str(BACKDROP), "env"], env=environment, capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stdout) == (1, "")
    assert "make up" in completed.stderr


def test_refused_deployment_reports_the_reason_and_leaves_nothing_running(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(LocalCloudError, match="IdeogramMaxInFlight"):
        local_cloud.up(home, {"IdeogramMaxInFlight": "1"}, print, build=False)
    assert home.read_state() == CloudState()
    assert not home.emulator_folder.exists()


def test_kept_cloud_keeps_its_data_until_removed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with clean_up_on_exit(home):
        first = local_cloud.up(home, {}, print, build=False)
        bucket = first.outputs()["OutputBucketName"]
        first.clients.s3.put_object(Bucket=bucket, Key="a photo.png", Body=b"bytes")
        local_cloud.down(home, keep=True)
        again = local_cloud.up(home, {}, print, build=False)
        assert again.endpoint_url == first.endpoint_url
        kept = again.clients.s3.get_object(Bucket=bucket, Key="a photo.png")
        assert kept["Body"].read() == b"bytes"
        local_cloud.down(home)
        assert not home.emulator_folder.exists()
        assert home.read_state() == CloudState()


def test_killed_test_run_leaves_no_process(tmp_path: Path) -> None:
    home = Home(tmp_path)
    killed = subprocess.run(
        [sys.executable, "-c", START_AND_DIE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -9
    eventually(lambda: home.read_state() == CloudState(), "the cloud is gone")
    assert processes.read_start_time(int(killed.stdout)) == ""
