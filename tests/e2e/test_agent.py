"""`backdrop mcp` on the deployed stack, started by the SDK's own client with only the rights of a mandate."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import TextContent

from backdrop_local.cloud import list_environment
from backdrop_local.home import ROOT
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder, photo
from tests.e2e.test_mandates import PRICE_USD, create_mandate_session, write_config

type Session = Callable[[Client], Any]


@pytest.fixture
def server(folder: Folder, tmp_path: Path) -> StdioServerParameters:
    """The command that an agent's program starts. The mandate covers one picture."""
    credentials: Any = create_mandate_session(folder).get_credentials()
    env = list_environment(folder.stack.cloud) | {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "PATH": os.environ["PATH"],
    }
    (tmp_path / "cup.jpg").write_bytes(photo(folder.name))
    arguments = ["mcp", "--config", str(write_config(folder, tmp_path / "config.json")), "--root", str(tmp_path)]
    return StdioServerParameters(command=str(ROOT / ".venv" / "bin" / "backdrop"), args=arguments, env=env)


def run_session(server: StdioServerParameters, session: Session) -> Any:
    async def run() -> Any:
        async with Client(server) as client:
            return await session(client)

    return asyncio.run(run())


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    return json.loads(next(one.text for one in result.content if isinstance(one, TextContent)))


def test_agent_that_is_killed_during_create_pays_once(folder: Folder, server: StdioServerParameters) -> None:
    """Its program starts again, and repeats the call."""
    messages = [
        {
            "jsonrpc": "2.0",
            "id": 0,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "create",
                "arguments": {"instructions": folder.instructions, "path": "cup.jpg", "wait_seconds": 300},
            },
        },
    ]
    command = [server.command, *server.args]
    with subprocess.Popen(command, env=server.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("".join(f"{json.dumps(message)}\n" for message in messages))
        process.stdin.flush()
        process.stdout.readline()
        eventually(folder.ledger, "the photo is in the ledger")
        process.send_signal(signal.SIGKILL)

    async def session(client: Client) -> dict[str, Any]:
        return await call(client, "create", instructions=folder.instructions, path="cup.jpg", wait_seconds=300)

    assert run_session(server, session)["state"] == "stored"
    assert len(folder.charges()) == 1


def test_example_session_ends_when_its_mandate_is_spent(
    folder: Folder, server: StdioServerParameters, tmp_path: Path
) -> None:
    script = ROOT / "examples" / "agent-session" / "session.py"
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    ended = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "config.json"), str(tmp_path / "cup.jpg"), folder.prompt],
        env={**(server.env or {}), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    replies = [line.partition(":")[0] for line in ended.stdout.splitlines()]
    assert replies == ["quote", "create", "look", "redo", "mandate"]
    assert f"'at_most_usd': {PRICE_USD}" in ended.stdout
    assert "with 2 images" in ended.stdout
    assert "mandate_spent" in ended.stdout
    assert len(folder.charges()) == 1
