"""The conversation in docs/agents.md takes place as it is printed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.client.test_agent import Agent
from tests.simulated.command_user import Person

PAGE = (ROOT / "docs/agents.md").read_text().partition("## A complete conversation")[2]
BLOCKS: list[dict[str, Any]] = [json.loads(one) for one in re.findall(r"```json\n(.*?)\n```", PAGE)]
KEY = re.compile(r"[0-9a-f]{32}")


def name_keys(document: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Returns the document with a name for each hash: that of its first occurrence."""
    text = KEY.sub(lambda match: names.setdefault(match[0], f"job {len(names)}"), json.dumps(document))
    return json.loads(text)


def test_conversation_is_the_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cup.jpg").write_bytes(build_photo("cup"))
    agent = Agent(Person(World(), monkeypatch), tmp_path)
    printed_names, real_names, keys = dict[str, str](), dict[str, str](), dict[str, str]()
    for request, printed in zip(BLOCKS[::2], BLOCKS[1::2], strict=True):
        arguments = json.loads(KEY.sub(lambda match: keys[match[0]], json.dumps(request["arguments"])))
        reply = json.loads(agent.call_text(request["tool"], **arguments))
        keys.update(zip(KEY.findall(json.dumps(printed)), KEY.findall(json.dumps(reply)), strict=True))
        assert name_keys(reply, real_names) == name_keys(printed, printed_names)
    assert len(BLOCKS) == 10
