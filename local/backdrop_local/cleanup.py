"""Ends a test's cloud when the test run goes away, however it goes.

As a process it reads its standard input, whose end means that the parent is gone.
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
    """Within this block a cloud may run in the home; after it, or if this process dies, none does.

    Logs stay for whoever wants to know why a test failed.
    """
    command = [sys.executable, "-m", "backdrop_local.cleanup", str(home.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        yield
    processes.forget_ended_children()
    if watcher.returncode:
        raise subprocess.CalledProcessError(watcher.returncode, command)


def main(path: Path) -> None:
    """Waits for the end of the input, then ends the cloud in this folder."""
    sys.stdin.read()
    cloud.down(Home(path), keep_logs=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
