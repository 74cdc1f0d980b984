"""Stops a test's cloud when the test run ends, even if it is killed.

Runs as a process that reads its standard input: end of file means that the parent has exited.
"""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from backdrop_local import cloud, processes
from backdrop_local.home import Home


@contextmanager
def clean_up_on_exit(home: Home) -> Generator[None]:
    """Stops the cloud in this home at the end of the block, or when this process dies.

    Keeps the logs, which show why a test failed.
    """
    command = [sys.executable, "-m", "backdrop_local.cleanup", str(home.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        yield
    processes.forget_ended_children()
    if watcher.returncode:
        raise subprocess.CalledProcessError(watcher.returncode, command)


def main(path: Path) -> None:
    """Waits for the end of the input, and then stops the cloud in this folder."""
    sys.stdin.read()
    cloud.down(Home(path), keep_logs=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
