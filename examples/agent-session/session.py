"""An agent's session without a model: it quotes, creates, looks, and redoes with the tools of `backdrop mcp`.

Usage: python session.py CONFIG PHOTO PROMPT, with the file that `backdrop mandate show NAME --config` printed
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, get_default_environment
from mcp_types import ImageContent, TextContent

WAIT_SECONDS = 300


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Calls a tool, and prints and returns its reply."""
    result = await client.call_tool(tool, arguments)
    reply = json.loads(next(one.text for one in result.content if isinstance(one, TextContent)))
    images = sum(isinstance(one, ImageContent) for one in result.content)
    print(f"{tool}: {reply}{f' with {images} images' if images else ''}")
    return reply


async def run(config: Path, photo: Path, prompt: str) -> None:
    arguments = ["mcp", "--config", str(config), "--root", str(photo.parent)]
    # By default, the SDK passes on PATH, HOME, and the like, but no credentials.
    env = get_default_environment() | {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    server = StdioServerParameters(command="backdrop", args=arguments, env=env)
    async with Client(server) as client:
        request = {"path": photo.name, "instructions": {"prompt": prompt, "rendering_speed": "TURBO"}}
        quote = await call(client, "quote", **request)
        if "error" in quote:
            return
        if quote["at_most_usd"] > quote.get("left_today_usd", 0):
            print("The mandate does not cover the picture today, or it is unknown whether it does.")
            return
        created = await call(client, "create", **request, wait_seconds=WAIT_SECONDS)
        if created.get("state") != "stored":
            print("There are no pictures to look at. The reply says why, and what to do.")
            return
        await call(client, "look", job=created["job"])
        # A person or a model decides here whether to try again.
        await call(client, "redo", job=created["job"], changes={"prompt": "on oak"}, wait_seconds=WAIT_SECONDS)
        await call(client, "mandate")


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]).resolve(), sys.argv[3]))
