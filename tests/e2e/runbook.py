"""Follows a page of docs/runbooks from top to bottom, on a cloud in the situation that the page describes."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backdrop_local import cloud, sam
from backdrop_local.home import ROOT
from backdrop_local.release import CURRENT_RELEASE, Release
from tests.documented_commands import Command, commands_on
from tests.e2e import clouds
from tests.e2e.command_runner import CommandRunner
from tests.e2e.deployed_stack import DeployedStack

PAGES = ROOT / "docs" / "runbooks"
# A message whose worker could not start is delivered again after two minutes instead of the usual six.
SHORT_TIMEOUTS = {f"{name}TimeoutSeconds": "90" for name in ("Ideogram", "Segmind", "OneMin", "Runware")}
OTHER_PARAMETERS = {"RenderTimeoutSeconds": "120", "LaneVisibilitySeconds": "130"}
PARAMETERS = clouds.PARAMETERS | SHORT_TIMEOUTS | OTHER_PARAMETERS
# These differ between the page and a run: figures, times, numbers of jobs, and the stack's name.
VARYING_TEXT = re.compile(
    r"(?i)(at least |about )?\d+([,.:-]\d+)*( jobs?)?( waits?)?|\bno job waits|\bnothing|(?<=\bstack )[\w-]+"
)


@dataclass
class Runbook:
    """A page's commands, in order. `instead`: what to call for lines that begin like this, because they cannot run
    here.
    """

    page: str
    runner: CommandRunner
    instead: Mapping[str, Callable[[], object]]

    def __post_init__(self) -> None:
        self._remaining = commands_on(PAGES / self.page)
        assert self._remaining, self.page

    def run(self, *lines: str) -> None:
        """Runs the next commands of the page, and checks that they are these."""
        for line in lines:
            command = self._remaining.pop(0)
            assert command.line == line, f"{self.page} has {command.line!r} here"
            replacement = next((call for start, call in self.instead.items() if line.startswith(start)), None)
            if replacement:
                replacement()
            else:
                assert_output_as_shown(command, self.runner.run(command))

    def assert_complete(self) -> None:
        """Asserts that every command of the page has been run."""
        assert self._remaining == []


def assert_output_as_shown(command: Command, output: str) -> None:
    """Asserts that the output contains the first line that the page shows, except for what differs between page and
    run.
    """
    shown, _, _ = command.output.partition("\n")
    expected = VARYING_TEXT.sub("…", shown).strip()
    assert expected in VARYING_TEXT.sub("…", output), f"{command.line} printed {output!r}, the page shows {shown!r}"


def start_runbook(stack: DeployedStack, page: str, here: Path, **instead: Callable[[], object]) -> Runbook:
    """Starts following a page, in a folder with a file that contains the new key."""
    (here / "key.txt").write_text("standin-key-2\n")
    return Runbook(page, CommandRunner(stack.cloud.home, here), instead)


def deploy(stack: DeployedStack, **changed: str) -> None:
    """Updates the running stack with other parameters, as `sam deploy` does on AWS."""
    cloud.up(stack.cloud.home, PARAMETERS | changed, print, build=False)


def deploy_broken_release(stack: DeployedStack, folder: Path) -> None:
    """Updates the running stack with a render function that fails to start."""
    release = Release(folder)
    # The demo of another test may build again meanwhile.
    with sam.hold_build():
        shutil.copytree(CURRENT_RELEASE.built_template.parent, release.built_template.parent)
    for name in ("statemachines", "template.yaml", "samconfig.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    render = release.built_template.parent / "RenderFunction"
    (render / "app.py").write_text('raise ImportError("a broken release")\n')
    # Otherwise, the compiled code of the working function would run instead.
    shutil.rmtree(render / "__pycache__")
    cloud.up(stack.cloud.home, PARAMETERS, print, build=False, release=release)
