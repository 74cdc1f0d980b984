"""The process of `backdrop mcp` ends with the program that started it, and does not start without a stack."""

import json
import os
import subprocess
import sys
from pathlib import Path

from backdrop_local.home import ROOT

PROTOCOL = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
MESSAGES = (
    {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": PROTOCOL},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "status", "arguments": {"job": "agents/anna/a.jpg", "wait_seconds": 600}},
    },
)
# A server whose only job never ends. It says on stderr when a call begins to wait.
SERVER = """
import sys
from types import SimpleNamespace

from backdrop_mcp.photo_sources import PhotoSources
from backdrop_mcp.server import build_server


def poll(seconds):
    print("waiting", file=sys.stderr, flush=True)
    while True:
        yield seconds


job = SimpleNamespace(key="agents/anna/a.jpg", poll=poll)
client = SimpleNamespace(prefix="agents/anna/", job=lambda key: job)
build_server(client, PhotoSources(client, None), "1.0").run("stdio")
"""


def test_server_ends_during_a_wait_when_its_stdin_is_closed() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", SERVER], text=True, **pipes) as process:
        assert process.stdin
        assert process.stderr
        try:
            process.stdin.write("".join(f"{json.dumps(message)}\n" for message in MESSAGES))
            process.stdin.flush()
            assert process.stderr.readline() == "waiting\n"
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_server_without_a_stack_asks_for_one(tmp_path: Path) -> None:
    command = [str(ROOT / ".venv" / "bin" / "backdrop"), "mcp", "--mandate", "anna"]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "BACKDROP_HOME": str(tmp_path / "none")}
    started = subprocess.run(
        command, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (started.returncode, started.stdout) == (1, "")
    assert "make up" in started.stderr
    assert "--stack" in started.stderr
