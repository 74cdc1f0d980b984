"""Keeps every test on this machine: no real account, and no network except loopback."""

import gc
import os
import signal
import socket
from collections.abc import Generator
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from simulation.process_pool import GC_THRESHOLDS

# No deadline, because a busy machine does not make a property false. The examples are the same in every run, so that a
# commit always gets the same result. `make wild` searches for others.
settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("wild", settings.get_profile("steady"), derandomize=False, print_blob=True)
settings.load_profile("steady")

for name in [*os.environ]:
    if name.startswith("AWS_") or name.endswith(("_API_KEY", "_BASE_URL")):
        del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
for name in ("PARAMS", "PHOTOS", "YES", "BACKDROP_HOME"):
    os.environ.pop(name, None)
# A shell that starts the tests in the background makes them ignore Ctrl-C, which the commands that they run inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Exempts the modules and tests from garbage collection, because they stay to the end, and collects less often.

    The exemption saves an eighth of the time.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Generator[None]:
    """Rejects every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(str(address[0])):
            raise PermissionError(f"a test tried to reach {address[0]}; tests may use loopback only")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
