"""Starts, updates, and stops a local cloud, and connects to one that runs."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from backdrop_local import emulator, emulator_patches, parameters, processes, providers, sam, stack, standin_process
from backdrop_local.clients import LocalClients
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import REGION, STACK, CloudState, Home, ServerProcess
from backdrop_local.release import CURRENT_RELEASE, Release

ReportProgress = Callable[[str], None]
# The emulator writes its state when it stops, which takes a while with many workers.
STOP_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Cloud:
    """A running local cloud: the addresses of AWS and the stand-in, and the deployed parameters."""

    home: Home
    endpoint_url: str
    standin_url: str
    parameters: dict[str, str]

    @cached_property
    def clients(self) -> LocalClients:
        """AWS clients for this cloud."""
        return LocalClients(self.endpoint_url)

    @property
    def standin_providers(self) -> frozenset[str]:
        """The providers that the stand-in replaces."""
        return providers.find_standin_providers(self.parameters, self.standin_url)

    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name."""
        return stack.read_outputs(self.clients)


def up(
    home: Home,
    requested: Mapping[str, str],
    report_progress: ReportProgress,
    *,
    build: bool = True,
    spending_confirmed: bool = False,
    standin_options: Sequence[str] = (),
    release: Release = CURRENT_RELEASE,
) -> Cloud:
    """Starts the cloud in this home, or updates the running one to the requested parameters.

    `spending_confirmed`: the user has already agreed to spend money. If the call fails or is interrupted, it stops
    what it started.

    Raises:
        LocalCloudError: a server or SAM failed, or the user declined to spend money.
    """
    if not spending_confirmed:
        _confirm_spending(home, requested, release)
    with home.lock():
        previous = home.read_state()
        try:
            state = _start_servers(home, previous, report_progress, standin_options)
            return _deploy(home, state, requested, report_progress, release, build=build)
        except BaseException:
            _roll_back(home, previous)
            raise


def start(home: Home) -> Cloud:
    """Starts the servers of a saved cloud in the state in which they stopped. Deploys nothing."""
    with home.lock():
        previous = home.read_state()
        state = replace(_start_servers(home, previous, lambda _: None, ()), deployed=previous.deployed)
        home.write_state(state)
    return find_running(home)


def down(home: Home, *, keep: bool = False, keep_logs: bool = False) -> bool:
    """Stops the cloud. Deletes everything in it, unless `keep` saves it for the next `up`.

    `keep_logs` keeps the logs of the servers and of SAM.

    Returns False if no cloud ran.
    """
    if not home.path.is_dir():
        return False
    with home.lock():
        state = home.read_state()
        _stop_servers(state, immediately=not keep)
        if not keep:
            home.remove_files(keep_logs=keep_logs)
    return state != CloudState()


def find_running(home: Home) -> Cloud:
    """Returns the cloud that runs in this home.

    Raises:
        LocalCloudError: no cloud runs there.
    """
    state = home.read_state()
    if state.deployed and _is_running(state) and state.emulator and state.standin:
        return Cloud(home, state.emulator.url, state.standin.url, state.parameters)
    raise LocalCloudError(f"no local cloud runs in {home.path}; start one with `make up`")


def list_environment(cloud: Cloud) -> dict[str, str]:
    """Returns the environment variables that point any AWS tool at the cloud."""
    return {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BACKDROP_STACK": STACK,
        "BACKDROP_STANDIN_URL": cloud.standin_url,
    }


def format_exports(cloud: Cloud) -> list[str]:
    """Returns the environment variables as shell lines."""
    return [f"export {name}={shlex.quote(value)}" for name, value in list_environment(cloud).items()]


def _start_servers(
    home: Home, previous: CloudState, report_progress: ReportProgress, standin_options: Sequence[str]
) -> CloudState:
    """Starts both servers and waits until they answer. Records each before waiting, so that it can be stopped."""
    if _is_running(previous):
        return previous
    _stop_servers(previous)
    report_progress("starting the emulator and the stand-in provider")
    state = replace(previous, emulator=emulator.start(home, _choose_port(previous.emulator)), deployed=False)
    home.write_state(state)
    standin = standin_process.start(home, _choose_port(previous.standin), standin_options)
    state = replace(state, standin=standin)
    home.write_state(state)
    if state.emulator:
        emulator.wait_until_ready(home, state.emulator)
    standin_process.wait_until_ready(home, standin)
    return state


def _confirm_spending(home: Home, requested: Mapping[str, str], release: Release) -> None:
    """Checks the parameter names, and asks before spending money that the user has not agreed to yet."""
    resolved = parameters.resolve_parameters("http://127.0.0.1", requested, release)
    paid = providers.find_paid_addresses(resolved)
    state = home.read_state()
    if paid != (providers.find_paid_addresses(state.parameters) if state.deployed else {}):
        providers.confirm_spending(paid, resolved.get("DailyBudgetUSD", "?"))


def _deploy(
    home: Home,
    state: CloudState,
    requested: Mapping[str, str],
    report_progress: ReportProgress,
    release: Release,
    *,
    build: bool,
) -> Cloud:
    endpoint_url = state.emulator.url if state.emulator else ""
    standin_url = state.standin.url if state.standin else ""
    resolved = parameters.resolve_parameters(standin_url, requested, release)
    if build:
        report_progress("building the functions and their layers")
        sam.build(home.log_file("sam-build"), release)
    report_progress("deploying the stack")
    deployed_cloud = Cloud(home, endpoint_url, standin_url, resolved)
    with sam.hold_build():
        _deploy_stack(deployed_cloud, release)
        emulator_patches.apply_patches(deployed_cloud.clients, resolved, release.built_template)
    stack.put_secrets(deployed_cloud.clients, resolved)
    home.write_state(replace(state, parameters=resolved, deployed=True))
    return deployed_cloud


def _deploy_stack(deployed_cloud: Cloud, release: Release) -> None:
    try:
        sam.deploy(deployed_cloud.endpoint_url, deployed_cloud.home, deployed_cloud.parameters, release)
    except sam.SamError as failed:
        reasons = stack.read_failure_reasons(deployed_cloud.clients) if failed.while_deploying else []
        if not reasons:
            raise
        log = deployed_cloud.home.log_file("sam-deploy")
        details = "\n  ".join(reasons)
        raise LocalCloudError(f"the stack was not deployed:\n  {details}\nThe complete output is in {log}.") from failed


def _choose_port(previous: ServerProcess | None) -> int:
    """Returns the port of a saved cloud, because its queue URLs contain it, or else any free port."""
    if previous is None:
        return processes.find_free_port()
    if not processes.is_port_free(previous.port):
        raise LocalCloudError(
            f"the saved cloud needs port {previous.port}, which another program uses."
            " Free the port, or delete the cloud with `make down`."
        )
    return previous.port


def _is_running(state: CloudState) -> bool:
    return processes.is_alive(state.emulator) and processes.is_alive(state.standin)


def _stop_servers(state: CloudState, *, immediately: bool = False) -> None:
    """Stops both servers. `immediately` gives them no time to write state that will be deleted anyway."""
    timeout_seconds = 0.0 if immediately else STOP_TIMEOUT_SECONDS
    processes.stop_server(state.emulator, timeout_seconds)
    processes.stop_server(state.standin, timeout_seconds)


def _roll_back(home: Home, previous: CloudState) -> None:
    current = home.read_state()
    if (current.emulator, current.standin) == (previous.emulator, previous.standin):
        return
    _stop_servers(current)
    if previous == CloudState():
        home.remove_files(keep_logs=True)
    else:
        home.write_state(previous)
