"""What an agent reads stays short: the list of tools, and the server's instructions."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from backdrop_client import FailedError, Picture, Result
from backdrop_local.home import ROOT
from backdrop_mcp.photo_sources import PhotoSources
from backdrop_mcp.replies import (
    MAX_FOLDER_BYTES,
    describe_delivered,
    describe_error,
    describe_job,
    describe_receipt,
    describe_result,
    describe_wrong_call,
    to_json,
)
from backdrop_mcp.server import SERVER_INSTRUCTIONS, build_server
from tests.packaging.node_command import NODE

MAX_TOOL_TOKENS, MAX_REPLY_TOKENS = 2000, 1000
KEY = "agents/anna/0f1e2d3c4b5a69788796a5b4c3d2e1f0.jpg"
REST = {"left_usd": 1.234567, "left_today_usd": 1.234567}
LONG_TEXTS = {"English": "marble and oak " * 600, "Chinese": "大理石桌上" * 1000, "emoji": "🪵🫖" * 1500}
TOKENIZER = ROOT / ".local/node/node_modules/gpt-tokenizer"
COUNT = """
const { encode } = require(process.argv[1])
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"))
console.log(JSON.stringify(texts.map((text) => encode(text).length)))
"""


def count_tokens(*texts: str) -> list[int]:
    """Returns the number of tokens of each text in the encoding o200k; those of other models are similar."""
    assert TOKENIZER.is_dir(), "make .local/node/.installed"
    command = [*NODE, "-e", COUNT, str(TOKENIZER)]
    completed = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    counts: list[int] = json.loads(completed.stdout)
    return counts


def read_tools() -> str:
    """Returns the result of `tools/list` as it is sent."""
    unused: Any = None
    server = build_server(unused, PhotoSources(unused, Path()), "1.0")

    async def run() -> str:
        async with Client(server) as client:
            return (await client.list_tools()).model_dump_json(by_alias=True, exclude_none=True)

    return asyncio.run(run())


def test_tools_and_instructions_take_at_most_2000_tokens() -> None:
    (tokens,) = count_tokens(f"{SERVER_INSTRUCTIONS}{read_tools()}")
    assert 500 < tokens <= MAX_TOOL_TOKENS


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_reply_with_long_texts_takes_at_most_1000_tokens(text: str) -> None:
    job = {
        "variant": "beach",
        "status": "stored",
        "current": True,
        "provider": "ideogram",
        "instructions": {"prompt": text},
        "attempts": [{"outcome": "answered", "money": "spent"}] * 20,
        "cost": {"usd": 0.06},
        "warnings": [text] * 20,
    }
    receipt = {"job": KEY, "jobs": describe_receipt({"jobs": [job] * 40})}
    error = describe_error(FailedError("dead", text, text, 1.234567))
    assert max(count_tokens(to_json(receipt), to_json(error))) <= MAX_REPLY_TOKENS


def test_reply_with_many_pictures_takes_at_most_1000_tokens() -> None:
    unused: Any = None
    details = {"key": f"{KEY}/0f1e2d3c4b5a69788796a5b4c3d2e1f0-beach_8.png", "width": 4096, "height": 4096}
    picture = Picture("beach", details | {"fidelity": {"verdict": "cannot_say"}}, unused)
    reply = describe_result(Result(KEY, {}, [picture] * 160, unused))
    assert max(count_tokens(to_json({"job": KEY, **reply}))) <= MAX_REPLY_TOKENS
    assert (len(reply["pictures"]), reply["more_pictures"]) == (6, 154)


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_reply_about_a_long_key_takes_at_most_1000_tokens(text: str) -> None:
    unused: Any = None
    key = text.encode()[:900].decode(errors="ignore")
    details = {"key": f"{key}/1.png", "width": 4096, "height": 4096, "fidelity": {"verdict": "cannot_say"}}
    pictures = describe_result(Result(key, {}, [Picture("", details, unused)] * 160, unused))
    error = describe_error(FailedError("dead", f"{key} failed. {text}", text, 1.234567, 1.234567))
    result = Result(key, {}, [Picture("", details, unused)] * 160, unused)
    ended = {"variant": "x" * 60, "first_seen": "2026-11-16T12:00:00.000Z"}
    partly = FailedError("dead", f"{key} failed. {text}", text, 1.2, 1.2, errors=[ended], result=result)
    delivered = describe_error(partly) | describe_delivered(partly)
    wrong_call = describe_wrong_call(text, "Use a job from `create`.")
    replies = [describe_job(key) | reply | REST for reply in (pictures, error, delivered, wrong_call)]
    assert max(count_tokens(*map(to_json, replies))) <= MAX_REPLY_TOKENS


def test_key_of_a_created_job_is_never_cut() -> None:
    key = f"{'x' * (MAX_FOLDER_BYTES - 1)}/{'0' * 32}.jpg"
    assert describe_job(key) == {"job": key}
