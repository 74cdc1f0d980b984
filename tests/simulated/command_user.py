"""A person at a terminal, or a script, who runs `backdrop` commands on a simulated stack."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, cast, override

import pytest

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.main import run
from backdrop_cli.options import StackLocation
from backdrop_cli.stack import Stack
from simulation.world.call_behavior import build_refusal
from simulation.world.cli_stack import build_simulated_stack
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.unit.campaign_machine import MACHINE, FakeStepFunctions

REMOVAL = 10_000
"""What `remove` costs at Ideogram, in micro-dollars."""
NOTHING_CHANGED = "nothing was changed"
CTRL_D = "\x04"
"""An answer that ends the input."""


class Terminal(io.StringIO):
    """A text stream that is a terminal. `meanwhile` runs while the person reads the question."""

    def __init__(self, text: str = "", meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__(text)
        self._meanwhile = meanwhile

    @override
    def isatty(self) -> bool:
        return True

    @override
    def readline(self, size: int = -1, /) -> str:
        self._meanwhile()
        return super().readline(size)


@dataclass(frozen=True)
class CommandResult:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """The output as JSON."""
        return json.loads(self.out)


def build_cli_stack(world: World, states: FakeStepFunctions | None = None) -> Stack:
    """Returns the simulated stack in the form that commands use."""
    return build_simulated_stack(world, CampaignStateMachine(cast("Any", states or FakeStepFunctions()), MACHINE))


class Person:
    """Runs commands. `answer` is typed at the question; None means that there is no terminal."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.states = FakeStepFunctions()
        self.stack = build_cli_stack(world, self.states)
        self.requested_locations: list[StackLocation] = []
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("COLUMNS", "80")

    def run(
        self,
        *words: str,
        answer: str | None = None,
        terminal: bool = False,
        piped: str | bytes = "",
        meanwhile: Callable[[], object] = lambda: None,
    ) -> CommandResult:
        """Runs one command line. `meanwhile` runs before the answer; `piped` is the input if there is no terminal."""
        out, err = (Terminal() if terminal else io.StringIO()), io.StringIO()
        typed = Terminal("" if answer == CTRL_D else f"{answer}\n", meanwhile)
        if answer is None:
            typed = io.StringIO(piped) if isinstance(piped, str) else io.TextIOWrapper(io.BytesIO(piped), "utf-8")
        self._monkeypatch.setattr("sys.stdin", typed)
        with redirect_stdout(out), redirect_stderr(err):
            code = run(words, self._connect)
        return CommandResult(code, out.getvalue(), err.getvalue())

    def _connect(self, location: StackLocation) -> Stack:
        self.requested_locations.append(location)
        return self.stack

    # -- photos ------------------------------------------------------------------------------------------------

    def upload(self, *keys: str) -> None:
        """Uploads photos that request a background removal. No two are alike."""
        for key in keys:
            self.world.upload_photo(key, build_photo(key), operation="remove")

    def upload_failing(self, code: Code, *keys: str) -> None:
        """Uploads photos whose calls the provider refuses permanently, without a charge."""
        for key in keys:
            self.world.provider.script.append(build_refusal(RetryClass.PERM, code))
            self.upload(key)
            self.world.run_until_empty()
