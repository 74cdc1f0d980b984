"""Local clouds for tests. A test run deploys one cloud. The others are copies of it, which are ready within seconds."""

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from backdrop_local import cloud, processes
from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.cloud import Cloud
from backdrop_local.home import Home, ServerProcess
from tests.contract.standin_client import StandinClient
from tests.e2e.deployed_stack import READABLE_BUCKET, WAITING_STATE_MACHINE

# No call and no cold start times out, even on a busy machine, and the budget exceeds what all tests spend.
PARAMETERS = {
    **dict.fromkeys((f"{name}TimeoutSeconds" for name in ("Ideogram", "Segmind", "OneMin", "Runware")), "300"),
    "RenderTimeoutSeconds": "330",
    "LaneVisibilitySeconds": "340",
    "SettleSeconds": "2",
    "DailyBudgetUSD": "1000",
    "ReadableBuckets": f"{READABLE_BUCKET},missing-photos",
    "WaitingStateMachines": f"{WAITING_STATE_MACHINE},others",
}


@contextmanager
def running_cloud(factory: pytest.TempPathFactory, parameters: Mapping[str, str] = PARAMETERS) -> Generator[Cloud]:
    """Runs a cloud that no other test uses, and keeps only its logs afterward.

    `cloud.clients` has the AWS clients, `cloud.outputs()` the stack's outputs, `cloud.standin_url` the stand-in's URL.
    """
    home = Home(factory.mktemp("cloud"))
    with clean_up_on_exit(home):
        _copy_cloud(_get_deployed_home(factory), home)
        cloud_copy = cloud.start(home)
        if parameters != PARAMETERS:
            cloud_copy = cloud.up(home, parameters, print, build=False)
        set_pictures(cloud_copy, composed=False)
        yield cloud_copy


def set_pictures(running: Cloud, *, composed: bool) -> None:
    """Sets whether the stand-in composes pictures from the photo, or returns small prepared ones, which is faster."""
    with StandinClient(running.standin_url) as standin:
        standin.control("settings", {"pictures": "composed" if composed else "prepared"})


def _get_deployed_home(factory: pytest.TempPathFactory) -> Home:
    """Returns the stopped cloud of this test run. The first pytest worker that needs it deploys it."""
    base = factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    home = Home(shared / "deployed")
    with Home(shared / "deploying").lock():
        if not home.path.exists():
            first = Home(factory.mktemp("first"))
            with clean_up_on_exit(first):
                cloud.up(first, PARAMETERS, print, build=False)
                cloud.down(first, keep=True)
                first.path.rename(home.path)
    return home


def _copy_cloud(deployed: Home, home: Home) -> None:
    """Copies a cloud's files, and assigns new ports to the copy, which the URLs of queues and functions contain."""
    shutil.copytree(
        deployed.emulator_folder,
        home.emulator_folder,
        symlinks=True,
        ignore=shutil.ignore_patterns("ministack-*", "layer-*"),
    )
    for layer in (deployed.emulator_folder / "tmp").glob("layer-*"):
        (home.emulator_folder / "tmp" / layer.name).symlink_to(layer, target_is_directory=True)
    state = deployed.read_state()
    assert state.emulator
    assert state.standin
    emulator, standin = (ServerProcess(pid=0, started_at="", port=processes.find_free_port()) for _ in range(2))
    ports = {f":{state.emulator.port}": f":{emulator.port}", f":{state.standin.port}": f":{standin.port}"}
    for file in (home.emulator_folder / "state").glob("*.json"):
        file.write_text(_replace_ports(file.read_text(), ports))
    parameters = {name: _replace_ports(value, ports) for name, value in state.parameters.items()}
    home.write_state(replace(state, emulator=emulator, standin=standin, parameters=parameters))


def _replace_ports(text: str, ports: Mapping[str, str]) -> str:
    for host in ("localhost", "127.0.0.1"):
        for old, new in ports.items():
            text = text.replace(host + old, host + new)
    return text
