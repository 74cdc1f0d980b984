"""A page of docs/runbooks, followed from its top to its end on a cloud where the day that it is for has come."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backdrop_local import cloud
from backdrop_local.home import ROOT
from backdrop_local.release import CURRENT_RELEASE, Release
from tests.documented import Command, commands
from tests.e2e import clouds
from tests.e2e.shop import Shop
from tests.e2e.typist import Typist

PAGES = ROOT / "docs" / "runbooks"
# A message whose worker could not start is seen again in two minutes, and not in the six of the usual parameters.
TIMES = {f"{name}TimeoutSeconds": "90" for name in ("Ideogram", "Segmind", "OneMin", "Runware")}
OURS = {"RenderTimeoutSeconds": "120", "LaneVisibilitySeconds": "130", "ReadableBuckets": ""}
PARAMETERS = clouds.PARAMETERS | TIMES | OURS
# What differs from day to day: figures, how many jobs there are, and the stack's name.
OF_THE_DAY = re.compile(
    r"(?i)(at least |about )?\d+([,.:-]\d+)*( jobs?)?( waits?)?|\bno job waits|\bnothing|(?<=\bstack )[\w-]+"
)


@dataclass
class Runbook:
    """Its commands in their order; `instead` is what stands for a line that is AWS's, or the repository's, own."""

    page: str
    typist: Typist
    instead: Mapping[str, Callable[[], object]]

    def __post_init__(self) -> None:
        self._left = commands(PAGES / self.page)
        assert self._left, self.page

    def types(self, *lines: str) -> None:
        """The next commands, which must be these."""
        for line in lines:
            command = self._left.pop(0)
            assert command.line == line, f"{self.page} says {command.line!r} here"
            done = next((do for words, do in self.instead.items() if line.startswith(words)), None)
            if done:
                done()
            else:
                assert_is_as_shown(command, self.typist.types(command))

    def ends(self) -> None:
        """There is no command that nobody typed."""
        assert self._left == []


def assert_is_as_shown(command: Command, said: str) -> None:
    """The first line of an answer is what the page shows, but for the day's own figures."""
    shown, _, _ = command.output.partition("\n")
    words = OF_THE_DAY.sub("…", shown).strip()
    assert words in OF_THE_DAY.sub("…", said), f"{command.line} said {said!r}, the page shows {shown!r}"


def follow(shop: Shop, page: str, here: Path, **instead: Callable[[], object]) -> Runbook:
    """Somebody who reads this page, in a folder with the new key in a file."""
    (here / "key.txt").write_text("standin-key-2\n")
    return Runbook(page, Typist(shop.cloud.home, here), instead)


def deploy(shop: Shop, **changed: str) -> None:
    """What `sam deploy` does on AWS: the running stack gets what was built, with some other parameters."""
    cloud.up(shop.cloud.home, PARAMETERS | changed, print, build=False)


def deploy_what_cannot_start(shop: Shop, folder: Path) -> None:
    """The same with a render function that nobody tried."""
    release = Release(folder)
    shutil.copytree(CURRENT_RELEASE.built_template.parent, release.built_template.parent)
    for name in ("statemachines", "template.yaml", "samconfig.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    render = release.built_template.parent / "RenderFunction"
    (render / "app.py").write_text('raise ImportError("nobody tried this")\n')
    # What was compiled of the right one would run in its place.
    shutil.rmtree(render / "__pycache__")
    cloud.up(shop.cloud.home, PARAMETERS, print, build=False, release=release)
