"""Starts, updates and ends a local cloud, and says how to reach it."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from backdrop_local import (
    emulator,
    fixups,
    parameters,
    processes,
    providers,
    sam,
    stack,
    standin_process,
)
from backdrop_local.clients import Clients
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import REGION, STACK, Home, Process, State
from backdrop_local.release import HERE, Release

Say = Callable[[str], None]
# An emulator that ends writes its state; one with many workers takes a while.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Cloud:
    """A running local cloud: where AWS and the stand-in answer, and what was deployed."""

    home: Home
    endpoint_url: str
    standin_url: str
    parameters: dict[str, str]

    @cached_property
    def clients(self) -> Clients:
        """AWS clients that speak to this cloud."""
        return Clients(self.endpoint_url)

    @property
    def standins(self) -> frozenset[str]:
        """The providers for which its stand-in answers."""
        return providers.played(self.parameters, self.standin_url)

    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name."""
        return stack.outputs(self.clients)


def up(
    home: Home,
    asked: Mapping[str, str],
    say: Say,
    *,
    build: bool = True,
    agreed: bool = False,
    standin_options: Sequence[str] = (),
    release: Release = HERE,
) -> Cloud:
    """Starts the cloud in this home, or brings the running one to what is asked.

    `agreed` tells that the user was asked already whether to spend. What this call started is ended
    again when it fails or is interrupted.

    Raises:
        LocalCloudError: a server or SAM failed, or the user does not want to spend.
    """
    if not agreed:
        _ask(home, asked, release)
    with home.lock():
        before = home.read()
        try:
            state = _start(home, before, say, standin_options)
            return _deploy(home, state, asked, say, release, build=build)
        except BaseException:
            _end_what_is_new(home, before)
            raise


def start(home: Home) -> Cloud:
    """Starts the servers of a kept cloud, which then is as it was when it went down; deploys nothing."""
    with home.lock():
        before = home.read()
        state = replace(_start(home, before, lambda _: None, ()), deployed=before.deployed)
        home.write(state)
    return running(home)


def down(home: Home, *, keep: bool = False, but_logs: bool = False) -> bool:
    """Ends the cloud and forgets everything in it, unless asked to keep it for the next `up`.

    `but_logs` keeps the logs of the servers and of SAM.

    Returns False when there was none.
    """
    if not home.path.is_dir():
        return False
    with home.lock():
        state = home.read()
        _stop(state, at_once=not keep)
        if not keep:
            home.forget(but_logs=but_logs)
    return state != State()


def running(home: Home) -> Cloud:
    """The cloud that runs in this home.

    Raises:
        LocalCloudError: none runs.
    """
    state = home.read()
    if state.deployed and _is_running(state) and state.emulator and state.standin:
        return Cloud(home, state.emulator.url, state.standin.url, state.parameters)
    raise LocalCloudError(f"no local cloud runs in {home.path}; start one with `make up`")


def exports(cloud: Cloud) -> list[str]:
    """Shell lines that point any AWS tool at the cloud."""
    values = {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BACKDROP_STACK": STACK,
        "BACKDROP_STANDIN_URL": cloud.standin_url,
    }
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def _start(home: Home, before: State, say: Say, standin_options: Sequence[str]) -> State:
    """Both servers, answering; each is written down before it is waited for."""
    if _is_running(before):
        return before
    _stop(before)
    say("starting the emulator and the stand-in provider")
    state = replace(before, emulator=emulator.start(home, _port(before.emulator)), deployed=False)
    home.write(state)
    standin = standin_process.start(home, _port(before.standin), standin_options)
    state = replace(state, standin=standin)
    home.write(state)
    if state.emulator:
        emulator.wait_until_ready(home, state.emulator)
    standin_process.wait_until_ready(home, standin)
    return state


def _ask(home: Home, asked: Mapping[str, str], release: Release) -> None:
    """Before anything is started: are the parameters known, and may money be spent that was not agreed to before?"""
    settled = parameters.settle("http://127.0.0.1", asked, release)
    paid = providers.paid_addresses(settled)
    state = home.read()
    if paid != (providers.paid_addresses(state.parameters) if state.deployed else {}):
        providers.ask_before_spending(paid, settled.get("DailyBudgetUSD", "?"))


def _deploy(home: Home, state: State, asked: Mapping[str, str], say: Say, release: Release, *, build: bool) -> Cloud:
    endpoint_url = state.emulator.url if state.emulator else ""
    standin_url = state.standin.url if state.standin else ""
    settled = parameters.settle(standin_url, asked, release)
    if build:
        say("building the functions and their layers")
        sam.build(home.log("sam-build"), release)
    say("deploying the stack")
    running = Cloud(home, endpoint_url, standin_url, settled)
    with sam.built():
        _deploy_stack(running, release)
        fixups.apply(running.clients, settled, release.built)
    stack.put_secrets(running.clients, settled)
    home.write(replace(state, parameters=settled, deployed=True))
    return running


def _deploy_stack(running: Cloud, release: Release) -> None:
    try:
        sam.deploy(running.endpoint_url, running.parameters, running.home.log("sam-deploy"), release)
    except sam.SamFailedError as failed:
        reasons = stack.failures(running.clients) if failed.while_deploying else []
        if not reasons:
            raise
        log = running.home.log("sam-deploy")
        sentences = "\n  ".join(reasons)
        raise LocalCloudError(f"the stack was refused:\n  {sentences}\nThe whole output is in {log}") from failed


def _port(former: Process | None) -> int:
    """The port of a kept cloud, whose queue addresses hold it; else any free one."""
    if former is None:
        return processes.free_port()
    if not processes.is_free(former.port):
        raise LocalCloudError(
            f"the kept cloud needs port {former.port}, which another program holds now;"
            " free it, or forget the cloud with `make down`"
        )
    return former.port


def _is_running(state: State) -> bool:
    return processes.is_alive(state.emulator) and processes.is_alive(state.standin)


def _stop(state: State, *, at_once: bool = False) -> None:
    """Ends both servers; `at_once` leaves them no time to write what is forgotten anyway."""
    patience = 0.0 if at_once else PATIENCE_SECONDS
    processes.stop(state.emulator, patience)
    processes.stop(state.standin, patience)


def _end_what_is_new(home: Home, before: State) -> None:
    after = home.read()
    if (after.emulator, after.standin) == (before.emulator, before.standin):
        return
    _stop(after)
    if before == State():
        home.forget(but_logs=True)
    else:
        home.write(before)
