"""Runs the commands of a page on a local cloud, like a reader who follows the page from top to bottom."""

import os
import pty
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from backdrop_local import cloud
from backdrop_local.home import ROOT, STACK, Home
from tests.documented_commands import Command
from tests.e2e.aws_cli import AwsCli

BIN = ROOT / ".venv" / "bin"
SAM = ROOT / ".local" / "sam" / "bin" / "sam"
# Variables that would direct a command to another account or cloud, make it part of the `make` that runs this test, or
# make its cloud start workers in another way than a reader's.
REMOVED_VARIABLES = ("AWS_", "BACKDROP_", "FORK_WORKERS", "MAKE", "MFLAGS")
# The commands that are not run here, and why. Their programs and options are checked, though.
NOT_RUN = {
    r"make test$": "runs this test",
    r"make down$": "stops the cloud, which other pages need; the test runs it at its end",
    r"make build|sam (build|deploy|delete)": "needs AWS; the local cloud deploys the same template with this tool",
    r"git (pull --autostash$|checkout -m v|archive )": "changes the repository under the test",
    r"aws cloudformation (create|execute|wait)\b": "restores a removed stack (test_separate_stacks.py)",
    r"aws s3api put-bucket-notification": "replaces notifications that other commands need (test_eventbridge.py)",
    r"gh attestation|python3\.13 -m venv|backdrop/bin/pip": "needs the files of a release (test_release_files.py)",
    r"aws sns subscribe": "needs a topic (test_eventbridge.py)",
    r"aws (cloudformation describe|lambda|stepfunctions get)": "reads what exists only on AWS",
    r"aws (s3api delete-bucket|dynamodb delete-table)": "deletes what the other commands need",
    r"IDEOGRAM_API_KEY=": "buys pictures at Ideogram; the stand-in replaces it in test_purchased_pairs.py",
}
# The answer to a command that asks for a key.
KEY = "standin-key\n"


def why_not_run(line: str) -> str:
    """Returns why a line is not run, or "" if it is."""
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, line)), "")


def split_line(line: str) -> list[str]:
    """Returns the commands of a line."""
    return line.split(" && ")


@dataclass
class CommandRunner:
    """Runs commands in the folder `here`, on the local cloud of `home`."""

    home: Home
    here: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(REMOVED_VARIABLES)}
        path = f"{BIN}:{inherited['PATH']}"
        self.environment = {**inherited, "PATH": path, "BACKDROP_HOME": str(self.home.path), "COLUMNS": "100"}

    def run(self, command: Command) -> str:
        """Runs a command line of a page, which must end as the page shows. Returns the output of `backdrop`."""
        output = ""
        for part in split_line(command.line):
            line = self._fill_in(part)
            if why_not_run(line):
                check_unrun_command(line, self.here)
            elif make_command := re.fullmatch(r'eval "\$\((make \w+)\)"', line):
                self._export(self.run_line(make_command[1], ROOT))
            elif line.startswith("aws "):
                AwsCli(self.environment | self._aws_environment(), self.here).run(line)
            elif line.startswith("make "):
                self.run_line(line, ROOT)
            else:
                output += self._run_backdrop(line, command)
        return output

    def run_line(self, line: str, folder: Path, *, typed: int | None = None, piped: str = "", code: int = 0) -> str:
        """Runs a command line, and checks that it has this exit code and no traceback. Returns its output.

        `typed`: a terminal that serves as its input. `piped`: the text of its input, if there is no terminal.
        """
        running = subprocess.Popen(
            ["/bin/bash", "-c", line],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.PIPE if typed is None else typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, errors = running.communicate(piped if typed is None else None)
        assert running.returncode == code, f"{line}\n{output}{errors}"
        assert "Traceback" not in errors, errors
        return output

    def _run_backdrop(self, line: str, command: Command) -> str:
        code = 1 if command.fails else 0
        if "--stack" in line:
            self.environment |= self._aws_environment()
        if command.answer:
            keyboard, terminal = pty.openpty()
            os.write(keyboard, f"{command.answer}\n".encode())
            output = self.run_line(line, self.here, typed=terminal, code=code)
            os.close(keyboard)
            os.close(terminal)
            assert "[y/N]" in output, f"{line} asked no question: {output}"
            return output
        return self.run_line(line, self.here, piped=KEY if re.search(r"key set [^<]*$", line) else "", code=code)

    def _export(self, printed: str) -> None:
        """Sets the variables of these `export` lines, as `eval` does. There may be no other lines."""
        for line in printed.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            assert line.startswith("export "), line
            self.environment[name] = value.strip('"').replace("$PATH", self.environment["PATH"])

    def _aws_environment(self) -> dict[str, str]:
        """Returns the variables with which an AWS tool reaches the local cloud instead of AWS."""
        lines = cloud.format_exports(cloud.find_running(self.home))
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def _fill_in(self, line: str) -> str:
        """Puts this stack's outputs and its name into a line."""
        if "<" not in line and "--stack " not in line:
            return line
        outputs = cloud.find_running(self.home).outputs()
        line = re.sub(r"<([A-Z]\w+)>", lambda match: outputs[match[1]], line)
        return line.replace("--stack backdrop", f"--stack {STACK}")


def check_unrun_command(line: str, here: Path) -> None:
    """Asserts that the programs, commands, and options of a line that is not run exist."""
    program, *words = re.sub(r"^[A-Z_]+=\S+ ", "", line).split()
    options = {word for word in words if word.startswith("--")}
    if program == "make":
        subprocess.run(["/usr/bin/env", "make", "-n", *words], cwd=ROOT, capture_output=True, check=True)
    elif program == "sam":
        assert options <= list_sam_options(words[0]), f"{line}: no such option"
    elif program == "aws":
        AwsCli({}, here).parse(line)
    elif program == ".venv/bin/python":
        assert options <= list_module_options(words[1]), f"{line}: no such option"
    else:
        assert program in ("git", "python3.13", "backdrop/bin/pip"), line


@cache
def list_sam_options(command: str) -> set[str]:
    """Returns the options that the help of a SAM command names."""
    return _list_options([str(SAM), command])


def list_module_options(module: str) -> set[str]:
    """Returns the options that the help of a Python module names."""
    return _list_options([str(BIN / "python"), "-m", module])


def _list_options(command: list[str]) -> set[str]:
    help_text = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"--[a-z0-9-]+", help_text))
