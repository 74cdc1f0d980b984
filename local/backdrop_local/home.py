"""Where one local cloud keeps its state: its processes, ports, parameters and logs."""

import fcntl
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from backdrop_local.errors import LocalCloudError

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".local"

STACK = "backdrop-local"
REGION = "eu-central-1"


@dataclass(frozen=True)
class Process:
    """A server of ours that outlives the command that started it."""

    pid: int
    birth: str
    port: int

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class State:
    """What is known of a cloud between two commands; empty when there is none."""

    emulator: Process | None = None
    standin: Process | None = None
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    deployed: bool = False


@dataclass(frozen=True)
class Home:
    """The folder of one local cloud; several may run side by side, each in its own."""

    path: Path

    @classmethod
    def chosen(cls) -> Self:
        """The folder that BACKDROP_HOME names, else the repository's own."""
        named = os.environ.get("BACKDROP_HOME")
        return cls(Path(named).expanduser().resolve() if named else TOOLS / "cloud")

    @property
    def emulator(self) -> Path:
        """The emulator's own folder: temporary files, worker code, kept state."""
        return self.path / "emulator"

    def log(self, name: str) -> Path:
        """The log file of one server or tool."""
        return self.logs / f"{name}.log"

    @property
    def logs(self) -> Path:
        """Where the servers and SAM write what they say."""
        return self.path / "logs"

    def read(self) -> State:
        """The cloud's state as last written.

        Raises:
            LocalCloudError: something else wrote there.
        """
        if not self._state.is_file():
            return State()
        try:
            stored: dict[str, Any] = json.loads(self._state.read_text())
            for name in ("emulator", "standin"):
                stored[name] = Process(**stored[name]) if stored[name] else None
            return State(**stored)
        except (ValueError, TypeError, KeyError) as error:
            raise LocalCloudError(
                f"{self._state} is damaged ({error}); delete that file, end what still runs, and `make up`"
            ) from error

    def write(self, state: State) -> None:
        """Replaces the state in one step, so that no reader sees half of it."""
        draft = self._state.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(state), indent=2))
        draft.replace(self._state)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Lets one command at a time change this cloud."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def forget(self, *, but_logs: bool = False) -> None:
        """Removes what the cloud wrote, and nothing else that lies in the folder.

        First its state: whoever is cut off among thousands of files leaves no cloud that seems to be there.
        """
        self._state.unlink(missing_ok=True)
        shutil.rmtree(self.emulator, ignore_errors=True)
        if but_logs:
            return
        shutil.rmtree(self.logs, ignore_errors=True)
        shutil.rmtree(self.path / "demo", ignore_errors=True)
        (self.path / "lock").unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    @property
    def _state(self) -> Path:
        return self.path / "state.json"
