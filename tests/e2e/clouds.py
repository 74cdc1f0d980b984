"""Local clouds for tests. One is deployed per test run; every other one is a copy, which is ready within seconds."""

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
from tests.e2e.shop import SHELF, WAITING

# No call and no cold start outlives its time, even on a busy machine, and the budget is more than all tests spend.
PARAMETERS = {
    **dict.fromkeys((f"{name}TimeoutSeconds" for name in ("Ideogram", "Segmind", "OneMin", "Runware")), "300"),
    "RenderTimeoutSeconds": "330",
    "LaneVisibilitySeconds": "340",
    "SettleSeconds": "2",
    "DailyBudgetUSD": "1000",
    "ReadableBuckets": f"{SHELF},nobodys-photos",
    "WaitingStateMachines": f"{WAITING},others",
}


@contextmanager
def running_cloud(factory: pytest.TempPathFactory, parameters: Mapping[str, str] = PARAMETERS) -> Generator[Cloud]:
    """A cloud that runs within this block and that no other test uses; only its logs are left after it.

    `cloud.clients` has the AWS clients, `cloud.outputs()` the names, `cloud.standin_url` the stand-in's address.
    """
    home = Home(factory.mktemp("cloud"))
    with clean_up_on_exit(home):
        _copy(_deployed(factory), home)
        started = cloud.start(home)
        if parameters != PARAMETERS:
            started = cloud.up(home, parameters, print, build=False)
        set_pictures(started, composed=False)
        yield started


def set_pictures(running: Cloud, *, composed: bool) -> None:
    """Sets whether the stand-in composes pictures from the photo or returns small ready-made ones, which is quick."""
    with StandinClient(running.standin_url) as standin:
        standin.control("settings", {"pictures": "composed" if composed else "prepared"})


def _deployed(factory: pytest.TempPathFactory) -> Home:
    """The cloud that this run has deployed and ended; the first worker that needs it makes it."""
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


def _copy(deployed: Home, home: Home) -> None:
    """Everything that a cloud keeps, at ports of its own: queues and functions hold the ports in their addresses."""
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
        file.write_text(_replaced(file.read_text(), ports))
    parameters = {name: _replaced(value, ports) for name, value in state.parameters.items()}
    home.write_state(replace(state, emulator=emulator, standin=standin, parameters=parameters))


def _replaced(text: str, ports: Mapping[str, str]) -> str:
    for host in ("localhost", "127.0.0.1"):
        for old, new in ports.items():
            text = text.replace(host + old, host + new)
    return text
