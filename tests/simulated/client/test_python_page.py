"""The programs in docs/python.md run as they are printed."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from backdrop_client import client as client_module
from backdrop_client.batches import run_bounded
from backdrop_client.connection import Connection
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack with the page's mandate, and the page's photos in the reader's folder."""
    world = World()
    person = Person(world, monkeypatch)
    person.run("mandate", "create", "anna", "--prefix", "agents/anna/", "--usd", "5")
    connection = Connection(world.steps.bootstrap, world.run_for)

    def connect(*_: object) -> Connection:
        return connection

    for name in ("connect", "connect_by_config"):
        monkeypatch.setattr(client_module, name, connect)
    # The simulated world runs in one thread.
    monkeypatch.setattr(client_module, "run_bounded", _run_one_at_a_time)
    monkeypatch.chdir(tmp_path)
    Path("anna.json").write_text(person.run("mandate", "show", "anna", "--config").out)
    for name in ("cup.jpg", "bowl.jpg", "a.jpg", "b.jpg"):
        Path(name).write_bytes(build_photo(name))
    return world


def _run_one_at_a_time(run: Any, items: Any, _: int) -> Any:
    return run_bounded(run, items, 1)


def test_programs_of_the_page_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    for program in PROGRAMS:
        exec(compile(program, str(PAGE), "exec"), namespace)  # noqa: S102  # the page's own programs
    asyncio.run(namespace["create"]())
    assert Path("cup.png").read_bytes()
    printed = capsys.readouterr().out
    assert "0.06 4.94" in printed
    assert re.findall(r"^(\w+\.jpg) (\S+)", printed, re.MULTILINE) == [
        ("cup.jpg", "Cost(usd=0.12,"),
        ("bowl.jpg", "Cost(usd=0.12,"),
        ("a.jpg", "None"),
        ("b.jpg", "None"),
    ]
    assert len(PROGRAMS) == 3
