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
class ServerProcess:
    """A server of ours that outlives the command that started it."""

    pid: int
    started_at: str
    port: int

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class CloudState:
    """What is known of a cloud between two commands; empty when there is none."""

    emulator: ServerProcess | None = None
    standin: ServerProcess | None = None
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    deployed: bool = False


@dataclass(frozen=True)
class Home:
    """The folder of one local cloud; several may run side by side, each in its own."""

    path: Path

    @classmethod
    def from_environment(cls) -> Self:
        """The folder that BACKDROP_HOME names, else the repository's own."""
        named = os.environ.get("BACKDROP_HOME")
        return cls(Path(named).expanduser().resolve() if named else TOOLS / "cloud")

    @property
    def emulator_folder(self) -> Path:
        """The emulator's own folder: temporary files, worker code, kept state."""
        return self.path / "emulator"

    def log_file(self, name: str) -> Path:
        """The log file of one server or tool."""
        return self.logs_folder / f"{name}.log"

    @property
    def logs_folder(self) -> Path:
        """Where the servers and SAM write what they say."""
        return self.path / "logs"

    def read_state(self) -> CloudState:
        """The cloud's state as last written.

        Raises:
            LocalCloudError: something else wrote there.
        """
        if not self._state_file.is_file():
            return CloudState()
        try:
            stored: dict[str, Any] = json.loads(self._state_file.read_text())
            for name in ("emulator", "standin"):
                stored[name] = ServerProcess(**stored[name]) if stored[name] else None
            return CloudState(**stored)
        except (ValueError, TypeError, KeyError) as error:
            raise LocalCloudError(
                f"{self._state_file} is damaged ({error}); delete that file, end what still runs, and `make up`"
            ) from error

    def write_state(self, state: CloudState) -> None:
        """Replaces the state in one step, so that no reader sees half of it."""
        draft = self._state_file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(state), indent=2))
        draft.replace(self._state_file)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Lets one command at a time change this cloud."""
        self.logs_folder.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def remove_files(self, *, keep_logs: bool = False) -> None:
        """Removes what the cloud wrote, and nothing else that lies in the folder.

        First its state: whoever is cut off among thousands of files leaves no cloud that seems to be there.
        """
        self._state_file.unlink(missing_ok=True)
        shutil.rmtree(self.emulator_folder, ignore_errors=True)
        if keep_logs:
            return
        shutil.rmtree(self.logs_folder, ignore_errors=True)
        shutil.rmtree(self.path / "demo", ignore_errors=True)
        (self.path / "lock").unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    @property
    def _state_file(self) -> Path:
        return self.path / "state.json"
