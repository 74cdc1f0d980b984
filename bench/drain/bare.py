"""What a provider's account gives at best: a thread pool of C that calls the same stand-in with the same photos.

A script as one writes it in five minutes: no cloud, no ledger, no receipt; a crash loses what was paid.
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
from bench.photos import photo
from bench.standin import PAID, StandinControl

PATH = f"{PAID}ideogram-v3/replace-background"
PROMPT = "on a beach at dawn"
MARGIN_SECONDS = 60


@dataclass(eq=False)
class Script:
    """Reads photos of a folder, and writes their pictures beside them."""

    url: str
    timeout_seconds: float
    kept: local

    def session(self) -> requests.Session:
        """One for each thread."""
        if not hasattr(self.kept, "session"):
            self.kept.session = requests.Session()
            self.kept.session.trust_env = False
        return self.kept.session

    def work(self, file: Path) -> None:
        """One photo."""
        form = {"image": (file.name, file.read_bytes(), "image/jpeg"), "prompt": (None, PROMPT)}
        headers = {"Api-Key": STANDIN_KEY}
        answer = self.session().post(self.url + PATH, files=form, headers=headers, timeout=self.timeout_seconds)
        answer.raise_for_status()
        picture = self.session().get(answer.json()["data"][0]["url"], timeout=self.timeout_seconds)
        picture.raise_for_status()
        file.with_suffix(".png").write_bytes(picture.content)


def drained(standin: StandinControl, scenario: Scenario) -> float:
    """Seconds from the first call to the last picture."""
    standin.begin(scenario.seconds, scenario.limit)
    script = Script(standin.url, scenario.seconds + MARGIN_SECONDS, local())
    with TemporaryDirectory() as named, ThreadPoolExecutor(scenario.limit) as pool:
        files = [Path(named) / f"{n:05}.jpg" for n in range(scenario.photos)]
        for file in files:
            file.write_bytes(photo(file.name))
        began = time.monotonic()
        list(pool.map(script.work, files))
        return time.monotonic() - began
