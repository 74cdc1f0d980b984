"""The local cloud: a refused one leaves nothing, a kept one keeps its data, and a killed one ends."""

import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from backdrop_local import cloud as local_cloud
from backdrop_local import processes
from backdrop_local.cloud import Cloud
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import ROOT, CloudState, Home
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.deployed_stack import eventually

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


def test_refused_deployment_reports_the_reason_and_leaves_nothing_running(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(LocalCloudError, match="IdeogramMaxInFlight"):
        local_cloud.up(home, {"IdeogramMaxInFlight": "1"}, print, build=False)
    assert home.read_state() == CloudState()
    assert not home.emulator_folder.exists()


def test_kept_cloud_keeps_its_data_until_removed(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_cloud(tmp_path_factory) as first:
        home = first.home
        bucket = first.outputs()["OutputBucketName"]
        first.clients.s3.put_object(Bucket=bucket, Key="a photo.png", Body=b"bytes")
        local_cloud.down(home, keep=True)
        again = local_cloud.up(home, PARAMETERS, print, build=False)
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
