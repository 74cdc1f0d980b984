"""Helpers for the tests of Ideogram v2: its adapter, and a client of the stand-in."""

import requests

from backdrop.imaging.inspect import read_pixel_size
from backdrop.ports import IdeogramEndpoint
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapter_calls import POLL_SECONDS
from tests.contract.adapters import CALL_SECONDS, provide_key
from tests.contract.standin_client import IMAGE, KEY, REPLACE_V2, WAIT_SECONDS, File, StandinClient, text


def build_ideogram_v2(url: str, seconds: float = CALL_SECONDS) -> Ideogram:
    """Builds the adapter, with v2 selected."""
    return Ideogram(url, seconds, provide_key, IdeogramEndpoint.V2, read_pixel_size, poll_seconds=POLL_SECONDS)


def submit(
    standin: StandinClient, *further: tuple[str, File], prompt: str = "a beach", is_dry_run: bool = False
) -> requests.Response:
    """Submits a replacement with these additional parts."""
    url = REPLACE_V2 + ("?dry_run=true" if is_dry_run else "")
    return standin.post(url, [IMAGE, text("prompt", prompt), *further])


def poll(standin: StandinClient, generation_id: str, *, key: str = KEY) -> requests.Response:
    """Reads a generation."""
    url = f"{standin.url}/ideogram/v2/generations/{generation_id}"
    return standin.http.get(url, headers={"Api-Key": key}, timeout=WAIT_SECONDS)
