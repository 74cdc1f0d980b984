"""The state of one local cloud on disk: its processes, ports, parameters, and logs."""

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
    """A server that outlives the command that started it. `started_at` is in the system's own format."""

    pid: int
    started_at: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class CloudState:
    """What is saved of a cloud between two commands. Empty if there is no cloud."""

    emulator: ServerProcess | None = None
    standin: ServerProcess | None = None
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    deployed: bool = False


@dataclass(frozen=True)
class Home:
    """The folder of one local cloud. Several clouds can run at the same time, each in its own folder."""

    path: Path

    @classmethod
    def from_environment(cls) -> Self:
        """Returns the folder that BACKDROP_HOME names, or else the repository's own."""
        named = os.environ.get("BACKDROP_HOME")
        return cls(Path(named).expanduser().resolve() if named else TOOLS / "cloud")

    @property
    def emulator_folder(self) -> Path:
        """The emulator's own folder: temporary files, worker code, and saved state."""
        return self.path / "emulator"

    def log_file(self, name: str) -> Path:
        """Returns the log file of one server or tool."""
        return self.logs_folder / f"{name}.log"

    @property
    def logs_folder(self) -> Path:
        """The folder for the logs of the servers and SAM."""
        return self.path / "logs"

    def read_state(self) -> CloudState:
        """Returns the state that was last written. Raises LocalCloudError if the file is damaged."""
        if not self._state_file.is_file():
            return CloudState()
        try:
            stored: dict[str, Any] = json.loads(self._state_file.read_text())
            for name in ("emulator", "standin"):
                stored[name] = ServerProcess(**stored[name]) if stored[name] else None
            return CloudState(**stored)
        except (ValueError, TypeError, KeyError) as error:
            raise LocalCloudError(
                f"{self._state_file} is damaged. Delete the file, stop the servers that still run, and run `make up`."
            ) from error

    def write_state(self, state: CloudState) -> None:
        """Replaces the state atomically, so that no reader sees a partial file."""
        draft = self._state_file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(state), indent=2))
        draft.replace(self._state_file)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Allows one command at a time to change this cloud."""
        self.logs_folder.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def remove_files(self, *, keep_logs: bool = False) -> None:
        """Deletes what the cloud wrote, and nothing else in the folder.

        Deletes the state first, so that an interrupted deletion does not leave a cloud that seems to exist.
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
