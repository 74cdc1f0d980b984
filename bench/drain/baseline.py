"""The baseline: a thread pool of C threads that calls the same stand-in with the same photos.

A script that takes five minutes to write: no cloud, no ledger, and no receipts. A crash loses what was paid for.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import local

import requests

from backdrop_local.providers import STANDIN_KEY
from bench.drain.scenario import Scenario
from bench.sample_photos import build_photo
from bench.standin_controller import PAID_PREFIX, StandinController

PATH = f"{PAID_PREFIX}ideogram-v3/replace-background"
PROMPT = "on a beach at dawn"
MARGIN_SECONDS = 60


@dataclass(eq=False)
class BaselineScript:
    """Reads photos from a folder, and writes their pictures next to them."""

    url: str
    timeout_seconds: float
    thread_local: local

    def open_session(self) -> requests.Session:
        """Returns the session of this thread."""
        if not hasattr(self.thread_local, "session"):
            self.thread_local.session = requests.Session()
            self.thread_local.session.trust_env = False
        return self.thread_local.session

    def process_photo(self, file: Path) -> None:
        form = {"image": (file.name, file.read_bytes(), "image/jpeg"), "prompt": (None, PROMPT)}
        headers = {"Api-Key": STANDIN_KEY}
        response = self.open_session().post(self.url + PATH, files=form, headers=headers, timeout=self.timeout_seconds)
        response.raise_for_status()
        picture = self.open_session().get(response.json()["data"][0]["url"], timeout=self.timeout_seconds)
        picture.raise_for_status()
        file.with_suffix(".png").write_bytes(picture.content)


def measure_baseline(standin: StandinController, scenario: Scenario) -> float:
    """Returns the seconds from the first call to the last picture."""
    standin.reset(scenario.seconds, scenario.limit)
    script = BaselineScript(standin.url, scenario.seconds + MARGIN_SECONDS, local())
    with TemporaryDirectory() as named, ThreadPoolExecutor(scenario.limit) as pool:
        files = [Path(named) / f"{n:05}.jpg" for n in range(scenario.photos)]
        for file in files:
            file.write_bytes(build_photo(file.name))
        began = time.monotonic()
        list(pool.map(script.process_photo, files))
        return time.monotonic() - began
