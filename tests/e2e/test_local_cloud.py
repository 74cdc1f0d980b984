"""The local cloud keeps its promises: up twice is once, changes are deployed, nothing is left."""

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
from tests.e2e.folder import Folder
from tests.e2e.shop import eventually

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"

DIE_IN_THE_MIDDLE = """
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
def own(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A cloud besides the one that all tests share, for those that deploy it anew in another shape."""
    with running_cloud(tmp_path_factory) as running:
        yield running


def redeploy(cloud: Cloud, **changes: str) -> Cloud:
    """The same cloud with other parameters."""
    return local_cloud.up(cloud.home, cloud.parameters | changes, print, build=False)


def lane_limit(cloud: Cloud) -> int | None:
    """How many calls at a time Ideogram's lane allows; None when there is no lane."""
    listed = cloud.clients.cloudformation.describe_stack_resources(StackName=STACK)
    for resource in listed["StackResources"]:
        kind, name = resource["ResourceType"], resource["LogicalResourceId"]
        if kind == "AWS::Lambda::EventSourceMapping" and name.startswith("Ideogram"):
            mapping = cloud.clients.functions.get_event_source_mapping(UUID=resource.get("PhysicalResourceId", ""))
            return mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    return None


def test_a_providers_limit_reaches_its_lane_whenever_it_changes(own: Cloud) -> None:
    servers = own.home.read_state()
    limits = [lane_limit(redeploy(own, IdeogramMaxInFlight=asked)) for asked in ("2", "5")]
    assert limits == [2, 5]
    now = own.home.read_state()
    assert (now.emulator, now.standin) == (servers.emulator, servers.standin)


def test_a_provider_that_is_off_has_no_lane_and_comes_back_with_one(own: Cloud) -> None:
    another = {
        "DefaultProvider": "segmind",
        "SegmindMaxInFlight": "2",
        "SegmindBaseUrl": f"{own.standin_url}/segmind",
        "SegmindTimeoutSeconds": "10",
    }
    off = redeploy(own, IdeogramMaxInFlight="0", **another)
    assert lane_limit(off) is None
    assert "IdeogramQueueUrl" not in off.outputs()
    on = redeploy(own)
    assert lane_limit(on) == 10
    assert "IdeogramQueueUrl" in on.outputs()


def test_a_stack_that_never_forgets_gives_no_item_of_the_ledger_a_time_to_go(folder: Folder) -> None:
    """test_events_in.py sees what one does that forgets."""
    folder.drop("kept.jpg", folder.wish)
    folder.stored("kept.jpg")
    items = folder.ledger()
    assert {item["sk"]["S"].partition("#")[0] for item in items} == {"source", "job"}
    assert [item for item in items if "expires_at" in item] == []


def test_env_prints_only_export_lines_that_reach_the_cloud(cloud: Cloud) -> None:
    environment = {"BACKDROP_HOME": str(cloud.home.path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([str(BACKDROP), "env"], env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
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


def test_without_a_cloud_env_prints_nothing_and_says_how_to_start_one(tmp_path: Path) -> None:
    environment = {"BACKDROP_HOME": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([str(BACKDROP), "env"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make up" in done.stderr


def test_a_refused_deployment_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(LocalCloudError, match="IdeogramMaxInFlight"):
        local_cloud.up(home, {"IdeogramMaxInFlight": "1"}, print, build=False)
    assert home.read_state() == CloudState()
    assert not home.emulator_folder.exists()


def test_a_kept_cloud_has_its_photos_again_and_a_forgotten_one_has_not(tmp_path: Path) -> None:
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


def test_a_test_run_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    home = Home(tmp_path)
    died = subprocess.run(
        [sys.executable, "-c", DIE_IN_THE_MIDDLE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -9
    eventually(lambda: home.read_state() == CloudState(), "the cloud is gone")
    assert processes.read_start_time(int(died.stdout)) == ""
