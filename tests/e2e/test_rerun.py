"""A person has photos resolved anew: `backdrop rerun` at a deployed stack, its price first."""

import json
import os
import subprocess
from typing import Any

from backdrop_local.home import ROOT
from tests.e2e.folder import Folder

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"


def reruns(folder: Folder, *words: str, code: int = 0) -> dict[str, Any]:
    """What `backdrop rerun` of this folder says to a script."""
    env = {**os.environ, "BACKDROP_HOME": str(folder.shop.cloud.home.path)}
    command = [str(BACKDROP), "rerun", folder.key(""), "--json", *words]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def test_a_rerun_buys_what_failed_unpaid_and_nothing_else(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    assert reruns(folder)["would_go"] == 0
    folder.fault("status", {"code": 400}, times=1)
    folder.drop("blue.jpg", folder.wish)
    folder.ended("blue.jpg", "dead")
    asked = reruns(folder, code=1)
    assert (asked["photos"], asked["bought"], asked["most_usd"], asked["sent"]) == (2, 1, 0.03, 0)
    assert reruns(folder, "--yes")["sent"] == 1
    folder.stored_after_all("blue.jpg")
    assert len(folder.charges()) == 2
