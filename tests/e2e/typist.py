"""Types the commands of a page at a local cloud, as a reader would who follows it from top to bottom."""

import os
import pty
import re
import signal
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from backdrop_local import cloud
from backdrop_local.home import ROOT, STACK, Home
from backdrop_local.processes import find_free_port
from tests.documented import Command
from tests.e2e.amazon import Amazon

BIN = ROOT / ".venv" / "bin"
SAM = ROOT / ".local" / "sam" / "bin" / "sam"
# What would lead a command to another account or cloud, or make it a part of the `make` that runs this test.
OTHERS = ("AWS_", "BACKDROP_", "MAKE", "MFLAGS")
# What is not carried out here, and why; each is held against its own tool's words.
EXCUSED = {
    r"make test$": "is what runs this test",
    r"make down$": "ends the cloud that the other pages need; typed when all of them are done",
    r"make build|sam (build|deploy|delete)": "is AWS itself; the local cloud deploys the same template by that tool",
    r"git (pull --autostash$|checkout -m v|archive )": "changes the repository under the test",
    r"aws cloudformation (create|execute|wait)\b": "makes a stack of one that was removed (test_side_by_side.py)",
    r"aws s3api put-bucket-notification": "replaces the wiring that the other pages need (test_events_in.py)",
    r"(pipx|uv tool) install": "needs the files of a release (test_installed_command.py)",
    r"aws sns subscribe": "needs a topic of the reader's (test_events_in.py)",
    r"aws (cloudformation describe|lambda|stepfunctions get)": "asks what only AWS can answer",
    r"aws (s3api delete-bucket|dynamodb delete-table)": "deletes what the other pages need",
}
UNTIL_CTRL_C = re.compile(r"backdrop .*--watch|backdrop page")
# What somebody types who is asked for a key.
KEY = "standin-key\n"


def excuse(line: str) -> str:
    """Why a line is not carried out; "" where it is."""
    return next((why for pattern, why in EXCUSED.items() if re.match(pattern, line)), "")


def parts_of(line: str) -> list[str]:
    """The commands of one line."""
    return line.split(" && ")


@dataclass
class Typist:
    """Sits in the folder `here` before the local cloud of a home."""

    home: Home
    here: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
        path = f"{BIN}:{plain['PATH']}"
        self.environment = {**plain, "PATH": path, "BACKDROP_HOME": str(self.home.path), "COLUMNS": "100"}

    def types(self, command: Command) -> str:
        """One line of a page, which must end as the page says; what it said, where it is one of `backdrop`."""
        said = ""
        for part in parts_of(command.line):
            line = self._filled_in(part)
            if excuse(line):
                understood(line, self.here)
            elif made := re.fullmatch(r'eval "\$\((make \w+)\)"', line):
                self._exports(self.runs(made[1], ROOT))
            elif line.startswith("aws "):
                Amazon(self.environment | self._reaches(), self.here).does(line)
            elif line.startswith("make "):
                self.runs(line, ROOT)
            else:
                said += self._backdrop(line, command)
        return said

    def runs(self, line: str, folder: Path, *, typed: int | None = None, piped: str = "", code: int = 0) -> str:
        """What a line says, which must end with this exit code and without a traceback."""
        running = subprocess.Popen(
            ["/bin/bash", "-c", line],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.PIPE if typed is None else typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said, errors = running.communicate(piped if typed is None else None)
        assert running.returncode == code, f"{line}\n{said}{errors}"
        assert "Traceback" not in errors, errors
        return said

    def _backdrop(self, line: str, command: Command) -> str:
        code = 1 if command.fails else 0
        if "--stack" in line:
            self.environment |= self._reaches()
        if UNTIL_CTRL_C.match(line):
            return self._until_ctrl_c(line)
        if command.answer:
            keyboard, terminal = pty.openpty()
            os.write(keyboard, f"{command.answer}\n".encode())
            said = self.runs(line, self.here, typed=terminal, code=code)
            os.close(keyboard)
            os.close(terminal)
            assert "[y/N]" in said, f"{line} asked nothing: {said}"
            return said
        return self.runs(line, self.here, piped=KEY if re.search(r"key set [^<]*$", line) else "", code=code)

    def _until_ctrl_c(self, line: str) -> str:
        """Lets it say something, and then presses Ctrl-C; the first line of it."""
        running = subprocess.Popen(
            ["/bin/bash", "-c", f"exec {line}"],
            cwd=self.here,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stdout is not None
        first = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
        assert first, errors
        assert running.returncode in (0, 130), errors
        assert "Traceback" not in errors, errors
        return first

    def _exports(self, printed: str) -> None:
        """What `eval` makes of it; nothing else may be among it."""
        for line in printed.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            assert line.startswith("export "), line
            self.environment[name] = value.strip('"').replace("$PATH", self.environment["PATH"])

    def _reaches(self) -> dict[str, str]:
        """What an AWS tool must know to reach the local cloud, which stands in for AWS."""
        lines = cloud.format_exports(cloud.find_running(self.home))
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def _filled_in(self, line: str) -> str:
        """With the names of this stack, and a port that is free here."""
        line = re.sub(r"--port \d+", lambda _: f"--port {find_free_port()}", line)
        if "<" not in line and "--stack " not in line:
            return line
        outputs = cloud.find_running(self.home).outputs()
        named = re.sub(r"<([A-Z]\w+)>", lambda found: outputs[found[1]], line)
        return named.replace("--stack backdrop", f"--stack {STACK}")


def understood(line: str, here: Path) -> None:
    """Holds a line that is not carried out against its own tool: the words must exist there."""
    program, *words = line.split()
    options = {word for word in words if word.startswith("--")}
    if program == "make":
        subprocess.run(["/usr/bin/env", "make", "-n", *words], cwd=ROOT, capture_output=True, check=True)
    elif program == "sam":
        assert options <= options_of_sam(words[0]), f"{line}: no such option"
    elif program == "aws":
        Amazon({}, here).understands(line)
    else:
        assert program in ("git", "pipx", "uv"), line


@cache
def options_of_sam(verb: str) -> set[str]:
    """Every option that SAM's own help names."""
    told = subprocess.run([str(SAM), verb, "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"--[a-z0-9-]+", told.stdout))
