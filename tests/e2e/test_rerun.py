"""`backdrop rerun` on a deployed stack resolves photos again, and shows the price first."""

import json
import os
import subprocess
from typing import Any

from backdrop_local.home import ROOT
from tests.e2e.folder import Folder

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"


def rerun(folder: Folder, *words: str, code: int = 0) -> dict[str, Any]:
    """Runs `backdrop rerun` for this folder, and returns its JSON document."""
    env = {**os.environ, "BACKDROP_HOME": str(folder.stack.cloud.home.path)}
    command = [str(BACKDROP), "rerun", folder.key(""), "--json", *words]
    completed = subprocess.run(command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert completed.returncode == code, completed.stdout + completed.stderr
    return json.loads(completed.stdout)


def test_rerun_buys_only_jobs_that_failed_unpaid(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_stored("red.jpg")
    assert rerun(folder)["would_go"] == 0
    folder.add_fault("status", {"code": 400}, times=1)
    folder.drop("blue.jpg", folder.instructions)
    folder.wait_for_status("blue.jpg", "dead")
    preview = rerun(folder, code=1)
    assert (preview["photos"], preview["bought"], preview["most_usd"], preview["sent"]) == (2, 1, 0.03, 0)
    assert rerun(folder, "--yes")["sent"] == 1
    folder.wait_until_stored_again("blue.jpg")
    assert len(folder.charges()) == 2
