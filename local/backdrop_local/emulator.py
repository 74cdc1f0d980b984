"""The AWS emulator of a local cloud: one process, one port, and one folder."""

import os
import sys

from backdrop_local import processes
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import REGION, ROOT, TOOLS, Home, ServerProcess

READY_TIMEOUT_SECONDS = 120
SHIM = ROOT / "local" / "runtime_shim"


def start(home: Home, port: int) -> ServerProcess:
    """Starts the emulator, which listens on loopback only."""
    program = TOOLS / "emulator" / "bin" / "python"
    if not program.is_file():
        raise LocalCloudError("the emulator is not installed. Run `make setup` first.")
    (home.emulator_folder / "tmp").mkdir(parents=True, exist_ok=True)
    return processes.start_server(
        [str(program), str(SHIM / "run_emulator.py")], build_environment(home, port), home.log_file("emulator"), port
    )


def wait_until_ready(home: Home, process: ServerProcess) -> None:
    """Waits until the emulator serves requests."""
    log = home.log_file("emulator")
    processes.wait_until_ready(process, "/_ministack/ready", log, READY_TIMEOUT_SECONDS)


def build_environment(home: Home, port: int) -> dict[str, str]:
    """Returns the emulator's complete environment. Its workers inherit it, so it contains nothing else."""
    bin_folder = TOOLS / "emulator" / "bin"
    return {
        "HOME": os.environ.get("HOME", "/"),
        "PATH": f"{bin_folder}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": str(SHIM),
        "LOCAL_RUNTIME_DIR": str(TOOLS / "runtime"),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        # A socket that cannot exist. With a real one, the emulator would remove other emulators' containers.
        "DOCKER_HOST": "unix:///dev/null/none",
        "TMPDIR": str(home.emulator_folder / "tmp"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home.emulator_folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home.emulator_folder / "s3"),
        "LOG_LEVEL": "WARNING",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # Set by the end-to-end tests. Everywhere else, a cold start takes as long as it takes.
        **({"FORK_WORKERS": "1"} if "FORK_WORKERS" in os.environ and sys.platform == "linux" else {}),
    }
